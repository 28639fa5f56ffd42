"""The label counts of many samples as one table, so that a fold is a few operations on long arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .categories import VOID
from .counts import LabelCounts

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Stacked:
    """Rows of all samples, one after the other; frames are counted through."""

    sample: Array  # of each row
    frame: Array
    gt: Array
    pred: Array
    pixels: Array
    sample_of_frame: Array
    valid: Array  # bool (frames,)
    samples: int

    def kept(self, rows: Array) -> Stacked:
        """Only the rows where ``rows`` (bool) is true."""
        return Stacked(
            self.sample[rows], self.frame[rows], self.gt[rows], self.pred[rows], self.pixels[rows],
            self.sample_of_frame, self.valid, self.samples,
        )  # fmt: skip

    @property
    def labelled(self) -> Array:
        """Rows whose gt is an index: neither void nor -1."""
        rows: Array = (self.gt != VOID) & (self.gt >= 0)
        return rows


def stack(samples: Sequence[LabelCounts]) -> Stacked:
    """All rows of the samples."""
    frames = np.array([sample.frames for sample in samples])
    rows = np.concatenate([sample.rows for sample in samples])
    sample = np.repeat(np.arange(len(samples)), [len(one.rows) for one in samples])
    frame = rows[:, 0] + (np.cumsum(frames) - frames)[sample]
    valid = np.concatenate([one.valid for one in samples])
    owner = np.repeat(np.arange(len(samples)), frames)
    return Stacked(sample, frame, rows[:, 1], rows[:, 2], rows[:, 3], owner, valid, len(samples))


@dataclass(frozen=True, eq=False)
class Areas:
    """Pixels of each category that a frame has: in both, in the prediction, in the gt; float64 (objects,)."""

    frame: Array
    category: Array
    hit: Array
    pred: Array
    gt: Array


def areas(table: Stacked, in_pred: Array, in_gt: Array) -> Areas:
    """One entry per frame and category that occurs. ``in_pred``, ``in_gt``: rows whose prediction or gt counts (bool)."""
    width = int(max(table.gt[in_gt].max(initial=0), table.pred[in_pred].max(initial=0))) + 1
    taken, true = table.frame[in_pred] * width + table.pred[in_pred], table.frame[in_gt] * width + table.gt[in_gt]
    keys, places = np.unique(np.concatenate([taken, true]), return_inverse=True)
    places = places.ravel()
    pred = np.bincount(places[: len(taken)], table.pixels[in_pred], len(keys))
    gt = np.bincount(places[len(taken) :], table.pixels[in_gt], len(keys))
    same = (table.pred == table.gt)[in_pred] & in_gt[in_pred]
    hit = np.bincount(places[: len(taken)][same], table.pixels[in_pred][same], len(keys))
    return Areas(keys // width, keys % width, hit, pred, gt)
