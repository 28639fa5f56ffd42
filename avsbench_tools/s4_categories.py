"""The 23 categories of AVSBench-object, their names in AVSBench-semantic and in VGGSound.

The pairs follow from the counts: each name of v1s in AVSBench-semantic's metadata.csv stands for the videos of one category.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class S4Category:
    """One category: ``name`` as in s4_meta_data.csv."""

    name: str
    sounding: str  # in AVSBench-semantic
    vggsound: str  # label


@cache
def s4_categories() -> Mapping[str, S4Category]:
    """The categories by name."""
    text = resources.files(__package__).joinpath("data/s4_categories.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["category"]: S4Category(row["category"], row["sounding"], row["vggsound"]) for row in rows}
