"""The sounds of the sample world: ten seconds of one category, made from harmonics, noise and clicks.

Each category has a signature in spectrum and rhythm, below 3.8 kHz for the most part, that goes on through the whole
clip; pitch, tempo and timbre are drawn for each clip, and labels of one category differ a little.
Signals are float64, (samples,), at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .settings import SAMPLE_RATE

Array = np.ndarray[Any, np.dtype[np.float64]]
Curve = Callable[[Array], Array]
Range = tuple[float, float]
SECONDS = 10
LENGTH = SECONDS * SAMPLE_RATE
TOP = 3800.0  # Hz; the front end of the models hears no higher


def synthesise(rng: np.random.Generator, category: str, label: str) -> Array:
    """A clip of a category, (160000,), with a peak between 0.4 and 0.9 and a little noise under it."""
    sound = VOICES[category](rng, label)
    hush = shape(rng.normal(0, 1, LENGTH), lambda f: 1 / (1 + (f / 500) ** 2))
    sound = sound / np.abs(sound).max() + hush / np.abs(hush).max() * 10 ** rng.uniform(-2.6, -2.0)
    return np.asarray(sound / np.abs(sound).max() * rng.uniform(0.4, 0.9))


# ------------------------------------------------------------------------------------------- building blocks


def moments() -> Array:
    """Seconds of each sample."""
    return np.arange(LENGTH) / SAMPLE_RATE


def voice(pitch: Array, tilt: float) -> Array:
    """A harmonic tone that follows ``pitch`` (Hz); harmonic k has the amplitude k**-tilt, none passes 3.8 kHz."""
    harmonics = np.arange(1, max(1, min(48, int(TOP / max(40.0, pitch.max())))) + 1)
    grid = np.arange(2049) / 2048
    wave = (1.0 / harmonics**tilt) @ np.cos(2 * np.pi * np.outer(harmonics, grid))
    return np.asarray(np.interp(np.cumsum(pitch) / SAMPLE_RATE % 1.0, grid, wave))


def shape(signal: Array, gain: Curve) -> Array:
    """Filter a signal by a gain that is a function of frequency (Hz)."""
    frequencies = np.asarray(np.fft.rfftfreq(LENGTH, 1 / SAMPLE_RATE), dtype=np.float64)
    return np.asarray(np.fft.irfft(np.fft.rfft(signal) * gain(frequencies), LENGTH))


def band(low: float, high: float) -> Curve:
    """A gain of 1 between two frequencies, with soft edges."""
    return lambda f: 1 / (1 + (low / np.maximum(f, 1)) ** 8 + (f / high) ** 8)


def formants(*peaks: tuple[float, float, float]) -> Curve:
    """Resonances: centre (Hz), width (Hz), height."""
    return lambda f: (
        0.02 + sum((height / (1 + ((f - centre) / width) ** 2) for centre, width, height in peaks), np.zeros_like(f))
    )


def onsets(rng: np.random.Generator, gap: Range) -> Array:
    """Times in seconds from the start to the end of a clip, the gaps between them drawn from a range."""
    times = rng.uniform(0, gap[1]) + np.cumsum(rng.uniform(*gap, int(SECONDS / gap[0]) + 1))
    return np.asarray(times[times < SECONDS - 0.02])


def clicks(rng: np.random.Generator, times: Array, decay: float) -> Array:
    """An envelope that jumps up at each time, to 0.6..1, and dies away by 1/e in ``decay`` seconds."""
    envelope = np.zeros(LENGTH + SAMPLE_RATE)
    tail = np.exp(-np.arange(int(min(1.0, 7 * decay) * SAMPLE_RATE)) / (decay * SAMPLE_RATE))
    for start, level in zip((times * SAMPLE_RATE).astype(int), rng.uniform(0.6, 1.0, len(times)), strict=True):
        envelope[start : start + len(tail)] += level * tail
    return envelope[:LENGTH]


def syllables(
    rng: np.random.Generator, length: Range, pause: Range, pitch: Curve, attack: float = 0.15
) -> tuple[Array, Array]:
    """Calls with pauses between: the pitch (Hz) and the loudness (0..1) of each sample.

    ``pitch`` maps the progress of a call, 0..1, to Hz; each call is a little higher or lower and louder or softer.
    """
    height, loudness = np.full(LENGTH, float(pitch(np.zeros(1))[0])), np.zeros(LENGTH)
    start = int(rng.uniform(0, pause[1]) * SAMPLE_RATE)
    while start < LENGTH:
        count = int(rng.uniform(*length) * SAMPLE_RATE)
        progress = (np.arange(count) / count)[: LENGTH - start]
        stop = start + len(progress)
        height[start:stop] = pitch(progress) * rng.uniform(0.95, 1.05)
        loudness[start:stop] = (
            rng.uniform(0.7, 1.0) * np.minimum(1, progress / attack) * np.minimum(1, (1 - progress) / 0.3)
        )
        start = stop + int(rng.uniform(*pause) * SAMPLE_RATE)
    return height, loudness


def wobble(rng: np.random.Generator, hertz: float) -> Array:
    """A smooth random line between 0 and 1 that turns about ``hertz`` times a second."""
    knots = rng.random(int(SECONDS * hertz) + 3)
    return np.asarray(np.interp(moments() * hertz, np.arange(len(knots)), knots))


# ---------------------------------------------------------------------------------------------------- animals


def _dog(rng: np.random.Generator, label: str) -> Array:
    long = {"dog howling": 2.5, "dog baying": 1.8, "dog whimpering": 1.2, "dog growling": 1.5}.get(label, 1.0)
    high = {"dog whimpering": 1.25, "dog growling": 0.8}.get(label, 1.0) * rng.uniform(0.85, 1.15)
    pitch, loud = syllables(rng, (0.13 * long, 0.2 * long), (0.2, 0.4), lambda u: high * (520 - 260 * u), attack=0.06)
    throat = shape(
        voice(pitch, 0.4) + rng.normal(0, 0.9, LENGTH), formants((620 * high, 160, 1), (1250 * high, 220, 0.8))
    )
    return np.asarray(throat * loud**1.5)


def _cat(rng: np.random.Generator, label: str) -> Array:
    high = rng.uniform(0.9, 1.12)
    pitch, loud = syllables(rng, (0.55, 0.9), (0.25, 0.5), lambda u: high * (560 + 260 * np.sin(np.pi * u**0.7)))
    tone = voice(pitch, 0.3)
    opening = np.clip((pitch / high - 560) / 260, 0, 1)
    closed, wide = shape(tone, formants((750, 120, 1))), shape(tone, formants((1500, 160, 0.9), (2900, 260, 1.6)))
    purr = (
        shape(rng.normal(0, 1, LENGTH), band(150, 400))
        * (0.4 if label == "cat purring" else 0.05)
        * (np.sin(2 * np.pi * 25 * moments()) > 0)
    )
    return np.asarray((closed * (1 - opening) + wide * opening) * loud + purr)


def _cow(rng: np.random.Generator, label: str) -> Array:
    low = rng.uniform(105, 140)
    pitch, loud = syllables(rng, (1.4, 2.0), (0.3, 0.6), lambda u: low * (1 + 0.25 * np.sin(np.pi * u)), attack=0.3)
    return shape(voice(pitch, 0.8), lambda f: formants((280, 90, 1), (640, 120, 0.5))(f) / (1 + (f / 900) ** 4)) * loud


def _sheep(rng: np.random.Generator, label: str) -> Array:
    low, rate = rng.uniform(270, 350), rng.uniform(7, 9)
    shiver = np.sin(2 * np.pi * rate * moments())
    pitch, loud = syllables(rng, (0.8, 1.2), (0.25, 0.45), lambda u: low * (1.05 - 0.1 * u), attack=0.08)
    nose = formants((1000, 140, 1), (1900, 160, 0.9), (2700, 200, 0.4))
    return shape(voice(pitch * (1 + 0.04 * shiver), 0.2), nose) * loud * (0.5 + 0.5 * shiver) ** 1.5


def _horse(rng: np.random.Generator, label: str) -> Array:
    high, hooves = rng.uniform(0.9, 1.1), rng.uniform(0.24, 0.3)
    pitch, loud = syllables(
        rng,
        (1.0, 1.5),
        (0.3, 0.6),
        lambda u: high * (1300 - 750 * u) * (1 + 0.08 * np.sin(2 * np.pi * 14 * u)),
        attack=0.05,
    )
    neigh = voice(pitch, 0.5) * loud * (0.7 + 0.3 * np.sin(2 * np.pi * 11 * moments()))
    clop = shape(
        clicks(rng, onsets(rng, (hooves, 1.1 * hooves)), 0.012) * rng.normal(0, 1, LENGTH),
        formants((780 * high, 70, 1), (1650, 120, 0.4)),
    )
    share = 0.35 if label == "horse clip-clop" else 0.75
    return np.asarray(share * neigh / np.abs(neigh).max() + (1 - share) * clop / np.abs(clop).max())


def _elephant(rng: np.random.Generator, label: str) -> Array:
    low, rough = rng.uniform(230, 290), rng.uniform(38, 52)
    pitch, loud = syllables(rng, (0.9, 1.4), (0.3, 0.5), lambda u: low * (1 + 0.9 * u**0.6), attack=0.1)
    brass = shape(voice(pitch, 0.0), formants((900, 500, 0.8), (2200, 700, 1)))
    return brass * loud * (0.6 + 0.4 * np.sin(2 * np.pi * rough * moments()))


def _zebra(rng: np.random.Generator, label: str) -> Array:
    high = rng.uniform(820, 1000)
    pitch, loud = syllables(rng, (0.15, 0.2), (0.05, 0.09), lambda u: high * np.where(u < 0.5, 1.0, 1.55), attack=0.1)
    return np.asarray((voice(pitch, 0.7) + shape(rng.normal(0, 0.5, LENGTH), band(900, 1800))) * loud)


def _bird(rng: np.random.Generator, label: str) -> Array:
    high, sweep = rng.uniform(2300, 2900), rng.uniform(0.2, 0.4) * rng.choice((-1, 1))
    pitch, loud = syllables(rng, (0.05, 0.1), (0.03, 0.12), lambda u: high * (1 + sweep * (u - 0.5)), attack=0.2)
    return voice(pitch, 2.0) * loud


# ---------------------------------------------------------------------------------------------------- persons


def _speech(rng: np.random.Generator, pitch: Range, size: float, sung: bool) -> Array:
    """Vowels that wander between two mouth shapes; ``size`` scales the resonances of the throat."""
    middle = rng.uniform(*pitch)
    length, pause = ((0.5, 0.9), (0.05, 0.15)) if sung else ((0.14, 0.26), (0.03, 0.12))
    height, loud = syllables(rng, length, pause, lambda u: middle * (1 + 0.06 * np.sin(np.pi * u)))
    melody = 2 ** ((wobble(rng, 1.5) - 0.5) * 0.35) * (1 + (0.015 * np.sin(2 * np.pi * 5.5 * moments()) if sung else 0))
    tone = voice(np.clip(height * melody, *pitch), 0.7)
    mouth = wobble(rng, 4.0)
    ah = shape(tone, formants((730 * size, 80, 1), (1150 * size, 90, 0.6), (2500 * size, 150, 0.25)))
    ee = shape(tone, formants((320 * size, 60, 1), (2250 * size, 130, 0.5), (2950 * size, 180, 0.3)))
    return (mouth * ah + (1 - mouth) * ee) * loud


def _male(rng: np.random.Generator, label: str) -> Array:
    return _speech(rng, (85, 150), 1.0, "singing" in label)


def _female(rng: np.random.Generator, label: str) -> Array:
    return _speech(rng, (180, 260), 1.18, "singing" in label)


def _baby(rng: np.random.Generator, label: str) -> Array:
    low = rng.uniform(370, 430)
    length = {"baby laughter": (0.25, 0.4), "baby babbling": (0.4, 0.6)}.get(label, (0.9, 1.4))
    pitch, loud = syllables(rng, length, (0.12, 0.3), lambda u: low * (1 + 0.25 * np.sin(np.pi * u)))
    return shape(voice(pitch, 0.4), formants((430, 150, 1), (1150, 130, 0.8), (3300, 250, 0.8))) * loud


# ------------------------------------------------------------------------------------------ vehicles and things


def _airplane(rng: np.random.Generator, label: str) -> Array:
    passing, speed = rng.uniform(4, 6), rng.uniform(0.12, 0.2) * (1.4 if label == "airplane flyby" else 0.7)
    nearness = 0.35 + 1 / (1 + ((moments() - passing) / 2.5) ** 2)
    whine = voice(rng.uniform(750, 950) * (1 + speed * np.tanh((passing - moments()) / 1.2)), 1.5)
    roar = shape(rng.normal(0, 1, LENGTH), lambda f: band(90, 420)(f) + 0.12 * band(400, 2000)(f))
    return np.asarray((roar / roar.std() + 0.25 * whine / whine.std()) * nearness)


def _bus(rng: np.random.Generator, label: str) -> Array:
    idle = voice(rng.uniform(24, 31) * (1 + 0.06 * wobble(rng, 1.0)), 0.1)
    diesel = shape(idle, lambda f: band(60, 330)(f) + 0.03 * band(300, 900)(f))
    _, loud = syllables(rng, (0.35, 0.6), (0.5, 0.9), lambda u: 100 + 0 * u, attack=0.1)
    hiss = shape(rng.normal(0, 1, LENGTH), band(2300, 3700)) * loud
    return np.asarray(diesel / diesel.std() + 0.7 * hiss / hiss.std())


def _car(rng: np.random.Generator, label: str) -> Array:
    fast = {"race car, auto racing": 1.5, "car engine idling": 0.85, "car engine starting": 1.1}.get(label, 1.0)
    engine = voice(fast * rng.uniform(75, 100) * (1 + 0.25 * wobble(rng, 0.8)), 0.9)
    knocks = (
        clicks(rng, onsets(rng, (0.12, 0.14)), 0.01)
        * rng.normal(0, 1, LENGTH)
        * (0.6 if label == "car engine knocking" else 0.0)
    )
    high = rng.uniform(390, 440)
    pitch, loud = syllables(rng, (0.35, 0.6), (0.3, 0.6), lambda u: high + 0 * u, attack=0.03)
    horn = (voice(pitch, 0.3) + voice(1.26 * pitch, 0.3)) * (loud > 0.1)
    return np.asarray(engine / engine.std() + 0.8 * horn / horn.std() + shape(knocks, band(500, 1800)))


def _motorcycle(rng: np.random.Generator, label: str) -> Array:
    throttle = wobble(rng, 0.9)
    pulses = voice(rng.uniform(50, 65) * (1 + 0.5 * throttle), 0.0)
    buzz = shape(pulses + rng.normal(0, 0.5, LENGTH), formants((450, 250, 0.7), (1500, 700, 1), (2600, 500, 0.6)))
    return buzz * (0.6 + 0.4 * throttle)


def _skateboard(rng: np.random.Generator, label: str) -> Array:
    rough = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(16, 24) * moments())
    rolling = shape(rng.normal(0, 1, LENGTH), band(500, 1500)) * rough * (0.6 + 0.4 * wobble(rng, 1.0))
    clack = shape(clicks(rng, onsets(rng, (0.45, 0.8)), 0.02) * rng.normal(0, 1, LENGTH), band(700, 2600))
    return np.asarray(rolling / rolling.std() + 4 * clack / np.abs(clack).max())


def _sports_ball(rng: np.random.Generator, label: str) -> Array:
    times = onsets(rng, (0.45, 0.75))
    thump = np.sin(2 * np.pi * rng.uniform(140, 190) * moments()) * clicks(rng, times, 0.07)
    slap = shape(clicks(rng, times, 0.012) * rng.normal(0, 1, LENGTH), band(250, 700))
    return np.asarray(thump + 0.5 * slap / np.abs(slap).max())


def _tennis_racket(rng: np.random.Generator, label: str) -> Array:
    times, far = onsets(rng, (0.7, 1.0)), rng.uniform(0.16, 0.2)
    strings = formants((rng.uniform(1150, 1350), 50, 1), (rng.uniform(2300, 2600), 80, 0.8))
    hit = shape(clicks(rng, times, 0.03) * rng.normal(0, 1, LENGTH), strings)
    return np.asarray(
        hit
        + sum(level * np.roll(hit, int(turn * far * SAMPLE_RATE)) for turn, level in ((1, 0.45), (2, 0.22), (3, 0.1)))
    )


def _cell_phone(rng: np.random.Generator, label: str) -> Array:
    on, off = rng.uniform(0.4, 0.55), rng.uniform(0.3, 0.45)
    buzzing = ((moments() + rng.uniform(0, 1)) % (on + off)) < on
    motor = voice(np.full(LENGTH, rng.uniform(155, 185)), 0.0)
    rattle = shape(motor, formants((170, 60, 1), (520, 60, 0.5), (3100, 350, 0.8)))
    return rattle * (buzzing + 0.0)


def _keyboard(rng: np.random.Generator, label: str) -> Array:
    taps = clicks(rng, onsets(rng, (0.04, 0.15)), 0.009) * rng.normal(0, 1, LENGTH)
    return shape(taps, lambda f: band(1200, 3600)(f) + 0.3 * band(250, 500)(f))


def _mouse(rng: np.random.Generator, label: str) -> Array:
    times = onsets(rng, (0.8, 1.2))
    double = np.concatenate([times, times + rng.uniform(0.11, 0.15)])
    tone = rng.uniform(3000, 3300)
    return shape(
        clicks(rng, double, 0.005) * rng.normal(0, 1, LENGTH), formants((tone, 160, 1), (0.7 * tone, 120, 0.35))
    )


VOICES: dict[str, Callable[[np.random.Generator, str], Array]] = {
    "airplane": _airplane,
    "baby": _baby,
    "bird": _bird,
    "bus": _bus,
    "car": _car,
    "cat": _cat,
    "cell phone": _cell_phone,
    "cow": _cow,
    "dog": _dog,
    "elephant": _elephant,
    "female": _female,
    "horse": _horse,
    "keyboard": _keyboard,
    "male": _male,
    "motorcycle": _motorcycle,
    "mouse": _mouse,
    "skateboard": _skateboard,
    "sheep": _sheep,
    "sports ball": _sports_ball,
    "tennis racket": _tennis_racket,
    "zebra": _zebra,
}
