"""The paint of the sample world: backgrounds, colours, patterns, and one silhouette put on the canvas.

Colour, pattern and outline are drawn without a look at what is painted, so that only the shape tells what a thing is.
A canvas is float64, (height, width, 3), 0..255, and is painted in place.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .world_silhouettes import paint, silhouette

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Colour = tuple[int, int, int]
FINE = 3  # shapes are drawn this many times larger, then reduced


@dataclass(frozen=True)
class Place:
    """Where a scene plays: its kind, its size in pixels, where the ground begins (share of the height)."""

    name: str
    width: int
    height: int
    horizon: float


@dataclass(frozen=True)
class Placed:
    """One silhouette on the canvas: its middle and the square root of its area in pixels, its angle in degrees."""

    name: str
    x: float
    y: float
    size: float
    angle: float
    flip: bool

    @property
    def base(self) -> float:
        """The line on which it stands, in pixels from the top."""
        return self.y + extent(self)[1] / 2

    def moved(self, x: float, y: float) -> Placed:
        """The same thing with its middle elsewhere."""
        return replace(self, x=x, y=y)

    def scaled(self, factor: float) -> Placed:
        """The same thing in another size."""
        return replace(self, size=self.size * factor)


def extent(thing: Placed) -> tuple[float, float]:
    """Width and height in pixels of the box around a thing."""
    low, high = _box(thing)
    return float(high[0] - low[0]), float(high[1] - low[1])


def draw_thing(rng: np.random.Generator, pixels: Array, thing: Placed) -> Mask:
    """Paint a thing; returns where it is, bool (height, width): the pixels that it covers by half or more."""
    height, width = pixels.shape[:2]
    low, high = _box(thing)
    left, top = (max(0, int(np.floor(value)) - 2) for value in low)
    right, bottom = min(width, int(np.ceil(high[0])) + 2), min(height, int(np.ceil(high[1])) + 2)
    mask = np.zeros((height, width), bool)
    coat = _coat(rng)
    if left >= right or top >= bottom:
        return mask
    body, marks = _rasterise(thing, left, top, right - left, bottom - top)
    colours = coat(body, marks)
    cover = (np.asarray(body) / 255.0)[:, :, None]
    window = pixels[top:bottom, left:right]
    window += (colours - window) * cover
    mask[top:bottom, left:right] = np.asarray(body) >= 128
    return mask


def draw_shadow(pixels: Array, thing: Placed) -> None:
    """A soft shadow on the ground under a thing."""
    wide, high = extent(thing)
    rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    distance = ((columns - thing.x) / (0.55 * wide)) ** 2 + ((rows - thing.y - 0.49 * high) / (0.07 * wide + 2)) ** 2
    pixels *= (1 - 0.35 * np.clip(1 - distance, 0, 1))[:, :, None]


def _place_points(thing: Placed, points: Array) -> Array:
    turn = np.deg2rad(thing.angle)
    matrix = thing.size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    mirror = np.array([-1.0 if thing.flip else 1.0, 1.0])
    return np.asarray((points * mirror) @ matrix.T + (thing.x, thing.y))


def _box(thing: Placed) -> tuple[Array, Array]:
    """Lowest and highest x, y of a thing in pixels."""
    parts = [part for part in silhouette(thing.name) if part.role == "add"]
    points = [_place_points(thing, part.points) for part in parts]
    half = [part.width * thing.size / 2 for part in parts]
    low = np.min([p.min(axis=0) - h for p, h in zip(points, half, strict=True)], axis=0)
    high = np.max([p.max(axis=0) + h for p, h in zip(points, half, strict=True)], axis=0)
    return low, high


def _rasterise(thing: Placed, left: int, top: int, width: int, height: int) -> tuple[Image.Image, Image.Image]:
    """Coverage of the silhouette and of its marks in a window of the canvas, 8-bit."""
    body, marks = (Image.new("L", (width * FINE, height * FINE)) for _ in range(2))
    brushes = {
        "add": (ImageDraw.Draw(body), 255),
        "cut": (ImageDraw.Draw(body), 0),
        "mark": (ImageDraw.Draw(marks), 255),
    }
    for part in silhouette(thing.name):
        brush, value = brushes[part.role]
        points = (_place_points(thing, part.points) - (left, top)) * FINE
        paint(brush, points, part.width * thing.size * FINE, value)
    return body.reduce(FINE), marks.reduce(FINE)


def _coat(rng: np.random.Generator) -> Callable[[Image.Image, Image.Image], Array]:
    """Draw the colours, the pattern and the outline of one thing; what comes back paints them."""
    hue, turn = rng.random(), rng.uniform(0.25, 0.75)
    first = _hsv(hue, rng.uniform(0.45, 0.85), rng.uniform(0.5, 0.95))
    second = _hsv(hue + turn, rng.uniform(0.1, 0.7), rng.uniform(0.25, 1.0))
    dark = rng.random() < 0.65
    third = first * 0.3 if dark else np.array([252.0, 246.0, 228.0])
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    step, shift, strength = rng.uniform(6, 14), rng.uniform(0, 20), rng.uniform(0.2, 0.5)

    def apply(body: Image.Image, marks: Image.Image) -> Array:
        rows, columns = np.mgrid[: body.height, : body.width].astype(np.float64)
        blend = strength * pattern(columns + shift, rows + shift, step)
        light = 1.12 - 0.3 * rows / body.height
        colours = (first + (second - first) * blend[:, :, None]) * light[:, :, None]
        details = (np.asarray(marks) / 255.0)[:, :, None]
        colours += (third - colours) * details * 0.85
        edge = 1.0 - (np.asarray(body.filter(ImageFilter.MinFilter(3))) / 255.0)[:, :, None]
        return np.asarray(colours + (third - colours) * edge)

    return apply


def _hsv(hue: float, saturation: float, value: float) -> Array:
    return 255 * np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


# Each maps columns, rows (pixels) and a step to 0..1.
PATTERNS: tuple[Callable[[Array, Array, float], Array], ...] = (
    lambda x, y, step: np.zeros_like(x),
    lambda x, y, step: np.zeros_like(x),
    lambda x, y, step: (np.sin(2 * np.pi * x / step) > 0.2).astype(float),
    lambda x, y, step: (np.sin(2 * np.pi * y / step) > 0.2).astype(float),
    lambda x, y, step: (np.sin(2 * np.pi * (x + y) / (1.4 * step)) > 0.2).astype(float),
    lambda x, y, step: ((x // step + y // step) % 2).astype(float),
    lambda x, y, step: (((x % step) - step / 2) ** 2 + ((y % step) - step / 2) ** 2 < (0.3 * step) ** 2).astype(float),
    lambda x, y, step: (np.sin(2 * np.pi * x / step + 2 * np.sin(4 * y / step)) > 0.3).astype(float),
    lambda x, y, step: (y - y.min()) / max(1.0, float(np.ptp(y))),
)


# ---------------------------------------------------------------------------------------------- backgrounds


def draw_background(rng: np.random.Generator, place: Place) -> Array:
    """An empty scene of a place; float64 (height, width, 3)."""
    canvas = Image.new("RGB", (2 * place.width, 2 * place.height))
    draw = ImageDraw.Draw(canvas)
    ground = int(canvas.height * place.horizon)
    BACKGROUNDS[place.name](rng, draw, canvas.width, canvas.height, ground)
    pixels = np.asarray(canvas.reduce(2), dtype=np.float64)
    coarse = Image.fromarray(rng.normal(0, 4, (6, 8)).astype(np.float32))
    blotches = np.asarray(coarse.resize((place.width, place.height), Image.Resampling.BICUBIC), dtype=np.float64)
    return np.asarray(pixels + (blotches + rng.normal(0, 2, blotches.shape))[:, :, None])


Painter = Callable[[np.random.Generator, ImageDraw.ImageDraw, int, int, int], None]


def _pastel(rng: np.random.Generator, low: float, high: float, saturation: float = 0.3, value: float = 0.92) -> Array:
    """A soft colour with a hue between two bounds (0 red, 1/3 green, 2/3 blue)."""
    return _hsv(rng.uniform(low, high), saturation * rng.uniform(0.7, 1.2), min(1.0, value * rng.uniform(0.92, 1.06)))


def _rgb(colour: Array) -> Colour:
    red, green, blue = (int(channel) for channel in np.clip(colour, 0, 255))
    return red, green, blue


def _gradient(draw: ImageDraw.ImageDraw, width: int, top: int, bottom: int, upper: Array, lower: Array) -> None:
    for row in range(top, bottom, 2):
        share = (row - top) / max(1, bottom - top)
        draw.rectangle((0, row, width, row + 1), fill=_rgb(upper + (lower - upper) * share))


def _sky(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, ground: int) -> None:
    upper = _pastel(rng, 0.48, 0.66, 0.38) if rng.random() < 0.7 else _pastel(rng, 0.7, 1.0, 0.25)
    _gradient(draw, width, 0, ground, upper, _pastel(rng, 0.08, 0.16, 0.14, 0.97))
    if rng.random() < 0.5:
        x, y, r = rng.uniform(0.1, 0.9) * width, rng.uniform(0.15, 0.5) * ground, rng.uniform(0.04, 0.07) * width
        draw.ellipse((x - r, y - r, x + r, y + r), fill=_rgb(_hsv(0.13, 0.4, 1.0)))
    for _ in range(int(rng.integers(0, 4))):
        x, y, r = rng.uniform(0, width), rng.uniform(0.1, 0.6) * ground, rng.uniform(0.02, 0.05) * width
        for shift, size in ((-1.3, 0.8), (0.0, 1.2), (1.3, 0.9), (2.4, 0.6)):
            draw.ellipse(
                (x + (shift - size) * r, y - size * r, x + (shift + size) * r, y + 0.6 * size * r), fill=(252, 252, 250)
            )


def _hills(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, ground: int, colour: Array, tall: float
) -> None:
    x = np.linspace(0, width, 60)
    waves = sum(np.sin(x / width * 2 * np.pi * rng.uniform(0.5, 2.2) + rng.uniform(0, 7)) for _ in range(2))
    y = ground - tall * (waves + 2.2) / 4
    draw.polygon(
        [(0, ground + 2), *zip(x.tolist(), np.asarray(y).tolist(), strict=True), (width, ground + 2)], fill=_rgb(colour)
    )


def _meadow(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int, ground: int) -> None:
    _sky(rng, draw, width, ground)
    green = _pastel(rng, 0.2, 0.36, 0.4, 0.8)
    _hills(rng, draw, width, ground, green * 0.92 + 18, 0.5 * ground)
    _hills(rng, draw, width, ground, green * 0.95, 0.25 * ground)
    _gradient(draw, width, ground, height, green, green * 0.85)
    for x, y in rng.uniform((0, ground), (width, height), (70, 2)).tolist():
        draw.line((x, y, x + 3, y - 9), fill=_rgb(green * 0.72), width=2)
    for x, y in rng.uniform((0, ground), (width, height), (14, 2)).tolist():
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_rgb(_pastel(rng, 0.0, 1.0, 0.4, 1.0)))


def _beach(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int, ground: int) -> None:
    _sky(rng, draw, width, ground)
    shore = ground + int(0.25 * (height - ground))
    sea = _pastel(rng, 0.48, 0.6, 0.5, 0.8)
    _gradient(draw, width, int(0.75 * ground), shore, sea, sea * 0.8 + 50)
    for x, y in rng.uniform((0, 0.77 * ground), (width, shore), (30, 2)).tolist():
        draw.line((x, y, x + 40, y), fill=_rgb(sea * 0.6 + 100), width=2)
    sand = _pastel(rng, 0.09, 0.14, 0.3, 0.93)
    _gradient(draw, width, shore, height, sand, sand * 0.9)
    for x, y in rng.uniform((0, shore), (width, height), (120, 2)).tolist():
        draw.ellipse((x, y, x + 3, y + 3), fill=_rgb(sand * 0.8))


def _street(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int, ground: int) -> None:
    _sky(rng, draw, width, ground)
    x = 0
    while x < width:
        wide, top = int(rng.integers(60, 140)), ground - int(rng.uniform(0.35, 0.95) * ground)
        wall = _pastel(rng, 0.0, 1.0, 0.2, 0.82)
        draw.rectangle((x, top, x + wide, ground), fill=_rgb(wall))
        for column in range(x + 12, x + wide - 16, 28):
            for row in range(top + 14, ground - 20, 34):
                draw.rectangle(
                    (column, row, column + 12, row + 18),
                    fill=_rgb(wall * 0.8 if rng.random() < 0.8 else _hsv(0.14, 0.4, 1.0)),
                )
        x += wide
    kerb = ground + int(0.18 * (height - ground))
    _gradient(draw, width, ground, kerb, np.full(3, 205.0), np.full(3, 190.0))
    _gradient(draw, width, kerb, height, np.full(3, 150.0), np.full(3, 128.0))
    middle = (kerb + height) // 2
    for x in range(int(rng.integers(-60, 0)), width, 130):
        draw.polygon([(x, middle), (x + 70, middle), (x + 64, middle + 9), (x - 6, middle + 9)], fill=(232, 228, 214))


def _room(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int, ground: int) -> None:
    wall = _pastel(rng, 0.0, 1.0, 0.2, 0.93)
    draw.rectangle((0, 0, width, ground), fill=_rgb(wall))
    step = int(rng.integers(36, 70))
    if rng.random() < 0.5:
        for x in range(0, width, step):
            draw.rectangle((x, 0, x + step // 2, ground), fill=_rgb(wall * 0.95))
    else:
        for number, y in enumerate(range(10, ground, step)):
            for x in range(10 + (number % 2) * step // 2, width, step):
                draw.ellipse((x, y, x + 9, y + 9), fill=_rgb(wall * 0.9))
    x, y, wide, high = rng.uniform((0.05, 0.08, 0.2, 0.35), (0.6, 0.2, 0.32, 0.6)) * (width, ground, width, ground)
    draw.rectangle((x - 8, y - 8, x + wide + 8, y + high + 8), fill=(250, 248, 240))
    draw.rectangle((x, y, x + wide, y + high), fill=_rgb(_pastel(rng, 0.45, 0.65, 0.3, 0.97)))
    draw.line((x + wide / 2, y, x + wide / 2, y + high), fill=(250, 248, 240), width=6)
    draw.line((x, y + high / 2, x + wide, y + high / 2), fill=(250, 248, 240), width=6)
    wood = _pastel(rng, 0.05, 0.12, 0.38, 0.78)
    _gradient(draw, width, ground, height, wood, wood * 0.9)
    draw.rectangle((0, ground - 10, width, ground + 2), fill=(246, 242, 232))
    for x in range(-width, 2 * width, 80):
        draw.line(
            (width / 2 + (x - width / 2) * 0.7, ground + 3, x + (x - width / 2) * 0.3, height),
            fill=_rgb(wood * 0.85),
            width=2,
        )


def _desert(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int, ground: int) -> None:
    _sky(rng, draw, width, ground)
    sand = _pastel(rng, 0.06, 0.13, 0.42, 0.93)
    _hills(rng, draw, width, ground, sand * 0.9, 0.35 * ground)
    _hills(rng, draw, width, ground, sand * 0.96, 0.18 * ground)
    _gradient(draw, width, ground, height, sand, sand * 0.88)
    for y in rng.uniform(ground, height, 9).tolist():
        x = rng.uniform(0, width)
        draw.arc((x - 90, y, x + 90, y + 26), 200, 340, fill=_rgb(sand * 0.82), width=3)


def _snow(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int, ground: int) -> None:
    _sky(rng, draw, width, ground)
    rock = _pastel(rng, 0.55, 0.7, 0.2, 0.75)
    for x, high in zip(rng.uniform(0, width, 5), rng.uniform(0.3, 0.8, 5) * ground, strict=True):
        draw.polygon([(x - high, ground), (x, ground - high), (x + high, ground)], fill=_rgb(rock))
        draw.polygon(
            [(x - 0.3 * high, ground - 0.7 * high), (x, ground - high), (x + 0.3 * high, ground - 0.7 * high)],
            fill=(250, 250, 252),
        )
    _gradient(draw, width, ground, height, np.array([244.0, 247, 252]), np.array([216.0, 225, 238]))
    for x, y in rng.uniform((0, 0), (width, height), (80, 2)).tolist():
        draw.ellipse((x, y, x + 5, y + 5), fill=(255, 255, 255))


def _night(rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int, ground: int) -> None:
    dark = _pastel(rng, 0.6, 0.76, 0.5, 0.36)
    _gradient(draw, width, 0, ground, dark, dark * 1.3 + 25)
    for x, y in rng.uniform((0, 0), (width, ground), (60, 2)).tolist():
        draw.ellipse((x, y, x + 3, y + 3), fill=(250, 245, 215))
    x, y, r = rng.uniform(0.1, 0.9) * width, rng.uniform(0.15, 0.4) * ground, 0.05 * width
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(250, 244, 214))
    _hills(rng, draw, width, ground, dark * 0.9 + 12, 0.4 * ground)
    _gradient(draw, width, ground, height, dark * 0.9 + 30, dark * 0.8 + 14)


BACKGROUNDS: dict[str, Painter] = {
    "meadow": _meadow,
    "beach": _beach,
    "street": _street,
    "room": _room,
    "desert": _desert,
    "snow": _snow,
    "night": _night,
}
