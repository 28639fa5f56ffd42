"""Published log-mel pickles, read without running what is in them and written in a form that can't hold a program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from evaluators.errors import DataError
from evaluators.files import atomic_write
from evaluators.log_mels import encode_log_mel, read_log_mel
from evaluators.progress import Progress
from evaluators.rejections import Rejection

from .outcome import Outcome

FORMS = ("npy", "safetensors")
PUBLISHED = ".pkl"
LENGTHS = (5, 10)  # examples: of S4, MS3, v1s and v1m; of v2
_LEFTOVER = re.compile(r"\..+\.(npy|safetensors)\.\d+\.tmp")  # of evaluators.files


def rewrite(src: Path, dst: Path, form: str, progress: Progress) -> Outcome:
    """Write every log-mel pickle below ``src``, or the one file, in ``form`` under the same name in the folder ``dst``.

    A file that is there with the right bytes stays, so that the same call goes on after a stop. Rejections: ``unsafe-pickle``,
    ``pickle-damaged``, ``pickle-too-large``, ``no-tensor``, ``log-mel-shape``, ``log-mel-nonfinite``, ``log-mel-too-large``,
    ``not-a-file``, ``unreadable``. Warnings: ``log-mel-short``, ``log-mel-long`` for other lengths than 5 and 10, which are
    kept as they are; ``folder-unreadable``.
    Raises ``DataError``: ``bad-option``, ``not-a-folder``, ``empty-folder``.
    """
    if form not in FORMS:
        raise DataError("bad-option", form, f"unknown form, expected {' or '.join(FORMS)}")
    rejections: list[Rejection] = []
    root, names = _published(src, rejections)
    _check_target(src, dst)
    for left in dst.rglob(".*.tmp"):
        if _LEFTOVER.fullmatch(left.name):
            left.unlink()
    done = already = 0
    with progress.stage("log-mels", len(names)) as advance:
        for name in names:
            try:
                written, warnings = _rewrite(root / name, dst / f"{name.removesuffix(PUBLISHED)}.{form}", form)
                done, already = done + written, already + (not written)
                rejections += [Rejection("file", plain(name), *warning, warning=True) for warning in warnings]
            except DataError as error:
                rejections.append(Rejection("file", plain(name), error.reason, error.message))
            advance()
    return Outcome("log-mels", done, already, tuple(rejections))


def _rewrite(path: Path, target: Path, form: str) -> tuple[bool, list[tuple[str, str]]]:
    """Whether the file was written or there already, and what is worth a look: reason and message."""
    try:
        values = read_log_mel(path)
    except OSError as error:
        raise DataError(
            "unreadable", path, f"can't be read ({error.strerror}); mend the file, the link or its rights"
        ) from None
    data = encode_log_mel(values, form)
    if _holds(target, data):
        return False, _length_warnings(len(values))
    with atomic_write(target) as stream:
        stream.write(data)
    return True, _length_warnings(len(values))


def _length_warnings(examples: int) -> list[tuple[str, str]]:
    if examples in LENGTHS:
        return []
    found = f"has {examples} examples, expected {LENGTHS[0]}, or {LENGTHS[1]} for v2; kept as it is"
    if examples > LENGTHS[1]:
        return [("log-mel-long", f"{found}, cut it to the seconds of the video")]
    return [("log-mel-short", f"{found}, the official loaders stop at it; avsbench prepare repeats the last second")]


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _check_target(src: Path, dst: Path) -> None:
    if dst.exists() and not dst.is_dir():
        raise DataError("not-a-folder", dst, "is a file, expected the folder to write to")
    if src.is_file() and dst.suffix.lower() in (PUBLISHED, *(f".{form}" for form in FORMS)):
        raise DataError("not-a-folder", dst, "names a file, expected the folder to write to; give the folder")


def _published(src: Path, rejections: list[Rejection]) -> tuple[Path, list[str]]:
    """The folder, and the names of the pickles below it in one order on every machine."""
    if not src.is_dir():
        if not src.is_file() or src.suffix != PUBLISHED:
            raise DataError("not-a-folder", src, f"expected a folder with {PUBLISHED} files, or one such file")
        return src.parent, [src.name]
    names = sorted(_names(src, rejections))
    if not names:
        raise DataError("empty-folder", src, f"no {PUBLISHED} files in it or below; is it audio_log_mel?")
    return src, names


def _names(src: Path, rejections: list[Rejection]) -> Iterator[str]:
    """Links are followed, each folder is entered once; hidden files and folders aren't looked at."""

    def unreadable(error: OSError) -> None:
        message = f"can't be read ({error.strerror}); log-mels in it are not seen"
        rejections.append(Rejection("folder", plain(str(error.filename)), "folder-unreadable", message, warning=True))

    entered: set[str] = set()
    for folder, folders, files in os.walk(src, onerror=unreadable, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [] if real in entered else sorted(name for name in folders if not name.startswith("."))
        for name in files if real not in entered else ():
            if name.endswith(PUBLISHED) and not name.startswith("."):
                yield Path(os.path.relpath(os.path.join(folder, name), src)).as_posix()
        entered.add(real)


def plain(name: str) -> str:
    """A file name fit for a text file, whatever bytes the disk has for it."""
    return name.encode("utf-8", "backslashreplace").decode()
