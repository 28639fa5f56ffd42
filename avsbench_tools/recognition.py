"""Which datasets are in a folder, or in the folders in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from evaluators import avss
from evaluators.dataset import DATASET
from evaluators.errors import DataError
from evaluators.gt_reading import visible
from evaluators.videos import is_video_folder

from .findings import Finding, finding, some
from .holdings import TABLE_ONLY, Found, Holding, count_files, told
from .holdings_avsbench import MODALITIES, loose_object_holding, manifest_holding, object_holding, semantic_holding
from .holdings_clips import clips_holding
from .holdings_vpo import built_holding, official_holding


def find_holdings(path: Path) -> tuple[list[Holding], list[Finding]]:
    """The datasets of a folder and of the folders in it, or of one table, each once; and what is wrong with their tables.

    Raises ``DataError``: ``not-a-folder``, ``empty-folder``, ``unreadable-folder``, ``unknown-layout``.
    """
    if path.is_file():
        tables = list(filter(None, [_of_table(path) or clips_holding(path)]))
        if not tables:
            expected = "expected a table of AVSBench or VGGSound, or a folder"
            raise DataError("unknown-layout", path, f"is no table with known columns, {expected}")
        return _collected(tables)
    names = _names(path)
    found = list(_of_folder(path))
    ours = (path / DATASET).is_file()
    if not ours and not any(holding.name == "vggsound" for holding, _ in found):
        for name in names:
            if (path / name).is_dir() and not _belongs(path / name, found):
                found += _of_folder(path / name)
    holdings, findings = _collected(found)
    findings += [] if ours else _without_table(path, holdings)
    if not holdings and not findings:
        part = path.resolve().name in (*MODALITIES, *avss.FRAMES)
        remedy = "give the folder with the table, above this one" if part else "is this the right folder?"
        message = f"found {some(names)}; expected AVSBench, VPO or VGGSound, or one of their tables; {remedy}"
        raise DataError("unknown-layout", path, message)
    return holdings, findings


def _names(path: Path) -> list[str]:
    try:
        names = sorted(filter(visible, os.listdir(path)))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError("not-a-folder", path, "found no such folder; give a dataset's folder") from None
    except OSError as error:
        raise DataError("unreadable-folder", path, f"can't be listed ({error.strerror}); mend its rights") from None
    if not names:
        raise DataError("empty-folder", path, "the folder is empty, expected a dataset; is this the right one?")
    return names


def _collected(found: list[Found]) -> tuple[list[Holding], list[Finding]]:
    """Each table once: a folder and the one above it lead to the same."""
    holdings: list[Holding] = []
    findings: list[Finding] = []
    known: set[Path] = set()
    for holding, told_of_it in found:
        tables = {table.resolve() for table in holding.tables}
        if not tables & known or not tables:
            holdings += [holding] if holding.name else []
            findings += told_of_it
            known |= tables
    return holdings, findings


def _belongs(folder: Path, found: list[Found]) -> bool:
    """Whether a folder is part of a dataset that was found beside it: VPO's clips, folders of frames and masks."""
    inner = {holding.root / name for holding, _ in found for name in holding.folders}
    return folder.name == "vggsound_bench" or folder in inner


def _of_folder(folder: Path) -> Iterator[Found]:
    """The datasets of one folder; what can't be read is told in place of its holding."""
    if is_video_folder(folder):
        yield from _tried(lambda: manifest_holding(folder), folder)
        return
    if (folder / DATASET).is_file():
        yield from _tried(lambda: built_holding(folder), folder)
        return
    readers: list[Callable[[], Found | None]] = [
        lambda: object_holding("s4", folder),
        lambda: object_holding("ms3", folder),
        *((lambda prefix=prefix: semantic_holding(folder, prefix)) for prefix in avss.FOLDERS),
        lambda: official_holding(folder),
    ]
    found = [one for reader in readers for one in _tried(reader, folder)]
    known = {table.resolve() for holding, _ in found for table in holding.tables}
    loose = [_of_table(path) for path in sorted(folder.glob("*.csv")) if path.resolve() not in known]
    found += [one for one in loose if one]
    yield from found or _tried(lambda: clips_holding(folder), folder)


def _tried(reader: Callable[[], Found | None], folder: Path) -> Iterator[Found]:
    try:
        found = reader()
    except DataError as error:
        found = Holding("", folder, (Path(error.where),), (), TABLE_ONLY), [told(error)]
    if found:
        yield found


def _of_table(path: Path) -> Found | None:
    """A table without its files, known by its columns."""
    return loose_object_holding(path) or semantic_holding(path.parent, table=path.name)


def _without_table(folder: Path, holdings: Iterable[Holding]) -> Iterator[Finding]:
    """Half a download: folders as AVSBench has them, and no table."""
    known = {holding.root / name for holding in holdings for name in holding.folders}
    labels = [f"{prefix}{label}" for prefix in avss.FOLDERS for label in avss.FRAMES]
    for table, places in (("s4_meta_data.csv or ms3_meta_data.csv", MODALITIES), (avss.TABLE, labels)):
        there = [name for name in places if (folder / name).is_dir() and folder / name not in known]
        if there:
            counts = [f"{count_files(folder / name):,} in {name}" for name in there]
            yield finding("table-missing", str(folder), f"there is no {table}; files: {', '.join(counts)}")
