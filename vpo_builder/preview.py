"""What a sample sounds like, and that sound as a picture."""

from __future__ import annotations

import math
import wave
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.dataset import Sample
from evaluators.errors import DataError
from evaluators.files import atomic_write, inside
from evaluators.vpo import clip_file

Pcm = np.ndarray[Any, np.dtype[np.int16]]

SAMPLE_RATE = 16_000
HEARD = 3 * SAMPLE_RATE  # samples that the official loader keeps of a clip
FLOOR_DBFS = -100.0


def read_sound(folder: Path, sample: Sample, clips: Path | None = None) -> Pcm:
    """The stereo sound of a sample, int16 (n, 2): its mixture, or :func:`preview_mixture` where the loader mixes.

    ``clips`` is a second folder to look for clips in (a variant may share those of its base).
    """
    if sample.mixture_file:
        return _read_wav(inside(folder, sample.mixture_file), channels=2)
    return preview_mixture(sample, folder, clips)


def preview_mixture(sample: Sample, folder: Path, clips: Path | None = None) -> Pcm:
    """What the official stereo loader makes of a sample: int16 (48000, 2), left and right.

    The central 3 s of each clip, repeated where it is shorter; L = (1 - position) s and R = position s;
    plain sum. One gain on both channels where the sum is beyond full scale (the loader works in float).
    """
    total = np.zeros((HEARD, 2))
    for source in sample.sources:
        path = inside(folder, clip_file(source.clip.id))
        if clips is not None and not path.exists():
            path = inside(clips, clip_file(source.clip.id))
        mono = _centre(_read_wav(path, channels=1)[:, 0])
        total += mono[:, None] * np.array([1 - source.position, source.position])  # (n, 1) * (2,) -> (n, 2)
    peak = np.abs(total).max()
    return np.rint(total * min(1.0, 32767 / peak) if peak > 0 else total).astype(np.int16)


def _centre(mono: Pcm) -> Pcm:
    if len(mono) < HEARD:
        mono = np.tile(mono, -(-HEARD // len(mono)))
    start = len(mono) // 2 - HEARD // 2
    return mono[start : start + HEARD]


def _read_wav(path: Path, channels: int) -> Pcm:
    """Samples of a 16-bit wav, int16 (n, channels), n > 0. Raises ``DataError`` ``audio-unreadable`` or ``audio-empty``."""
    try:
        with wave.open(str(path), "rb") as stream:
            if (stream.getnchannels(), stream.getsampwidth()) != (channels, 2):
                raise ValueError(f"{stream.getnchannels()} channels of {8 * stream.getsampwidth()} bit, expected {channels} of 16 bit")
            pcm = np.frombuffer(stream.readframes(stream.getnframes()), "<i2").astype(np.int16).reshape(-1, channels)
    except (OSError, EOFError, ValueError, wave.Error) as error:
        raise DataError("audio-unreadable", path, f"can't be read ({error or 'it ends early'}); build again") from error
    if not len(pcm):
        raise DataError("audio-empty", path, "holds no samples; build again")
    return pcm


def write_sound(path: Path, pcm: Pcm) -> None:
    """Write stereo int16 (n, 2) as a 16 kHz wav, atomically."""
    with atomic_write(path) as stream, wave.open(stream, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(pcm.astype("<i2").tobytes())


def envelope(pcm: Pcm, columns: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Peak of each of ``columns`` pieces of a stereo sound, float64 (2, columns), the loudest of both channels being 1."""
    pieces = np.array_split(np.abs(pcm.astype(np.int32)), columns)
    peaks = np.array([piece.max(axis=0) if len(piece) else (0, 0) for piece in pieces], np.float64).T  # (columns, 2) -> (2, columns)
    scaled: np.ndarray[Any, np.dtype[np.float64]] = peaks / max(peaks.max(), 1.0)
    return scaled


def level_dbfs(pcm: Pcm) -> tuple[float, float]:
    """Root mean square of left and right in dB below full scale, not under -100: 10 log10(mean(x^2) / 32768^2)."""
    power = np.mean(np.square(pcm.astype(np.float64)), axis=0) / 32768**2
    left, right = (max(FLOOR_DBFS, 10 * math.log10(value)) if value > 0 else FLOOR_DBFS for value in power.tolist())
    return left, right
