"""CPU milliseconds of panning and mixing three sources of 10 s, by pan law: ``python benchmarks/spatial.py``."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from vpo_builder.mixing import mixture, to_pcm16
from vpo_builder.spatial import LAWS, pan

REPEATS = 20


def milliseconds(call: Callable[[], object]) -> float:
    """Least CPU time of a call."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times) * 1000


def main() -> None:
    """Print a table."""
    rng = np.random.default_rng(0)
    sounds = [(0.2 * rng.standard_normal(160_000)).astype(np.float32) for _ in range(3)]
    stems = [pan(sound, position, "linear") for sound, position in zip(sounds, (0.2, 0.5, 0.9), strict=True)]
    print(f"{'mixture of 3':<14}{milliseconds(lambda: mixture(stems)):6.2f} ms")
    print(f"{'to_pcm16':<14}{milliseconds(lambda: to_pcm16(sounds[0])):6.2f} ms")
    for law in LAWS:
        print(f"{'pan ' + law:<14}{milliseconds(lambda law=law: pan(sounds[0], 0.7, law)):6.2f} ms")  # type: ignore[misc]


if __name__ == "__main__":
    main()
