from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from evaluators.saliency import (
    EPS,
    ImageScores,
    adaptive_threshold,
    counts_above_levels,
    e_measure,
    f_measure,
    mae,
    prepare,
    s_measure,
    saliency_measures,
    score_image,
    weighted_f,
)

GOLDENS = Path(__file__).parents[2] / "shared" / "goldens"
NAMES = ["MAE", "S", "weighted F", "adaptive F", "mean F", "max F", "adaptive E", "mean E", "max E"]
SINGLE = ("mae", "s", "weighted_f", "adaptive_f", "adaptive_e")
Array = np.ndarray[Any, np.dtype[Any]]
quick = settings(max_examples=40)


def byte_maps(*, side: int = 7) -> st.SearchStrategy[tuple[Array, Array]]:
    """A uint8 prediction and a bool gt of one shape."""
    shapes = array_shapes(min_dims=2, max_dims=2, max_side=side)
    levels = st.one_of(st.sampled_from([0, 1, 127, 128, 255]), st.integers(0, 255))
    return shapes.flatmap(lambda shape: st.tuples(arrays(np.uint8, shape, elements=levels), arrays(bool, shape)))


# An independent twin: plain Python, one pixel at a time.

Pixels = list[tuple[float, bool]]


def slow_prepare(pred: Array, gt: Array) -> list[list[tuple[float, bool]]]:
    values = [[int(value) / 255 for value in row] for row in pred]
    least, most = min(map(min, values)), max(map(max, values))
    if most > least:
        values = [[(value - least) / (most - least) for value in row] for row in values]
    return [list(zip(row, map(bool, truth), strict=True)) for row, truth in zip(values, gt, strict=True)]


def slow_f(pixels: Pixels, threshold: float) -> float:
    hit = sum(p >= threshold and g for p, g in pixels)
    if not hit:
        return 0.0
    precision = hit / sum(p >= threshold for p, _ in pixels)
    recall = hit / sum(g for _, g in pixels)
    return 1.3 * precision * recall / (0.3 * precision + recall)


def slow_e(pixels: Pixels, threshold: float) -> float:
    size = len(pixels)
    chosen, truth = [float(p >= threshold) for p, _ in pixels], [float(g) for _, g in pixels]
    chosen_mean, truth_mean = sum(chosen) / size, sum(truth) / size
    if truth_mean == 0:
        return sum(1 - c for c in chosen) / (size - 1 + EPS)
    if truth_mean == 1:
        return sum(chosen) / (size - 1 + EPS)
    total = 0.0
    for c, t in zip(chosen, truth, strict=True):
        a, b = c - chosen_mean, t - truth_mean
        total += (2 * a * b / (a * a + b * b + EPS) + 1) ** 2 / 4
    return total / (size - 1 + EPS)


def slow_weighted_f(rows: list[Pixels]) -> float:
    """For a gt whose nearest pixel is always one only (a rectangle)."""
    places = {(y, x): (p, g) for y, row in enumerate(rows) for x, (p, g) in enumerate(row)}
    inside = [place for place, (_, g) in places.items() if g]
    error = {place: abs(p - g) for place, (p, g) in places.items()}

    def nearest(y: int, x: int) -> tuple[int, int]:
        return min(inside, key=lambda place: (place[0] - y) ** 2 + (place[1] - x) ** 2)

    spread = {place: error[nearest(*place)] for place in places}
    weights = {(v, u): math.exp(-(v * v + u * u) / 50) for v in range(-3, 4) for u in range(-3, 4)}
    whole = sum(weights.values())
    lost = wrong = 0.0
    for (y, x), (_, g) in places.items():
        if g:
            mean = sum(w / whole * spread.get((y + v, x + u), 0.0) for (v, u), w in weights.items())
            lost += min(error[y, x], mean)
        else:
            distance = math.dist((y, x), nearest(y, x))
            wrong += error[y, x] * (2 - 0.5 ** (distance / 5))
    hit = len(inside) - lost
    recall, precision = 1 - lost / len(inside), hit / (hit + wrong + EPS)
    return 2 * recall * precision / (recall + precision + EPS)


