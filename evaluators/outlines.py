"""Outlines of regions, as lines to draw: along the pixel edges, slightly rounded; whole or dashed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

BoolMap = np.ndarray[Any, np.dtype[np.bool_]]
Points = np.ndarray[Any, np.dtype[np.float64]]

DASH = 7  # pixel edges on, pixel edges off


def outlines(region: BoolMap) -> Iterator[Points]:
    """Closed outlines of a region along its pixel edges, slightly rounded: float64 (n + 1, 2), x and y in pixels.

    Each edge between a pixel inside and one outside is an arrow with the inside on its right;
    arrows are then chained head to tail.
    """
    arrows = _arrows(region)
    while arrows:
        start = point = next(iter(arrows))
        points = []
        while point in arrows:
            points.append(point)
            heads = arrows[point]
            head = heads.pop()
            if not heads:
                del arrows[point]
            point = head
            if point == start:
                break
        yield _rounded(np.array(points, np.float64))


def _arrows(region: BoolMap) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Heads of the arrows that start at a pixel corner (x, y)."""
    left, top, right, bottom = Image.fromarray(region).getbbox() or (0, 0, 0, 0)
    region = region[top:bottom, left:right]
    step = np.diff(np.pad(region, 1).astype(np.int8), axis=0)[:, 1:-1]  # (height + 1, width): 1 where the inside begins
    side = np.diff(np.pad(region, 1).astype(np.int8), axis=1)[1:-1]  # (height, width + 1)
    arrows: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for edges, value, tail, head in (
        (step, 1, (0, 0), (1, 0)),  # top edge: to the right
        (step, -1, (1, 0), (0, 0)),  # bottom edge: to the left
        (side, -1, (0, 0), (0, 1)),  # right edge: down
        (side, 1, (0, 1), (0, 0)),  # left edge: up
    ):
        rows, columns = np.nonzero(edges == value)
        for x, y in zip((columns + left).tolist(), (rows + top).tolist(), strict=True):
            arrows.setdefault((x + tail[0], y + tail[1]), []).append((x + head[0], y + head[1]))
    return arrows


def _rounded(points: Points, reach: int = 2) -> Points:
    """The closed line with each point moved to the mean of its neighbourhood; small ones as they are."""
    if len(points) > 12:
        points = np.mean([np.roll(points, shift, axis=0) for shift in range(-reach, reach + 1)], axis=0)
    return np.concatenate([points, points[:1]])


def dashes(outline: Points, length: int = DASH) -> Iterator[Points]:
    """Every other piece of ``length`` pixel edges of an outline."""
    for start in range(0, len(outline) - 1, 2 * length):
        yield outline[start : start + length + 1]
