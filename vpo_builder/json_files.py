"""JSON of strangers into typed records: every way to fail is one ``DataError`` that says where."""

from __future__ import annotations

import errno
import json
import mmap
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
import numpy as np

from evaluators.errors import DataError

Content = TypeVar("Content")
Buffer: TypeAlias = "bytes | mmap.mmap"
_BLOCK = 1 << 18  # bytes that stay in the cache
_BOM = b"\xef\xbb\xbf"
_STRING_OR_NONFINITE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b', re.DOTALL)


def read_json(path: Path, kind: type[Content], key_counts: Callable[[Content], Mapping[str, int]]) -> Content:
    """The content of a JSON file as a msgspec struct ``kind``.

    NaN and Infinity, which JSON doesn't have, are read as null. ``key_counts`` tells from the content how often some
    strings, such as ``"id"``, must stand in the file; only where one doesn't, every object of it is searched for a key
    that stands twice. Raises ``DataError``: ``json-unreadable``, ``json-malformed`` (with the byte), ``json-too-deep``, ``json-too-large``,
    ``json-type`` (with the path of the value, such as ``$.annotations[3].id``), ``duplicate-key``.
    """
    try:
        buffer = _read(path)
        content, buffer = _decode(buffer, kind, path)
        if any(_count(buffer, key.encode()) != count for key, count in key_counts(content).items()):
            _check_keys(buffer, path)
        return content
    except RecursionError as error:
        raise DataError(
            "json-too-deep", path, "lists or objects are nested too deep; this is no file of COCO's form"
        ) from error
    except MemoryError as error:
        raise DataError("json-too-large", path, "does not fit into memory; split the file") from error


def _read(path: Path) -> Buffer:
    """The bytes of a file, mapped: they come from the disk cache and need no memory of their own."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError("json-unreadable", path, "is a folder or device, not a file; give the json file")
        if found.st_size == 0:
            raise DataError("json-malformed", path, "is empty (byte 0); get the file again")
        with open(path, "rb") as stream:
            buffer = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from error
        raise DataError("json-unreadable", path, f"can't be read ({error}); check the path") from error
    if buffer[:2] == b"\x1f\x8b":
        raise DataError("json-malformed", path, "is compressed with gzip (byte 0); unpack it first")
    return buffer[len(_BOM) :] if buffer[: len(_BOM)] == _BOM else buffer


def _decode(buffer: Buffer, kind: type[Content], path: Path) -> tuple[Content, Buffer]:
    """The content and the bytes it was read from, which differ from ``buffer`` where that holds NaN or Infinity."""
    decoder = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(buffer), buffer
    except msgspec.ValidationError as error:
        raise DataError("json-type", path, f"{error}; not as COCO writes it") from error
    except UnicodeDecodeError as error:
        raise DataError(
            "json-malformed", path, f"a string is not UTF-8 ({error.reason}: {error.object[:40]!r}); get the file again"
        ) from error
    except msgspec.DecodeError as error:
        if buffer.find(b"NaN") >= 0 or buffer.find(b"Infinity") >= 0:
            corrected = _STRING_OR_NONFINITE.sub(
                lambda found: found[0] if found[0].startswith(b'"') else b"null", buffer
            )
            if corrected != buffer[:]:
                return _decode(corrected, kind, path)
        place = f" (byte {len(buffer)})" if "truncated" in str(error) else ""
        raise DataError("json-malformed", path, f"{error}{place}; get the file again") from error


def _count(buffer: Buffer, key: bytes) -> int:
    """How often ``key`` stands in ``buffer``; takes less than half the time of ``bytes.count`` where most bytes are digits."""
    letters, total = np.frombuffer(buffer, np.uint8), 0
    for start in range(0, max(0, len(letters) - len(key) + 1), _BLOCK):
        block = letters[start : start + _BLOCK + len(key) - 1]
        size = len(block) - len(key) + 1
        hits = block[:size] == key[0]
        for place in range(1, len(key)):
            hits &= block[place : size + place] == key[place]
        total += int(np.count_nonzero(hits))
    return total


def _check_keys(buffer: Buffer, path: Path) -> None:
    def check(pairs: list[tuple[str, Any]]) -> None:  # returns None so that nothing of the file is kept
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            key = next(key for key in keys if keys.count(key) > 1)
            ids = [value for name, value in pairs if name == "id"]
            raise DataError(
                "duplicate-key",
                path,
                f"key {key!r} stands twice in one object{f' with id {ids[0]}' if ids else ''}; keep one",
            )

    try:
        json.loads(buffer[:].decode("utf-8", "replace"), object_pairs_hook=check)
    except json.JSONDecodeError as error:
        raise DataError("json-malformed", path, f"{error.msg} (about byte {error.pos}); get the file again") from error
