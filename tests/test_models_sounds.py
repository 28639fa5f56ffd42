"""What a system hears: windows, channels, mixing, rates, and files that are not to be trusted."""

from __future__ import annotations

import math
import os
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.errors import DataError
from models.sounds import SAMPLE_RATE, fit, mix, read_window, resample, with_channels


def write(path: Path, pcm: Any, rate: int = SAMPLE_RATE) -> Path:
    """A 16-bit wav of (samples,) or (samples, channels)."""
    values = np.asarray(pcm, "<i2")
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1 if values.ndim == 1 else values.shape[1])
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(values.tobytes())
    return path


def content(
    kind: int, channels: int, rate: int, bits: int, data: bytes, extra: bytes = b"", more: bytes = b""
) -> bytes:
    """A wav of any format; ``more`` are chunks before the data."""
    width = channels * bits // 8
    head = struct.pack("<HHIIHH", kind, channels, rate, width * rate, width, bits) + extra
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + more + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_sixteen_bits_are_read_exactly(tmp_path: Path) -> None:
    found = read_window(write(tmp_path / "a.wav", [[-32768, 0], [16384, 1], [32767, -1]]), 3, "start")
    assert found.dtype == np.float32
    assert (found * 32768).tolist() == [[-32768, 16384, 32767], [0, 1, -1]]


