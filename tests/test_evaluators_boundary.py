from __future__ import annotations

import json
import math
import subprocess
import sys
import tracemalloc
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from evaluators.boundary import (
    SEMI_SUPERVISED,
    TASKS,
    UNSUPERVISED,
    SequenceScores,
    boundary_f,
    boundary_map,
    davis_measures,
    match_radius,
    region_j,
    score_sequence,
    statistics,
)
from evaluators.errors import DataError

GOLDENS = Path(__file__).parents[2] / "shared" / "goldens"
Array = np.ndarray[Any, np.dtype[Any]]
quick = settings(max_examples=50)


def picture(text: str) -> Array:
    """A label map from rows of digits, '.' being 0 and 'v' void."""
    return np.array(
        [[{".": 0, "v": 255}.get(c) or int(c.strip(".") or 0) for c in row] for row in text.split()], np.uint8
    )


def masks(*, side: int = 9) -> st.SearchStrategy[tuple[Array, Array, Array]]:
    """Three bool masks of one shape."""
    return array_shapes(min_dims=2, max_dims=2, max_side=side).flatmap(
        lambda shape: st.tuples(*(arrays(bool, shape) for _ in range(3)))
    )


# An independent twin, pixel by pixel.


def slow_boundary(mask: Array) -> list[tuple[int, int]]:
    height, width = mask.shape
    found = []
    for y in range(height):
        for x in range(width):
            others = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            inside = [(v, u) for v, u in others if v < height and u < width]
            if any(mask[y, x] != mask[place] for place in inside):
                found.append((y, x))
    return found


def slow_f(pred: Array, gt: Array, radius: int) -> float:
    ours, theirs = slow_boundary(pred), slow_boundary(gt)
    if not ours or not theirs:
        return 1.0 if ours == theirs else 0.0

    def share(these: list[tuple[int, int]], those: list[tuple[int, int]]) -> float:
        near = sum(any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in those) for y, x in these)
        return near / len(these)

    precision, recall = share(ours, theirs), share(theirs, ours)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def slow_j(pred: Array, gt: Array) -> float:
    pairs = list(zip(pred.ravel().tolist(), gt.ravel().tolist(), strict=True))
    union = sum(p or g for p, g in pairs)
    return sum(p and g for p, g in pairs) / union if union else 1.0


def slow_sequence(pred: Array, gt: Array, task: str) -> tuple[Array, Array]:
    """J and F, (objects, frames), of label maps; the best match by trying all."""
    objects = int(gt[0][gt[0] != 255].max(initial=0))
    if task == SEMI_SUPERVISED:
        pred, gt, void = pred[1:-1], gt[1:-1], np.zeros_like(gt[1:-1], bool)
    else:
        void = gt == 255
    labels = max(int(pred.max()), objects)
    radius = math.ceil(0.008 * math.hypot(*gt.shape[1:]))

    def values(label: int, number: int) -> list[tuple[float, float]]:
        rows = []
        for p, g, v in zip(pred, gt, void, strict=True):
            ours, theirs = (p == label) & ~v, (g == number) & ~v
            rows.append((slow_j(ours, theirs), slow_f(ours, theirs, radius)))
        return rows

    table = {(label, n): values(label, n) for label in range(1, labels + 1) for n in range(1, objects + 1)}
    best = tuple(range(1, objects + 1))
    if task == UNSUPERVISED:
        best = max(
            permutations(range(1, labels + 1), objects),
            key=lambda chosen: sum(sum(map(sum, table[label, n + 1])) for n, label in enumerate(chosen)),
        )
    scores = np.array([table[label, n + 1] for n, label in enumerate(best)]).reshape(objects, len(gt), 2)
    return scores[..., 0], scores[..., 1]


# Boundaries


def test_boundary_of_a_square_lies_half_a_pixel_towards_the_origin() -> None:
    mask = picture("...... ...... ..11.. ..11.. ......") > 0
    assert (boundary_map(mask) == (picture("...... .111.. .1.1.. .111.. ......") > 0)).all()


def test_last_row_and_column_have_the_neighbours_that_are_there() -> None:
    assert (boundary_map(picture("... ..1 .11") > 0) == (picture(".11 11. 1..") > 0)).all()
    assert (boundary_map(picture("... ... ..1") > 0) == (picture("... .11 .1.") > 0)).all()  # never the last pixel


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 5)])
@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_one_value_has_no_boundary(shape: tuple[int, int], value: bool) -> None:
    assert not boundary_map(np.full(shape, value)).any()


