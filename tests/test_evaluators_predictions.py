"""Which files are predictions, and what each gives: an array that fits the folder's reading, or an error that names it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import GREYS, VOC, npy, npz, png, raw_png

from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.kinds import LABELS, LOGITS, MASK, SOFT, Reading
from evaluators.predictions import decode_prediction, list_predictions

INF, NAN = float("inf"), float("nan")
COLOURS = {voc_colour(index): index for index in (*range(22), 255)}


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_files_of_all_folders_are_listed_by_name(tmp_path: Path) -> None:
    found = list_predictions(filled(tmp_path, "b/c/2.png", "b/1.PNG", "a.npy", "b.npz", "-c d.png", "ä.png"))
    assert found.files == ("-c d.png", "a.npy", "b.npz", "b/1.PNG", "b/c/2.png", "ä.png")
    assert not found.ignored and not found.problems


def test_hidden_files_are_left_out_and_results_ignored(tmp_path: Path) -> None:
    """Case 80: a results file that lies there is never taken for anything."""
    names = ("1.png", ".2.png", ".git/3.png", "Thumbs.db", "result.json", "a/samples.csv", "log", "README.md", "w.txt")
    found = list_predictions(filled(tmp_path, *names))
    assert found.files == ("1.png",)
    assert found.ignored == ("README.md", "a/samples.csv", "log", "result.json", "w.txt")
    assert not found.problems


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("1.jpg", "pred-lossy"),  # case 75
        ("a/1.JPEG", "pred-lossy"),
        ("1.webp", "pred-lossy"),
        ("1.bmp", "pred-format"),
        ("1.gif", "pred-format"),
        ("1.tiff", "pred-format"),
        ("a\nb.png", "unsafe-path"),
        ("a\\b.png", "unsafe-path"),
        ("nul.png", "unsafe-path"),
        ("COM1.x.png", "unsafe-path"),
        ("x" * 220 + ".png", "unsafe-path"),
    ],
)
def test_files_that_are_no_predictions_are_named(tmp_path: Path, name: str, reason: str) -> None:
    found = list_predictions(filled(tmp_path, "0.png", name))
    assert found.files == ("0.png",)
    assert [problem.reason for problem in found.problems] == [reason]
    assert str(found.problems[0]).isprintable()


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system has no such names")
    found = list_predictions(tmp_path)
    assert found.problems[0].reason == "unsafe-path" and str(found.problems[0]).isprintable()


def test_an_empty_folder_and_none(tmp_path: Path) -> None:
    assert [problem.reason for problem in list_predictions(tmp_path).problems] == ["no-predictions"]
    assert "found 1 .txt, expected" in str(list_predictions(filled(tmp_path, "a.txt")).problems[0])
    for path in (tmp_path / "a.txt", tmp_path / "b"):
        with pytest.raises(DataError, match="not-a-folder"):
            list_predictions(path)


def test_links_are_followed_once_and_what_is_no_file_is_told(tmp_path: Path) -> None:
    filled(tmp_path / "elsewhere", "1.png")
    preds = filled(tmp_path / "preds", "a/2.png")
    (preds / "linked").symlink_to(tmp_path / "elsewhere")
    (preds / "3.png").symlink_to(preds / "a" / "2.png")
    (preds / "a" / "round").symlink_to(preds)
    (preds / "latest").symlink_to(preds / "a")
    (tmp_path / "elsewhere" / "again").symlink_to(tmp_path / "elsewhere")
    (preds / "4.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(preds / "5.png")
    found = list_predictions(preds)
    assert found.files == ("3.png", "a/2.png", "linked/1.png")
    assert sorted(problem.where for problem in found.problems) == ["4.png", "5.png"]
    assert {problem.reason for problem in found.problems} == {"pred-unreadable"}


def test_many_files_are_listed_fast(tmp_path: Path) -> None:
    for video in range(40):
        (tmp_path / f"v{video}").mkdir()
        for frame in range(10):
            os.close(os.open(tmp_path / f"v{video}" / f"v{video}_{frame}.png", os.O_CREAT))
    start = time.process_time()
    assert len(list_predictions(tmp_path).files) == 400
    assert time.process_time() - start < 0.1  # some 3 ms on a quiet machine


def decoded(data: bytes, reading: Reading, name: str = "a.png") -> Any:
    got = decode_prediction(data, name, reading)
    return got.tolist(), str(got.dtype)


def refused(data: bytes, reading: Reading, reason: str, name: str = "a.png") -> str:
    with pytest.raises(DataError) as caught:
        decode_prediction(data, name, reading)
    assert caught.value.reason == reason and caught.value.where == name
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "reading", "expected", "kind"),
    [
        (png([[0, 1], [2, 255]]), Reading(SOFT, "8-bit"), [[0, 1], [2, 255]], "uint8"),
        (png(np.uint16([[0, 300]])), Reading(SOFT, "16-bit", 65535), [[0, 300]], "uint16"),  # case 72
        (png([[0, 38, 255]], GREYS), Reading(SOFT, "grey palette"), [[0, 38, 255]], "uint8"),
        (raw_png(2, 1, 4, 0, b"\0\x1f"), Reading(SOFT, "4-bit", 15), [[1, 15]], "uint8"),
        (png([[0, 255]]), Reading(MASK, "8-bit"), [[0, 255]], "uint8"),
        (png([[0, 1]]), Reading(MASK, "8-bit", 1), [[0, 1]], "uint8"),
        (png([[0, 1]], VOC), Reading(MASK, "palette", 1), [[0, 1]], "uint8"),
        (png([[0, 255]]), Reading(MASK, "8-bit", 0), [[0, 255]], "uint8"),
        (png([[0, 1]]), Reading(MASK, "8-bit", 0), [[0, 1]], "uint8"),
        (png(np.array([[True, False]])), Reading(MASK, "8-bit"), [[1, 0]], "uint8"),  # one bit says enough
        (png(np.uint16([[0, 65535]])), Reading(MASK, "16-bit", 65535), [[0, 1]], "uint8"),
        (png([[[0, 0, 0], [9, 200, 3]]]), Reading(MASK, "RGB"), [[0, 200]], "uint8"),
        (png([[0, 1, 21, 255]], VOC), Reading(LABELS, "palette", top=21), [[0, 1, 21, 255]], "uint8"),  # case 71
        (png([[0, 21, 255]]), Reading(LABELS, "palette", top=21), [[0, 21, 255]], "uint8"),
        (png(np.uint16([[0, 21]])), Reading(LABELS, "16-bit", top=21), [[0, 21]], "uint8"),
        (png([[voc_colour(7), voc_colour(255)]]), Reading(LABELS, "RGB", colours=COLOURS), [[7, 255]], "uint8"),
        (png([[(*voc_colour(7), 255)]]), Reading(LABELS, "RGB", colours=COLOURS), [[7]], "uint8"),
    ],
)
def test_png_files_give_the_stored_values(data: bytes, reading: Reading, expected: Any, kind: str) -> None:
    assert decoded(data, reading) == (expected, kind)


@pytest.mark.parametrize(
    ("array", "reading", "expected", "kind"),
    [
        (np.float32([[0, 0.5, 1]]), Reading(SOFT, "float32 .npy", 1), [[0, 0.5, 1]], "float32"),
        (np.float64([[0.1]]), Reading(SOFT, "float64 .npy", 1), [[0.1]], "float64"),
        (np.float16([[0.5]]), Reading(SOFT, "float32 .npy", 1), [[0.5]], "float32"),
        (np.bool_([[1, 0]]), Reading(SOFT, "float32 .npy", 1), [[1, 0]], "float32"),
        (np.uint8([[0, 200]]), Reading(SOFT, "uint8 .npy"), [[0, 200]], "uint8"),
        (np.int64([[0, 200]]), Reading(SOFT, "int64 .npy"), [[0, 200]], "uint8"),
        (np.int32([[0, 60000]]), Reading(SOFT, "int32 .npy", 65535), [[0, 60000]], "uint16"),
        (np.bool_([[1, 0]]), Reading(MASK, "bool .npy", 1), [[1, 0]], "uint8"),
        (np.int64([[1, 0]]), Reading(MASK, "int64 .npy", 1), [[1, 0]], "uint8"),
        (np.float32([[1, 0]]), Reading(MASK, "float32 .npy", 1), [[1, 0]], "uint8"),
        (np.int64([[1, 255]]), Reading(LABELS, "int64 .npy", top=2), [[1, 255]], "uint8"),
        (np.float32([[1, 2]]), Reading(LABELS, "float32 .npy", top=2), [[1, 2]], "uint8"),
        (np.float32([[-INF, 3, INF]]), Reading(LOGITS, "float32 .npy", 1), [[-INF, 3, INF]], "float32"),
        # frames, channels
        (np.zeros((1, 1, 2), bool), Reading(MASK, "bool .npy", 1), [[0, 0]], "uint8"),
        (np.zeros((1, 1, 1, 2)), Reading(SOFT, "float64 .npy", 1), [[0, 0]], "float64"),
        (np.float64([[[[1, 0]]], [[[0, 1]]]]), Reading(SOFT, "float64 .npy", 1), [[[1, 0]], [[0, 1]]], "float64"),
        (np.float64([[[0.9]], [[0.1]]]), Reading(SOFT, "float64 .npy", 1, channel=1), [[0.1]], "float64"),
        (np.float64([[[[0.9]], [[0.1]]]] * 3), Reading(SOFT, "", 1, channel=1), [[[0.1]]] * 3, "float64"),
        (np.float64([[[4]], [[5]]]), Reading(LOGITS, "", 1, classes=2), [[[4]], [[5]]], "float64"),
        (np.float64([[[[4]], [[5]]]]), Reading(LOGITS, "", 1, classes=2), [[[4]], [[5]]], "float64"),
        (np.float64([[[[4]], [[5]]]] * 2), Reading(LOGITS, "", 1, classes=2), [[[[4]], [[5]]]] * 2, "float64"),
    ],
)
def test_arrays_give_what_the_scorer_takes(array: Any, reading: Reading, expected: Any, kind: str) -> None:
    assert decoded(npy(array), reading, "a.npy") == (expected, kind)
    assert decoded(npz(any=array), reading, "b/a.NPZ") == (expected, kind)


@pytest.mark.parametrize(
    ("data", "reading", "reason"),
    [
        (png([[0, 7]]), Reading(MASK, "8-bit", 1), "pred-kind"),  # a soft map in a folder of masks
        (png([[0, 7, 255]]), Reading(MASK, "8-bit"), "pred-kind"),
        (png([[0, 1]]), Reading(MASK, "8-bit"), "pred-kind"),
        (png([[0, 1, 255]]), Reading(MASK, "8-bit", 0), "pred-kind"),
        (png([[0, 7]]), Reading(MASK, "8-bit", 0), "pred-kind"),
        (png([[[0, 0, 0], [9, 9, 9], [8, 8, 8]]]), Reading(MASK, "RGB"), "pred-kind"),  # case 74
        (png([[[0, 0, 0]]]), Reading(MASK, "8-bit"), "pred-kind"),
        (png([[[0, 0, 0]]]), Reading(SOFT, "8-bit"), "pred-kind"),
        (png([[[0, 0, 0]]]), Reading(LABELS, "palette"), "pred-kind"),
        (png([[[0, 0, 0, 0]]]), Reading(MASK, "RGB"), "pred-mode"),  # case 73
        (png([[[1, 2, 3]]]), Reading(LABELS, "RGB", colours=COLOURS), "pred-palette"),
        (png([[1]]), Reading(LABELS, "RGB", colours=COLOURS), "pred-kind"),
        (png([[0, 22]]), Reading(LABELS, "8-bit", top=21), "pred-range"),  # case 78
        (png(np.uint16([[300]])), Reading(LABELS, "16-bit", top=21), "pred-range"),
        (png(np.uint16([[1]])), Reading(SOFT, "8-bit"), "pred-kind"),
        (png([[1]]), Reading(SOFT, "16-bit", 65535), "pred-kind"),
        (png([[1]], VOC), Reading(SOFT, "8-bit"), "pred-kind"),
        (png([[True]]), Reading(SOFT, "8-bit"), "pred-kind"),
        (png([[1]]), Reading(SOFT, "float32 .npy", 1), "pred-kind"),
        (png([[1]]), Reading(LOGITS, "float32 .npy", 1), "pred-kind"),
        (png([[1]]), Reading(LOGITS, "float32 .npy", 1, classes=2), "pred-shape"),
        (png([[1]])[:-30], Reading(SOFT, "8-bit"), "pred-unreadable"),
        (b"", Reading(SOFT, "8-bit"), "pred-unreadable"),
        (raw_png(100_000, 100_000, 8, 0, b"\0"), Reading(SOFT, "8-bit"), "pred-too-large"),
    ],
)
def test_png_files_of_another_kind_are_refused(data: bytes, reading: Reading, reason: str) -> None:
    refused(data, reading, reason)


@pytest.mark.parametrize(
    ("array", "reading", "reason"),
    [
        (np.float32([[0.5, NAN]]), Reading(SOFT, "float32 .npy", 1), "pred-nan"),  # case 77
        (np.float32([[0, NAN]]), Reading(MASK, "float32 .npy", 1), "pred-nan"),
        (np.float32([[0, NAN]]), Reading(LABELS, "float32 .npy"), "pred-nan"),
        (np.float32([[0, NAN]]), Reading(LOGITS, "float32 .npy", 1), "pred-nan"),
        (np.float32([[[INF]], [[INF]]]), Reading(LOGITS, "", 1, classes=2), "pred-nan"),
        (np.float32([[0, 1.0001]]), Reading(SOFT, "float32 .npy", 1), "pred-range"),  # case 76
        (np.float32([[0, INF]]), Reading(SOFT, "float32 .npy", 1), "pred-range"),
        (np.float32([[-1e-7]]), Reading(SOFT, "float32 .npy", 1), "pred-range"),
        (np.int64([[256]]), Reading(SOFT, "int64 .npy"), "pred-range"),
        (np.int64([[-1]]), Reading(SOFT, "int64 .npy"), "pred-range"),
        (np.int64([[-1]]), Reading(LABELS, "int64 .npy"), "pred-range"),
        (np.int64([[256]]), Reading(LABELS, "int64 .npy"), "pred-range"),
        (np.float32([[1.5]]), Reading(LABELS, "float32 .npy"), "pred-range"),
        (np.float32([[0.5]]), Reading(SOFT, "uint8 .npy"), "pred-kind"),
        (np.bool_([[1]]), Reading(SOFT, "uint8 .npy"), "pred-kind"),
        (np.int64([[5]]), Reading(LOGITS, "float32 .npy", 1), "pred-kind"),
        (np.float32([[0.5]]), Reading(MASK, "8-bit"), "pred-kind"),
        (np.zeros((3, 2, 2)), Reading(LOGITS, "", 1, classes=2), "pred-shape"),
        (np.zeros((5, 3, 2, 2)), Reading(SOFT, "", 1), "pred-shape"),
        (np.zeros((2, 2)), Reading(SOFT, "", 1, channel=1), "pred-shape"),
        (np.zeros(4), Reading(SOFT, "", 1), "pred-shape"),
        (np.array([[None]]), Reading(SOFT, "", 1), "pred-dtype"),
    ],
)
def test_arrays_of_another_kind_are_refused(array: Any, reading: Reading, reason: str) -> None:
    refused(npy(array), reading, reason, "a.npy")


def test_errors_say_what_was_found_and_which_flag_helps() -> None:
    assert "1 of 2 values are not a number" in refused(npy([[0.5, NAN]]), Reading(SOFT, "", 1), "pred-nan", "a.npy")
    assert "-3 to 4.5" in (text := refused(npy([[-3, 4.5]]), Reading(SOFT, "", 1), "pred-range", "a.npy"))
    assert "--kind logits" in text
    assert "labels 22, 70" in refused(png([[70, 3, 22, 255]]), Reading(LABELS, "8-bit", top=21), "pred-range")
    grey = png(np.arange(256).reshape(16, 16))
    assert "22, 23, 24" in (text := refused(grey, Reading(LABELS, "8-bit", top=21), "pred-range"))
    assert "31 and 223 more" in text and "soft" in text
    assert "the value 7 beside 0 and 1" in refused(png([[0, 7]]), Reading(MASK, "8-bit", 1), "pred-kind")


READINGS = (
    Reading(SOFT, "8-bit"),
    Reading(SOFT, "float32 .npy", 1),
    Reading(MASK, "8-bit"),
    Reading(MASK, "8-bit", 0),
    Reading(MASK, "RGB"),
    Reading(LABELS, "palette", top=21),
    Reading(LABELS, "RGB", colours=COLOURS),
    Reading(LOGITS, "float32 .npy", 1),
    Reading(LOGITS, "float32 .npy", 1, classes=2),
    Reading(SOFT, "float32 .npy", 1, channel=1),
)
FILES = (
    *(
        (png(array, palette), "a.png")
        for array in (np.eye(3), np.eye(3) * 255, np.eye(3) * 30)
        for palette in (b"", VOC)
    ),
    (png(np.ones((2, 2, 4)) * 255), "a.png"),
    (npy(np.eye(3)), "a.npy"),
    (npy(np.ones((2, 3, 3), np.int8)), "a.npy"),
    (npz(x=np.float32(np.eye(3)) * -9), "a.npz"),
)


@settings(max_examples=150)
@given(st.sampled_from(READINGS), st.sampled_from(FILES), st.data())
def test_any_file_under_any_reading_gives_an_array_or_a_data_error(reading: Reading, file: Any, data: Any) -> None:
    content, name = bytearray(file[0]), file[1]
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        got = decode_prediction(bytes(content), name, reading)
    except DataError as error:
        assert error.reason.startswith("pred-")
        return
    assert got.ndim in (2, 3, 4) and got.dtype.kind in "uf"
    assert not np.isnan(got).any()
    if reading.kind == SOFT:
        assert got.min() >= 0 and got.max() <= reading.full
