"""Frames under other names than the layout's: counted from 0, with leading zeros, without ``.mp4``, as another kind of file.

A folder of such frames is told as that, and not as so many missing and so many extra files.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

_NUMBERED = re.compile(r"(.*?)(\d+)(\.[A-Za-z]+)")


class _Name(NamedTuple):
    """``<head><digits><suffix>``."""

    head: str
    digits: str
    suffix: str


def renamed(expected: Collection[str], found: Collection[str]) -> str:
    """What sets the names in a folder apart from those expected, such as "numbers 0 to 4, expected 1 to 5"; "" where they aren't
    the same frames under other names.

    >>> renamed(["a_1.png", "a_2.png"], ["a_0.png", "a_1.png"])
    'numbers 0 to 1, expected 1 to 2'
    """
    wanted, there = _names(expected), _names(found)
    if not wanted or len({(name.head, name.suffix) for name in there}) != 1 or len(there) != len(found):
        return ""
    numbers, ours = sorted(int(name.digits) for name in there), sorted(int(name.digits) for name in wanted)
    shift = numbers[0] - ours[0]
    if abs(shift) > 1 or len(set(numbers)) < len(numbers) or not _covers(numbers, ours, shift):
        return ""
    return "; ".join(_differences(wanted[0], there, shift, numbers, ours))


def _covers(numbers: list[int], ours: list[int], shift: int) -> bool:
    """Whether all expected ones are there; of another start no more than they, or it would be a frame too many."""
    moved = {number - shift for number in numbers}
    return moved == set(ours) if shift else moved >= set(ours)


def _differences(wanted: _Name, there: list[_Name], shift: int, numbers: list[int], ours: list[int]) -> list[str]:
    first = min(there, key=lambda name: int(name.digits))
    told = []
    if first.head != wanted.head:
        told.append(_heads(first.head, wanted.head))
    if any(name.digits.startswith("0") and name.digits != "0" for name in there):
        told.append(f"numbers with leading zeros ({first.digits}), expected {wanted.digits}")
    if first.suffix != wanted.suffix:
        told.append(f"{first.suffix} files, expected {wanted.suffix}")
    if shift:
        told.append(f"{_span(numbers)}, expected {_span(ours).partition(' ')[2]}")
    return told


def _span(numbers: list[int]) -> str:
    return f"numbers {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"number {numbers[0]}"


def _heads(found: str, wanted: str) -> str:
    """What stands before the number; the video's own name is left out, so that all videos of a set are told alike."""
    if wanted == found.replace("_", ".mp4_") or wanted == f"{found[:-1]}.mp4_":
        return "names without .mp4, expected <video>.mp4_<number>"
    if found == f"{wanted[:-1]}.mp4_":
        return "names with .mp4, expected <video>_<number>"
    return (
        f"names like {found if len(found) < 12 else '<name>_'}<number>, expected {'<video>_' if wanted else ''}<number>"
    )


def _names(names: Collection[str]) -> list[_Name]:
    return [_Name(*match.groups()) for match in map(_NUMBERED.fullmatch, sorted(names)) if match]
