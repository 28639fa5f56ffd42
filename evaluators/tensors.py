"""Tensors as torch pickles them, read without torch; no code of a file runs. `tensor_writing` writes them.

``pickle.dump(tensor)`` writes a call of ``torch._utils._rebuild_tensor_v2`` with the tensor's storage, where its first number
stands in it, its shape and its strides. The storage is a call of ``torch.storage._load_from_bytes`` with what ``torch.save``
wrote of it: see `torch_files`. numpy arrays are calls and states of their own, which have nothing dangerous either.

Source: torch/_tensor.py ``__reduce_ex__``, torch/storage.py ``__reduce__``, torch/_utils.py; numpy ``ndarray.__reduce_ex__``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from .errors import DataError
from .pickles import Budget, Builder, Machine, Made, Name
from .tensor_writing import MAX_BYTES, encode_tensor, strides_of
from .torch_files import BFLOAT16, MAGIC, Storage, is_zip, read_legacy, read_zip, whole

Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["LARGEST", "MAX_BYTES", "encode_tensor", "read_tensor"]
LARGEST = MAX_BYTES + (1 << 14)  # of a file
_MEMORY = 4 * MAX_BYTES
_LOAD = 1 << 16  # what a nested file costs besides its bytes
_MOST_AXES, _MOST_PARTS = 16, 1000
_CODES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
_TENSOR_TYPES = {"torch.uint16": "u2", "torch.uint32": "u4", "torch.uint64": "u8"}  # without a storage of their own
_NAMES = frozenset({"numpy.ndarray", *_TENSOR_TYPES})  # what may be mentioned and not called


@dataclass(frozen=True)
class _Tensor:
    """Where numbers stand in a storage. Nothing is checked before they are taken out: only then the storage is filled."""

    storage: Storage
    code: str
    offset: Any
    shape: Any
    strides: Any


@dataclass(eq=False)
class _NumpyType(Made):
    code: str
    order: str = "<"

    def complete(self, state: Any) -> None:
        self.order = ">" if state[1] == ">" else "<"


@dataclass(eq=False)
class _NumpyArray(Made):
    tensor: _Tensor | None = None

    def complete(self, state: Any) -> None:
        _, shape, kind, by_columns, content = state
        self.tensor = _numpy_tensor(content, kind, shape, "F" if by_columns else "C")


def read_tensor(data: bytes, name: str) -> Array:
    """The numbers of a pickled tensor, of one that ``torch.save`` wrote, or of a pickled numpy array.

    bool, integers, or floats (bfloat16 becomes float32) in native byte order, rows first, of any shape. A list of them that
    have one shape and type becomes an array with one axis more. ``name`` is for messages. Files of up to 64 MiB.
    Raises ``DataError``: ``unsafe-pickle``, ``pickle-damaged``, ``pickle-too-large``, ``no-tensor``.
    """
    if len(data) > LARGEST:
        raise DataError(
            "pickle-too-large", name, f"has {len(data)} bytes, at most {LARGEST} are read; is it a log-mel?"
        )
    budget = Budget(name, _MEMORY)
    try:
        return _numbers(_saved(data, budget, _builders(budget)), budget)
    except DataError:
        raise
    except Exception as error:  # of pickletools, zipfile, numpy and the builders, for damaged files
        found = f"it begins with {data[:16]!r}" if data else "it is empty"
        why = " ".join(str(error).split())[:120] or type(error).__name__
        message = f"is no pickle of a tensor, or a damaged one ({why}; {found}); get it again"
        raise DataError("pickle-damaged", name, message) from None


def _saved(data: bytes | bytearray, budget: Budget, builders: Mapping[str, Builder]) -> Any:
    """What a file of ``torch.save``, or a plain pickle, holds."""
    if is_zip(data):
        return read_zip(data, budget, builders, _NAMES)
    stream = BytesIO(data)
    root = Machine(budget, builders, _NAMES).read(stream)
    return read_legacy(stream, budget, builders, _NAMES) if isinstance(root, int) and root == MAGIC else root


def _builders(budget: Budget) -> Mapping[str, Builder]:
    """What is done for each function that a pickled tensor or array calls."""

    def load(content: Any) -> Storage:
        budget.spend(_LOAD + len(_octets(content)))
        root = _saved(content, budget, {})
        if not isinstance(root, Storage):
            raise ValueError("what it nests is no storage")
        return root

    def encode(text: str, encoding: str) -> bytes:  # how protocols 0 to 2 write bytes
        budget.spend(len(text))
        return text.encode({"latin1": "latin-1"}[encoding])

    numpy = {
        f"numpy.{core}.{name}": builder
        for core in ("core", "_core")
        for name, builder in (
            ("multiarray._reconstruct", lambda kind, shape, code: _NumpyArray()),
            ("numeric._frombuffer", lambda *state: _NumpyArray(_numpy_tensor(*state))),
        )
    }
    return {
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_tensor_v3": _typed_tensor,
        "torch._utils._rebuild_parameter": lambda tensor, *more: tensor,
        "torch.storage._load_from_bytes": load,
        "collections.OrderedDict": lambda: {},
        "_codecs.encode": encode,
        "numpy.dtype": lambda code, *more: _NumpyType(code),
        **numpy,
    }


def _octets(value: Any) -> bytes | bytearray:
    if not isinstance(value, bytes | bytearray):
        raise ValueError(f"a {type(value).__name__} stands where bytes belong")
    return value


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any = False, hooks: Any = None, metadata: Any = None
) -> _Tensor:
    if not isinstance(storage, Storage) or metadata:
        raise ValueError("a tensor has no storage, or is conjugated or negated")
    return _Tensor(storage, storage.code, offset, shape, strides)


def _typed_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, kind: Any, metadata: Any = None
) -> _Tensor:
    if not isinstance(storage, Storage) or not isinstance(kind, Name) or metadata:
        raise ValueError("a tensor has no storage or no type")
    return _Tensor(storage, _TENSOR_TYPES[kind.text], offset, shape, strides)


def _numpy_tensor(content: Any, kind: Any, shape: Any, order: Any) -> _Tensor | None:
    """An array, as if it were a tensor whose storage it fills; None for one of objects, text or records."""
    if not isinstance(kind, _NumpyType) or not isinstance(kind.code, str) or kind.code not in _CODES:
        return None
    lengths = _lengths(shape)
    if len(_octets(content)) != math.prod(lengths) * int(kind.code[1]):
        raise ValueError(f"an array of {lengths} {kind.code} has {len(content)} bytes")
    strides = strides_of(lengths) if order == "C" else strides_of(lengths[::-1])[::-1]
    return _Tensor(Storage(kind.code, math.prod(lengths), content, kind.order), kind.code, 0, lengths, strides)


def _lengths(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) > _MOST_AXES:
        raise ValueError(f"has no shape and strides of up to {_MOST_AXES} axes")
    return tuple(map(whole, value))


def _numbers(root: Any, budget: Budget) -> Array:
    """The array of a tensor, or of a list of tensors."""
    if found := _as_tensor(root):
        return _values(found, budget)
    listed = isinstance(root, list | tuple) and len(root) <= _MOST_PARTS
    parts = [_as_tensor(part) for part in root] if listed else []
    tensors = [part for part in parts if part]
    if tensors and len(tensors) == len(parts):
        if len({(_lengths(part.shape), part.code) for part in tensors}) > 1:
            raise DataError("no-tensor", budget.where, f"holds {len(tensors)} tensors of several shapes, expected one")
        return np.stack([_values(part, budget) for part in tensors])
    size = f" of {len(root)}" if isinstance(root, list | tuple | dict | str | bytes) else ""
    message = f"holds {type(root).__name__.lstrip('_')}{size}, expected a tensor of numbers; is it a log-mel?"
    raise DataError("no-tensor", budget.where, message)


def _as_tensor(value: Any) -> _Tensor | None:
    return value.tensor if isinstance(value, _NumpyArray) else value if isinstance(value, _Tensor) else None


def _values(tensor: _Tensor, budget: Budget) -> Array:
    """Numbers out of a storage, by numpy, which also sees that none lies outside."""
    shape, strides = _lengths(tensor.shape), _lengths(tensor.strides)
    kind = np.dtype(tensor.storage.order + tensor.code.replace(BFLOAT16, "u2"))
    size = kind.itemsize
    if math.prod(shape) * size > MAX_BYTES:
        raise DataError("pickle-too-large", budget.where, f"is of {shape}, at most {MAX_BYTES} bytes are read")
    budget.spend(2 * math.prod(shape) * size)
    if 0 in shape:
        return np.empty(shape, kind.newbyteorder("="))
    if len(strides) != len(shape):
        raise ValueError(f"a tensor of {shape} has strides {strides}")
    last = whole(tensor.offset) + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if (last + 1) * size > tensor.storage.size:
        raise ValueError(f"a tensor of {shape} needs {last + 1} numbers, its storage has {tensor.storage.count}")
    steps = [stride * size for stride in strides]
    found: Array = np.ndarray(shape, kind, tensor.storage.content, tensor.offset * size, steps)
    found = found.astype(kind.newbyteorder("="), order="C")
    if tensor.code == BFLOAT16:
        return np.asarray(found.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(found.view(np.uint8) != 0) if kind == np.bool_ else found
