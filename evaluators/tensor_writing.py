"""Arrays written as torch pickles its tensors, without torch: for loaders that read log-mels with plain ``pickle``.

The form is told in `tensors`, which reads it. Opcodes: CPython, Lib/pickletools.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .torch_files import MAGIC, VERSION

Array = np.ndarray[Any, np.dtype[Any]]

MAX_BYTES = 1 << 26  # of the numbers in a file; a published log-mel has 123 thousand
_TYPE_SIZES = {"short": 2, "int": 4, "long": 4}  # as torch writes them on every machine


def encode_tensor(array: Array) -> bytes:
    """A pickle that plain ``pickle`` with torch installed reads as the equal float32 tensor on the CPU.

    ``array``: float32, any shape, at most ``MAX_BYTES``. Protocol 3, which the official scripts wrote under Python 3.7;
    the same array gives the same bytes everywhere. Raises ``ValueError`` for other arrays.
    """
    if array.dtype != np.float32 or array.nbytes > MAX_BYTES:
        raise ValueError(
            f"encode_tensor: found {array.shape} {array.dtype}, expected float32 of at most {MAX_BYTES} bytes"
        )
    storage = _encode_storage(np.ascontiguousarray(array, "<f4").tobytes(), array.size)
    load = _global("torch.storage._load_from_bytes") + b"B" + len(storage).to_bytes(4, "little") + storage + b"\x85R"
    hooks = _global("collections.OrderedDict") + b")R"
    shape, strides = (_tuple(map(_int, lengths)) for lengths in (array.shape, strides_of(array.shape)))
    return (
        b"\x80\x03"
        + _global("torch._utils._rebuild_tensor_v2")
        + _tuple([load, _int(0), shape, strides, b"\x89", hooks])
        + b"R."
    )


def strides_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Numbers from one place to the next along each axis, of an array without gaps, rows first."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _encode_storage(content: bytes, count: int) -> bytes:
    """What legacy ``torch.save`` writes of a FloatStorage: five pickles of protocol 2, then the count and the numbers."""
    sizes = b"}(" + b"".join(_text(key) + _int(value) for key, value in _TYPE_SIZES.items()) + b"u"
    facts = b"}(" + _text("protocol_version") + _int(VERSION) + _text("little_endian") + b"\x88"
    facts += _text("type_sizes") + sizes + b"u"
    key = _text("0")
    name = _tuple([_text("storage"), _global("torch.FloatStorage"), key, _text("cpu"), _int(count), b"N"]) + b"Q"
    magic = b"\x8a\x0a" + MAGIC.to_bytes(10, "little")
    pickles = b"".join(b"\x80\x02" + part + b"." for part in (magic, _int(VERSION), facts, name, b"](" + key + b"e"))
    return pickles + count.to_bytes(8, "little") + content


def _int(value: int) -> bytes:
    return b"J" + value.to_bytes(4, "little", signed=True)


def _text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode("ascii")


def _global(name: str) -> bytes:
    module, _, last = name.rpartition(".")
    return f"c{module}\n{last}\n".encode("ascii")


def _tuple(items: Iterable[bytes]) -> bytes:
    return b"(" + b"".join(items) + b"t"
