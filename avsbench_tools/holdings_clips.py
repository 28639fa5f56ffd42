"""A VGGSound folder as a holding: the rows of its tables, and which of them have a file below the folder.

Tables are VGGSound's own: ``id,start,label,split``, or ``<id>_<start>.mp4,label``, without a header; a clip that several
list is one item. Without a table the files themselves are the items.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evaluators.clip_tables import MEDIA, ClipRow, parse_clip_name, read_clip_table
from evaluators.clips import ClipRecord, find_clips
from evaluators.errors import DataError
from evaluators.gt_reading import visible
from evaluators.rejections import Rejection

from .findings import Finding, finding
from .holdings import OFFICIAL, TABLE_ONLY, Found, Holding, Item, told

NAME = "vggsound"
PLACES = ("", "video", "videos", "audio", "audios", "clips")  # where clips stand, below the folder
LOOKED_AT = 20  # names or lines, to see what a folder or a table is
Key = tuple[str, int]  # video id and start in seconds


def clips_holding(folder: Path) -> Found | None:
    """The clips that the tables list, or that are there; None where there are neither. ``folder`` may be a table."""
    alone = folder.is_file()
    columns = {path: _columns(path) for path in ([folder] if alone else sorted(folder.glob("*.csv")))}
    tables = [path for most in (4, 2) for path in columns if columns[path] == most]  # those that tell the split first
    folder = folder.parent if alone else folder
    media = not alone and any(_has_clips(folder / place) for place in PLACES)
    if not tables and not media:
        return None
    rows, findings = _rows(tables)
    files: dict[Key, str] = {}
    if media:
        records, rejections, _ = find_clips(list(rows.values()), folder, lambda label: label)
        files = _files(records, rejections)
        findings += _told(rejections)
        findings += _unlisted(folder, rows, files, listed=bool(tables))
    items = [_item(key, row, files.get(key, "")) for key, row in rows.items()]
    if not tables:
        items = [Item(f"{video}_{start:06d}", NAME, "", sounds=(file,)) for (video, start), file in files.items()]
    form = OFFICIAL if media else TABLE_ONLY
    return Holding(NAME, folder, tuple(tables), tuple(items), form, unit="clips"), findings


def _item(key: Key, row: ClipRow, file: str) -> Item:
    name = f"{key[0]}_{key[1]:06d}"
    return Item(
        name,
        NAME,
        row.official_split,
        sounds=(file or f"{name}.mp4",),
        categories=row.labels[:1],
        origin=key[0],
        line=row.line,
    )


def _rows(tables: Iterable[Path]) -> tuple[dict[Key, ClipRow], list[Finding]]:
    """The rows of all tables by clip; the first table that lists a clip counts."""
    rows: dict[Key, ClipRow] = {}
    findings: list[Finding] = []
    for path in tables:
        try:
            found, rejections = read_clip_table(path)
        except DataError as error:
            findings.append(told(error))
            continue
        findings += _told(rejections)
        for row in found:
            key = (row.video_id or row.file or "", int(row.start_seconds))
            rows.setdefault(key, row)
    return rows, findings


def _files(records: Sequence[ClipRecord], rejections: Sequence[Rejection]) -> dict[Key, str]:
    """The file of each clip; those that were rejected for what they hold are there too."""
    files = {}
    for rejection in rejections:
        name = parse_clip_name(rejection.item)
        if name and rejection.reason in ("duplicate-clip", "ambiguous-label", "id-in-both-splits"):
            files[name[0], int(name[1])] = rejection.item
    return files | {(record.video_id, int(record.start_seconds)): record.file for record in records}


def _told(rejections: Iterable[Rejection]) -> list[Finding]:
    """One finding for each reason; clips without a file are told with what else is missing."""
    groups: dict[str, list[Rejection]] = {}
    for rejection in rejections:
        if rejection.reason not in ("clip-missing", "id-in-both-splits"):  # leaks are told of the table
            groups.setdefault(rejection.reason, []).append(rejection)
    return [
        finding(
            reason, NAME, f"clips or rows, such as this: {these[0].message}: {len(these):,}", [r.item for r in these]
        )
        for reason, these in groups.items()
    ]


def _unlisted(folder: Path, rows: dict[Key, ClipRow], files: dict[Key, str], *, listed: bool) -> list[Finding]:
    """Files named like clips that no row lists: told, or without a table added to ``files``."""
    extra = []
    for file in _media(folder):
        name = parse_clip_name(file)
        if name and (name[0], int(name[1])) not in rows:
            extra.append(file)
            if not listed:
                files.setdefault((name[0], int(name[1])), file)
    if not listed:
        return [finding("no-table", NAME, "no table of clips; labels and splits are not known", note=True)]
    text = f"clips that the table doesn't list: {len(extra):,}"
    return [finding("extra-clip", NAME, text, sorted(extra), note=True)] if extra else []


def _media(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        inner = os.path.relpath(place, folder)
        for name in names:
            if name.lower().endswith(MEDIA) and visible(name):
                yield name if inner == "." else f"{inner}/{name}".replace(os.sep, "/")


def _columns(path: Path) -> int:
    """Columns of a table of which most of the first lines, the very first among them, name a clip; 0 of another."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as stream:
            lines = [line for line in (stream.readline(4096) for _ in range(LOOKED_AT)) if line.strip()]
        rows = list(csv.reader(lines, skipinitialspace=True))
    except (OSError, csv.Error):
        return 0
    fit = [_is_clip_row(row) for row in rows]
    return len(rows[0]) if fit and fit[0] and 2 * sum(fit) > len(fit) else 0


def _is_clip_row(row: Sequence[str]) -> bool:
    if len(row) == 2:
        return row[0].lower().endswith(MEDIA) and parse_clip_name(row[0]) is not None
    return len(row) == 4 and row[1].isdecimal() and parse_clip_name(f"{row[0]}_{int(row[1]):06d}") is not None


def _has_clips(folder: Path) -> bool:
    """Whether most of the first files there, of any kind, are named as clips."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(20 * LOOKED_AT), entries, strict=False)]
    except OSError:
        return False
    media = [name for name in names if name.lower().endswith(MEDIA)]
    return bool(media) and 2 * sum(parse_clip_name(name) is not None for name in media) > len(media)