def slow_s(rows: list[Pixels]) -> float:
    """For gts whose centre of mass leaves four parts with pixels; parts with next to no variance are not for it."""
    pixels = [pixel for row in rows for pixel in row]
    height, width, size = len(rows), len(rows[0]), len(pixels)

    def likeness(values: list[float]) -> float:
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) if len(values) > 1 else 0
        return 2 * mean / (mean * mean + 1 + deviation + EPS)

    def ssim(part: Pixels) -> float:
        x, y = (sum(pixel[k] for pixel in part) / len(part) for k in (0, 1))
        below = len(part) - 1 + EPS
        var = [sum((pixel[k] - mean) ** 2 for pixel in part) / below for k, mean in ((0, x), (1, y))]
        cov = sum((p - x) * (g - y) for p, g in part) / below
        above, under = 4 * x * y * cov, (x * x + y * y) * sum(var)
        return above / (under + EPS) if above else float(under == 0)

    inside = [(y, x) for y in range(height) for x in range(width) if rows[y][x][1]]
    share = len(inside) / size
    objects = share * likeness([p for p, g in pixels if g]) + (1 - share) * likeness(
        [1 - p for p, g in pixels if not g]
    )
    cut_y, cut_x = (round(sum(place[k] for place in inside) / len(inside)) + 1 for k in (0, 1))
    region = 0.0
    for vertical in (rows[:cut_y], rows[cut_y:]):
        for part in ([row[:cut_x] for row in vertical], [row[cut_x:] for row in vertical]):
            flat = [pixel for row in part for pixel in row]
            region += ssim(flat) * len(flat) / size
    return max(0.0, (objects + region) / 2)


# Preparing


def test_prediction_is_stretched_and_gt_is_cut_above_128() -> None:
    pred, gt = prepare(np.array([[50, 100], [150, 250]], np.uint8), np.array([[0, 127], [128, 129]], np.uint8))
    np.testing.assert_allclose(pred, [[0, 0.25], [0.5, 1]], rtol=0, atol=1e-15)
    assert pred.dtype == np.float64 and gt.tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize("value", [0, 51, 255])
def test_constant_prediction_is_not_stretched(value: int) -> None:
    gt = np.ones((2, 2), bool)
    assert (prepare(np.full((2, 2), value, np.uint8), gt)[0] == value / 255).all()
    assert (prepare(np.full((2, 2), value / 255), gt)[0] == value / 255).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_predictions(dtype: type) -> None:
    gt = np.eye(2, dtype=bool)
    pred, _ = prepare(np.array([[0.25, 0.5], [0.375, 0.75]], dtype), gt)
    assert pred.tolist() == [[0, 0.5], [0.25, 1]] and pred.dtype == np.float64


def test_a_hard_mask_is_zeros_and_ones() -> None:
    mask = np.array([[True, True, False], [True, False, False], [False, False, False]])
    scores = [score_image(one, mask) for one in (mask, mask.astype(np.uint8), mask.astype(np.uint8) * 255, mask * 1.0)]
    for other in scores[1:]:
        assert [getattr(other, name) for name in SINGLE] == [getattr(scores[0], name) for name in SINGLE]
    assert score_image(mask, mask.astype(np.uint8) * 255).s == scores[0].s


@quick
@given(byte_maps())
def test_stretching_is_the_twins_bit_for_bit(maps: tuple[Array, Array]) -> None:
    pred, gt = prepare(*maps)
    rows = slow_prepare(*maps)
    assert pred.tolist() == [[p for p, _ in row] for row in rows] and (gt == maps[1]).all()


