"""From position to left and right: the pan laws.

A position is the centre of mass over the image width, 0 left to 1 right. Every law hears a source on the right half only; one on the
left half is its mirror image with the channels swapped, so that flipping the picture swaps the channels bit for bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Wave = np.ndarray[Any, np.dtype[np.float32]]
Filter = np.ndarray[Any, np.dtype[np.float32]]

LAWS = ("linear", "power", "head", "distance", "room")
HEAD_RADIUS = 0.0875  # metres
SPEED_OF_SOUND = 343.0  # metres per second
REFERENCE_SHARE = 0.1  # of the image: an object of this size stands at distance 1
NEAREST, FARTHEST = 0.5, 8.0  # limits of the distance
SHADOW_MINIMUM = 0.1  # of the shadow's high-frequency gain, at 150 degrees
SHADOW_ANGLE = math.radians(150)
DELAY_SECONDS = 20 / 16_000  # half of the delay filter
DECAY_SECONDS = 24 / 16_000  # of the shadow filter, until it is below -100 dB
LONG_RESPONSE = 512  # samples, from which on filtering goes through the spectrum


def pan(
    mono: Wave,
    position: float,
    law: str,
    *,
    sample_rate: int = 16_000,
    field_of_view_degrees: float = 60.0,
    area_share: float = REFERENCE_SHARE,
) -> Wave:
    """Left and right of a mono sound, float32 (samples,) -> (2, samples).

    ======== ========================================================================================================
    linear   L = (1 - p) s, R = p s; the paper's law, L + R = s
    power    L = cos(p pi/2) s, R = sin(p pi/2) s; equally loud everywhere
    head     time difference (Woodworth) and head shadow (Brown and Duda 1998) of a sphere, at the azimuth of the position
    distance power, times 1/r with r = sqrt(0.1 / area share), held to [0.5, 8]: an assumption, as if all objects had one size
    room     head, in a shoebox room by the image-source method; needs pyroomacoustics
    ======== ========================================================================================================

    ``field_of_view_degrees`` is horizontal and matters to head and room, ``area_share`` (of the image, 0 to 1) to distance.
    A position that is a multiple of 2**-30 makes the mirror image exact. Raises ``ValueError`` for other positions and laws.
    """
    if not 0 <= position <= 1 or law not in LAWS:
        raise ValueError(f"position {position} and law {law!r}; expected 0 to 1 and one of {', '.join(LAWS)}")
    right = max(position, 1.0 - position)
    both = np.empty((2, len(mono)), np.float32)
    if law in ("head", "room"):
        theta = azimuth(right, field_of_view_degrees)
        far, near, zero = head_filters(theta, sample_rate) if law == "head" else _room_filters(theta, sample_rate)
        both[0], both[1] = _filtered(mono, far, zero), _filtered(mono, near, zero)
    else:
        for side, gain in zip(both, gains(right, law, area_share), strict=True):
            np.multiply(mono, np.float32(gain), out=side)
    if position == 0.5:
        both[1] = both[0]
    return both if position >= 0.5 else both[::-1]


def gains(position: float, law: str, area_share: float = REFERENCE_SHARE) -> tuple[float, float]:
    """Factors for left and right of the laws that are no more than that: linear, power, distance. See :func:`pan`."""
    if law == "linear":
        return 1.0 - position, position
    if law not in ("power", "distance"):
        raise ValueError(f"{law} is a filter and has no gains; linear, power and distance have")
    loudness = 1.0 if law == "power" else 1.0 / distance(area_share)
    if position == 0.5:
        return loudness * math.sqrt(0.5), loudness * math.sqrt(0.5)
    right = max(position, 1.0 - position)
    far, near = loudness * math.sin((1.0 - right) * math.pi / 2), loudness * math.sin(right * math.pi / 2)
    return (far, near) if position > 0.5 else (near, far)


def distance(area_share: float) -> float:
    """Assumed distance of an object: sqrt(0.1 / share of the image that it covers), held to [0.5, 8]."""
    return min(FARTHEST, max(NEAREST, math.sqrt(REFERENCE_SHARE / area_share))) if area_share > 0 else FARTHEST


def azimuth(position: float, field_of_view_degrees: float) -> float:
    """Angle in radians, right is positive, of a column seen by a pinhole camera: atan((2p - 1) tan(HFOV / 2))."""
    return math.atan((2 * position - 1) * math.tan(math.radians(field_of_view_degrees) / 2))


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


def _filtered(mono: Wave, response: Filter, zero: int) -> Wave:
    """``mono`` through ``response``, whose tap ``zero`` is time 0; as long as ``mono``."""
    if len(response) <= LONG_RESPONSE:
        return np.convolve(mono, response)[zero : zero + len(mono)] if len(mono) else mono
    size = 1 << (len(mono) + len(response) - 1).bit_length()
    full = np.fft.irfft(np.fft.rfft(mono, size) * np.fft.rfft(response, size), size)
    return full[zero : zero + len(mono)].astype(np.float32)


def _room_filters(theta: float, sample_rate: int) -> tuple[Filter, Filter, int]:
    from .room import room_filters

    return room_filters(theta, sample_rate)
