"""From rows of a clip table to files in a folder: which clip is where, and which rows can't be trusted."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .clip_tables import ALIASES, MEDIA, ClipRow, read_lines, stem
from .errors import DataError
from .files import inside, sha256_file
from .rejections import Rejection

MIDDLE_BYTES = 4096  # of two files of one size, compared before all their bytes are
SPLIT_ORDER = ("", "train", "val", "test")  # of one video's clips those of the last split are kept
_SPAN = re.compile(r"(.+)_(\d+)_\d+")


@dataclass(frozen=True)
class ClipRecord:
    """One row of a clip table whose file is there and whose label belongs to a category; not yet decoded."""

    id: str
    video_id: str
    start_seconds: float
    label: str
    category: str
    file: str  # relative to the clip folder
    official_split: str  # train, test, or ""
    licence: str = ""


@dataclass(frozen=True)
class Coverage:
    """How much of a clip table is there."""

    rows: int  # of the table
    other_labels: int  # rows whose labels belong to no category
    missing: int  # rows of a category that have no file, or no usable name
    listed_twice: int  # rows that name a file again
    by_category: dict[str, tuple[int, int]]  # category -> clips found, rows listed


@dataclass(frozen=True)
class _Listed:
    """A row of a category: ``categories`` has two where its labels disagree."""

    row: ClipRow
    categories: frozenset[str]
    label: str  # the first that belongs to a category


@dataclass
class _Folder:
    """The media files below a folder, as relative paths with ``/``, found in one walk."""

    paths: dict[str, str] = field(default_factory=dict)  # normalised path -> path as on disk
    stems: defaultdict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # name without suffix -> paths
    spans: defaultdict[tuple[str, int], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # <id>_<start ms>_... -> paths
    odd: set[str] = field(default_factory=set)  # names without suffix of folders, pipes and the like


def find_clips(
    rows: Sequence[ClipRow], clip_dir: Path | str, category_of_label: Callable[[str], str | None]
) -> tuple[list[ClipRecord], list[Rejection], Coverage]:
    """The clips that are in ``clip_dir`` and whose label belongs to a category, in the order of their ids.

    Rejections: ``clip-missing``, ``not-a-file``, ``unsafe-path``, ``ambiguous-label`` (two categories for one clip),
    ``duplicate-clip`` (same bytes as an earlier one), ``id-in-both-splits`` (of a video in train and in test the test clips stay).
    Raises ``DataError`` ``not-a-folder``.
    """
    clip_dir = Path(clip_dir)
    rejections: list[Rejection] = []
    wanted = [item for row in rows if (item := _listed(row, category_of_label))]
    by_file = _files_of(wanted, clip_dir, rejections)
    records = _one_category_each(by_file, rejections)
    records = _without_copies(records, clip_dir, rejections)
    records = _without_leaks(records, rejections)
    found, listed = (
        Counter(record.category for record in records),
        Counter(name for item in wanted for name in item.categories),
    )
    located = sum(map(len, by_file.values()))
    coverage = Coverage(
        len(rows),
        len(rows) - len(wanted),
        len(wanted) - located,
        located - len(by_file),
        {name: (found[name], listed[name]) for name in sorted(listed)},
    )
    return _with_ids(records), rejections, coverage


def read_id_list(path: Path | str) -> frozenset[str]:
    """Ids of a text file, one a line, or of the first column of a csv such as VGGSound's test.csv, without suffixes.

    Raises ``DataError`` ``table-unreadable``.
    """
    first_fields = (
        re.split(r"[,;\t]", line)[0].strip().strip('"') for line in read_lines(path) if not line.startswith("#")
    )
    names = [stem(re.sub(r"\.(jpe?g|png)$", "", name, flags=re.IGNORECASE)) for name in first_fields if name]
    heads = {*ALIASES["id"], *ALIASES["file"]}
    return frozenset(names[1:] if names and names[0].lower() in heads else names)


def _listed(row: ClipRow, category_of_label: Callable[[str], str | None]) -> _Listed | None:
    known = [(label, category) for label in row.labels if (category := category_of_label(label)) is not None]
    return _Listed(row, frozenset(category for _, category in known), known[0][0]) if known else None


def _files_of(wanted: Sequence[_Listed], clip_dir: Path, rejections: list[Rejection]) -> dict[str, list[_Listed]]:
    """Files in the order of the table, each with the rows that name it."""
    folder = _walk(clip_dir, rejections)
    rows_of_video = Counter(item.row.video_id for item in wanted)
    by_file: dict[str, list[_Listed]] = {}
    for item in wanted:
        try:
            file = _resolve(item, folder, clip_dir, single=rows_of_video[item.row.video_id] == 1)
            by_file.setdefault(file, []).append(item)
        except DataError as error:
            rejections.append(
                Rejection("clip", error.where, error.reason, f"{error.message} (line {item.row.line} of the table)")
            )
    return by_file


def _walk(clip_dir: Path, rejections: list[Rejection]) -> _Folder:
    """Names below a folder. Links are followed, each folder is entered once; one that can't be read is told."""
    if not clip_dir.is_dir():
        raise DataError("not-a-folder", clip_dir, "no such folder; give the folder that holds the clips")
    found, pending, entered = _Folder(), [("", os.fspath(clip_dir))], set()
    while pending:
        prefix, place = pending.pop()
        real = os.path.realpath(place)
        if real in entered:
            continue
        entered.add(real)
        try:
            with os.scandir(place) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise
            message = f"can't be read ({error.strerror}); clips in it are not seen"
            rejections.append(Rejection("folder", prefix, "folder-unreadable", message, warning=True))
            continue
        for entry in listed:
            if _is(entry.is_dir):
                pending.append((f"{prefix}{entry.name}/", entry.path))
            if entry.name.lower().endswith(MEDIA):
                _note(found, prefix + entry.name, entry)
    return found


