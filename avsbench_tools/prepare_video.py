"""One video of `avsbench prepare`: its frames, wav and log-mel, made and written; runs in a worker process.

- Pictures: see ``media``; 224 x 224 as the official scripts, png, for AVSBench-semantic jpg (quality 95, no halved colours).
- Sound: exactly 5 or 10 s at 16 kHz, mono, 16 bits, zeros after the end of a shorter one.
- Log-mel: of the sound that there is, the last example repeated where it is shorter, as the official scripts do.
  AVSBench-semantic has none: its loader makes them of the wav.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators.errors import DataError
from evaluators.files import atomic_write, inside
from evaluators.rejections import Rejection
from evaluators.tensors import encode_tensor
from evaluators.videos import Video
from evaluators.wav_files import encode_wav

from .logmel import log_mel
from .media import SAMPLE_RATE, Samples, film_seconds, padded, take_audio, take_frames
from .prepare_journal import Entry
from .raw_videos import RawVideo
from .resizing import Pixels

ORIGINAL, LEAST, MOST = "original", 16, 4096
LOG_MELS = ("pkl", "npy", "none")
SPARE_SECONDS = 0.1  # of sound that may be missing before it is told
SILENT = 33  # of 32768: -60 dB


@dataclass(frozen=True)
class Preparation:
    """What is wanted. Raises ``DataError`` ``bad-option``."""

    size: str = "224"  # side of the square frames in pixels, or original
    log_mel: str = "pkl"  # pkl, npy, none

    def __post_init__(self) -> None:
        plain = self.size.isascii() and self.size.isdecimal() and len(self.size) < 8
        if self.size != ORIGINAL and not (plain and LEAST <= int(self.size) <= MOST):
            message = f"found {ascii(self.size)[:40]}; expected {ORIGINAL} or a whole number from {LEAST} to {MOST}"
            raise DataError("bad-option", "--size", message)
        if self.log_mel not in LOG_MELS:
            raise DataError("bad-option", "--log-mel", f"found {self.log_mel!r}; expected {', '.join(LOG_MELS)}")

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Height and width; None for those of the film."""
        return None if self.size == ORIGINAL else (int(self.size), int(self.size))


@dataclass(frozen=True)
class Task:
    """One video to prepare; its files are relative to DST."""

    video: Video
    raw: RawVideo
    source: tuple[str, int, int]  # file, bytes, time of its last change


def files_of(video: Video) -> list[str]:
    """What is written of a video."""
    return [
        file for file in (*(frame.image_file for frame in video.frames), video.audio_file, video.log_mel_file) if file
    ]


def prepared(task: Task, videos: Path, dst: Path, wanted: Preparation) -> Entry | Rejection:
    """Write the files of a video, and say what for the journal; or why not."""
    video, start = task.video, task.raw.start_seconds
    seconds, path = len(video.frames), videos / task.raw.file
    try:
        _check_length(path, task.raw)
        pixels, ends = take_frames(path, seconds, wanted.frame_size, start)
        sound = take_audio(path, seconds, start)
        if not len(sound):
            raise DataError("no-audio", path, "has no sound in this part; use a video with sound")
    except DataError as error:
        return Rejection("video", video.id, error.reason, f"{task.raw.file}: {error.message}")
    for frame, picture in zip(video.frames, pixels, strict=True):
        _write(inside(dst, frame.image_file), encode_picture(picture, Path(frame.image_file).suffix))
    _write(inside(dst, video.audio_file), encode_wav(padded(sound, seconds * SAMPLE_RATE)))
    if video.log_mel_file:
        _write(inside(dst, video.log_mel_file), _encode_log_mel(log_mel(sound, seconds), wanted.log_mel))
    return {
        "audio_file": video.audio_file,
        "source": task.source,
        "start_seconds": start,
        "warnings": [asdict(warning) for warning in _warnings(video, ends, sound)],
    }


def _check_length(path: Path, raw: RawVideo) -> None:
    if raw.longest_seconds and film_seconds(path) > raw.longest_seconds:
        message = (
            f"lasts {film_seconds(path):.0f} s, and the name counts from the start of VGGSound's clip of 10 s, which the table "
            "doesn't tell; give the clip"
        )
        raise DataError("video-unplaced", path, message)


def _warnings(video: Video, ends: int, sound: Samples) -> list[Rejection]:
    seconds, found = len(video.frames), len(sound) / SAMPLE_RATE
    told: dict[str, str] = {}
    if ends < seconds:
        told["video-short"] = f"has the ends of {ends} of {seconds} seconds; its last picture stands for the others"
    if found < seconds - SPARE_SECONDS:
        told["audio-short"] = f"has {found:.2f} of {seconds} s of sound; zeros follow, the last log-mel is repeated"
    if int(np.abs(sound.astype(np.int32)).max()) < SILENT:
        told["audio-silent"] = "its sound stays below -60 dB"
    return [Rejection("video", video.id, reason, message, warning=True) for reason, message in told.items()]


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as stream:
        stream.write(content)


def encode_picture(pixels: Pixels, suffix: str) -> bytes:
    """The bytes of ``.png`` or ``.jpg`` of ``uint8`` (height, width, 3)."""
    stream = BytesIO()
    if suffix == ".png":
        Image.fromarray(pixels).save(stream, "PNG", compress_level=2)
    else:
        Image.fromarray(pixels).save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()


def _encode_log_mel(examples: np.ndarray[Any, np.dtype[np.float32]], form: str) -> bytes:
    if form == "pkl":
        return encode_tensor(examples)
    stream = BytesIO()
    np.save(stream, examples, allow_pickle=False)
    return stream.getvalue()
