"""The clips that may replace a sound: found in the folder, listened to, and cut.

What is heard of a clip is the middle of its first ten seconds, as VPO's loader hears the middle of its clips: 5 s of a 10 s clip
begin at 2.5 s. A clip that is shorter than the excerpt, or whose excerpt stays below ``SILENT``, is not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from evaluators.clip_tables import read_clip_table
from evaluators.clips import ClipRecord, find_clips
from evaluators.engines import Engine, Lost
from evaluators.errors import DataError
from evaluators.files import inside, sha256_file
from evaluators.progress import Progress
from evaluators.rejections import Rejection

from .media import SAMPLE_RATE, Samples, take_audio
from .swap_plan import Heard, Pool

CLIP_SECONDS = 10.0
SECONDS = 5
LENGTH = SECONDS * SAMPLE_RATE
SILENT = 33  # of 32768: -60 dB of full scale, below which the highest sample of an excerpt lies


def available_clips(
    table: Path, clip_dir: Path, category_of_label: Mapping[str, str]
) -> tuple[list[ClipRecord], list[Rejection], str]:
    """The clips of the table that are in the folder, what is wrong with others as warnings, and a line that counts them.

    Raises ``DataError``: ``not-a-folder``, ``table-...``, ``unknown-split``, ``no-split`` (the table tells no clip's).
    """
    rows, bad_rows = read_clip_table(table)
    records, unusable, coverage = find_clips(rows, clip_dir, category_of_label.get)
    if records and not any(record.official_split for record in records):
        raise DataError(
            "no-split", table, "tells of no clip whether it is train or test, as vggsound.csv does; add a column split"
        )
    listed = sum(rows for _, rows in coverage.by_category.values())
    line = (
        f"clips: {len(records):,} of the {listed:,} that the table lists with a label of the set are there and usable"
    )
    return records, [replace(rejection, warning=True) for rejection in (*bad_rows, *unusable)], line


def usable_clips(
    pools: Sequence[Pool], clip_dir: Path, engine: Engine, progress: Progress
) -> tuple[list[list[Heard]], list[Rejection]]:
    """For each pool the first of its clips that can be used, at most one for each video; and warnings about others.

    Clips are listened to only until there are enough, in the order in which they were drawn.
    """
    usable: list[list[Heard]] = [[] for _ in pools]
    tried = [0 for _ in pools]
    warnings: list[Rejection] = []
    while batches := list(_next(pools, usable, tried)):
        clips = [clip for _, batch in batches for clip in batch]
        judged = {}
        with progress.stage("clips", len(clips)) as advance:
            for outcome in engine.run(partial(judge, clip_dir), clips):
                lost = Rejection(
                    "clip", outcome.item.file, "worker-lost", "killed the process that read it", warning=True
                )
                judged[outcome.item.id] = lost if isinstance(outcome.result, Lost) else outcome.result
                advance()
        for number, batch in batches:
            tried[number] += len(batch)
            found = [judged[clip.id] for clip in batch]
            usable[number] += [heard for heard in found if isinstance(heard, Heard)]
            warnings += [told for told in found if isinstance(told, Rejection)]
    return usable, warnings


def _next(
    pools: Sequence[Pool], usable: Sequence[list[Heard]], tried: Sequence[int]
) -> Iterator[tuple[int, tuple[ClipRecord, ...]]]:
    """Number of each pool that lacks clips and has some left, with those to try."""
    for number, pool in enumerate(pools):
        lacking = len(pool.videos) - len(usable[number])
        batch = pool.clips[tried[number] : tried[number] + lacking] if lacking > 0 else ()
        if batch:
            yield number, batch


def judge(clip_dir: Path, clip: ClipRecord) -> Heard | Rejection:
    """Listen to a clip: where its excerpt begins and the hash of its file, or the warning why it isn't used."""
    try:
        path = inside(clip_dir, clip.file)
        sound = take_audio(path, CLIP_SECONDS)
        start = (len(sound) - LENGTH) // 2
        if start < 0:
            raise DataError("audio-too-short", path, f"lasts {len(sound) / SAMPLE_RATE:.3f} s, expected {SECONDS} s")
        if np.abs(sound[start : start + LENGTH].astype(np.int32)).max() < SILENT:
            raise DataError("audio-silent", path, "stays below -60 dBFS in the part that would be heard")
        return Heard(clip, start, sha256_file(path))
    except DataError as error:
        return Rejection("clip", clip.file, error.reason, f"{error.message}; another clip is taken", warning=True)
    except OSError as error:
        message = f"can't be read ({error.strerror}); another clip is taken"
        return Rejection("clip", clip.file, "audio-unreadable", message, warning=True)


def cut(clip_dir: Path, file: str, start_sample: int, sha256: str) -> Samples:
    """The excerpt that the plan says, ``int16`` (5 s at 16 kHz,).

    Raises ``DataError``: ``clip-missing``, ``clip-changed`` since the plan was made, and those of ``media.take_audio``.
    """
    path = inside(clip_dir, file)
    if not path.is_file():
        raise DataError("clip-missing", path, "was there when the plan was made; put it back and run again")
    if sha256_file(path) != sha256:
        raise DataError("clip-changed", path, "isn't the file of the plan any more; put that back, or give another DST")
    sound = take_audio(path, CLIP_SECONDS)[start_sample : start_sample + LENGTH]
    if len(sound) != LENGTH:
        raise DataError("clip-changed", path, f"has no {SECONDS} s from sample {start_sample} on; the plan was changed")
    return sound
