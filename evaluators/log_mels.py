"""Log-mel files: what AVSBench's audio network takes instead of sound.

``float32`` (examples, 1, 96, 64): an example is 0.96 s, 96 steps of 10 ms by 64 mel bands between 125 and 7500 Hz, natural
logarithm of (magnitude + 0.01); S4 and MS3 have 5 examples a video, AVSBench-semantic's v2 has 10. Published as pickled
torch tensors (``.pkl``); ``.npy``, and ``.safetensors`` with the key ``log_mel``, hold the same.

Source: VGGish front end (Hershey et al., ICASSP 2017); AVSBench f7414af, ``preprocess_scripts/preprocess_s4.py``.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import decode_array
from .errors import DataError
from .safe_tensors import decode_safetensors, encode_safetensors
from .tensors import LARGEST, encode_tensor, read_tensor

Array = np.ndarray[Any, np.dtype[Any]]

EXAMPLE = (1, 96, 64)  # channel, steps of 10 ms, mel bands
KEY = "log_mel"


def read_log_mel(path: Path | str) -> Array:
    """The log-mel of a ``.pkl``, ``.npy`` or ``.safetensors`` file: ``float32`` (examples, 1, 96, 64), finite.

    Nothing in the file can run. Raises ``OSError`` where it can't be opened, and ``DataError``: ``not-a-file``,
    ``log-mel-too-large`` and those of :func:`decode_log_mel`.
    """
    path = Path(path)
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise DataError("not-a-file", path, "is a folder, a pipe or the like; expected a log-mel file")
    if info.st_size > LARGEST:
        message = f"has {info.st_size} bytes, at most {LARGEST} are read; is it a log-mel?"
        raise DataError("log-mel-too-large", path, message)
    return decode_log_mel(path.read_bytes(), str(path))


def decode_log_mel(data: bytes, name: str) -> Array:
    """The log-mel in the bytes of a file; the end of ``name`` tells its form, float16 and float64 become float32.

    Raises ``DataError``: ``log-mel-form`` for other names, ``log-mel-shape``, ``log-mel-nonfinite``; of pickles
    ``unsafe-pickle``, ``pickle-damaged``, ``pickle-too-large``; ``log-mel-unreadable`` and the like of arrays;
    ``safetensors-damaged``; ``no-tensor``.
    """
    for suffix, read in _READERS.items():
        if name.lower().endswith(suffix):
            return _checked(read(data, name), name)
    raise DataError("log-mel-form", name, f"expected a name that ends in {', '.join(_READERS)}; rename or convert it")


def encode_log_mel(values: Array, form: str) -> bytes:
    """The bytes of a file; ``form``: pkl, npy, safetensors. The same values give the same bytes.

    ``values``: ``float32`` (examples, 1, 96, 64). Raises ``ValueError`` for others and for other forms.
    """
    if values.dtype != np.float32 or values.ndim != 4 or values.shape[1:] != EXAMPLE:
        raise ValueError(f"encode_log_mel: found {values.shape} {values.dtype}, expected (examples, 1, 96, 64) float32")
    if form not in WRITERS:
        raise ValueError(f"encode_log_mel: found form {form!r}, expected {', '.join(WRITERS)}")
    return WRITERS[form](values)


def _checked(values: Array, name: str) -> Array:
    if values.ndim != 4 or values.shape[1:] != EXAMPLE or not len(values) or values.dtype.kind != "f":
        found, expected = f"found {values.dtype} {values.shape}", "expected float (examples, 1, 96, 64)"
        raise DataError("log-mel-shape", name, f"{found}, {expected}; make it from the sound with avsbench prepare")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, np.float32)
    bad = values.size - np.count_nonzero(np.isfinite(values))
    if bad:
        message = f"{bad} of {values.size} numbers are NaN or infinite; make it from the sound with avsbench prepare"
        raise DataError("log-mel-nonfinite", name, message)
    return values


def _read_npy(data: bytes, name: str) -> Array:
    try:
        return decode_array(data, name)
    except DataError as error:
        raise DataError(error.reason.replace("pred-", "log-mel-"), error.where, error.message) from None


def _write_npy(values: Array) -> bytes:
    stream = BytesIO()
    np.save(stream, np.ascontiguousarray(values, "<f4"), allow_pickle=False)
    return stream.getvalue()


_READERS: Mapping[str, Callable[[bytes, str], Array]] = {
    ".pkl": read_tensor,
    ".npy": _read_npy,
    ".safetensors": lambda data, name: decode_safetensors(data, name, KEY),
}
WRITERS: Mapping[str, Callable[[Array], bytes]] = {
    "pkl": encode_tensor,
    "npy": _write_npy,
    "safetensors": lambda values: encode_safetensors(values, KEY),
}
