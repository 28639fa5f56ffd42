"""Trivial predictions scored beside the real one, so that a number can be judged.

They are drawn on maps thinned to at most ``LONGEST`` pixels a side: yardsticks, not results. Where the gt has categories they
are told the right one (the frame's largest), so they are rather too good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .categories import BACKGROUND, VOID
from .counts import LabelCounts, labels_of_rows
from .histograms import label_histogram

Array = np.ndarray[Any, np.dtype[Any]]
LONGEST = 160  # pixels
ALL, BOX, PREVIOUS, ANOTHER = "all foreground", "centre box", "previous frame", "another sample"


def thinned(gt: Array) -> Array:
    """Every so many-th pixel of a map, as stored, at most ``LONGEST`` a side."""
    step = -(-max(gt.shape) // LONGEST)
    return np.ascontiguousarray(gt[::step, ::step])


def baseline_counts(gts: Sequence[Sequence[Array]]) -> list[dict[str, LabelCounts]]:
    """Counts of each trivial prediction for each sample, whose gts are ``uint8`` maps (0 background, 255 void), thinned.

    "another sample" is the gt of the sample before it in ``gts`` (the first takes the last's), brought to its size by nearest pixel;
    "previous frame" leaves out a sample's first frame. What can't be made (one frame, one sample) is missing.
    """
    result = []
    for number, frames in enumerate(gts):
        made = {
            ALL: [_boxed(gt, slice(None), slice(None)) for gt in frames],
            BOX: [_boxed(gt, *(slice(size // 4, size - size // 4) for size in gt.shape)) for gt in frames],
            PREVIOUS: [label_histogram(_fitted(old, gt), gt) for old, gt in zip(frames, frames[1:], strict=False)],
        }
        other = gts[number - 1]
        if len(gts) > 1 and other:
            made[ANOTHER] = [
                label_histogram(_fitted(other[min(place, len(other) - 1)], gt), gt) for place, gt in enumerate(frames)
            ]
        result.append({name: labels_of_rows(rows) for name, rows in made.items() if rows})
    return result


def _boxed(gt: Array, rows: slice, columns: slice) -> Array:
    """Rows (gt, pred, pixels) of a box that is filled with the gt's largest category, or with 1."""
    inside = np.bincount(gt[rows, columns].ravel(), minlength=256)
    everywhere = np.bincount(gt.ravel(), minlength=256)
    sounding = everywhere.copy()
    sounding[[BACKGROUND, VOID]] = 0
    label = int(sounding.argmax()) or 1
    parts = [(value, label, inside[value]) for value in np.flatnonzero(inside)]
    outside = everywhere - inside
    parts += [(value, BACKGROUND, outside[value]) for value in np.flatnonzero(outside)]
    return np.array(parts, np.int64).reshape(-1, 3)


def _fitted(other: Array, gt: Array) -> Array:
    """Another gt as a prediction for this one: its size by nearest pixel, void taken for background."""
    if other.shape != gt.shape:
        rows, columns = (np.arange(new) * old // new for new, old in zip(gt.shape, other.shape, strict=True))
        other = other[rows[:, None], columns]
    return np.where(other == VOID, BACKGROUND, other).astype(np.uint8)
