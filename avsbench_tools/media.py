"""Pictures and sound of film files, through FFmpeg's libraries (PyAV).

Pictures as AVSBench's scripts take them: of each second one, the 16th of 16 evenly spaced ones. With ``interval`` the rate of
the film, rounded to whole pictures a second, that of second ``l`` (from 0) has the index ``int(l * interval + 15 / 16 * interval)``
among the pictures of the film at a constant rate; past the end the last one is taken. Indices count as the scripts' reader
(imageio, which runs the ffmpeg program) hands pictures out: at the film's own rate, so that a film of varying rate has pictures
repeated and dropped until its rate is constant (one of very uneven rate may be a picture off), and turned upright where the film
says that the camera was turned.

Sound as ``ffmpeg -ac 1 -ar 16000 -acodec pcm_s16le`` writes it (VGGSound's script). AVSBench's own wavs were written by moviepy,
which takes every so many samples without a filter, in two channels; that aliasing is not repeated here.

Source: AVSBench f7414af ``preprocess_scripts/preprocess_s4.py``; FFmpeg's documentation of ``-fps_mode cfr``.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from evaluators.errors import DataError
from evaluators.media_headers import missing_bytes, sound_format

from .resizing import Pixels, resized

Samples = np.ndarray[Any, np.dtype[np.int16]]  # (samples,) mono at SAMPLE_RATE

SAMPLE_RATE = 16_000
EVENLY, TAKEN = 16, 15  # pictures of a second, and which one is taken, from 0
LARGEST_PIXELS = 1 << 26  # of one picture; a header may ask for gigabytes
LONGEST_SECONDS = 3600
SEEK_SECONDS = 1.0  # before the start, so that the sound's decoder has settled
DRIFT = 1.1  # pictures that a time may be off before one is repeated or dropped
ATTACHED = 0x400  # disposition of a cover in a sound file, which is no film
LENIENT: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
SOUND_NAMES = {b"fLaC": "flac", b"OggS": "ogg", b"FORM": "aiff", b"RF64": "wav", b".snd": "au", b"caff": "caf"}


def second_frames(path: Path | str, seconds: int, size: tuple[int, int] | None = None) -> Pixels:
    """The pictures at the ends of the first ``seconds`` seconds: ``uint8`` (seconds, height, width, 3), RGB.

    ``size``: height and width, without regard to the film's own proportions; None as the film has them.
    Raises ``DataError`` as :func:`take_frames` does.
    """
    return take_frames(path, seconds, size)[0]


def read_audio(path: Path | str, seconds: float | None = None) -> Samples:
    """The sound of a film or a sound file, ``int16`` (samples,), mono at 16 kHz; with ``seconds`` exactly so much of it.

    A shorter sound ends in zeros. Raises ``DataError`` as :func:`take_audio` does.
    """
    samples = take_audio(path, seconds)
    return samples if seconds is None else padded(samples, round(seconds * SAMPLE_RATE))


def padded(samples: Samples, length: int) -> Samples:
    """The first ``length`` samples, with zeros after the end."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def take_frames(
    path: Path | str, seconds: int, size: tuple[int, int] | None = None, start_seconds: float = 0.0
) -> tuple[Pixels, int]:
    """As :func:`second_frames`, from ``start_seconds`` on; and of how many seconds the film has the end. The rest repeats its last.

    Raises ``DataError``: ``not-a-file``, ``no-video``, ``video-unreadable``, ``video-truncated``, ``video-too-large``,
    ``video-ends-before`` (nothing is left after ``start_seconds``).
    """
    if seconds < 1:
        raise ValueError(f"expected at least 1 second, found {seconds}")
    with _opened(Path(path), "video") as (container, path):
        stream = next((s for s in container.streams.video if not int(s.disposition) & ATTACHED), None)
        if stream is None:
            raise DataError("no-video", path, "has no pictures, only sound; use the film itself")
        _check_known(stream, path, "video")
        _check_size(stream.codec_context.width, stream.codec_context.height, path)
        taken, found = _taken(container, stream, seconds, start_seconds)
        if not taken:
            raise _nothing(path, start_seconds)
        pixels = [_pixels(frame, size, path) for frame in taken]
    return _stacked(pixels + pixels[-1:] * (seconds - len(pixels)), path), found


