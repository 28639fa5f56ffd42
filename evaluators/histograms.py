"""Joint histograms of a prediction and a ground truth: one pass over the pixels, from which every count is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]
Counts = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
_BYTE, _SPREAD = np.uint64(0xFF), np.uint64(0x0101010101010101)


def level_histogram(levels: Array, gt: Array, size: int) -> tuple[Floats, Floats]:
    """Pixels at each level 0..size-1, and how much of the gt lies there: two float64 (size,).

    ``levels`` unsigned integers (height, width); ``gt`` the same shape, bool, or float weights in [0, 1]
    (a fractional gt, as official loaders can make one).
    """
    if gt.dtype != np.bool_:
        total = np.bincount(levels.ravel(), minlength=size)
        weighted = np.bincount(levels.ravel(), gt.ravel().astype(np.float64), minlength=size)
        return total.astype(np.float64), weighted.astype(np.float64)
    if levels.dtype == np.uint8 and levels.size and size <= 256:
        levels = np.ascontiguousarray(levels)
        in_gt = np.bincount(levels[gt], minlength=256)
        return _bytes_counted(levels)[:size].astype(np.float64), in_gt[:size].astype(np.float64)
    step = 1 << (size - 1).bit_length()  # a power of two at or above size
    joint: Array = levels.astype(np.uint16 if 2 * step <= 1 << 16 else np.uint32)
    joint += gt.astype(joint.dtype) * joint.dtype.type(step)
    both = np.bincount(joint.ravel(), minlength=2 * step).reshape(2, step)[:, :size].astype(np.float64)
    return both.sum(axis=0), both[1]


def _bytes_counted(values: Array) -> Counts:
    """How often each of 0..255 stands in a contiguous uint8 array; Pillow counts bytes without making 64 bits of each first."""
    return np.array(Image.frombuffer("L", (values.size, 1), values, "raw", "L", 0, 1).histogram())


def label_histogram(pred: Array, gt: Array) -> Counts:
    """Rows (gt, pred, pixels) of each pair of labels that occurs: int64 (pairs, 3), ascending.

    ``pred`` and ``gt`` are integers of one shape. ``uint8`` maps are counted by runs of equal blocks of eight
    pixels, since label maps mostly repeat; others by their own values, which may be negative.
    """
    if pred.shape != gt.shape:
        raise ValueError(f"pred and gt must have one shape, found {pred.shape} and {gt.shape}")
    if pred.dtype == np.uint8 and gt.dtype == np.uint8:
        counts = _byte_pairs(np.ascontiguousarray(pred).ravel(), np.ascontiguousarray(gt).ravel())
        pairs = np.flatnonzero(counts)
        rows = np.array([pairs & 255, pairs >> 8, counts[pairs]]).T
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    values, places = np.unique(np.stack([gt.ravel(), pred.ravel()]), return_inverse=True)
    places = places.reshape(2, -1)
    counts = np.bincount(places[0] * len(values) + places[1], minlength=len(values) ** 2)
    pairs = np.flatnonzero(counts)
    rows = np.stack([values[pairs // max(len(values), 1)], values[pairs % max(len(values), 1)], counts[pairs]], axis=1)
    return rows.astype(np.int64)


def _byte_pairs(pred: Array, gt: Array) -> Counts:
    """Pixels of each pair 256 pred + gt (so that a gt's void makes no long array), int64, of two flat uint8 arrays.

    Runs of equal blocks of eight pixels are found first. A block of one pair counts eight times its run; of the others,
    most runs are one block long.
    """
    whole = len(pred) // 8 * 8
    p, g = pred[:whole].view(np.uint64), gt[:whole].view(np.uint64)
    changes = np.flatnonzero((p[1:] != p[:-1]) | (g[1:] != g[:-1]))
    if 4 * len(changes) > len(p) or not whole:  # runs would not pay
        return np.bincount(_codes(pred, gt))
    last = np.append(changes, len(p) - 1)
    lengths = np.diff(last, prepend=-1)
    p, g = p[last], g[last]
    plain = ((p & _BYTE) * _SPREAD == p) & ((g & _BYTE) * _SPREAD == g)
    mixed = [~plain & (lengths == 1), ~plain & (lengths > 1)]
    codes = [_codes(p[rows].view(np.uint8), g[rows].view(np.uint8)) for rows in mixed]
    single = np.concatenate([codes[0], _codes(pred[whole:], gt[whole:])])
    weighted = np.concatenate([((p & _BYTE) << np.uint64(8) | (g & _BYTE))[plain].astype(np.uint16), codes[1]])
    weights = np.concatenate([lengths[plain] * 8, np.repeat(lengths[mixed[1]], 8)])
    size = int(max(single.max(initial=0), weighted.max(initial=0))) + 1
    # weights are summed as float64, exact below 2**53
    return np.bincount(single, minlength=size) + np.bincount(weighted, weights, size).astype(np.int64)


def _codes(pred: Array, gt: Array) -> Array:
    codes = pred.astype(np.uint16)
    codes <<= 8
    codes |= gt
    return codes
