"""What each rule says of small cases that can be checked by hand, and slow twins of the folds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.errors import DataError
from evaluators.protocols import find_protocol, protocols
from evaluators.scoring import Scorer

GT = np.zeros((1, 4, 4))
GT[0, :2, :2] = 1  # 4 of 16 pixels
EMPTY, FULL = np.zeros((1, 4, 4)), np.ones((1, 4, 4))


def score(protocol: str, pred: np.ndarray, gt: np.ndarray, **options: object) -> dict[str, float]:
    scorer = Scorer(protocol, **options)  # type: ignore[arg-type]
    scorer.update("a", pred, gt)
    return scorer.compute()[protocol]


def test_half_of_the_object_found() -> None:
    pred = np.zeros((1, 4, 4))
    pred[0, :2, 0] = 1  # 2 of the 4 pixels, no other
    got = score("avs", pred, GT)
    assert got["J"] == 2 / 4
    assert got["F"] == pytest.approx(1.3 * 2 / (0.3 * 4 + 2))  # P = 1, R = 1/2
    assert got["FDR"] == 0
    assert got["pred area"] == 2 / 16


def test_empty_ground_truth() -> None:
    """10 % false foreground: AVSBench's J hardly notices, the default does, and F leaves the frame out."""
    gt, pred = np.zeros((1, 10, 10)), np.zeros((1, 10, 10))
    pred[0, 0] = 1
    assert score("avs", pred, gt)["J"] == 0
    official = score("avsbench-object", pred, gt)
    assert official["J"] == pytest.approx(0.9)
    assert official["F"] == 0
    assert score("avs", EMPTY, EMPTY)["J"] == 1
    assert score("avsbench-object", EMPTY, EMPTY) == {"J": 1.0, "F": 0.0, "J&F": 0.5}


def test_an_empty_prediction_has_an_f_of_its_own() -> None:
    """Threshold 0 marks every pixel: F = 1.3 a / (0.3 a + 1) for a gt that fills the share a."""
    a = 4 / 16
    assert score("avsbench-object", EMPTY, GT)["F"] == pytest.approx(1.3 * a / (0.3 * a + 1), abs=1e-7)
    assert score("avs", EMPTY, GT)["F"] == 0


def test_the_maximum_is_taken_per_batch() -> None:
    """Two videos whose best thresholds differ: each alone reaches 1, together they can't."""
    low, high = np.where(GT > 0, 0.3, 0.1), np.where(GT > 0, 1.0, 0.6)
    values = {}
    for batch in (1, 2):
        scorer = Scorer(f"avsbench-object:batch={batch}")
        scorer.update("a", low, GT)
        scorer.update("b", high, GT)
        values[batch] = scorer.compute()[f"avsbench-object:batch={batch}"]["F"]
    assert values[1] == 1
    all_marked = 1.3 * 0.25 / (0.3 * 0.25 + 1)
    at_02 = (1 + all_marked) / 2  # low is right, high marks all
    at_07 = (0 + 1) / 2
    assert values[2] == pytest.approx(max(at_02, at_07), abs=1e-6)


def test_the_cut_of_refavs() -> None:
    pred = np.where(GT > 0, 0.45, 0.0)
    assert score("refavs", pred, GT)["J"] == 1
    assert score("avsbench-object", pred, GT)["J"] == 0


def test_null_s_is_pooled_over_a_batch() -> None:
    """One full frame of four: sqrt(1/4) pooled, (1 + 0 + 0 + 0) / 4 one by one."""
    for batch, wanted in ((4, 0.5), (1, 0.25)):
        name = f"refavs-null:batch={batch}"
        scorer = Scorer(name)
        for number in range(4):
            scorer.update(str(number), FULL if number == 0 else EMPTY, EMPTY)
        assert scorer.compute()[name]["S"] == wanted


def labels(*rows: list[int]) -> np.ndarray:
    return np.array([rows], np.uint8)


def test_absent_categories() -> None:
    """GT has {0, 1}, the prediction {0, 2}, of 4 categories; all of the object is wrong."""
    gt, pred = labels([0, 0, 1, 1]), labels([0, 0, 2, 2])
    got = score("cavp-vpo", pred, gt, kind="labels", categories=4)
    assert got["mIoU"] == pytest.approx(1 / 4)  # background 1, the others 0, absent ones counted
    assert got["FDR"] == pytest.approx((0 + 1) / 2)  # category 1 is never predicted: left out
    assert got["F1"] == pytest.approx((1 + 0 + 0) / 3)
    skipped = score("cavp-vpo:absent=skip", pred, gt, kind="labels", categories=4)
    assert skipped["mIoU"] == pytest.approx(1 / 3)
    assert score("avs", pred, gt, kind="labels", categories=4)["J"] == 0


def test_void() -> None:
    """Half void, half background; the prediction marks the void: only AVSBench-semantic counts that."""
    gt, pred = labels([255, 255, 0, 0]), labels([1, 1, 0, 0])
    assert score("avs", pred, gt, kind="labels", categories=2)["J"] == 1
    assert score("cavp-vpo:absent=skip", pred, gt, kind="labels", categories=2)["mIoU"] == 1
    semantic = score("combo-semantic", pred, gt, kind="labels", categories=2)
    assert semantic["J"] == pytest.approx((1 + 0) / 2)
    ignored = labels([-1 + 256, 0, 0, 0]).astype(np.int16)
    ignored[0, 0, 0] = -1
    assert (
        score("combo-semantic", labels([1, 0, 0, 0]).astype(np.int16), ignored, kind="labels", categories=2)[
            "J present"
        ]
        == 1
    )


