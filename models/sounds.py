"""Sound files to what a system hears: 16 kHz, a window of some seconds, mono or stereo.

Two kinds of files, told apart by who wrote them:

    a panned mixture  (VPO) its two channels hold shares of its sources: L = (1 - p) s, R = p s, so that L + R = s. Mono is the sum
                      of the channels, and stereo of a mono file is half of it on each side, as if it stood in the middle
    a recording       (AVSBench) mono is the mean of the channels, as VGGish and CAVP's loader for AVSBench-semantic take it,
                      and stereo of a mono file is the file on both sides

Wavs are read here with the standard library, and only the part that is heard: GPU machines often lack audio libraries.

Source: CAVP 96a6c34 ``dataset/vpo_stereo/*/audio/audio_dataset.py`` (window, panning, sum), ``dataset/avss/audio/audio_dataset.py``;
builder of VPO, ``vpo_builder.spatial``.
"""

from __future__ import annotations

import math
import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from evaluators.errors import DataError
from evaluators.media_headers import STREAMED, sound_format

Wave = np.ndarray[Any, np.dtype[np.float32]]  # (channels, samples), full scale is 1

SAMPLE_RATE = 16_000
LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
MOST_CHANNELS = 16
LONGEST_SECONDS = 60.0  # that a system may hear
ZEROS, ROLLOFF = 6, 0.99  # of the resampling filter: zero crossings on each side, share of the band that passes
BLOCK = 1 << 14  # samples made at once
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DTYPES = {(_PCM, 16): "<i2", (_PCM, 32): "<i4", (_FLOAT, 32): "<f4", (_FLOAT, 64): "<f8"}


@dataclass(frozen=True)
class WavHeader:
    """What the header of a wav says."""

    channels: int
    sample_rate: int
    dtype: str  # of a sample
    offset: int  # of the first sample, bytes
    length: int  # samples in each channel


