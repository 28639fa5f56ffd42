"""Tensors as torch pickles them, written and read without torch.

``pickle.dump(tensor)`` writes a call of ``torch._utils._rebuild_tensor_v2`` with the tensor's storage, where its first number
stands in it, its shape and its strides. The storage is a call of ``torch.storage._load_from_bytes`` with what ``torch.save``
wrote of it in its legacy form: a magic number, a version, facts about the machine, the storage's name, then its numbers.

Source: torch/_tensor.py ``__reduce_ex__``, torch/storage.py ``__reduce__``, torch/serialization.py ``_legacy_save``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

MAX_BYTES = 1 << 26  # of a file, and of the numbers in it; a published log-mel has 123 thousand
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
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
    strides = [int(np.prod(array.shape[axis + 1 :], dtype=np.int64)) for axis in range(array.ndim)]
    storage = _encode_storage(np.ascontiguousarray(array, "<f4").tobytes(), array.size)
    load = _global("torch.storage", "_load_from_bytes") + b"B" + len(storage).to_bytes(4, "little") + storage + b"\x85R"
    hooks = _global("collections", "OrderedDict") + b")R"
    arguments = [load, _int(0), _tuple(map(_int, array.shape)), _tuple(map(_int, strides)), b"\x89", hooks]
    return b"\x80\x03" + _global("torch._utils", "_rebuild_tensor_v2") + _tuple(arguments) + b"R."


def _encode_storage(content: bytes, count: int) -> bytes:
    """What legacy ``torch.save`` writes of a FloatStorage: five pickles of protocol 2, then the count and the numbers."""
    sizes = b"}(" + b"".join(_text(key) + _int(value) for key, value in _TYPE_SIZES.items()) + b"u"
    facts = b"}(" + _text("protocol_version") + _int(_VERSION) + _text("little_endian") + b"\x88"
    facts += _text("type_sizes") + sizes + b"u"
    key = _text("0")
    name = _tuple([_text("storage"), _global("torch", "FloatStorage"), key, _text("cpu"), _int(count), b"N"]) + b"Q"
    magic = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little")
    pickles = b"".join(b"\x80\x02" + part + b"." for part in (magic, _int(_VERSION), facts, name, b"](" + key + b"e"))
    return pickles + count.to_bytes(8, "little") + content


def _int(value: int) -> bytes:
    return b"J" + int(value).to_bytes(4, "little", signed=True)


def _text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode("ascii")


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode("ascii")


def _tuple(items: Iterable[bytes]) -> bytes:
    return b"(" + b"".join(items) + b"t"


def read_tensor(data: bytes, name: str) -> Array:
    """The numbers of a pickled tensor. Being written."""
    raise NotImplementedError
