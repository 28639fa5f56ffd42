"""The default protocol ``avs``: one rule for masks and label maps that depends on no batch, order or choice of threshold.

In a frame, void pixels left out, the objects are the categories that the gt or the prediction has there (one category where
the gt says only what sounds). J and F are computed for each, averaged over the frame's objects, then over the sample's
frames, then over samples. A frame in which nothing sounds and nothing is predicted scores 1; a category that only one of the
two has scores 0. Soft masks are cut at p > 0.5. F is of pixels, beta squared 0.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import fscore, region
from .counts import LabelCounts
from .outcome import Array, Outcome, nanmean, ratio
from .stacked import Stacked, areas, stack


def fold(ids: Sequence[str], samples: Sequence[LabelCounts], rule: Mapping[str, Any]) -> Outcome:
    """J, F, their mean, FDR and the predicted share of the area, each a mean over samples; per category over its frames.

    Frames that only a loader added are left out.
    """
    table = stack(samples)
    table = table.kept(table.labelled & table.valid[table.frame])
    everything = np.ones(len(table.gt), bool)
    objects = areas(table, everything, everything)
    sounding = objects.category > 0
    frame, category = objects.frame[sounding], objects.category[sounding]
    counts = objects.hit[sounding], objects.pred[sounding], objects.gt[sounding]
    scores = {"J": region.jaccard(*counts), "F": fscore.f_of_counts(*counts)}
    values = {name: _sample_means(score, frame, table) for name, score in scores.items()}
    values["J&F"] = (values["J"] + values["F"]) / 2
    predicted, wrong, total = (
        np.bincount(table.sample, table.pixels * which, table.samples)
        for which in (table.pred > 0, (table.pred > 0) & (table.pred != table.gt), table.pred >= 0)
    )
    values["FDR"], values["pred area"] = ratio(wrong, predicted), ratio(predicted, total, 0.0)
    silent = int((predicted == 0).sum())
    note = f"FDR leaves out {silent} of {len(samples)} samples in which nothing is predicted" if silent else ""
    per_class = {
        str(index): {**{name: nanmean(score[here]) for name, score in scores.items()}, "frames": int(here.sum())}
        for index in np.unique(category)
        for here in [category == index]
    }
    measures = {name: nanmean(column) for name, column in values.items()}
    return Outcome(measures, tuple(ids), values, per_class=per_class, note=note)


def _sample_means(score: Array, frame: Array, table: Stacked) -> Array:
    """Mean over a frame's objects, 1 where it has none; then over a sample's frames."""
    frames = len(table.valid)
    of_frame = ratio(np.bincount(frame, score, frames), np.bincount(frame, minlength=frames), 1.0)
    owner, valid = table.sample_of_frame[table.valid], table.valid
    return ratio(np.bincount(owner, of_frame[valid], table.samples), np.bincount(owner, minlength=table.samples))