def read_window(path: Path | str, samples: int, where: str, *, start: int = 0, length: int | None = None) -> Wave:
    """Exactly ``samples`` samples of a wav at 16 kHz, float32 (channels, samples).

    where: ``centre``, the middle of the sound, a shorter one repeated from its start (VPO); ``start``, its first part,
        silence after a shorter one (videos).
    start, length: the part of the sound that counts, in samples at 16 kHz; all of it by default.
    Raises ``DataError``: ``not-a-file``, ``audio-unreadable``, ``audio-truncated``, ``audio-empty``, ``audio-nonfinite``,
    ``rate-out-of-range``; ``ValueError`` for another ``where``.
    """
    if where not in ("centre", "start") or not 0 < samples <= LONGEST_SECONDS * SAMPLE_RATE:
        raise ValueError(f"where={where!r}, samples={samples}; expected centre or start, and 1 to 960000 samples")
    try:
        with _opened(path) as stream:
            header = read_header(stream, str(path))
            there = -(-header.length * SAMPLE_RATE // header.sample_rate) - start
            there = max(0, there if length is None else min(there, length))
            if not there:
                raise DataError("audio-empty", path, "holds no sound in the part that is heard; replace it")
            if where == "centre" and there > samples:
                start += there // 2 - samples // 2
            wave = _at_16_khz(stream, header, start, min(there, samples), str(path))
    except OSError as error:
        raise DataError("not-a-file", path, f"can't be read ({error.strerror}); expected a wav file") from error
    return fit(wave, samples, "loop" if where == "centre" else "pad")


def fit(wave: Wave, samples: int, short: str) -> Wave:
    """(channels, some) -> (channels, samples): the first samples; a shorter one is repeated (``loop``) or ends in silence (``pad``)."""
    there = wave.shape[1]
    if there >= samples:
        return wave[:, :samples]
    if short == "loop":
        return np.tile(wave, (1, -(-samples // there)))[:, :samples]
    return np.pad(wave, ((0, 0), (0, samples - there)))


def with_channels(wave: Wave, channels: int, *, panned: bool) -> Wave:
    """(1 or more, samples) -> (1 or 2, samples), by the rule of a panned mixture or of a recording; see the top of the module.

    Of a recording with more than two channels the mean stands on both sides.
    """
    if channels not in (1, 2):
        raise ValueError(f"{channels} channels wanted, expected 1 or 2")
    if len(wave) == channels:
        return wave
    mono: Wave = wave.sum(0, keepdims=True) if panned else wave.mean(0, keepdims=True)
    if channels == 1:
        return mono
    return np.repeat(mono * np.float32(0.5) if panned else mono, 2, axis=0)


def mix(clips: Sequence[Wave], positions: Sequence[float]) -> Wave:
    """Left and right of sources at positions 0 (left) to 1: the sums of (1 - p) s and of p s. Each (1, samples) -> (2, samples).

    Nothing is normalised. With positions that are multiples of 2**-30, mixing at 1 - p swaps the channels bit for bit.
    """
    left, right = (np.zeros(clips[0].shape[1], np.float32) for _ in range(2))
    for clip, position in zip(clips, positions, strict=True):
        left += clip[0] * np.float32(1.0 - position)
        right += clip[0] * np.float32(position)
    return np.stack([left, right])


def read_header(stream: BinaryIO, name: str) -> WavHeader:
    """The header of a wav with 16- or 32-bit integers, or floats; nothing else of the file is read.

    Raises ``DataError``: ``audio-unreadable``, ``audio-truncated``, ``audio-empty``, ``rate-out-of-range``.
    """
    size = os.fstat(stream.fileno()).st_size
    if sound_format(stream.read(12)) != "wav":
        found = "is no wav" if size else "has no bytes"
        raise DataError("audio-unreadable", name, f"{found}, expected a 16-bit PCM wav; convert it")
    chunks = _chunks(stream, size, name)
    if not {b"fmt ", b"data"} <= chunks.keys():
        raise DataError("audio-unreadable", name, "has no format or no samples, expected a 16-bit PCM wav; convert it")
    kind, channels, rate, width, bits = _format(stream, *chunks[b"fmt "])
    dtype = _DTYPES.get((kind, bits), "")
    if not dtype or not 1 <= channels <= MOST_CHANNELS or width != channels * bits // 8:
        found = f"has {channels} channels of {bits} bits, format {kind}, {width} bytes a frame"
        raise DataError("audio-unreadable", name, f"{found}; expected PCM of 16 or 32 bits, or floats; convert it")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        found = f"has {rate} samples per second, expected {LOWEST_RATE} to {HIGHEST_RATE}; convert it"
        raise DataError("rate-out-of-range", name, found)
    offset, there = chunks[b"data"]
    return WavHeader(channels, rate, dtype, offset, there // width)


def _opened(path: Path | str) -> BinaryIO:
    """A regular file; a pipe would wait for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise DataError("not-a-file", path, "is a folder, a pipe or the like; expected a wav file")
    return open(path, "rb")


def _chunks(stream: BinaryIO, size: int, name: str) -> dict[bytes, tuple[int, int]]:
    """Offset and length in bytes of the first ``fmt `` and ``data``. A length of 0 or near the limit is a stream's: up to the end."""
    found: dict[bytes, tuple[int, int]] = {}
    position = 12
    while position + 8 <= size and b"data" not in found:
        stream.seek(position)
        kind, length = struct.unpack("<4sI", stream.read(8))
        position += 8
        if kind == b"data" and (length == 0 or length >= STREAMED):
            length = size - position
        if position + length > size:
            lacking = position + length - size
            raise DataError("audio-truncated", name, f"has {size} bytes, its header promises {lacking} more")
        found.setdefault(kind, (position, length))
        position += length + (length & 1)
    return found


def _format(stream: BinaryIO, offset: int, length: int) -> tuple[int, int, int, int, int]:
    """Format, channels, rate, bytes a frame, bits."""
    stream.seek(offset)
    content = stream.read(min(length, 40)).ljust(40, b"\0")
    kind, channels, rate, _, width, bits = struct.unpack_from("<HHIIHH", content)
    return struct.unpack_from("<H", content, 24)[0] if kind == _EXTENSIBLE else kind, channels, rate, width, bits


def _at_16_khz(stream: BinaryIO, header: WavHeader, start: int, samples: int, name: str) -> Wave:
    """Samples ``start`` to ``start + samples``, at 16 kHz; of another rate only as much is read as their filter reaches."""
    if header.sample_rate == SAMPLE_RATE:
        return _frames(stream, header, start, samples, name)
    first, end = _reach(header.sample_rate, start, samples)
    begin, stop = max(0, first), min(end, header.length)
    wave = _frames(stream, header, begin, stop - begin, name)
    return _filtered(np.pad(wave, ((0, 0), (begin - first, end - stop))), header.sample_rate, start, samples)


def _frames(stream: BinaryIO, header: WavHeader, start: int, count: int, name: str) -> Wave:
    """float32 (channels, count); integers are scaled to [-1, 1)."""
    dtype = np.dtype(header.dtype)
    stream.seek(header.offset + start * header.channels * dtype.itemsize)
    values = np.frombuffer(stream.read(count * header.channels * dtype.itemsize), dtype)
    if values.size != count * header.channels:
        raise DataError("audio-truncated", name, "ended while it was read; get it again")
    wave = values.reshape(count, header.channels).T.astype(np.float32, order="C")
    if dtype.kind == "i":
        wave *= np.float32(2.0 ** (1 - 8 * dtype.itemsize))
    elif not np.isfinite(wave).all():
        raise DataError("audio-nonfinite", name, "holds samples that are infinite or no numbers; replace it")
    return wave


def resample(wave: Wave, sample_rate: int) -> Wave:
    """To 16 kHz: (channels, n) -> (channels, ceil(16000 n / sample_rate)).

    y[k] = sum over n of x[n] h(k / 16000 - n / sample_rate), with h(t) = sinc(c t) cos^2(pi c t / 12) c / sample_rate for
    |c t| <= 6, else 0, and c = 0.99 min(16000, sample_rate): a sinc under Hann's window, 6 zero crossings on each side, which is
    what torchaudio's ``Resample`` takes by default, and so what CAVP's loader hears.
    """
    if sample_rate == SAMPLE_RATE:
        return wave
    samples = -(-wave.shape[1] * SAMPLE_RATE // sample_rate)
    first, end = _reach(sample_rate, 0, samples)
    return _filtered(np.pad(wave, ((0, 0), (-first, end - wave.shape[1]))), sample_rate, 0, samples)


def _reach(sample_rate: int, start: int, samples: int) -> tuple[int, int]:
    """The samples of the sound, from and to before, that count for so many at 16 kHz; it may not have all of them."""
    up, down, bank = _filter_bank(sample_rate)
    taps = bank.shape[1]
    first, last = (number * down // up - taps // 2 + 1 for number in (start, start + samples - 1))
    return first, last + taps


def _filtered(wave: Wave, sample_rate: int, start: int, samples: int) -> Wave:
    """``wave`` holds what ``_reach`` names: (channels, some) -> (channels, samples)."""
    up, down, bank = _filter_bank(sample_rate)
    taps = bank.shape[1]
    made = np.empty((len(wave), samples), np.float32)
    origin = start * down // up
    for block in range(0, samples, BLOCK):
        numbers = np.arange(start + block, start + min(samples, block + BLOCK))
        places = numbers * down // up - origin
        windows = np.lib.stride_tricks.sliding_window_view(wave, taps, axis=1)[:, places]  # (channels, block, taps)
        made[:, block : block + BLOCK] = np.einsum("cbt,bt->cb", windows, bank[numbers % up])
    return made


@lru_cache(maxsize=16)
def _filter_bank(sample_rate: int) -> tuple[int, int, np.ndarray[Any, np.dtype[np.float32]]]:
    """``up`` outputs for every ``down`` inputs, and the filter of each of the outputs, float32 (up, taps).

    Output k takes the inputs from floor(k down / up) - taps / 2 + 1 on.
    """
    divisor = math.gcd(SAMPLE_RATE, sample_rate)
    up, down = SAMPLE_RATE // divisor, sample_rate // divisor
    cutoff = ROLLOFF * min(SAMPLE_RATE, sample_rate)
    width = math.ceil(ZEROS * sample_rate / cutoff)
    inputs = np.arange(-width, width + 2)
    between = (np.arange(up) * down % up / up)[:, None] - inputs  # in samples of the sound
    phase = np.clip(cutoff / sample_rate * between, -ZEROS, ZEROS)
    window = np.cos(np.pi * phase / (2 * ZEROS)) ** 2
    return up, down, (np.sinc(phase) * window * cutoff / sample_rate).astype(np.float32)
