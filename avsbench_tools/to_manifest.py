"""SRC to a dataset folder: ``dataset.json`` and ``manifest.jsonl``, which avs-eval and avs-train read; see ``evaluators.videos``.

The files stay in SRC, or (``copy``) come into DST; there masks are 0 and 255 in grey, label maps indices in palette PNGs, and
log-mels float32 tensors, whatever they were. Frames count from 0 in the names of DST's own files::

    <setting>/<video>/ frames/{0..}.png  gt_masks/{0..}.png or labels_semantic/{0..}.png  audio.wav  log_mel.pkl
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluators import __version__, avss
from evaluators.avsbench_object import MASK_FOLDER
from evaluators.ground_truth import LABELS
from evaluators.rejections import Rejection
from evaluators.videos import Video, VideoSet, write_videos

from .conversions import Conversion, Plan

COPIED = {"mask": "8-bit grey PNG, 0 and 255", LABELS: "palette PNG of indices, 0 background, 255 void"}


def plan(video: Video, source: VideoSet, wanted: Conversion) -> Plan | Rejection:
    """Every video can have its place in a manifest."""
    named = frozenset(source.categories.index(name) for name in video.sounding if name in source.categories)
    return Plan(video, own_place(video, source.kind) if wanted.copy else video, named)


def finish(dst: Path, source: VideoSet, videos: Sequence[Video], wanted: Conversion) -> str:
    """Write the manifest of what is there; a line to tell."""
    if wanted.copy:
        source = replace(source, root=dst, colours={})
    return write_dataset(
        dst, replace(source, videos=tuple(videos)), COPIED[source.kind] if wanted.copy else "as in root"
    )


def own_place(video: Video, kind: str) -> Video:
    """A video with every file where a dataset folder of our own has it."""
    folder = f"{video.setting}/{video.id}"
    masks = avss.INDICES if kind == LABELS else MASK_FOLDER
    frames = [
        replace(
            frame,
            image_file=f"{folder}/frames/{frame.number}{os.path.splitext(frame.image_file)[1]}",
            mask_file=f"{folder}/{masks}/{frame.number}.png" if frame.mask_file else "",
        )
        for frame in video.frames
    ]
    return replace(
        video,
        frames=tuple(frames),
        audio_file=f"{folder}/audio{os.path.splitext(video.audio_file)[1]}" if video.audio_file else "",
        log_mel_file=f"{folder}/log_mel.pkl" if video.log_mel_file else "",
    )


def write_dataset(dst: Path, videos: VideoSet, masks: str) -> str:
    """Write the manifest of a set; a line to tell."""
    write_videos(dst, videos, __version__, {"masks": masks})
    return f"a dataset folder: avs-eval PREDS {dst}"
