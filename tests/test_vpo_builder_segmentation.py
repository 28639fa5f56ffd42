"""Masks out of polygons and run lengths: cases 16 to 29 of the catalogue of bad input, and what is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evaluators.errors import DataError
from vpo_builder.segmentation import GRID, decode_rle, decode_segmentation, encode_mask, facts_of_rle, flip

SQUARE = [[2, 1, 6, 1, 6, 4, 2, 4]]  # columns 2 to 5, rows 1 to 3
BAD: list[tuple[str, Any]] = [
    ("empty-polygon", []),
    ("empty-polygon", [[]]),
    ("empty-polygon", [*SQUARE, []]),
    ("degenerate-polygon", [[1, 2]]),
    ("degenerate-polygon", [[1, 2, 3, 4]]),
    ("polygon-odd", [[1, 1, 5, 1, 5, 5, 1]]),
    ("polygon-nonfinite", "[[1, 1, 5, 1, null, 5]]"),
    ("polygon-nonfinite", "[[1, 1, 5, 1, NaN, 5]]"),
    ("polygon-nonfinite", "[[1, 1, 5, 1, 1e999, 5]]"),
    ("polygon-nonfinite", "[[1, 1, 5, 1, -Infinity, 5]]"),
    ("polygon-out-of-range", [[1, 1, 1e9, 1, 5, 5]]),
    ("polygon-out-of-range", [[1, 1, 5, 1, 5, -101]]),
    ("polygon-out-of-range", [[-90, 0, 190, 0] * 10_000]),  # an outline of over a million pixels
    ("empty-mask", [[20, 20, 30, 20, 30, 30, 20, 30]]),
    ("empty-mask", [[-9, -9, -3, -9, -3, -3]]),
    ("segmentation-malformed", [1, 2, 3, 4, 5, 6]),
    ("segmentation-malformed", "7"),
    ("segmentation-malformed", ""),
    ("segmentation-malformed", "null"),
    ("segmentation-malformed", '[[1,2,3,4,5,"6"]]'),
    ("segmentation-malformed", "[[1,2,3,4,5,true]]"),
    ("segmentation-malformed", "[" * 5000),
    ("rle-counts-mismatch", {"size": [10, 20], "counts": [10, 5]}),
    ("rle-counts-mismatch", {"size": [10, 20], "counts": [10, 500]}),
    ("rle-counts-mismatch", {"size": [10, 20], "counts": [10, -10, 200]}),
    ("rle-counts-mismatch", {"size": [10, 20], "counts": []}),
    ("rle-counts-mismatch", {"size": [10, 20], "counts": [10**30]}),
    ("rle-size-mismatch", {"size": [20, 10], "counts": [10, 5, 185]}),
    ("rle-size-mismatch", {"size": [100_000, 100_000], "counts": [10_000_000_000]}),
    ("rle-size-mismatch", {"size": [100_000, 100_000], "counts": "PPPP?"}),
    ("rle-garbage", {"size": [10, 20], "counts": ""}),
    ("rle-garbage", {"size": [10, 20], "counts": "hello world"}),
    ("rle-garbage", {"size": [10, 20], "counts": "<html>"}),
    ("rle-garbage", {"size": [10, 20], "counts": "é"}),
    ("rle-garbage", {"size": [10, 20], "counts": "oooooooooooooooooo0"}),
    ("rle-garbage", {"size": [10, 20], "counts": [1.5, 198.5]}),
    ("rle-garbage", {"size": [10, 20]}),
    ("rle-garbage", '{"size":[10,20],"counts":[200],"counts":[0,200]}'),
    ("empty-mask", {"size": [10, 20], "counts": [200]}),
    ("empty-mask", {"size": [10, 20], "counts": [100, 0, 100]}),
]


def raw(segmentation: Any) -> bytes:
    return (segmentation if isinstance(segmentation, str) else json.dumps(segmentation)).encode()


def drawn(rows: list[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array([[letter == "#" for letter in row] for row in rows])


@pytest.mark.parametrize(("reason", "segmentation"), BAD, ids=[f"{n}-{reason}" for n, (reason, _) in enumerate(BAD)])
def test_bad_segmentations_have_their_reason(reason: str, segmentation: Any) -> None:
    with pytest.raises(DataError) as caught:
        decode_segmentation(raw(segmentation), 10, 20)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_no_bad_segmentation_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(
        json.dumps(
            [segmentation if isinstance(segmentation, str) else json.dumps(segmentation) for _, segmentation in BAD]
        )
    )
    program = """
import json, sys
from vpo_builder.segmentation import decode_segmentation
for raw in json.load(open(sys.argv[1])):
    for height, width in (10, 20), (480, 640), (50_000, 1_000), (100_000, 100_000), (0, 5):
        try:
            decode_segmentation(raw.encode(), height, width)
        except ValueError:
            pass
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "bad.json")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_truncated_run_lengths_are_found() -> None:
    rle = facts_of_rle(encode_mask(np.eye(30, dtype=bool)), 30, 30).rle
    for length in range(len(rle)):
        with pytest.raises(DataError, match="rle-garbage"):
            decode_rle(rle[:length], 30, 30)


