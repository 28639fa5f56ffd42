"""Array files, ``.npy`` and ``.npz``, read without trusting them.

The header is checked before anything is allocated, and parsed with three patterns: what they don't know (objects, records,
text) is refused, so that a file can't run code. Format: numpy/lib/format.py, versions 1 to 3.
"""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from typing import Any

import numpy as np

from .errors import DataError
from .masks import MAX_PIXELS, decode_png

Array = np.ndarray[Any, np.dtype[Any]]

MAX_BYTES = 1 << 30  # of an array; ten frames of 71 categories at 512 x 512 are 0.7 of it
_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_TYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_DESCR = re.compile(r"""["']descr["']\s*:\s*(?:["']([<>|=]?)([^"']*)["']|(\[))""")
_ORDER = re.compile(r"""["']fortran_order["']\s*:\s*(True|False)""")
_SHAPE = re.compile(r"""["']shape["']\s*:\s*\(((?:[0-9]+\s*,\s*)*[0-9]*)\s*\)""")
_AGAIN = "save it again with numpy.save"


def stored(data: bytes, name: str) -> tuple[Array, str]:
    """The numbers in a prediction file, and its form: see ``masks.decode_png``, or like "float32 .npy" for arrays."""
    if name[-4:].lower() == ".png":
        return decode_png(data, name, "pred")
    values = decode_array(data, name)
    return values, f"{values.dtype} {name[-4:].lower()}"


def decode_array(data: bytes, name: str) -> Array:
    """The array of an ``.npy`` file, or of an ``.npz`` file with one array.

    bool, integers, float32 or float64 (float16 becomes float32), native byte order, rows first; (height, width),
    (frames or channels, height, width), or (frames, channels, height, width). Read-only.
    Raises ``DataError``: ``pred-unreadable``, ``pred-too-large``, ``pred-dtype``, ``pred-shape``, ``pred-ambiguous``.
    """
    return _from_zip(data, name) if name[-4:].lower() == ".npz" else _from_npy(data, len(data), name)


def _from_zip(data: bytes, name: str) -> Array:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            member = _only_member(archive, name)
            with archive.open(member) as stream:
                start = stream.read(min(member.file_size, 12 + _LONGEST_HEADER))
                _header(start, member.file_size, name)
                content = start + stream.read(member.file_size - len(start))
    except DataError:
        raise
    except Exception as error:  # of zipfile and zlib, for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError("pred-unreadable", name, f"is a damaged .npz ({reason}); {_AGAIN}") from None
    return _from_npy(content, len(content), name)


def _only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1:
        some = ", ".join(repr(member.filename[:40]) for member in members[:5])
        raise DataError("pred-ambiguous", name, f"holds {len(members)} arrays ({some}), expected one; save only that")
    if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError("pred-unreadable", name, "is compressed in a way that numpy doesn't write; save it again")
    if members[0].file_size > MAX_BYTES + _LONGEST_HEADER:
        found = f"unpacks to {members[0].file_size} bytes, at most {MAX_BYTES} are read"
        raise DataError("pred-too-large", name, f"{found}; save a file per frame")
    return members[0]


def _from_npy(data: bytes, size: int, name: str) -> Array:
    kind, shape, fortran, start = _header(data, size, name)
    count = 1
    for length in shape:
        count *= length
    values: Array = np.frombuffer(data, kind, count, start)
    if kind == np.bool_ and values.size and values.view(np.uint8).max() > 1:
        raise DataError("pred-unreadable", name, f"is damaged: a bool array holds other bytes than 0 and 1; {_AGAIN}")
    wanted = np.dtype(np.float32) if kind == np.float16 else kind.newbyteorder("=")
    values = values.astype(wanted, copy=False).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(values)


def _header(data: bytes, size: int, name: str) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Type, shape, whether columns come first, and where the numbers start; ``size`` is the whole file's."""
    text, start = _header_text(data, name)
    types, orders, shapes = (pattern.findall(text) for pattern in (_DESCR, _ORDER, _SHAPE))
    if not len(types) == len(orders) == len(shapes) == 1:
        raise DataError("pred-unreadable", name, f"has a damaged .npy header; {_AGAIN}")
    kind = _type(types[0], name)
    lengths = tuple(int(length.strip()[:20]) for length in shapes[0].split(",") if length.strip())
    _check_shape(lengths, kind, name)
    expected = start + int(np.prod(lengths, dtype=np.int64)) * kind.itemsize
    if size < expected:
        raise DataError("pred-unreadable", name, f"is cut off: {size} bytes of {expected}; {_AGAIN}")
    return kind, lengths, orders[0] == "True", start


def _header_text(data: bytes, name: str) -> tuple[str, int]:
    """The header, and where it ends. Two bytes give its length in version 1, four in versions 2 and 3."""
    if data[:6] != _MAGIC or len(data) < 12 or data[6] not in (1, 2, 3):
        found = f"it begins with {data[:16]!r}" if data else "it is empty"
        raise DataError("pred-unreadable", name, f"is no .npy array, {found}; {_AGAIN}")
    begin = 10 if data[6] == 1 else 12
    end = begin + int.from_bytes(data[8:begin], "little")
    if end > min(len(data), begin + _LONGEST_HEADER):
        raise DataError("pred-unreadable", name, f"has a damaged .npy header of {end - begin} bytes; {_AGAIN}")
    return data[begin:end].decode("latin-1"), end


def _type(found: tuple[str, str, str], name: str) -> np.dtype[Any]:
    order, code, record = found
    if record or code not in _TYPES:
        what = "Python objects, which could run a program" if code[:1] == "O" else "no plain numbers"
        raise DataError("pred-dtype", name, f"holds {what}; save bool, integers or floats of up to 8 bytes")
    return np.dtype(order.replace("|", "") + code)


def _check_shape(lengths: tuple[int, ...], kind: np.dtype[Any], name: str) -> None:
    if not 2 <= len(lengths) <= 4 or 0 in lengths:
        raise DataError(
            "pred-shape", name, f"found {lengths}, expected (height, width), at most (frames, channels, height, width)"
        )
    size = kind.itemsize
    for length in lengths:
        size *= length
    if lengths[-1] * lengths[-2] > MAX_PIXELS or size > MAX_BYTES:
        found = f"the header says {' x '.join(map(str, lengths))} numbers of {kind.itemsize} bytes"
        limits = f"at most {MAX_PIXELS} pixels a frame and {MAX_BYTES} bytes a file are read"
        raise DataError("pred-too-large", name, f"{found}, {limits}; save a file per frame")
