"""SRC to the official layouts of AVSBench-object: DST/Single-source of S4 and v1s, DST/Multi-sources of MS3 and v1m.

Masks become 8-bit grey, 0 and 255, which the official loaders' modes 1 and P both read right. Of AVSBench-semantic everything
that sounds is one mask, frames become PNGs of 224 x 224 as the official script resizes them, masks by the nearest pixel, and
log-mels are made from the sound. v2 has 10 frames, for which these layouts have no place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluators.ground_truth import LABELS
from evaluators.rejections import Rejection
from evaluators.videos import Video, VideoSet

from .conversions import OBJECT, Conversion, Plan, refusal
from .official import SUBSETS, official_video, write_tables
from .s4_categories import s4_categories

SIDE = 224


def plan(video: Video, source: VideoSet, wanted: Conversion) -> Plan | Rejection:
    """The plan of a video; ``no-category`` where S4 has no folder for it, and a warning ``no-object-layout`` for v2."""
    name = OBJECT.get(video.setting)
    if name is None:
        message = f"{len(video.frames)} frames of {video.setting}; S4 and MS3 have 5 each, so it was left out"
        return refusal(video, "no-object-layout", message, warning=True)
    category = _s4_category(video) if name == "s4" else video.category
    if name == "s4" and not category:
        found = " and ".join(video.sounding) or video.category or "nothing that is known"
        return refusal(video, "no-category", f"{found} sounds, which is none of the 23 categories of S4")
    target = official_video(replace(video, category=category), name)
    numbers = {frame.number for frame in video.frames if frame.mask_file}
    frames = [frame if frame.number in numbers else replace(frame, mask_file="") for frame in target.frames]
    if len(frames) != len(video.frames):
        message = f"has {len(video.frames)} frames, and {name} has {len(frames)}"
        return refusal(video, "frame-count", message)
    folder = f"{SUBSETS[name].folder}/"
    return Plan(
        source=video,
        target=_below(folder, replace(target, frames=tuple(frames), sounding=video.sounding)),
        named=frozenset(source.categories.index(word) for word in video.sounding if word in source.categories),
        binary=source.kind == LABELS,
        void=False,
        side=SIDE if video.setting not in SUBSETS else 0,
        sound_to_log_mel=True,
    )


def finish(dst: Path, source: VideoSet, videos: Sequence[Video], wanted: Conversion) -> str:
    """Write the tables; a line to tell."""
    names = []
    for name, subset in SUBSETS.items():
        these = [video for video in videos if video.setting == name]
        if these:
            write_tables(dst / subset.folder, name, these)
            names.append(subset.folder)
    return f"official layouts: {' and '.join(str(dst / name) for name in names)}"


def _s4_category(video: Video) -> str:
    """S4's word for what sounds; "" where it has none, or several sound."""
    if video.setting == "s4":
        return video.category
    words = {category.sounding: category.name for category in s4_categories().values()}
    return words.get(video.sounding[0], "") if len(video.sounding) == 1 else ""


def _below(folder: str, video: Video) -> Video:
    frames = [
        replace(
            frame,
            image_file=folder + frame.image_file,
            mask_file=frame.mask_file and folder + frame.mask_file,
        )
        for frame in video.frames
    ]
    return replace(
        video,
        frames=tuple(frames),
        audio_file=folder + video.audio_file,
        log_mel_file=folder + video.log_mel_file,
    )
