"""Log-mels of a video: the published ones read without running what is in them, or made from the sound."""

from __future__ import annotations

import wave
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.log_mels import decode_log_mel

from .logmel import SAMPLE_RATE, fit_examples, log_mel
from .source_files import read_bytes

Array = np.ndarray[Any, np.dtype[Any]]


def read_log_mel(root: Path, name: str) -> Array:
    """A published log-mel, or what replaced it, ``float32`` (seconds, 1, 96, 64). Raises the ``DataError`` of ``decode_log_mel``."""
    return decode_log_mel(read_bytes(root, name, "log-mel"), name)


def log_mel_of_sound(root: Path, name: str, seconds: int) -> tuple[Array, str]:
    """The log-mel of the first seconds of a sound file, ``float32`` (seconds, 1, 96, 64), and what was done to fill them."""
    samples = _plain_wav(read_bytes(root, name, "audio"))
    if samples is None:  # of another rate, form or number of channels
        from .media import read_audio

        samples = read_audio(root / name)
    samples = samples[: seconds * SAMPLE_RATE]
    return log_mel(samples, seconds), _told(len(log_mel(samples)), seconds)


def fitted(found: Array, seconds: int) -> tuple[Array, str]:
    """A log-mel of so many seconds, and what was done to have it."""
    return fit_examples(found, seconds), _told(len(found), seconds)


def _told(found: int, seconds: int) -> str:
    if found < seconds:
        return f"has {found} seconds of {seconds}; the last was repeated, as the official script does"
    return f"has {found} seconds of {seconds}; the end was left out" if found > seconds else ""


def _plain_wav(data: bytes) -> Array | None:
    """Samples, ``int16``, of a wav of 16 bits, 16 kHz and one channel; None for any other."""
    try:
        with wave.open(BytesIO(data)) as stream:
            if (stream.getframerate(), stream.getsampwidth(), stream.getnchannels()) != (SAMPLE_RATE, 2, 1):
                return None
            data = stream.readframes(stream.getnframes())
            return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16, copy=False)
    except (wave.Error, EOFError):
        return None
