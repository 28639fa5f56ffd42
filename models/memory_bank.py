"""Sounds of each category that were heard lately, so that a picture can be given a right sound that isn't its own.

CAVP keeps such a bank of raw waveforms (Chen et al., CVPR 2024, supplementary material; cyh-0/CAVP 96a6c34,
models/cavp_model.py ``SoundBank``). Theirs begins with silence and always gives the oldest sound; this one gives only
what was put in, any of it. Their VPO trainer asks its bank and then throws the answer away.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MemoryBank(nn.Module):
    """``slots`` sounds for each category, the oldest overwritten first. Saved with the network, so that a run resumes with it.

    A sound has ``samples`` samples here: longer ones are cut behind, shorter ones repeated.
    """

    sounds: Tensor
    stored: Tensor

    def __init__(self, categories: int, slots: int, channels: int, samples: int) -> None:
        super().__init__()
        if min(categories, slots, channels, samples) < 1:
            raise ValueError(
                f"{categories} categories, {slots} slots, {channels} channels, {samples} samples: expected at least 1"
            )
        self.slots = slots
        self.register_buffer("sounds", torch.zeros(categories, slots, channels, samples))
        self.register_buffer("stored", torch.zeros(categories, dtype=torch.int64))  # sounds ever put in

    def counts(self) -> list[int]:
        """How many sounds there are to draw from, by category."""
        return [min(stored, self.slots) for stored in self.stored.tolist()]

    @torch.no_grad()
    def add(self, sounds: Tensor, heard: Tensor) -> None:
        """Keep the sounds of one source.

        sounds: float (items, channels, samples); heard: bool (items, categories) on the CPU, background first.
        """
        single = (heard[:, 1:].sum(1) == 1).nonzero().flatten().tolist()
        stored = self.stored.tolist()
        for item in single:
            category = int(heard[item, 1:].nonzero()) + 1
            kept = fitted(sounds[item], self.sounds.shape[3])
            self.sounds[category, stored[category] % self.slots].copy_(kept)
            stored[category] += 1
        self.stored.copy_(torch.tensor(stored))

    @torch.no_grad()
    def draw(self, categories: Sequence[int], samples: int, generator: torch.Generator) -> Tensor:
        """One sound of each category asked for: float (asked, channels, samples).

        Raises ``ValueError`` for a category of which there is none.
        """
        counts = self.counts()
        empty = [category for category in categories if not counts[category]]
        if empty:
            raise ValueError(f"no sound of category {empty[0]} in the bank; there are {counts}")
        slots = [int(torch.randint(counts[category], (), generator=generator)) for category in categories]
        return fitted(self.sounds[list(categories), slots], samples)


def fitted(sound: Tensor, samples: int) -> Tensor:
    """(..., any number) -> (..., samples): the beginning, or all of it as often as it takes."""
    times = -(-samples // sound.shape[-1])
    return sound.repeat(*[1] * (sound.dim() - 1), times)[..., :samples]
