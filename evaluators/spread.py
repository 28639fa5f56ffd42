"""Which items stand for all where only some can be shown: in turn from each setting and split, and there from each category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


class Part(NamedTuple):
    """Where an item belongs."""

    setting: str
    split: str
    categories: tuple[str, ...]


def spread(items: Sequence[Item], part: Callable[[Item], Part], limit: int) -> list[Item]:
    """At most ``limit`` items, in their own order, taken in turn from each setting and split, and there from each category.

    An item counts for the rarest of its categories. No randomness: the same items give the same choice.
    """
    parts = [part(item) for item in items]
    uses = Counter(category for part in parts for category in part.categories)
    rarest = [min(part.categories, key=lambda name: (uses[name], name), default="") for part in parts]
    turn = _places(range(len(parts)), lambda n: (parts[n].setting, parts[n].split, rarest[n]))
    by_category = sorted(range(len(parts)), key=lambda n: (turn[n], uses[rarest[n]], rarest[n], n))
    turn = _places(by_category, lambda n: (parts[n].setting, parts[n].split))
    by_split = sorted(by_category, key=lambda n: (turn[n], parts[n].setting, parts[n].split))
    return [items[n] for n in sorted(by_split[: max(limit, 0)])]


def _places(numbers: Iterable[int], group: Callable[[int], Hashable]) -> dict[int, int]:
    """For each number, how many of its group came before it."""
    seen: defaultdict[Hashable, int] = defaultdict(int)
    places = {}
    for number in numbers:
        places[number] = seen[group(number)]
        seen[group(number)] += 1
    return places
