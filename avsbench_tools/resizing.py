"""Bilinear resizing of pictures as ``cv2.resize`` does it by default, to the bit, without OpenCV.

No smoothing before a picture is made smaller: each result mixes the four nearest pixels, in whole numbers. With ``scale`` the
old length over the new one, result ``i`` lies at ``(i + 1/2) scale - 1/2``, between pixel ``k`` (weight 1 - f) and ``k + 1``
(weight f). Weights are rounded to 1/2048. Rows first: ``s = w0 p[k] + w1 p[k + 1]``; then, with integer shifts,
``(((w0 (s0 >> 4)) >> 16) + ((w1 (s1 >> 4)) >> 16) + 2) >> 2``. Across, a place beyond the first or last pixel is that pixel;
down, both neighbours are that row and keep their weights, which can differ by one in the last place.

Source: OpenCV 4 and 5, ``INTER_LINEAR`` of 8 bits; seen equal for 4.14 and 5.0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Pixels = np.ndarray[Any, np.dtype[np.uint8]]  # (..., height, width, 3)
Integers = np.ndarray[Any, np.dtype[np.int32]]
ONE = 2048


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """``uint8`` (height, width, channels) in another size (height, width)."""
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise ValueError(f"expected uint8 (height, width, channels), found {pixels.dtype} {pixels.shape}")
    if pixels.shape[:2] == size:
        return np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    rows, row_weights = _places(height, size[0])
    columns, column_weights = _places(width, size[1])
    for end in (columns < 0, columns >= width - 1):  # no neighbour on one side
        column_weights[:, end] = np.array([[ONE], [0]])
    columns = np.clip(columns, 0, width - 1)
    upper = _across(pixels[np.clip(rows, 0, height - 1)], columns, column_weights)
    lower = _across(pixels[np.clip(rows + 1, 0, height - 1)], columns, column_weights)
    weights = row_weights[:, :, None, None]
    mixed: Integers = (((weights[0] * (upper >> 4)) >> 16) + ((weights[1] * (lower >> 4)) >> 16) + 2) >> 2
    return mixed.astype(np.uint8)


def _places(old: int, new: int) -> tuple[Integers, Integers]:
    """The pixel before each result, (new,), and the weights of it and the next, (2, new)."""
    places = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
    before = np.floor(places)
    part = places - before
    weights = np.rint(np.stack([np.float32(1) - part, part]) * np.float32(ONE))
    return before.astype(np.int32), weights.astype(np.int32)


def _across(rows: Pixels, columns: Integers, weights: Integers) -> Integers:
    """(rows, old width, channels) -> (rows, new width, channels), times 2048."""
    after = np.minimum(columns + 1, rows.shape[1] - 1)
    wide = weights[:, None, :, None]
    mixed: Integers = rows[:, columns].astype(np.int32) * wide[0] + rows[:, after].astype(np.int32) * wide[1]
    return mixed
