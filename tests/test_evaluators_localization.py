"""cIoU, success, AUC and SLAVC's table: cases for the hand, slow twins, and the official numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluators.localization import (
    Detections,
    auc,
    average_precision,
    bounding_boxes_to_map,
    ciou,
    f1_curve,
    localization_measures,
    precision_recall,
    slavc_measures,
    success,
    threshold_half,
)

GOLDENS = sorted((Path(__file__).parents[2] / "shared" / "goldens").glob("ssl_*.json"))
TOP = np.zeros((4, 4), bool)
TOP[:2] = True  # 8 of 16 pixels
RAMP = np.arange(16, dtype=np.float32).reshape(4, 4)


def images(
    cious: list[float], confidence: list[float], area: float = 1, objects: list[int] | None = None
) -> Detections:
    count = len(cious)
    counts = [1] * count if objects is None else objects
    return Detections(np.array(cious), np.array(confidence), np.full(count, area), np.array(counts))


def test_ciou_of_half_the_object_and_as_much_beside_it() -> None:
    gt = np.zeros((4, 4))
    gt[:, :2] = 1  # 8 pixels, 4 of them in the top half
    assert ciou(TOP, gt) == 4 / (8 + 4)


def test_ciou_weighs_the_pixels_that_one_of_two_annotators_marked() -> None:
    gt = np.zeros((4, 4))
    gt[0] = 1
    gt[2] = 0.5  # 2 of weight in all; missed
    assert ciou(TOP, gt) == 4 / (4 + 2 + 4)  # 4 pixels hit, 4 of the mask are where nothing is


def test_ciou_of_empty_masks() -> None:
    nothing = np.zeros((4, 4))
    assert ciou(TOP, nothing) == 0
    assert ciou(nothing > 0, TOP) == 0
    both = ciou(nothing > 0, nothing)
    assert math.isnan(both) and success(np.array([both])) == 0


def test_boxes_of_two_annotators_and_of_one() -> None:
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 1], [1, 0, 2, 2], [3, -1, 4, 9]])  # x from, y from, x to, y to
    flickr = bounding_boxes_to_map(boxes, (2, 4), "flickr")
    assert flickr.tolist() == [[0.5, 1, 0.5, 0.5], [0, 0.5, 0, 0.5]]  # three boxes on one pixel: 1
    assert bounding_boxes_to_map(boxes, (2, 4), "vggss").tolist() == [[1, 1, 1, 1], [0, 1, 0, 1]]
    assert not bounding_boxes_to_map(np.zeros((0, 4), int), (2, 4), "flickr").any()


def test_the_cut_itself_belongs_to_the_half_or_not() -> None:
    """The cut is place 8 of the 16 sorted values, 8: at or above it are 8 pixels, above it 7."""
    assert (threshold_half(RAMP, "ez-vsl") == (RAMP >= 8)).all()
    assert (threshold_half(RAMP, "lvs") == (RAMP > 8)).all()


def test_ties_at_the_cut_go_in_or_stay_out_together() -> None:
    levels = np.repeat(np.float32([0, 5, 9]), [2, 10, 4]).reshape(4, 4)
    assert (threshold_half(levels, "ez-vsl") == (levels >= 5)).all()
    assert (threshold_half(levels, "lvs") == (levels == 9)).all()
    most = np.repeat(np.float32([0, 5]), [6, 10]).reshape(4, 4)  # the cut is the highest value, which LVS keeps
    assert (threshold_half(most, "ez-vsl") == (most == 5)).all()
    assert (threshold_half(most, "lvs") == (most == 5)).all()


@pytest.mark.parametrize("value", [-0.3, 0.0, 0.7])
def test_a_constant_map_is_all_or_nothing(value: float) -> None:
    """EZ-VSL: all. LVS has p = 1 + h left as it is, and keeps what is 1 or more: the sign decides."""
    flat = np.full((4, 4), value, np.float32)
    assert threshold_half(flat, "ez-vsl").all()
    assert threshold_half(flat, "lvs").all() == (value >= 0)
    assert threshold_half(flat, "lvs").any() == (value >= 0)


def test_one_pixel() -> None:
    assert threshold_half(np.ones((1, 1), np.float32), "ez-vsl").tolist() == [[True]]
    assert threshold_half(np.full((1, 1), -1, np.float32), "lvs").tolist() == [[False]]


def test_float32_rounding_makes_ties_that_float64_has_not() -> None:
    heat = np.zeros((4, 4))
    heat[2:] = 1
    heat[2, 0] = 1 - 1e-9  # 1 in float32
    assert threshold_half(heat, "ez-vsl").sum() == 8
    heat[1, 0] = 1 - 1e-9  # 9 pixels at the top now, the cut is the lower of them
    assert threshold_half(heat, "lvs").sum() == 7
    assert threshold_half(heat.astype(np.float32), "lvs").sum() == 9


def test_eight_bit_maps_are_scored_as_float32() -> None:
    assert (threshold_half(RAMP.astype(np.uint8), "lvs") == threshold_half(RAMP, "lvs")).all()
    assert threshold_half(np.array([[0, 2**25, 2**25 + 1]]), "lvs").tolist() == [[False, True, True]]  # one float32


def test_success_at_and_above() -> None:
    values = np.array([0.4, 0.5, 0.6, 0.9])
    assert success(values) == 3 / 4
    assert success(values, strict=True) == 2 / 4
    assert math.isnan(success(np.array([])))


def test_auc_of_the_best_the_worst_and_none() -> None:
    assert auc(np.ones(3)) == pytest.approx(1)
    assert auc(np.zeros(3)) == pytest.approx(0.025)  # at threshold 0 everything succeeds: half a step
    assert auc(np.array([0.5])) == pytest.approx(0.525)  # thresholds 0 to 0.5, and half a step
    assert math.isnan(auc(np.array([])))


def test_three_twentieths_fail_their_own_threshold() -> None:
    """0.05 * 3 is 0.15000000000000002, so a cIoU of 0.15 is counted as 0.1."""
    assert auc(np.array([0.15])) == auc(np.array([0.1])) < auc(np.array([0.150001]))
    assert auc(np.array([0.2])) > auc(np.array([0.199999]))


def test_measures_by_rule() -> None:
    values = np.array([0.2, 0.7])
    assert localization_measures(values, "ez-vsl") == {
        "cIoU": 0.5,
        "AUC": auc(values),
        "mean cIoU": pytest.approx(0.45),
    }
    assert localization_measures(values, "lvs") == {"cIoU": 0.5, "AUC": auc(values)}
    assert all(math.isnan(value) for value in localization_measures(np.array([]), "ez-vsl").values())


def test_precision_and_recall_of_four_images() -> None:
    """Found; found in the wrong place; silent but told; missed."""
    four = images([0.9, 0.1, 0.0, 0.9], [0.8, 0.7, 0.6, 0.2], objects=[1, 2, 0, 1])
    assert precision_recall(four, 0.5) == (1 / 3, 1 / 2)  # the wrong place is no miss
    assert precision_recall(four, 0.8) == (1, 1 / 3)  # at the cut counts
    assert precision_recall(four, 0.9) == (1, 0)  # nothing told: precision 1
    assert precision_recall(four.subset("visible"), 0.1) == (2 / 3, 1)
    assert precision_recall(images([0.0], [0.5], objects=[0]), 0.9) == (1, 1)


def test_average_precision_starts_at_the_second_image() -> None:
    assert average_precision(images([1, 1], [0.1, 0.2])) == 0
    assert average_precision(images([1] * 5, [0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(1 - 2 / 5)


def test_f1_at_each_confidence() -> None:
    curve = f1_curve(images([0.9, 0.1], [0.3, 0.6]))
    assert curve.tolist() == [pytest.approx(2 / 3), 0]  # P = 1/2, R = 1; then P = R = 0
    assert [len(f1_curve(images([1] * count, [0.5] * count))) for count in (9, 10, 19, 20, 25)] == [9, 10, 19, 10, 13]


def test_sizes_have_their_lower_bound() -> None:
    two = Detections(np.ones(5), np.ones(5), np.array([1023, 1024, 9216, 20736, 5]), np.array([1, 1, 1, 1, 0]))
    assert [len(two.subset(size).ciou) for size in ("small", "medium", "large", "huge")] == [1, 1, 1, 1]
    assert len(two.subset("all").ciou) == 5 and len(two.subset("visible").ciou) == 4


def test_a_subset_without_images_has_no_number() -> None:
    measures = slavc_measures(images([0.0], [0.5], objects=[0]), (0.5,))
    assert measures["Precision-all@50"] == 0 and math.isnan(measures["AUC-all@50"])
    assert math.isnan(measures["AP-visible@50"]) and math.isnan(measures["max F1-small@50"])


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda: ciou(np.ones((4, 4)), np.ones((4, 4))), "float64"),
        (lambda: ciou(TOP, np.ones((4, 5))), r"\(4, 5\)"),
        (lambda: ciou(TOP, np.full((4, 4), 255)), "255"),
        (lambda: ciou(TOP, np.full((4, 4), np.nan)), "nan"),
        (lambda: threshold_half(RAMP, "ezvsl"), "ez-vsl, lvs"),
        (lambda: threshold_half(RAMP[0], "lvs"), r"\(4,\)"),
        (lambda: threshold_half(RAMP[:0], "lvs"), r"\(0, 4\)"),
        (lambda: threshold_half(np.where(RAMP > 13, np.nan, RAMP), "lvs"), "2 NaN"),
        (lambda: bounding_boxes_to_map(np.ones((1, 4)), (4, 4), "vggss"), "float64"),
        (lambda: bounding_boxes_to_map(np.ones((1, 3), int), (4, 4), "vggss"), r"\(1, 3\)"),
        (lambda: bounding_boxes_to_map(np.ones((1, 4), int), (4, 4), "vgg"), "flickr, vggss"),
        (lambda: images([1, 1], [1]), r"\(1,\)"),
        (lambda: images([1], [np.nan]), "confidence"),
        (lambda: images([1], [1]).subset("tiny"), "small"),
        (lambda: localization_measures(np.ones(1), "slavc"), "slavc"),
    ],
)
def test_wrong_calls_are_told_in_one_line(call: Any, found: str) -> None:
    with pytest.raises(ValueError, match=found) as error:
        call()
    assert "\n" not in str(error.value)


FINITE = st.floats(-8, 8, width=32)
SMALL = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=FINITE)


def slow_half(heat: np.ndarray, rule: str) -> list[list[bool]]:
    """From the description: normalise, sort, compare, one pixel after the other, in float32."""
    sign = np.float32(1 if rule == "ez-vsl" else -1)
    pixels = [sign * value for value in heat.ravel()]
    least, most = min(pixels), max(pixels)
    if most - least:
        pixels = [(value - least) / (most - least) for value in pixels]
    if rule == "lvs":
        pixels = [np.float32(1) - value for value in pixels]
    cut = sorted(pixels)[int(len(pixels) * 0.5)]
    chosen = []
    for value in pixels:
        if rule == "lvs" and value > cut:
            value = np.float32(1)  # the official code writes 1 here, then 0 wherever it is below 1
        chosen.append(bool(value >= (cut if rule == "ez-vsl" else 1)))
    width = heat.shape[1]
    return [chosen[start : start + width] for start in range(0, len(chosen), width)]


@given(SMALL, st.sampled_from(["ez-vsl", "lvs"]))
@settings(max_examples=150)
def test_half_equals_its_slow_twin(heat: np.ndarray, rule: str) -> None:
    assert threshold_half(heat, rule).tolist() == slow_half(heat, rule)


@given(arrays(np.float32, (4, 5), elements=FINITE, unique=True))
@settings(max_examples=50)
def test_without_ties_half_is_half(heat: np.ndarray) -> None:
    stretched = (heat - heat.min()) / (heat.max() - heat.min())
    if len(np.unique(stretched)) == 20 and len(np.unique(1 - stretched)) == 20:
        assert threshold_half(heat, "ez-vsl").sum() == 10


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.lists(st.sampled_from([0, 0.5, 1]), min_size=6, max_size=6))
@settings(max_examples=100)
def test_ciou_equals_its_slow_twin(mask: list[bool], weights: list[float]) -> None:
    above = below = 0.0
    for chosen, weight in zip(mask, weights, strict=True):
        above += weight if chosen else 0
        below += weight + (1 if chosen and weight == 0 else 0)
    got = ciou(np.array(mask).reshape(2, 3), np.array(weights).reshape(2, 3))
    assert got == above / below if below else math.isnan(got)


@given(st.lists(st.sampled_from([0.05 * i for i in range(21)] + [0.15, 0.3, 0.35, 0.6, 0.7]), min_size=1, max_size=9))
@settings(max_examples=100)
def test_auc_equals_its_slow_twin(values: list[float]) -> None:
    shares = [sum(value >= 0.05 * i for value in values) / len(values) for i in range(21)]
    area = sum((shares[i] + shares[i + 1]) / 2 * 0.05 for i in range(20))
    assert auc(np.array(values)) == pytest.approx(area, abs=1e-12)
    assert auc(np.array(values[::-1])) == auc(np.array(values))


def slow_average_precision(cious: list[float], confidence: list[float], objects: list[int], threshold: float) -> float:
    cuts = sorted(confidence)[:-1][::-1][:: max(1, len(cious) // 200)]
    points = []
    for cut in cuts:
        tp = fp = fn = 0
        for value, sure, count in zip(cious, confidence, objects, strict=True):
            if sure < cut:
                fn += count > 0
            elif count > 0 and value >= threshold:
                tp += 1
            else:
                fp += 1
        points.append((tp / (tp + fp) if tp + fp else 1.0, tp / (tp + fn) if tp + fn else 1.0))
    area = 0.0
    for place in range(len(points) - 1):
        area += max(p for p, _ in points[place:]) * (points[place + 1][1] - points[place][1])
    return area


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 9, 250, 450]))
@settings(max_examples=40)
def test_average_precision_equals_its_slow_twin(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    cious, confidence = rng.random(count).round(1), rng.random(count).round(2)
    objects = rng.integers(0, 3, count)
    got = average_precision(Detections(cious, confidence, np.ones(count), objects))
    assert got == pytest.approx(slow_average_precision([*cious], [*confidence], [*objects], 0.5), abs=1e-12)


def golden(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays_of:
        return json.loads(path.read_text())["expected"], dict(arrays_of)


def number(value: float | str) -> float:
    return float(value)  # "nan" too


@pytest.mark.skipif(not GOLDENS, reason="no golden cases here")
@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_official_numbers(path: Path) -> None:
    expected, data = golden(path)
    for rule, key, share in (("ez-vsl", "ez_vsl", "AP50_called_cIoU"), ("lvs", "lvs_hardway", "cIoU_at_05")):
        pairs = zip(data["heatmap"], data["gt_map"], strict=True)
        cious = np.array([ciou(threshold_half(heat, rule), gt) for heat, gt in pairs])
        official = expected[key]
        assert cious == pytest.approx([number(value) for value in official["per_image_ciou"]], abs=1e-6, nan_ok=True)
        measures = localization_measures(cious, rule)
        assert measures["cIoU"] == pytest.approx(official[share], abs=1e-6)
        assert measures["AUC"] == pytest.approx(official["AUC"], abs=1e-6)
        if rule == "ez-vsl":
            assert measures["mean cIoU"] == pytest.approx(number(official["mean_ciou"]), abs=1e-6, nan_ok=True)


@pytest.mark.skipif(not GOLDENS, reason="no golden cases here")
@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_official_boxes(path: Path) -> None:
    expected, data = golden(path)
    for name, boxes in data.items():
        if name.startswith("boxes_") and int(name[6:]) not in expected["slavc"]["images_without_object"]:
            gt = data["gt_map"][int(name[6:])]
            assert (bounding_boxes_to_map(boxes, gt.shape, "vggss") == gt).all()


@pytest.mark.skipif(not GOLDENS, reason="no golden cases here")
@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_official_slavc_table(path: Path) -> None:
    expected, data = golden(path)
    gt, silent = data["gt_map"], expected["slavc"]["images_without_object"]
    cious = np.array([ciou(threshold_half(heat, "ez-vsl"), one) for heat, one in zip(data["heatmap"], gt, strict=True)])
    objects = np.array([len(data[f"boxes_{place:02d}"]) for place in range(len(gt))])
    objects[silent] = 0
    table = Detections(cious, data["confidence"], gt.astype(np.float64).sum(axis=(1, 2)), objects)
    measures = slavc_measures(table)
    for key, value in expected["slavc"]["stats"].items():
        if not key.startswith("F1-"):
            assert measures[key] == pytest.approx(number(value), abs=1e-6, nan_ok=True), key
            continue
        name, percent = key.removeprefix("F1-").split("@")
        curve = f1_curve(table.subset(name), int(percent) / 100)
        assert (" ".join(f"{100 * f1:.1f}" for f1 in curve) or "nan") == value, key
        assert not len(curve) or measures[f"max {key}"] == curve.max()
