"""The heard half of the sample world: a sound tells its category within the three seconds that models hear."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vpo_builder.draws import generator
from vpo_builder.world import vggsound_labels
from vpo_builder.world_sounds import LENGTH, VOICES, clicks, onsets, synthesise, voice

CLIPS = 4


@pytest.fixture(scope="module")
def clips() -> dict[tuple[str, int], np.ndarray]:
    labels = vggsound_labels()
    return {
        (category, number): synthesise(
            generator(0, "test", (category, number)), category, labels[category][number % len(labels[category])]
        )
        for category in labels
        for number in range(CLIPS)
    }


def heard(signal: np.ndarray) -> np.ndarray:
    return signal[56_000:104_000]


def band_statistics(signal: np.ndarray) -> np.ndarray:
    """Mean and spread over time of the log energy in 24 bands from 125 to 3800 Hz, of the middle three seconds."""
    frames = np.lib.stride_tricks.sliding_window_view(heard(signal), 512)[::160] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.geomspace(4, 122, 25)  # bins of 31.25 Hz
    bands = np.stack([power[:, int(low) : int(np.ceil(high))].sum(axis=1) for low, high in pairwise(edges)], axis=1)
    level = np.log(bands / bands.max() + 1e-6)
    return np.concatenate([level.mean(axis=0), level.std(axis=0)])


def test_every_category_has_a_voice() -> None:
    assert set(VOICES) == set(vggsound_labels())


def test_sound_tells_the_category(clips: dict[tuple[str, int], np.ndarray]) -> None:
    features = {key: band_statistics(signal) for key, signal in clips.items()}
    centroids = {
        category: np.mean([features[category, number] for number in range(0, CLIPS, 2)], axis=0) for category in VOICES
    }
    rest = [(category, number) for category in VOICES for number in range(1, CLIPS, 2)]
    right = [
        min(centroids, key=lambda name: float(((features[key] - centroids[name]) ** 2).sum())) == key[0] for key in rest
    ]
    assert np.mean(right) >= 0.9


def test_peak_and_length(clips: dict[tuple[str, int], np.ndarray]) -> None:
    for signal in clips.values():
        assert signal.shape == (LENGTH,)
        assert 0.4 <= np.abs(signal).max() <= 0.9


def test_every_clip_is_heard_in_its_middle_and_below_the_top_of_the_front_end(
    clips: dict[tuple[str, int], np.ndarray],
) -> None:
    frequencies = np.fft.rfftfreq(48_000, 1 / 16_000)
    for signal in clips.values():
        power = np.abs(np.fft.rfft(heard(signal))) ** 2
        assert power[(frequencies > 125) & (frequencies < 3800)].sum() > 0.6 * power.sum()
        assert np.abs(heard(signal)).max() > 0.3 * np.abs(signal).max()


def test_clips_of_one_category_differ(clips: dict[tuple[str, int], np.ndarray]) -> None:
    for category in VOICES:
        assert not np.allclose(clips[category, 0], clips[category, 1], atol=0.01)


def test_voice_follows_its_pitch() -> None:
    spectrum = np.abs(np.fft.rfft(voice(np.full(LENGTH, 200.0), 1.0)))
    peaks = np.flatnonzero(spectrum > 0.05 * spectrum.max()) / 10  # bins of 0.1 Hz
    assert np.allclose(peaks % 200, 0)
    assert np.allclose(spectrum[[2000, 4000, 6000]] / spectrum[2000], [1, 1 / 2, 1 / 3], atol=0.01)


def test_clicks_jump_up_and_die_away() -> None:
    envelope = clicks(np.random.default_rng(0), np.array([1.0]), 0.1)
    assert envelope[15_999] == 0
    assert 0.6 <= envelope[16_000] <= 1
    assert envelope[17_600] / envelope[16_000] == pytest.approx(np.exp(-1))


def test_onsets_keep_their_gaps() -> None:
    times = onsets(np.random.default_rng(0), (0.5, 0.7))
    assert times[-1] > 9
    assert ((np.diff(times) >= 0.5) & (np.diff(times) <= 0.7)).all()
