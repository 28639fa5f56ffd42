"""Counterfactuals: the same images with a sound that is wrong in one known way. Pure, like the plan.

========== ============================================== ===========
variant    what is heard                                  ground truth
========== ============================================== ===========
mirrored   each source at 1 - position                    as the base
wrong-side each source at the far edge of the other side  as the base
swapped    another clip of the same category              as the base
silence    nothing                                        empty
noise      noise at each source's position                empty
off-screen clips of categories that the image lacks       empty
========== ============================================== ===========

A model that listens falls under the first two, keeps its score under the third, and predicts nothing under
the last three.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluators.dataset import Clip, Instance, Sample, Source

from .draws import generator
from .material import UsableClip
from .settings import VARIANTS, Settings

NOISES = 16  # different noise clips
PERSONS = frozenset({"male", "female", "baby"})
Pools = Mapping[tuple[str, str], Sequence[Clip]]  # category, split -> clips


def made_clip(kind: str, number: int = 0) -> Clip:
    """A clip that no recording stands behind: ``silence`` or ``noise``."""
    return Clip(id=f"{kind}_{number:06d}", video_id=kind, start_seconds=0.0, label=kind, file="", sha256="")


def wanted(settings: Settings) -> tuple[str, ...]:
    """The variants that were asked for, in the order of the table."""
    return VARIANTS if "all" in settings.variants else tuple(name for name in VARIANTS if name in settings.variants)


@dataclass(frozen=True)
class _Maker:
    """What a variant may draw from, and the videos that the sample has heard already."""

    pools: Pools
    rng: np.random.Generator
    sample: Sample
    heard: set[str]

    def mirrored(self, source: Source) -> Source:
        return replace(source, position=1.0 - source.position)

    def wrong_side(self, source: Source) -> Source:
        return replace(source, position=0.0 if source.position >= 0.5 else 1.0)

    def silence(self, source: Source) -> Source:
        return replace(source, clip=made_clip("silence"))

    def noise(self, source: Source) -> Source:
        return replace(source, clip=made_clip("noise", int(self.rng.integers(NOISES))))

    def swapped(self, source: Source) -> Source | None:
        return self._drawn(source, [source.instance.category])

    def off_screen(self, source: Source) -> Source | None:
        instances: list[Instance] = [s.instance for s in self.sample.sources] + list(self.sample.silent)
        seen = {instance.category for instance in instances} | (PERSONS if self.sample.unlabelled else set())
        absent = sorted({category for category, split in self.pools if split == self.sample.split} - seen)
        self.rng.shuffle(absent)
        return self._drawn(source, absent)

    def _drawn(self, source: Source, categories: list[str]) -> Source | None:
        for category in categories:
            clips = [
                clip for clip in self.pools.get((category, self.sample.split), ()) if clip.video_id not in self.heard
            ]
            if clips:
                clip = clips[self.rng.integers(len(clips))]
                self.heard.add(clip.video_id)
                return replace(source, clip=clip)
        return None


def make_variant(
    name: str, samples: Sequence[Sample], clips: Sequence[UsableClip], splits: Mapping[str, str], seed: int
) -> tuple[Sample, ...]:
    """The variant of each sample. One that has no other clip to be given is left out.

    Draws depend on the image alone, so that one image sounds the same in every setting that shares it.
    """
    pools: defaultdict[tuple[str, str], list[Clip]] = defaultdict(list)
    for usable in clips:
        pools[usable.category, splits[usable.clip.video_id]].append(usable.clip)
    made = []
    for sample in samples:
        heard = {source.clip.video_id for source in sample.sources}
        maker = _Maker(pools, generator(seed, f"variant {name}", sample.mask_file), sample, heard)
        change: Callable[[Source], Source | None] = getattr(maker, name.replace("-", "_"))
        sources = [source for source in map(change, sample.sources) if source is not None]
        if len(sources) == len(sample.sources):
            truth = "empty" if name in ("silence", "noise", "off-screen") else "base"
            made.append(replace(sample, sources=tuple(sources), variant=name, truth=truth))
    return tuple(made)
