"""Counts of a dataset by split, category, size and place, for the reports of all packages. Pure; all results are JSON-able."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SPLITS = ("train", "val", "test")
AREA_EDGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # shares of the image
POSITION_BINS = 10


def by_split(splits: Iterable[str]) -> dict[str, int]:
    """How often each split occurs, in the order train, val, test; others are left out."""
    counts = Counter(splits)
    return {split: counts[split] for split in SPLITS if counts[split]}


def by_category(pairs: Iterable[tuple[str, str]], names: Iterable[str] = ()) -> dict[str, dict[str, int]]:
    """Counts by split for each category, from pairs of category and split: first those of ``names``, then others by name."""
    counts = Counter(pairs)
    known = list(names)
    known += sorted({name for name, _ in counts} - set(known))
    return {name: {split: counts[name, split] for split in SPLITS if counts[name, split]} for name in known}


def imbalance(counts: Mapping[str, int]) -> dict[str, Any] | None:
    """Most over least frequent of the categories that occur; of equals the first and the last by name. None where nothing occurs.

    ``ratio`` is N_max / N_min as in the CAVP paper.
    """
    found = {name: count for name, count in counts.items() if count}
    if not found:
        return None
    high, low = max(found.values()), min(found.values())
    most = min(name for name, count in found.items() if count == high)
    least = max(name for name, count in found.items() if count == low)
    return {"ratio": high / low, "most": most, "least": least}


def area_histogram(shares: Iterable[float]) -> dict[str, int]:
    """Objects by the share of the image that they cover, 0 to 1; a bin holds its lower edge."""
    bins = [0] * (len(AREA_EDGES) + 1)
    for share in shares:
        bins[bisect_right(AREA_EDGES, share)] += 1
    edges = (0.0, *AREA_EDGES, 1.0)
    return {f"{low:.0%} to {high:.0%}": count for low, high, count in zip(edges, edges[1:], bins, strict=False)}


def position_histogram(positions: Iterable[float]) -> dict[str, int]:
    """Objects by position, in tenths from left (0) to right; 1 belongs to the last."""
    bins = Counter(min(int(position * POSITION_BINS), POSITION_BINS - 1) for position in positions)
    return {f"{n / POSITION_BINS:.1f} to {(n + 1) / POSITION_BINS:.1f}": bins[n] for n in range(POSITION_BINS)}
