"""The state of a build on disk: one build per folder at a time, and what is done stays done.

While it runs, ``<out>/.vpo`` holds a lock, the name of the build and a journal with a line for each finished
item. Files are renamed into place before their line is written, so a line means whole files. When the
dataset is complete, ``.vpo`` goes and ``dataset.json`` stands.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from evaluators.dataset import DATASET, read_info
from evaluators.errors import DataError
from evaluators.files import atomic_write, write_text

WORK = ".vpo"


class Journal:
    """The journal of one output folder, held under a lock. Use as a context manager."""

    def __init__(self, folder: Path, build: str) -> None:
        """Open or resume ``folder`` for the build that ``build`` (a hash) names.

        Raises ``DataError``: ``busy``, ``other-build``, ``not-empty``, ``not-writable``.
        """
        self.folder, self.work = folder, folder / WORK
        self._done: dict[str, dict[str, Any]] = {}
        existing = sorted(os.listdir(folder)) if folder.is_dir() else []
        if existing and WORK not in existing and DATASET not in existing:
            raise DataError("not-empty", folder, f"holds {existing[0]!r} and no build of ours; give an empty or new folder")
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.work / "lock", folder)
        except OSError as error:
            raise DataError("not-writable", folder, f"can't be written ({error.strerror}); give another folder") from error
        self._name(build)
        self._stream = self._resumed()

    def _name(self, build: str) -> None:
        path = self.work / "build"
        found = path.read_text(encoding="utf-8").strip() if path.exists() else build
        if found != build:
            raise DataError("other-build", self.folder, "holds an unfinished build with other settings or sources; give the same ones or another folder")
        write_text(path, build + "\n")

    def _resumed(self) -> BinaryIO:
        path = self.work / "journal.jsonl"
        if path.exists():
            lines = _whole_lines(path)
            self._done = _by_kind(lines)
            with atomic_write(path) as stream:
                stream.write(b"".join(lines))
            for left in self.folder.rglob(".*.tmp"):  # of writers that were killed
                left.unlink()
        return open(path, "ab")

    def done(self, kind: str) -> dict[str, Any]:
        """Finished items of a kind, by key."""
        return self._done.get(kind, {})

    def record(self, kind: str, key: str, value: Any) -> None:
        """Write down that an item is finished."""
        self._done.setdefault(kind, {})[key] = value
        line = json.dumps({"kind": kind, "key": key, "value": value}, ensure_ascii=False, separators=(",", ":"))
        self._stream.write(line.encode("utf-8", "surrogatepass") + b"\n")
        self._stream.flush()

    def close_complete(self) -> None:
        """The dataset stands: nothing of the work folder is needed any more."""
        self._stream.close()
        shutil.rmtree(self.work)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stream.close()
        self._lock.release()


def _locked(path: Path, folder: Path) -> FileLock:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DataError("busy", folder, "another build is writing here; wait for it, or give another folder") from error
    return lock


def _whole_lines(path: Path) -> list[bytes]:
    """Lines of a journal; a last one that a kill cut off is left out."""
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def _by_kind(lines: list[bytes]) -> dict[str, dict[str, Any]]:
    done: dict[str, dict[str, Any]] = {}
    for row in map(json.loads, lines):
        done.setdefault(row["kind"], {})[row["key"]] = row["value"]
    return done


def read_journal(folder: Path) -> dict[str, dict[str, Any]]:
    """Finished items of a folder, by kind and key; empty where there is no journal."""
    path = folder / WORK / "journal.jsonl"
    return _by_kind(_whole_lines(path)) if path.exists() else {}


def completed(folder: Path, config_sha256: str) -> bool:
    """Whether ``folder`` already holds the dataset that a configuration gives. Raises ``DataError`` ``other-build`` if another."""
    if not (folder / DATASET).exists():
        return False
    if read_info(folder).config_sha256 != config_sha256:
        raise DataError("other-build", folder, "holds a dataset built with other settings or sources; give the same ones or another folder")
    return True