def _is(question: Callable[[], bool]) -> bool:
    """False where the system can't answer, such as for a link to itself."""
    try:
        return question()
    except OSError:
        return False


def _note(found: _Folder, path: str, entry: os.DirEntry[str]) -> None:
    name = _plain(stem(entry.name))
    if _is(entry.is_file):
        found.paths[_plain(path)] = path
        found.stems[name].append(path)
        if span := _SPAN.fullmatch(name):
            found.spans[span[1], int(span[2])].append(path)
    elif _is(entry.is_dir) or not entry.is_symlink():  # a link to nowhere counts as missing
        found.odd.add(name)


def _plain(name: str) -> str:
    """One spelling for names that differ only in how accents are coded."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _resolve(item: _Listed, folder: _Folder, clip_dir: Path, *, single: bool) -> str:
    """The file of a row. A name that the table gives wins; else wav comes before flac and so on down ``MEDIA``."""
    row = item.row
    name = row.file or f"{row.video_id}_{int(row.start_seconds):06d}"
    inside(clip_dir, name)
    exact = _plain(name.replace("\\", "/"))
    if exact in folder.paths:
        return folder.paths[exact]
    key = _plain(stem(name))
    files = folder.stems.get(key, [])
    if row.file and "/" in exact:
        tail = exact.rsplit("/", 1)[0] + "/" + key
        files = [file for file in files if f"/{_plain(_without_suffix(file))}".endswith(f"/{tail}")]
    if not files and row.video_id and not row.file:
        files = folder.spans.get((row.video_id, round(row.start_seconds * 1000)), []) or (
            folder.stems.get(_plain(row.video_id), []) if single else []
        )
    if files:
        return min(files, key=lambda file: (item.label not in file.split("/"), _rank(file), file))
    if key in folder.odd:
        raise DataError("not-a-file", name, "is a folder, a pipe or the like; put the clip itself there")
    raise DataError(
        "clip-missing", name, "listed, and no file of that name is in the clip folder; get the clip or drop the row"
    )


def _without_suffix(file: str) -> str:
    return file[: len(file) - len(file.rsplit("/", 1)[-1])] + stem(file)


def _rank(file: str) -> int:
    return next(rank for rank, suffix in enumerate(MEDIA) if file.lower().endswith(suffix))


def _one_category_each(by_file: dict[str, list[_Listed]], rejections: list[Rejection]) -> list[ClipRecord]:
    records = []
    stems = Counter(stem(file) for file, items in by_file.items() if not items[0].row.video_id)
    for file, items in by_file.items():
        row = items[0].row
        categories = sorted(frozenset[str]().union(*(item.categories for item in items)))
        if len(categories) > 1:
            message = (
                f"is listed as {' and '.join(categories)} (line {items[-1].row.line} of the table); keep one label"
            )
            rejections.append(Rejection("clip", file, "ambiguous-label", message))
            continue
        split = max((item.row.official_split for item in items), key=SPLIT_ORDER.index)
        video = row.video_id or (stem(file) if stems[stem(file)] == 1 else _without_suffix(file))
        records.append(
            ClipRecord("", video, row.start_seconds, items[0].label, categories[0], file, split, row.licence)
        )
    return records


def _without_copies(records: Sequence[ClipRecord], clip_dir: Path, rejections: list[Rejection]) -> list[ClipRecord]:
    """Drop records whose file has the same bytes as an earlier one; of two categories, drop them all."""
    dropped = set()
    by_file = {record.file: record for record in records}
    for group in _same_bytes(list(by_file), clip_dir):
        copies = [by_file[file] for file in group]
        first = copies[0]
        if len({record.category for record in copies}) > 1:
            dropped.update(group)
            names = ", ".join(f"{record.file} ({record.category})" for record in copies)
            rejections += [
                Rejection("clip", r.file, "ambiguous-label", f"same bytes under several labels: {names}; keep one")
                for r in copies
            ]
            continue
        dropped.update(record.file for record in copies[1:])
        rejections += [
            Rejection(
                "clip", r.file, "duplicate-clip", f"has the same bytes as {first.file}, which is used; remove one"
            )
            for r in copies[1:]
        ]
    return [record for record in records if record.file not in dropped]


def _same_bytes(files: Sequence[str], clip_dir: Path) -> list[list[str]]:
    """Groups of files with equal content; empty files are none. Cheap differences are looked for first."""

    def size(file: str) -> int:
        return os.stat(clip_dir / file).st_size

    def middle(file: str) -> bytes:
        with open(clip_dir / file, "rb") as stream:
            stream.seek(size(file) // 2)
            return stream.read(MIDDLE_BYTES)

    groups = _split([file for file in files if size(file)], size)
    for key in (middle, lambda file: sha256_file(clip_dir / file)):
        groups = [part for group in groups for part in _split(group, key)]
    return groups


def _split(files: Iterable[str], key: Callable[[str], Hashable]) -> list[list[str]]:
    """Groups of two and more files with one key, in order of their first; a file that can't be read is in none."""
    groups: defaultdict[Hashable, list[str]] = defaultdict(list)
    for file in files:
        try:
            groups[key(file)].append(file)
        except OSError:
            continue
    return [group for group in groups.values() if len(group) > 1]


