"""The label table: which COCO category and which sounds stand for a category.

A table has the columns ``category,mask_id,coco_category,vocabulary,label``, one line for each label of a
category. Names are compared without regard to case and spaces. Persons are the one COCO category that
several categories share; :mod:`.persons` tells them apart.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from io import StringIO
from pathlib import Path

from evaluators.categories import VOID, Category, CategoryTable, vpo_categories
from evaluators.errors import DataError
from evaluators.files import inside

PERSON = "person"
COLUMNS = ("category", "mask_id", "coco_category", "vocabulary", "label")
_PERSON_MASK_ID = 1  # the official loader has no entry for it and fails


def same_name(name: str) -> str:
    """What two spellings of one name have in common: no spaces, no upper case."""
    return "".join(name.split()).casefold()


@dataclass(frozen=True)
class LabelTable:
    """The categories of a build and the names that stand for them."""

    categories: CategoryTable
    by_label: dict[str, str] = field(repr=False)  # normalised clip label: category
    by_coco: dict[str, tuple[str, ...]] = field(repr=False)  # normalised COCO name: categories

    def category_of_label(self, label: str) -> str | None:
        """The category that a clip label stands for, or None."""
        return self.by_label.get(same_name(label))

    def categories_of_coco(self, name: str) -> tuple[str, ...]:
        """The categories that a COCO category may become: one, or several for persons, or none."""
        return self.by_coco.get(same_name(name), ())

    @property
    def persons(self) -> tuple[str, ...]:
        """The categories that COCO's person may become: male, female, baby, and a user's own."""
        return self.categories_of_coco(PERSON)

    def is_person(self, category: str) -> bool:
        """Whether ``category`` is a kind of person."""
        return category == PERSON or category in self.persons


@dataclass(frozen=True)
class _Line:
    """One line of a label table, with the place where it stands."""

    where: str
    category: str
    mask_id: int
    coco_category: str
    label: str


def read_labels(replace: str | Path | None = None, more: str | Path | None = None) -> LabelTable:
    """The label table: the one of VPO or ``replace`` in its place, and the lines of ``more`` after it.

    Categories of VPO keep their index and mask id, others get the next indices in order of their lines.
    Raises ``DataError``: ``table-unreadable``, ``missing-column``, ``bad-label`` (empty field, mask id that is
    not 2 to 254, a category name that can't be a folder name), ``label-collision`` (naming both lines).
    """
    lines = list(_lines(Path(replace)) if replace else _own_lines())
    if more:
        lines.extend(_lines(Path(more)))
    return LabelTable(_categories(lines), _by_label(lines), _by_coco(lines))


def read_rows(path: Path | str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the stripped fields ``columns`` of each row of a csv file; blank rows are left out.

    Commas or semicolons, any line ends, with or without a byte order mark. Raises ``DataError``
    ``table-unreadable`` and ``missing-column``.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "table-unreadable",
            path,
            f"can't be read as UTF-8 text ({error}); give a csv file with the columns {','.join(columns)}",
        ) from error
    return _rows(text, str(path), columns)


def _rows(text: str, where: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    first = text.split("\n", 1)[0]
    reader = csv.reader(StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True)
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            found = ",".join(header)[:80] or "nothing"
            raise DataError(
                "missing-column", where, f"no column {', '.join(missing)}; found {found}, expected {','.join(columns)}"
            )
        for row in reader:
            if any(field.strip() for field in row):
                row += [""] * (len(header) - len(row))
                yield reader.line_num, {name: row[header.index(name)].strip() for name in columns}
    except csv.Error as error:
        raise DataError(
            "table-unreadable", f"{where}:{reader.line_num}", f"not a line of a csv file ({error}); check the quotes"
        ) from error


def _own_lines() -> Iterator[_Line]:
    text = resources.files(__package__).joinpath("data/labels.csv").read_text(encoding="utf-8")
    return (_line("labels.csv", number, row) for number, row in _rows(text, "labels.csv", COLUMNS))


def _lines(path: Path) -> Iterator[_Line]:
    return (_line(str(path), number, row) for number, row in read_rows(path, COLUMNS))


def _line(file: str, number: int, row: dict[str, str]) -> _Line:
    where = f"{file}:{number}"
    empty = [name for name in ("category", "coco_category", "label") if not row[name]]
    if empty:
        raise DataError("bad-label", where, f"{' and '.join(empty)} is empty; fill it in or remove the line")
    name, mask_id = row["category"], row["mask_id"]
    if not (mask_id.isascii() and mask_id.isdigit() and _PERSON_MASK_ID < int(mask_id) < VOID):
        raise DataError(
            "bad-label",
            where,
            f"mask_id is {mask_id!r}, expected 2 to 254 (0 is background, 1 stops the official loader, 255 is void)",
        )
    if name == PERSON or "," in name or "/" in name or "\\" in name:
        raise DataError(
            "bad-label", where, f"category {name!r} can't be used; choose a name without , / \\ that is not {PERSON!r}"
        )
    inside("", name)
    return _Line(where, name, int(mask_id), row["coco_category"], row["label"])


def _categories(lines: list[_Line]) -> CategoryTable:
    official = vpo_categories()
    first: dict[str, _Line] = {}
    owners = {category.mask_id: (category.name, "VPO") for category in official}
    ids = {category.name: (category.mask_id, "VPO") for category in official}
    for line in lines:
        first.setdefault(line.category, line)
        mask_id, where = ids.setdefault(line.category, (line.mask_id, line.where))
        owner, owner_where = owners.setdefault(line.mask_id, (line.category, line.where))
        if mask_id != line.mask_id:
            raise DataError(
                "label-collision",
                line.where,
                f"{line.category} has mask_id {line.mask_id} here and {mask_id} in {where}; use one",
            )
        if owner != line.category:
            raise DataError(
                "label-collision",
                line.where,
                f"mask_id {mask_id} is {line.category} here and {owner} in {owner_where}; use a free one",
            )
    new = [name for name in first if name not in official]
    if len(official) + len(new) >= VOID:
        raise DataError(
            "bad-label",
            lines[-1].where,
            f"{len(new)} new categories, at most {VOID - 1 - len(official)} fit into a mask; use fewer",
        )
    index = {category.name: category.index for category in official} | {
        name: len(official) + n for n, name in enumerate(new, 1)
    }
    return CategoryTable(Category(index[name], name, line.mask_id) for name, line in first.items())


def _by_label(lines: list[_Line]) -> dict[str, str]:
    first: dict[str, _Line] = {}
    for line in lines:
        known = first.setdefault(same_name(line.label), line)
        if known.category != line.category:
            raise DataError(
                "label-collision",
                line.where,
                f"label {line.label!r} is {line.category} here and {known.category} in {known.where}; keep one",
            )
    return {name: line.category for name, line in first.items()}


def _by_coco(lines: list[_Line]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, _Line]] = {}
    for line in lines:
        name = same_name(line.coco_category)
        known = found.setdefault(name, {})
        if known and line.category not in known and name != PERSON:
            other = next(iter(known.values()))
            message = f"COCO's {line.coco_category!r} is {line.category} here and {other.category} in {other.where}; only persons are told apart, keep one"
            raise DataError("label-collision", line.where, message)
        known.setdefault(line.category, line)
    return {name: tuple(known) for name, known in found.items()}
