"""Small complete AVSBench folders, and ways to damage them, for the tests of `avsbench inspect`."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import mini_avsbench
import numpy as np
import pytest

from evaluators.tensors import encode_tensor
from evaluators.videos import open_videos

WRITERS: dict[str, Callable[[Path], Path]] = {
    "s4": mini_avsbench.write_s4,
    "ms3": mini_avsbench.write_ms3,
    "avss": mini_avsbench.write_avss,
}
SECONDS = 5


def write_complete(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """The mini set of ``name`` with nothing to find: 224 x 224, sounds of their length, log-mels."""
    patch.setattr(mini_avsbench, "WIDTH", 224)
    patch.setattr(mini_avsbench, "HEIGHT", 224)
    patch.setattr(mini_avsbench, "AVSS", tuple(row for row in mini_avsbench.AVSS if "off-the-screen" not in row[4]))
    patch.setattr(mini_avsbench, "write_wav", lambda path: write_wav(path, 10 if "v2" in path.parts else SECONDS))
    place = WRITERS[name](folder)
    for video in open_videos(place).videos:
        if video.log_mel_file:
            path = place / video.log_mel_file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_tensor(np.zeros((SECONDS, 1, 96, 64), np.float32)))
    return place


def write_wav(path: Path, seconds: float, rate: int = 16_000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(bytes(2 * channels * round(seconds * rate)))
