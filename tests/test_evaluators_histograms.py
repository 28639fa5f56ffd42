"""Joint histograms against counting pixel by pixel."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.histograms import label_histogram, level_histogram


def counted(pred: np.ndarray, gt: np.ndarray) -> list[list[int]]:
    """Pixel by pixel."""
    pairs = Counter(zip(gt.ravel().tolist(), pred.ravel().tolist(), strict=True))
    return [[*pair, pixels] for pair, pixels in sorted(pairs.items())]


def test_labels_by_hand() -> None:
    gt = np.array([[0, 0, 1, 1], [0, 0, 1, 255]], np.uint8)
    pred = np.array([[0, 1, 1, 1], [0, 0, 2, 2]], np.uint8)
    assert label_histogram(pred, gt).tolist() == [[0, 0, 3], [0, 1, 1], [1, 1, 2], [1, 2, 1], [255, 2, 1]]


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.integers(1, 256), st.integers(1, 12))
def test_labels_of_any_size_and_grain(seed: int, height: int, width: int, labels: int, grain: int) -> None:
    rng = np.random.default_rng(seed)
    gt, pred = (
        np.repeat(rng.integers(0, labels, (height, -(-width // grain))), grain, axis=1)[:, :width].astype(np.uint8)
        for _ in range(2)
    )
    assert label_histogram(pred, gt).tolist() == counted(pred, gt)


def test_negative_labels_and_wide_types() -> None:
    gt, pred = np.array([[-1, 0, 300]], np.int16), np.array([[2, 2, 2]], np.int16)
    assert label_histogram(pred, gt).tolist() == [[-1, 2, 1], [0, 2, 1], [300, 2, 1]]


def test_a_view_that_is_not_contiguous() -> None:
    gt = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert label_histogram(gt.T, gt).tolist() == counted(gt.T, gt)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(2, 3\)"):
        label_histogram(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


@pytest.mark.parametrize("kind", (np.uint8, np.uint16))
def test_levels(kind: type) -> None:
    rng = np.random.default_rng(0)
    size = 256 if kind is np.uint8 else 65536
    levels, gt = rng.integers(0, size, (9, 7)).astype(kind), rng.random((9, 7)) < 0.4
    total, hit = level_histogram(levels, gt, size)
    for level in np.unique(levels):
        assert (total[level], hit[level]) == ((levels == level).sum(), ((levels == level) & gt).sum())
    assert total.sum() == 63 and hit.sum() == gt.sum()


def test_a_fractional_gt_is_a_weight() -> None:
    total, hit = level_histogram(np.array([[1, 1, 0]], np.uint8), np.array([[0.25, 0.5, 1.0]], np.float32), 2)
    assert total.tolist() == [1, 2]
    assert hit.tolist() == [1.0, 0.75]
