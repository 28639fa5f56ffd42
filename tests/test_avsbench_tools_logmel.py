"""VGGish's log-mels: the recipe by a slow twin, by known sounds, and by numbers of the published code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avsbench_tools.logmel import BANDS, EXAMPLE_SAMPLES, ROWS, fit_examples, log_mel, mel_weights

Array = np.ndarray[Any, np.dtype[Any]]


def noise(samples: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-20_000, 20_000, samples).astype(np.int16)


def tone(hertz: float, samples: int = 16_000, peak: int = 20_000) -> Array:
    return np.rint(peak * np.sin(2 * math.pi * hertz * np.arange(samples) / 16_000)).astype(np.int16)


def twin(wave: Array, row: int, band: int) -> float:
    """One value by the formula: a window, its Fourier sum bin by bin, a triangle, the logarithm."""
    window = [float(wave[160 * row + n]) / 32768 * (0.5 - 0.5 * math.cos(2 * math.pi * n / 400)) for n in range(400)]
    mel = [1127 * math.log(1 + 31.25 * k / 700) for k in range(257)]
    lowest, highest = (1127 * math.log(1 + hertz / 700) for hertz in (125, 7500))
    low, centre, high = (lowest + (band + side) * (highest - lowest) / 65 for side in range(3))
    total = 0.0
    for k in range(1, 257):
        weight = min((mel[k] - low) / (centre - low), (high - mel[k]) / (high - centre))
        if weight > 0:
            real = sum(x * math.cos(2 * math.pi * k * n / 512) for n, x in enumerate(window))
            imaginary = sum(x * math.sin(2 * math.pi * k * n / 512) for n, x in enumerate(window))
            total += weight * math.hypot(real, imaginary)
    return math.log(total + 0.01)


@pytest.mark.parametrize(("row", "band"), [(0, 0), (0, 63), (17, 5), (50, 20), (95, 40), (100, 63), (191, 1)])
def test_against_the_formula(row: int, band: int) -> None:
    wave = noise(32_000)
    found = log_mel(wave)
    assert found[row // ROWS, 0, row % ROWS, band] == pytest.approx(twin(wave, row, band), abs=1e-6)


def test_numbers_of_the_published_code() -> None:
    """What AVSBench's torchvggish (f7414af, mel_features.py with the parameters of vggish_params.py) gives for this chirp."""
    time = np.arange(80_000) / 16_000
    found = log_mel(np.rint(12_000 * np.sin(2 * math.pi * (100 + 350 * time) * time)).astype(np.int16))
    assert found.shape == (5, 1, 96, 64)
    picked = [found[example, 0, row, band] for example, row, band in PLACES]
    np.testing.assert_allclose(picked, PUBLISHED, rtol=0, atol=1e-6)


def test_silence_is_the_logarithm_of_the_offset() -> None:
    assert set(log_mel(np.zeros(16_000, np.int16)).ravel().tolist()) == {float(np.float32(math.log(0.01)))}


@pytest.mark.parametrize("hertz", [250, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_its_band(hertz: float) -> None:
    """The band whose centre, evenly spaced on the mel scale from 125 to 7500 Hz, is nearest."""
    low, high, at = (1127 * math.log(1 + f / 700) for f in (125, 7500, hertz))
    expected = (at - low) / ((high - low) / 65) - 1  # centre of band b: low + (b + 1) steps
    loudest = np.argmax(log_mel(tone(hertz))[0, 0], axis=1)
    assert np.abs(loudest - expected).max() <= 1


def test_triangles_sum_to_one_between_the_first_and_the_last_centre() -> None:
    """Neighbours overlap so that a bin's weights sum to 1; bin 0 and what lies outside 125 to 7500 Hz weigh nothing."""
    weights = mel_weights()
    hertz = 31.25 * np.arange(257)
    assert weights.shape == (257, BANDS)
    np.testing.assert_allclose(weights[(hertz > 160) & (hertz < 7200)].sum(axis=1), 1)
    assert not weights[(hertz < 125) | (hertz > 7500)].any()


@pytest.mark.parametrize(
    ("samples", "examples"),
    [(0, 0), (399, 0), (15_599, 0), (15_600, 1), (16_000, 1), (30_959, 1), (30_960, 2), (80_000, 5), (160_000, 10)],
)
def test_how_many_examples(samples: int, examples: int) -> None:
    """One of 96 rows needs 95 * 160 + 400 = 15,600 samples, each further one 15,360 more."""
    assert EXAMPLE_SAMPLES == 15_600
    assert log_mel(np.zeros(samples, np.int16)).shape == (examples, 1, 96, 64)


def test_int16_and_float32_are_the_same_sound() -> None:
    wave = noise(20_000)
    np.testing.assert_array_equal(log_mel(wave), log_mel((wave / 32768).astype(np.float32)))


@settings(max_examples=20)
@given(st.integers(15_600, 60_000), st.integers(0, 60_000))
def test_what_comes_later_changes_nothing_before(samples: int, cut: int) -> None:
    wave = noise(samples)
    part = log_mel(wave[:cut])
    np.testing.assert_array_equal(part, log_mel(wave)[: len(part)])


def test_missing_examples_repeat_the_last() -> None:
    found = log_mel(noise(50_000))
    assert len(found) == 3
    fitted = log_mel(noise(50_000), 5)
    np.testing.assert_array_equal(fitted, [*found, found[2], found[2]])
    np.testing.assert_array_equal(fit_examples(found, 2), found[:2])


def test_a_sound_too_short_for_one_ends_in_silence() -> None:
    short = noise(8_000)
    filled = log_mel(np.pad(short, (0, 7_600)))
    np.testing.assert_array_equal(log_mel(short, 2), [filled[0], filled[0]])


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected int16 or float32 \(samples,\), found float64 \(3,\)"):
        log_mel(np.zeros(3))
    with pytest.raises(ValueError, match=r"found int16 \(3, 2\)"):
        log_mel(np.zeros((3, 2), np.int16))
    with pytest.raises(ValueError, match=r"with an example, found \(0, 1, 96, 64\) for 5"):
        fit_examples(np.zeros((0, 1, 96, 64), np.float32), 5)


PLACES = [(0, 0, 0), (0, 95, 3), (1, 40, 10), (2, 10, 30), (3, 60, 45), (4, 95, 63), (4, 20, 50)]
PUBLISHED = [2.5377803, -4.4586215, -4.3815395, -2.0885592, -4.3518368, -4.5132984, -4.4944197]
