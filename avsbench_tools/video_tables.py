"""Which videos a table of AVSBench lists, as its official layout will hold them; the table's columns tell which set it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from evaluators import avss, ms3, s4
from evaluators.annotation_tables import SPLITS, Column, Table, number_of, read_table
from evaluators.avsbench_object import Subset
from evaluators.avsbench_object import placed as placed_object
from evaluators.clip_tables import parse_clip_name
from evaluators.errors import DataError
from evaluators.files import inside
from evaluators.gt_reading import some
from evaluators.videos import Video

MARKS = tuple(Column((name,), required=False) for name in ("uid", "label", "a_obj", "s_min", "category", "start"))


@dataclass(frozen=True)
class Listed:
    """What a table lists."""

    name: str  # s4, ms3, avss
    videos: tuple[Video, ...]  # in the order of the table, files relative to the set's folder
    remarks: tuple[str, ...]


def read_listed(path: Path) -> Listed:
    """Read ``s4_meta_data.csv``, ``ms3_meta_data.csv`` or ``metadata.csv``, or what has their columns.

    Raises ``DataError``: ``csv-unreadable``, ``csv-columns``, ``csv-row``, ``csv-empty``, ``unknown-split``,
    ``unknown-setting``, ``duplicate-sample``, ``unsafe-path``.
    """
    name = _name(path)
    table = read_table(path, avss.COLUMNS if name == "avss" else _subset(name).columns)
    if not table.rows:
        raise DataError("csv-empty", path, "found a header and no line below it, expected a line for each video")
    column = 2 if name == "avss" else 1
    _check_words(path, table, column, SPLITS, "unknown-split", "train, val or test")
    if name == "avss":
        _check_words(path, table, 1, frozenset(avss.FRAMES), "unknown-setting", "v1s, v1m or v2")
    videos = tuple(_semantic(row) if name == "avss" else _of_object(_subset(name), row) for row in table.rows)
    _check_names(path, videos)
    splits = Counter(video.split for video in videos)
    counts = ", ".join(f"{split} {splits[split]:,}" for split in ("train", "val", "test"))
    return Listed(name, videos, (f"{path.name} is a table of {name}: {counts}", *table.remarks))


def _name(path: Path) -> str:
    rows = read_table(path, MARKS).rows
    uid, label, objects, minutes, category, start = (any(cells) for cells in list(zip(*rows, strict=True)) or [()] * 6)
    if objects or minutes or (uid and label):
        return "avss"
    told = next((name for name in ("s4", "ms3") if name in path.name.lower()), "")
    if told or category or start:
        return told or "s4"
    return "ms3" if _has_splits(path, ms3.SUBSET) or not _has_splits(path, s4.SUBSET) else "s4"


def _has_splits(path: Path, subset: Subset) -> bool:
    """Whether splits stand in the subset's column of them, in a table of other names or of none."""
    try:
        return any(row[1] in SPLITS for row in read_table(path, subset.columns).rows)
    except DataError:
        return False


def _subset(name: str) -> Subset:
    return s4.SUBSET if name == "s4" else ms3.SUBSET


def _check_words(path: Path, table: Table, column: int, known: frozenset[str], reason: str, expected: str) -> None:
    words = Counter(row[column] for row in table.rows)
    strange = [f"{ascii(word)[:40]} in {count:,} lines" for word, count in sorted(words.items()) if word not in known]
    if strange:
        raise DataError(reason, path, f"found {some(strange)}; expected {expected}; rename them in the table")


def _of_object(subset: Subset, row: tuple[str, ...]) -> Video:
    name, split, category, start = row
    named = parse_clip_name(name)
    seconds = number_of(start) if start or named is None else named[1]
    return placed_object(subset, name, split, category, seconds, prefix=f"{subset.data}/")


def _semantic(row: tuple[str, ...]) -> Video:
    """``sounding`` as the table has it, whatever the words, so that they stand in the new table too."""
    uid, label, split, objects, minutes, seconds = row
    parts = number_of(minutes or "0"), number_of(seconds)
    start = None if parts[0] is None or parts[1] is None else 60 * parts[0] + parts[1]
    return avss.placed(uid, label, split, tuple(objects.split("_")) if objects else (), start)


def _check_names(path: Path, videos: tuple[Video, ...]) -> None:
    for video in videos:
        for file in (video.audio_file, video.frames[0].image_file):
            inside(path.parent, file)
    twice = [name for name, count in Counter(video.audio_file for video in videos).items() if count > 1]
    if twice:
        raise DataError("duplicate-sample", path, f"lists twice: {some(twice)}; remove one line of each")
