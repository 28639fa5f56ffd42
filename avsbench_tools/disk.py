"""Listings of folders, each read once."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaluators.gt_reading import visible

FOLDER, NO_FILE = -1, -2  # in place of a size; no file: a link to nowhere, a pipe
Listing = Mapping[str, int]  # name to size in bytes, or what it is


@dataclass
class Disk:
    """What was listed so far."""

    ignored: Counter[str] = field(default_factory=Counter)  # hidden files and what file managers leave
    unreadable: list[str] = field(default_factory=list)
    _known: dict[str, Listing] = field(default_factory=dict)

    def names(self, folder: str) -> Listing:
        """What is in a folder; nothing where it isn't there or can't be read."""
        if folder not in self._known:
            self._known[folder] = self._list(folder)
        return self._known[folder]

    def _list(self, folder: str) -> Listing:
        names = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if visible(entry.name):
                        names[entry.name] = _size(entry)
                    else:
                        self.ignored["._*" if entry.name.startswith("._") else entry.name] += 1
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            self.unreadable.append(f"{folder} ({error.strerror})")
        return names


def _size(entry: os.DirEntry[str]) -> int:
    try:
        found = entry.stat()
    except OSError:  # a link to nowhere
        return NO_FILE
    if stat.S_ISREG(found.st_mode):
        return found.st_size
    return FOLDER if stat.S_ISDIR(found.st_mode) else NO_FILE
