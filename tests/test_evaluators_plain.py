"""Plain folders: which files are frames of a video, and what the masks hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.ground_truth import LABELS, MASK, GroundTruth, Selection, open_ground_truth
from evaluators.masks import write_label_map
from evaluators.plain import _samples

EMPTY = [[0, 0], [0, 0]]


def write(folder: Path, name: str, values: Any, mode: str = "L") -> None:
    path = folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.array(values, np.uint16 if mode == "I;16" else np.uint8)
    if mode == "1":
        image = Image.fromarray(array.astype(bool))
    elif mode == "P":
        image = Image.fromarray(array)
        image.putpalette([value for index in range(256) for value in voc_colour(index)])
    else:
        image = Image.fromarray(array)
    image.save(path)


def opened(folder: Path, *names: str) -> GroundTruth:
    for name in names:
        write(folder, name, [[0, 255], [0, 0]])
    return open_ground_truth(folder)


def ids_and_frames(gt: GroundTruth) -> dict[str, list[int]]:
    return {sample.id: [frame.number for frame in sample.frames] for sample in gt.samples}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a_1", "a_2", "b_1"], {"a": [0, 1], "b": [0]}),
        (["a_0", "a_1", "b_1"], {"a": [0, 1], "b": [0]}),
        (["a/a_1", "a/a_2", "b/b_1"], {"a": [0, 1], "b": [0]}),
        (["x/a/0", "x/a/1", "x/b/0"], {"x/a": [0, 1], "x/b": [0]}),
        (["a/00000", "a/00001", "b/00000"], {"a": [0, 1], "b": [0]}),
        (["x/cat/a/a_2", "x/cat/a/a_1", "x/dog/b/b_1"], {"x/cat/a": [0, 1], "x/dog/b": [0]}),
        (["a_1_1", "a_1_2", "a_1"], {"a_1_1": [0], "a_1_2": [0], "a_1": [0]}),  # a_1 is frame 1 of a, or a_1's own
        (["a_1", "a_3", "b_1"], {"a_1": [0], "a_3": [0], "b_1": [0]}),  # a gap
        (["a_2", "a_3", "b_1"], {"a_2": [0], "a_3": [0], "b_1": [0]}),  # neither from 0 nor from 1
        (["a_1", "a_2", "b"], {"a_1": [0], "a_2": [0], "b": [0]}),  # one that is no frame
        (["a_1", "a_2"], {"a_1": [0], "a_2": [0]}),  # one video only: rather images
        (["000000000139", "000000000285"], {"000000000139": [0], "000000000285": [0]}),
        (["000000000065_000000006503"], {"000000000065_000000006503": [0]}),
    ],
)
def test_videos_and_images(tmp_path: Path, names: list[str], found: dict[str, list[int]]) -> None:
    if names[0] == "a_1_1":
        found = {"a": [0], "a_1": [0, 1]}
    gt = opened(tmp_path, *names)
    assert ids_and_frames(gt) == found
    assert sorted(frame.mask_file for sample in gt.samples for frame in sample.frames) == sorted(
        f"{name}.png" for name in names
    )


def test_names_of_videos_and_images(tmp_path: Path) -> None:
    video = opened(tmp_path / "videos", "x/a/a_1", "x/a/a_2", "x/b/b_1").samples[0]
    assert video.names == ("x/a", "a")
    assert video.frames[0].names is video.frames[1].names or video.frames[0].names == video.frames[1].names
    assert video.frames[0].names == ("x/a/a_{}", "a/a_{}", "a_{}", "x/a_{}", "x/a/{}", "a/{}")
    padded = opened(tmp_path / "padded", "a/00000", "a/00001", "b/00000").samples[0]
    assert [frame.names for frame in padded.frames] == [("a/00000",), ("a/00001",)]
    images = opened(tmp_path / "images", "cat/1x", "dog/1x", "dog/2x").samples
    assert [image.frames[0].names for image in images] == [("cat/1x",), ("dog/1x",), ("dog/2x", "2x")]


@given(
    st.sets(st.sampled_from([f"{a}{b}{c}{n}" for a in "ab" for b in ("", "/a", "/b") for c in "_/" for n in range(4)]))
)
def test_every_file_is_one_frame_of_one_sample(stems: set[str]) -> None:
    samples, _ = _samples([f"{stem}.png" for stem in sorted(stems)])
    files = [frame.mask_file for sample in samples for frame in sample.frames]
    assert sorted(files) == sorted(f"{stem}.png" for stem in stems)
    for sample in samples:
        numbers = [int(frame.mask_file[-5]) for frame in sample.frames]
        assert [frame.number for frame in sample.frames] == list(range(len(sample.frames)))
        assert len(numbers) == 1 or numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize(
    ("masks", "mode", "kind"),
    [
        ([EMPTY], "L", MASK),
        ([[[0, 1], [1, 1]]], "L", MASK),
        ([[[0, 255], [0, 0]]], "L", MASK),
        ([[[255, 255], [255, 255]]], "L", MASK),
        ([[[0, 1], [0, 0]]], "1", MASK),
        ([[[0, 65535], [0, 0]]], "I;16", MASK),
        ([[[0, 1], [0, 0]]], "P", MASK),
        ([[[0, 38], [0, 0]], EMPTY], "P", MASK),
        ([[[[0, 0, 0], [9, 9, 9]]]], "RGB", MASK),
        ([[[[0, 0, 0], [128, 0, 0]]]], "RGB", MASK),
        ([[[0, 1], [2, 0]]], "L", LABELS),
        ([[[0, 1], [255, 0]]], "P", LABELS),
        ([[[1, 2], [1, 1]]], "L", LABELS),
        ([[[0, 5], [0, 0]], [[0, 7], [0, 0]]], "P", LABELS),
        ([[[[0, 0, 0], [128, 0, 0], [0, 128, 0]]]], "RGB", LABELS),
        ([[[[0, 0, 0], [9, 9, 9], [8, 8, 8]]]], "RGB", LABELS),
        ([[list(range(200))]], "L", MASK),  # shades: a soft mask, which is told when it is decoded
        ([[list(range(200))]], "P", LABELS),
    ],
)
def test_masks_or_labels(tmp_path: Path, masks: list[Any], mode: str, kind: str) -> None:
    for number, values in enumerate(masks):
        write(tmp_path, f"m{number}x", values, mode)
    gt = open_ground_truth(tmp_path)
    assert gt.kind == kind
    assert gt.remarks[1].startswith(f"gt holds {kind}: ") and "--gt-kind" in gt.remarks[1]
    told = LABELS if kind == MASK and mode != "I;16" else MASK
    assert open_ground_truth(tmp_path, kind=told).kind == told


def test_a_few_grey_pixels_between_are_still_a_mask(tmp_path: Path) -> None:
    values = np.zeros((100, 100), np.uint8)
    values[:50] = 255
    values[50, :10] = range(100, 110)  # 10 of 10,000
    write(tmp_path, "a", values)
    gt = open_ground_truth(tmp_path)
    assert gt.kind == MASK
    assert gt.remarks[1].startswith("gt holds mask: 0 and 255, and 10 pixels between in 1 files")
    values[51, 0] = 99
    write(tmp_path, "a", values)
    assert open_ground_truth(tmp_path).kind == LABELS


def test_categories_are_numbers_unless_named(tmp_path: Path) -> None:
    write_label_map(tmp_path / "a.png", np.array([[0, 3], [1, 255]], np.uint8))
    gt = open_ground_truth(tmp_path)
    assert gt.categories == ("background", "1", "2", "3") and gt.values == {}
    assert gt.colours == {(0, 0, 0): 0, (128, 0, 0): 1, (0, 128, 0): 2, (128, 128, 0): 3, (224, 224, 192): 255}
    assert gt.remarks[2].startswith("4 categories with the background, up to the largest that was looked at")
    (tmp_path / "label2idx.json").write_text(json.dumps({"background": 0, "dog": 1, "cat": 2, "cow": 3, "owl": 4}))
    gt = open_ground_truth(tmp_path)
    assert gt.categories == ("background", "dog", "cat", "cow", "owl")
    assert gt.remarks[2] == "5 categories with the background, of label2idx.json"
    assert open_ground_truth(tmp_path, kind=MASK).categories == ()


def test_labels_beyond_a_byte_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a", [[0, 300], [7, 0]], "I;16")
    with pytest.raises(DataError, match=r"found the label 300, expected 1 to 254.*bad-category"):
        open_ground_truth(tmp_path, kind=LABELS)


def test_other_files_and_folders(tmp_path: Path) -> None:
    opened(tmp_path, "a/x", "b/y")
    (tmp_path / "a" / "x.jpg").touch()
    (tmp_path / "a" / ".hidden.png").touch()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "x.png").touch()
    (tmp_path / "notes.txt").touch()
    gt = open_ground_truth(tmp_path)
    assert list(ids_and_frames(gt)) == ["a/x", "b/y"]
    assert gt.remarks[2] == "left out, as they are no PNG: a/x.jpg"
    write(tmp_path, "visual_frames/x", EMPTY)
    with pytest.raises(DataError, match=r"found the folder visual_frames beside masks.*unknown-layout"):
        open_ground_truth(tmp_path)
    assert list(ids_and_frames(open_ground_truth(tmp_path / "visual_frames"))) == ["x"]
    assert list(ids_and_frames(opened(tmp_path / "other", "images/x"))) == ["images/x"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path, "store/x", EMPTY)
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "gt" / "self").symlink_to(tmp_path / "gt")
    (tmp_path / "store" / "back").symlink_to(tmp_path / "gt")
    assert list(ids_and_frames(open_ground_truth(tmp_path / "gt"))) == ["linked/x"]


def test_damaged_files_are_left_to_the_scoring(tmp_path: Path) -> None:
    opened(tmp_path, "a")
    (tmp_path / "b.png").write_bytes(b"no PNG")
    gt = open_ground_truth(tmp_path)
    assert list(ids_and_frames(gt)) == ["a", "b"] and gt.kind == MASK


def test_a_spread_of_files_is_looked_at(tmp_path: Path) -> None:
    for number in range(200):
        write(tmp_path, f"{number:03d}x", [[0, 2 if number == 1 else 1]])  # 0, 3, 6, 9, 12 and so on are
    assert open_ground_truth(tmp_path).remarks[1].startswith("gt holds mask: nothing but 0 and 1 in 64 files")


def test_names_that_differ_in_capitals_of_the_ending_only(tmp_path: Path) -> None:
    opened(tmp_path, "a")
    (tmp_path / "a.PNG").write_bytes((tmp_path / "a.png").read_bytes())
    with pytest.raises(DataError, match="duplicate-sample"):
        open_ground_truth(tmp_path)


def test_a_plain_folder_has_no_parts(tmp_path: Path) -> None:
    opened(tmp_path, "a")
    with pytest.raises(DataError, match=r"no splits and no settings.*bad-selection"):
        open_ground_truth(tmp_path, Selection("test"))
