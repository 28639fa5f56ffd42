"""In which order samples come, for any number of processes, and from wherever a run resumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Sampler

Shares = np.ndarray[Any, np.dtype[np.float64]]


class EpochSampler(Sampler[tuple[int, int]]):
    """The samples of one epoch, as (epoch, index), for one of several processes.

    All processes together take the same order step by step: with ``batch`` samples each, step k of all of them holds the places
    k * batch * world to (k + 1) * batch * world. ``start`` skips so many samples of this process, to resume. With ``shuffle`` the
    order is a permutation, or with ``weights`` (one for each item) draws with repetition in their proportion. An incomplete last
    round over the processes is dropped with ``even``, so that all have as many; without it each sample comes once.
    """

    def __init__(
        self,
        length: int,
        seed: int,
        epoch: int = 0,
        rank: int = 0,
        world: int = 1,
        start: int = 0,
        *,
        shuffle: bool = True,
        weights: Sequence[float] | Shares | None = None,
        even: bool = True,
    ) -> None:
        if not 0 <= rank < world or length < 1:
            raise ValueError(f"length {length}, rank {rank} of {world}; expected items, and a rank below the world")
        self.length, self.seed, self.rank, self.world, self.shuffle, self.even = (
            length,
            seed,
            rank,
            world,
            shuffle,
            even,
        )
        self._shares = _shares(weights, length)
        self.at(epoch, start)

    def at(self, epoch: int, start: int = 0) -> None:
        """Go to an epoch, and there to a sample of this process."""
        if epoch < 0 or start < 0:
            raise ValueError(f"epoch {epoch}, start {start}; expected 0 or more")
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        count = self.length // self.world if self.even else len(range(self.rank, self.length, self.world))
        return max(0, count - self.start)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch], spawn_key=(1,)))
        if not self.shuffle:
            order = np.arange(self.length)
        elif self._shares is None:
            order = rng.permutation(self.length)
        else:
            order = rng.choice(self.length, self.length, p=self._shares)
        mine = order[self.rank :: self.world][self.start : self.start + len(self)]
        return iter([(self.epoch, int(index)) for index in mine])


def _shares(weights: Sequence[float] | Shares | None, length: int) -> Shares | None:
    if weights is None:
        return None
    shares = np.array(weights, np.float64)
    if shares.shape != (length,) or not np.isfinite(shares).all() or shares.min() < 0 or not shares.any():
        raise ValueError(f"weights of shape {shares.shape}; expected ({length},), none below 0 and not all 0")
    shares /= shares.sum()
    return shares
