"""What the things of the mini AVSBench sound like: one synthesized sound for each category, in the seconds in which it sounds.

Sound is ``float64`` (samples,) at ``RATE``, 1.0 is full scale; frequencies are in Hz, lengths in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

Wave = np.ndarray[Any, np.dtype[np.float64]]
Sound = Callable[[np.random.Generator, int], Wave]  # rng, samples

RATE = 32_000
LOUDNESS = 0.09  # root mean square of a source while it sounds
FADE = 0.012  # where a source starts and stops
FLOOR = 0.0008  # root mean square of the noise of the recording
PEAK = 0.95
MAJOR = (0, 2, 4, 7, 9, 12)  # semitones


def film_sound(
    rng: np.random.Generator, sources: Sequence[tuple[str, Sequence[bool], float]], seconds: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Left and right of a film, ``float32`` (2, seconds * RATE).

    ``sources``: category, whether it sounds in each second, and where it is, 0 left to 1 right. Left is ``1 - x`` and right
    ``x`` times the source.
    """
    samples = seconds * RATE
    total = FLOOR * rng.standard_normal((2, samples))
    for category, active, position in sources:
        total += np.outer([1 - position, position], source_sound(rng, category, active))
    peak = float(np.abs(total).max())
    if peak > PEAK:
        total *= PEAK / peak
    return total.astype(np.float32)


