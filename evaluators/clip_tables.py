"""Clip tables: VGGSound's, AudioSet's, ESC-50's, or any csv with a header, as one kind of row."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .errors import DataError
from .rejections import Rejection

ALIASES = {
    "file": ("file", "filename", "file_name", "path"),
    "label": ("label", "category", "class"),
    "labels": ("positive_labels",),
    "id": ("id", "youtube_id", "ytid", "video_id"),
    "start": ("start", "start_seconds", "start_time"),
    "split": ("split", "set"),
    "licence": ("licence", "license"),
}
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "validation": "val",
    "valid": "val",
    "": "",
}
EXPECTED = (
    "expected id,start,label,split (VGGSound), <id>_<start>.mp4,label (its test.csv), id,start,end,labels (AudioSet), "
    "or a header with label and one of file, id; rename the columns"
)
MEDIA = (
    *(".wav", ".flac", ".aif", ".aiff", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac"),
    *(".mp4", ".m4v", ".3gp", ".webm", ".mkv", ".mov", ".avi", ".flv"),
)  # best first
_SECONDS = re.compile(r"([A-Za-z0-9_-]{11})_(\d{6})")
_MILLISECONDS = re.compile(r"([A-Za-z0-9_-]{11})_(\d+)_(\d+)")


@dataclass(frozen=True)
class ClipRow:
    """One row of a clip table: a file, or a video id and the second where the clip starts, or both."""

    line: int
    labels: tuple[str, ...]
    file: str | None = None
    video_id: str | None = None
    start_seconds: float = 0.0
    official_split: str = ""  # train, val, test, or "" where the table doesn't tell
    licence: str = ""


class _BadRow(ValueError):
    """What is wrong with a row, in a few words."""


def read_clip_table(path: Path | str) -> tuple[list[ClipRow], list[Rejection]]:
    """Rows of a table in the order of its lines, and the lines that are no rows (``bad-row``).

    The form is seen from the first line that has one: a header, or the columns of VGGSound or AudioSet.
    Fields may be divided by comma, semicolon or tab; everything stays text but the start.

    Raises ``DataError``: ``table-unreadable``, ``table-columns`` (no known form), ``unknown-split``.
    """
    path = Path(path)
    numbered = list(_fields(read_lines(path)))
    first = next((fields for _, fields in numbered if isinstance(fields, list)), [])
    parse = _headed(first, path)
    if parse:
        numbered = numbered[[fields for _, fields in numbered].index(first) + 1 :]
    else:
        parse = _headless((fields for _, fields in numbered if isinstance(fields, list)), path)
    if parse is None:
        raise DataError("table-columns", path, f"found {', '.join(first)[:120] or 'no row'}; {EXPECTED}")
    rows, rejections = [], []
    for line, fields in numbered:
        try:
            if isinstance(fields, str):
                raise _BadRow(fields)
            rows.append(parse(line, fields))
        except _BadRow as problem:
            rejections.append(Rejection("row", f"{path.name} line {line}", "bad-row", f"{problem}; correct the line"))
    return _with_known_splits(rows, path), rejections


def read_lines(path: Path | str) -> list[str]:
    """Lines of a UTF-8 text file, with or without byte order mark. Raises ``DataError`` ``table-unreadable``."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("table-unreadable", path, f"can't be read as UTF-8 text ({error}); give a csv file") from error


