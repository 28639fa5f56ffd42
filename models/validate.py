"""Scores of a network on a split, as ``avs-eval`` would give them for its predictions in files.

Logits become the very map that ``predict.py`` writes, at the size of the ground truth's mask, and ``evaluators`` counts. Each
process takes every n-th sample, so that none is seen twice, whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evaluators.errors import DataError
from evaluators.ground_truth import LABELS, GroundTruth, GtSample, Selection, open_ground_truth
from evaluators.masks import decode_gt
from evaluators.scoring import Scorer, mapped

from .batch import Batch
from .system import System

Map = np.ndarray[Any, np.dtype[np.uint8]]
FULL = 255  # what a soft map of 1 is written as


@dataclass(frozen=True, eq=False)
class Truth:
    """The ground truth of a split."""

    gt: GroundTruth
    samples: Mapping[str, GtSample]  # by id

    @property
    def categories(self) -> int:
        """Number of indices in its label maps, background included; 0 where it is of sounding or not."""
        return len(self.gt.categories) if self.gt.kind == LABELS else 0

    def read(self, sample: GtSample) -> list[Map]:
        """The masks of a sample's frames: 0 and 1, or category index and void. Raises ``DataError`` of a bad file."""
        return [self._read(frame.mask_file) for frame in sample.frames]

    def _read(self, name: str) -> Map:
        try:
            data = (self.gt.root / name).read_bytes()
        except OSError as error:
            raise DataError("gt-unreadable", name, f"can't be read ({error.strerror}); mend the dataset") from error
        return mapped(decode_gt(data, name, self.gt), self.gt.values)


def open_truth(folder: Path | str, split: str, settings: Sequence[str] = ()) -> Truth:
    """The ground truth of a dataset folder. Raises ``DataError``."""
    gt = open_ground_truth(folder, Selection(split, tuple(settings)))
    return Truth(gt, {sample.id: sample for sample in gt.samples})


def as_map(logits: Tensor, size: tuple[int, int]) -> Map:
    """The prediction for one frame at the size (height, width) of its mask, ``uint8``.

    logits float (classes, height, width), brought to that size bilinearly. One class: round(255 p), p the sigmoid; more:
    the index of the largest.
    """
    scaled = functional.interpolate(logits[None].float(), size, mode="bilinear", align_corners=False)[0]
    found = (scaled[0].sigmoid() * FULL).round() if len(scaled) == 1 else scaled.argmax(0)
    return found.to(torch.uint8).cpu().numpy()


def predicted(system: System, batches: Iterable[Batch], device: torch.device) -> Iterator[tuple[str, Tensor]]:
    """Id and logits (frames, classes, height, width) of each sample. The network should be in ``eval`` mode."""
    with torch.no_grad():
        for batch in batches:
            image = batch.image.to(device, non_blocking=True)
            logits = system(image, batch.sound.to(device, non_blocking=True))
            yield from zip(batch.ids, logits, strict=True)


def score_samples(
    system: System, batches: Iterable[Batch], truth: Truth, protocol: str, device: torch.device
) -> Scorer:
    """Counts of the samples in ``batches``."""
    kind = "soft" if system.classes == 1 else "labels"
    scorer = Scorer([protocol], kind=kind, categories=truth.categories, full=FULL)
    for id, logits in predicted(system, batches, device):
        sample = truth.samples[id]
        masks = truth.read(sample)
        maps = [as_map(logits[frame.number], mask.shape) for frame, mask in zip(sample.frames, masks, strict=True)]
        scorer.update(id, np.stack(maps), np.stack(masks))
    return scorer
