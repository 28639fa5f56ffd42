"""Colours of a mask to the indices of categories, with a count of what is of no colour or of no category that is named.

The palette is a mapping of (red, green, blue) to index, in AVSBench-semantic the first 71 colours of PASCAL VOC's map. A colour
that isn't in it becomes the background in the official loader, without a word (AVSBench f7414af ``avss/color_dataloader.py``,
``color_mask_to_label``); here it is counted, and a mask with many such pixels isn't taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from evaluators.categories import BACKGROUND, VOID
from evaluators.errors import DataError
from evaluators.masks import STRAY, labels_of_colours

Array = np.ndarray[Any, np.dtype[Any]]
Colours = Mapping[tuple[int, int, int], int]


def off_palette(values: Array, colours: Colours) -> Array:
    """Which pixels have a colour of no category: ``uint8`` (height, width, 3) to bool (height, width)."""
    codes = _codes(values)
    known = np.sort(_codes(np.array(list(colours), np.uint8)))
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    off: Array = known[places] != codes
    return off


def nearest_colours(values: Array, colours: Colours) -> Array:
    """For each colour the one of the palette at the least Euclidean distance in RGB; of several the one of the smallest index.

    ``uint8`` (pixels, 3) to the same.
    """
    palette = np.array(sorted(colours, key=lambda colour: colours[colour]), np.int32)  # (colours, 3)
    codes, places = np.unique(_codes(values), return_inverse=True)
    different = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.int32)
    distances = (palette**2).sum(axis=1) - 2 * different @ palette.T  # squared, but for what is the same in a row
    nearest: Array = palette[distances.argmin(axis=1)].astype(np.uint8)[places.reshape(-1)]
    return nearest


def indices_of(values: Array, colours: Colours, name: str, *, nearest: bool = False) -> tuple[Array, int]:
    """Label map, ``uint8`` (height, width), of an RGB one, and how many of its pixels had a colour of no category.

    Those become the background where they are at most ``STRAY`` of all; with ``nearest`` they take the nearest colour, however
    many they are. Raises ``DataError`` ``off-palette``.
    """
    off = off_palette(values, colours)
    strays = int(np.count_nonzero(off))
    if strays and nearest:
        values = values.copy()
        values[off] = nearest_colours(values[off], colours)
    elif strays > STRAY * off.size:
        found = f"{strays:,} of {off.size:,} pixels ({strays / off.size:.2%}) have a colour of no category"
        first = "#{:02x}{:02x}{:02x}".format(*values[off][0])
        remedy = f"at most {STRAY:.1%} are taken as background; get the mask again, or give --nearest"
        raise DataError("off-palette", name, f"{found}, the first {first}; {remedy}")
    return labels_of_colours(values, colours, name, "mask"), strays


def unnamed(labels: Array, named: Collection[int]) -> dict[int, int]:
    """Pixels of each category that a label map holds and ``named`` doesn't; background and void apart."""
    counts = np.bincount(labels.ravel(), minlength=VOID + 1)
    return {
        int(index): int(counts[index]) for index in np.flatnonzero(counts) if index not in {BACKGROUND, VOID, *named}
    }


def _codes(values: Array) -> Array:
    """One number for each colour: ``uint8`` (..., 3) to ``uint32`` (...)."""
    wide = values.astype(np.uint32)
    codes: Array = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return codes
