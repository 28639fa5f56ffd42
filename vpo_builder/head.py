"""What a head does to a sound that comes from the side: later and duller at the far ear. A rigid sphere, by its formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Filter = np.ndarray[Any, np.dtype[np.float32]]

HEAD_RADIUS = 0.0875  # metres
SPEED_OF_SOUND = 343.0  # metres per second
SHADOW_MINIMUM = 0.1  # of the shadow's high-frequency gain, at 150 degrees
SHADOW_ANGLE = math.radians(150)
DELAY_SECONDS = 20 / 16_000  # half of the delay filter
DECAY_SECONDS = 24 / 16_000  # of the shadow filter, until it is below -100 dB


def head_filters(theta: float, sample_rate: int) -> tuple[Filter, Filter, int]:
    """Impulse responses of the far (left) and the near (right) ear for a source ``theta`` >= 0 radians to the right, and the tap
    that is time 0.

    A sphere of radius a hears a distant source a/c theta later at the far ear and a/c sin(theta) earlier at the near one than
    its middle would (Woodworth: together a/c (theta + sin theta)).
    """
    unit = HEAD_RADIUS / SPEED_OF_SOUND
    far = np.convolve(_delay(unit * theta, sample_rate), shadow(math.pi / 2 + theta, sample_rate))
    near = np.convolve(_delay(-unit * math.sin(theta), sample_rate), shadow(math.pi / 2 - theta, sample_rate))
    return far.astype(np.float32), near.astype(np.float32), round(DELAY_SECONDS * sample_rate)


def _delay(seconds: float, sample_rate: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A delay by any fraction of a sample: a sinc under a Kaiser window, with gain 1 at 0 Hz."""
    half = round(DELAY_SECONDS * sample_rate)
    taps = np.arange(-half, half + 1)
    kernel = np.sinc(taps - seconds * sample_rate) * np.kaiser(2 * half + 1, 8.0)
    return np.asarray(kernel / kernel.sum())


def shadow(incidence: float, sample_rate: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Impulse response of the head at an ear that a sound meets under ``incidence`` radians (Brown and Duda 1998, eq. 4 and 5).

    H(s) = (alpha s + beta) / (s + beta), beta = 2c/a, alpha = 1.05 + 0.95 cos(180/150 incidence), by the bilinear transform.
    """
    beta, twice = 2 * SPEED_OF_SOUND / HEAD_RADIUS, 2.0 * sample_rate
    alpha = 1 + SHADOW_MINIMUM / 2 + (1 - SHADOW_MINIMUM / 2) * math.cos(incidence / SHADOW_ANGLE * math.pi)
    first, second = (beta + twice * alpha) / (beta + twice), (beta - twice * alpha) / (beta + twice)
    pole = (twice - beta) / (beta + twice)
    response = first * pole ** np.arange(math.ceil(DECAY_SECONDS * sample_rate), dtype=np.float64)
    response[1:] += second * response[:-1] / first
    return response
