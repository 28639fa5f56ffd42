"""Picture files, read safely, and what a network takes of them."""

from __future__ import annotations

import os
import stat
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators.errors import DataError
from evaluators.masks import MAX_PIXELS

from .batch import IMAGE_DEVIATION, IMAGE_MEAN

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Planes = np.ndarray[Any, np.dtype[np.float32]]

LARGEST = 256 << 20  # bytes of a file
_FACTOR = np.array([1 / (255 * deviation) for deviation in IMAGE_DEVIATION], np.float32)[:, None, None]
_SHIFT = np.array([mean / deviation for mean, deviation in zip(IMAGE_MEAN, IMAGE_DEVIATION, strict=True)], np.float32)


def normalised(pixels: Pixels) -> Planes:
    """(value / 255 - mean) / deviation: ``uint8`` (height, width, 3) -> float32 (3, height, width)."""
    planes = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    planes *= _FACTOR
    planes -= _SHIFT[:, None, None]
    return planes


def read_bytes(path: Path, whose: str) -> bytes:
    """A regular file of at most 256 MiB. Raises ``DataError``: ``<whose>-missing``, ``-unreadable``, ``-too-large``."""
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            raise DataError(f"{whose}-unreadable", path, "is a folder, a pipe or the like; expected a file")
        if info.st_size > LARGEST:
            raise DataError(f"{whose}-too-large", path, f"has {info.st_size} bytes, at most {LARGEST} are read")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{whose}-missing", path, "is not there; complete the dataset") from error
    except OSError as error:
        raise DataError(f"{whose}-unreadable", path, f"can't be read ({error.strerror})") from error


def read_picture(path: Path) -> Image.Image:
    """A JPEG or PNG as RGB, all of it decoded; EXIF's orientation is not applied, as masks belong to the pixels as stored.

    Raises ``DataError``: those of :func:`read_bytes`, ``image-unreadable`` (damaged, cut short, another format), ``image-too-large``.
    """
    content = read_bytes(path, "image")
    try:
        with Image.open(BytesIO(content), formats=("JPEG", "PNG")) as image:
            if image.width * image.height <= MAX_PIXELS:
                return image.convert("RGB")
            found = f"has {image.width} x {image.height} pixels, at most {MAX_PIXELS} are read; make it smaller"
    except Exception as error:  # Pillow raises nearly everything for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError("image-unreadable", path, f"is no readable JPEG or PNG ({reason}); get it again") from error
    raise DataError("image-too-large", path, found)
