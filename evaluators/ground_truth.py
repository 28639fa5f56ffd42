"""Ground truth as the scorer sees it: samples of frames, each frame with one mask file, whatever the layout on disk.

Each layout has a module of the same shape (``vpo``, ``s4``, ``ms3``, ``avss``, ``plain``): ``recognises(folder)``
and ``read(folder, selection)``. They name files; nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MASK, LABELS = "mask", "labels"  # what a gt file holds: something or nothing; a category's index


@dataclass(frozen=True)
class GtFrame:
    """One frame of a sample."""

    number: int  # from 0, whatever the numbers in the file names
    mask_file: str  # relative to the ground truth's root
    image_file: str = ""  # "" where unknown
    names: tuple[str, ...] = ()  # by which a prediction may go: paths without extension, the most explicit first


@dataclass(frozen=True)
class GtSample:
    """One image or video."""

    id: str
    frames: tuple[GtFrame, ...]  # those with a ground truth, by number
    split: str = ""
    setting: str = ""  # ss, ms, msmi; s4, ms3; v1s, v1m, v2
    category: str = ""  # of the whole sample, where the layout says it
    sources: int | None = None  # how many objects sound, where the layout says it
    audio_file: str = ""
    truth: str = "base"  # "empty" in a variant in which nothing that is seen sounds
    padded_frames: int = 0  # AVSBench-semantic: frames after the last that the official loader adds, with label 0
    names: tuple[str, ...] = ()  # by which a prediction of all frames in one array may go


@dataclass(frozen=True)
class Selection:
    """Which part of a dataset is scored; an empty field takes what the layout takes by itself (its test split)."""

    split: str = ""
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroundTruth:
    """A dataset folder, or a plain folder of masks."""

    root: Path
    layout: str  # vpo, s4, ms3, avss, plain
    kind: str  # MASK or LABELS
    samples: tuple[GtSample, ...]  # by id
    categories: tuple[str, ...] = ()  # name by index, 0 is background; empty for masks
    values: Mapping[int, int] = field(default_factory=dict)  # value in a file to index; empty: the same
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)  # for RGB masks: colour to index
    variant: str = "base"
    variants: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # what the reader found worth telling, a line each


def open_ground_truth(folder: Path | str, selection: Selection = Selection()) -> GroundTruth:
    """Recognise and read a folder. Raises ``DataError`` where it is missing, empty, or nothing fits the selection."""
    raise NotImplementedError