def _taken(container: Any, stream: Any, seconds: int, start_seconds: float) -> tuple[list[Any], int]:
    """The pictures at the ends of seconds, after them the last where the film ends before; and how many ends it has."""
    interval = round(round(float(stream.average_rate or stream.guessed_rate or 25), 2))  # ffmpeg tells two decimals
    wanted = [int(second * interval + TAKEN / EVENLY * interval) for second in range(seconds)]
    taken: list[Any] = []
    last = None
    origin = _seek(container, start_seconds)
    for frame, first, end in _at_constant_rate(_frames(container, stream, origin), stream, origin):
        last = frame
        while len(taken) < seconds and first <= wanted[len(taken)] < end:
            taken.append(frame)
        if len(taken) == seconds:
            break
    found = len(taken)
    return taken + [last] * (last is not None and found < seconds), found


def take_audio(path: Path | str, seconds: float | None = None, start_seconds: float = 0.0) -> Samples:
    """As :func:`read_audio`, from ``start_seconds`` on, and not filled up: ``int16`` (at most round(seconds * 16000),).

    Raises ``DataError``: ``not-a-file``, ``no-audio``, ``audio-unreadable``, ``audio-truncated``, ``audio-too-long``.
    """
    limit = round((LONGEST_SECONDS if seconds is None else seconds) * SAMPLE_RATE)
    blocks: list[Samples] = []
    count = 0
    with _opened(Path(path), "audio") as (container, path):
        if not container.streams.audio:
            raise DataError("no-audio", path, "has no sound track; use a video with sound")
        stream = container.streams.audio[0]
        _check_known(stream, path, "audio")
        origin = _seek(container, start_seconds)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        for frame in _sound_frames(container, stream, origin):
            for block in resampler.resample(frame):
                blocks.append(np.asarray(block.to_ndarray(), np.int16).reshape(-1))
                count += len(blocks[-1])
            if count >= limit:
                break
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    if seconds is None and len(samples) >= limit:
        raise DataError("audio-too-long", path, f"lasts more than {LONGEST_SECONDS} s; say how much of it is wanted")
    return samples[:limit]


def film_seconds(path: Path | str) -> float:
    """How long a film lasts by its header, 0 where it doesn't tell. Raises ``DataError`` as :func:`take_frames` does."""
    with _opened(Path(path), "video") as (container, _):
        return (container.duration or 0) / av.time_base


@contextmanager
def _opened(path: Path, what: str) -> Iterator[tuple[Any, Path]]:
    """The open file. FFmpeg sees neither its name nor the network, and is told the format, so that nothing passes for a playlist."""
    size = _regular_size(path, what)
    try:
        with open(path, "rb") as stream:
            kind = _format(stream, path, size, what)
            stream.seek(0)
            with av.open(stream, "r", format=kind, **LENIENT) as container:
                yield container, path
    except DataError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise DataError(f"{what}-unreadable", path, f"can't be decoded ({told}); get it again") from error


def _regular_size(path: Path, what: str) -> int:
    try:
        found = os.stat(path)
    except OSError as error:
        raise DataError("not-a-file", path, f"can't be opened ({error.strerror}); check the path") from error
    if not stat.S_ISREG(found.st_mode):
        raise DataError("not-a-file", path, "is a folder, a pipe or the like; put the video itself there")
    if not found.st_size:
        raise DataError(f"{what}-unreadable", path, "has no bytes; get it again")
    return found.st_size


def _format(stream: BinaryIO, path: Path, size: int, what: str) -> str:
    """What FFmpeg calls the format that the first bytes show. Refuses a file that is cut short."""
    head = stream.read(16)
    kind = sound_format(head)
    if kind == "sound":
        kind = SOUND_NAMES.get(head[:4], "mp3" if head[:3] == b"ID3" or head[0] == 0xFF else "")
    if not kind:
        raise DataError(
            f"{what}-unreadable", path, "its first bytes are of no known format, such as mp4 or mkv; get it again"
        )
    lacking = missing_bytes(stream, kind, size)
    if lacking:
        raise DataError(
            f"{what}-truncated", path, f"has {size:,} bytes, its header promises {lacking:,} more; get it again"
        )
    return kind


