"""Mask files: the only place that knows how a mask is encoded.

A label map is ``uint8``, shape (height, width): 0 background, 255 void, else a category. On disk it is a
palette PNG in the PASCAL VOC colours, so that it can be looked at and still holds the integers.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .categories import voc_colour
from .errors import DataError
from .files import atomic_write

MAX_PIXELS = 50_000_000


@cache
def _palette() -> bytes:
    return bytes(channel for index in range(256) for channel in voc_colour(index))


def encode_label_map(labels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """PNG bytes of a label map: palette mode, VOC colours, fastest compression (same bytes for same pixels)."""
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise ValueError(f"a label map is uint8 (height, width), not {labels.dtype} {labels.shape}")
    image = Image.fromarray(labels)
    image.putpalette(_palette())
    stream = BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def write_label_map(path: Path | str, labels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """Write a label map atomically; see :func:`encode_label_map`."""
    with atomic_write(path) as stream:
        stream.write(encode_label_map(labels))


def read_label_map(path: Path | str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Read a label map, ``uint8`` (height, width), from a palette or 8-bit grey PNG.

    Raises ``DataError``: ``mask-unreadable``, ``mask-mode`` (RGB and the like), ``mask-too-large``.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(
                    "mask-too-large", path, f"{image.width} x {image.height} pixels, at most {MAX_PIXELS} are read"
                )
            if image.mode not in ("P", "L"):
                raise DataError(
                    "mask-mode", path, f"found PNG mode {image.mode}, expected a palette or 8-bit grey label map"
                )
            return np.array(image, dtype=np.uint8)
    except DataError:
        raise
    except Exception as error:
        raise DataError("mask-unreadable", path, f"not a readable PNG ({error}); write the mask again") from error
