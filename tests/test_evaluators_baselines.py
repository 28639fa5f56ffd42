"""Trivial predictions, counted by hand and against drawing them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluators.baselines import ALL, ANOTHER, BOX, LONGEST, PREVIOUS, baseline_counts, thinned
from evaluators.histograms import label_histogram


def test_by_hand() -> None:
    gt = np.zeros((1, 4, 4), np.uint8)
    gt[0, :2, :2] = 5
    (made,) = baseline_counts([gt])
    assert made[ALL].rows.tolist() == [[0, 0, 5, 12], [0, 5, 5, 4]]
    assert sorted(made[BOX].rows.tolist()) == [[0, 0, 0, 9], [0, 0, 5, 3], [0, 5, 0, 3], [0, 5, 5, 1]]
    assert PREVIOUS not in made and ANOTHER not in made, "one frame, one sample"


def test_where_nothing_sounds_the_given_label_is_predicted() -> None:
    (made,) = baseline_counts([np.zeros((1, 2, 2), np.uint8)], sounding=16)
    assert made[ALL].rows.tolist() == [[0, 0, 16, 4]]


def drawn(gts: list[np.ndarray], number: int, name: str) -> list[list[int]]:
    """Rows of one sample's baseline, by drawing it."""
    gt, rows = gts[number], []
    for place, truth in enumerate(gt):
        pred = np.zeros_like(truth)
        height, width = truth.shape
        labels, sizes = np.unique(truth[(truth > 0) & (truth < 255)], return_counts=True)
        label = labels[sizes.argmax()] if len(labels) else 1
        if name == ALL:
            pred[:] = label
        elif name == BOX:
            pred[height // 4 : height - height // 4, width // 4 : width - width // 4] = label
        elif name == PREVIOUS:
            if not place:
                continue
            pred = gt[place - 1].copy()
        else:
            other = gts[number - 1][min(place, len(gts[number - 1]) - 1)]
            for y in range(height):
                for x in range(width):
                    pred[y, x] = other[y * other.shape[0] // height, x * other.shape[1] // width]
        pred[pred == 255] = 0
        found = len(rows) and rows[-1][0] + 1
        found = place - (name == PREVIOUS)
        rows += [[found, *row] for row in label_histogram(pred, truth).tolist()]
    return sorted(rows)


@given(st.integers(0, 2**32))
def test_against_drawing_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = [(rng.integers(1, 4), rng.integers(1, 8), rng.integers(1, 8)) for _ in range(3)]
    gts = [rng.choice([0, 0, 3, 7, 255], shape).astype(np.uint8) for shape in shapes]
    for number, made in enumerate(baseline_counts(gts)):
        for name, counts in made.items():
            rows: dict[tuple[int, ...], int] = {}
            for *key, pixels in counts.rows.tolist():
                rows[tuple(key)] = rows.get(tuple(key), 0) + pixels
            assert sorted([*key, pixels] for key, pixels in rows.items()) == drawn(gts, number, name)


def test_thinned_maps_are_small() -> None:
    assert max(thinned(np.zeros((480, 640), np.uint8)).shape) <= LONGEST
    assert thinned(np.zeros((4, 4), np.uint8)).shape == (4, 4)
