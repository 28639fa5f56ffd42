"""The plan: which objects of which images sound, with which clips. Pure: material, settings and seed to samples.

All settings share one split of images and videos. Images with more categories that can sound come first.
Every image draws from a generator of its own, so a sample doesn't depend on how many are asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from evaluators.dataset import Crop, Instance, Sample, Source
from evaluators.vpo import COLLIDING

from .deck import Deck
from .draws import generator, shuffled
from .layouts import placed
from .material import Candidate, Material, UsableClip
from .settings import SAMPLE_RATE, Settings
from .splits import image_splits, video_splits

MAX_INDEX = 254  # of the instance map


@dataclass(frozen=True)
class Plan:
    """Samples of each setting in order, and what the plan had to work with."""

    samples: Mapping[str, tuple[Sample, ...]]
    image_splits: Mapping[int, str]
    video_splits: Mapping[str, str]
    unmet: Counter[tuple[str, str, str]]  # setting, split, category: objects left silent because no clip was left


def make_plan(
    material: Material,
    settings: Settings,
    *,
    test_images: Collection[str] | None = None,
    test_clips: Collection[str] | None = None,
) -> Plan:
    """Plan every setting that ``settings`` asks for. ``test_images`` and ``test_clips`` are official test lists."""
    images = image_splits(material.candidates, settings, test_images)
    videos = video_splits(material.clips, settings, test_clips)
    ordered = _by_priority(material.candidates, settings)
    samples: dict[str, tuple[Sample, ...]] = {}
    unmet: Counter[tuple[str, str, str]] = Counter()
    for setting in settings.settings:
        planner = _Planner(settings, material.clips, images, videos)
        whole = planner.single(ordered) if setting == "ss" else planner.multi(setting, ordered)
        samples[setting] = tuple(whole)[: settings.limit]
        unmet |= planner.unmet
    return Plan(samples, images, videos, unmet)


def fit(instance: Instance, candidate: Candidate, settings: Settings) -> bool:
    """Whether an instance may sound: large enough, and of a category that isn't blocked in its image."""
    _, _, width, height = instance.bbox
    share = instance.area / (candidate.picture.width * candidate.picture.height)
    return (
        share >= settings.min_area
        and min(width, height) >= settings.min_side
        and instance.category not in candidate.blocked
    )


def repeats(candidate: Candidate) -> bool:
    """Whether any category is, or may be, in the image more than once: two instances, a crowd, or several unlabelled persons."""
    counts = Counter(instance.category for instance in candidate.instances)
    return bool(candidate.ignore) or len(candidate.unlabelled) > 1 or any(count > 1 for count in counts.values())


def _by_priority(candidates: Iterable[Candidate], settings: Settings) -> list[Candidate]:
    by_id = {str(candidate.picture.id): candidate for candidate in candidates}
    order = [by_id[name] for name in shuffled(by_id, settings.seed, "image")]
    return sorted(order, key=lambda c: -len({i.category for i in c.instances if fit(i, c, settings)}))


