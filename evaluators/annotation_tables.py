"""The csv tables that list a dataset's samples: read by the names of their columns, or by position where those differ.

AVSBench's own loaders take columns of its object subsets by position, so that copies with other headers are about.
Commas, semicolons and tabs, a byte order mark, CRLF, more columns and empty lines are all fine.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import DataError

LIMIT = 64 << 20  # bytes; AVSBench-semantic's table has 0.6 MB
SPLITS = frozenset({"train", "val", "test"})


@dataclass(frozen=True)
class Column:
    """A column that is looked for."""

    names: tuple[str, ...]  # by which it goes, in small letters; the first is its name in messages
    position: int | None = None  # where it stands in the official table, for headers of other names
    required: bool = True


@dataclass(frozen=True)
class Table:
    """What was found: a tuple of stripped texts for each row, in the order of the columns asked for, "" for what is not there."""

    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()
    lines: tuple[int, ...] = field(default=(), compare=False)  # of the file, one for each row


def read_table(path: Path, columns: Sequence[Column], faults: list[DataError] | None = None) -> Table:
    """Read a table. Lines that are no rows are left out and added to ``faults``; without it the first one is raised.

    Raises ``DataError`` ``csv-unreadable``, ``csv-columns``, ``csv-row`` with file, line, found and expected.
    """
    lines = _lines(path)
    if not lines:
        raise DataError("csv-unreadable", path, "the table is empty, expected a header and a line for each sample")
    header = [cell.strip().lower() for cell in lines[0][1]]
    places, remarks = _places(path, columns, header)
    headless = any(
        column.names[0] == "split" and place is not None and header[place] in SPLITS
        for column, place in zip(columns, places, strict=True)
    )
    needed = max((place for place in places if place is not None), default=0) + 1
    rows = []
    for number, cells in lines if headless else lines[1:]:
        if len(cells) >= needed:
            rows.append((number, tuple(["" if place is None else cells[place].strip() for place in places])))
            continue
        message = f"found {len(cells)} columns, expected at least {needed} as in the header; mend this line"
        fault = DataError("csv-row", f"{path}:{number}", message)
        if faults is None:
            raise fault
        faults.append(fault)
    told = (f"{path.name} has no header; its columns were taken by position",) if headless else remarks
    return Table(tuple(row for _, row in rows), told, tuple(number for number, _ in rows))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of each line that isn't empty."""
    try:
        size = os.path.getsize(path)
        if size > LIMIT:
            raise DataError("csv-unreadable", path, f"found {size:,} bytes, at most {LIMIT:,} are read")
        with open(path, encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            delimiter = max(",;\t", key=first.count)
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter)
            return [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except OSError as error:
        raise DataError("csv-unreadable", path, f"can't be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError("csv-unreadable", path, f"is no csv in UTF-8 ({error}); save it as one") from error


def _places(path: Path, columns: Sequence[Column], header: Sequence[str]) -> tuple[list[int | None], tuple[str, ...]]:
    """Where each column stands, and what had to be taken by position."""
    places = [next((header.index(name) for name in column.names if name in header), None) for column in columns]
    remarks = []
    for number, column in enumerate(columns):
        place = column.position
        if places[number] is not None or not column.required:
            continue
        if place is None or place >= len(header) or place in places:
            found = ascii(", ".join(header))[1:-1][:200]
            raise DataError("csv-columns", path, f"found the columns {found}; expected one named {column.names[0]}")
        places[number] = place
        remarks.append(f"{path.name} has no column {column.names[0]}; column {place + 1} ({header[place]}) was taken")
    return places, tuple(remarks)


def number_of(text: str) -> float | None:
    """The finite number that a cell holds, None for any other text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