@pytest.mark.parametrize(
    ("pred", "gt", "message"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), bool), r"one shape .*\(2, 3\) and \(3, 2\)"),
        (np.zeros((2, 3, 1), np.uint8), np.zeros((2, 3, 1), bool), "one shape"),
        (np.zeros((0, 3), np.uint8), np.zeros((0, 3), bool), "not empty"),
        (np.zeros((2, 3), np.int64), np.zeros((2, 3), bool), "int64"),
        (np.zeros((2, 3), np.uint16), np.zeros((2, 3), bool), "uint16"),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.float32), "float32"),
        (np.zeros((2, 3), complex), np.zeros((2, 3), bool), "complex"),
        (np.full((2, 3), np.nan), np.zeros((2, 3), bool), "0 to 1 without NaN"),
        (np.array([[0.1, np.nan]]), np.zeros((1, 2), bool), "0 to 1 without NaN"),
        (np.array([[0.5, 1.5]]), np.zeros((1, 2), bool), r"found 0\.5 to 1\.5"),
        (np.array([[-0.5, 0.5]]), np.zeros((1, 2), bool), r"found -0\.5 to 0\.5"),
        (np.array([[0.0, np.inf]]), np.zeros((1, 2), bool), "0 to 1"),
    ],
)
def test_wrong_arrays(pred: Array, gt: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        score_image(pred, gt)
    assert "\n" not in str(caught.value)


# Numbers by hand

PRED = np.array([[255, 255, 0, 0]] * 4, np.uint8)  # the left half
LEFT = np.array([[1, 0, 0, 0]] * 4, bool)  # its left half


def test_mae_by_hand() -> None:
    pred, gt = np.array([[0.0, 0.5], [1.0, 0.25]]), np.array([[True, False], [True, True]])
    assert mae(pred, gt) == (1 + 0.5 + 0 + 0.75) / 4


def test_adaptive_threshold() -> None:
    assert adaptive_threshold(np.array([[0.0, 0.25, 0.25, 0.5]])) == 0.5
    assert adaptive_threshold(np.array([[0.9, 0.8]])) == 1.0
    assert adaptive_threshold(np.zeros((2, 2))) == 0.0


def test_f_by_hand() -> None:
    """Eight pixels chosen, four right, four wanted: P 1/2, R 1; at threshold 0 all 16 are chosen: P 1/4."""
    scores = score_image(PRED, LEFT)
    assert scores.adaptive_f == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1))
    assert scores.f_curve.shape == (256,) and scores.f_curve[:255] == pytest.approx(scores.adaptive_f)
    assert scores.f_curve[255] == pytest.approx(1.3 * 0.25 / (0.3 * 0.25 + 1))  # the last one is threshold 0


def test_counts_by_hand() -> None:
    hits, areas = counts_above_levels(np.array([[0.0, 0.5, 1.0, 1.0]]), np.array([[True, True, False, True]]))
    assert hits[[0, 127, 128, 254, 255]].tolist() == [1, 1, 2, 2, 3]  # 0.5 is level 127: place 255 - 127
    assert areas[[0, 127, 128, 254, 255]].tolist() == [2, 2, 3, 3, 4]


def test_e_by_hand() -> None:
    """Half is chosen, half of that is right: a = 1/2 or -1/2, b = 3/4 or -1/4."""
    alike = 2 * (1 / 2) * (3 / 4) / (1 / 4 + 9 / 16)  # chosen and wanted: 4 pixels
    wrong = -2 * (1 / 2) * (1 / 4) / (1 / 4 + 1 / 16)  # chosen and not wanted: 4 pixels
    neither = -wrong  # neither: 8 pixels
    total = 4 * (alike + 1) ** 2 / 4 + 4 * (wrong + 1) ** 2 / 4 + 8 * (neither + 1) ** 2 / 4
    assert score_image(PRED, LEFT).adaptive_e == pytest.approx(total / 15)


def test_a_perfect_map() -> None:
    """All 1, but E, which is divided by one pixel less."""
    mask = np.zeros((20, 20), bool)
    mask[5:12, 4:9] = True
    scores = score_image(mask, mask)
    assert scores.mae == 0 and scores.adaptive_f == pytest.approx(1) and scores.weighted_f == pytest.approx(1)
    assert scores.s == pytest.approx(1) and scores.adaptive_e == pytest.approx(400 / 399)


def test_s_by_hand() -> None:
    """A map of halves: constant where the gt is and where not, so the object score is of the means."""
    gt = np.zeros((4, 4), bool)
    gt[1:3, 1:3] = True  # centre of mass 1.5, rounded to 2 (to even), cut behind it at 3
    pred = np.where(gt, 1.0, 0.5)
    objects = 4 / 16 * (2 * 1 / 2) + 12 / 16 * (2 * 0.5 / 1.25)
    x, y = (4 * 1 + 5 * 0.5) / 9, 4 / 9  # the upper left 3 x 3 holds the object; the others are constant, their gt 0
    var_x, var_y, cov = 20 / 9 * 0.25 / 8, 20 / 9 / 8, 20 / 9 * 0.5 / 8  # sums of squares: 9 * (4/9) * (5/9)
    ssim = 4 * x * y * cov / ((x**2 + y**2) * (var_x + var_y))
    region = 9 / 16 * ssim + 7 / 16 * 1  # constant parts against an empty gt: no variance, 1
    assert s_measure(pred, gt) == pytest.approx((objects + region) / 2)


def test_s_of_the_opposite_is_0_and_not_below() -> None:
    gt = np.zeros((6, 6), bool)
    gt[2:4, 1:5] = True
    assert s_measure(1.0 * ~gt, gt) == 0 and slow_s(slow_prepare(np.where(gt, 0, 255), gt)) == 0


