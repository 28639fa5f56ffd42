"""Steps that the readers of all layouts share: list a folder, choose a part, tell what is missing, keep names apart."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from .errors import DataError
from .files import inside
from .ground_truth import GtFrame, GtSample, Selection

Row = TypeVar("Row")
TEST = "test"
NAMED = 20  # files, samples or parts that one message names
LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_=+,@-][A-Za-z0-9_=+,@. -]*(?:/[A-Za-z0-9_=+,@-][A-Za-z0-9_=+,@. -]*)*")


def visible(name: str) -> bool:
    """Whether a file or folder is meant to be there: not hidden, nor left by a file manager."""
    return not name.startswith(".") and name.lower() not in LITTER


def names_in(folder: Path | str) -> set[str]:
    """Names of the visible files and folders in a folder; none where there is no such folder."""
    try:
        return set(filter(visible, os.listdir(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise DataError("unreadable-folder", folder, f"can't be listed ({error.strerror}); mend its rights") from error


def safe(root: Path, name: str) -> str:
    """``name`` with "/", for a name from a table. Raises ``DataError`` ``unsafe-path`` as :func:`evaluators.files.inside` does."""
    if _PLAIN_NAME.fullmatch(name) is None:  # the many are plain, and the full check takes 25 us
        inside(root, name)
    return name.replace("\\", "/")


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def choose(rows: Iterable[Row], part: Callable[[Row], tuple[str, str]], selection: Selection, where: Path) -> list[Row]:
    """The rows of the selection. ``part``: split and setting of a row.

    Raises ``DataError`` ``bad-selection`` with the parts that there are, where nothing is left or a setting is unknown.
    """
    rows = list(rows)
    parts = Counter(map(part, rows))
    settings = {setting for _, setting in parts}
    unknown = set(selection.settings) - settings
    wanted = {(selection.split or TEST, setting) for setting in set(selection.settings) or settings}
    kept = [row for row in rows if part(row) in wanted]
    if unknown or not kept:
        words = f"split {selection.split or TEST!r}"
        words += f", setting {' '.join(selection.settings)!r}" if selection.settings else ""
        there = some([f"{'/'.join(names)} {count:,}" for names, count in sorted(parts.items())]) or "nothing"
        message = f"nothing to score of {words}; there is {there}; choose with --split and --setting"
        raise DataError("bad-selection", where, message)
    return kept


def scope(samples: Sequence[GtSample]) -> str:
    """A line that says what was taken."""
    settings, splits = (sorted({getattr(sample, name) for sample in samples}) for name in ("setting", "split"))
    return f"gt: {len(samples):,} samples, split {' '.join(splits)}, {' '.join(settings)}"


def tell_incomplete(where: Path, missing: Sequence[str], extra: Sequence[str] = ()) -> None:
    """Raise ``DataError`` ``gt-incomplete`` that names all mask files that are missing, or more than there should be."""
    if missing or extra:
        told = [f"{len(missing):,} mask files are missing: {some(missing)}"] if missing else []
        told += [f"{len(extra):,} are more than expected: {some(extra)}"] if extra else []
        raise DataError("gt-incomplete", where, f"{'; '.join(told)}; complete or mend the dataset")


def path_ends(path: str) -> tuple[str, ...]:
    """``a/b/c`` as ``a/b/c``, ``b/c``, ``c``."""
    parts = path.split("/")
    return tuple("/".join(parts[start:]) for start in range(len(parts)))


def settled(samples: Iterable[GtSample], where: Path, *, in_order: bool = False) -> tuple[GtSample, ...]:
    """Samples by id, or ``in_order`` of the table, which official batches follow; names that could mean two masks are taken away.

    Two samples with one mask file (VPO's of MS and MSMI) keep a name that they share: one prediction then serves both.
    Raises ``DataError`` ``duplicate-sample``, ``odd-name``.
    """
    ordered = list(samples) if in_order else sorted(samples, key=lambda sample: sample.id)
    twice = sorted(name for name, count in Counter(sample.id for sample in ordered).items() if count > 1)
    if twice:
        raise DataError("duplicate-sample", where, f"found twice: {some(twice)}; a sample is scored once, remove one")
    odd = [sample.id for sample in ordered if "{}" in sample.id]
    if odd:
        raise DataError(
            "odd-name", where, f"found {{}} in {some(odd)}, which stands for frame numbers; rename the files"
        )
    meant: dict[str, str] = {}  # by each name
    shared: set[str] = set()
    for sample in ordered:
        own = dict.fromkeys(sample.names, sample.id)
        for frame in _differently_named(sample):
            own |= dict.fromkeys(frame.names, frame.mask_file)
        shared |= {name for name, mask in own.items() if meant.setdefault(name, mask) != mask}
    return tuple(_without(sample, shared) for sample in ordered) if shared else tuple(ordered)


def _differently_named(sample: GtSample) -> Iterable[GtFrame]:
    """Frames of a video mostly share one tuple of names."""
    return {id(frame.names): frame for frame in sample.frames}.values()


def _without(sample: GtSample, shared: set[str]) -> GtSample:
    own: dict[int, tuple[str, ...]] = {}
    for frame in _differently_named(sample):
        own[id(frame.names)] = tuple(name for name in frame.names if name not in shared)
    frames = tuple(replace(frame, names=own[id(frame.names)]) for frame in sample.frames)
    return replace(sample, frames=frames, names=tuple(name for name in sample.names if name not in shared))
