"""Pairs of files to counts, in parallel, and counts to numbers.

Nothing depends on the number of workers or on the order in which they finish: samples keep the ground truth's order, and
groups of neighbours, which the baseline "another sample" needs, are always the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from .baselines import baseline_counts, thinned
from .categories import VOID
from .counts import HALF, LabelCounts, relabelled
from .engines import Engine, finished
from .errors import DataError
from .ground_truth import LABELS as LABEL_GT
from .pairing import Pair
from .progress import Progress
from .protocols import Protocol
from .sample_files import Frame, SampleFiles, Sources, read_pair
from .scoring import SampleCounts, count_sample

GROUP = 16  # samples that one task counts

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Scored:
    """One sample's counts, and what happened on the way."""

    id: str
    counts: SampleCounts | None  # None where no frame was left
    baselines: dict[str, SampleCounts]
    tally: Counter[str]
    hashes: tuple[tuple[str, str, bytes], ...]  # "pred" or "gt", name, SHA-256
    problems: tuple[DataError, ...]
    perfect: bool  # every labelled pixel is as in the gt
    gt_share: float  # of the sample's pixels


def count_pairs(
    sources: Sources, protocols: Sequence[Protocol], pairs: Sequence[Pair], engine: Engine, progress: Progress
) -> list[Scored]:
    """Counts of all pairs, in their order."""
    starts = list(range(0, len(pairs), GROUP))
    if len(starts) > 1 and len(pairs) - starts[-1] == 1:  # nobody is left alone, for the baseline "another sample"
        starts.pop()
    groups = [(start, tuple(pairs[start:end])) for start, end in pairwise([*starts, len(pairs)])]
    header = replace(sources, gt=replace(sources.gt, samples=()))
    found: dict[int, list[Scored]] = {}
    with progress.stage("score", len(pairs)) as advance:
        for outcome in engine.run(partial(count_group, header, tuple(protocols)), groups):
            found[outcome.item[0]] = finished(outcome)
            for _ in outcome.item[1]:
                advance()
    return [scored for start in sorted(found) for scored in found[start]]


def count_group(sources: Sources, protocols: Sequence[Protocol], group: tuple[int, Sequence[Pair]]) -> list[Scored]:
    """Counts of neighbouring samples and of trivial predictions for them."""
    scored, maps = [], []
    for pair in group[1]:
        files = read_pair(sources, pair)
        maps.append(_thinned(files.frames))
        scored.append(_count(sources, protocols, pair, files))
    values = sources.gt.values
    first = min((value for value, index in values.items() if 0 < index < VOID), default=1)
    return [
        one
        if one.counts is None
        else replace(
            one,
            baselines={name: SampleCounts(labels=relabelled(counts, values, values)) for name, counts in made.items()},
        )
        for one, made in zip(scored, baseline_counts(maps, first), strict=True)
    ]


def _thinned(frames: Sequence[Frame]) -> Array:
    """The gt of a sample's own frames, thinned; none where they differ in size."""
    maps = [thinned(gt) for _, gt, valid in frames if valid]
    return np.stack(maps) if len({gt.shape for gt in maps}) == 1 else np.zeros((0, 1, 1), np.uint8)


def _count(sources: Sources, protocols: Sequence[Protocol], pair: Pair, files: SampleFiles) -> Scored:
    counts, perfect, share = None, False, float("nan")
    if files.frames and not files.problems:
        try:
            counts = _counts(sources, protocols, files.frames)
            perfect, share = _told(counts, files.tally)
        except ValueError as error:
            reason = DataError("labels", pair.sample.id, f"{error}; check --labels and the categories of the dataset")
            files.problems.append(reason)
    return Scored(pair.sample.id, counts, {}, files.tally, tuple(files.hashes), tuple(files.problems), perfect, share)


def _counts(sources: Sources, protocols: Sequence[Protocol], frames: Sequence[Frame]) -> SampleCounts:
    reading, gt = sources.reading, sources.gt
    preds, gts, valid = zip(*frames, strict=True)
    if len({pred.shape for pred in preds}) > 1:
        raise ValueError("the frames of one sample differ in size")
    return count_sample(
        _stacked(preds),
        _stacked(gts),
        protocols,
        kind=reading.kind,
        categories=len(gt.categories) if gt.kind == LABEL_GT else 0,
        full=reading.full,
        valid=np.array(valid),
        values=(reading.values, gt.values),
    )


def _stacked(frames: Sequence[Array]) -> Array:
    return frames[0][None] if len(frames) == 1 else np.stack(frames)


def _told(counts: SampleCounts, tally: Counter[str]) -> tuple[bool, float]:
    """Add up what a reader wants to know of the frames; whether all is right; and the gt's share of the pixels."""
    if counts.labels is None:
        objects = counts.as_objects()
        gt, pred, hit, pixels = objects.gt, objects.area[:, HALF], objects.hit[:, HALF], objects.pixels
        perfect = bool((hit == gt).all() and (hit == pred).all())
    else:
        gt, pred, pixels, perfect = _areas(counts.labels)
    tally["frames"] += len(gt)
    tally["empty gt frames"] += int((gt == 0).sum())
    tally["empty pred frames"] += int((pred == 0).sum())
    tally["both empty frames"] += int(((gt == 0) & (pred == 0)).sum())
    return perfect, float(gt.sum() / max(pixels.sum(), 1))


def _areas(labels: LabelCounts) -> tuple[Array, Array, Array, bool]:
    """Sounding pixels of gt and prediction and all labelled pixels of each of the sample's own frames; whether all is right."""
    table, perfect = np.zeros((3, labels.frames), np.int64), True
    for frame, truth, taken, pixels in labels.rows.tolist():  # few rows: plain Python is faster
        if 0 <= truth != VOID:
            table[0, frame] += pixels * (truth > 0)
            table[1, frame] += pixels * (taken > 0)
            table[2, frame] += pixels
            perfect = perfect and truth == taken
    gt, pred, everything = table[:, labels.valid]
    return gt, pred, everything, perfect