def test_centres_of_mass_on_a_half_go_to_the_even_line() -> None:
    """Rows 2 and 3 give 2, columns 0 and 1 give 0; one line further down or right the parts are others."""
    pred = np.random.default_rng(1).integers(0, 256, (6, 6), dtype=np.uint8)
    gt = np.zeros((6, 6), bool)
    gt[2:4, 0:2] = True
    assert s_measure(*prepare(pred, gt)) == pytest.approx(slow_s(slow_prepare(pred, gt)), abs=1e-12)


def test_weighted_f_by_hand() -> None:
    """One wanted pixel, found; one false one beside it, distance 1."""
    pred, gt = np.array([[0.0, 1.0, 1.0, 0.0]]), np.array([[False, True, False, False]])
    wrong = 2 - 0.5 ** (1 / 5)
    precision = 1 / (1 + wrong)
    assert weighted_f(pred, gt) == pytest.approx(2 * precision / (1 + precision))


def test_weighted_f_forgives_an_error_among_right_pixels() -> None:
    """A hole in the middle of 9 x 9 counts with its share of the Gaussian, one pixel in 49, not with 1."""
    gt = np.ones((9, 9), bool)
    pred = np.ones((9, 9))
    pred[4, 4] = 0
    peak = 1 / sum(math.exp(-(v * v + u * u) / 50) for v in range(-3, 4) for u in range(-3, 4))
    recall = 1 - peak / 81
    assert weighted_f(pred, gt) == pytest.approx(2 * recall / (recall + 1))


# Edge images


def test_empty_gt() -> None:
    """E is the share of what is not chosen, S is 1 - mean p, F is 0 and counts."""
    pred = np.array([[0, 255], [0, 0]], np.uint8)
    scores = score_image(pred, np.zeros((2, 2), bool))
    assert (scores.mae, scores.s, scores.weighted_f, scores.adaptive_f) == (0.25, 0.75, 0.0, 0.0)
    assert scores.adaptive_e == pytest.approx(3 / 3) and not scores.f_curve.any()
    assert scores.e_curve[:255] == pytest.approx(3 / 3) and scores.e_curve[255] == 0


def test_both_empty() -> None:
    """Threshold 0 chooses every pixel, so E is 0 at it, though the map is perfect."""
    scores = score_image(np.zeros((3, 3), np.uint8), np.zeros((3, 3), bool))
    assert [getattr(scores, name) for name in SINGLE] == [0, 1, 0, 0, 0]
    assert scores.e_curve[:255] == pytest.approx(9 / 8) and scores.e_curve[255] == 0


def test_full_gt_and_nothing_predicted() -> None:
    """Adaptive F is 1, for threshold 0 chooses all; weighted F sees no error beyond the border and forgives those near it."""
    scores = score_image(np.zeros((3, 3), np.uint8), np.ones((3, 3), bool))
    assert (scores.mae, scores.s, scores.adaptive_f) == (1, 0, pytest.approx(1))
    assert scores.f_curve[:255].max() == 0 and scores.f_curve[255] == pytest.approx(1)
    line = [math.exp(-(k * k) / 50) for k in range(-3, 4)]
    error = (sum(line[3:6]) + sum(line[2:5]) + sum(line[1:4])) ** 2 / sum(line) ** 2 / 9  # mean over the nine pixels
    assert scores.weighted_f == pytest.approx(2 * (1 - error) / (2 - error)) and scores.weighted_f > 0.88


def test_one_pixel() -> None:
    """E's divisor is EPS then: 4.5e15, or 0."""
    one, none = np.ones((1, 1), bool), np.zeros((1, 1), bool)
    scores = score_image(np.full((1, 1), 255, np.uint8), one)
    assert [scores.mae, scores.s, scores.adaptive_f] == [0, 1, pytest.approx(1)]
    assert scores.adaptive_e == 1 / EPS and scores.weighted_f == pytest.approx(1)
    assert score_image(np.zeros((1, 1), np.uint8), none).e_curve.tolist() == [1 / EPS] * 255 + [0]


def test_constant_map_at_or_below_half_chooses_nothing_but_zero_all() -> None:
    gt = np.eye(4, dtype=bool)
    scores = score_image(np.full((4, 4), 100, np.uint8), gt)  # threshold 2 * 100 / 255
    assert scores.adaptive_f == 0 and scores.mae == pytest.approx((4 * 155 / 255 + 12 * 100 / 255) / 16)
    assert score_image(np.zeros((4, 4), np.uint8), gt).adaptive_f == pytest.approx(1.3 * 0.25 / (0.3 * 0.25 + 1))


