"""A short way through PNGs of one byte a pixel: the palette PNGs of label maps, the grey ones of masks and soft masks.

Most of the time of scoring would otherwise go into inflating them. The bytes are inflated at once by a faster library than
Pillow has; rows stored as they are need no more, and differences from neighbouring pixels are added up by Pillow's own decoder.
Whatever is unusual (another depth, interlacing, a wrong checksum, too few or too many bytes)
is left to Pillow, which decides what the file is; so this changes no result.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from isal import isal_zlib
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]
_FORMS = (b"\x08\x03\0\0\0", b"\x08\0\0\0\0")  # 8 bits, palette or grey, deflated, no interlacing
_BLOCK = (1 << 16) - 1  # bytes of a stored block of deflate


def decode_rows(data: bytes, width: int, height: int) -> Array | None:
    """``uint8`` (height, width) of a palette or grey PNG with one byte a pixel; None where Pillow has to look.

    The caller has checked signature and header, and that ``width * height`` may be allocated.
    """
    if data[24:29] not in _FORMS:
        return None
    packed = _image_data(data)
    if packed is None:
        return None
    stride, inflate = width + 1, isal_zlib.decompressobj()
    try:
        unpacked = inflate.decompress(packed, stride * height + 1)
    except isal_zlib.error:  # type: ignore[misc]
        return None
    if len(unpacked) != stride * height or not inflate.eof:
        return None
    rows = np.frombuffer(unpacked, np.uint8).reshape(height, stride)  # the first byte of a row is its filter
    if not rows[:, 0].any():
        return np.array(rows[:, 1:])
    return _by_pillow(unpacked, width, height)


def _image_data(data: bytes) -> bytes | None:
    """All IDAT chunks as one; None where a chunk is damaged."""
    parts, place = [], 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data) or zlib.crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return None
        if kind == b"IDAT":
            parts.append(data[place + 8 : end - 4])
        elif kind == b"IEND":
            return b"".join(parts)
        place = end
    return None


def _by_pillow(unpacked: bytes, width: int, height: int) -> Array | None:
    """Rows of any filters as pixels: Pillow's decoder, given the bytes in a stream that needs no inflating."""
    blocks = [unpacked[start : start + _BLOCK] for start in range(0, len(unpacked), _BLOCK)]
    stream = [b"\x78\x01"]
    for number, block in enumerate(blocks, 1):
        stream += [struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ _BLOCK), block]
    stream.append(isal_zlib.adler32(unpacked).to_bytes(4, "big"))
    try:
        image = Image.frombytes("L", (width, height), b"".join(stream), "zip", "L", 0)
    except (ValueError, OSError):
        return None
    return np.frombuffer(image.tobytes(), np.uint8).reshape(height, width)
