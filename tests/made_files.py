"""Files of predictions and masks as bytes, good ones and such as nobody should write."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators.categories import voc_colour
from evaluators.ground_truth import GroundTruth, GtFrame, GtSample

GREYS = bytes(value for value in range(256) for _ in range(3))
VOC = bytes(channel for index in range(256) for channel in voc_colour(index))


def png(values: Any, palette: bytes = b"", mode: str = "") -> bytes:
    """uint8 or uint16 (height, width), bool for 1 bit, or (height, width, 2 to 4); a palette makes them indices."""
    array = np.asarray(values)
    image = Image.fromarray(array if array.dtype in (np.uint8, np.uint16, np.bool_) else array.astype(np.uint8))
    if palette:
        image.putpalette(palette)
    if mode:
        image = image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def raw_png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG of any header, with the scan lines as they come (each begins with its filter, 0)."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def npy_with_header(text: str, version: int = 1, content: bytes = b"") -> bytes:
    """An ``.npy`` file of any header."""
    header = text.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + content


def npz(compress: bool = True, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, **arrays)
    return stream.getvalue()


def zipped(**members: bytes) -> bytes:
    """A zip file of members that needn't be arrays."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def ground_truth(kind: str, *samples: GtSample, **more: Any) -> GroundTruth:
    return GroundTruth(Path("gt"), "plain", kind, samples, **more)


def video(name: str, frames: int = 5, padded: int = 0, folder: str = "") -> GtSample:
    """A video whose gt counts from 1, as S4 names it."""
    names = (f"{folder}{name}/{name}_{{}}", f"{name}/{name}_{{}}", f"{name}_{{}}", f"{name}/{{}}")
    made = tuple(GtFrame(k, f"{name}/{name}_{k + 1}.png", names=names) for k in range(frames))
    return GtSample(name, made, padded_frames=padded, names=(f"{folder}{name}", name))


def picture(name: str) -> GtSample:
    """A sample of one image."""
    return GtSample(name, (GtFrame(0, f"mask/{name}.png", names=(f"mask/{name}", name)),))
