"""The thresholds at which official codes cut a soft mask, exact to the last bit, and what they mean for stored integers.

AVSBench takes ``torch.linspace(0, 1 - 1e-10, 255)`` in float32, in which 1 - 1e-10 is 1 (avs_s4/utils/utility.py); DeepAVFusion
the same with 256 values. For 8-bit maps, where v stands for v / 255, the 255 thresholds are the rule v >= 0, 2, 3, ..., 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

CURVE = 255  # thresholds of AVSBench's F
FINE = 256  # thresholds of DeepAVFusion's F
CUTS = (0.5, 0.4)  # of masks, strict: p > 0.5 in AVSBench, p > 0.4 in Ref-AVS
_CELLS = 1 << 17  # float maps are looked up by p * _CELLS, which float32 holds exactly

Floats = np.ndarray[Any, np.dtype[np.float32]]
Levels = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


@cache
def linspace(count: int) -> Floats:
    """``torch.linspace(0, 1, count)``, float32: one rounding of step * j in the first half, of 1 - step * (count - 1 - j) in the second.

    Equal to torch in every bit for 255 and 256; numpy's linspace differs in 10 of 255.
    """
    step = np.float64(np.float32(1) / np.float32(count - 1))
    j = np.arange(count)
    values = np.where(j < count // 2, step * j, 1 - step * (count - 1 - j)).astype(np.float32)
    values.flags.writeable = False
    return values


@dataclass(frozen=True)
class Scale:
    """Where thresholds lie among the levels 0..size-1 of a map: a pixel of level v passes threshold k where v >= first[k]."""

    size: int
    curve: Indices  # (255,)
    fine: Indices  # (256,)
    cuts: Indices  # one for each of CUTS


@cache
def integer_scale(full: int) -> Scale:
    """Of integer maps in which v stands for float32(v) / float32(full): 1, 255 or 65535."""
    values = np.arange(full + 1, dtype=np.float32) / np.float32(full)
    return Scale(
        full + 1,
        np.searchsorted(values, linspace(CURVE)),
        np.searchsorted(values, linspace(FINE)),
        np.searchsorted(values, np.array(CUTS, np.float32), side="right"),
    )


@cache
def _edges() -> Floats:
    """All values at which something changes, ascending: p passes an edge where p >= edge."""
    above = np.nextafter(np.array(CUTS, np.float32), np.float32(2))
    return np.unique(np.concatenate([linspace(CURVE), linspace(FINE), above]))


@cache
def float_scale() -> Scale:
    """Of float32 maps, whose levels are those of :func:`float_levels`."""
    edges = _edges()
    above = np.nextafter(np.array(CUTS, np.float32), np.float32(2))
    return Scale(
        len(edges) + 1, *(np.searchsorted(edges, some) + 1 for some in (linspace(CURVE), linspace(FINE), above))
    )


@cache
def _cells() -> tuple[Levels, list[Floats]]:
    """For each cell of width 1 / _CELLS: the edges at or below its start, and the edges within it (one array for each further one)."""
    edges, starts = _edges(), np.arange(_CELLS + 1) / _CELLS
    below = np.searchsorted(edges, starts, side="right")
    upto = np.append(below[1:], len(edges))
    within = [
        np.where(below + k < upto, edges[np.minimum(below + k, len(edges) - 1)], np.float32(np.inf)).astype(np.float32)
        for k in range(int((upto - below).max()))
    ]
    return below.astype(np.uint16), within


def float_levels(probability: Floats) -> Levels:
    """Level of each pixel of a float32 map in [0, 1]: the number of edges at or below it, ``uint16``, same shape."""
    below, within = _cells()
    cell = (probability * np.float32(_CELLS)).astype(np.int32)
    levels = below[cell]
    for edges in within:
        levels += probability >= edges[cell]
    return levels
