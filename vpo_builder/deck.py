"""Clips to draw from: each category and split has a deck, dealt without replacement up to a budget."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping

from .draws import shuffled
from .material import UsableClip


class Deck:
    """Deals clips by category and split: labels in turn, each label's clips in seeded order, none before all were dealt."""

    def __init__(
        self, clips: Iterable[UsableClip], splits: Mapping[str, str], uses: int, seed: int, purpose: str
    ) -> None:
        self._uses = uses
        self._dealt: Counter[str] = Counter()
        self._piles: dict[tuple[str, str], deque[UsableClip]] = {}
        groups: defaultdict[tuple[str, str], list[UsableClip]] = defaultdict(list)
        for clip in clips:
            groups[clip.category, splits[clip.clip.video_id]].append(clip)
        for key, members in groups.items():
            self._piles[key] = deque(_by_turns(members, seed, f"{purpose} deck"))

    def left(self, category: str, split: str) -> int:
        """How many different clips can still be dealt."""
        return len(self._piles.get((category, split), ()))

    def deal(self, category: str, split: str, count: int, avoid: Collection[str] = ()) -> list[UsableClip] | None:
        """``count`` clips of different videos, none of a video in ``avoid``; None, and nothing dealt, where there are too few."""
        pile = self._piles.get((category, split), deque())
        found: list[UsableClip] = []
        videos = set(avoid)
        for clip in pile:
            if len(found) == count:
                break
            if clip.clip.video_id not in videos:
                found.append(clip)
                videos.add(clip.clip.video_id)
        if len(found) < count:
            return None
        for clip in found:
            pile.remove(clip)
            self._dealt[clip.clip.id] += 1
            if self._dealt[clip.clip.id] < self._uses:
                pile.append(clip)
        return found


def _by_turns(clips: list[UsableClip], seed: int, purpose: str) -> list[UsableClip]:
    by_id = {clip.clip.id: clip for clip in clips}
    labels: defaultdict[str, list[str]] = defaultdict(list)
    for name in shuffled(by_id, seed, purpose):
        labels[by_id[name].clip.label].append(name)
    turns = [(turn, label, name) for label, names in labels.items() for turn, name in enumerate(names)]
    order = {label: rank for rank, label in enumerate(shuffled(labels, seed, purpose))}
    return [by_id[name] for _, _, name in sorted(turns, key=lambda t: (t[0], order[t[1]], t[2]))]
