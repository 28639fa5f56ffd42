"""The category table: index, name, colour, and the value that a mask file holds."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from .errors import DataError

BACKGROUND = 0
VOID = 255


@dataclass(frozen=True)
class Category:
    """One category: ``index`` 1..254 in label maps of ours, ``mask_id`` in the files of the official layout."""

    index: int
    name: str
    mask_id: int


class CategoryTable:
    """Categories in order of index, looked up by name or by mask id."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self.categories = tuple(sorted(categories, key=lambda category: category.index))
        self._by_name = {category.name: category for category in self.categories}
        self._by_mask_id = {category.mask_id: category for category in self.categories}
        if len(self._by_name) < len(self.categories) or len(self._by_mask_id) < len(self.categories):
            raise DataError(
                "duplicate-category", "category table", "a name or a mask id stands twice; give each category its own"
            )
        for category in self.categories:
            if not (0 < category.index < VOID and 0 < category.mask_id < VOID):
                raise DataError(
                    "bad-category",
                    category.name,
                    f"index and mask id must be 1 to 254, found {category.index} and {category.mask_id}",
                )

    def __iter__(self) -> Iterator[Category]:
        return iter(self.categories)

    def __len__(self) -> int:
        return len(self.categories)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Category:
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """All names, by index."""
        return tuple(category.name for category in self.categories)

    def at_their_index(self) -> tuple[str, ...]:
        """Names with the background at 0 and each category at its index, whatever the table leaves out between them.

        A table of some categories of VPO keeps their indices, and a network or a label map of all fits. What is left out
        has VPO's name, or ``unused`` with its index.
        """
        given = {category.index: category.name for category in self.categories}
        others = {category.index: category.name for category in vpo_categories() if category.name not in self}
        last = max(given, default=0)
        return (
            "background",
            *(given.get(index, others.get(index, f"unused {index}")) for index in range(1, last + 1)),
        )

    def by_mask_id(self, mask_id: int) -> Category:
        """The category that ``mask_id`` stands for in a mask file of the official layout."""
        return self._by_mask_id[mask_id]


@cache
def vpo_categories() -> CategoryTable:
    """The 21 categories of VPO; mask ids are COCO's, with 92 male, 93 female, 94 baby."""
    text = resources.files(__package__).joinpath("data/vpo_categories.csv").read_text(encoding="utf-8")
    return CategoryTable(
        Category(int(row["index"]), row["name"], int(row["mask_id"])) for row in csv.DictReader(text.splitlines())
    )


def voc_colour(index: int) -> tuple[int, int, int]:
    """Red, green, blue of the PASCAL VOC colour map at ``index`` 0..255: bit 3k+c of the index is bit 7-k of channel c."""
    red = green = blue = 0
    for bit in range(8):
        red |= (index >> (3 * bit) & 1) << (7 - bit)
        green |= (index >> (3 * bit + 1) & 1) << (7 - bit)
        blue |= (index >> (3 * bit + 2) & 1) << (7 - bit)
    return red, green, blue