def _without_leaks(records: Sequence[ClipRecord], rejections: list[Rejection]) -> list[ClipRecord]:
    """Of a video whose clips stand in several splits, keep those of the last: test before val before train."""
    last: dict[str, str] = {}
    for record in records:
        last[record.video_id] = max(last.get(record.video_id, ""), record.official_split, key=SPLIT_ORDER.index)
    kept = []
    for record in records:
        split = last[record.video_id]
        if record.official_split in ("", split):
            kept.append(replace(record, official_split=split))
            continue
        message = f"another clip of video {record.video_id} is {split}, this one is {record.official_split}; it is left out so that nothing leaks"
        rejections.append(Rejection("clip", record.file, "id-in-both-splits", message))
    return kept


def _with_ids(records: Iterable[ClipRecord]) -> list[ClipRecord]:
    """Records with ids that are safe, and distinct on disks that don't tell case, sorted by them."""
    taken: set[str] = set()
    named = []
    for record in sorted(records, key=lambda record: (record.video_id, record.start_seconds, record.file)):
        video = re.sub(r"[^A-Za-z0-9_-]", "_", record.video_id)[:120]
        plain = clip_id = f"{video}_{int(record.start_seconds):06d}"
        number = 2
        while clip_id.lower() in taken:
            clip_id, number = f"{plain}_{number}", number + 1
        taken.add(clip_id.lower())
        named.append(replace(record, id=clip_id))
    return sorted(named, key=lambda record: record.id)
