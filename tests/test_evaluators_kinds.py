"""What a folder of predictions is taken for, by its files and by what the user tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_files import GREYS, VOC, ground_truth, npy, picture, png, video

from evaluators.arrays import stored
from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.kinds import LABELS, LOGITS, MASK, SOFT, Reading, guess_reading, probe
from evaluators.predictions import decode_prediction
from evaluators.seen import GREY_PALETTE, see

MASKS = ground_truth("mask", video("v"))
VPO = ground_truth(  # two categories whose files hold 18 and 3
    "labels", picture("a"), categories=("background", "dog", "car"), values={0: 0, 18: 1, 3: 2, 255: 255}
)
AVSS = ground_truth("labels", picture("a"), categories=tuple(map(str, range(71))))


def guessed(gt: Any, *files: Any, **told: str) -> Reading:
    """The reading of files, PNG as bytes and arrays as they are."""
    samples = [stored(file, "a.png") if isinstance(file, bytes) else stored(npy(file), "a.npy") for file in files]
    return guess_reading(samples, gt, **told)


WHITE = np.array([[0, 1]])[..., None] * np.array([255, 255, 255])


@pytest.mark.parametrize(
    ("file", "kind", "full"),
    [
        (png([[0, 255]]), MASK, 255),
        (png([[0, 1]]), MASK, 1),
        (png([[0, 0]]), MASK, 0),  # 1 and 255 would both do
        (png([[0, 1, 255]]), SOFT, 255),
        (png([[0, 128]]), SOFT, 255),
        (png(np.uint16([[0, 65535]])), MASK, 65535),
        (png(np.uint16([[0, 300]])), SOFT, 65535),
        (png(np.array([[True, False]])), MASK, 1),
        (png([[0, 1]], VOC), MASK, 1),
        (png([[0, 255]], GREYS), MASK, 255),
        (png([[0, 1, 7]], VOC), LABELS, 255),
        (png(WHITE), MASK, 255),
        (np.bool_([[0, 1]]), MASK, 1),
        (np.int64([[0, 1]]), MASK, 1),
        (np.uint8([[0, 255]]), MASK, 255),
        (np.uint8([[0, 9, 255]]), SOFT, 255),
        (np.int64([[0, 9, 200]]), SOFT, 255),
        (np.uint16([[0, 9, 200]]), SOFT, 65535),
        (np.int32([[0, 9, 2000]]), SOFT, 65535),
        (np.float32([[0, 1]]), SOFT, 1),
        (np.float32([[0, 0.3]]), SOFT, 1),
        (np.float32([[0, 1.5]]), LOGITS, 1),
        (np.float32([[-0.1, 0]]), LOGITS, 1),
        (np.float32([[-np.inf, np.inf]]), LOGITS, 1),
    ],
)
def test_predictions_for_masks(file: Any, kind: str, full: float) -> None:
    reading = guessed(MASKS, file)
    assert (reading.kind, reading.full, reading.classes) == (kind, full, 0)


def test_a_grey_palette_is_a_grey_image(tmp_path: Path) -> None:
    """Official hard masks are such files; index and grey value are the same."""
    (tmp_path / "a.png").write_bytes(png([[0, 30, 200]], GREYS))
    reading = probe(tmp_path, ["a.png"], MASKS)
    assert (reading.kind, reading.encoding) == (SOFT, GREY_PALETTE)
    assert decode_prediction((tmp_path / "a.png").read_bytes(), "a.png", reading).tolist() == [[0, 30, 200]]


@pytest.mark.parametrize(
    ("shape", "low", "kind", "classes", "channel"),
    [
        ((2, 4, 4), -1, LOGITS, 2, -1),  # background and sounding
        ((5, 2, 4, 4), -1, LOGITS, 2, -1),
        ((2, 4, 4), 0, SOFT, 0, 1),
        ((5, 4, 4), -1, LOGITS, 0, -1),  # five frames
        ((1, 4, 4), -1, LOGITS, 0, -1),
        ((5, 1, 4, 4), 0, SOFT, 0, -1),
        ((4, 4), 0, SOFT, 0, -1),
    ],
)
def test_channels_of_predictions_for_masks(shape: Any, low: float, kind: str, classes: int, channel: int) -> None:
    reading = guessed(MASKS, np.linspace(low, 0.9, int(np.prod(shape))).reshape(shape))
    assert (reading.kind, reading.classes, reading.channel) == (kind, classes, channel)


def test_two_frames_are_no_channels() -> None:
    two = ground_truth("mask", video("v", frames=2))
    assert guessed(two, np.zeros((2, 4, 4)) - 1.5).classes == 0
    assert guessed(two, np.zeros((2, 2, 4, 4)) - 1.5).classes == 2


@pytest.mark.parametrize(
    ("gt", "file", "kind", "mapped"),
    [
        (VPO, png([[0, 1, 2]], VOC), LABELS, False),
        (VPO, png([[0, 18, 3]], VOC), LABELS, True),  # only the dataset's own values fit
        (VPO, png([[0, 18, 255]]), LABELS, True),
        (VPO, png([[0, 255]]), MASK, False),
        (VPO, png(np.array([[True]])), MASK, False),
        (VPO, np.bool_([[1]]), MASK, False),
        (AVSS, np.int64([[0, 70]]), LABELS, False),
        (AVSS, np.float32([[0, 70]]), LABELS, False),
        (AVSS, np.float32([[0, 0.7]]), SOFT, False),
        (AVSS, np.float32([[0, 7.7]]), LOGITS, False),
    ],
)
def test_predictions_for_labels(gt: Any, file: Any, kind: str, mapped: bool) -> None:
    reading = guessed(gt, file)
    assert (reading.kind, bool(reading.values)) == (kind, mapped)
    if kind == LABELS:
        assert reading.top == (18 if mapped else len(gt.categories) - 1)
        assert not mapped or dict(reading.values) == {0: 0, 18: 1, 3: 2, 255: 255}


def test_labels_that_could_be_indices_or_stored_values() -> None:
    """With bird 1 and cat 2, whose files hold 2 and 1, the labels 1 and 2 mean different things; it is said, with the flag."""
    gt = ground_truth("labels", categories=("background", "bird", "cat"), values={0: 0, 2: 1, 1: 2})
    either = png([[0, 1, 2]], VOC)
    reading = guessed(gt, either)
    assert not reading.values and "--labels stored" in " ".join(reading.describe())
    assert guessed(gt, either, labels="stored").values == {0: 0, 2: 1, 1: 2, 255: 255}
    assert not any("--labels" in line for line in guessed(gt, either, labels="index").describe())
    same = ground_truth("labels", categories=("background", "bird", "cat"), values={0: 0, 1: 1, 2: 2})
    assert not any("--labels" in line for line in guessed(same, either).describe())


def test_labels_of_no_category_are_told_when_they_are_decoded() -> None:
    file = png([[0, 7]], VOC)
    reading = guessed(VPO, file)
    with pytest.raises(DataError, match=r"found the labels 7, .*pred-range"):
        decode_prediction(file, "a.png", reading)


@pytest.mark.parametrize(
    ("shape", "low", "kind", "classes"),
    [
        ((71, 4, 4), -1, LOGITS, 71),
        ((10, 71, 4, 4), 0, SOFT, 71),
        ((10, 4, 4), 0, SOFT, 0),  # sounding or not, without categories
    ],
)
def test_class_scores(shape: Any, low: float, kind: str, classes: int) -> None:
    reading = guessed(AVSS, np.linspace(low, 0.9, int(np.prod(shape))).reshape(shape))
    assert (reading.kind, reading.classes) == (kind, classes)
    assert classes or "without" in reading.encoding or "not its category" in " ".join(reading.describe())


def test_colours_of_labels() -> None:
    file = png(np.array([[voc_colour(index) for index in (0, 2, 255)]]))
    reading = guessed(VPO, file)
    assert reading.kind == LABELS and decode_prediction(file, "a.png", reading).tolist() == [[0, 2, 255]]
    own = ground_truth("labels", categories=("background", "dog"), colours={(0, 0, 0): 0, (9, 9, 9): 1})
    reading = guessed(own, file)
    assert reading.colours == own.colours
    with pytest.raises(DataError, match="pred-palette"):
        decode_prediction(file, "a.png", reading)
    stored_values = guessed(VPO, file, labels="stored")
    assert stored_values.colours[voc_colour(18)] == 1 and voc_colour(1) not in stored_values.colours


@pytest.mark.parametrize(
    ("gt", "file", "told", "expected"),
    [
        (MASKS, png([[0, 255]]), SOFT, (SOFT, 255)),
        (MASKS, png([[0, 38]]), MASK, (MASK, 38)),  # the luminance of a palette's red: one value beside 0 is a mask
        (MASKS, png([[0, 1, 7]]), LABELS, (LABELS, 255)),
        (MASKS, np.float32([[0, 1]]), MASK, (MASK, 1)),
        (MASKS, np.float32([[0, 1]]), LOGITS, (LOGITS, 1)),
        (MASKS, np.float32([[-3, 7.5]]), SOFT, (SOFT, 1)),  # an error, once decoded
        (VPO, png([[0, 1]]), MASK, (MASK, 1)),
        (VPO, png([[0, 18, 200]]), SOFT, (SOFT, 255)),
        (VPO, png([[0, 255]]), LABELS, (LABELS, 255)),
        (VPO, png(WHITE), MASK, (MASK, 255)),
        (AVSS, np.float32([[0, 7]]), LOGITS, (LOGITS, 1)),
    ],
)
def test_what_the_user_tells_is_taken(gt: Any, file: Any, told: str, expected: Any) -> None:
    reading = guessed(gt, file, told=told)
    assert (reading.kind, reading.full) == expected


def test_class_scores_told_as_labels_are_still_scores() -> None:
    assert guessed(AVSS, np.zeros((71, 2, 2)) - 0.5, told=LABELS).classes == 71


def test_one_odd_file_does_not_decide_for_the_folder() -> None:
    """The commonest form does; the odd one is told of, and refused when its turn comes."""
    odd = png(WHITE)
    reading = guessed(MASKS, odd, png([[0, 255]]), png([[0, 255]]))
    assert (reading.kind, reading.encoding) == (MASK, "8-bit")
    assert "1 RGB" in " ".join(reading.describe())
    with pytest.raises(DataError, match="pred-kind"):
        decode_prediction(odd, "odd.png", reading)


def test_values_of_all_files_count_together() -> None:
    reading = guessed(MASKS, png([[0, 255]]), png([[0, 7]]))
    assert (reading.kind, reading.full) == (SOFT, 255)


def test_nothing_that_can_be_read() -> None:
    assert guess_reading([], MASKS).kind == MASK
    assert guess_reading([], AVSS, SOFT).kind == SOFT
    assert see([]) is None


def test_nan_is_left_for_decoding() -> None:
    assert guessed(MASKS, np.float32([[0.5, np.nan]])).kind == SOFT
    assert guessed(MASKS, np.float32([[np.nan]])).kind == SOFT
    assert guessed(MASKS, np.float32([[np.nan, -3]])).kind == LOGITS


def test_a_later_file_that_contradicts_is_an_error(tmp_path: Path) -> None:
    """A value 7 in a folder of 0 and 1, in a file that the probe doesn't look at."""
    names = [f"{number:03d}.png" for number in range(64)]
    for name in names:
        (tmp_path / name).write_bytes(png([[0, 1]]))
    (tmp_path / "063.png").write_bytes(png([[0, 7]]))
    reading = probe(tmp_path, names, MASKS)
    assert (reading.kind, reading.full) == (MASK, 1)
    with pytest.raises(DataError, match=r"the value 7 beside 0 and 1, .*pred-kind"):
        decode_prediction((tmp_path / "063.png").read_bytes(), "063.png", reading)