def source_sound(rng: np.random.Generator, category: str, active: Sequence[bool]) -> Wave:
    """One source: silent but for the seconds of ``active``, where its root mean square is ``LOUDNESS``."""
    wave = SOUNDS[category](rng, len(active) * RATE)
    gate = np.repeat(np.asarray(active, np.float64), RATE)
    if not gate.any():
        return gate
    wave = wave * (LOUDNESS / np.sqrt(np.mean(wave[gate > 0] ** 2)))
    ramp = np.ones(round(FADE * RATE))
    soft = np.convolve(np.pad(gate, len(ramp) // 2, mode="edge"), ramp / ramp.sum(), mode="same")
    return np.asarray(wave * gate * soft[len(ramp) // 2 :][: len(gate)])


def _tone(pitch: Wave, overtones: Sequence[float]) -> Wave:
    """Sum of harmonics of a pitch that may change; ``overtones`` are the strengths of harmonic 1, 2, ..."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return np.asarray(sum(strength * np.sin(number * phase) for number, strength in enumerate(overtones, 1)))


def _noise(rng: np.random.Generator, samples: int, low: float, high: float) -> Wave:
    """Noise between two frequencies, of root mean square 1."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    wave = np.fft.irfft(spectrum, samples)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)))


def _repeated(rng: np.random.Generator, samples: int, every: float, event: Callable[[int], Wave]) -> Wave:
    """An event again and again, a little off the beat."""
    total, start, number = np.zeros(samples), 0.02, 0
    while (first := round(start * RATE)) < samples:
        wave = event(number)[: samples - first]
        total[first : first + len(wave)] += wave
        start, number = start + every * rng.uniform(0.85, 1.15), number + 1
    return total


def _time(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE)) / RATE


def _calls(
    rng: np.random.Generator,
    samples: int,
    *,
    every: float,
    length: float,
    pitches: Sequence[float],
    overtones: Sequence[float],
    rough: float,
) -> Wave:
    """An animal's or a person's calls, whose pitch goes through ``pitches``; ``rough`` is the share of noise."""

    def call(_: int) -> Wave:
        t = _time(length * rng.uniform(0.9, 1.1))
        shares = np.linspace(0, 1, len(pitches))
        pitch = np.interp(t / t[-1], shares, pitches) * rng.uniform(0.94, 1.06)
        pitch = pitch * (1 + 0.012 * np.sin(2 * np.pi * 6 * t))
        wave = _tone(pitch, overtones) + rough * _noise(rng, len(t), pitches[0] / 2, 6 * pitches[0])
        return np.asarray(wave * np.abs(np.sin(np.pi * t / t[-1])) ** 0.6)

    return _repeated(rng, samples, every, call)


def _hits(rng: np.random.Generator, samples: int, *, every: float, decay: float, bands: Sequence[float]) -> Wave:
    """Knocks of noise between the first two ``bands``, then the next two, in turn."""
    pairs = list(zip(bands[::2], bands[1::2], strict=True))

    def hit(number: int) -> Wave:
        t = _time(min(8 * decay, 2.0))
        return np.asarray(_noise(rng, len(t), *pairs[number % len(pairs)]) * np.exp(-t / decay) * rng.uniform(0.6, 1))

    return _repeated(rng, samples, every, hit)


def _notes(
    rng: np.random.Generator, samples: int, *, every: float, decay: float, lowest: float, overtones: Sequence[float]
) -> Wave:
    """Struck or plucked notes of a scale that die away."""

    t = _time(min(4 * decay, 3.0))
    shape = np.exp(-t / decay) * np.minimum(1, t / 0.004)
    notes = [_tone(np.full(len(t), lowest * 2 ** (step / 12)), overtones) * shape for step in MAJOR]
    return _repeated(rng, samples, every, lambda _: notes[int(rng.integers(len(notes)))])


def _bowed(rng: np.random.Generator, samples: int, *, every: float, lowest: float, overtones: Sequence[float]) -> Wave:
    """Held notes of a scale with vibrato: strings, winds, singing."""
    count = int(samples / RATE / every) + 1
    steps = lowest * 2 ** (rng.choice(MAJOR, count) / 12)
    t = np.arange(samples) / RATE
    pitch = steps[(t / every).astype(int)] * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * t))
    inside = np.mod(t, every) / every
    return np.asarray(_tone(pitch, overtones) * np.clip(np.minimum(inside, 1 - inside) / 0.08, 0, 1))


def _engine(
    rng: np.random.Generator, samples: int, *, pitch: float, noise: float, beat: float, band: tuple[float, float]
) -> Wave:
    """A motor: a low buzz, noise in a band, and a beat (Hz; 0 none)."""
    t = np.arange(samples) / RATE
    buzz = _tone(pitch * (1 + 0.03 * np.sin(2 * np.pi * 0.7 * t)), [1 / k for k in range(1, 14)])
    wave = buzz + noise * _noise(rng, samples, *band)
    return np.asarray(wave * (1 + 0.8 * np.sin(2 * np.pi * beat * t)) if beat else wave)


def _siren(rng: np.random.Generator, samples: int) -> Wave:
    t = np.arange(samples) / RATE
    pitch = np.where(np.mod(t + rng.uniform(0, 1), 1.1) < 0.55, 700.0, 930.0)
    return _tone(pitch, (1, 0.4, 0.3, 0.15))


STRING, REED, SOFT = (1, 0.6, 0.4, 0.25, 0.15, 0.1), (1, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2), (1, 0.25, 0.1)
SOUNDS: Mapping[str, Sound] = {
    "dog": partial(_calls, every=0.5, length=0.17, pitches=(420, 640, 330), overtones=REED, rough=0.6),
    "cat": partial(_calls, every=0.95, length=0.75, pitches=(480, 820, 430), overtones=(1, 0.7, 0.3), rough=0.05),
    "horse": partial(_hits, every=0.26, decay=0.02, bands=(500, 1500, 900, 2400)),
    "lion": partial(_calls, every=1.3, length=1.1, pitches=(95, 120, 70), overtones=REED, rough=2.5),
    "wolf": partial(_calls, every=1.9, length=1.8, pitches=(300, 560, 540, 360), overtones=SOFT, rough=0.03),
    "bird": partial(_calls, every=0.24, length=0.12, pitches=(2400, 3900, 2900), overtones=(1, 0.1), rough=0.0),
    "duck": partial(_calls, every=0.42, length=0.2, pitches=(330, 300), overtones=(1,) * 12, rough=0.3),
    "baby": partial(_calls, every=0.38, length=0.22, pitches=(430, 620, 480), overtones=STRING, rough=0.1),
    "man": partial(_calls, every=0.24, length=0.2, pitches=(115, 140, 105), overtones=REED, rough=0.25),
    "woman": partial(_bowed, every=0.6, lowest=330, overtones=(1, 0.7, 0.25, 0.3, 0.1)),
    "guitar": partial(_notes, every=0.3, decay=0.5, lowest=147, overtones=STRING),
    "ukulele": partial(_notes, every=0.22, decay=0.22, lowest=392, overtones=STRING),
    "violin": partial(_bowed, every=0.5, lowest=440, overtones=REED),
    "piano": partial(_notes, every=0.28, decay=0.7, lowest=262, overtones=(1, 0.5, 0.3, 0.12)),
    "tabla": partial(_hits, every=0.22, decay=0.09, bands=(80, 160, 250, 480)),
    "drum": partial(_hits, every=0.3, decay=0.06, bands=(70, 5000, 900, 9000)),
    "marimba": partial(_notes, every=0.2, decay=0.16, lowest=784, overtones=(1, 0, 0, 0.4)),
    "trumpet": partial(_bowed, every=0.45, lowest=233, overtones=(1, 1, 0.9, 0.7, 0.5, 0.35, 0.2)),
    "accordion": partial(_bowed, every=0.7, lowest=220, overtones=(1, 0.9, 0.3, 0.6, 0.2, 0.4)),
    "bell": partial(_notes, every=1.0, decay=1.2, lowest=523, overtones=(1, 0, 0.6, 0, 0.4, 0, 0.2)),
    "keyboard": partial(_hits, every=0.13, decay=0.006, bands=(1800, 7000, 2500, 9000)),
    "helicopter": partial(_engine, pitch=48, noise=2.0, beat=11, band=(60, 900)),
    "airplane": partial(_engine, pitch=88, noise=3.0, beat=0, band=(150, 2500)),
    "bus": partial(_engine, pitch=42, noise=0.7, beat=0, band=(60, 700)),
    "car": partial(_engine, pitch=190, noise=0.5, beat=0, band=(300, 4000)),
    "emergency-car": _siren,
    "train": partial(_engine, pitch=36, noise=3.0, beat=4, band=(300, 3500)),
    "boat": partial(_engine, pitch=30, noise=1.5, beat=6, band=(40, 400)),
    "mower": partial(_engine, pitch=75, noise=1.5, beat=24, band=(200, 3000)),
    "saw": partial(_engine, pitch=120, noise=1.5, beat=30, band=(800, 6000)),
    "gun": partial(_hits, every=0.7, decay=0.05, bands=(100, 8000)),
}
