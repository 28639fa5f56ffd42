"""What `avsbench prepare` has finished, written down line by line, so that a stopped run goes on.

``prepared.jsonl``: first what is prepared and how, then a line for each finished video with the file that it came from (its
size and time tell whether it is still the same) and the warnings about it. At the end of a run the lines stand in the order of
the table.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from evaluators.errors import DataError
from evaluators.files import atomic_write

JOURNAL = "prepared.jsonl"
FORMAT = 1
_LEFTOVER = re.compile(r"\.(.+)\.\d+\.tmp")  # of evaluators.files

Entry = Mapping[str, Any]


class Journal:
    """Finished videos of a folder by the name of their wav."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Read what is there. Raises ``DataError`` ``bad-option`` where it was prepared in another way."""
        self.path = folder / JOURNAL
        self._head = {"format": FORMAT, **facts}
        self.is_new = not self.path.exists()
        self.entries: dict[str, Entry] = {} if self.is_new else self._read()

    def _read(self) -> dict[str, Entry]:
        lines = [line for line in self.path.read_bytes().split(b"\n")[:-1] if line]  # the last may be cut short
        try:
            head, *entries = [json.loads(line) for line in lines] or [self._head]
            found = {entry["audio_file"]: entry for entry in entries}
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            message = f"is no list of what was prepared ({error!r}); delete it together with what was prepared"
            raise DataError("journal-unreadable", self.path, message) from error
        if head != self._head:
            there = ", ".join(
                f"{key.replace('_', '-')} {value}" for key, value in head.items() if value != self._head.get(key)
            )
            raise DataError(
                "bad-option", self.path.parent, f"was prepared with {there}; give the same, or a new folder"
            )
        return found

    def open(self, without: Container[str] = ()) -> None:
        """Write what is known anew, whole lines only, ``without`` what is about to be redone; :meth:`add` goes on from there."""
        self.entries = {name: entry for name, entry in self.entries.items() if name not in without}
        self._write(self.entries.values())
        self._stream = open(self.path, "ab")  # noqa: SIM115  closed by finish

    def add(self, entry: Entry) -> None:
        """Write down that a video is finished."""
        self.entries[entry["audio_file"]] = entry
        self._stream.write(_line(entry))
        self._stream.flush()

    def finish(self, order: Iterable[str]) -> None:
        """Bring the lines into the order of the table; videos of earlier tables stand at the end."""
        self._stream.close()
        order = [name for name in order if name in self.entries]
        rest = sorted(self.entries.keys() - set(order))
        self._write(self.entries[name] for name in [*order, *rest])

    def _write(self, entries: Iterable[Entry]) -> None:
        with atomic_write(self.path) as stream:
            stream.writelines(map(_line, [self._head, *entries]))


def remove_leftovers(folder: Path, files: Iterable[str]) -> None:
    """Remove what a killed run left of half-written ``files`` (relative to ``folder``)."""
    by_place: dict[str, set[str]] = {}
    for file in files:
        place, _, name = file.rpartition("/")
        by_place.setdefault(place, set()).add(name)
    for place, names in by_place.items():
        try:
            found = os.listdir(folder / place)
        except OSError:
            continue
        for name in found:
            if (match := _LEFTOVER.fullmatch(name)) and match[1] in names:
                (folder / place / name).unlink(missing_ok=True)


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
