"""Which of the files that a holding promises are there, which are more, and which go by other names.

Each folder is listed once; nothing is opened.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .disk import Disk
from .extras import extra_findings
from .findings import Finding, finding
from .holdings import (
    AUDIO,
    FRAMES,
    KINDS,
    LOG_MELS,
    MANIFEST,
    MASKS,
    OFFICIAL,
    OTHER_FORMS,
    Holding,
    Item,
    wanted_files,
)
from .numbering import renamed

REASON = {FRAMES: "frame-missing", MASKS: "mask-missing", AUDIO: "audio-missing", LOG_MELS: "log-mel-missing"}


@dataclass
class Part:
    """What is there of one split of one setting."""

    setting: str
    split: str
    listed: int = 0
    found: int = 0  # items of which at least one file is there
    files: dict[str, tuple[int, int]] = field(default_factory=dict)  # kind -> found, expected
    categories: Counter[str] = field(default_factory=Counter)  # items listed
    found_categories: Counter[str] = field(default_factory=Counter)  # items of which something is there

    @property
    def name(self) -> str:
        return "/".join(filter(None, (self.setting, self.split)))


@dataclass
class Lacks:
    """What a part lacks, by kind: items without any file of it, files of the others, and files under other names."""

    whole: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    renamed: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # kind, what differs -> folders
    items: list[str] = field(default_factory=list)  # those of which nothing is there
    empty: list[str] = field(default_factory=list)


def list_holding(holding: Holding, disk: Disk) -> tuple[list[Part], list[Finding]]:
    """The parts of a holding in the order of its table, and what is missing, extra or named otherwise."""
    parts: dict[tuple[str, str], Part] = {}
    lacks: dict[tuple[str, str], Lacks] = {}
    used: set[str] = set()  # files under other names, which are not extra
    listed = holding.form in (OFFICIAL, MANIFEST)
    for item in holding.items:
        key = (item.setting, item.split)
        part = parts.setdefault(key, Part(*key))
        part.listed += 1
        part.categories.update(item.categories)
        if listed:
            _look(holding, item, disk, part, lacks.setdefault(key, Lacks()), used)
    if not listed:
        return list(parts.values()), []
    findings = [*_missing(holding, parts, lacks), *_named_otherwise(holding, lacks.values())]
    if holding.form != MANIFEST:
        findings += extra_findings(holding, disk, used)
    return list(parts.values()), findings


def _look(holding: Holding, item: Item, disk: Disk, part: Part, lacks: Lacks, used: set[str]) -> None:
    """Count one item's files, and note what it lacks."""
    there, lacking, renames = 0, dict[str, list[str]](), 0
    wanted = {kind: files for kind, files in wanted_files(item).items() if files}
    for kind, files in wanted.items():
        missing = [file for file in files if not _is_there(holding.root, file, disk, lacks)]
        before, expected = part.files.get(kind, (0, 0))
        part.files[kind] = before + len(files) - len(missing), expected + len(files)
        there += len(files) - len(missing)
        if missing and kind in (FRAMES, MASKS) and _is_renamed(holding, kind, files, disk, lacks, used):
            renames += 1
        elif missing:
            lacking[kind] = missing
    if there or renames:
        part.found += 1
        part.found_categories.update(item.categories)
    if not there and not renames:
        lacks.items.append(item.id)
        return
    for kind, missing in lacking.items():
        whole = len(missing) == len(wanted[kind])
        (lacks.whole if whole else lacks.files).setdefault(kind, []).extend([item.id] if whole else missing)


def _is_there(root: Path, file: str, disk: Disk, lacks: Lacks) -> bool:
    folder, _, name = file.rpartition("/")
    names = disk.names(os.path.join(root, folder))
    size = names.get(name)
    if size is None:
        body, suffix = os.path.splitext(name)
        return any(f"{body}{other}" in names for other in OTHER_FORMS.get(suffix, ()))
    if size == 0:
        lacks.empty.append(file)
    return size >= 0


def _is_renamed(holding: Holding, kind: str, files: list[str], disk: Disk, lacks: Lacks, used: set[str]) -> bool:
    """Whether the frames of an item are there under other names, all in its own folder."""
    folders = {file.rpartition("/")[0] for file in files}
    if len(folders) > 1 or holding.unit != "videos":
        return False
    folder = folders.pop()
    found = disk.names(os.path.join(holding.root, folder))
    differs = renamed([file.rpartition("/")[2] for file in files], found)
    if differs:
        lacks.renamed.setdefault((kind, differs), []).append(folder)
        used.update(f"{folder}/{name}" for name in found)
    return bool(differs)


def _missing(
    holding: Holding, parts: Mapping[tuple[str, str], Part], lacks: Mapping[tuple[str, str], Lacks]
) -> Iterator[Finding]:
    unit, gone = holding.unit, [kind for kind in KINDS if _is_gone(kind, parts.values(), lacks.values())]
    for kind in gone if any(part.found for part in parts.values()) else ():
        count = sum(part.listed for part in parts.values())
        yield finding(REASON[kind], holding.name, f"none of {count:,} {unit} of {holding.name} has {kind}")
    for key, lack in lacks.items():
        part = parts[key]
        reason = f"{unit.removesuffix('s')}-missing"
        if lack.items:
            text = f"{len(lack.items):,} of {part.listed:,} {unit} of {part.name} are not there"
            yield finding(reason, part.name, text, lack.items)
        for kind in (kind for kind in KINDS if kind not in gone):
            yield from _missing_of_kind(part, kind, lack, unit)
        if lack.empty:
            yield finding("empty-file", part.name, f"files without a byte: {len(lack.empty):,}", lack.empty)


def _is_gone(kind: str, parts: Iterable[Part], lacks: Iterable[Lacks]) -> bool:
    """Whether the whole holding has nothing of a kind, not even under other names."""
    counts = [part.files[kind] for part in parts if kind in part.files]
    renamed = any(kind == other for lack in lacks for other, _ in lack.renamed)
    return bool(counts) and not renamed and not any(found for found, _ in counts)


def _missing_of_kind(part: Part, kind: str, lack: Lacks, unit: str) -> Iterator[Finding]:
    if whole := lack.whole.get(kind):
        text = f"{len(whole):,} of {part.listed:,} {unit} of {part.name} have no {kind}"
        yield finding(REASON[kind], part.name, text, whole)
    if files := lack.files.get(kind):
        _, expected = part.files[kind]
        text = f"{len(files):,} of {expected:,} {kind} of {part.name} are not there, others of their {unit} are"
        yield finding(REASON[kind], part.name, text, files)


def _named_otherwise(holding: Holding, lacks: Iterable[Lacks]) -> Iterator[Finding]:
    """Of all parts together, which mostly have the same names."""
    renamed: dict[tuple[str, str], list[str]] = {}
    for lack in lacks:
        for key, folders in lack.renamed.items():
            renamed.setdefault(key, []).extend(folders)
    for (kind, differs), folders in renamed.items():
        reason = "mis-numbered" if differs.startswith("number") else "misnamed"
        text = f"{kind} of {len(folders):,} videos of {holding.name} have {differs}"
        yield finding(reason, holding.name, text, folders)
