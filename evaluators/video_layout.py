"""Dataset folders of videos, as ``avsbench convert`` writes them: a manifest that names every frame, mask and sound.

Predictions go by the same names as for the official layout that the videos come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import avss, ms3, s4
from .avsbench_object import gt_sample as object_sample
from .errors import DataError
from .ground_truth import GroundTruth, GtSample, Selection
from .gt_reading import choose, names_in, safe, scope, settled, tell_incomplete
from .videos import Video, VideoSet, is_video_folder, read_videos


def recognises(folder: Path) -> bool:
    """Whether the folder's ``dataset.json`` is one of videos."""
    return is_video_folder(folder)


def videos(folder: Path) -> VideoSet | None:
    """All videos of the manifest."""
    return read_videos(folder) if is_video_folder(folder) else None


def read(folder: Path, selection: Selection) -> GroundTruth:
    """The videos of a split and of the chosen sets, where any of their frames is annotated.

    Raises ``DataError``: ``bad-selection``, ``gt-incomplete``, ``not-a-dataset``, ``manifest-unreadable``, ``unsafe-path``.
    """
    found = read_videos(folder)
    chosen = choose(found.videos, lambda video: (video.split, video.setting), selection, found.table)
    samples = [_sample(video) for video in chosen if video.masks]
    _check(found.root, samples)
    return GroundTruth(
        found.root,
        found.name,
        found.kind,
        settled(samples, found.table, in_order=True),
        found.categories,
        colours=found.colours,
        remarks=(scope(samples),),
    )


def _sample(video: Video) -> GtSample:
    subset = {"s4": s4.SUBSET, "ms3": ms3.SUBSET}.get(video.setting)
    return object_sample(subset, video) if subset else avss.gt_sample(video)


def _check(root: Path, samples: Sequence[GtSample]) -> None:
    """Raise ``DataError`` where a file lies outside of the root, or isn't there."""
    wanted: dict[str, set[str]] = {}
    for sample in samples:
        for frame in sample.frames:
            folder, _, name = safe(root, frame.mask_file).rpartition("/")
            wanted.setdefault(folder, set()).add(name)
    missing = [f"{folder}/{name}" for folder in wanted for name in wanted[folder] - names_in(root / folder)]
    if missing and not root.is_dir():
        raise DataError("gt-incomplete", root, "the folder that the manifest refers to is not there; convert again")
    tell_incomplete(root, sorted(missing))
