"""Writes AVSBench's official layouts: where each file of a video stands, and the tables beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from evaluators import avss, ms3, s4
from evaluators.avsbench_object import placed
from evaluators.files import write_text
from evaluators.videos import Video

SUBSETS = {"s4": s4.SUBSET, "ms3": ms3.SUBSET}
SINGLE, SEVERAL = "v1s", "v1m"  # what S4 and MS3 are called in AVSBench-semantic


def official_video(video: Video, name: str) -> Video:
    """``video`` with every file where the official layout of ``name`` (s4, ms3, avss) has it, relative to the set's folder.

    That folder is Single-source, Multi-sources or AVSBench-semantic. Of avss the setting has to be v1s, v1m or v2.
    """
    if name in SUBSETS:
        subset = SUBSETS[name]
        return placed(subset, video.id, video.split, video.category, video.start_seconds, prefix=f"{subset.data}/")
    return avss.placed(video.id, video.setting, video.split, video.sounding, video.start_seconds)


def write_tables(folder: Path, name: str, videos: Iterable[Video], categories: Sequence[str] = ()) -> None:
    """The csv of a set in ``folder``, and for avss its ``label2idx.json``; ``categories`` by index, background first."""
    if name in SUBSETS:
        subset = SUBSETS[name]
        write_text(folder / subset.csv_file, _csv(subset.header, (_object_row(video, name) for video in videos)))
        return
    write_text(folder / avss.TABLE, _csv(avss.HEADER, map(_semantic_row, videos)))
    numbers = {word: index for index, word in enumerate(categories or avss.avss_categories())}
    write_text(folder / avss.NAMES, json.dumps(numbers, indent=4, ensure_ascii=False) + "\n")


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _object_row(video: Video, name: str) -> tuple[object, ...]:
    start = round(video.start_seconds or 0)
    return (video.id, start, video.category, video.split) if name == "s4" else (video.id, video.split)


def _semantic_row(video: Video) -> tuple[object, ...]:
    minutes, seconds = divmod(round(video.start_seconds or 0), 60)
    objects = "_".join(video.sounding) or avss.NO_CATEGORY
    return (_web_id(video.id), video.id, minutes, seconds, objects, video.split, video.setting)


def _web_id(uid: str) -> str:
    """``<id>`` of ``<id>_<start ms>_<end ms>``; other names are ids of their own."""
    parts = uid.rsplit("_", 2)
    return parts[0] if len(parts) == 3 and parts[0] and parts[1].isdecimal() and parts[2].isdecimal() else uid