def _check_known(stream: Any, path: Path, what: str) -> None:
    if stream.codec_context is None:
        raise DataError(f"{what}-unreadable", path, "is coded in a way that FFmpeg doesn't know; convert it")


def _check_size(width: int, height: int, path: Path) -> None:
    if width * height > LARGEST_PIXELS:
        raise DataError("video-too-large", path, f"is {width} x {height}, at most {LARGEST_PIXELS:,} pixels are read")


def _seek(container: Any, start_seconds: float) -> Fraction:
    """Go to the last key picture before ``start_seconds``; returns its time by the file's own clock."""
    begin = Fraction(container.start_time or 0, av.time_base)
    if not start_seconds:
        return begin
    origin = begin + Fraction(start_seconds).limit_denominator(1000)
    container.seek(max(int((origin - Fraction(SEEK_SECONDS)) * av.time_base), container.start_time or 0))
    return origin


def _frames(container: Any, stream: Any, origin: Fraction) -> Iterator[Any]:
    """Pictures from ``origin`` on, one thread: several videos are read at once, each in a process."""
    stream.thread_type = "NONE"
    first, early = origin / stream.time_base, True
    for frame in container.decode(stream):
        early = early and frame.pts is not None and frame.pts < first
        if not early:
            yield frame


def _at_constant_rate(frames: Iterator[Any], stream: Any, origin: Fraction) -> Iterator[tuple[Any, int, int]]:
    """Each picture with the indices from ``first`` to before ``end`` that it takes at the film's constant rate.

    The rule of ffmpeg's ``-fps_mode cfr``: a picture comes as often as its place and duration ask, where these are more than
    1.1 pictures off what was handed out before.
    """
    rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    tick, start = float(stream.time_base * rate), float(origin * rate)
    done, before = 0, None
    for frame in frames:
        length = float(round((frame.duration or 0) * tick) or 1)
        late = 0.0 if frame.pts is None else frame.pts * tick - start - done
        ends = late + length
        if late < 0 < ends:
            late = 0.0
        times = 0 if ends < -DRIFT else round(ends) if ends > DRIFT else 1
        gap = min(times, round(late - 0.6)) if late > DRIFT and times else 0  # filled with the picture before
        if gap:
            yield before or frame, done, done + gap
        if times > gap:
            yield frame, done + gap, done + times
        done, before = done + times, frame


def _pixels(frame: Any, size: tuple[int, int] | None, path: Path) -> Pixels:
    _check_size(frame.width, frame.height, path)
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    if turns:
        pixels = np.rot90(pixels, turns)
    return np.ascontiguousarray(pixels) if size is None else resized(pixels, size)


def _stacked(taken: list[Pixels], path: Path) -> Pixels:
    sizes = {pixels.shape[:2] for pixels in taken}
    if len(sizes) > 1:
        raise DataError("video-unreadable", path, f"its pictures change their size, {sorted(sizes)}; give a size")
    return np.stack(taken)


def _nothing(path: Path, start_seconds: float) -> DataError:
    if start_seconds:
        return DataError(
            "video-ends-before", path, f"has nothing from second {start_seconds:g} on; is it the whole video?"
        )
    return DataError("video-unreadable", path, "not one picture can be decoded; get it again")


def _sound_frames(container: Any, stream: Any, origin: Fraction) -> Iterator[Any]:
    """What sounds from ``origin`` on, and at the end None, for which a resampler gives what it holds."""
    early = True
    for frame in container.decode(stream):
        before = 0
        if early and frame.pts is not None:
            before = math.ceil((origin - frame.pts * frame.time_base) * frame.sample_rate)
        early = before >= frame.samples
        if not early:
            yield _from_sample(frame, before) if before > 0 else frame
    yield None


def _from_sample(frame: Any, before: int) -> Any:
    """A frame of sound without its first samples."""
    array = frame.to_ndarray()  # (channels, samples), or (1, samples * channels) where they are interleaved
    start = before if frame.format.is_planar else before * frame.layout.nb_channels
    rest = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(array[:, start:]), format=frame.format.name, layout=frame.layout.name
    )
    rest.sample_rate = frame.sample_rate
    return rest
