"""What the masks of a plain folder hold, from the pixels of a spread of them: masks or label maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .categories import VOID, voc_colour
from .errors import DataError
from .ground_truth import LABELS, MASK
from .masks import PALETTE, RGB, STRAY, decode_png

PROBED = 64
MANY = 128  # values in grey files, beyond which they are no labels but shades


@dataclass(frozen=True)
class Seen:
    """What the probed files hold."""

    values: Counter[int]  # pixels by value; of RGB those in a colour of VOC's map, by its index
    colours: int  # different colours that VOC's map lacks
    grey: bool  # some file has shades, not indices
    files: int


def probe(root: Path, files: Sequence[str]) -> Seen:
    """Values of a spread of the files. What can't be decoded here is told by name when it is scored."""
    spread = [files[len(files) * number // PROBED] for number in range(PROBED)] if len(files) > PROBED else files
    values: Counter[int] = Counter()
    colours: set[int] = set()
    grey = False
    for name in spread:
        try:
            pixels, form = decode_png((root / name).read_bytes(), name, "gt")
        except (OSError, DataError):
            continue
        if form == RGB:
            found = _pixels(pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32))
            values.update({_voc()[colour]: count for colour, count in found.items() if colour in _voc()})
            colours |= found.keys() - _voc().keys()
        else:
            values.update(_pixels(pixels))
            grey = grey or form != PALETTE
    return Seen(values, len(colours), grey, len(spread))


def _pixels(values: np.ndarray[Any, np.dtype[Any]]) -> dict[int, int]:
    """Number of pixels by value."""
    if values.dtype != np.uint8:
        found, counts = np.unique(values, return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))
    return {value: count for value, count in enumerate(np.bincount(values.ravel()).tolist()) if count}


@cache
def _voc() -> Mapping[int, int]:
    """Index by colour, as one number."""
    return {
        red << 16 | green << 8 | blue: index for index, (red, green, blue) in enumerate(map(voc_colour, range(256)))
    }


def kind_of(seen: Seen) -> tuple[str, str]:
    """What the masks hold, and why."""
    looked = f"in {seen.files} files that were looked at"
    count = len(seen.values.keys() | {0}) + seen.colours
    if count <= 2:
        other = max(seen.values, default=0)
        return MASK, f"nothing but {f'0 and {other}' if other else 'two values' if seen.colours else '0'} {looked}"
    between = seen.values.total() - seen.values[0] - seen.values[VOID]
    if seen.grey and not seen.colours and between <= STRAY * seen.values.total():
        return MASK, f"0 and 255, and {between} pixels between {looked}"
    if seen.grey and count > MANY:
        return MASK, f"{count} shades of grey {looked}"
    return LABELS, f"{count} different values {looked}"


def numbered_categories(seen: Seen, folder: Path) -> tuple[str, ...]:
    """Names of the categories where no table names them."""
    largest = max(seen.values.keys() - {VOID}, default=0)
    if largest > VOID:
        message = f"found the label {largest}, expected 1 to 254 and 255 for void; is this a folder of soft masks?"
        raise DataError("bad-category", folder, message)
    return ("background", *map(str, range(1, max(largest, 1) + 1)))
