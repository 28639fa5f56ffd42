"""DAVIS 2017: J of regions, F of boundaries, and their mean, recall and decay over the frames of a sequence.

Source: davis2017-evaluation ac7c43f (davis2017/metrics.py, evaluation.py, utils.py); Perazzi et al., "A Benchmark Dataset
and Evaluation Methodology for Video Object Segmentation", CVPR 2016, Sec. 5. Its F compares outlines; the F of AVSBench
(:mod:`evaluators.fscore`) compares pixels and is another number. All numbers are float64, 0 (worst) to 1.

A boundary lies between pixels, so a mask that covers the whole image has none: against an empty mask its J is 0, its F 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, isqrt
from typing import Any

import numpy as np

from .categories import VOID
from .errors import DataError
from .histograms import label_histogram
from .outcome import nanmean
from .region import jaccard

BOUND = 0.008  # distance at which two boundaries still match, as a share of the image diagonal
MAX_PROPOSALS = 20
SEMI_SUPERVISED, UNSUPERVISED = TASKS = ("semi-supervised", "unsupervised")

Array = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Pairs = Sequence[tuple[int, int]]  # of a predicted label and a gt label


@dataclass(frozen=True, eq=False)
class SequenceScores:
    """J and F of each object of one sequence in each scored frame."""

    objects: tuple[int, ...]  # gt labels
    j: Floats  # (objects, frames)
    f: Floats  # (objects, frames)
    matched: tuple[int, ...] = ()  # the predicted label compared with each object; the official table is in its order


def region_j(pred: Array, gt: Array, void: Array | None = None) -> Floats:
    """J = |pred and gt| / |pred or gt| of each frame, 1 where both are empty: float64 (frames,).

    ``pred``, ``gt`` and ``void`` (pixels that don't count) are bool (frames, height, width).
    """
    pred, gt = _without_void(pred, gt, void, ndim=3)
    hit, *areas = (mask.sum(axis=(1, 2)) for mask in (pred & gt, pred, gt))
    return jaccard(hit, *areas)


def boundary_map(mask: Array) -> Array:
    """Pixels that differ from their right, lower or lower-right neighbour; bool (height, width), as ``mask``.

    The last row and column have only the neighbours that the image holds.
    """
    _check(mask, mask, bool, ndim=2)
    beyond = np.pad(mask, ((0, 1), (0, 1)), mode="edge")  # a neighbour outside the image never differs
    differs: Array = mask != beyond[:-1, 1:]
    differs |= mask != beyond[1:, :-1]
    differs |= mask != beyond[1:, 1:]
    return differs


def boundary_f(pred: Array, gt: Array, void: Array | None = None, bound: float = BOUND) -> float:
    """F = 2 P R / (P + R) of the boundaries of bool (height, width) masks.

    P is the share of pred's boundary pixels within a distance of gt's boundary, R the other way round. The distance is
    ceil(bound * diagonal) pixels for ``bound`` below 1, else ``bound`` pixels. Without boundary on one side F is 0, on both 1.
    """
    pred, gt = _without_void(pred, gt, void, ndim=2)
    radius = match_radius(pred.shape, bound)
    inside = _box(pred | gt)
    return _f_of_outlines(_outline(pred[inside], radius), _outline(gt[inside], radius))


def match_radius(shape: tuple[int, ...], bound: float = BOUND) -> int:
    """Pixels that two boundaries of an image of this (height, width) may lie apart: 3 for 224 x 224, 7 for 640 x 480."""
    if not (0 <= bound < 1 or (bound >= 1 and float(bound).is_integer())):
        raise ValueError(f"bound is a share of the diagonal below 1, or a whole number of pixels, not {bound}")
    return int(bound) if bound >= 1 else ceil(bound * np.sqrt(float(shape[0] ** 2 + shape[1] ** 2)))


@dataclass(frozen=True)
class _Outline:
    """A boundary map as one long integer, whose bit y * stride + x is pixel (y, x), and what lies near it."""

    bits: int
    near: int


def _outline(mask: Array, radius: int) -> _Outline:
    """``stride`` is width + radius: what a shift by up to ``radius`` pushes out of a row falls between the rows."""
    if not mask.any():
        return _Outline(0, 0)
    height, width = mask.shape
    rows = np.zeros((height, width + radius), bool)
    rows[:, :width] = boundary_map(mask)
    bits = int.from_bytes(np.packbits(rows, bitorder="little").tobytes(), "little")
    return _Outline(bits, _dilate(bits, radius, width + radius))


def _dilate(bits: int, radius: int, stride: int) -> int:
    """Bits within ``radius`` of a set bit (dx^2 + dy^2 <= radius^2): rows widened, then laid over each other."""
    widened = [bits]  # widened[n]: by up to n pixels to both sides
    for dx in range(1, radius + 1):
        widened.append(widened[-1] | bits << dx | bits >> dx)
    near = widened[radius]
    for dy in range(1, radius + 1):
        row = widened[isqrt(radius**2 - dy**2)]
        near |= row << dy * stride | row >> dy * stride
    return near


def _f_of_outlines(pred: _Outline, gt: _Outline) -> float:
    pixels = pred.bits.bit_count(), gt.bits.bit_count()
    if not all(pixels):
        return 0.0 if any(pixels) else 1.0
    precision = (pred.bits & gt.near).bit_count() / pixels[0]
    recall = (gt.bits & pred.near).bit_count() / pixels[1]
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _box(mask: Array) -> tuple[slice, slice]:
    """The part of an image that holds the mask's pixels and their boundary."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        spans.append(slice(max(places[0] - 1, 0), places[-1] + 2) if len(places) else slice(0, 1))
    return spans[0], spans[1]


def score_sequence(pred: Array, gt: Array, task: str, *, name: str = "sequence") -> SequenceScores:
    """J and F of the objects of one sequence; ``pred`` and ``gt`` are label maps, ``uint8`` (frames, height, width).

    The objects are the labels 1 to the largest of the first gt frame, 255 being void; what appears later is background.
    "semi-supervised": object n is compared with label n. The first frame is given and the last is left out; void is
    background. "unsupervised": all frames, void pixels don't count, and each object is compared with one of at most 20
    predicted labels, so that the mean of J and F over frames is best (a label too few is an empty mask).

    A sequence without objects gives none, as in the official code. Raises ``DataError`` about ``name`` where that code
    ends the run: ``too-few-frames`` (below 3, semi-supervised), ``too-many-objects`` (labels predicted that no object has,
    or above 20). Raises ValueError for wrong arrays.
    """
    if task not in TASKS:
        raise ValueError(f"task is {' or '.join(TASKS)}, not {task!r}")
    _check(pred, gt, np.uint8, ndim=3)
    objects = int((gt[0] * (gt[0] != VOID)).max())
    if task == SEMI_SUPERVISED:
        if len(gt) < 3:
            found = (
                f"{len(gt)} found, 3 or more expected, since the first and last are not scored: leave this sequence out"
            )
            raise DataError("too-few-frames", name, found)
        pred, gt = pred[1:-1], gt[1:-1]
    proposals = int(pred.max())
    _check_count(proposals, objects, task, name)
    if task == SEMI_SUPERVISED:
        labels = tuple(range(1, objects + 1))
        return SequenceScores(labels, *_pair_scores(pred, gt, [(n, n) for n in labels], void=False), labels)
    rows = max(proposals, objects)
    pairs = list(product(range(1, rows + 1), range(1, objects + 1)))
    j, f = (values.reshape(rows, objects, len(gt)) for values in _pair_scores(pred, gt, pairs, void=True))
    return _match(j, f)


def _match(j: Floats, f: Floats) -> SequenceScores:
    """The one-to-one match with the largest sum of (J + F) / 2, from (predicted labels, objects, frames)."""
    from scipy.optimize import linear_sum_assignment

    quality = (j.mean(axis=2) + f.mean(axis=2)) / 2
    rows, columns = linear_sum_assignment(-quality)
    rows, columns = rows[columns.argsort()], np.sort(columns)
    objects, matched = (tuple(int(place) + 1 for place in places) for places in (columns, rows))
    return SequenceScores(objects, j[rows, columns], f[rows, columns], matched)


def _pair_scores(pred: Array, gt: Array, pairs: Pairs, *, void: bool) -> tuple[Floats, Floats]:
    """J and F of pairs of labels, float64 (pairs, frames) each; ``void``: pixels with gt 255 don't count."""
    j, f = np.zeros((2, len(pairs), len(gt)))
    for frame in range(len(gt) if pairs else 0):
        shown = gt[frame] != VOID
        truth = gt[frame] * shown
        labels = pred[frame] * shown if void else pred[frame]
        j[:, frame] = _pair_j(labels, truth, pairs)
        f[:, frame] = _pair_f(labels, truth, pairs)
    return j, f


def _pair_j(pred: Array, gt: Array, pairs: Pairs) -> Floats:
    truth, label, pixels = label_histogram(pred, gt).T
    joint = np.zeros((256, 256), np.int64)
    joint[truth, label] = pixels
    rows, columns = np.array(pairs).T
    return jaccard(joint[columns, rows], joint.sum(axis=0)[rows], joint.sum(axis=1)[columns])


def _pair_f(pred: Array, gt: Array, pairs: Pairs) -> list[float]:
    radius, inside = match_radius(gt.shape), _box((pred > 0) | (gt > 0))
    rows, columns = zip(*pairs, strict=True)
    preds = {label: _outline(pred[inside] == label, radius) for label in set(rows)}
    gts = {label: _outline(gt[inside] == label, radius) for label in set(columns)}
    return [_f_of_outlines(preds[row], gts[column]) for row, column in pairs]


def statistics(values: Floats, *, official_bins: bool = True) -> tuple[float, float, float]:
    """Mean, recall and decay of one object's numbers, (frames,): mean, share above 0.5, first quarter minus last quarter.

    NaN is left out of mean and decay and is a miss for the recall. The quarters lie between the places
    round(linspace(1, frames, 5) + 1e-10) - 1, both ends included. The official code keeps places and ends in 8 bits, where
    255 is followed by 0: from 256 frames on the last quarter is empty and the decay NaN (numpy 1 still gave it for 256), or,
    from 342 on, taken from other frames. ``official_bins=False`` gives the decay as meant; up to 255 frames nothing differs.
    """
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    places = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(np.int64)
    wrap = 256 if official_bins else len(values) + 1
    first, last = (values[places[n] % wrap : (places[n + 1] % wrap + 1) % wrap] for n in (0, 3))
    return nanmean(values), float((values > 0.5).mean()), nanmean(first) - nanmean(last)


def davis_measures(scores: Sequence[SequenceScores], *, official_bins: bool = True) -> dict[str, float]:
    """Means over the objects of all sequences, each object counting once: J&F, J, J recall, J decay, F, F recall, F decay.

    J&F = (J + F) / 2. NaN where there is no object, and where one object's number is NaN (see :func:`statistics`).
    """
    measures: dict[str, float] = {}
    for name, tables in (("J", [one.j for one in scores]), ("F", [one.f for one in scores])):
        rows = [statistics(values, official_bins=official_bins) for table in tables for values in table]
        means = np.mean(rows, axis=0) if rows else np.full(3, np.nan)
        measures |= {name + suffix: float(mean) for suffix, mean in zip(("", " recall", " decay"), means, strict=True)}
    return {"J&F": (measures["J"] + measures["F"]) / 2, **measures}


def _without_void(pred: Array, gt: Array, void: Array | None, ndim: int) -> tuple[Array, Array]:
    _check(pred, gt, bool, ndim)
    if void is None:
        return pred, gt
    _check(pred, void, bool, ndim)
    return pred & ~void, gt & ~void


def _check(one: Array, other: Array, dtype: type, ndim: int) -> None:
    if one.shape != other.shape or one.ndim != ndim or not one.size or one.dtype != dtype or other.dtype != dtype:
        axes = "(frames, height, width)" if ndim == 3 else "(height, width)"
        found = f"{one.dtype} {one.shape} and {other.dtype} {other.shape}"
        raise ValueError(f"two arrays {np.dtype(dtype)} {axes} of one shape, not empty, expected, found {found}")


def _check_count(proposals: int, objects: int, task: str, name: str) -> None:
    most, why = (objects, "objects of the first gt frame") if task == SEMI_SUPERVISED else (MAX_PROPOSALS, "proposals")
    if proposals > most:
        todo = "store a 0/255 mask as 0/1" if proposals == VOID else "leave out or renumber the others"
        found = f"label {proposals} found in the predictions, at most {most} expected ({why}): {todo}"
        raise DataError("too-many-objects", name, found)