@quick
@given(masks())
def test_boundary_is_the_twins(three: tuple[Array, Array, Array]) -> None:
    found = [(int(y), int(x)) for y, x in zip(*boundary_map(three[0]).nonzero(), strict=True)]
    assert found == slow_boundary(three[0])


@pytest.mark.parametrize(
    ("shape", "bound", "radius"),
    [
        ((224, 224), 0.008, 3),  # 0.008 * 316.8 = 2.53
        ((480, 640), 0.008, 7),  # 0.008 * 800 = 6.4
        ((480, 854), 0.008, 8),  # DAVIS 480p
        ((75, 100), 0.008, 1),  # 0.008 * 125 is 1, and not a bit more
        ((150, 200), 0.008, 2),
        ((1, 1), 0.008, 1),
        ((224, 224), 0, 0),
        ((224, 224), 5, 5),
        ((224, 224), 1.0, 1),
    ],
)
def test_radius(shape: tuple[int, int], bound: float, radius: int) -> None:
    assert match_radius(shape, bound) == radius


@pytest.mark.parametrize("bound", [-0.1, 1.5, float("nan"), float("inf")])
def test_radius_that_is_none(bound: float) -> None:
    with pytest.raises(ValueError, match="share of the diagonal"):
        match_radius((4, 4), bound)


def test_full_mask_against_empty_one() -> None:
    full, empty = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    assert boundary_f(full, empty) == 1.0 and region_j(full[None], empty[None]).tolist() == [0.0]
    assert boundary_f(full, full) == boundary_f(empty, empty) == 1.0


def test_boundary_on_one_side_only() -> None:
    empty, dot = np.zeros((4, 4), bool), picture(".... .1.. .... ....") > 0
    assert boundary_f(empty, dot) == boundary_f(dot, empty) == 0.0


def test_f_by_hand() -> None:
    """Columns 1 and 4 to 5 of one row: the outlines are columns 0, 1 and 3, 5; radius 2 of pixels."""
    pred, gt = picture(".1........") > 0, picture("....11....") > 0
    assert boundary_map(pred).nonzero()[1].tolist() == [0, 1] and boundary_map(gt).nonzero()[1].tolist() == [3, 5]
    precision, recall = 1 / 2, 1 / 2  # 1 and 3 are two apart, 0 and 5 are further from all
    assert boundary_f(pred, gt, bound=2) == 2 * precision * recall / (precision + recall)
    assert boundary_f(pred, gt, bound=1) == 0.0
    assert boundary_f(pred, gt, bound=3) == 2 * 1 * (1 / 2) / (1 + 1 / 2)  # 0 reaches 3, 5 reaches none
    assert boundary_f(pred, gt, bound=4) == 1.0


def test_distance_is_a_disk() -> None:
    """One pixel, boundary at 2 x 2 less its last; moved by (3, 4) they are 5 apart, and nearer at their corners."""
    pred, gt = np.zeros((2, 12, 12), bool)
    pred[0, 0], gt[7, 7] = True, True  # outlines (0, 0) and (6, 6), (6, 7), (7, 6), (7, 7)
    assert boundary_f(pred, gt, bound=8) == 0.0  # the nearest are sqrt(72) = 8.49 apart
    assert boundary_f(pred, gt, bound=9) == 2 * 1 * (1 / 4) / (1 + 1 / 4)  # the others sqrt(85) = 9.2 and more


def test_nothing_wraps_from_one_edge_to_the_other() -> None:
    left, right = picture("1....... ........ ........") > 0, picture("........ .......1 .......1") > 0
    assert boundary_f(left, right, bound=3) == 0.0


@quick
@given(masks(), st.sampled_from([0, 0.008, 0.2, 1, 2, 3, 11]))
def test_f_is_the_twins(three: tuple[Array, Array, Array], bound: float) -> None:
    pred, gt, void = three
    radius = match_radius(pred.shape, bound)
    assert boundary_f(pred, gt, bound=bound) == slow_f(pred, gt, radius)
    assert boundary_f(pred, gt, void, bound) == slow_f(pred & ~void, gt & ~void, radius)


@quick
@given(masks())
def test_laws_of_f(three: tuple[Array, Array, Array]) -> None:
    pred, gt, void = three
    f = boundary_f(pred, gt)
    assert 0 <= f <= 1 and f == boundary_f(gt, pred) and boundary_f(pred, pred) == 1
    assert f == boundary_f(~pred, ~gt)  # a boundary has two sides
    assert boundary_f(pred, gt, bound=100) in (0.0, 1.0)
    assert boundary_f(pred, gt, np.ones_like(void)) == 1


