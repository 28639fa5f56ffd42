"""How many videos the published datasets have, by setting and split (``data/published.toml``), to compare a folder with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class PublishedCount:
    """One split of one setting."""

    setting: str  # s4, ms3; v1s, v1m, v2; ss, ms, msmi; vggsound
    split: str  # train, val, test
    videos: int  # of VPO samples, of VGGSound clips
    masks: int | None  # annotated frames; None where the source doesn't tell
    source: str  # paper and table, or the file that was counted


@cache
def published_counts() -> Mapping[tuple[str, str], PublishedCount]:
    """All counts by setting and split."""
    table = _table()
    return {
        (row["setting"], split): PublishedCount(
            row["setting"], split, videos, row.get("masks", {}).get(split), table["sources"][row["source"]]
        )
        for row in table["counts"]
        for split, videos in row["videos"].items()
    }


@cache
def published_categories() -> Mapping[str, int]:
    """Videos of each category of S4, over all splits (AVSBench paper, Fig. 2)."""
    return dict(_table()["s4_categories"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("data/published.toml").read_text(encoding="utf-8"))