def slow_avs(pred: np.ndarray, gt: np.ndarray) -> tuple[float, float]:
    """J and F of the default protocol for one sample, by sets of pixels."""
    js, fs = [], []
    for frame_pred, frame_gt in zip(pred.tolist(), gt.tolist(), strict=True):
        pixels = [
            (p, g)
            for row_p, row_g in zip(frame_pred, frame_gt, strict=True)
            for p, g in zip(row_p, row_g, strict=True)
            if g != 255
        ]
        names = {value for pair in pixels for value in pair} - {0}
        j, f = [], []
        for name in names:
            tp = sum(p == g == name for p, g in pixels)
            fp, fn = sum(p == name != g for p, g in pixels), sum(g == name != p for p, g in pixels)
            j.append(tp / (tp + fp + fn))
            precision, recall = (tp / (tp + fp), tp / (tp + fn)) if tp else (0.0, 0.0)
            f.append(1.3 * precision * recall / (0.3 * precision + recall) if tp else 0.0)
        js.append(sum(j) / len(j) if j else 1.0)
        fs.append(sum(f) / len(f) if f else 1.0)
    return sum(js) / len(js), sum(fs) / len(fs)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
def test_default_protocol_against_its_slow_twin(seed: int, frames: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    gt = rng.choice([0, 0, 1, 2, 255], (frames, height, width)).astype(np.uint8)
    pred = rng.choice([0, 0, 1, 2], (frames, height, width)).astype(np.uint8)
    got = score("avs", pred, gt, kind="labels", categories=3)
    assert (got["J"], got["F"]) == pytest.approx(slow_avs(pred, gt))


def slow_object(prob: np.ndarray, gt: np.ndarray) -> tuple[float, float]:
    """AVSBench J and F of one video in float64, threshold by threshold."""
    js, curves = [], []
    for p, g in zip(prob, gt, strict=True):
        b = p > np.float32(0.5)
        inter, union = ((b & g).sum(), (b | g).sum()) if g.any() else ((~b).sum(), g.size)
        js.append(inter / (union + 1e-7))
        if g.any():
            curve = []
            for j in range(255):
                y = p >= np.float32(j / 254 if j < 127 else 1 - (254 - j) / 254)
                precision, recall = (y & g).sum() / max(y.sum(), 1e-20), (y & g).sum() / g.sum()
                curve.append(1.3 * precision * recall / (0.3 * precision + recall) if precision + recall else 0.0)
            curves.append(curve)
    return float(np.mean(js)), float(np.mean(curves, axis=0).max()) if curves else 0.0


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from((np.uint8, np.float32)))
def test_avsbench_object_against_its_slow_twin(seed: int, kind: type) -> None:
    rng = np.random.default_rng(seed)
    gt = rng.random((4, 5, 6)) < rng.choice([0.0, 0.3, 1.0], (4, 1, 1))
    eighth = rng.integers(0, 256, (4, 5, 6)).astype(np.uint8)
    pred = eighth if kind is np.uint8 else rng.random((4, 5, 6), dtype=np.float32)
    prob = eighth.astype(np.float32) / np.float32(255) if kind is np.uint8 else pred
    got = score("avsbench-object", pred, gt)
    assert (got["J"], got["F"]) == pytest.approx(slow_object(prob, gt), abs=1e-5)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_any_order_and_any_shards_give_the_same_numbers(seed: int, shards: int) -> None:
    rng = np.random.default_rng(seed)
    names = ("avs", "avsbench-object-b4", "deepavfusion", "avsbench-robust", "refavs-null", "cavp-vpo")
    samples = [(str(n), rng.random((2, 6, 5)), rng.random((2, 6, 5)) < 0.3) for n in range(9)]
    whole = Scorer(names)
    for sample in samples:
        whole.update(*sample)
    parts = [Scorer(names) for _ in range(shards)]
    for place in rng.permutation(9):
        parts[place % shards].update(*samples[place])
    for part in parts[1:]:
        parts[0].merge(part)
    assert parts[0].compute() == whole.compute()


@given(st.integers(0, 2**32))
def test_gt_against_gt_is_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gt = rng.integers(0, 3, (2, 5, 5)).astype(np.uint8)
    got = score("avs", gt, gt, kind="labels", categories=3)
    assert (got["J"], got["F"]) == (1, 1)
    assert math.isnan(got["FDR"]) or got["FDR"] == 0


def test_wrong_use_is_told() -> None:
    scorer = Scorer("avs")
    scorer.update("a", GT, GT)
    for pred, gt, words in (
        (GT, GT, "counted before"),
        (GT[:, :3], GT, r"\(1, 3, 4\) and gt \(1, 4, 4\)"),
        (np.full_like(GT, np.nan), GT, "NaN"),
        (GT * 3, GT, "are these logits"),
    ):
        with pytest.raises(ValueError, match=words):
            scorer.update("a" if words == "counted before" else words, pred, gt)
    with pytest.raises(ValueError, match="both scorers: a"):
        scorer.merge(scorer)
    with pytest.raises(ValueError, match="same settings"):
        scorer.merge(Scorer("refavs"))
    with pytest.raises(ValueError, match=r"labels \[7\]"):
        Scorer("avs", kind="labels", categories=3).update("x", labels([7, 0]), labels([1, 0]))


@pytest.mark.parametrize(
    ("text", "words"),
    (
        ("avsbench-objct", "did you mean avsbench-object"),
        ("avsbench-object:batsh=4", "it has: batch, cut, beta2, map"),
        ("avsbench-object:batch=x", "a value like 1"),
        ("avsbench-object:batch=0", "1 or more"),
        ("avsbench-object:cut=0.3", "one of 0.5, 0.4"),
    ),
)
def test_a_wrong_protocol_is_told(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        find_protocol(text)


def test_every_protocol_says_its_rule_and_its_source() -> None:
    for name, row in protocols().items():
        assert row.name == name and row.version >= 1 and row.text and row.source