def test_f_of_a_large_image() -> None:
    """Squares of 100 x 100 pixels in 480 x 640, 7 pixels apart in x: all but the far edge's parts match."""
    pred, gt = np.zeros((2, 480, 640), bool)
    pred[100:200, 100:200], gt[100:200, 107:207] = True, True
    assert boundary_f(pred, gt) == 1.0
    gt[:] = False
    gt[100:200, 108:208] = True
    assert 0.5 < boundary_f(pred, gt) < 0.6  # the upper and lower edges match, but for their ends
    assert boundary_f(pred, gt) == slow_f(pred[90:210, 90:220], gt[90:210, 90:220], 7)


# J


def test_j_by_hand() -> None:
    pred = np.array([[[1, 1, 0, 0]], [[0, 0, 0, 0]], [[1, 1, 1, 1]], [[0, 0, 0, 0]]], bool)
    gt = np.array([[[0, 1, 1, 0]], [[0, 0, 0, 0]], [[0, 0, 0, 0]], [[1, 0, 0, 0]]], bool)
    assert region_j(pred, gt).tolist() == [1 / 3, 1, 0, 0] and region_j(pred, gt).dtype == np.float64
    void = np.zeros_like(gt)
    void[:, :, 0] = True
    assert region_j(pred, gt, void).tolist() == [1 / 2, 1, 0, 1]


@quick
@given(masks())
def test_j_is_the_twins(three: tuple[Array, Array, Array]) -> None:
    pred, gt, void = three
    assert region_j(pred[None], gt[None]).tolist() == [slow_j(pred, gt)]
    assert region_j(pred[None], gt[None], void[None]).tolist() == [slow_j(pred & ~void, gt & ~void)]


@pytest.mark.parametrize(
    ("pred", "gt"),
    [
        (np.zeros((2, 3), bool), np.zeros((3, 2), bool)),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), bool)),
        (np.zeros((2, 3), bool), np.zeros((2, 3), np.float32)),
        (np.zeros((1, 2, 3), bool), np.zeros((1, 2, 3), bool)),
        (np.zeros((0, 3), bool), np.zeros((0, 3), bool)),
    ],
)
def test_wrong_masks(pred: Array, gt: Array) -> None:
    with pytest.raises(ValueError, match=r"bool \(height, width\) of one shape.*found") as caught:
        boundary_f(pred, gt)
    assert "\n" not in str(caught.value) and str(pred.shape) in str(caught.value)
    with pytest.raises(ValueError, match="of one shape"):
        region_j(pred[None], gt[None], pred[None, ..., :1])


# Mean, recall, decay


def test_statistics_by_hand() -> None:
    """Eight frames: the quarters lie between the frames 1, 3, 5, 6, 8, so the first is 1 to 3 and the last 6 to 8."""
    values = np.array([1.0, 0.5, 0.6, 0.1, 0.1, 0.2, 0.3, 0.4])
    mean, recall, decay = statistics(values)
    assert (mean, recall) == (pytest.approx(0.4), 2 / 8)  # 0.5 is not above 0.5
    assert decay == pytest.approx((1 + 0.5 + 0.6) / 3 - (0.2 + 0.3 + 0.4) / 3)


@pytest.mark.parametrize(
    ("values", "decay"),
    [
        ([0.9], 0.0),
        ([1.0, 0.5], 1 - 0.5),
        ([1.0, 0.75, 0.5], (1 + 0.75) / 2 - 0.5),
        ([1.0, 0.5, 0.5, 0.0], 0.75 - 0.25),
    ],
)
def test_decay_of_few_frames(values: list[float], decay: float) -> None:
    """The quarters share frames then: of three, the first is 1 and 2, the last is 3."""
    assert statistics(np.array(values))[2] == decay


def test_nan_is_left_out_and_is_a_miss() -> None:
    mean, recall, decay = statistics(np.array([np.nan, 1.0, 0.6, 0.2]))
    assert (mean, recall) == (pytest.approx(0.6), 2 / 4) and decay == pytest.approx(1 - 0.4)
    assert all(map(math.isnan, statistics(np.array([]))))
    assert str(statistics(np.full(4, np.nan))) == "(nan, 0.0, nan)"


