"""Levels: decibels by hand, gains that bring a clip to a target."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from evaluators.dataset import Clip
from evaluators.errors import DataError
from vpo_builder.loudness import level_gain, lufs, rms_dbfs
from vpo_builder.material import UsableClip


def clip(rms: float = 0.1, loudness: float | None = None) -> UsableClip:
    return UsableClip(Clip("a_000000", "a", 0.0, "dog", "a.wav", ""), "dog", "", 10.0, 0.5, rms, loudness)


def test_decibels() -> None:
    assert rms_dbfs(1.0) == 0
    assert rms_dbfs(0.1) == pytest.approx(-20)
    assert rms_dbfs(0.0) == -math.inf


def test_no_level_is_no_gain() -> None:
    assert level_gain(clip(), "none", -23.0) == 1.0


def test_rms_level() -> None:
    assert level_gain(clip(0.1), "rms", -26.0) == pytest.approx(10 ** (-6 / 20))
    assert 0.1 * level_gain(clip(0.1), "rms", -26.0) == pytest.approx(10 ** (-26 / 20))


def test_lufs_level() -> None:
    assert level_gain(clip(loudness=-43.0), "lufs", -23.0) == pytest.approx(10.0)
    with pytest.raises(ValueError, match="a_000000"):
        level_gain(clip(), "lufs", -23.0)


def test_silence_and_clicks_are_not_blown_up() -> None:
    assert level_gain(clip(0.0), "rms", -23.0) == 1.0
    assert level_gain(clip(1e-6), "rms", -23.0) == 100.0


def test_loudness_of_a_sine() -> None:
    pytest.importorskip("pyloudnorm")
    seconds = np.arange(48_000) / 16_000
    sine = (0.1 * np.sin(2 * np.pi * 997 * seconds)).astype(np.float32)
    assert lufs(sine, 16_000) == pytest.approx(-23.01, abs=0.1)  # BS.1770: -3.01 at full scale
    assert lufs(sine / 10, 16_000) == pytest.approx(-43.01, abs=0.1)
    assert lufs(np.zeros(48_000, np.float32), 16_000) == -70.0


def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyloudnorm", None)
    with pytest.raises(DataError, match=r'pip install "avskit\[loudness\]"') as error:
        lufs(np.zeros(16_000, np.float32), 16_000)
    assert error.value.reason == "missing-package"
