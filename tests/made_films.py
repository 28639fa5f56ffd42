"""Films for tests: pictures of one grey each, so that a number tells which it is, and any sound, all without loss."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

Samples = np.ndarray[Any, np.dtype[np.int16]]
RATE = 16_000


def write_film(
    path: Path,
    times: Sequence[float] = (),
    sound: Samples | None = None,
    *,
    fps: int | Fraction = 10,
    size: tuple[int, int] = (12, 16),
    rate: int = RATE,
) -> Path:
    """Picture ``n`` (grey ``n``, white top row) is shown from ``times[n]`` seconds on; ``sound`` is int16 (samples,) or (2, samples).

    In Matroska, to the millisecond.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="matroska") as container:
        pictures = _picture_stream(container, fps, size) if len(times) else None
        track = container.add_stream("pcm_s16le", rate=rate) if sound is not None else None
        if track is not None:
            track.layout = "mono" if sound is None or sound.ndim == 1 else "stereo"
        for number, at in enumerate(times):
            assert pictures is not None
            _mux(container, pictures, _picture(number, at, size))
        if track is not None and sound is not None:
            for start in range(0, sound.shape[-1], rate // 10):
                _mux(container, track, _sound(sound[..., start : start + rate // 10], start, rate))
        for stream in filter(None, (pictures, track)):
            _mux(container, stream, None)
    return path


def at_rate(fps: float, count: int) -> list[float]:
    """Times of ``count`` pictures at a constant rate."""
    return [number / fps for number in range(count)]


def _picture_stream(container: Any, fps: int | Fraction, size: tuple[int, int]) -> Any:
    stream = container.add_stream("ffv1", rate=fps)
    stream.height, stream.width = size
    stream.pix_fmt = "bgr0"
    stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _picture(number: int, at: float, size: tuple[int, int]) -> Any:
    pixels = np.full((*size, 3), number, np.uint8)
    pixels[0] = 255
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
    return frame


def _sound(samples: Samples, start: int, rate: int) -> Any:
    interleaved = np.ascontiguousarray(samples.T).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout="mono" if samples.ndim == 1 else "stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame


def _mux(container: Any, stream: Any, frame: Any) -> None:
    for packet in stream.encode(frame):
        container.mux(packet)