def written(counts: list[int]) -> str:
    """COCO's string for any run lengths, by its definition: differences to the one two before, five bits a letter."""
    text = ""
    for place, count in enumerate(counts):
        number = count - counts[place - 2] if place > 2 else count
        while not -16 <= number < 16:
            text += chr((number & 31 | 32) + 48)
            number >>= 5
        text += chr((number & 31) + 48)
    return text


def test_strings_are_read_by_their_definition() -> None:
    counts = [7, 3, 100, 60, 5, 1, 24]
    found, expected = (
        decode_segmentation(raw({"size": [10, 20], "counts": form}), 10, 20) for form in (written(counts), counts)
    )
    assert found == expected
    for bad in ([60, -10, 150], [60, 50, 100, -60, 50], [100, 99], [100, 101], [-1, 201], [2**33, 200 - 2**33]):
        with pytest.raises(DataError, match="rle-garbage"):
            decode_rle(written(bad), 10, 20)


def test_polygon_covers_the_pixels_inside() -> None:
    mask = decode_segmentation(raw(SQUARE), 10, 20)
    assert (mask.area, mask.bbox, mask.position, mask.clipped) == (12, (2, 1, 4, 3), round(4 / 20 * GRID) / GRID, False)
    expected = np.zeros((10, 20), bool)
    expected[1:4, 2:6] = True
    assert (decode_rle(mask.rle, 10, 20) == expected).all()


def test_polygon_that_leaves_the_image_is_clipped() -> None:
    mask = decode_segmentation(raw([[-5, 1, 6, 1, 6, 4, -5, 4]]), 10, 20)
    assert (mask.area, mask.bbox, mask.clipped) == (18, (0, 1, 6, 3), True)


def test_two_polygons_are_one_mask() -> None:
    mask = decode_segmentation(raw([*SQUARE, [10, 0, 12, 0, 12, 10, 10, 10]]), 10, 20)
    assert (mask.area, mask.bbox) == (12 + 20, (2, 0, 10, 10))


def test_run_lengths_go_down_the_columns() -> None:
    shape = drawn([".#.", ".##"])
    mask = decode_segmentation(raw({"size": [2, 3], "counts": [2, 2, 1, 1]}), 2, 3)
    assert (decode_rle(mask.rle, 2, 3) == shape).all()
    assert (mask.area, mask.bbox) == (3, (1, 0, 2, 2))
    assert mask.position == pytest.approx(((1 + 1 + 2) / 3 + 0.5) / 3, abs=1 / GRID)
    assert decode_segmentation(raw({"size": [2, 3], "counts": mask.rle}), 2, 3) == mask


def test_empty_runs_are_joined() -> None:
    plain = decode_segmentation(raw({"size": [2, 3], "counts": [1, 3, 2]}), 2, 3)
    for counts in ([1, 1, 0, 2, 2], [1, 3, 2, 0], [0, 0, 1, 3, 2], [1, 3, 1, 0, 1]):
        assert decode_segmentation(raw({"size": [2, 3], "counts": counts}), 2, 3) == plain
    assert decode_segmentation(raw({"size": [2, 3], "counts": [0, 6]}), 2, 3).area == 6


def test_position_of_known_masks() -> None:
    column = np.zeros((4, 8), bool)
    column[:, 7] = True
    assert facts_of_rle(encode_mask(column), 4, 8).position == 7.5 / 8
    assert facts_of_rle(encode_mask(np.ones((3, 7), bool)), 3, 7).position == 0.5


@settings(max_examples=150)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(lambda mask: bool(mask.any())))
def test_facts_against_pixels(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    height, width = mask.shape
    rle = encode_mask(mask)
    facts = facts_of_rle(rle, height, width)
    rows, columns = np.nonzero(mask)
    assert facts.rle == rle
    assert (decode_rle(rle, height, width) == mask).all() and decode_rle(rle, height, width).dtype == bool
    assert facts.area == len(rows)
    assert facts.bbox == tuple(map(int, (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)))
    assert abs(facts.position - (columns.mean() + 0.5) / width) <= 1 / GRID
    assert facts.position * GRID == int(facts.position * GRID)


@settings(max_examples=150)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 33))).filter(lambda mask: bool(mask.any())))
def test_mirrored_mask_is_at_one_minus_position(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    height, width = mask.shape
    facts = facts_of_rle(encode_mask(mask), height, width)
    mirrored = facts_of_rle(flip(facts.rle, height, width), height, width)
    assert mirrored.position == 1 - facts.position
    assert mirrored.area == facts.area
    assert flip(mirrored.rle, height, width) == facts.rle


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=20), st.text(st.sampled_from("0123@PQabo_mnO"), max_size=30)))
def test_any_string_is_a_mask_or_an_error(text: str) -> None:
    try:
        assert decode_rle(text, 5, 6).shape == (5, 6)
    except DataError as error:
        assert error.reason == "rle-garbage"
