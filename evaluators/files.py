"""Files on disk: atomic writes, hashes, safe paths."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import DataError

_WINDOWS_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)}


@contextmanager
def atomic_write(path: Path | str, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under ``path`` whole or not at all; missing folders are made.

    Writes to a temporary file beside it, then renames; on any error the temporary file is removed.
    ``durable`` also waits until the bytes are on the disk.
    """
    temporary = _temporary(path)
    try:
        with os.fdopen(_create(temporary), "wb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError) and error.filename is None:  # of a write, which knows no names
            error.filename = os.fspath(path)
        raise


def is_full(error: OSError) -> bool:
    """Whether a write failed because there is no room: disk, quota or largest file size."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_text(path: Path | str, text: str, *, durable: bool = False) -> None:
    """Write UTF-8 text atomically, with line ends as given."""
    with atomic_write(path, durable=durable) as stream:
        stream.write(text.encode("utf-8"))


def link_or_copy(source: Path | str, target: Path | str, *, mode: str = "link") -> None:
    """Put ``source`` at ``target`` atomically, making missing folders: a hard link where the file system allows it, else a copy.

    ``mode``: ``link`` as above, ``copy``, or ``symlink``. Symbolic links in ``source`` are followed first.
    """
    real, temporary = os.path.realpath(source), _temporary(target)
    os.makedirs(os.path.dirname(temporary) or ".", exist_ok=True)
    _remove(temporary)
    try:
        if mode == "symlink":
            os.symlink(real, temporary)
        elif mode != "link" or not _try_hard_link(real, temporary):
            shutil.copyfile(real, temporary)
        os.replace(temporary, target)
    except OSError as error:
        if is_full(error):  # copying names the source
            error.filename = os.fspath(target)
        raise
    finally:
        _remove(temporary)  # a rename between two links of one file leaves both names


def _temporary(path: Path | str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.getpid()}.tmp") if folder else f".{name}.{os.getpid()}.tmp"


def _create(path: str) -> int:
    """Open a new file that no link leads away from; its folder is made, and what an earlier process left is removed."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except FileExistsError:
        os.unlink(path)
    return os.open(path, flags, 0o666)


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _try_hard_link(source: str, target: str) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def sha256_file(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def inside(root: Path | str, name: str) -> Path:
    """``root / name``, for a name that comes from an untrusted file.

    Raises ``DataError`` ``unsafe-path`` for absolute names, ``..``, drive letters, control characters,
    device names and names over 200 bytes. A link that leads out of ``root`` is allowed for reading:
    laboratories keep their data behind links.
    """
    parts = name.replace("\\", "/").split("/")
    bad = (
        not name
        or name.startswith(("/", "\\", "~"))
        or any(part in ("", ".", "..") for part in parts)
        or ":" in parts[0]
        or any(ord(letter) < 32 for letter in name)
        or any(part.split(".")[0].upper() in _WINDOWS_DEVICES for part in parts)
        or any(len(part.encode("utf-8", "surrogatepass")) > 200 for part in parts)
    )
    if bad:
        raise DataError(
            "unsafe-path", repr(name[:80]), "this file name leaves its folder or is no plain name; rename the file"
        )
    return Path(root, *parts)
