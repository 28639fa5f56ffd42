"""SRC to the official layout of AVSBench-semantic in DST: S4 as v1s, MS3 as v1m, AVSBench-semantic itself made uniform.

Each mask is written twice, as indices in a palette PNG (``labels_semantic``) and in colours (``labels_rgb``); frames are JPEGs of
quality 95, unless SRC's are JPEGs already.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluators import avss
from evaluators.annotation_tables import read_table
from evaluators.ground_truth import LABELS
from evaluators.rejections import Rejection
from evaluators.videos import Video, VideoSet

from .conversions import SEMANTIC, Conversion, Plan, refusal
from .official import official_video, write_tables
from .sounding import only_category


def plan(video: Video, source: VideoSet, wanted: Conversion) -> Plan | Rejection:
    """The plan of a video; ``no-category`` where its masks' category isn't known."""
    setting = SEMANTIC.get(video.setting)
    if setting is None:
        return refusal(video, "no-semantic-layout", f"setting {video.setting!r}; there are {', '.join(avss.FRAMES)}")
    index, why = (0, "") if source.kind == LABELS else only_category(video)
    if why:
        return refusal(video, "no-category", why)
    target = official_video(replace(video, setting=setting), "avss")
    if len(target.frames) != len(video.frames):
        message = f"has {len(video.frames)} frames, and {setting} has {len(target.frames)}"
        return refusal(video, "frame-count", message)
    folder = f"{setting}/{video.id}/{avss.INDICES}"
    frames = [
        replace(after, mask_file=f"{folder}/{after.number}.png" if before.mask_file else "")
        for before, after in zip(video.frames, target.frames, strict=True)
    ]
    return Plan(
        source=video,
        target=replace(target, frames=tuple(frames)),
        named=frozenset(source.categories.index(word) for word in video.sounding if word in source.categories),
        index=index,
        colours=True,
        void=False,
    )


def finish(dst: Path, source: VideoSet, videos: Sequence[Video], wanted: Conversion) -> str:
    """Write metadata.csv and label2idx.json; a line to tell."""
    said = _objects(source)
    named = [video if video.sounding else replace(video, sounding=said.get(video.id, ())) for video in videos]
    write_tables(dst, "avss", named, source.categories)
    return f"AVSBench-semantic's layout: {os.fspath(dst)}"


def _objects(source: VideoSet) -> dict[str, tuple[str, ...]]:
    """The words of a_obj by video, such as off-the-screen, which are not all categories."""
    if source.name != "avss" or source.table.suffix != ".csv":
        return {}
    return {row[0]: tuple(row[3].split("_")) for row in read_table(source.table, avss.COLUMNS).rows}
