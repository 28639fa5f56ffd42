"""The things that the mini AVSBench shows: flat drawings, turned, mirrored and scaled, with the pixels that they cover.

Drawn from ``data/mini_shapes.txt``, which also says how it is read. Points are in a grid of 100 by 100, y down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFilter

Points = np.ndarray[Any, np.dtype[np.float64]]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Cover = np.ndarray[Any, np.dtype[np.float32]]
Colour = tuple[int, int, int]

FINE = 3  # drawn this many times larger, then reduced
OUTLINE = 1.2  # pixels
INK: Colour = (34, 30, 32)
GROUND, MIDDLE = 94.0, 50.0  # the y of the grid that a thing is placed by: on the ground, in the air
SMOOTH, ROUND = 6, 48  # straight pieces between two points of a smooth outline, and around an oval


@dataclass(frozen=True)
class Part:
    """One painted piece: a filled outline (``width`` 0) or a stroke."""

    colour: str
    points: Points  # (points, 2): x, y
    width: float


@dataclass(frozen=True)
class Shape:
    """How one category looks."""

    category: str
    flies: bool
    height: float  # of the grid, as a share of the picture's height
    places: tuple[str, ...]
    colours: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Sprite:
    """A drawing, ready to be put on a picture."""

    pixels: Pixels  # (height, width, 3)
    cover: Cover  # (height, width), 0 to 1
    left: int  # of its box, from the point that it is placed by
    top: int


@cache
def shapes() -> Mapping[str, Shape]:
    """The shapes by category."""
    text = resources.files(__package__).joinpath("data/mini_shapes.txt").read_text(encoding="utf-8")
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith(" "):
            blocks[-1].append(line)
        elif line and not line.startswith("#"):
            blocks.append([line])
    found = [_shape(head, parts) for head, *parts in blocks]
    return {shape.category: shape for shape in found}


def _shape(head: str, parts: list[str]) -> Shape:
    category, stands, height, places, colours = head.split()
    painted = tuple(_part(line.split()) for line in parts)
    return Shape(category, stands == "air", float(height), tuple(places.split(",")), tuple(colours.split(",")), painted)


def _part(words: list[str]) -> Part:
    colour, kind, *numbers = words
    width = float(numbers.pop(0)) if kind in ("line", "curve") else 0.0
    points = np.array([[float(number) for number in word.split(",")] for word in numbers])
    if kind == "oval":
        angles = np.arange(ROUND) * (2 * np.pi / ROUND)
        points = points[0] + points[1] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    elif kind == "blob":
        points = _smooth(points)
    elif kind == "curve":
        ends = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
        points = _smooth(np.concatenate([ends[0], points, ends[1]]))[SMOOTH : SMOOTH * len(points) + 1]
    return Part(colour, points, width)


def _smooth(points: Points) -> Points:
    """A closed Catmull-Rom curve through the points: between b and c, with neighbours a and d, for t in [0, 1)

    b + t/2 (c - a) + t^2/2 (2a - 5b + 4c - d) + t^3/2 (3b - a - 3c + d)
    """
    a, b, c, d = (np.roll(points, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    t = (np.arange(SMOOTH) / SMOOTH)[None, :, None]
    curve = b + t / 2 * (c - a) + t**2 / 2 * (2 * a - 5 * b + 4 * c - d) + t**3 / 2 * (3 * b - a - 3 * c + d)
    return np.asarray(curve.reshape(-1, 2))  # (points, steps, 2) -> (points * steps, 2)


def draw(shape: Shape, colour: str, height: float, degrees: float = 0.0, mirrored: bool = False) -> Sprite:
    """A shape whose grid is ``height`` pixels high, turned clockwise about the point that it is placed by."""
    placed = [(part, _placed(shape, part.points, height, degrees, mirrored)) for part in shape.parts]
    scale = height / 100
    margin = OUTLINE + 1
    low = np.min([points.min(axis=0) - part.width * scale / 2 for part, points in placed], axis=0) - margin
    high = np.max([points.max(axis=0) + part.width * scale / 2 for part, points in placed], axis=0) + margin
    left, top = math.floor(low[0]), math.floor(low[1])
    size = (FINE * (math.ceil(high[0]) - left), FINE * (math.ceil(high[1]) - top))
    colours = _colours(colour)
    cover = Image.new("L", size)
    canvas = Image.new("RGB", size, _mixed(colours["shade"], INK, 0.6))
    for part, points in placed:
        fine = (points - (left, top)) * FINE
        _paint(cover, fine, part.width * scale * FINE, 255)
        _paint(canvas, fine, part.width * scale * FINE, colours.get(part.colour) or _rgb(part.colour))
    cover = cover.filter(ImageFilter.MaxFilter(2 * round(OUTLINE * FINE / 2) + 1))
    pixels = np.asarray(canvas.reduce(FINE))
    covered = np.asarray(cover.reduce(FINE), np.float32) / np.float32(255)
    return Sprite(pixels, covered, left, top)


def _placed(shape: Shape, points: Points, height: float, degrees: float, mirrored: bool) -> Points:
    """Points of the grid in pixels from the point that the shape is placed by."""
    turn = math.radians(degrees)
    matrix = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    centred = (points - (50.0, MIDDLE if shape.flies else GROUND)) * (height / 100)
    return np.asarray((centred * (-1.0 if mirrored else 1.0, 1.0)) @ matrix)


def _paint(image: Image.Image, points: Points, width: float, value: int | Colour) -> None:
    pen = ImageDraw.Draw(image)
    corners = [(float(x), float(y)) for x, y in points]
    if not width:
        pen.polygon(corners, fill=value)
        return
    pen.line(corners, fill=value, width=max(1, round(width)))
    for x, y in corners:  # round ends and joints
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=value)


def _colours(main: str) -> Mapping[str, Colour]:
    base = _rgb(main)
    return {
        "main": base,
        "shade": _mixed(base, (30, 24, 36), 0.35),
        "tint": _mixed(base, (255, 250, 238), 0.45),
        "ink": INK,
    }


def _rgb(text: str) -> Colour:
    red, green, blue = ImageColor.getrgb(text)[:3]
    return red, green, blue


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    """``share`` of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
