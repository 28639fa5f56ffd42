"""Trivial predictions scored beside the real one, so that a number can be judged.

They are drawn on maps thinned to at most ``LONGEST`` pixels a side: yardsticks, not results. Where the gt has categories they
are told the right one (the frame's largest), so they are rather too good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .categories import BACKGROUND, VOID
from .counts import LabelCounts

Array = np.ndarray[Any, np.dtype[Any]]
LONGEST = 32  # pixels
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
    seen[[BACKGROUND, sounding]] = True
    values = np.flatnonzero(seen)
    ranks = np.zeros(256, np.uint8)
    ranks[values] = np.arange(len(values))
    samples = [ranks[gt] for gt in gts]
    lengths = [len(gt) for gt in samples]
    everywhere, inside = _areas(samples, len(values)), _areas([_centre(gt) for gt in samples], len(values))
    made = {
        ALL: (_filled(everywhere, everywhere, values, sounding), lengths),
        BOX: (_filled(everywhere, inside, values, sounding), lengths),
        PREVIOUS: (
            _pairs([gt[1:] for gt in samples], [gt[:-1] for gt in samples], values),
            [max(length - 1, 0) for length in lengths],
        ),
    }
    if len(samples) > 1:
        others = [_fitted(samples[number - 1], gt) for number, gt in enumerate(samples)]
        kept = [gt if len(other) else gt[:0] for gt, other in zip(samples, others, strict=True)]
        made[ANOTHER] = _pairs(kept, others, values), [len(gt) for gt in kept]
    result: list[dict[str, LabelCounts]] = [{} for _ in gts]
    for name, (rows, counted) in made.items():
        for number, own in enumerate(_split(rows, counted)):
            if counted[number]:
                result[number][name] = LabelCounts(own, counted[number], np.ones(counted[number], bool))
    return result


def _centre(gt: Array) -> Array:
    height, width = gt.shape[1:]
    return gt[:, height // 4 : height - height // 4, width // 4 : width - width // 4]


def _numbered(samples: Sequence[Array], step: int) -> Array:
    """``step`` times the number of its frame for each pixel of all samples, frames counted through: int32 (pixels,)."""
    pixels = [gt.shape[1] * gt.shape[2] for gt in samples for _ in range(len(gt))]
    numbers: Array = np.repeat(np.arange(len(pixels), dtype=np.int32) * step, pixels)
    return numbers


def _areas(samples: Sequence[Array], values: int) -> Array:
    """Pixels of each value in each frame of all samples, int64 (frames, values)."""
    codes = _numbered(samples, values)
    codes += np.concatenate([gt.ravel() for gt in samples])
    counts: Array = np.bincount(codes, minlength=sum(map(len, samples)) * values).reshape(-1, values)
    return counts


def _filled(everywhere: Array, inside: Array, values: Array, otherwise: int) -> Array:
    """Rows of a prediction of each frame's largest category (``otherwise`` without any) within a part of the frame."""
    sounding = everywhere * ((values != BACKGROUND) & (values != VOID))
    label = np.where(sounding.any(axis=1), values[sounding.argmax(axis=1)], otherwise)
    counts = np.stack([everywhere - inside, inside], axis=2)  # (frames, values, 2)
    frame, value, within = np.nonzero(counts)
    pred = np.where(within, label[frame], BACKGROUND)
    return np.stack([frame, values[value], pred, counts[frame, value, within]], axis=1)


def _pairs(samples: Sequence[Array], preds: Sequence[Array], values: Array) -> Array:
    """Rows of gts as predictions of others; their void is background."""
    size, frames = len(values), sum(map(len, samples))
    codes = _numbered(samples, size)
    codes += np.concatenate([gt.ravel() for gt in samples])
    codes *= size
    codes += np.concatenate([pred.ravel() for pred in preds])
    counts = np.bincount(codes, minlength=frames * size**2).reshape(frames, size, size)
    frame, truth, taken = np.nonzero(counts)
    labels = np.where(values == VOID, BACKGROUND, values)
    return np.stack([frame, values[truth], labels[taken], counts[frame, truth, taken]], axis=1)


def _fitted(other: Array, gt: Array) -> Array:
    """Another sample's frames for these: the last again where it has fewer, at this size by nearest pixel."""
    if not len(other) or not len(gt):
        return other[:0]
    frames = np.minimum(np.arange(len(gt)), len(other) - 1)
    if other.shape[1:] == gt.shape[1:]:
        return other[frames]
    rows, columns = (np.arange(new) * old // new for new, old in zip(gt.shape[1:], other.shape[1:], strict=True))
    fitted: Array = other[np.ix_(frames, rows, columns)]
    return fitted


def _split(rows: Array, frames: Sequence[int]) -> Iterator[Array]:
    """The rows of each sample, its frames counted from 0."""
    ends = np.searchsorted(rows[:, 0], np.cumsum(frames))
    for start, end, first in zip([0, *ends[:-1]], ends, np.cumsum(frames) - frames, strict=True):
        own = rows[start:end].astype(np.int64)
        own[:, 0] -= first
        yield own
