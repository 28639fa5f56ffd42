"""What a folder holds: datasets as items, with every file that their tables promise, whether or not it is there.

One function for each kind of dataset gives its holding and what is wrong with its tables; they stand in
``holdings_avsbench``, ``holdings_vpo`` and ``holdings_clips``. Rows that can't be used are told and left out, so that the rest
of a damaged table is looked at too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaluators import clip_tables, ms3, s4
from evaluators.annotation_tables import Column, read_table
from evaluators.avsbench_object import AUDIO_FOLDER, IMAGE_FOLDER, LOG_MEL_FOLDER, MASK_FOLDER
from evaluators.errors import DataError
from evaluators.ground_truth import MASK
from evaluators.gt_reading import visible
from evaluators.videos import Frame

from .findings import Finding, finding

FRAMES, MASKS, AUDIO, LOG_MELS = KINDS = ("frames", "masks", "audio", "log-mels")
OFFICIAL, MANIFEST = "official", "manifest"  # forms of a holding: the published layout, a dataset folder of ours
TABLE_ONLY, WITHOUT_TABLE = "table", "without table"  # half of one
OTHER_FORMS = {".pkl": (".npy", ".safetensors")}  # a published pickle may have been replaced
WORDS = {**clip_tables.SPLITS, "validate": "val"}  # how people call splits
SUBSETS = {"s4": s4.SUBSET, "ms3": ms3.SUBSET}
MODALITIES = (MASK_FOLDER, IMAGE_FOLDER, AUDIO_FOLDER, LOG_MEL_FOLDER)
_YOUTUBE = re.compile(r"([A-Za-z0-9_-]{11})(?:_\d+){0,2}")
_SPAN = re.compile(r"(.+)_\d+_\d+")


@dataclass(frozen=True)
class Item:
    """A video, or a sample of VPO, or a clip; files are relative to the root of its holding."""

    id: str
    setting: str  # s4, ms3; v1s, v1m, v2; ss, ms, msmi; vggsound
    split: str
    frames: tuple[Frame, ...] = ()
    sounds: tuple[str, ...] = ()
    log_mels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  # by which it is counted
    seen: tuple[str, ...] | None = None  # the categories that its masks may hold; None where nothing says
    empty: bool = False  # its masks may be empty
    origin: str = ""  # what should not stand in two splits: the video on the web, the picture
    seconds: int = 0  # of its sound; 0 where nothing says
    line: int = 0  # of the table
    written: str = ""  # the split as the table has it, where that is no split


@dataclass(frozen=True)
class Holding:
    """One dataset of a folder."""

    name: str  # s4, ms3, avss, vpo, vggsound
    root: Path
    tables: tuple[Path, ...]
    items: tuple[Item, ...]
    form: str = OFFICIAL  # or another form
    kind: str = MASK  # MASK or LABELS
    categories: tuple[str, ...] = ()  # name by index
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    values: Mapping[int, int] = field(default_factory=dict)  # stored label to index; empty: the same
    folders: tuple[str, ...] = ()  # in which every file belongs to an item, relative to the root
    unit: str = "videos"

    @property
    def table(self) -> str:
        """The tables' names, relative to the root."""
        return ", ".join(os.path.relpath(path, self.root) for path in self.tables)


def wanted_files(item: Item) -> dict[str, list[str]]:
    """All files that an item should have, by kind."""
    return {
        FRAMES: [frame.image_file for frame in item.frames if frame.image_file],
        MASKS: [frame.mask_file for frame in item.frames if frame.mask_file],
        AUDIO: list(item.sounds),
        LOG_MELS: list(item.log_mels),
    }


Found = tuple[Holding, list[Finding]]


def filled(holding: Holding, columns: Sequence[Column], make: Callable[[Sequence[str]], Item]) -> Found:
    """The holding with the items of its table, and what is wrong with that."""
    path, faults = holding.tables[0], list[DataError]()
    if not path.is_file():
        counts = [f"{count_files(holding.root / name):,} in {name}" for name in holding.folders]
        text = f"{path.name} is not there; files: {', '.join(counts) or 'none'}"
        return replace(holding, form=WITHOUT_TABLE), [finding("table-missing", holding.name, text)]
    try:
        table = read_table(path, columns, faults)
    except DataError as error:
        return replace(holding, form=WITHOUT_TABLE), [told(error)]
    items = []
    for line, row in zip(table.lines, table.rows, strict=True):
        try:
            items.append(replace(make(row), line=line))
        except DataError as error:
            faults.append(DataError(error.reason, f"{path}:{line}", f"{error.where}: {error.message}"))
    notes = [finding("table-form", path.name, remark, note=True) for remark in table.remarks]
    return replace(holding, items=tuple(items)), [*of_lines(faults, path), *notes]


def count_files(folder: Path) -> int:
    """Visible files below a folder."""
    return sum(sum(map(visible, names)) for _, _, names in os.walk(folder))


def of_lines(faults: Iterable[DataError], path: Path) -> Iterator[Finding]:
    """Lines that can't be used, by what is wrong with them."""
    groups: dict[str, list[DataError]] = {}
    for fault in faults:
        groups.setdefault(fault.reason, []).append(fault)
    for reason, these in groups.items():
        lines = [f"line {fault.where.rpartition(':')[2]}" for fault in these]
        yield finding(
            reason, path.name, f"lines that can't be used: {len(these):,}, such as this: {these[0].message}", lines
        )


def told(error: DataError) -> Finding:
    """An error that ended the reading of one dataset, and not of the folder."""
    return finding(error.reason, error.where, error.message)


def header(path: Path) -> set[str]:
    """Names of the columns of a table, in small letters; none where it can't be read."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            line = stream.readline(4096)
    except OSError:
        return set()
    return {cell.strip().strip('"').lower() for cell in re.split("[,;\t]", line)}
