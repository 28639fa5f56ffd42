"""Files on disk: atomic writes, hashes, safe paths."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
    path = Path(path)
    temporary = _temporary(path)
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path | str, text: str, *, durable: bool = False) -> None:
    """Write UTF-8 text atomically, with line ends as given."""
    with atomic_write(path, durable=durable) as stream:
        stream.write(text.encode("utf-8"))


def link_or_copy(source: Path | str, target: Path | str, *, mode: str = "link") -> None:
    """Put ``source`` at ``target`` atomically, making missing folders: a hard link where the file system allows it, else a copy.

    ``mode``: ``link`` as above, ``copy``, or ``symlink``. Symbolic links in ``source`` are followed first.
    """
    real, target = Path(source).resolve(), Path(target)
    temporary = _temporary(target)
    try:
        if mode == "symlink":
            temporary.symlink_to(real)
        elif mode != "link" or not _try_hard_link(real, temporary):
            shutil.copyfile(real, temporary)
        os.replace(temporary, target)
        temporary.unlink(missing_ok=True)  # rename between two links of one file leaves both names
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(path: Path) -> Path:
    """A free name beside ``path``, in a folder that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    return temporary


def _try_hard_link(source: Path, target: Path) -> bool:
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
        raise DataError("unsafe-path", repr(name[:80]), "this file name leaves its folder or is no plain name; rename the file")
    return Path(root, *parts)
