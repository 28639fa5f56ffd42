"""From position to left and right: the pan laws.

A position is the centre of mass over the image width, 0 left to 1 right. Every law hears a source on the right half only; one on the
left half is its mirror image with the channels swapped, so that flipping the picture swaps the channels bit for bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .head import Filter, head_filters
from .room import room_filters

Wave = np.ndarray[Any, np.dtype[np.float32]]

LAWS = ("linear", "power", "head", "distance", "room")
REFERENCE_SHARE = 0.1  # of the image: an object of this size stands at distance 1
NEAREST, FARTHEST = 0.5, 8.0  # limits of the distance
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
        far, near, zero = head_filters(theta, sample_rate) if law == "head" else room_filters(theta, sample_rate)
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


def _filtered(mono: Wave, response: Filter, zero: int) -> Wave:
    """``mono`` through ``response``, whose tap ``zero`` is time 0; as long as ``mono``."""
    if len(response) <= LONG_RESPONSE:
        return np.convolve(mono, response)[zero : zero + len(mono)] if len(mono) else mono
    size = 1 << (len(mono) + len(response) - 1).bit_length()
    full = np.fft.irfft(np.fft.rfft(mono, size) * np.fft.rfft(response, size), size)
    return full[zero : zero + len(mono)].astype(np.float32)
