"""The room of the pan law ``room``: the same for every source, and its own mirror image.

A shoebox 6 m wide, 5 m deep and 3 m high. The listener stands on its middle line and looks along it; the source is 1.5 m away
at ear height. Each ear is a point on a sphere of 8.75 cm: reflections come from the image-source method, and the head's shadow
at the angle of the direct sound is laid over all of them, which is a simplification.
"""

from __future__ import annotations

import importlib
import math
from functools import lru_cache
from typing import Any

import numpy as np

from evaluators.errors import DataError

from .head import HEAD_RADIUS, SPEED_OF_SOUND, Filter, shadow

SIZE = (6.0, 5.0, 3.0)  # metres
LISTENER = (3.0, 1.5, 1.5)
DISTANCE = 1.5
ABSORPTION = 0.35  # of the energy, by every wall; about 0.3 s of reverberation
ORDER = 10  # reflections
BEFORE = 8  # samples between the start of a response and that of the delay filter of the direct sound


@lru_cache(maxsize=64)
def room_filters(theta: float, sample_rate: int) -> tuple[Filter, Filter, int]:
    """Impulse responses of the far (left) and the near (right) ear for a source ``theta`` >= 0 radians to the right, and their time 0.

    Float32; the direct sound has about gain 1, and arrives at time 0 (a tap) where the head's middle is. The same on every run: one thread.
    Raises ``DataError`` ``missing-package`` where pyroomacoustics is not installed.
    """
    library = _library()
    far, near = (_response(library, theta, ear, sample_rate) for ear in (-HEAD_RADIUS, HEAD_RADIUS))
    return (
        np.convolve(far, shadow(math.pi / 2 + theta, sample_rate)).astype(np.float32),
        np.convolve(near, shadow(math.pi / 2 - theta, sample_rate)).astype(np.float32),
        library.constants.get("frac_delay_length") // 2 + BEFORE,
    )


def _response(library: Any, theta: float, ear: float, sample_rate: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The room between source and one ear, ``ear`` metres to the right of the head's middle."""
    x, y, z = LISTENER
    room = library.ShoeBox(
        SIZE, fs=sample_rate, materials=library.Material(ABSORPTION), max_order=ORDER, air_absorption=False
    )
    room.add_source([x + DISTANCE * math.sin(theta), y + DISTANCE * math.cos(theta), z])
    room.add_microphone([x + ear, y, z])
    room.compute_rir()
    direct = round(DISTANCE / SPEED_OF_SOUND * sample_rate)  # where its delay filter starts
    return np.asarray(room.rir[0][0][direct - BEFORE :], np.float64) * DISTANCE


def _library() -> Any:
    try:
        library = importlib.import_module("pyroomacoustics")
    except ImportError as error:
        raise DataError(
            "missing-package", "--pan room", 'needs pyroomacoustics; install it: pip install "avskit[room]"'
        ) from error
    library.constants.set("num_threads", 1)  # the sum over images depends on their number
    library.constants.set("c", SPEED_OF_SOUND)
    return library
