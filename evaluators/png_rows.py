"""A short way through palette PNGs, the form of label maps, whose rows are stored as they are.

Most of the time of scoring label maps would otherwise go into inflating them. Whatever is unusual (another depth, interlacing,
filtered rows, a wrong checksum, too few or too many bytes) is left to Pillow, which decides what the file is; so this changes
no result.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from isal import isal_zlib

Array = np.ndarray[Any, np.dtype[Any]]


def decode_rows(data: bytes, width: int, height: int) -> Array | None:
    """``uint8`` (height, width) of a palette PNG with one byte a pixel; None where Pillow has to look.

    The caller has checked signature and header, and that ``width * height`` may be allocated.
    """
    if data[24:29] != b"\x08\x03\0\0\0":  # 8 bits, palette, deflated, no interlacing
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
    rows = np.frombuffer(unpacked, np.uint8).reshape(height, stride)
    return None if rows[:, 0].any() else np.array(rows[:, 1:])  # the first byte of a row is its filter


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