def test_decay_in_8_bits() -> None:
    """A ramp from 1 to 0 falls by 0.749 between its quarters; the official places end at frame 255."""
    for frames in (255, 256, 300, 341, 342):
        ramp = np.linspace(1, 0, frames)
        decay = statistics(ramp, official_bins=False)[2]
        assert decay == pytest.approx(0.75, abs=2e-3)
        official = statistics(ramp)[2]
        assert statistics(ramp)[:2] == statistics(ramp, official_bins=False)[:2]
        if frames == 255:
            assert official == decay
        elif frames == 342:  # both quarters are the frames 1 to 86
            assert official == 0
        else:
            assert math.isnan(official)
    assert statistics(np.linspace(1, 0, 300), official_bins=False)[2] == pytest.approx(0.7491638795986622, abs=1e-12)


@quick
@given(arrays(np.float64, st.integers(1, 700), elements=st.floats(0, 1)), st.booleans())
def test_statistics_are_the_twins(values: Array, official: bool) -> None:
    n = len(values)
    places = [round(1 + (n - 1) * k / 4 + 1e-10) - 1 for k in range(5)]

    def quarter(number: int) -> list[float]:
        start, stop = places[number], places[number + 1]
        if official:
            start, stop = start % 256, stop % 256
        end = (stop + 1) % 256 if official else stop + 1
        return values.tolist()[start:end]

    first, last = quarter(0), quarter(3)
    mean, recall, decay = statistics(values, official_bins=official)
    assert mean == pytest.approx(math.fsum(values) / n) and recall == sum(v > 0.5 for v in values.tolist()) / n
    if first and last:
        assert decay == pytest.approx(math.fsum(first) / len(first) - math.fsum(last) / len(last), abs=1e-12)
    else:
        assert math.isnan(decay)


# Sequences


def sequence(*frames: str) -> Array:
    return np.stack([picture(frame) for frame in frames])


def test_semi_supervised_leaves_out_first_and_last() -> None:
    gt = sequence("11.. ....", "11.. ....", "..11 ....", ".... ....")
    pred = sequence("22.. ....", "1... ....", "..11 ....", "3333 3333")  # first and last may hold anything
    scores = score_sequence(pred, gt, SEMI_SUPERVISED)
    assert scores.objects == scores.matched == (1,)
    assert scores.j.tolist() == [[0.5, 1.0]] and scores.j.shape == scores.f.shape == (1, 2)


def test_objects_are_those_of_the_first_frame() -> None:
    """Label 2 is an object though no frame has it, label 4 comes later and is background."""
    gt = sequence("1.3. ....", "1.34 ....", "1.3. ....")
    pred = sequence("1.3. ....", "1.33 ....", "1.3. ....")
    scores = score_sequence(pred, gt, SEMI_SUPERVISED)
    assert scores.objects == (1, 2, 3) and scores.j.tolist() == [[1.0], [1.0], [0.5]]
    assert scores.f[1].tolist() == [1.0]


def test_objects_that_are_not_predicted_score_0() -> None:
    gt = sequence("12.. ....", "12.. ....", "12.. ....")
    scores = score_sequence(np.where(gt == 2, 0, gt).astype(np.uint8), gt, SEMI_SUPERVISED)
    assert scores.j.tolist() == [[1.0], [0.0]]
    nothing = score_sequence(np.zeros_like(gt), gt, SEMI_SUPERVISED)
    assert nothing.j.tolist() == nothing.f.tolist() == [[0.0], [0.0]]


def test_void_is_background_only_when_supervised() -> None:
    gt = sequence("11.. ....", "11vv ....", "11.. ....")
    pred = sequence("11.. ....", "1111 ....", "11.. ....")
    assert score_sequence(pred, gt, SEMI_SUPERVISED).j.tolist() == [[0.5]]
    assert score_sequence(pred, gt, UNSUPERVISED).j.tolist() == [[1.0, 1.0, 1.0]]


def test_void_in_the_first_frame_is_no_object() -> None:
    gt = sequence("1.vv ....", "1... ....", "1... ....")
    assert score_sequence(gt * (gt != 255), gt, SEMI_SUPERVISED).objects == (1,)


def test_unsupervised_finds_the_object() -> None:
    gt = sequence("11.. ..22", "11.. ..22")
    pred = sequence("55.. ..33", "55.. ..33")
    scores = score_sequence(pred, gt, UNSUPERVISED)
    assert scores.objects == (1, 2) and scores.matched == (5, 3)
    assert (scores.j == 1).all() and (scores.f == 1).all() and scores.j.shape == (2, 2)


