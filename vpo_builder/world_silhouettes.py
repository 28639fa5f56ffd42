"""The shapes of the sample world: what can be seen in it, as polygons, ovals, smooth outlines and strokes.

They stand in ``data/silhouettes.txt``: a line such as ``category dog`` begins a shape (``other``: another COCO
category, ``clutter``: not annotated), an indented line is a part of it, on a grid of about 100 x 100 with y downwards;
animals and vehicles look left.

    blob x,y x,y ...       smooth closed outline through the points
    poly x,y x,y ...       polygon
    oval x,y rx,ry         ellipse
    line w x,y x,y ...     stroke of width w with round ends
    curve w x,y x,y ...    the same, smooth

A part adds to the silhouette; after ``cut`` it is taken away again; after ``mark`` it is only painted on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Points = np.ndarray[Any, np.dtype[np.float64]]  # (points, 2): x, y


@dataclass(frozen=True)
class Part:
    """One polygon (``width`` 0) or stroke of a silhouette, in units where the whole silhouette covers an area of 1."""

    role: str  # add, cut, mark
    points: Points
    width: float


@cache
def shape_names(group: str) -> tuple[str, ...]:
    """The shapes of a group, sorted: ``category``, ``other`` or ``clutter``."""
    return tuple(sorted(name for name, (kind, _) in _shapes().items() if kind == group))


@cache
def silhouette(name: str) -> tuple[Part, ...]:
    """The parts of a shape, moved and scaled so that its box is centred on 0,0 and its filled area is 1.

    So an object's size can be drawn without telling what the object is.
    """
    parts = [_part(line.split()) for line in _shapes()[name][1]]
    low = np.min([part.points.min(axis=0) - part.width / 2 for part in parts if part.role == "add"], axis=0)
    high = np.max([part.points.max(axis=0) + part.width / 2 for part in parts if part.role == "add"], axis=0)
    middle = (low + high) / 2
    scale = _filled_area(parts) ** -0.5
    return tuple(Part(part.role, (part.points - middle) * scale, part.width * scale) for part in parts)


def paint(draw: ImageDraw.ImageDraw, points: Points, width: float, value: int) -> None:
    """Fill a polygon, or draw a stroke with round ends and joints, into an 8-bit image."""
    corners = [(float(x), float(y)) for x, y in points]
    if not width:
        draw.polygon(corners, fill=value)
        return
    draw.line(corners, fill=value, width=max(1, round(width)))
    for x, y in corners:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=value)


@cache
def _shapes() -> dict[str, tuple[str, list[str]]]:
    """Group and lines of each shape."""
    shapes: dict[str, tuple[str, list[str]]] = {}
    lines: list[str] = []
    for line in resources.files(__package__).joinpath("data/silhouettes.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            lines.append(line)
        elif line and not line.startswith("#"):
            group, name = line.split(" ", 1)
            lines = []
            shapes[name] = (group, lines)
    return shapes


def _part(words: list[str]) -> Part:
    role = words.pop(0) if words[0] in ("cut", "mark") else "add"
    kind = words.pop(0)
    width = float(words.pop(0)) if kind in ("line", "curve") else 0.0
    points = np.array([[float(number) for number in word.split(",")] for word in words])
    if kind == "oval":
        angles = np.arange(48) * (2 * np.pi / 48)
        points = points[0] + points[1] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    elif kind == "blob":
        points = _smooth(points)
    elif kind == "curve":
        ends = 2 * points[[0]] - points[[1]], 2 * points[[-1]] - points[[-2]]
        points = _smooth(np.concatenate([ends[0], points, ends[1]]))[8 : 8 * len(points) + 1]
    return Part(role, points, width)


def _smooth(points: Points, steps: int = 8) -> Points:
    """A closed Catmull-Rom curve through the points, in ``steps`` straight pieces from each to the next."""
    before, start, end, after = (np.roll(points, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    t = (np.arange(steps) / steps)[None, :, None]
    curve = start + t / 2 * (
        end - before + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    return np.asarray(curve.reshape(-1, 2))


def _filled_area(parts: list[Part]) -> float:
    """Area of the silhouette in grid units, measured on a picture of it at 2 pixels a unit."""
    image = Image.new("L", (280, 280))
    draw = ImageDraw.Draw(image)
    for part in parts:
        if part.role != "mark":
            paint(draw, (part.points + 20) * 2, part.width * 2, int(part.role == "add"))
    return float(np.asarray(image).sum()) / 4