def test_the_probe_looks_on_while_all_files_are_empty(tmp_path: Path) -> None:
    names = [f"{number:03d}.png" for number in range(100)]
    for name in names:
        (tmp_path / name).write_bytes(png([[0, 0]]))
    (tmp_path / "002.png").write_bytes(png([[0, 9]]))
    assert probe(tmp_path, names, MASKS).kind == SOFT
    (tmp_path / "002.png").unlink()
    reading = probe(tmp_path, names, MASKS)
    assert (reading.kind, reading.full) == (MASK, 0) and "nothing sounds" in " ".join(reading.describe())


def test_the_probe_passes_over_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"<html>")
    (tmp_path / "c.png").write_bytes(png([[0, 255]]))
    assert probe(tmp_path, ["../a.png", "a.png", "b.png", "c.png"], MASKS).kind == MASK


@pytest.mark.parametrize(
    ("gt", "file", "words"),
    [
        (MASKS, png([[0, 255]]), "masks (8-bit), 0 and 255"),
        (MASKS, png([[0, 9, 255]]), "soft masks (8-bit), p = v / 255, sounding where p > 0.5"),
        (MASKS, png([[0, 9, 20]]), "no value above 20 was seen"),
        (MASKS, png([[0, 9, 255]]), "--kind mask or --kind labels"),
        (MASKS, png([[0, 1, 7]], VOC), "every value but 0 is sounding"),
        (MASKS, np.float32([[0.25, 0.5]]), "values of 0.25 to 0.5: taken as probabilities; --kind logits"),
        (MASKS, np.float32([[-2, 3]]), "logits (float32 .npy), sigmoid"),
        (MASKS, np.float32([[2, 200]]), "no value below 0 was seen"),
        (MASKS, np.zeros((2, 3, 3)), "of two channels the second"),
        (MASKS, np.zeros((2, 3, 3)) - 1, "softmax of 2 channels"),
        (AVSS, np.zeros((71, 3, 3)) - 1, "argmax of 71 channels"),
        (AVSS, np.zeros((71, 3, 3)), "probabilities of 71 categories"),
        (AVSS, png([[0, 70]]), "category indices 0 to 70"),
        (AVSS, png([[0, 1]]), "though only 0 and 1 were seen; --kind mask"),
        (VPO, png([[18]]), "the values of the dataset's own masks"),
        (VPO, png(WHITE), "by 4 colours"),
        (MASKS, png(WHITE), "black and another colour"),
    ],
)
def test_what_was_understood_is_told(gt: Any, file: Any, words: str) -> None:
    lines = guessed(gt, file).describe()
    assert words in " | ".join(lines) and not any("\n" in line for line in lines)