def test_the_middle_three_of_ten_seconds_are_heard(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.arange(160_000) // 5)  # 3.5 s is sample 56000, value 11200
    found = read_window(path, 48_000, "centre")[0] * 32768
    assert (found[0], found[5], found[-1]) == (11200, 11201, 20799)
    assert (read_window(path, 48_000, "start")[0] * 32768)[[0, -1]].tolist() == [0, 9599]
    part = read_window(path, 48_000, "centre", start=40_000, length=80_000)  # its middle is at 80000, too
    assert np.array_equal(part, read_window(path, 48_000, "centre"))


def test_short_sounds_are_repeated_or_end_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", [1, 2, 3])
    assert (read_window(path, 8, "centre")[0] * 32768).tolist() == [1, 2, 3, 1, 2, 3, 1, 2]
    assert (read_window(path, 8, "start")[0] * 32768).tolist() == [1, 2, 3, 0, 0, 0, 0, 0]
    assert fit(np.ones((2, 5), np.float32), 3, "loop").shape == (2, 3)


@pytest.mark.parametrize("length", [7, 8, 9, 10, 11])
@pytest.mark.parametrize("samples", [7, 6])
def test_the_window_is_that_of_the_official_loader(length: int, samples: int, tmp_path: Path) -> None:
    middle = length // 2
    expected = np.arange(length)[middle - samples // 2 :][:samples]  # where the clip is long enough
    found = read_window(write(tmp_path / "a.wav", np.arange(length)), samples, "centre")
    assert (found[0] * 32768).tolist() == expected.tolist()


def test_sources_are_panned_linearly_and_added() -> None:
    first, second = np.full((1, 2), 0.5, np.float32), np.full((1, 2), 0.1, np.float32)
    left_and_right = mix([first, second], [0.25, 1.0])
    assert np.allclose(left_and_right, [[0.375, 0.375], [0.225, 0.225]])
    assert np.allclose(left_and_right.sum(0), 0.6)  # L + R = s


@given(st.lists(st.integers(0, 2**30), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_mixing_at_mirrored_positions_swaps_the_channels_bit_for_bit(steps: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    clips = [rng.normal(size=(1, 16)).astype(np.float32) for _ in steps]
    positions = [step * 2.0**-30 for step in steps]
    there, mirrored = mix(clips, positions), mix(clips, [1 - position for position in positions])
    assert np.array_equal(there[::-1], mirrored)


def test_channels_of_mixtures_and_of_recordings() -> None:
    mono, stereo = np.array([[0.5]], np.float32), np.array([[0.25], [0.5]], np.float32)
    assert with_channels(stereo, 1, panned=True).tolist() == [[0.75]]
    assert with_channels(stereo, 1, panned=False).tolist() == [[0.375]]
    assert with_channels(mono, 2, panned=True).tolist() == [[0.25], [0.25]]
    assert with_channels(mono, 2, panned=False).tolist() == [[0.5], [0.5]]
    assert with_channels(stereo, 2, panned=True) is stereo
    with pytest.raises(ValueError, match="3 channels wanted"):
        with_channels(stereo, 3, panned=True)


def slow_resample(samples: list[float], rate: int) -> list[float]:
    """The formula of the docstring, a sum for each number."""
    cutoff, made = 0.99 * min(rate, 16_000), []
    for k in range(math.ceil(16_000 * len(samples) / rate)):
        total = 0.0
        for n, value in enumerate(samples):
            place = cutoff * (k / 16_000 - n / rate)
            if abs(place) <= 6:
                sinc = math.sin(math.pi * place) / (math.pi * place) if place else 1.0
                total += value * sinc * math.cos(math.pi * place / 12) ** 2 * cutoff / rate
        made.append(total)
    return made


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_resampling_is_the_formula(rate: int) -> None:
    samples = np.random.default_rng(0).normal(size=(2, 300)).astype(np.float32)
    for channel, found in zip(samples, resample(samples, rate), strict=True):
        assert found.tolist() == pytest.approx(slow_resample(channel.tolist(), rate), abs=1e-5)


def test_a_tone_stays_a_tone_at_another_rate() -> None:
    seconds = np.arange(44_100) / 44_100
    found = resample(np.sin(2 * np.pi * 1000 * seconds, dtype=np.float32)[None], 44_100)[0]
    expected = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert found.shape == (16_000,)
    assert np.abs(found - expected)[100:-100].max() < 2e-3


@pytest.mark.parametrize("where", ["start", "centre"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 8_000, 12_347])
def test_a_part_at_another_rate_is_that_part_of_the_whole(where: str, rate: int, tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-9000, 9000, rate * 2)
    whole = resample((pcm / 32768).astype(np.float32)[None], rate)[0]
    found = read_window(write(tmp_path / "a.wav", pcm, rate), 8000, where)[0]
    start = 0 if where == "start" else len(whole) // 2 - 4000
    assert np.allclose(found, whole[start : start + 8000], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "bits", "extra", "dtype", "scale"),
    [
        (1, 16, b"", "<i2", 2**15),
        (1, 32, b"", "<i4", 2**31),
        (3, 32, b"\0\0", "<f4", 1),
        (3, 64, b"", "<f8", 1),
        (0xFFFE, 16, struct.pack("<HHIH", 22, 16, 3, 1) + bytes(14), "<i2", 2**15),
    ],
    ids=["16 bit", "32 bit", "float", "double", "extensible"],
)
def test_forms_of_wav(kind: int, bits: int, extra: bytes, dtype: str, scale: int, tmp_path: Path) -> None:
    values = (np.array([[0.5, -0.25], [0.125, 0.0]]) * scale).astype(dtype)
    path = tmp_path / "a.wav"
    path.write_bytes(content(kind, 2, 16_000, bits, values.tobytes(), extra, b"LIST\x03\0\0\0abc\0"))
    assert read_window(path, 2, "start").tolist() == [[0.5, 0.125], [-0.25, 0.0]]


def test_the_length_of_a_stream_is_that_of_its_file(tmp_path: Path) -> None:
    good = content(1, 1, 16_000, 16, bytes(6))
    (tmp_path / "a.wav").write_bytes(good[:40] + b"\xff\xff\xff\xff" + good[44:])
    assert read_window(tmp_path / "a.wav", 3, "centre").shape == (1, 3)


GOOD = content(1, 1, 16_000, 16, bytes(2000))
DAMAGES = {
    "empty": (b"", "audio-unreadable"),
    "text": (b"no sound at all, but some text\n" * 9, "audio-unreadable"),
    "cut": (GOOD[:1000], "audio-truncated"),
    "promises 2 GB": (GOOD[:40] + struct.pack("<I", 2_000_000_000) + GOOD[44:], "audio-truncated"),
    "header alone": (content(1, 1, 16_000, 16, b""), "audio-empty"),
    "no data": (GOOD[:36], "audio-unreadable"),
    "8 bits": (content(1, 1, 16_000, 8, bytes(90)), "audio-unreadable"),
    "24 bits": (content(1, 1, 16_000, 24, bytes(90)), "audio-unreadable"),
    "mp3 inside": (content(0x55, 1, 16_000, 16, bytes(90)), "audio-unreadable"),
    "no channel": (content(1, 0, 16_000, 16, bytes(90)), "audio-unreadable"),
    "500 channels": (content(1, 500, 16_000, 16, bytes(9000)), "audio-unreadable"),
    "rate 0": (content(1, 1, 0, 16, bytes(90)), "rate-out-of-range"),
    "rate 4 GHz": (content(1, 1, 2**32 // 4, 16, bytes(90))[:28] + GOOD[28:32] + GOOD[32:], "rate-out-of-range"),
    "not a number": (content(3, 1, 16_000, 32, struct.pack("<f", math.nan) * 9), "audio-nonfinite"),
    "infinite": (content(3, 1, 16_000, 32, struct.pack("<f", math.inf) * 9), "audio-nonfinite"),
}


@pytest.mark.parametrize(("data", "code"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_told_with_their_name(data: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.wav: .*" + code) as told:
        read_window(tmp_path / "a.wav", 48_000, "centre")
    assert "\n" not in str(told.value)


def test_a_cut_file_is_told_whatever_part_is_heard(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(GOOD[:1000])
    with pytest.raises(DataError, match=r"has 1000 bytes, its header promises 1044 more.*audio-truncated"):
        read_window(tmp_path / "a.wav", 8, "start")


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for name in ("missing.wav", "pipe.wav", "."):
        with pytest.raises(DataError, match="not-a-file"):
            read_window(tmp_path / name, 8, "start")
    with pytest.raises(ValueError, match="where='middle'"):
        read_window(tmp_path / "a.wav", 8, "middle")
