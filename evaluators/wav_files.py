"""The wav files of a dataset: 16-bit PCM behind a header of 44 bytes, written and read back without any library."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError
from .files import atomic_write

Pcm = np.ndarray[Any, np.dtype[np.int16]]

SAMPLE_RATE = 16_000
WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def encode_wav(pcm: Pcm, sample_rate: int = SAMPLE_RATE) -> bytes:
    """The bytes of a 16-bit PCM wav with a header of 44 bytes; int16 (samples,) or (samples, 2)."""
    channels = 1 if pcm.ndim == 1 else pcm.shape[1]
    return _wav_header(pcm.nbytes, channels, sample_rate) + np.ascontiguousarray(pcm, "<i2").data.cast("B")


def write_wav(path: Path | str, pcm: Pcm, sample_rate: int = SAMPLE_RATE) -> None:
    """Write :func:`encode_wav` atomically."""
    with atomic_write(path) as stream:
        stream.write(encode_wav(pcm, sample_rate))


def read_wav16(path: Path | str) -> Pcm:
    """Samples of a wav that :func:`write_wav` wrote, int16 (samples,) or (samples, 2), read-only.

    Raises ``DataError`` ``audio-unreadable`` for any other file.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError("audio-unreadable", path, f"can't be read ({error.strerror}); build again") from error
    head = content[: WAV_HEADER.size]
    channels, rate = struct.unpack_from("<HI", head, 22) if len(head) == WAV_HEADER.size else (0, 0)
    if channels not in (1, 2) or head != _wav_header(len(content) - len(head), channels, rate):
        raise DataError(
            "audio-unreadable", path, "is no wav as this program writes it (16-bit PCM, 44-byte header); build again"
        )
    pcm = np.frombuffer(content, "<i2", offset=len(head))
    return pcm if channels == 1 else pcm.reshape(-1, channels)


def _wav_header(data_bytes: int, channels: int, sample_rate: int) -> bytes:
    frame = 2 * channels
    return WAV_HEADER.pack(
        b"RIFF",
        36 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        sample_rate,
        frame * sample_rate,
        frame,
        16,
        b"data",
        data_bytes,
    )
