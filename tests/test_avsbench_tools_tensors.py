"""Pickled tensors: what torch writes is read without torch, what torch has to read is written, and nothing in a file runs.

torch itself isn't needed. Its names stand in `sys.modules` as small functions of their own, so that Python's own pickler and
unpickler write and read them: an independent twin of the machine under test.
"""

from __future__ import annotations

import base64
import io
import os
import pickle
import random
import struct
import sys
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from avsbench_tools.tensors import encode_tensor, read_tensor
from evaluators import tensors
from evaluators.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]
MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Byte": "|u1", "Bool": "|b1"}
# pickle.dumps(torch.arange(6.0, requires_grad=True).reshape(3, 2), 4) of torch 2.13
BY_TORCH = base64.b64decode(
    "gASVngEAAAAAAACMDHRvcmNoLl91dGlsc5SMEl9yZWJ1aWxkX3RlbnNvcl92MpSTlCiMDXRvcmNoLnN0b3JhZ2WUjBBfbG9hZF9mcm9tX2J5dGVzlJOUQhMB"
    "AACAAooKbPycRvkgaqhQGS6AAk3pAy6AAn1xAChYEAAAAHByb3RvY29sX3ZlcnNpb25xAU3pA1gNAAAAbGl0dGxlX2VuZGlhbnECiFgKAAAAdHlwZV9zaXpl"
    "c3EDfXEEKFgFAAAAc2hvcnRxBUsCWAMAAABpbnRxBksEWAQAAABsb25ncQdLBHV1LoACKFgHAAAAc3RvcmFnZXEAY3RvcmNoCkZsb2F0U3RvcmFnZQpxAVgO"
    "AAAAOTQzMzU0OTU2NTAwNDhxAlgDAAAAY3B1cQNLBk50cQRRLoACXXEAWA4AAAA5NDMzNTQ5NTY1MDA0OHEBYS4GAAAAAAAAAAAAAAAAAIA/AAAAQAAAQEAA"
    "AIBAAACgQJSFlFKUSwBLA0sChpRLAksBhpSIjAtjb2xsZWN0aW9uc5SMC09yZGVyZWREaWN0lJOUKVKUdJRSlC4="
)


class FakeStorage:
    """A storage as torch pickles it: legacy bytes within a plain pickle, a persistent id within a file of torch.save."""

    def __init__(self, kind: str, values: Array) -> None:
        self.kind, self.values = kind, values

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch.storage"]._load_from_bytes, (legacy(self),)


class FakeTensor:
    def __init__(self, storage: FakeStorage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.parts = (storage, offset, shape, strides)

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (*self.parts, False, OrderedDict())


class FakePickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, FakeStorage):
            return None
        kind = getattr(sys.modules["torch"], f"{value.kind}Storage")
        return ("storage", kind, "7", "cpu", len(value.values), *self.more)

    more: tuple[Any, ...] = ()


def pickled(value: Any, protocol: int, more: tuple[Any, ...]) -> bytes:
    stream = io.BytesIO()
    pickler = FakePickler(stream, protocol)
    pickler.more = more
    pickler.dump(value)
    return stream.getvalue()


def legacy(value: Any, protocol: int = 2) -> bytes:
    """`torch.save` before 1.6, of something with one storage."""
    storage = value if isinstance(value, FakeStorage) else value.parts[0]
    head = b"".join(pickle.dumps(part, protocol) for part in (MAGIC, 1001, {"little_endian": True}))
    body = pickled(value, protocol, (None,)) + pickle.dumps(["7"], protocol)
    return head + body + struct.pack("<q", len(storage.values)) + storage.values.tobytes()


def zipped(value: Any, order: str = "little") -> bytes:
    """`torch.save` since 1.6."""
    storage = value if isinstance(value, FakeStorage) else value.parts[0]
    content = storage.values.astype(storage.values.dtype.newbyteorder(">" if order == "big" else "<"))
    return archive({"x/data.pkl": pickled(value, 2, ()), "x/byteorder": order.encode(), "x/data/7": content.tobytes()})


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return stream.getvalue()


