"""Seeded chance: orders and generators that depend on the seed and on names, never on what came before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def _digest(seed: int, purpose: str, name: object) -> bytes:
    return hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest()


def shuffled(names: Iterable[str], seed: int, purpose: str) -> list[str]:
    """Names in a seeded order; adding a name leaves the order of the others as it was."""
    return sorted(names, key=lambda name: (_digest(seed, purpose, name), name))


def generator(seed: int, purpose: str, name: object) -> np.random.Generator:
    """A generator of its own for one thing, such as the sources of one image."""
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(_digest(seed, purpose, name), "big")))
