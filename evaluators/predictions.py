"""Prediction files: which there are, and what each holds as an array.

Reasons of the errors, by name: ``pred-lossy``, ``pred-format`` (a picture of a kind that isn't read), ``pred-unreadable``
(damaged, cut off, empty, no file), ``pred-too-large``, ``pred-mode`` (alpha, 16-bit colours), ``pred-palette`` (colours of no
category), ``pred-ambiguous`` (several arrays in one file), ``pred-dtype``, ``pred-shape``, ``pred-nan``, ``pred-range``
(numbers that the folder's kind doesn't have), ``pred-kind`` (a file of another kind than the folder), ``unsafe-path``,
``no-predictions``, ``not-a-folder``.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .arrays import Array, stored
from .errors import DataError
from .files import inside
from .kinds import Reading
from .prediction_checks import checked

EXTENSIONS = (".png", ".npy", ".npz")
_LOSSY = {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".heic", ".avif", ".jp2"}
_PICTURES = {".bmp", ".gif", ".tif", ".tiff", ".tga", ".ppm", ".pgm", ".pbm"}
_SYSTEM = {"thumbs.db", "desktop.ini"}
_PLAIN = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[\w\-.][\w\-. ()+,=@\[\]]{0,99}", re.ASCII | re.I)


@dataclass(frozen=True)
class PredictionFiles:
    """What lies in a folder, by relative path with "/", sorted."""

    root: Path
    files: tuple[str, ...]
    ignored: tuple[str, ...]  # results, notes and the like, which are no predictions
    problems: tuple[DataError, ...]


def list_predictions(folder: Path | str) -> PredictionFiles:
    """All prediction files below a folder; hidden files and folders are left out. A link to a folder
    elsewhere is followed, one to a folder in here is not.

    Raises ``DataError`` ``not-a-folder``.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError("not-a-folder", root, "expected a folder of predictions (.png, .npy or .npz files)")
    files: list[str] = []
    ignored: list[str] = []
    problems: list[DataError] = []
    for path, entry in _walk(str(root), problems):
        extension = os.path.splitext(path)[1].lower()
        problem = _problem(path, extension, entry)
        if problem:
            problems.append(problem)
        elif extension in EXTENSIONS:
            files.append(path)
        else:
            ignored.append(path)
    if not files:
        kinds = Counter(os.path.splitext(path)[1] or "files without extension" for path in ignored).most_common(5)
        found = ", ".join(f"{count} {_shown(kind)}" for kind, count in kinds) or "no files"
        message = (
            f"found {found}, expected .png, .npy or .npz files; check the path, or save predictions as one of these"
        )
        problems.append(DataError("no-predictions", root, message))
    return PredictionFiles(root, tuple(sorted(files)), tuple(sorted(ignored)), tuple(problems))


def _walk(root: str, problems: list[DataError]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Relative path and entry of everything that is no folder and not hidden."""
    waiting, home = [""], os.path.realpath(root)
    linked: set[str] = set()
    while waiting:
        prefix = waiting.pop()
        try:
            entries = os.scandir(os.path.join(root, prefix))
        except OSError as error:
            message = f"the folder can't be read ({error.strerror}); mend its rights"
            problems.append(DataError("pred-unreadable", _shown(prefix), message))
            continue
        with entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
                    continue
                if not entry.is_dir():
                    yield prefix + entry.name, entry
                elif not entry.is_symlink():
                    waiting.append(f"{prefix}{entry.name}/")
                elif (real := os.path.realpath(entry.path)) not in linked and not _within(real, home):
                    linked.add(real)
                    waiting.append(f"{prefix}{entry.name}/")


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _shown(path: str) -> str:
    """A path for a message: escaped where it holds what can't be printed."""
    return path if path.isprintable() else ascii(path)


def _problem(path: str, extension: str, entry: os.DirEntry[str]) -> DataError | None:
    if extension in EXTENSIONS:
        if not entry.is_file():
            return DataError("pred-unreadable", _shown(path), "is no file, or a link that leads nowhere")
        return None if all(_PLAIN.fullmatch(part) for part in path.split("/")) else _odd_name(path)
    if extension in _LOSSY:
        found = f"{extension} changes values when it is saved"
        return DataError("pred-lossy", _shown(path), f"{found}, expected .png, .npy or .npz; save predictions as PNG")
    if extension in _PICTURES:
        found = f"{extension} files are not read"
        return DataError("pred-format", _shown(path), f"{found}, expected .png, .npy or .npz; save it as one of these")
    return None


def _odd_name(path: str) -> DataError | None:
    """The problem of a name that isn't plain letters, if it is one."""
    if "\\" in path or any("\udc80" <= letter <= "\udcff" for letter in path):
        message = "this file name has a backslash or letters that are no Unicode; rename the file"
        return DataError("unsafe-path", ascii(path[:80]), message)
    try:
        inside("", path)
    except DataError as error:
        return error
    return None


def decode_prediction(data: bytes, name: str, reading: Reading) -> Array:
    """A file's bytes as the array that the scorer takes, checked against how the folder is read.

    MASK: ``uint8``, 0 is background. SOFT: ``uint8`` or ``uint16`` standing for v / ``reading.full``, or floats in [0, 1].
    LOGITS: floats, infinities allowed. LABELS: ``uint8``, ``VOID`` stays. The shape is (height, width), or
    (frames, height, width) of an array file; with ``reading.classes`` a channel axis before the height. Leading axes of
    length 1 are dropped. Raises ``DataError`` for the reasons named above.
    """
    values, form = stored(data, name)
    return checked(values, form, name, reading)
