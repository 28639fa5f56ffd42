"""AVSBench-object, multi-source subset: masks of all that sounds, categories unknown; see ``avsbench_object``."""

from __future__ import annotations

from pathlib import Path

from .annotation_tables import Column
from .avsbench_object import FRAMES, NAME, START, Subset, find
from .avsbench_object import read as read_subset
from .avsbench_object import videos as list_videos
from .ground_truth import GroundTruth, Selection
from .videos import VideoSet

SUBSET = Subset(
    name="ms3",
    folder="Multi-sources",
    data="ms3_data",
    csv_file="ms3_meta_data.csv",
    header=("video_id", "split"),
    columns=(NAME, Column(("split",), 1), Column(("category",), required=False), START),
    masks=("{split}/{video}", "{video}"),
    images="{video}/{video}.mp4_{number}.png",
    sounds="{split}/{video}",
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


def videos(folder: Path) -> VideoSet | None:
    """All videos of the table; see ``avsbench_object.videos``."""
    return list_videos(SUBSET, folder)
