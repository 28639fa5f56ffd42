"""Mask files: the only place that knows how a mask is encoded.

A label map is ``uint8``, shape (height, width): 0 background, 255 void, else a category. On disk it is a
palette PNG in the PASCAL VOC colours, so that it can be looked at and still holds the integers.

Files of others come in every form that PNG has; :func:`decode_png` gives the stored numbers, and never a colour's
luminance where an index was meant, nor 8 bits of 16.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .categories import voc_colour
from .errors import DataError
from .files import atomic_write
from .png_rows import decode_rows

if TYPE_CHECKING:
    from .ground_truth import GroundTruth

Array = np.ndarray[Any, np.dtype[Any]]

MAX_PIXELS = 50_000_000
STRAY = 0.001  # share of pixels that may be neither of a gt mask's two values, or of no category's colour
PALETTE, RGB = "palette", "RGB"  # forms of a PNG; grey ones are "1-bit", "2-bit", "4-bit", "8-bit", "16-bit"
_DEFLATE = 1032  # bytes that one compressed byte can hold, at most
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR, _INDEXED, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6  # colour types of PNG


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


def decode_png(data: bytes, name: str, whose: str) -> tuple[Array, str]:
    """The numbers that a PNG stores, and its form.

    Grey: ``uint8`` (``uint16`` for 16 bits), (height, width), values 0 to 2**bits - 1; ``PALETTE``: indices, ``uint8``;
    ``RGB``: ``uint8`` (height, width, 3). An alpha channel is dropped where it is opaque everywhere.
    Raises ``DataError``: ``<whose>-unreadable``, ``-too-large`` (told from the header, nothing is allocated), ``-mode``.
    """
    width, height, depth, colour = _header(data, name, whose)
    if width * height > MAX_PIXELS:
        found = f"the header says {width} x {height} pixels, at most {MAX_PIXELS} are read"
        raise DataError(f"{whose}-too-large", name, f"{found}; check the file")
    if width * height * depth > 8 * _DEFLATE * len(data):  # Pillow would fill up with 0
        raise DataError(
            f"{whose}-unreadable", name, f"is cut off, {len(data)} bytes can't hold {width} x {height} pixels"
        )
    if depth == 16 and colour != _GREY:
        raise DataError(f"{whose}-mode", name, "found colours or alpha of 16 bits, expected 8; save one grey channel")
    rows = decode_rows(data, width, height)
    if rows is not None:
        return rows, PALETTE if colour == _INDEXED else "8-bit"
    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as image:
            values: Array = np.asarray(image)
    except Exception as error:  # Pillow raises nearly everything for damaged files
        raise DataError(f"{whose}-unreadable", name, f"is a damaged PNG ({_line(error)}); write it again") from None
    if colour in (_GREY_ALPHA, _COLOUR_ALPHA):
        values = _without_alpha(values, name, whose)
    return _stored(values, depth, colour)


def _header(data: bytes, name: str, whose: str) -> tuple[int, int, int, int]:
    """Width, height, bits and colour type."""
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 26:
        found = f"is no PNG, it begins with {data[:16]!r}" if data else "is empty"
        raise DataError(f"{whose}-unreadable", name, f"{found}; write it again")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if not width or not height:
        raise DataError(f"{whose}-unreadable", name, f"has {width} x {height} pixels; write it again")
    return width, height, depth, colour


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _without_alpha(values: Array, name: str, whose: str) -> Array:
    if (values[..., -1] != 255).any():
        expected = "expected grey, palette or RGB; save what was predicted without alpha"
        raise DataError(f"{whose}-mode", name, f"found an alpha channel that isn't opaque, {expected}")
    return values[..., 0] if values.shape[-1] == 2 else values[..., :3]


def _stored(values: Array, depth: int, colour: int) -> tuple[Array, str]:
    """What Pillow gives, as the numbers in the file."""
    if colour in (_COLOUR, _COLOUR_ALPHA):
        return values, RGB
    if colour == _INDEXED:
        return values.view(np.uint8), PALETTE
    if depth == 16:
        return values.astype(np.uint16), "16-bit"
    if depth == 1:
        return values.view(np.uint8) & np.uint8(1), "1-bit"  # Pillow gives bool whose bytes are 255
    if depth < 8:
        values = values // np.uint8(255 // (2**depth - 1))  # Pillow widens to 0..255
    return values, f"{depth}-bit"


def png_palette(data: bytes) -> bytes:
    """Red, green, blue of each index, of a palette PNG that :func:`decode_png` could read."""
    start = data.find(b"PLTE")
    return data[start + 4 : start + 4 + int.from_bytes(data[start - 4 : start], "big")] if start > 0 else b""


def brightness(colours: Array) -> Array:
    """The brightest channel of each pixel: 0 only where a pixel is black. ``uint8`` (height, width, 3) to (height, width)."""
    brightest: Array = np.maximum(np.maximum(colours[..., 0], colours[..., 1]), colours[..., 2])
    return brightest


def indices_by_colour(values: Array, colours: Mapping[tuple[int, int, int], int]) -> tuple[Array, Array]:
    """Label map, ``uint8``, and which pixels have a colour of no category (0 in the map), bool, both (height, width).

    ``values``: ``uint8`` (height, width, 3).
    """
    wide = values.astype(np.uint32)
    codes = (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel()
    starts = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1])  # runs of one colour
    lengths = np.diff(starts, append=len(codes))
    table = sorted((red << 16 | green << 8 | blue, label) for (red, green, blue), label in colours.items())
    known = np.array([code for code, _ in table], np.uint32)
    places = np.minimum(np.searchsorted(known, codes[starts]), len(known) - 1)
    unknown = known[places] != codes[starts]
    labels = np.array([label for _, label in table], np.uint8)[places]
    labels[unknown] = 0
    shape = values.shape[:2]
    return np.repeat(labels, lengths).reshape(shape), np.repeat(unknown, lengths).reshape(shape)


def labels_of_colours(values: Array, colours: Mapping[tuple[int, int, int], int], name: str, whose: str) -> Array:
    """Label map, ``uint8`` (height, width), of an RGB one.

    Up to ``STRAY`` of the pixels may have a colour of no category; they become background, as in the official loader
    (avss/dataloader.py). Raises ``DataError`` ``<whose>-palette`` for more: such a file was resized or compressed.
    """
    labels, unknown = indices_by_colour(values, colours)
    strays = int(np.count_nonzero(unknown))
    if strays > STRAY * unknown.size:
        colour = "#{:02x}{:02x}{:02x}".format(*values[unknown][0])
        found = f"{strays} of {unknown.size} pixels have a colour of no category, the first {colour}"
        raise DataError(f"{whose}-palette", name, f"{found}; save labels without resizing or compressing colours")
    return labels


def decode_gt(data: bytes, name: str, gt: GroundTruth) -> Array:
    """A ground truth's PNG as ``uint8`` (height, width).

    Masks: 0 and 1, from any form with two values (0/1, 0/255, palette, RGB; black is 0). Up to ``STRAY`` of the pixels may
    lie between, and count from the half up; more are a soft mask, which isn't a ground truth. Labels: the stored values
    (``gt.values`` says what they stand for), or the index by ``gt.colours``.
    Raises ``DataError``: ``gt-unreadable``, ``gt-too-large``, ``gt-mode``, ``gt-soft``, ``gt-range``, ``gt-palette``.
    """
    values, form = decode_png(data, name, "gt")
    if gt.kind == "mask":
        return _two_values(brightness(values) if form == RGB else values, name)
    if form == RGB:
        if not gt.colours:
            raise DataError("gt-mode", name, "found RGB, expected label indices (palette or grey); convert it")
        return labels_of_colours(values, gt.colours, name, "gt")
    if values.dtype != np.uint8 and values.max() > 255:
        raise DataError("gt-range", name, f"found label {values.max()}, expected 0 to 255; is it a label map?")
    return values.astype(np.uint8, copy=False)


def _two_values(values: Array, name: str) -> Array:
    top = values.max()
    if top <= 1:
        return values.astype(np.uint8, copy=False)
    mask = values != 0
    strays = np.count_nonzero(mask) - np.count_nonzero(values == top)
    if strays > STRAY * values.size:
        found = f"{strays} of {values.size} pixels lie between 0 and {top}"
        raise DataError("gt-soft", name, f"{found}; a gt mask has two values (for label maps: --gt-kind labels)")
    two: Array = (values > top / 2 if strays else mask).view(np.uint8)
    return two