def stem(name: str) -> str:
    """A file name without folders and without the suffix of a media format."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    suffix = next((s for s in MEDIA if base.lower().endswith(s)), "")
    return base[: len(base) - len(suffix)]


def parse_clip_name(name: str) -> tuple[str, float] | None:
    """Video id and start in seconds of ``<id>_<start, 6 digits>`` or ``<id>_<start ms>_<end ms>``, else None.

    >>> parse_clip_name("-0pJqpNjft4_000267.mp4")
    ('-0pJqpNjft4', 267.0)
    """
    if match := _SECONDS.fullmatch(stem(name)):
        return match[1], float(match[2])
    if match := _MILLISECONDS.fullmatch(stem(name)):
        return match[1], int(match[2]) / 1000
    return None


def _fields(lines: Sequence[str]) -> Iterator[tuple[int, list[str] | str]]:
    """Line numbers with the fields of each line, or what is wrong with it. Comments may stand before the first row.

    Each line is parsed on its own, so that a stray quote spoils one row and not the rest of the file.
    """
    delimiter = ""
    for number, line in enumerate(lines, 1):
        if not line.strip() or (not delimiter and line.startswith("#")):
            continue
        if not delimiter:
            bare = re.sub(r'"[^"]*"', "", line)
            delimiter = max(",;\t", key=bare.count)
        try:
            yield (
                number,
                [
                    field.strip()
                    for field in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
                ],
            )
        except csv.Error as error:
            yield number, f"not csv ({error})"


Parse = Callable[[int, Sequence[str]], ClipRow]


def _headed(header: Sequence[str], path: Path) -> Parse | None:
    """The parser of a table whose first line names its columns; None where it doesn't."""
    names = [name.lower() for name in header]
    columns = {
        key: names.index(alias) for key, aliases in ALIASES.items() for alias in reversed(aliases) if alias in names
    }
    if not columns:
        return None
    if not columns.keys() & {"label", "labels"} or not columns.keys() & {"file", "id"}:
        raise DataError("table-columns", path, f"found columns {', '.join(header)[:120]}; {EXPECTED}")
    if "esc10" in names and "src_file" in names:
        columns["id"] = names.index("src_file")

    def parse(line: int, fields: Sequence[str]) -> ClipRow:
        if len(fields) <= max(columns.values()):
            raise _BadRow(f"{len(fields)} fields, the header has {len(header)}")
        row = {key: fields[index] for key, index in columns.items()}
        labels = row["labels"].split(",") if "labels" in row else [row["label"]]
        file, video = row.get("file") or None, row.get("id") or None
        return _row(line, labels, file, video, row.get("start") or "0", row.get("split", ""), row.get("licence", ""))

    return parse


def _headless(rows: Iterable[Sequence[str]], path: Path) -> Parse | None:
    """The parser for the first row that has a known form."""
    for fields in rows:
        if len(fields) == 2 and stem(fields[0]) != fields[0]:
            return partial(_listed, split="train" if "train" in path.stem.lower() else "test")
        if len(fields) >= 4 and _is_number(fields[1]):
            return _audioset if _is_number(fields[2]) else _vggsound
    return None


def _vggsound(line: int, fields: Sequence[str]) -> ClipRow:
    if len(fields) != 4:
        raise _BadRow(f"{len(fields)} fields, expected id,start,label,split; a label with a comma needs quotes")
    return _row(line, [fields[2]], None, fields[0], fields[1], fields[3])


def _audioset(line: int, fields: Sequence[str]) -> ClipRow:
    if len(fields) != 4:
        raise _BadRow(f"{len(fields)} fields, expected id,start,end,labels with the labels in quotes")
    return _row(line, fields[3].split(","), None, fields[0], fields[1])


def _listed(line: int, fields: Sequence[str], *, split: str) -> ClipRow:
    """A row of VGGSound's test.csv or train.csv, or of a list of other files, which says nothing of splits."""
    if len(fields) != 2:
        raise _BadRow(f"{len(fields)} fields, expected file,label; a label with a comma needs quotes")
    name = parse_clip_name(fields[0])
    if name is None:
        return _row(line, [fields[1]], fields[0], None, "0")
    return _row(line, [fields[1]], None, name[0], str(name[1]), split)


def _row(
    line: int,
    labels: Sequence[str],
    file: str | None,
    video: str | None,
    start: str,
    split: str = "",
    licence: str = "",
) -> ClipRow:
    labels = tuple(label.strip() for label in labels if label.strip())
    if not labels:
        raise _BadRow("no label")
    if not file and not video:
        raise _BadRow("neither file nor id")
    if not _is_number(start) or float(start) < 0:
        raise _BadRow(f"start {start!r} is no number of seconds")
    seconds = float(start)
    if file and not video and (name := parse_clip_name(file)):
        video, seconds = name
    return ClipRow(line, labels, file, video, seconds, split, licence)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _with_known_splits(rows: Sequence[ClipRow], path: Path) -> list[ClipRow]:
    unknown = sorted({row.official_split for row in rows if row.official_split.lower() not in SPLITS})
    if unknown:
        raise DataError(
            "unknown-split", path, f"found split {', '.join(unknown)[:120]}; expected train, val or test; rename it"
        )
    return [replace(row, official_split=SPLITS[row.official_split.lower()]) for row in rows]
