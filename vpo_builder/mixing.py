"""Length, level, stems and mixture, in 16 bits. Pure.

A sample of 16 bits is the number times 2**-15, here and in every wav that is written. ``Pcm`` is int16, (samples,) for a clip and
(samples, 2) for a stem or a mixture; ``Wave`` is float32 in [-1, 1], (samples,) or (2, samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.dataset import Crop, Sample

from .spatial import pan

Pcm = np.ndarray[Any, np.dtype[np.int16]]
Wave = np.ndarray[Any, np.dtype[np.float32]]

SCALE = 32_768
PEAK = 0.99  # of a mixture and its stems; what is left takes the rounding of up to 654 stems
NOISE_RMS = 0.05
NOISE_ROWS = 12  # octaves of the noise


def fit_length(sound: np.ndarray[Any, Any], length: int, short: str) -> np.ndarray[Any, Any]:
    """Exactly ``length`` samples: the first ones of a longer sound; a shorter one is repeated from its start (``loop``), or
    stands in the middle of silence (``pad``), where the loader's window is. Same dtype; a view where nothing has to be filled.
    """
    if len(sound) >= length:
        return sound[:length]
    if short == "loop":
        return np.resize(sound, length)
    padded = np.zeros(length, sound.dtype)
    start = (length - len(sound)) // 2
    padded[start : start + len(sound)] = sound
    return padded


def to_pcm16(wave: Wave, gain: float = 1.0) -> Pcm:
    """``wave * gain * 2**15`` rounded half to even, held to [-32768, 32767]; int16 of the same shape.

    What came from 16 bits goes back to the same 16 bits.
    """
    scaled = wave * np.float32(gain * SCALE)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, -SCALE, SCALE - 1, out=scaled).astype(np.int16)


def excerpt(pcm: Pcm, crop: Crop) -> Pcm:
    """The samples of a clip that ``crop`` names, filled by its rule where the clip ends before."""
    return fit_length(pcm[crop.start :], crop.length, crop.short)


def stem(
    pcm: Pcm, position: float, law: str, *, sample_rate: int, field_of_view_degrees: float, area_share: float
) -> Wave:
    """What one source adds to the mixture: its excerpt, panned; float32 (2, samples), left then right, in steps of 16 bits."""
    steps = pcm.astype(np.float32)
    return pan(
        steps,
        position,
        law,
        sample_rate=sample_rate,
        field_of_view_degrees=field_of_view_degrees,
        area_share=area_share,
    )


def mixture(stems: Sequence[Wave]) -> tuple[list[Pcm], Pcm, float]:
    """Stems and their sum in 16 bits, (samples, 2) each, and the one gain on all of them.

    ``stems`` are in steps of 16 bits, as :func:`stem` gives them. The gain is 1, or what brings the largest peak
    (of the sum or of a stem, of either channel) to 0.99 of full scale. Level differences between channels and between
    sources are kept. The sum is taken after rounding, so the stems add up to it exactly.
    """
    total = stems[0].copy()
    for wave in stems[1:]:
        total += wave
    highest = max(_peak(wave) for wave in (*stems, total))
    gain = PEAK * SCALE / highest if highest > PEAK * SCALE else 1.0
    parts = [_rounded(wave, gain) for wave in stems]
    mixed = parts[0].copy()
    for part in parts[1:]:
        mixed += part
    return parts, mixed, gain


def _rounded(wave: Wave, gain: float) -> Pcm:
    """``wave * gain`` to the nearest step, half to even: (2, samples) -> (samples, 2). PEAK keeps it in range."""
    pcm = np.empty(wave.shape[::-1], np.int16)
    for channel, side in enumerate(wave):
        np.rint(side if gain == 1 else side * np.float32(gain), out=pcm[:, channel], casting="unsafe")
    return pcm


def mix(sample: Sample, clips: Sequence[Pcm], field_of_view_degrees: float) -> tuple[list[Pcm], Pcm, float]:
    """Stems, mixture and gain of a sample, as :func:`mixture` gives them. ``clips`` are those of its sources, int16 (samples,)."""
    picture, crop = sample.picture, sample.crop
    stems = [
        stem(
            excerpt(pcm, crop), source.position, sample.pan_law,
            sample_rate=crop.sample_rate,
            field_of_view_degrees=field_of_view_degrees,
            area_share=source.instance.area / (picture.width * picture.height),
        )
        for source, pcm in zip(sample.sources, clips, strict=True)
    ]  # fmt: skip
    return mixture(stems) if stems else ([], np.zeros((crop.length, 2), np.int16), 1.0)


def noise(length: int, rng: np.random.Generator) -> Pcm:
    """Noise whose power falls by about 3 dB per octave, at an RMS of 0.05; int16 (length,).

    The sum of twelve rows of random numbers, of which row k holds each number for 2**k samples (Voss, in Gardner 1978).
    """
    total = np.zeros(length, np.int64)
    for row in range(NOISE_ROWS):
        step = 1 << row
        total += np.repeat(rng.integers(-SCALE, SCALE, -(-length // step)), step)[:length]
    sound = (total - total.mean()).astype(np.float32)
    rms = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
    return to_pcm16(sound, NOISE_RMS / rms if rms else 0.0)


def _peak(wave: Wave) -> float:
    return max(float(wave.max(initial=0.0)), -float(wave.min(initial=0.0)))
