"""Pan laws: flipping the picture swaps the channels bit for bit, and the numbers are those of the formulas."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.errors import DataError
from vpo_builder import spatial
from vpo_builder.head import head_filters, shadow
from vpo_builder.spatial import LAWS, azimuth, distance, gains, pan

POSITIONS = st.integers(0, 2**30).map(lambda n: n / 2**30)
SHARES = st.floats(0.0, 1.0)
VIEWS = st.floats(1.0, 179.0)
QUICK = [law for law in LAWS if law != "room"]
Array = np.ndarray[Any, Any]


def sound(samples: int = 1600) -> Array:
    return np.random.default_rng(0).uniform(-1, 1, samples).astype(np.float32)


def ild(stereo: Array) -> float:
    """Level of the right channel over the left one in dB."""
    left, right = (stereo.astype(np.float64) ** 2).sum(axis=1)
    return float(10 * np.log10(right / left))


def needs(law: str) -> None:
    if law == "room":
        pytest.importorskip("pyroomacoustics")


@pytest.mark.parametrize("law", QUICK)
@given(position=POSITIONS, share=SHARES, view=VIEWS)
@settings(max_examples=60)
def test_a_flipped_picture_swaps_the_channels(law: str, position: float, share: float, view: float) -> None:
    here = pan(sound(), position, law, field_of_view_degrees=view, area_share=share)
    there = pan(sound(), 1 - position, law, field_of_view_degrees=view, area_share=share)
    assert here.dtype == np.float32 and here.shape == (2, 1600)
    np.testing.assert_array_equal(here, there[::-1])


@given(position=POSITIONS)
@settings(max_examples=8)
def test_a_flipped_picture_swaps_the_channels_of_the_room(position: float) -> None:
    needs("room")
    np.testing.assert_array_equal(pan(sound(), position, "room"), pan(sound(), 1 - position, "room")[::-1])


@pytest.mark.parametrize("law", LAWS)
def test_the_middle_is_heard_alike_on_both_sides(law: str) -> None:
    needs(law)
    left, right = pan(sound(), 0.5, law)
    np.testing.assert_array_equal(left, right)
    assert np.abs(left).max() > 0.1


@pytest.mark.parametrize("law", LAWS)
def test_the_side_is_the_side_and_further_out_is_more_so(law: str) -> None:
    needs(law)
    levels = [ild(pan(sound(16_000), position, law)) for position in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert levels == sorted(levels)
    assert levels[2] == 0
    assert levels[3] > 1


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("samples", [0, 1, 10, 100_001])
def test_length_is_kept(law: str, samples: int) -> None:
    needs(law)
    assert pan(sound(samples), 0.8, law).shape == (2, samples)


@given(position=POSITIONS)
def test_linear_adds_up_to_mono(position: float) -> None:
    left, right = pan(sound(), position, "linear")
    np.testing.assert_allclose(left + right, sound(), atol=2e-7)


def test_linear_is_the_papers_law() -> None:
    left, right = pan(np.array([1.0, -0.5], np.float32), 0.75, "linear")
    assert left.tolist() == [0.25, -0.125] and right.tolist() == [0.75, -0.375]
    assert ild(pan(sound(), 0.75, "linear")) == pytest.approx(9.54, abs=0.01)
    assert ild(pan(sound(), 0.9, "linear")) == pytest.approx(19.08, abs=0.01)
    assert not pan(sound(), 0.0, "linear")[1].any()


@given(position=POSITIONS)
def test_power_is_equally_loud_everywhere(position: float) -> None:
    left, right = gains(position, "power")
    assert left**2 + right**2 == pytest.approx(1)
    assert left == pytest.approx(math.cos(position * math.pi / 2), abs=1e-15)


def test_power_by_hand() -> None:
    assert ild(pan(sound(), 0.75, "power")) == pytest.approx(7.66, abs=0.01)
    assert ild(pan(sound(), 0.9, "power")) == pytest.approx(16.01, abs=0.01)
    assert gains(0.5, "power") == (math.sqrt(0.5), math.sqrt(0.5))


def test_distance_is_power_over_r() -> None:
    assert distance(0.1) == 1
    assert distance(0.025) == pytest.approx(2)
    assert (distance(1.0), distance(1e-9), distance(0.0)) == (0.5, 8, 8)
    far, near = pan(sound(), 0.75, "distance", area_share=0.025), pan(sound(), 0.75, "power")
    np.testing.assert_allclose(far, near / 2, rtol=1e-6)


def test_angles_of_a_pinhole_camera() -> None:
    assert azimuth(0.5, 60) == 0
    assert math.degrees(azimuth(1.0, 60)) == pytest.approx(30)
    assert math.degrees(azimuth(0.0, 90)) == pytest.approx(-45)
    assert math.tan(azimuth(0.75, 60)) == pytest.approx(math.tan(math.radians(30)) / 2)


def delay_of(response: Array, zero: int, hertz: float = 200.0, rate: int = 16_000) -> float:
    """Phase delay in seconds at a low frequency."""
    turns = np.exp(-2j * np.pi * hertz / rate * (np.arange(len(response)) - zero))
    return float(-np.angle((response * turns).sum()) / (2 * np.pi * hertz))


@pytest.mark.parametrize("degrees", [0, 10, 30, 60, 89])
def test_time_difference_is_woodworths(degrees: float) -> None:
    theta = math.radians(degrees)
    far, near, zero = head_filters(theta, 16_000)
    expected = 0.0875 / 343 * (theta + math.sin(theta)) * 16_000
    shadows = [shadow(math.pi / 2 + side * theta, 16_000) for side in (1, -1)]
    late, early = (delay_of(ear, zero) - delay_of(shadow, 0) for ear, shadow in zip((far, near), shadows, strict=True))
    assert (late - early) * 16_000 == pytest.approx(expected, abs=0.01)
    assert abs(int(np.argmax(far)) - int(np.argmax(near)) - expected) < 1.5  # the shadow blurs the far peak
    assert zero == 20


def test_head_shadow_takes_and_gives_high_frequencies_only() -> None:
    far, near, _ = head_filters(math.pi / 2, 16_000)
    assert far.sum() == pytest.approx(1, abs=1e-4) and near.sum() == pytest.approx(1, abs=1e-4)
    spectrum = np.abs(np.fft.rfft([far, near], 1024))
    assert 20 * np.log10(spectrum[1, 400] / spectrum[0, 400]) > 12  # at 6250 Hz
    response = np.abs(np.fft.rfft(shadow(0.0, 16_000), 1024))
    assert response[-1] == pytest.approx(2, abs=0.01)  # 6 dB at the ear that faces the source
    assert np.abs(np.fft.rfft(shadow(math.radians(150), 16_000), 1024))[-1] == pytest.approx(0.1, abs=0.01)


def test_head_keeps_time() -> None:
    click = np.zeros(400, np.float32)
    click[200] = 1
    left, right = pan(click, 1.0, "head", field_of_view_degrees=90)
    assert int(np.argmax(right)) < 200 < int(np.argmax(left))
    assert np.argmax(pan(click, 0.5, "head")[0]) == 200


def test_long_filters_give_what_short_ones_would(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = pan(sound(), 0.8, "head")
    monkeypatch.setattr(spatial, "LONG_RESPONSE", 10)
    np.testing.assert_allclose(pan(sound(), 0.8, "head"), plain, atol=1e-5)


def test_the_room_is_the_head_with_reflections() -> None:
    needs("room")
    click = np.zeros(8000, np.float32)
    click[1000] = 1
    left, right = pan(click, 1.0, "room", field_of_view_degrees=90)
    assert int(np.argmax(np.abs(right))) < 1000 < int(np.argmax(np.abs(left)))
    assert np.abs(right[:900]).max() < 1e-3
    assert np.abs(right[2000:3000]).max() > 1e-3
    np.testing.assert_array_equal(pan(click, 1.0, "room"), pan(click, 1.0, "room"))


def test_filters_have_no_gains() -> None:
    for law in ("head", "room"):
        with pytest.raises(ValueError, match="no gains"):
            gains(0.3, law)


@pytest.mark.parametrize(("position", "law"), [(-0.1, "linear"), (1.1, "power"), (math.nan, "head"), (0.5, "stereo")])
def test_wrong_use_is_told(position: float, law: str) -> None:
    with pytest.raises(ValueError, match="expected 0 to 1 and one of linear"):
        pan(sound(), position, law)


def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from vpo_builder.room import room_filters

    room_filters.cache_clear()
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    with pytest.raises(DataError, match=r'pip install "avskit\[room\]"') as error:
        pan(sound(), 0.7, "room")
    assert error.value.reason == "missing-package"
