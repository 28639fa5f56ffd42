"""Trivial predictions scored beside the real one, so that a number can be judged.

They are drawn on maps thinned to at most ``LONGEST`` pixels a side: yardsticks, not results. Where the gt has categories they
are told the right one (the frame's largest), so they are rather too good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .categories import BACKGROUND, VOID
from .counts import LabelCounts

Array = np.ndarray[Any, np.dtype[Any]]
LONGEST = 64  # pixels
ALL, BOX, PREVIOUS, ANOTHER = "all foreground", "centre box", "previous frame", "another sample"


def thinned(gt: Array) -> Array:
    """Every so many-th pixel of a map, as stored, at most ``LONGEST`` a side."""
    step = -(-max(gt.shape) // LONGEST)
    return gt[::step, ::step]


def baseline_counts(gts: Sequence[Array], sounding: int = 1) -> list[dict[str, LabelCounts]]:
    """Counts of each trivial prediction for each sample, whose gt is ``uint8`` (frames, height, width), thinned; void is 255.

    "another sample" is the gt of the sample before it in ``gts`` (the first takes the last's), brought to its size by nearest
    pixel; "previous frame" leaves out a sample's first frame. What can't be made (one frame, one sample) is missing.
    ``sounding`` is what is predicted where the gt has nothing to go by.
    """
    seen = np.zeros(256, bool)
    for gt in gts:
        seen[gt] = True
    values = np.union1d(np.flatnonzero(seen), [BACKGROUND, sounding])
    ranks = np.zeros(256, np.uint8)
    ranks[values] = np.arange(len(values))
    maps = [ranks[gt] for gt in gts]
    return [
        _of_sample(own, maps[number - 1] if len(maps) > 1 else own[:0], values, sounding)
        for number, own in enumerate(maps)
    ]


def _of_sample(gt: Array, other: Array, values: Array, sounding: int) -> dict[str, LabelCounts]:
    """``gt`` and ``other`` hold places in ``values``."""
    if not len(gt):
        return {}
    height, width = gt.shape[1:]
    box = gt[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    everywhere, inside = (_areas(maps, len(values)) for maps in (gt, box))
    made = {ALL: _filled(everywhere, everywhere, values, sounding), BOX: _filled(everywhere, inside, values, sounding)}
    if len(gt) > 1:
        made[PREVIOUS] = _pairs(gt[1:], gt[:-1], values)
    if len(other):
        made[ANOTHER] = _pairs(gt, _fitted(other, gt), values)
    return made


def _areas(maps: Array, values: int) -> Array:
    """Pixels of each value in each frame, int64 (frames, values)."""
    frames = np.arange(len(maps), dtype=np.int32)[:, None, None] * values
    return np.bincount((maps + frames).ravel(), minlength=len(maps) * values).reshape(-1, values)


def _filled(everywhere: Array, inside: Array, values: Array, otherwise: int) -> LabelCounts:
    """A prediction of each frame's largest category (``otherwise`` without any) within a part of the frame."""
    sounding = everywhere * ((values != BACKGROUND) & (values != VOID))
    label = np.where(sounding.any(axis=1), values[sounding.argmax(axis=1)], otherwise)
    counts = np.stack([everywhere - inside, inside], axis=2)  # (frames, values, 2)
    frame, value, within = np.nonzero(counts)
    pred = np.where(within, label[frame], BACKGROUND)
    return _record(np.stack([frame, values[value], pred, counts[frame, value, within]], axis=1), len(counts))


def _pairs(gt: Array, pred: Array, values: Array) -> LabelCounts:
    """One gt as the prediction of another; its void is background."""
    size = len(values)
    codes = np.arange(len(gt), dtype=np.int32)[:, None, None] * size + gt
    codes *= size
    codes += pred
    counts = np.bincount(codes.ravel(), minlength=len(gt) * size**2).reshape(len(gt), size, size)
    frame, truth, taken = np.nonzero(counts)
    labels = np.where(values == VOID, BACKGROUND, values)
    rows = np.stack([frame, values[truth], labels[taken], counts[frame, truth, taken]], axis=1)
    return _record(rows, len(gt))


def _fitted(other: Array, gt: Array) -> Array:
    """Another sample's frames for these: the last again where it has fewer, at this size by nearest pixel."""
    frames = np.minimum(np.arange(len(gt)), len(other) - 1)
    if other.shape[1:] == gt.shape[1:]:
        return other[frames]
    rows, columns = (np.arange(new) * old // new for new, old in zip(gt.shape[1:], other.shape[1:], strict=True))
    return other[np.ix_(frames, rows, columns)]


def _record(rows: Array, frames: int) -> LabelCounts:
    return LabelCounts(rows.astype(np.int64), frames, np.ones(frames, bool))
