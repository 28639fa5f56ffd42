"""The state of a build on disk: who builds here, and what is done stays done.

While it runs, ``<out>/.vpo`` holds the name of the build, and for each shard (or for the one build that has none)
a lock and a journal with a line for each finished item. Files are renamed into place before their line is
written, so a line means whole files. When the dataset is complete, ``.vpo`` goes and ``dataset.json`` stands.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from evaluators.dataset import DATASET, read_info
from evaluators.errors import DataError
from evaluators.files import atomic_write, is_full, write_text

WORK = ".vpo"
BUILD = f"{WORK}/build.json"
Done = dict[str, dict[str, bytes]]  # finished items by kind and key, each as JSON: a million objects slow Python down


class Journal:
    """The journal of one build in one folder, or of one shard of it, held under a lock. Use as a context manager."""

    def __init__(self, folder: Path, build: str, settings: Mapping[str, Any], shard: str | None = None) -> None:
        """Open or resume ``folder`` for the build that ``build`` (a hash) names; its settings are kept for the merge.

        A build without a shard has the folder to itself and goes on from what all shards did. Shards work side by side.
        Raises ``DataError``: ``busy``, ``other-build``, ``not-empty``, ``not-writable``.
        """
        self.folder, self.work = folder, folder / WORK
        existing = sorted(os.listdir(folder)) if folder.is_dir() else []
        if existing and WORK not in existing and DATASET not in existing:
            raise DataError(
                "not-empty", folder, f"holds {existing[0]!r} and no build of ours; give an empty or new folder"
            )
        suffix = f"-{shard.replace('/', '-of-')}" if shard else ""
        self._file = self.work / f"journal{suffix}.jsonl"
        self._locks = ExitStack()
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            self._lock(suffix)
            self._name(build, settings)
            self._own = self._resumed(leftovers=not shard)
            self._stream = open(self._file, "ab")  # noqa: SIM115  (closed with the journal)
        except OSError as error:
            self._locks.close()
            if is_full(error):
                raise
            raise DataError(
                "not-writable", folder, f"can't be written ({error.strerror}); give another folder"
            ) from error
        except BaseException:
            self._locks.close()
            raise
        self.reload()

    def _lock(self, suffix: str) -> None:
        """Take the own lock. A whole build takes those of all shards too; a shard sees that no whole build runs."""
        if suffix:
            _locked(self.work / "lock", self.folder, patience=10.0).release()
            paths = [self.work / f"lock{suffix}"]
        else:
            paths = [self.work / "lock", *sorted(self.work.glob("lock-*"))]
        for path in paths:
            self._locks.callback(_locked(path, self.folder).release)

    def _name(self, build: str, settings: Mapping[str, Any]) -> None:
        path = self.folder / BUILD
        if path.exists() and json.loads(path.read_text(encoding="utf-8"))["build"] != build:
            raise DataError(
                "other-build",
                self.folder,
                "holds an unfinished build with other settings or sources; give the same ones or another folder",
            )
        write_text(path, json.dumps({"build": build, "settings": settings}) + "\n")

    def _resumed(self, *, leftovers: bool) -> Done:
        lines = _whole_lines(self._file)
        with atomic_write(self._file) as stream:
            stream.write(b"".join(lines))
        for left in self.folder.rglob(".*.tmp") if leftovers else ():  # of writers that were killed
            left.unlink()
        return _by_kind(lines)

    def reload(self) -> None:
        """Learn what other shards have finished."""
        lines = (
            line
            for path in sorted(self.work.glob("journal*.jsonl"))
            if path != self._file
            for line in _whole_lines(path)
        )
        self._others = _by_kind(lines)

    def keys(self, kind: str) -> set[str]:
        """Keys of the finished items of a kind, of this journal and of the others as last read."""
        return {*self._others.get(kind, ()), *self._own.get(kind, ())}

    def done(self, kind: str) -> dict[str, Any]:
        """Finished items of a kind, by key, as JSON has them."""
        found = {**self._others.get(kind, {}), **self._own.get(kind, {})}
        return {key: json.loads(value) for key, value in found.items()}

    def record(self, kind: str, key: str, value: Any) -> None:
        """Write down that an item is finished; ``value`` is a record or what JSON knows."""
        encoded = _encoded(value)
        self._own.setdefault(kind, {})[key] = encoded
        self._stream.write(b'{"kind":%b,"key":%b,"value":%b}\n' % (_encoded(kind), _encoded(key), encoded))
        self._stream.flush()

    def discard(self) -> None:
        """Forget the build: the dataset stands and nothing of the work folder is needed any more, or nothing came of it."""
        self._stream.close()
        shutil.rmtree(self.work)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._locks:  # given back even where the last line can't be written
            self._stream.close()


def _locked(path: Path, folder: Path, patience: float = 0.0) -> FileLock:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise DataError("busy", folder, "another build is writing here; wait for it, or give another folder") from error
    return lock


def _whole_lines(path: Path) -> list[bytes]:
    """Lines of a journal, if there is one, up to one that a kill or a power cut left damaged."""
    content = path.read_bytes() if path.exists() else b""
    return list(takewhile(lambda line: line.endswith(b"}\n"), content.splitlines(keepends=True)))


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # a file name that is no Unicode
        return json.dumps(msgspec.to_builtins(value)).encode()


class _Line(msgspec.Struct):
    kind: str
    key: str
    value: msgspec.Raw


_LINES = msgspec.json.Decoder(_Line)


def _decoded(line: bytes) -> tuple[str, str, bytes]:
    try:
        row = _LINES.decode(line)
        return row.kind, row.key, bytes(row.value)
    except msgspec.DecodeError:  # a file name that is no Unicode
        loose = json.loads(line)
        return loose["kind"], loose["key"], json.dumps(loose["value"]).encode()


def _by_kind(lines: Iterable[bytes]) -> Done:
    done: Done = {}
    for kind, key, value in map(_decoded, lines):
        done.setdefault(kind, {})[key] = value
    return done


def read_build(folder: Path) -> tuple[str, dict[str, Any]]:
    """Name and settings of the unfinished build in a folder. Raises ``DataError`` ``not-a-part``."""
    try:
        row = json.loads((folder / BUILD).read_text(encoding="utf-8"))
        return row["build"], row["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "not-a-part", folder, "holds no unfinished build; give the folders that `vpo build --shard i/n` wrote"
        ) from error


def completed(folder: Path, build: str) -> bool:
    """Whether ``folder`` already holds the dataset of a build. Raises ``DataError`` ``other-build`` if another."""
    if not (folder / DATASET).exists():
        return False
    if read_info(folder).config_sha256 != build:
        raise DataError(
            "other-build",
            folder,
            "holds a dataset built with other settings or sources; give the same ones or another folder",
        )
    return True