def test_unsupervised_matches_over_all_frames_and_by_both_measures() -> None:
    """Label 1 is right once, label 2 twice; the third frame counts too, and no label changes on the way."""
    gt = sequence("11..", "11..", "11..")
    pred = sequence("11..", "22..", "22..")
    scores = score_sequence(pred, gt, UNSUPERVISED)
    assert scores.matched == (2,) and scores.j.tolist() == [[0.0, 1.0, 1.0]]


def test_unsupervised_with_too_few_labels() -> None:
    gt = sequence("11.. ..22", "11.. ..22")
    scores = score_sequence(np.where(gt == 2, 1, 0).astype(np.uint8), gt, UNSUPERVISED)
    assert scores.matched == (2, 1) and scores.j.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_frames_without_objects() -> None:
    """Nothing in gt and pred scores 1, in one of them 0: the official rule for objects that leave."""
    gt = sequence("11..", "....", "....", "11..")
    pred = sequence("....", "....", "11..", "....")
    scores = score_sequence(pred, gt, SEMI_SUPERVISED)
    assert scores.j.tolist() == scores.f.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("task", TASKS)
def test_first_frame_without_objects(task: str) -> None:
    """The official code scores no object then, and takes a prediction for an error where labels are given."""
    gt = sequence("....", "11..", "11..")
    scores = score_sequence(np.zeros_like(gt), gt, task)
    assert scores.objects == () and scores.j.shape == scores.f.shape == (0, 1 if task == SEMI_SUPERVISED else 3)
    if task == UNSUPERVISED:
        assert score_sequence(gt, gt, task).objects == ()
        return
    with pytest.raises(DataError, match=r"cat: label 1 found .* at most 0 expected .*\[too-many-objects\]"):
        score_sequence(gt, gt, task, name="cat")


def test_what_ends_the_official_run() -> None:
    gt = sequence("11..", "11..", "11..")
    with pytest.raises(DataError, match=r"label 2 found .* at most 1 expected"):
        score_sequence(gt * np.uint8(2), gt, SEMI_SUPERVISED)
    with pytest.raises(DataError, match=r"label 255 found .* 0/255 mask as 0/1"):
        score_sequence(gt * np.uint8(255), gt, SEMI_SUPERVISED)
    assert score_sequence(gt * np.uint8(20), gt, UNSUPERVISED).matched == (20,)
    with pytest.raises(DataError, match=r"label 21 found .* at most 20 expected"):
        score_sequence(gt * np.uint8(21), gt, UNSUPERVISED)
    with pytest.raises(DataError, match="too-few-frames"):
        score_sequence(gt[:2], gt[:2], SEMI_SUPERVISED)
    assert score_sequence(gt[:1], gt[:1], UNSUPERVISED).j.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("pred", "gt", "task", "message"),
    [
        (np.zeros((3, 4, 4), np.uint8), np.zeros((3, 4, 5), np.uint8), SEMI_SUPERVISED, "one shape"),
        (np.zeros((3, 4, 4), np.int64), np.zeros((3, 4, 4), np.uint8), SEMI_SUPERVISED, "int64"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), SEMI_SUPERVISED, "frames, height, width"),
        (np.zeros((3, 0, 4), np.uint8), np.zeros((3, 0, 4), np.uint8), UNSUPERVISED, "not empty"),
        (np.zeros((3, 4, 4), np.uint8), np.zeros((3, 4, 4), np.uint8), "semi", "task is semi-supervised or unsup"),
    ],
)
def test_wrong_label_maps(pred: Array, gt: Array, task: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        score_sequence(pred, gt, task)
    assert not isinstance(caught.value, DataError)


@quick
@given(st.data(), st.sampled_from(TASKS))
def test_sequences_are_the_twins(data: st.DataObject, task: str) -> None:
    shape = data.draw(st.tuples(st.integers(3, 5), st.integers(1, 5), st.integers(1, 5)))
    gt = data.draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, 255])))
    objects = int((gt[0] * (gt[0] != 255)).max())
    most = objects if task == SEMI_SUPERVISED else 4
    pred = data.draw(arrays(np.uint8, shape, elements=st.integers(0, most)))
    scores = score_sequence(pred, gt, task)
    j, f = slow_sequence(pred, gt, task)
    if task == SEMI_SUPERVISED:
        assert (scores.j == j).all() and (scores.f == f).all()
    else:  # matches can tie; what the match adds up to can't
        assert (scores.j.sum() + scores.f.sum()) == pytest.approx(j.sum() + f.sum(), abs=1e-9)
    assert scores.j.shape == j.shape and scores.objects == tuple(range(1, objects + 1))


