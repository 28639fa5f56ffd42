"""Stems sum to the mixture exactly in 16 bits, nothing clips, and levels between channels and sources are kept."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.dataset import Clip, Crop, Instance, Picture, Sample, Source
from vpo_builder.mixing import excerpt, fit_length, mix, mixture, noise, stem, to_pcm16
from vpo_builder.spatial import LAWS, pan

Array = np.ndarray[Any, Any]
CROP = Crop(0, 1600, 16_000, "loop")
PICTURE = Picture(1, "1.jpg", 0, 100, 100, "")


def source(position: float, area: int = 1000) -> Source:
    return Source(Instance(1, "dog", "", area, (0, 0, 1, 1), position), Clip("a", "a", 0.0, "", "", ""), position)


def sample(*sources: Source, law: str = "linear", crop: Crop = CROP) -> Sample:
    return Sample("s", "ms", "train", PICTURE, sources, (), (), (), crop, law, "", "", "")


def clip(seed: int = 0, peak: int = 20_000, samples: int = 1600) -> Array:
    return np.random.default_rng(seed).integers(-peak, peak + 1, samples).astype(np.int16)


def test_a_longer_sound_is_cut_and_a_shorter_one_filled() -> None:
    sound = np.arange(1, 6, dtype=np.int16)
    assert fit_length(sound, 3, "loop").tolist() == [1, 2, 3]
    assert fit_length(sound, 12, "loop").tolist() == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2]
    assert fit_length(sound, 9, "pad").tolist() == [0, 0, 1, 2, 3, 4, 5, 0, 0]
    assert fit_length(sound, 9, "pad").dtype == np.int16


def test_excerpts() -> None:
    pcm = np.arange(10, dtype=np.int16)
    assert excerpt(pcm, Crop(2, 3, 16_000, "loop")).tolist() == [2, 3, 4]
    assert excerpt(pcm, Crop(8, 5, 16_000, "loop")).tolist() == [8, 9, 8, 9, 8]
    assert excerpt(pcm, Crop(7, 5, 16_000, "pad")).tolist() == [0, 7, 8, 9, 0]


@given(st.lists(st.integers(-32_768, 32_767), min_size=1))
def test_16_bits_come_back_as_they_were(values: list[int]) -> None:
    pcm = np.array(values, np.int16)
    np.testing.assert_array_equal(to_pcm16(pcm.astype(np.float32) / np.float32(2**15)), pcm)


def test_rounding_is_to_even_and_the_ends_hold() -> None:
    steps = np.array([0.5, 1.5, -0.5, 2.4999, 32_767.4, 40_000, -40_000], np.float32)
    assert to_pcm16(steps / np.float32(32_768)).tolist() == [0, 2, 0, 2, 32_767, 32_767, -32_768]


def test_a_stem_is_the_clip_at_its_place() -> None:
    pcm = np.array([16_384, -8192], np.int16)
    found = stem(pcm, 0.75, "linear", sample_rate=16_000, field_of_view_degrees=60, area_share=0.1)
    assert found.dtype == np.float32
    assert found.tolist() == [[4096, -2048], [12_288, -6144]]


SOURCES = st.lists(st.tuples(st.integers(0, 2**30), st.integers(0, 32_767)), min_size=1, max_size=6)


@given(SOURCES, st.sampled_from([law for law in LAWS if law != "room"]))
@settings(max_examples=80)
def test_stems_sum_to_the_mixture_exactly(drawn: list[tuple[int, int]], law: str) -> None:
    made = sample(*(source(n / 2**30) for n, _ in drawn), law=law)
    stems, mixed, gain = mix(made, [clip(seed, peak) for seed, (_, peak) in enumerate(drawn)], 60.0)
    total = np.sum(stems, axis=0, dtype=np.int64)
    np.testing.assert_array_equal(mixed, total)
    assert all(part.dtype == np.int16 and part.shape == (1600, 2) for part in (*stems, mixed))
    assert max(np.abs(part.astype(int)).max() for part in (*stems, mixed)) <= 32_767
    assert 0 < gain <= 1


def test_many_full_scale_stems_do_not_wrap_around() -> None:
    parts, mixed, gain = mixture([np.full((2, 100), 32_768, np.float32) for _ in range(254)])
    assert gain == pytest.approx(0.99 / 254)
    assert mixed.min() > 32_000
    np.testing.assert_array_equal(mixed, np.sum(parts, axis=0, dtype=np.int64))


def test_a_loud_stem_that_another_cancels_does_not_clip_either() -> None:
    loud = np.full((2, 100), 1.5 * 32_768, np.float32)
    parts, mixed, gain = mixture([loud, -loud])
    assert gain == pytest.approx(0.66)
    assert parts[0].max() == 32_440 and not mixed.any()


def test_quiet_mixtures_keep_their_level() -> None:
    pcm = clip(peak=8000) * np.int16(2)
    parts, mixed, gain = mix(sample(source(0.5)), [pcm], 60.0)
    assert gain == 1.0
    np.testing.assert_array_equal(mixed, np.stack([pcm // 2, pcm // 2], axis=1))
    assert parts[0] is not mixed


def test_levels_are_kept_where_the_sum_was_too_loud() -> None:
    loud, quiet = (
        pan(np.full(1600, level * 32_768, np.float32), position, "linear")
        for level, position in ((0.9, 0.9), (0.3, 0.75))
    )
    parts, mixed, gain = mixture([loud.copy(), quiet.copy()])
    assert gain == pytest.approx(0.99 / (0.81 + 0.225))
    assert np.abs(mixed.astype(int)).max() == pytest.approx(0.99 * 32_768, abs=1)
    for part, wave in zip(parts, (loud, quiet), strict=True):
        np.testing.assert_allclose(part.T, wave * gain, atol=0.51)
    assert parts[0][0, 1] / parts[0][0, 0] == pytest.approx(9, rel=1e-3)


def test_a_mirrored_sample_swaps_the_channels_of_the_files() -> None:
    made = sample(source(0.2), source(0.7), law="head")
    mirrored = replace(made, sources=tuple(replace(s, position=1 - s.position) for s in (source(0.2), source(0.75))))
    made = replace(made, sources=(source(0.2), source(0.75)))
    one, other = mix(made, [clip(0), clip(1)], 60.0), mix(mirrored, [clip(0), clip(1)], 60.0)
    np.testing.assert_array_equal(one[1], other[1][:, ::-1])
    assert one[2] == other[2]


def test_size_in_the_image_reaches_the_distance_law() -> None:
    near, far = (
        mix(sample(source(0.5, area=area), law="distance"), [clip(peak=4000)], 60.0)[1] for area in (1000, 250)
    )
    np.testing.assert_allclose(far * 2.0, near, atol=1)


def test_no_sources_are_silence() -> None:
    stems, mixed, gain = mix(sample(), [], 60.0)
    assert (len(stems), mixed.shape, gain) == (0, (1600, 2), 1.0)
    assert mixed.dtype == np.int16 and not mixed.any()


def test_each_source_needs_its_clip() -> None:
    with pytest.raises(ValueError, match="zip"):
        mix(sample(source(0.5)), [], 60.0)


def test_noise_has_its_level_falls_with_frequency_and_comes_from_its_generator() -> None:
    made = noise(65_536, np.random.default_rng(1))
    np.testing.assert_array_equal(made, noise(65_536, np.random.default_rng(1)))
    assert not np.array_equal(made, noise(65_536, np.random.default_rng(2)))
    assert made.dtype == np.int16 and np.abs(made.astype(int)).max() < 16_384
    assert made.std() / 32_768 == pytest.approx(0.05, rel=1e-3)
    power = np.abs(np.fft.rfft(made.astype(float))) ** 2
    per_octave = [10 * np.log10(power[2**k : 2 ** (k + 1)].mean()) for k in range(6, 15)]
    np.testing.assert_allclose(np.diff(per_octave), -3, atol=1.5)
    assert len(noise(1001, np.random.default_rng(0))) == 1001


def test_three_sources_of_ten_seconds_are_quick() -> None:
    stems = [np.full((2, 160_000), 0.5, np.float32) for _ in range(3)]
    times = []
    for _ in range(5):
        start = time.process_time()
        mixture(stems)
        times.append(time.process_time() - start)
    assert min(times) < 0.03, "3 ms are usual"
