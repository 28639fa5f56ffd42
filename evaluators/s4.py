"""AVSBench-object, single-source subset: one category a video, masks of what sounds; see ``avsbench_object``."""

from __future__ import annotations

from pathlib import Path

from .annotation_tables import Column
from .avsbench_object import NAME, Subset, find
from .avsbench_object import read as read_subset
from .ground_truth import GroundTruth, Selection

SUBSET = Subset(
    name="s4",
    folder="Single-source",
    data="s4_data",
    csv_file="s4_meta_data.csv",
    columns=(NAME, Column(("split",), 3), Column(("category",), 2)),
    masks=("{split}/{category}/{video}",),
    images="{split}/{category}/{video}/{video}_{number}.png",
    sounds="{split}/{category}/{video}.wav",
    train_frames=1,
    sources=1,
    names=(
        "{split}/{category}/{video}/{video}_{number}",
        "{category}/{video}/{video}_{number}",
        "{video}/{video}_{number}",
        "{video}_{number}",
        "{video}/{number}",
    ),
    array_names=("{split}/{category}/{video}", "{category}/{video}", "{video}"),
)


def recognises(folder: Path) -> bool:
    """Whether the folder is Single-source, its s4_data, or the folder above."""
    return find(SUBSET, folder) is not None


def read(folder: Path, selection: Selection) -> GroundTruth:
    """The videos of a split, by default those of test; see ``avsbench_object.read``."""
    return read_subset(SUBSET, folder, selection)
