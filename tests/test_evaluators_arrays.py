"""Array files of all forms, and such as nobody should trust."""

from __future__ import annotations

import io
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from made_files import npy, npy_with_header, npz, zipped

from evaluators.arrays import MAX_BYTES, decode_array
from evaluators.errors import DataError

TYPES = [np.bool_, "i1", ">i2", "<i4", "i8", "u1", ">u2", "u4", "u8", "f4", ">f4", "f8", ">f8"]


def refusal(data: bytes, name: str = "a.npy") -> DataError:
    """The error, with nothing much allocated and no time spent on the way."""
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(DataError) as caught:
            decode_array(data, name)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - start < 1
    assert "\n" not in str(caught.value) and name in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_as_they_were(kind: Any, order: Any) -> None:
    array = np.array([[[0, 1, 1], [1, 0, 1]]], np.dtype(kind), order=order)
    for data, name in ((npy(array), "a.npy"), (npz(x=array), "a.NPZ"), (npz(False, x=array), "a.npz")):
        got = decode_array(data, name)
        np.testing.assert_array_equal(got, array)
        assert got.dtype == array.dtype.newbyteorder("=") and got.flags.c_contiguous


@settings(max_examples=40)
@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=4, max_side=5)))
def test_every_float_comes_back_by_its_bits(array: Any) -> None:
    assert decode_array(npy(array), "a.npy").tobytes() == array.tobytes()
    np.testing.assert_array_equal(decode_array(npz(x=array), "a.npz"), array)


def test_half_floats_become_floats() -> None:
    got = decode_array(npy(np.array([[0.5, np.inf]], np.float16)), "a.npy")
    assert got.dtype == np.float32 and got.tolist() == [[0.5, np.inf]]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_format(version: Any) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.eye(3), version=version)
    np.testing.assert_array_equal(decode_array(stream.getvalue(), "a.npy"), np.eye(3))


def test_a_header_of_another_writer_in_another_order_and_with_other_quotes() -> None:
    text = '{"shape": (1 , 2,), "descr": "<f4", "fortran_order": False}'
    assert decode_array(npy_with_header(text, 1, np.float32([3, 4]).tobytes()), "a.npy").tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([[None]], object), "pred-dtype"),  # case 81: reading it could run a program
        (np.array([["a"]]), "pred-dtype"),
        (np.array([[1j]]), "pred-dtype"),
        (np.zeros((2, 2), [("r", "u1"), ("g", "u1")]), "pred-dtype"),
        (np.array([["2020-01-01"]], "M8[D]"), "pred-dtype"),
        (np.zeros((2, 2), np.longdouble), "pred-dtype"),
        (np.float32(1), "pred-shape"),
        (np.zeros(9), "pred-shape"),
        (np.zeros((0, 4)), "pred-shape"),
        (np.zeros((1, 1, 1, 1, 1)), "pred-shape"),
    ],
    ids=str,
)
def test_what_is_no_map_of_numbers(array: Any, reason: str) -> None:
    assert refusal(npy(array)).reason == reason
    assert refusal(npz(x=array), "a.npz").reason == reason


def test_objects_are_told_as_such() -> None:
    assert "could run a program" in str(refusal(npy(np.array([[print]], object))))


HEADER = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}"


@pytest.mark.parametrize(
    "shape", ["(1000000000, 1000000000)", "(5, 10000, 10000)", "(9999, 1000, 1000)", "(" + "9" * 5000 + ", 4)"]
)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_giant_headers_of_tiny_files(shape: str, version: int) -> None:
    data = npy_with_header(HEADER.format("<f8", "False", shape), version, bytes(64))
    assert refusal(data).reason == "pred-too-large"
    assert refusal(zipped(a=data), "a.npz").reason == "pred-too-large"


def test_a_header_that_promises_more_than_there_is() -> None:
    data = npy(np.zeros((100, 100)))
    assert refusal(data[:-1]).reason == "pred-unreadable"
    assert "cut off" in str(refusal(data[:5000]))
    assert "cut off" in str(refusal(zipped(a=data[:5000]), "a.npz"))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'shape': (2, 2)}",
        "{'descr': '<f4', 'fortran_order': print(), 'shape': (2, 2)}",
        "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (2, 2)}",
        "[" * 9000,
        "{'shape': (" + "1," * 4500,
    ],
    ids=range(9),
)
def test_damaged_headers(text: str) -> None:
    assert refusal(npy_with_header(text, 2, bytes(16))).reason == "pred-unreadable"


@pytest.mark.parametrize(
    "data", [b"", b"\x93NUMPY", b"<html>", b"\x93NUMPY\x09\x00\x10\x00{}", npy(np.eye(2))[:20]], ids=range(5)
)
def test_what_is_no_array(data: bytes) -> None:
    assert refusal(data).reason == "pred-unreadable"
    assert refusal(data, "a.npz").reason == "pred-unreadable"


def test_a_header_longer_than_any_numpy_writes() -> None:
    text = HEADER.format("<f4", "False", "(1, 1)") + " " * 20_000
    assert refusal(npy_with_header(text, 2, bytes(4))).reason == "pred-unreadable"


def test_bool_bytes_are_0_and_1() -> None:
    data = npy_with_header(HEADER.format("|b1", "False", "(1, 2)"), 1, b"\x01\x07")
    assert refusal(data).reason == "pred-unreadable"


def test_a_zip_bomb() -> None:
    """A member that unpacks to more than is ever read; its size stands in the list of contents."""
    bomb = zipped(a=b"x")
    told = bomb.replace(
        (1).to_bytes(4, "little") + (5).to_bytes(2, "little"),
        (MAX_BYTES * 3).to_bytes(4, "little") + (5).to_bytes(2, "little"),
    )
    assert told != bomb
    assert refusal(told, "a.npz").reason == "pred-too-large"
    assert (
        refusal(zipped(a=bytes(1 << 20)), "a.npz").reason == "pred-unreadable"
    )  # no header, so nothing more is unpacked


def test_a_zip_must_hold_one_array() -> None:
    assert refusal(npz(a=np.eye(2), b=np.eye(2)), "a.npz").reason == "pred-ambiguous"
    assert refusal(zipped(), "a.npz").reason == "pred-ambiguous"
    assert refusal(zipped(a=b"text"), "a.npz").reason == "pred-unreadable"


def test_a_damaged_zip() -> None:
    data = bytearray(npz(x=np.random.default_rng(0).random((20, 20))))
    data[200] ^= 255
    assert refusal(bytes(data), "a.npz").reason == "pred-unreadable"


@settings(max_examples=150)
@given(st.data())
def test_changed_bytes_give_an_array_or_a_data_error(data: Any) -> None:
    which = data.draw(st.integers(0, 2))
    whole = (npy(np.eye(4)), npz(x=np.eye(4)), npz(False, x=np.eye(4)))[which]
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(whole) // 2, len(whole)))
    try:
        assert decode_array(bytes(changed[:cut]), ("a.npy", "a.npz", "a.npz")[which]).ndim in (2, 3, 4)
    except DataError as error:
        assert error.reason.startswith("pred-")
