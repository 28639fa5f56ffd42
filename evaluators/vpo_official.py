"""Reads VPO as published: its csv tables, without a manifest of ours.

The official loaders call the csv's split "val" their test set, and look for the images and masks of VPO-MSMI whose rows
have multi_instance 0 in VPO-MS. One row is one sounding object; VPO-SS has a sample for each row, the others one for each
image of a split.

Source: CAVP 96a6c34 ``dataset/vpo_stereo/*/visual/visual_dataset.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import vpo
from .annotation_tables import Column, read_table
from .errors import DataError
from .ground_truth import GtFrame, GtSample
from .gt_reading import TEST, safe

COLUMNS = (
    Column(("img_id",)),
    Column(("ann_ids",)),
    Column(("catename",)),
    Column(("split",)),
    Column(("multi_instance",), required=False),
)


@dataclass(frozen=True)
class Place:
    """Where the tables are, and the prefix of VPO-SS and so on in paths relative to ``root``."""

    root: Path
    prefix: str
    tables: dict[str, Path]  # by setting


@dataclass(frozen=True)
class Row:
    """A sounding object."""

    setting: str
    split: str
    image: int
    annotation: int
    category: str
    home: str  # the setting in whose folder image and mask stand


def find(folder: Path) -> Place | None:
    """The tables in a folder that holds VPO, or VPO-SS and so on, or is one of those."""
    above = Path(os.path.abspath(folder)).parent
    for root, prefix in ((folder, f"{vpo.ROOT}/"), (folder, ""), (above, "")):
        tables = {}
        for setting in vpo.SETTINGS:
            official = vpo.csv_file(setting).removeprefix(f"{vpo.ROOT}/")
            for name in (official.replace("_stereo", ""), official):  # of two, the official one
                path = root / prefix / name
                if path.is_file() and (root is folder or path.parent == Path(os.path.abspath(folder))):
                    tables[setting] = path
        if tables:
            return Place(root, prefix, tables)
    return None


def read_rows(place: Place) -> tuple[list[Row], list[str]]:
    """The rows of all tables, and remarks. Raises ``DataError`` ``csv-...``."""
    rows: list[Row] = []
    remarks: list[str] = []
    for setting, path in place.tables.items():
        table = read_table(path, COLUMNS)
        remarks += table.remarks
        splits = {row[3] for row in table.rows}
        renamed = {"val": TEST} if TEST not in splits else {}
        if renamed and "val" in splits:
            remarks.append(f"split val of {path.name} is the test set, as the official loader has it")
        for image, annotation, category, split, several in table.rows:
            home = "ms" if setting == "msmi" and several in ("0", "0.0", "False") else setting
            numbers = (_number(image, path, "img_Id"), _number(annotation, path, "ann_Ids"))
            rows.append(Row(setting, renamed.get(split, split), *numbers, category, home))
    return rows, remarks


def _number(text: str, path: Path, column: str) -> int:
    digits = text.removesuffix(".0")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 12):
        raise DataError("csv-row", path, f"found {text[:40]!a} as {column}, expected a whole number; mend the table")
    return int(digits)


def samples(place: Place, rows: Iterable[Row]) -> Iterator[GtSample]:
    """The samples that the rows make up."""
    objects: dict[tuple[str, int, int], list[Row]] = {}
    for place_in_table, row in enumerate(rows):  # each row of ss is a sample, so that a doubled one is told
        objects.setdefault((row.setting, row.image, place_in_table if row.setting == "ss" else 0), []).append(row)
    for found in objects.values():
        first = found[0]
        where = (first.home, first.image, first.category)
        files = (vpo.mask_file(*where, first.annotation), vpo.image_file(*where))
        mask, image = (safe(place.root, place.prefix + name.removeprefix(f"{vpo.ROOT}/")) for name in files)
        sample_id = f"{first.setting}_{mask.rsplit('/', 1)[-1].removesuffix('.png')}"
        categories = {row.category for row in found}
        yield GtSample(
            id=sample_id,
            frames=(GtFrame(0, mask, image, vpo.prediction_names(first.setting, files[0], sample_id)),),
            split=first.split,
            setting=first.setting,
            category=first.category if len(categories) == 1 else "",
            sources=len(found),
        )