class _Planner:
    """Deals clips to instances, for one setting."""

    def __init__(
        self, settings: Settings, clips: tuple[UsableClip, ...], images: Mapping[int, str], videos: Mapping[str, str]
    ) -> None:
        self.settings, self.clips, self.images, self.videos = settings, clips, images, videos
        self.unmet: Counter[tuple[str, str, str]] = Counter()
        self.dealt: Counter[tuple[str, str, str]] = Counter()

    def single(self, candidates: Iterable[Candidate]) -> Iterator[Sample]:
        """VPO-SS: one sample for each category that the image shows exactly once."""
        deck = self._deck("ss")
        for candidate in candidates:
            counts = Counter(instance.category for instance in candidate.instances)
            alone = {
                i.category: i
                for i in candidate.instances
                if counts[i.category] == 1 and fit(i, candidate, self.settings)
            }
            for category in shuffled(alone, self.settings.seed, f"ss {candidate.picture.id}"):
                sources = self._sources("ss", [[alone[category]]], candidate, deck)
                if sources:
                    yield self._sample("ss", candidate, sources)

    def multi(self, setting: str, candidates: list[Candidate]) -> Iterator[Sample]:
        """VPO-MS: images without a repeated category. VPO-MSMI: those, and images with one, in order of priority."""
        base, more = self._deck("ms"), self._deck("msmi")
        for candidate in candidates:
            twice = repeats(candidate)
            if (setting == "ms" and twice) or (setting == "msmi" and not twice and not self.settings.msmi_base):
                continue
            rng = generator(self.settings.seed, "msmi" if twice else "ms", candidate.picture.id)
            chosen = self._pairs(candidate, rng, more) if twice else self._singles(candidate, rng, base)
            sources = self._sources("msmi" if twice else "ms", chosen, candidate, more if twice else base)
            if sources:
                yield self._sample(setting, candidate, sources, twice)

    def _deck(self, setting: str) -> Deck:
        return Deck(self.clips, self.videos, self.settings.clip_uses, self.settings.seed, setting)

    def _singles(self, candidate: Candidate, rng: np.random.Generator, deck: Deck) -> list[list[Instance]]:
        able = [
            i
            for i in candidate.instances
            if fit(i, candidate, self.settings) and self._supply("ms", i.category, candidate, deck)
        ]
        return [[instance] for instance in self._keep(_uncollided(able, rng, self.settings), rng, [])]

    def _pairs(self, candidate: Candidate, rng: np.random.Generator, deck: Deck) -> list[list[Instance]]:
        able = [
            i
            for i in candidate.instances
            if fit(i, candidate, self.settings) and self._supply("msmi", i.category, candidate, deck)
        ]
        able = _uncollided(able, rng, self.settings)
        counts = Counter(instance.category for instance in able)
        split = self.images[candidate.picture.id]
        double = sorted(
            name
            for name, count in counts.items()
            if count > 1 and deck.left(name, split) > 1 and self._room("msmi", split, name) > 1
        )
        if not double:
            return []
        category = double[rng.integers(len(double))]
        same = [instance for instance in able if instance.category == category]
        pair = [same[k] for k in sorted(rng.choice(len(same), 2, replace=False))]
        if self.settings.pair_probability < 1 and rng.random() >= self.settings.pair_probability:
            silenced = pair.pop(int(rng.integers(2)))
            able = [instance for instance in able if instance is not silenced]
        kept = self._keep(able, rng, pair)
        return [pair, *([instance] for instance in kept if instance not in pair)]

    def _keep(self, able: list[Instance], rng: np.random.Generator, always: list[Instance]) -> list[Instance]:
        """Those that keep their sound: all of one or two; of more, each by chance, but never none and never too many."""
        kept = able
        if len(able) > 2:
            draws = rng.random(len(able))
            kept = [
                i for i, draw in zip(able, draws, strict=True) if draw < self.settings.keep_probability or i in always
            ]
            kept = kept or [able[int(np.argmin(draws))]]
        while len(kept) > self.settings.max_sources:
            spare = [instance for instance in kept if instance not in always]
            kept = [instance for instance in kept if instance is not spare[rng.integers(len(spare))]]
        return kept

    def _room(self, setting: str, split: str, category: str) -> float:
        quota = self.settings.quota
        return float("inf") if quota is None else quota - self.dealt[setting, split, category]

    def _supply(self, setting: str, category: str, candidate: Candidate, deck: Deck) -> bool:
        split = self.images[candidate.picture.id]
        supply = deck.left(category, split) > 0 and self._room(setting, split, category) > 0
        self.unmet[setting, split, category] += not supply
        return supply

    def _sources(self, setting: str, groups: list[list[Instance]], candidate: Candidate, deck: Deck) -> list[Source]:
        """A clip for each instance; the first group gets all of its clips or the image is left out."""
        split = self.images[candidate.picture.id]
        sources: list[Source] = []
        for group in groups:
            category = group[0].category
            videos = [source.clip.video_id for source in sources]
            room = self._room(setting, split, category) >= len(group)
            clips = deck.deal(category, split, len(group), videos) if room else None
            if clips is None:
                self.unmet[setting, split, category] += len(group)
                if group is groups[0] and len(group) > 1:
                    return []
                continue
            self.dealt[setting, split, category] += len(group)
            sources += [
                Source(instance, usable.clip, instance.position) for instance, usable in zip(group, clips, strict=True)
            ]
        return sources

    def _sample(self, setting: str, candidate: Candidate, sources: list[Source], twice: bool = False) -> Sample:
        heard = {source.instance.annotation_id for source in sources}
        silent = sorted(
            (i for i in candidate.instances if i.annotation_id not in heard), key=lambda i: (-i.area, i.annotation_id)
        )
        numbered = iter(range(1, MAX_INDEX + 1))
        sources = [replace(s, instance=replace(s.instance, index=next(numbered))) for s in sources]
        sample = Sample(
            id="",
            setting=setting,
            split=self.images[candidate.picture.id],
            picture=candidate.picture,
            sources=tuple(sources),
            silent=tuple(replace(instance, index=index) for instance, index in zip(silent, numbered, strict=False)),
            unlabelled=candidate.unlabelled,
            ignore=candidate.ignore,
            crop=Crop(0, self.settings.length, SAMPLE_RATE, self.settings.short),
            pan_law=self.settings.pan if self.settings.audio == "render" else "linear",
            image_file="",
            mask_file="",
            instance_file="",
            multi_instance=twice,
        )
        return placed(sample, self.settings.layout, self.settings.audio)


def _uncollided(instances: list[Instance], rng: np.random.Generator, settings: Settings) -> list[Instance]:
    """Without either car or airplane where both could sound: the official loader can't tell them apart in one mask."""
    present = sorted(COLLIDING & {instance.category for instance in instances})
    if len(present) < 2 or settings.allow_colliding:
        return instances
    dropped = present[rng.integers(2)]
    return [instance for instance in instances if instance.category != dropped]


def shortages(plan: Plan, material: Material, settings: Settings) -> list[str]:
    """What the material can't satisfy, a line for each setting and split: no samples, or objects for which no clip was left."""
    clips = Counter((clip.category, plan.video_splits[clip.clip.video_id]) for clip in material.clips)
    images = Counter(plan.image_splits.values())
    lines = []
    for setting, samples in plan.samples.items():
        present = Counter(sample.split for sample in samples)
        for split in ("train", "val", "test"):
            heard = sum(count for (_, s), count in clips.items() if s == split)
            if not present[split] and (split != "val" or settings.val_fraction):
                lines.append(f"{setting} {split}: no samples ({images[split]} images and {heard} clips are {split})")
            unmet = {
                category: count
                for (s, p, category), count in plan.unmet.items()
                if count and (s, p) == (setting, split)
            }
            if unmet and len(samples) != settings.limit:
                told = ", ".join(
                    f"{name} {unmet[name]} (clips: {clips[name, split]})"
                    for name in sorted(unmet, key=lambda name: (-unmet[name], name))
                )
                lines.append(
                    f"{setting} {split}: objects without a clip: {told}; give more clips, or --clip-uses above {settings.clip_uses}"
                )
    return lines
