"""The names of the gt's frames, and what a prediction's path stands for among them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .ground_truth import GtSample

NUMBER = "{}"  # in a name of frames, where their number stands
TEMPLATE, ARRAY = -1, -2  # instead of a frame's place: any frame, by its number; all frames in one array
_DIGITS = "0123456789"


class Target(NamedTuple):
    """What a name stands for."""

    sample: int  # place in the gt
    frame: int  # place in the sample, or TEMPLATE, or ARRAY


@dataclass(frozen=True, eq=False)
class NameIndex:
    """What each name of a ground truth stands for."""

    names: Mapping[str, Sequence[Target]]
    depth: int  # the most folders that a name has
    tails: frozenset[str]  # what follows the number in names

    def targets(self, file: str) -> tuple[list[Target], int]:
        """What the longest known end of a file's path stands for, and the number in it; nothing where no end is known.

        Where one end is both a numbered name and the name of a single frame, the number counts: it can be moved by one.
        Only an array file can hold all frames.
        """
        folder, _, name = _composed(file[:-4]).rpartition("/")
        numbered = list(self._numbered(name))
        array = not file.lower().endswith(".png")
        for end in self._ends(folder):
            for template, number in numbered:
                found = list(self.names.get(end + template, ()))
                if found and array:
                    found += [target for target in self.names.get(end + name, ()) if target.frame == ARRAY]
                if found:
                    return found, number
            found = [
                target
                for target in self.names.get(end + name, ())
                if target.frame >= 0 or (array and target.frame == ARRAY)
            ]
            if found:
                return found, 0
        return [], 0

    def _ends(self, folder: str) -> Iterator[str]:
        """The ends of a folder's path that names can begin with, the longest first, each with a "/" behind; "" at last."""
        if folder:
            parts = folder.split("/")[-self.depth :] if self.depth else []
            for start in range(len(parts)):
                yield "/".join(parts[start:]) + "/"
        yield ""

    def _numbered(self, name: str) -> Iterator[tuple[str, int]]:
        """A file's name with "{}" for its number, and the number; in each way that the gt's names end."""
        for tail in self.tails:
            body = name.removesuffix(tail)
            head = body.rstrip(_DIGITS)
            if name.endswith(tail) and len(head) < len(body):
                yield f"{head}{NUMBER}{tail}", int(body[len(head) :])


def name_index(samples: Sequence[GtSample]) -> NameIndex:
    """The names of all frames, and of samples whose frames may lie in one array."""
    names: dict[str, list[Target]] = {}

    def add(name: str, target: Target) -> None:
        targets = names.setdefault(_composed(name), [])
        if target not in targets:
            targets.append(target)

    for place, sample in enumerate(samples):
        several = len(sample.frames) > 1
        known: tuple[str, ...] = ()
        for number, frame in enumerate(sample.frames):
            if frame.names is known:  # the frames of a video share their names
                continue
            known = frame.names
            for name in frame.names:
                add(name, Target(place, TEMPLATE if NUMBER in name else number))
        for name in sample.names:
            add(name, Target(place, ARRAY if several else 0))
    depth = max((name.count("/") for name in names), default=0)
    return NameIndex(names, depth, frozenset(name.rpartition(NUMBER)[2] for name in names if NUMBER in name))


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)
