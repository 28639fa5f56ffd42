"""Films out of pictures and sound: mp4 with H.264 and AAC, through FFmpeg's libraries (PyAV).

The same input gives the same bytes with the same build of FFmpeg on the same kind of processor; other versions may encode
otherwise, and a build without x264 writes MPEG-4 pictures.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np

from evaluators.files import atomic_write

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Sound = np.ndarray[Any, np.dtype[np.float32]]

QUALITY = {"crf": "20", "preset": "superfast", "tune": "animation"}  # of x264
MPEG4_BITS = 2_000_000  # a second
SOUND_BITS = 128_000


def write_film(path: Path, pictures: Iterable[Pixels], fps: int, sound: Sound, rate: int) -> None:
    """Write a film atomically.

    ``pictures``: ``uint8`` (height, width, 3), all of one size whose sides are even; ``fps`` of them make a second.
    ``sound``: ``float32`` (2, samples), 1.0 is full scale, louder is cut off; ``rate`` samples a second.
    Raises ValueError for other shapes.
    """
    if sound.ndim != 2 or sound.shape[0] != 2:
        raise ValueError(f"expected sound of shape (2, samples), found {sound.shape}")
    with atomic_write(path) as stream, av.open(stream, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        film, track = (
            _picture_stream(container, fps),
            container.add_stream("aac", rate=rate, options={"aac_coder": "fast"}),
        )
        track.bit_rate = SOUND_BITS
        track.layout = "stereo"
        _encode_pictures(container, film, pictures)
        container.mux(track.encode(_audio_frame(sound, rate)))
        container.mux(track.encode(None))


def _picture_stream(container: Any, fps: int) -> Any:
    try:
        av.codec.Codec("libx264", "w")
    except av.error.FFmpegError:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.bit_rate = MPEG4_BITS
    else:
        stream = container.add_stream("libx264", rate=fps, options=QUALITY)
    stream.pix_fmt = "yuv420p"
    stream.thread_count = 1  # more would make other bytes on other machines
    return stream


def _encode_pictures(container: Any, stream: Any, pictures: Iterable[Pixels]) -> None:
    size: tuple[int, ...] = ()
    for picture in pictures:
        if not size:
            size = picture.shape
            stream.height, stream.width = size[:2]
        if picture.shape != size or len(size) != 3 or size[2] != 3 or size[0] % 2 or size[1] % 2:
            raise ValueError(
                f"expected pictures (height, width, 3) of one size with even sides, found {picture.shape} after {size}"
            )
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    if not size:
        raise ValueError("expected at least 1 picture, found none")
    container.mux(stream.encode(None))


def _audio_frame(sound: Sound, rate: int) -> Any:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(np.clip(sound, -1, 1), np.float32), "fltp", "stereo")
    frame.sample_rate, frame.pts = rate, 0
    return frame
