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
from evaluators.masks import STRAY, indices_by_colour

Array = np.ndarray[Any, np.dtype[Any]]
Colours = Mapping[tuple[int, int, int], int]


def nearest_indices(pixels: Array, colours: Colours) -> Array:
    """For each colour the index of the nearest one by Euclidean distance in RGB; of several at one distance the smallest index.

    ``uint8`` (pixels, 3) to ``uint8`` (pixels,).
    """
    indices = np.array(sorted(colours.values()), np.uint8)
    palette = np.array(sorted(colours, key=lambda colour: colours[colour]), np.int32)  # (colours, 3)
    codes, places = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_inverse=True)
    different = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.int32)
    distances = (palette**2).sum(axis=1) - 2 * different @ palette.T  # less what a row has in common
    nearest: Array = indices[distances.argmin(axis=1)][places.reshape(-1)]
    return nearest


def indices_of(values: Array, colours: Colours, name: str, *, nearest: bool = False) -> tuple[Array, int]:
    """Label map, ``uint8`` (height, width), of an RGB one, and how many of its pixels had a colour of no category.

    Those become the background where they are at most ``STRAY`` of all; with ``nearest`` they take the nearest colour, however
    many they are. Raises ``DataError`` ``off-palette``.
    """
    labels, off = indices_by_colour(values, colours)
    strays = int(np.count_nonzero(off))
    if strays and nearest:
        labels[off] = nearest_indices(values[off], colours)
    elif strays > STRAY * off.size:
        found = f"{strays:,} of {off.size:,} pixels ({strays / off.size:.2%}) have a colour of no category"
        first = "#{:02x}{:02x}{:02x}".format(*values[off][0])
        remedy = f"at most {STRAY:.1%} are taken as background; get the mask again, or give --nearest"
        raise DataError("off-palette", name, f"{found}, the first {first}; {remedy}")
    return labels, strays


def unnamed(labels: Array, named: Collection[int]) -> dict[int, int]:
    """Pixels of each category that a label map holds and ``named`` doesn't; background and void apart."""
    counts = np.bincount(labels.ravel(), minlength=VOID + 1)
    return {
        int(index): int(counts[index]) for index in np.flatnonzero(counts) if index not in {BACKGROUND, VOID, *named}
    }
