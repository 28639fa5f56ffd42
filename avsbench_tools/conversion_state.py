"""What is done of a conversion, on disk, so that the same command goes on where it was stopped.

``conversion.json`` holds the arguments and whether all is done; ``conversion.jsonl`` a line for each video that is, with its
warnings. A video's files are renamed into place before its line is written. While it runs, the folder is locked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from evaluators.errors import DataError
from evaluators.files import is_full, write_text
from evaluators.gt_reading import names_in
from evaluators.rejections import Rejection

from .conversions import Done

STATE, JOURNAL = "conversion.json", "conversion.jsonl"


class State:
    """The conversion that a folder holds, or begins to. Use as a context manager."""

    def __init__(self, folder: Path, arguments: Mapping[str, Any]) -> None:
        """Raises ``DataError``: ``not-a-folder``, ``not-empty``, ``other-conversion``, ``not-writable``, ``busy``."""
        self.folder, self.arguments = folder, json.loads(json.dumps(arguments))
        if folder.exists() and not folder.is_dir():
            raise DataError("not-a-folder", folder, "is a file, expected a new or empty folder")
        known = _known(folder)
        if known is None and (found := sorted(names_in(folder))):
            raise DataError("not-empty", folder, f"holds {found[0]!r} and no conversion; give a new or empty folder")
        if known is not None:
            _check_same(folder, known, self.arguments)
        self._exit = ExitStack()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _lock(folder, self._exit)
            self.done = _read_journal(folder / JOURNAL)
            if known is None or not known.get("complete"):
                _remove_leftovers(folder)
            self._write_state(complete=False)
            self._write_journal(self.done)  # without a line that was cut off
            self._stream = open(folder / JOURNAL, "a", encoding="utf-8")  # noqa: SIM115  (closed with the state)
            self._exit.callback(self._stream.close)
        except OSError as error:
            self._exit.close()
            if is_full(error):
                raise
            message = f"can't be written ({error.strerror}); give another folder"
            raise DataError("not-writable", folder, message) from error
        except BaseException:
            self._exit.close()
            raise

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def record(self, done: Done) -> None:
        """Write down that a video is done."""
        self.done[done.item] = done
        self._stream.write(_line(done))
        self._stream.flush()

    def finish(self, order: Iterable[str]) -> None:
        """Write down that all is done; the journal in the order of the table."""
        self._write_journal([item for item in order if item in self.done])
        self._write_state(complete=True)

    def _write_journal(self, items: Iterable[str]) -> None:
        write_text(self.folder / JOURNAL, "".join(_line(self.done[item]) for item in items))

    def _write_state(self, *, complete: bool) -> None:
        text = json.dumps({**self.arguments, "complete": complete}, indent=1, ensure_ascii=False)
        write_text(self.folder / STATE, text + "\n")


def _known(folder: Path) -> dict[str, Any] | None:
    """What a folder's ``conversion.json`` says; None where there is none of ours."""
    try:
        found = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "form" in found else None


def _check_same(folder: Path, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    other = [name for name in wanted if known.get(name) != wanted[name]]
    if other:
        told = "; ".join(f"{name} {_short(known.get(name))}, not {_short(wanted[name])}" for name in other)
        message = f"holds a conversion with other arguments: {told}; give the same ones, or another folder"
        raise DataError("other-conversion", folder, message)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:8]}..." if len(text) == 64 else text or "none"


def _lock(folder: Path, held: ExitStack) -> None:
    """Keep a second run out of the folder, where the system has locks of that kind."""
    try:
        import fcntl
    except ImportError:
        return
    number = os.open(folder, os.O_RDONLY)
    held.callback(os.close, number)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError("busy", folder, "another run converts into this folder; wait for it, or end it") from None


def _remove_leftovers(folder: Path) -> None:
    """Files of writers that were killed."""
    for left in folder.rglob(".*.tmp"):
        left.unlink(missing_ok=True)


def _line(done: Done) -> str:
    warnings = [[warning.reason, warning.message] for warning in done.warnings]
    row = {"video": done.item, "missing": [name for name, gone in done.missing.items() if gone], "warnings": warnings}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _read_journal(path: Path) -> dict[str, Done]:
    """What is done, by video; a line that was cut off doesn't count."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        try:
            row = json.loads(line)
            item = str(row["video"])
            warnings = tuple(Rejection("video", item, reason, text, True) for reason, text in row["warnings"])
            found[item] = Done(item, None, warnings, dict.fromkeys(row["missing"], True))
        except (ValueError, KeyError, TypeError):
            continue
    return found
