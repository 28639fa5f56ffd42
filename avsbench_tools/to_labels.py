"""SRC to a dataset folder whose masks are label maps: indices of AVSBench-semantic's 71 categories, in palette PNGs.

A binary mask becomes the category of its video: S4's by the table of its 23 categories, MS3's by metadata.csv where one
category sounds. Layout as in ``to_manifest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluators.avss import avss_categories
from evaluators.ground_truth import LABELS
from evaluators.rejections import Rejection
from evaluators.videos import Video, VideoSet

from . import to_manifest
from .conversions import Conversion, Plan, refusal
from .sounding import only_category


def plan(video: Video, source: VideoSet, wanted: Conversion) -> Plan | Rejection:
    """The plan of a video; ``no-category`` where its masks' category isn't known."""
    target = to_manifest.own_place(video, LABELS)
    if source.kind == LABELS:
        named = frozenset(source.categories.index(name) for name in video.sounding if name in source.categories)
        return Plan(video, target, named)
    index, why = only_category(video)
    return Plan(video, target, index=index) if index else refusal(video, "no-category", why)


def finish(dst: Path, source: VideoSet, videos: Sequence[Video], wanted: Conversion) -> str:
    """Write the manifest; a line to tell."""
    labels = replace(
        source,
        root=dst,
        kind=LABELS,
        videos=tuple(videos),
        categories=source.categories or avss_categories(),
        colours={},
    )
    return to_manifest.write_dataset(dst, labels, to_manifest.COPIED[LABELS])
