"""Which images and which videos are train, val and test: each stands in one split, the same for every setting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from .draws import shuffled
from .material import Candidate, UsableClip
from .settings import Settings

Groups = Mapping[str, frozenset[str]]  # image or video -> its categories


def image_splits(
    candidates: Iterable[Candidate], settings: Settings, test_ids: Collection[str] | None
) -> dict[int, str]:
    """Split of each image id: a given list, else COCO's val2017 as test, else a share of each category.

    Where all images are of one COCO split that can't be kept apart from the other, and a share is drawn.
    """
    groups = {str(c.picture.id): frozenset(i.category for i in c.instances) for c in candidates}
    official = {str(c.picture.id): c.official_split for c in candidates}
    test = _listed(groups, test_ids)
    if test is None and set(official.values()) >= {"train", "val"}:
        test = {name for name, split in official.items() if split == "val"}
    return {int(name): split for name, split in _assign(groups, test, settings, "image").items()}


def video_splits(clips: Iterable[UsableClip], settings: Settings, test_ids: Collection[str] | None) -> dict[str, str]:
    """Split of each video id: a given list, else the table's own split, else a share of each category."""
    groups: dict[str, frozenset[str]] = {}
    official: dict[str, str] = {}
    listed = set()
    for usable in clips:
        video = usable.clip.video_id
        groups[video] = groups.get(video, frozenset()) | {usable.category}
        official[video] = max(official.get(video, ""), usable.official_split, key=("", "train", "val", "test").index)
        if test_ids is not None and (video in test_ids or usable.clip.id in test_ids):
            listed.add(video)
    test = listed if test_ids is not None else None
    if test is None and "test" in official.values():
        test = {name for name, split in official.items() if split == "test"}
    return _assign(groups, test, settings, "video", val={name for name, split in official.items() if split == "val"})


def _listed(groups: Groups, ids: Collection[str] | None) -> set[str] | None:
    return None if ids is None else {name for name in groups if name in ids or name.zfill(12) in ids}


def _assign(
    groups: Groups, test: set[str] | None, settings: Settings, purpose: str, val: Collection[str] = ()
) -> dict[str, str]:
    if test is None:
        test = draw_share(groups, settings.test_fraction, settings.seed, f"{purpose} test")
    rest = {name: categories for name, categories in groups.items() if name not in test and name not in val}
    val = {*val, *draw_share(rest, settings.val_fraction, settings.seed, f"{purpose} val")} - test
    return {name: "test" if name in test else "val" if name in val else "train" for name in groups}


def draw_share(groups: Groups, fraction: float, seed: int, purpose: str) -> set[str]:
    """A share of the groups, drawn so that each category gives its own share, and at least one if it has two.

    A group of several categories counts for the rarest of them.
    """
    total = Counter(category for categories in groups.values() for category in categories)
    target = {
        name: max(1, round(fraction * count)) if fraction > 0 and count > 1 else 0 for name, count in total.items()
    }
    taken: Counter[str] = Counter()
    chosen = set()
    for name in shuffled(groups, seed, purpose):
        if not groups[name]:
            continue
        rarest = min(groups[name], key=lambda category: (total[category], category))
        if taken[rarest] < target[rarest]:
            chosen.add(name)
            taken.update(groups[name])
    return chosen