def rebuilt(storage: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *more: Any) -> Array:
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()


def loaded(data: bytes) -> Array:
    """A storage by Python's own unpickler."""
    stream, ids = io.BytesIO(data), []

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, id: Any) -> str:
            ids.append(id)
            return "storage"

    parts = [Unpickler(stream).load() for _ in range(5)]
    assert parts[0] == MAGIC and parts[1] == 1001 and parts[3] == "storage" and parts[4] == [ids[0][2]]
    (count,) = struct.unpack("<q", stream.read(8))
    assert ids[0][4] == count
    found = np.frombuffer(stream.read(), STORAGES[ids[0][1].__name__.removesuffix("Storage")])
    assert len(found) == count
    return found


@pytest.fixture(autouse=True)
def torch_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`torch`, as far as a pickle names it."""
    modules = {name: ModuleType(name) for name in ("torch", "torch._utils", "torch.storage")}
    for kind in STORAGES:
        setattr(modules["torch"], f"{kind}Storage", type(f"{kind}Storage", (), {"__module__": "torch"}))
    for module, name, function in (
        ("torch._utils", "_rebuild_tensor_v2", rebuilt),
        ("torch.storage", "_load_from_bytes", loaded),
    ):
        monkeypatch.setattr(function, "__module__", module)
        monkeypatch.setattr(function, "__qualname__", name)
        monkeypatch.setattr(function, "__name__", name)
        setattr(modules[module], name, function)
    for name, module_of_it in modules.items():
        monkeypatch.setitem(sys.modules, name, module_of_it)
    yield


def tensor_of(values: Array, kind: str = "Float") -> FakeTensor:
    flat = np.ascontiguousarray(values).reshape(-1)
    strides = tuple(int(np.prod(values.shape[axis + 1 :])) for axis in range(values.ndim))
    return FakeTensor(FakeStorage(kind, flat), 0, values.shape, strides)


def same(found: Array, expected: Array) -> bool:
    return found.dtype == expected.dtype and found.shape == expected.shape and found.tobytes() == expected.tobytes()


def refused(data: bytes) -> DataError:
    with pytest.raises(DataError) as caught:
        read_tensor(data, "a.pkl")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    return caught.value


# ---------------------------------------------------------------------------------------------- what is read


def test_a_tensor_that_torch_pickled() -> None:
    assert same(read_tensor(BY_TORCH, "a.pkl"), np.arange(6, dtype=np.float32).reshape(3, 2))


@pytest.mark.parametrize("kind", STORAGES)
def test_every_protocol_and_form(kind: str) -> None:
    values = np.array([[0, 1, 2], [3, 0, 5]]).astype(STORAGES[kind])
    tensor = tensor_of(values, kind)
    forms = [pickle.dumps(tensor, protocol) for protocol in range(6)]
    forms += [legacy(tensor, protocol) for protocol in range(1, 6)]
    forms += [zipped(tensor), zipped(tensor, "big")]
    for data in forms:
        assert same(read_tensor(data, "a.pkl"), values)


def test_a_zip_within_a_pickle() -> None:
    values = np.arange(4, dtype=np.float32)
    load, rebuild = (sys.modules[name] for name in ("torch.storage", "torch._utils"))

    class Nested:
        def __reduce__(self) -> tuple[Any, ...]:
            return load._load_from_bytes, (zipped(FakeStorage("Float", values)),)

    class Outer:
        def __reduce__(self) -> tuple[Any, ...]:
            return rebuild._rebuild_tensor_v2, (Nested(), 1, (3,), (1,), False, OrderedDict())

    assert same(read_tensor(pickle.dumps(Outer()), "a.pkl"), values[1:])


def test_views_are_taken_by_offset_and_strides() -> None:
    storage = FakeStorage("Float", np.arange(12, dtype=np.float32))
    transposed = FakeTensor(storage, 0, (4, 3), (1, 4))
    assert same(read_tensor(pickle.dumps(transposed), "a"), np.ascontiguousarray(storage.values.reshape(3, 4).T))
    assert read_tensor(pickle.dumps(FakeTensor(storage, 3, (3,), (4,))), "a").tolist() == [3, 7, 11]
    assert read_tensor(pickle.dumps(FakeTensor(storage, 5, (2, 3), (0, 0))), "a").tolist() == [[5] * 3] * 2
    assert read_tensor(pickle.dumps(FakeTensor(storage, 11, (), ())), "a").tolist() == 11
    assert read_tensor(pickle.dumps(FakeTensor(storage, 0, (0, 3), (3, 1))), "a").shape == (0, 3)


def test_bfloat16_becomes_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules["torch"], "BFloat16Storage", type("BFloat16Storage", (), {"__module__": "torch"}), False
    )
    upper = np.array([0x3F80, 0xC000, 0x7F80], np.uint16)  # 1, -2, infinity
    assert read_tensor(pickle.dumps(tensor_of(upper, "BFloat16")), "a").tolist() == [1, -2, np.inf]


def test_numpy_arrays_and_lists_of_them() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    for array in (
        values,
        values.astype(">f4"),
        np.asfortranarray(values),
        values[:, ::2],
        values > 2,
        np.ones((), "i8"),
    ):
        for protocol in range(6):
            expected = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).reshape(array.shape)
            assert same(read_tensor(pickle.dumps(array, protocol), "a.pkl"), expected)
    both = [tensor_of(values), tensor_of(values + 1)]
    assert same(read_tensor(pickle.dumps(both), "a.pkl"), np.stack([values, values + 1]))
    assert refused(pickle.dumps([values, values[:1]])).reason == "no-tensor"


def test_what_is_written_is_read_by_pickle_and_back_to_the_bit() -> None:
    random_bits = np.random.default_rng(3).integers(0, 2**32, (5, 1, 96, 64), np.uint32).view(np.float32)  # NaN too
    for values in (
        random_bits,
        random_bits[:, :, ::7, ::-1],
        np.full((), 2.5, np.float32),
        np.ones((3, 0), np.float32),
    ):
        data = encode_tensor(values)
        assert same(read_tensor(data, "a.pkl"), np.ascontiguousarray(values).reshape(values.shape))
        assert same(pickle.loads(data), np.ascontiguousarray(values).reshape(values.shape))  # noqa: S301
        assert data == encode_tensor(values.copy())
    with pytest.raises(ValueError, match=r"found \(2,\) float64, expected float32"):
        encode_tensor(np.zeros(2))


def test_real_torch_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal((5, 1, 96, 64)).astype(np.float32)
    found = pickle.loads(encode_tensor(values))  # noqa: S301
    assert found.dtype == torch.float32 and same(found.detach().numpy(), values)
    stream = io.BytesIO()
    torch.save(found[1:, :, ::2], stream)
    assert same(read_tensor(stream.getvalue(), "a"), np.ascontiguousarray(values[1:, :, ::2]))


# ------------------------------------------------------------------------------------------- what is refused


class Runs:
    """What a hostile pickle is made of."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def nested(content: bytes) -> bytes:
    return b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(content)) + content + b"\x85R."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_is_refused_by_name_and_nothing_runs(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    bad = pickle.dumps(Runs(os.mkdir, str(mark)), protocol)
    pickle.loads(bad)  # noqa: S301  (it does run)
    mark.rmdir()
    head = b"".join(pickle.dumps(part, 2) for part in (MAGIC, 1001, {}))
    for data in (
        bad,
        nested(bad),
        head + bad,
        nested(head + bad),
        archive({"x/data.pkl": bad}),
        nested(archive({"x/data.pkl": bad})),
    ):
        error = refused(data)
        assert error.reason == "unsafe-pickle" and f"{os.name}.mkdir" in error.message
    assert not mark.exists()


@pytest.mark.parametrize(
    ("data", "told"),
    {
        "eval": (b"cbuiltins\neval\n(V1\ntR.", "builtins.eval"),
        "inst": (b"(S'id'\niposix\nsystem\n.", "posix.system"),
        "inst of a good name": (b"(icollections\nOrderedDict\n.", "collections.OrderedDict"),
        "obj": (b"(ccollections\nOrderedDict\no.", "OBJ"),
        "newobj": (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
        "extension": (b"\x80\x02\x82\x05)R.", "number 5 of Python's extension registry"),
        "extension 4": (b"\x80\x02\x84\x05\x00\x00\x00)R.", "number 5"),
        "persistent id": (b"\x80\x02K\x01Q.", "persistent id"),
        "persistent text": (b"Pabc\n.", "persistent id"),
        "call of text": (b"\x80\x02" + text("os.system") + text("id") + b"\x85R.", "calls a str"),
        "call without a tuple": (b"ccollections\nOrderedDict\n]R.", "collections.OrderedDict with a list"),
        "call of a type": (b"cnumpy\nndarray\n)R.", "calls numpy.ndarray"),
        "state of a function": (b"ctorch._utils\n_rebuild_tensor_v2\n}b.", "BUILD"),
        "state of a dict": (b"}}b.", "BUILD"),
        "a name through another": (b"\x80\x04\x8c\x05torch\x8c\x0b_utils.code\x93.", "torch._utils.code"),
        "nested twice": (nested(nested(b"N.")), "torch.storage._load_from_bytes"),
        "letters of a terminal": (b"cos\x1b[31m\nsystem\n.", "os?[31m.system"),
    }.values(),
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_every_other_way_to_run_is_refused(data: bytes, told: str) -> None:
    error = refused(data)
    assert error.reason == "unsafe-pickle" and told in error.message


def doubled(times: int) -> bytes:
    """A tuple of itself twice, and so on: few bytes, and a hash that takes for ever."""
    return b")" + b"2\x86" * times


def storage_of_one() -> bytes:
    data = encode_tensor(np.ones(1, np.float32))
    start = data.index(b"B") + 5
    return data[start : start + int.from_bytes(data[start - 4 : start], "little")]


BOMBS = {  # a file, and what is told of it
    "memo": (b"K\x01r\xff\xff\xff\x7f.", "a memo has a number that no pickler gives"),
    "bytes": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fab.", "only 3 remain"),
    "long": (b"\x80\x02\x8b\xff\xff\xff\x7fab.", "not enough data"),
    "digits": (b"I" + b"9" * 5_000_000 + b"\n.", "pickle-damaged"),
    "key whose hash takes for ever": (b"}" + doubled(80) + b"Ns.", "holds dict of 0"),
    "set of it": (b"\x80\x04(" + doubled(80) + b"\x91.", "holds list of 1"),
    "deeper than the stack of C": (b"})" + b"\x85" * 100_000 + b"Ns.", "holds dict of 0"),
    "keys of one hash": (
        b"}(" + b"".join(b"\x8a\x0b" + ((k << 61) - k).to_bytes(11, "little") + b"N" for k in range(1, 30_000)) + b"u.",
        "holds dict of 0",
    ),
    "text that is long to compare": (
        b"}" + text("a" * 5_000_000) + b"q\x00Ns" + text("a" * 5_000_000) + b"q\x010" + b"h\x01Ns" * 40_000 + b".",
        "holds dict of 0",
    ),
    "one text encoded often": (
        b"c_codecs\nencode\nq\x01" + text("a" * 5_000_000) + b"q\x02"
        + (b"h\x01h\x02" + text("latin1") + b"\x86R") * 5_000 + b".",
        "takes more memory",
    ),
    "one storage loaded often": (nested(storage_of_one())[:-3] + b"q\x01\x85R" + b"0ctorch.storage\n_load_from_bytes\nh\x01\x85R" * 5_000 + b".",
        "takes more memory"),
    "steps": (b"]0" * 100_000 + b"N.", "takes more memory"),
    "compressed zip": (archive({"x/data.pkl": bytes(1 << 24)}, zipfile.ZIP_DEFLATED), "compressed"),
    "members": (archive({f"x/{n}": b"" for n in range(1100)}), "over 1000 members"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_small_files_cost_little(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "_MEMORY", 1 << 24)
    data, told = BOMBS[name]
    start = time.process_time()
    assert told in str(refused(data))
    assert time.process_time() - start < 15  # seconds; most take none


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((0, (4,), (1,)), "pickle-damaged"),  # a number more than there are
        ((2, (2,), (1,)), "pickle-damaged"),
        ((0, (2, 2), (1 << 25, 1)), "pickle-damaged"),
        ((-1, (1,), (1,)), "pickle-damaged"),
        ((2, (2,), (-1,)), "pickle-damaged"),
        ((0, (-1, 2), (1, 1)), "pickle-damaged"),
        ((0, (1,), ()), "pickle-damaged"),
        ((0, (1,) * 40, (1,) * 40), "pickle-damaged"),
        ((0, (1 << 60,), (0,)), "pickle-damaged"),
        ((True, (1,), (1,)), "pickle-damaged"),
        ((0, "ab", (1,)), "pickle-damaged"),
        ((0, (1 << 20, 1 << 20), (0, 0)), "pickle-too-large"),  # all of them the same number
        ((0, (17_000_000,), (0,)), "pickle-too-large"),
    ],
)
def test_no_number_comes_from_outside_the_storage(parts: tuple[Any, ...], reason: str) -> None:
    storage = FakeStorage("Float", np.arange(3, dtype=np.float32))
    for data in (
        pickle.dumps(FakeTensor(storage, *parts)),
        legacy(FakeTensor(storage, *parts)),
        zipped(FakeTensor(storage, *parts)),
    ):
        assert refused(data).reason == reason


def test_too_short_a_storage_is_told_by_counts() -> None:
    storage = FakeStorage("Float", np.arange(3, dtype=np.float32))
    told = refused(pickle.dumps(FakeTensor(storage, 1, (2, 2), (2, 1)))).message
    assert "a tensor of (2, 2) needs 5 numbers, its storage has 3" in told


@pytest.mark.parametrize(
    "value", [{"a": "dog"}, ["a", "b"], {"a", "b"}, "text", b"bytes", 10**400, None, (), [], np.array([{}, 1], object)]
)
def test_harmless_pickles_of_other_things_are_told_so(value: Any) -> None:
    assert refused(pickle.dumps(value)).reason == "no-tensor"


@pytest.mark.parametrize(
    "data", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"<html>", b"PK\x03\x04", BY_TORCH[:-1]]
)
def test_other_files_are_told_by_their_beginning(data: bytes) -> None:
    error = refused(data)
    assert error.reason == "pickle-damaged" and (repr(data[:16]) if data else "it is empty") in error.message


def test_a_file_over_the_limit_is_not_looked_at() -> None:
    assert "at most" in refused(bytes((1 << 26) + (1 << 20))).message


def test_mutated_files_give_an_array_or_one_error() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = tensor_of(values)
    good = [pickle.dumps(value, protocol) for value in (tensor, values, [values]) for protocol in range(6)]
    good += [legacy(tensor), zipped(tensor), encode_tensor(values)]
    draw, read = random.Random(4), 0
    for _ in range(4000):
        data = bytearray(draw.choice(good))
        for _ in range(draw.choice((1, 1, 2, 6))):
            place, other = draw.randrange(len(data)), draw.choice(good)
            change = draw.randrange(4)
            if change == 0:
                data[place] = draw.randrange(256)
            elif change == 1:
                data[place : place + draw.choice((1, 4, 30))] = draw.choice((b"", b"\xff" * 4, b"\x00\x00\x00\x80"))
            elif change == 2:
                data[place:place] = other[draw.randrange(len(other)) :][: draw.choice((1, 4, 30))]
            else:
                data[place:] = other[draw.randrange(len(other)) :]
            data = data or bytearray(b".")
        try:
            assert type(read_tensor(bytes(data), "a.pkl")) is np.ndarray
            read += 1
        except DataError as error:
            assert "\n" not in str(error)
    assert read > 100
