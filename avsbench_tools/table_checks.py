"""What is wrong with the rows of a holding: the same video twice or in two splits, splits that no loader asks for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from evaluators.annotation_tables import SPLITS
from evaluators.avss import FRAMES
from evaluators.vpo import SETTINGS

from .findings import Finding, finding
from .holdings import Holding, Item
from .published import published_categories
from .s4_categories import s4_categories

ORDER = ("train", "val", "test")
LABELS = tuple(FRAMES)


def without_doubles(holding: Holding) -> tuple[Holding, list[Finding]]:
    """The holding with each item once, and which rows repeat an earlier one."""
    first: dict[tuple[str, str], Item] = {}
    doubled = []
    for item in holding.items:
        earlier = first.setdefault((item.setting, item.id), item)
        if earlier is not item:
            other = f" as {item.split}, there as {earlier.split}" if item.split != earlier.split else ""
            doubled.append(f"{item.id} (line {item.line} repeats line {earlier.line}{other})")
    if not doubled:
        return holding, []
    text = f"rows that repeat the {holding.unit.removesuffix('s')} of an earlier row: {len(doubled):,}"
    kept = replace(holding, items=tuple(first.values()))
    return kept, [finding("duplicate-row", holding.table, text, doubled)]


def table_findings(holding: Holding) -> Iterator[Finding]:
    """What the rows alone tell."""
    yield from _splits(holding)
    if holding.name == "avss":
        yield from _labels(holding)
    if holding.name == "s4":
        yield from _categories(holding)
    yield from _leaks(holding)


def _splits(holding: Holding) -> Iterator[Finding]:
    counts = Counter(item.split for item in holding.items)
    written = Counter(item.written or item.split for item in holding.items if holding.unit != "clips")
    strange = sorted(written.keys() - SPLITS)
    for split in strange:
        these = [item for item in holding.items if (item.written or item.split) == split]
        guess = f", which probably means {these[0].split}" if these[0].written else ""
        text = f"rows of the split {split!r}{guess}: {len(these):,}; expected train, val or test"
        yield finding("unknown-split", holding.table, text, [item.id for item in these])
    lacking = [split for split in ORDER if not counts[split]]
    asked = {"vpo": ("train", "test"), "vggsound": ()}.get(holding.name, ORDER)
    for split in lacking:
        if counts and split in asked and not strange:
            yield finding("empty-split", holding.table, f"the table has no {holding.unit} of {split}", note=True)


def _labels(holding: Holding) -> Iterator[Finding]:
    counts = Counter(item.setting for item in holding.items)
    for label in sorted(counts.keys() - set(LABELS)):
        text = f"rows of the label {label!r}: {counts[label]:,}; expected {', '.join(LABELS)}"
        names = [item.id for item in holding.items if item.setting == label]
        yield finding("unknown-label", holding.table, text, names)


def _categories(holding: Holding) -> Iterator[Finding]:
    counts = Counter(name for item in holding.items for name in item.categories)
    for name in sorted(counts.keys() - s4_categories().keys()):
        close = next((other for other in published_categories() if _plain(other) == _plain(name)), "")
        guess = f", which probably means {close}" if close else f", which is none of the {len(published_categories())}"
        names = [item.id for item in holding.items if name in item.categories]
        yield finding("unknown-category", holding.table, f"rows of the category {name!r}{guess}: {len(names):,}", names)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _leaks(holding: Holding) -> Iterator[Finding]:
    """Videos on the web, or pictures, that stand in two splits: of one setting, and across the settings of one table."""
    settings = dict.fromkeys(item.setting for item in holding.items)
    told: set[str] = set()
    for setting in settings:
        leaks = _in_two([item for item in holding.items if item.setting == setting], lambda item: item.split)
        told |= leaks.keys()
        yield from _leak(holding, setting, leaks, "")
    if holding.name == "avss":
        items = [item for item in holding.items if item.origin not in told]
        leaks = _in_two(items, lambda item: f"{item.setting}/{item.split}")
        across = {origin: where for origin, where in leaks.items() if len({part.split("/")[1] for part in where}) > 1}
        yield from _leak(holding, "avss", across, f", across {', '.join(settings)}")


def _in_two(items: Iterable[Item], part: Callable[[Item], str]) -> dict[str, list[str]]:
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.origin:
            parts[item.origin].add(part(item))
    return {origin: sorted(where, key=_place) for origin, where in parts.items() if len(where) > 1}


def _place(part: str) -> tuple[int, str]:
    split = part.rpartition("/")[2]
    return (ORDER.index(split) if split in ORDER else len(ORDER)), part


def _leak(holding: Holding, where: str, leaks: dict[str, list[str]], across: str) -> Iterator[Finding]:
    if leaks:
        what = "pictures" if where in SETTINGS else "videos on the web"
        names = sorted(f"{origin} ({', '.join(parts)})" for origin, parts in leaks.items())
        yield finding("leak", where, f"{what} that stand in more than one split{across}: {len(leaks):,}", names)