@pytest.mark.parametrize("transposed", [False, True])
def test_gt_in_the_last_row_has_no_official_s(transposed: bool) -> None:
    """The cut lies below the last row: two parts are empty. Without them the numbers are those of the two others."""
    gt = np.zeros((4, 6), bool)
    gt[3, 1:3] = True
    pred = np.where(gt, 0.75, 0.25)
    if transposed:
        pred, gt = pred.T.copy(), gt.T.copy()
    assert math.isnan(s_measure(pred, gt))
    assert 0 < s_measure(pred, gt, official_quadrants=False) < 1
    assert s_measure(1.0 * gt, gt, official_quadrants=False) == pytest.approx(1)
    assert math.isnan(score_image(pred, gt).s) and not math.isnan(score_image(pred, gt, official_quadrants=False).s)
    row = np.array([[True, False]])  # images of one row have no lower parts
    assert math.isnan(s_measure(1.0 * row, row))
    assert s_measure(1.0 * row, row, official_quadrants=False) == pytest.approx(1)


# The twin


@quick
@given(byte_maps())
def test_f_e_and_mae_are_the_twins(maps: tuple[Array, Array]) -> None:
    scores = score_image(*maps)
    pixels = [pixel for row in slow_prepare(*maps) for pixel in row]
    if max(p for p, _ in pixels) in (0, 1):  # means of other constants may differ in the last bit, thresholds then too
        mean = float(prepare(*maps)[0].mean())
        assert mean == pytest.approx(sum(p for p, _ in pixels) / len(pixels))
        assert scores.adaptive_f == pytest.approx(slow_f(pixels, min(1, 2 * mean)), abs=1e-12)
        assert scores.adaptive_e == pytest.approx(slow_e(pixels, min(1, 2 * mean)), abs=1e-9)
    assert scores.mae == pytest.approx(sum(abs(p - g) for p, g in pixels) / len(pixels), abs=1e-12)
    levels = [(float(int(p * 255)), g) for p, g in pixels]
    for threshold in (0, 1, 2, 127, 128, 200, 254, 255):
        assert scores.f_curve[255 - threshold] == pytest.approx(slow_f(levels, threshold), abs=1e-12)
        assert scores.e_curve[255 - threshold] == pytest.approx(slow_e(levels, threshold), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_weighted_f_is_the_twins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 13, 2)
    pred = rng.integers(0, 256, (height, width), dtype=np.uint8)
    gt = np.zeros((height, width), bool)
    y, x = rng.integers(height), rng.integers(width)
    gt[y : y + rng.integers(1, 8), x : x + rng.integers(1, 8)] = True
    assert weighted_f(*prepare(pred, gt)) == pytest.approx(slow_weighted_f(slow_prepare(pred, gt)), abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_s_is_the_twins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(6, 14, 2)
    pred = rng.integers(0, 256, (height, width), dtype=np.uint8)
    gt = rng.random((height, width)) < rng.choice([0.1, 0.5, 0.9])
    gt[height // 2, width // 2] = True
    assert s_measure(*prepare(pred, gt)) == pytest.approx(slow_s(slow_prepare(pred, gt)), abs=1e-12)


@quick
@given(byte_maps())
def test_laws(maps: tuple[Array, Array]) -> None:
    pred, gt = maps
    scores = score_image(pred, gt, official_quadrants=False)
    assert 0 <= scores.mae <= 1 and 0 <= scores.s <= 1 + 1e-12 and -1e-12 <= scores.weighted_f <= 1 + 1e-12
    assert 0 <= scores.adaptive_f <= 1 + 1e-12 and (scores.f_curve >= 0).all() and (scores.f_curve <= 1 + 1e-12).all()
    size = gt.size
    assert (scores.e_curve * (size - 1 + EPS) / size <= 1 + 1e-9).all() and (scores.e_curve >= 0).all()
    flipped = score_image(pred[:, ::-1], gt[:, ::-1], official_quadrants=False)  # all but S and ties of distances
    assert (flipped.f_curve == scores.f_curve).all() and (flipped.e_curve == scores.e_curve).all()
    assert score_image(pred.copy(order="F"), gt.copy(order="F")).f_curve.tolist() == scores.f_curve.tolist()


def test_layout_in_memory_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    pred, gt = rng.integers(0, 256, (40, 31), dtype=np.uint8), rng.random((40, 31)) < 0.4
    first, second = score_image(pred, gt), score_image(np.asfortranarray(pred), np.asfortranarray(gt))
    assert [getattr(first, name) for name in SINGLE] == [getattr(second, name) for name in SINGLE]
    assert prepare(np.asfortranarray(pred), np.asfortranarray(gt))[0].flags.c_contiguous  # sums add up in one order
    sliced = score_image(np.repeat(pred, 2, axis=1)[:, ::2], gt)
    assert sliced.s == first.s and sliced.weighted_f == first.weighted_f


def test_measures_do_not_change_their_arrays() -> None:
    pred, gt = np.array([[0.25, 0.5]]), np.array([[True, False]])
    pred.setflags(write=False)
    gt.setflags(write=False)
    score_image(pred, gt)


def test_f_and_e_from_counts() -> None:
    hits, areas = np.array([0.0, 2, 4]), np.array([0.0, 2, 8])
    assert f_measure(hits, areas, 4).tolist() == pytest.approx([0, 1.3 * 0.5 / (0.3 + 0.5), 1.3 * 0.5 / (0.15 + 1)])
    assert f_measure(np.zeros(3), areas, 0).tolist() == [0, 0, 0]
    assert e_measure(np.zeros(3), areas, 0, 9).tolist() == pytest.approx([9 / 8, 7 / 8, 1 / 8])
    assert e_measure(areas, areas, 9, 9).tolist() == pytest.approx([0, 2 / 8, 1])


# Many images


def image(value: float, f: list[float], e: list[float]) -> ImageScores:
    return ImageScores(value, value, value, value, value, np.repeat(f, 128), np.repeat(e, 128))


def test_maximum_is_of_the_mean_curve() -> None:
    """The images' best F are 1 and 0.5, at different thresholds: the mean curve has 0.5 and 0.25."""
    measures = saliency_measures([image(0.25, [1, 0], [0.5, 0.5]), image(0.75, [0, 0.5], [1.0, 0.5])])
    assert list(measures) == NAMES and all(type(value) is float for value in measures.values())
    assert list(measures.values()) == [0.5, 0.5, 0.5, 0.5, 0.375, 0.5, 0.5, 0.625, 0.75]


def test_no_images_give_nan() -> None:
    measures = saliency_measures([])
    assert list(measures) == NAMES and all(map(math.isnan, measures.values()))


def test_scipy_waits_until_it_is_needed() -> None:
    code = "import sys, evaluators.saliency; print(sorted({m.split('.')[0] for m in sys.modules} & {'scipy', 'torch'}))"
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root).stdout.strip() == "[]"


@pytest.mark.skipif(not (GOLDENS / "sod_a.json").is_file(), reason="the golden cases are not here")
@pytest.mark.parametrize("key", ["pysodmetrics_all", "pysodmetrics_plain_images"])
def test_golden(key: str) -> None:
    expected = json.loads((GOLDENS / "sod_a.json").read_text())["expected"][key]
    with np.load(GOLDENS / "sod_a.npz", allow_pickle=False) as maps:
        numbers = sorted(name.removeprefix("pred_") for name in maps.files if name.startswith("pred_"))
        chosen = [numbers[place] for place in expected.get("images", range(len(numbers)))]
        images = [score_image(maps[f"pred_{number}"], maps[f"gt_{number}"]) for number in chosen]
    each = dict(zip(("mae", "sm", "wfm", "adpFm", "adpEm"), SINGLE, strict=True))
    for official, ours in each.items():
        wanted = [float(value) for value in expected["per_image"][official]]
        np.testing.assert_allclose([getattr(one, ours) for one in images], wanted, rtol=0, atol=1e-6)
    for official, ours in (("fm_curve", "f_curve"), ("em_curve", "e_curve")):
        mean = np.mean([getattr(one, ours) for one in images], axis=0)
        np.testing.assert_allclose(mean, expected[official], rtol=0, atol=1e-6)
    totals = ("MAE", "Smeasure", "wFmeasure", "adpFm", "meanFm", "maxFm", "adpEm", "meanEm", "maxEm")
    wanted = [float(expected[name]) for name in totals]
    np.testing.assert_allclose(list(saliency_measures(images).values()), wanted, rtol=0, atol=1e-6)
