"""One array in the safetensors format, written and read without its library.

Eight bytes give the length of a header, little-endian; the header is JSON: for each tensor its type, shape, and where its
bytes begin and end after the header; spaces fill it up to eight bytes. Then the numbers, little-endian, rows first.

Source: the format section of the safetensors README.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from .errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]

_LONGEST_HEADER = 1 << 20
_TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


def encode_safetensors(array: Array, key: str) -> bytes:
    """A file of one float32 array; the same array gives the same bytes. Raises ``ValueError`` for other types."""
    if array.dtype != np.float32:
        raise ValueError(f"encode_safetensors: found {array.shape} {array.dtype}, expected float32")
    entry = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [0, array.nbytes]}
    header = json.dumps({key: entry}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + np.ascontiguousarray(array, "<f4").tobytes()


def decode_safetensors(data: bytes, name: str, key: str) -> Array:
    """The floats under ``key``, or the file's only tensor; their own type in native byte order, any shape.

    ``name`` is for messages. Raises ``DataError``: ``safetensors-damaged``, ``no-tensor``.
    """
    try:
        entries, start = _header(data)
        wanted = entries[key] if key in entries or len(entries) != 1 else next(iter(entries.values()))
        kind, shape = np.dtype(_TYPES[wanted["dtype"]]), tuple(map(_count, wanted["shape"]))
        begin, end = map(_count, wanted["data_offsets"])
    except KeyError as error:
        keys = f"holds no floats under {key!r} (found no {str(error)[:40]})"
        raise DataError("no-tensor", name, f"{keys}, expected one log-mel; save it anew") from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise DataError("safetensors-damaged", name, "has a damaged header; save it anew") from None
    if end - begin != math.prod(shape) * kind.itemsize or start + end > len(data):
        found = f"{shape} {wanted['dtype']} at bytes {begin} to {end} of {len(data) - start}"
        raise DataError("safetensors-damaged", name, f"is cut off or damaged: {found}; save it anew")
    values: Array = np.frombuffer(data, kind, math.prod(shape), start + begin)
    return values.reshape(shape).astype(kind.newbyteorder("="))


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """Entries by key, and where the numbers begin."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_LONGEST_HEADER, len(data) - 8):
        raise ValueError("the header is longer than the file")
    entries = json.loads(data[8 : 8 + length].decode("utf-8"))
    entries.pop("__metadata__", None)
    return entries, 8 + length


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise ValueError("no count")
    return value
