"""AVSBench-object, single-source subset: one category a video, masks of what sounds; see ``avsbench_object``."""

from __future__ import annotations

from pathlib import Path

from .annotation_tables import Column
from .avsbench_object import NAME, START, Subset, find
from .avsbench_object import read as read_subset
from .avsbench_object import videos as list_videos
from .ground_truth import GroundTruth, Selection
from .videos import VideoSet

SUBSET = Subset(
    name="s4",
    folder="Single-source",
    data="s4_data",
    csv_file="s4_meta_data.csv",
    header=("name", "start", "category", "split"),
    columns=(NAME, Column(("split",), 3), Column(("category",), 2), START),
    masks=("{split}/{category}/{video}",),
    images="{split}/{category}/{video}/{video}_{number}.png",
    sounds="{split}/{category}/{video}",
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


def videos(folder: Path) -> VideoSet | None:
    """All videos of the table; see ``avsbench_object.videos``."""
    return list_videos(SUBSET, folder)