def test_memory_does_not_grow_with_the_labels() -> None:
    """A map with label 254 has 254 objects; one mask of each at once would be 254 times the sequence."""
    gt = np.zeros((3, 200, 200), np.uint8)
    gt[:, 5, 5] = 254
    tracemalloc.start()
    score_sequence(gt, gt, SEMI_SUPERVISED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * gt.nbytes


def scores_of(j: list[list[float]], f: list[list[float]]) -> SequenceScores:
    return SequenceScores(tuple(range(1, len(j) + 1)), np.array(j), np.array(f))


def test_every_object_counts_once() -> None:
    """Three objects in two sequences: means over objects, not over sequences or frames."""
    measures = davis_measures(
        [scores_of([[0.6] * 4, [0.0] * 4], [[1.0] * 4, [0.4] * 4]), scores_of([[0.9, 0.3]], [[1.0, 1.0]])]
    )
    assert list(measures) == ["J&F", "J", "J recall", "J decay", "F", "F recall", "F decay"]
    assert measures["J"] == pytest.approx((0.6 + 0.0 + 0.6) / 3) and measures["F"] == pytest.approx(2.4 / 3)
    assert measures["J&F"] == pytest.approx((0.4 + 0.8) / 2)
    assert measures["J recall"] == pytest.approx((1 + 0 + 0.5) / 3) and measures["F recall"] == pytest.approx(2 / 3)
    assert measures["J decay"] == pytest.approx(statistics(np.array([0.9, 0.3]))[2] / 3) and measures["F decay"] == 0


def test_measures_of_nothing_are_nan() -> None:
    nothing = SequenceScores((), np.zeros((0, 3)), np.zeros((0, 3)))
    for scores in ([], [nothing]):
        assert all(map(math.isnan, davis_measures(scores).values()))
    one = scores_of([[1.0]], [[1.0]])
    assert davis_measures([nothing, one]) == davis_measures([one])


def test_one_long_sequence_makes_the_official_decay_nan() -> None:
    long, short = (scores_of([np.linspace(1, 0, n).tolist()], [[1.0] * n]) for n in (300, 8))
    assert math.isnan(davis_measures([long, short])["J decay"])
    measures = davis_measures([long, short], official_bins=False)
    assert measures["J decay"] == pytest.approx((0.7491638795986622 + statistics(short.j[0])[2]) / 2)
    assert measures["J"] == davis_measures([long, short])["J"]


def test_scipy_waits_until_objects_must_be_matched() -> None:
    code = "import sys, evaluators.boundary; print(sorted(m for m in sys.modules if m.split('.')[0] in ('scipy', 'torch')))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.skipif(not (GOLDENS / "davis_a.json").is_file(), reason="the golden cases are not here")
@pytest.mark.parametrize("task", TASKS)
def test_golden(task: str) -> None:
    expected = json.loads((GOLDENS / "davis_a.json").read_text())["expected"]["davis2017_" + task.replace("-", "_")]
    with np.load(GOLDENS / "davis_a.npz", allow_pickle=False) as maps:
        names = list(expected["per_frame"])
        scores = [score_sequence(maps[f"{name}__pred"], maps[f"{name}__gt"], task) for name in names]
    for name, one in zip(names, scores, strict=True):
        order = np.argsort(one.matched)  # the official rows are in the order of the predicted labels
        for key, values in (("J", one.j), ("F", one.f)):
            np.testing.assert_allclose(values[order], expected["per_frame"][name][key], rtol=0, atol=1e-6)
            for row, number in zip(order, one.objects, strict=True):
                mean = expected["per_object"][key][f"{name}_{number}"]
                assert statistics(values[row])[0] == pytest.approx(mean, abs=1e-6)
    measures = davis_measures(scores)
    for key, name in (("J", "J-"), ("F", "F-")):
        found = [measures[key], measures[key + " recall"], measures[key + " decay"]]
        wanted = [float(expected["global_"][name + what]) for what in ("Mean", "Recall", "Decay")]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    assert measures["J&F"] == pytest.approx(expected["global_"]["J&F-Mean"], abs=1e-6)
