"""AVSBench-object, multi-source subset: masks of all that sounds, categories unknown; see ``avsbench_object``."""

from __future__ import annotations

from pathlib import Path

from .annotation_tables import Column
from .avsbench_object import FRAMES, NAME, Subset, find
from .avsbench_object import read as read_subset
from .ground_truth import GroundTruth, Selection

SUBSET = Subset(
    name="ms3",
    folder="Multi-sources",
    data="ms3_data",
    csv_file="ms3_meta_data.csv",
    columns=(NAME, Column(("split",), 1)),
    masks=("{split}/{video}", "{video}"),
    images="{video}/{video}.mp4_{number}.png",
    sounds="{split}/{video}.wav",
    train_frames=FRAMES,
    sources=None,
    names=(
        "{split}/{video}/{video}_{number}",
        "{video}/{video}_{number}",
        "{video}_{number}",
        "{video}/{video}.mp4_{number}",
        "{video}.mp4_{number}",
        "{video}/{number}",
    ),
    array_names=("{split}/{video}", "{video}", "{video}.mp4"),
)


def recognises(folder: Path) -> bool:
    """Whether the folder is Multi-sources, its ms3_data, or the folder above."""
    return find(SUBSET, folder) is not None


def read(folder: Path, selection: Selection) -> GroundTruth:
    """The videos of a split, by default those of test; see ``avsbench_object.read``."""
    return read_subset(SUBSET, folder, selection)
