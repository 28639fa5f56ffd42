"""Files and folders of a holding that belong to none of its items."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

from evaluators.avss import COLOURS, INDICES

from .disk import FOLDER, Disk
from .findings import Finding, finding
from .holdings import OTHER_FORMS, WORDS, Holding, Item, wanted_files

_NUMBER = re.compile(r"\d+(?=\.[a-z]+$)")


def extra_findings(holding: Holding, disk: Disk, used: set[str]) -> Iterator[Finding]:
    """What is more in the folders of a holding. ``used``: files that are known under other names."""
    wanted, more = _wanted(holding)
    files: list[str] = []
    folders: list[str] = []
    further: list[str] = []
    beside: Counter[str] = Counter()
    misnamed: list[str] = []
    for folder, children in wanted.items():
        if not folder.startswith(holding.folders):
            continue
        there = disk.names(f"{holding.root}/{folder}")
        extra = [name for name in there if name not in children and f"{folder}/{name}" not in used]
        for name in extra:
            path = f"{folder}/{name}"
            if path in more:
                further.append(path)
            elif INDICES in children or COLOURS in children:  # the folder of one video
                beside[name] += 1
            elif meant := _meant(name, children.difference(there)):
                misnamed.append(f"{path} (expected {meant})")
            else:
                (folders if there[name] == FOLDER else files).append(path)
    yield from _told(holding, files, folders, further, misnamed)
    for name, count in beside.most_common():
        yield finding("other-files", holding.name, f"folders of videos that hold {name}: {count:,}", note=True)


def _told(
    holding: Holding, files: list[str], folders: list[str], further: list[str], misnamed: list[str]
) -> Iterator[Finding]:
    unit = holding.unit
    if files:
        yield finding(
            "extra-file", holding.name, f"files that belong to none of its {unit}: {len(files):,}", sorted(files)
        )
    if folders:
        text = f"folders that belong to none of its {unit}: {len(folders):,}"
        yield finding("extra-folder", holding.name, text, sorted(folders))
    if misnamed:
        yield finding(
            "misnamed-folder", holding.name, f"folders of another name than expected: {len(misnamed):,}", misnamed
        )
    if further:
        text = f"masks of training videos beside the one that the dataset has: {len(further):,}"
        yield finding("more-masks", holding.name, text, sorted(further), note=True)


def _wanted(holding: Holding) -> tuple[dict[str, set[str]], set[str]]:
    """The names that belong into each folder, and the masks of frames that need none."""
    wanted: dict[str, set[str]] = {folder: set() for folder in holding.folders}
    more: set[str] = set()
    for item in holding.items:
        further = _further_masks(item)
        more |= further
        for path in (path for paths in wanted_files(item).values() for path in paths):
            for one in _with_twin(path):
                _add(wanted, one)
        for path in further:
            _add(wanted, path.rpartition("/")[0])
            more.update(_with_twin(path))
    return wanted, more


def _add(wanted: dict[str, set[str]], path: str) -> None:
    """A path and the folders above it."""
    folder, _, name = path.rpartition("/")
    while folder and name not in wanted.setdefault(folder, set()):
        wanted[folder].add(name)
        folder, _, name = folder.rpartition("/")


def _with_twin(path: str) -> tuple[str, ...]:
    """Names that are as good: AVSBench-semantic has each mask twice, log-mels have several forms."""
    body, suffix = os.path.splitext(path)
    if suffix in OTHER_FORMS:
        return path, *(f"{body}{other}" for other in OTHER_FORMS[suffix])
    for kind, other in ((INDICES, COLOURS), (COLOURS, INDICES)):
        if f"/{kind}/" in path:
            return path, path.replace(f"/{kind}/", f"/{other}/")
    return (path,)


def _further_masks(item: Item) -> set[str]:
    """Where masks of the frames without annotation would stand."""
    masks = [frame.mask_file for frame in item.frames if frame.mask_file]
    if not masks or len(masks) == len(item.frames):
        return set()
    number = _NUMBER.search(masks[0])
    if number is None:
        return set()
    first = int(number[0])
    return {_NUMBER.sub(str(first + frame.number), masks[0]) for frame in item.frames if not frame.mask_file}


def _meant(name: str, missing: set[str]) -> str:
    """The missing name that a folder or file probably stands for."""
    word = WORDS.get(name.lower(), name.lower())
    return next((other for other in sorted(missing) if other.lower() == word), "")
