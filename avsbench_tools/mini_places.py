"""Where the films of the mini AVSBench play: six drawn backgrounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Rgb = tuple[int, int, int]
Pen = ImageDraw.ImageDraw
Painter = Callable[[Pen, np.random.Generator, int, int, int], None]  # pen, rng, width, height, y of the ground

FINE = 2  # drawn this many times larger, then reduced
GROUND = {"meadow": 0.58, "street": 0.6, "room": 0.66, "stage": 0.7, "lake": 0.55, "night": 0.66}  # share of the height


def draw_place(name: str, rng: np.random.Generator, width: int, height: int) -> Pixels:
    """An empty background, ``uint8`` (height, width, 3)."""
    image = Image.new("RGB", (width * FINE, height * FINE))
    ground = round(GROUND[name] * height * FINE)
    _PAINTERS[name](ImageDraw.Draw(image), rng, width * FINE, height * FINE, ground)
    return np.array(image.reduce(FINE))


def _meadow(pen: Pen, rng: np.random.Generator, width: int, height: int, ground: int) -> None:
    _fade(pen, (0, 0, width, ground), (122, 184, 232), (222, 240, 248))
    _sun(pen, rng, width, ground)
    _clouds(pen, rng, width, ground)
    _hills(pen, rng, width, ground, (146, 190, 128), 0.34)
    _hills(pen, rng, width, ground, (118, 172, 98), 0.18)
    _fade(pen, (0, ground, width, height), (128, 186, 90), (92, 150, 66))
    for _ in range(40):
        x, y, tall = rng.uniform(0, width), rng.uniform(ground + 6, height), rng.uniform(4, 9)
        pen.line((x, y, x + rng.uniform(-3, 3), y - tall), (78, 136, 58), 2)
    for _ in range(14):
        colour = [(250, 240, 160), (250, 250, 250), (232, 150, 190)][int(rng.integers(3))]
        _dot(pen, rng.uniform(0, width), rng.uniform(ground + 8, height), 3, colour)


def _street(pen: Pen, rng: np.random.Generator, width: int, height: int, ground: int) -> None:
    _fade(pen, (0, 0, width, ground), (150, 190, 220), (236, 232, 220))
    _clouds(pen, rng, width, ground // 2)
    x = -rng.uniform(0, 40)
    while x < width:
        wide, tall = rng.uniform(0.1, 0.2) * width, rng.uniform(0.4, 0.85) * ground
        walls = [(196, 132, 104), (214, 190, 150), (150, 160, 178), (178, 108, 96)][int(rng.integers(4))]
        pen.rectangle((x, ground - tall, x + wide - 4, ground), walls)
        for window_y in np.arange(ground - tall + 12, ground - 26, 30):
            for window_x in np.arange(x + 10, x + wide - 22, 24):
                lit = rng.random() < 0.25
                pen.rectangle(
                    (window_x, window_y, window_x + 12, window_y + 16), (250, 226, 150) if lit else (92, 108, 130)
                )
        x += wide
    kerb = ground + (height - ground) // 5
    pen.rectangle((0, ground, width, kerb), (186, 182, 176))
    _fade(pen, (0, kerb, width, height), (98, 100, 106), (74, 76, 82))
    middle = kerb + (height - kerb) // 2
    for dash in range(-20, width, 70):
        pen.rectangle((dash, middle - 3, dash + 36, middle + 3), (232, 226, 196))


def _room(pen: Pen, rng: np.random.Generator, width: int, height: int, ground: int) -> None:
    wall = [(226, 214, 190), (190, 208, 206), (216, 196, 200)][int(rng.integers(3))]
    _fade(pen, (0, 0, width, ground), wall, _times(wall, 0.9))
    for stripe in range(0, width, 48):
        pen.line((stripe, 0, stripe, ground), _times(wall, 0.94), 3)
    left, high = rng.uniform(0.08, 0.55) * width, ground * 0.16
    wide, tall = 0.26 * width, ground * 0.5
    pen.rectangle((left - 8, high - 8, left + wide + 8, high + tall + 8), (246, 242, 234))
    _fade(pen, (round(left), round(high), round(left + wide), round(high + tall)), (150, 200, 236), (226, 240, 244))
    pen.line((left + wide / 2, high, left + wide / 2, high + tall), (246, 242, 234), 6)
    pen.line((left, high + tall / 2, left + wide, high + tall / 2), (246, 242, 234), 6)
    pen.rectangle((0, ground - 12, width, ground), (240, 236, 226))
    _fade(pen, (0, ground, width, height), (178, 132, 88), (146, 102, 64))
    for board in np.linspace(-0.5, 1.5, 13):
        pen.line((width * (0.5 + (board - 0.5) * 0.7), ground, width * board, height), (140, 98, 60), 2)
    rug = [(172, 84, 84), (84, 116, 160), (104, 140, 96)][int(rng.integers(3))]
    low, deep = ground + 0.3 * (height - ground), 0.62 * (height - ground)
    pen.ellipse((0.14 * width, low, 0.86 * width, low + deep), rug)
    pen.ellipse((0.2 * width, low + 8, 0.8 * width, low + deep - 8), None, _times(rug, 1.3), 4)


def _stage(pen: Pen, rng: np.random.Generator, width: int, height: int, ground: int) -> None:
    cloth = [(136, 34, 48), (44, 52, 110), (40, 92, 78)][int(rng.integers(3))]
    pen.rectangle((0, 0, width, ground), _times(cloth, 0.6))
    for fold in range(0, width, 26):
        pen.rectangle((fold, 0, fold + 12, ground), _times(cloth, 0.78))
        pen.rectangle((fold + 4, 0, fold + 8, ground), cloth)
    floor = (128, 92, 62)
    _fade(pen, (0, ground, width, height), floor, (164, 120, 80))
    middle, centre = (ground + height) / 2, rng.uniform(0.35, 0.65) * width
    for step in range(8):
        wide, high = (0.46 - 0.04 * step) * width, (0.46 - 0.04 * step) * (height - ground)
        pen.ellipse((centre - wide, middle - high, centre + wide, middle + high), _times(floor, 1.1 + 0.05 * step))
    for board in np.linspace(-0.5, 1.5, 17):
        pen.line((width * (0.5 + (board - 0.5) * 0.6), ground, width * board, height), (96, 66, 44), 2)
    pen.rectangle((0, 0, width, 14), _times(cloth, 1.2))


def _lake(pen: Pen, rng: np.random.Generator, width: int, height: int, ground: int) -> None:
    _fade(pen, (0, 0, width, ground), (140, 196, 234), (248, 228, 206))
    _sun(pen, rng, width, ground)
    _clouds(pen, rng, width, ground)
    _hills(pen, rng, width, ground, (120, 150, 172), 0.3)
    _hills(pen, rng, width, ground, (94, 140, 118), 0.12)
    _fade(pen, (0, ground, width, height), (120, 178, 206), (48, 110, 158))
    for _ in range(36):
        x, y = rng.uniform(0, width), rng.uniform(ground + 4, height)
        long = 10 + 40 * (y - ground) / (height - ground)
        pen.line((x, y, x + long, y), (176, 216, 230), 2)


def _night(pen: Pen, rng: np.random.Generator, width: int, height: int, ground: int) -> None:
    _fade(pen, (0, 0, width, ground), (18, 24, 58), (70, 74, 118))
    for _ in range(60):
        _dot(pen, rng.uniform(0, width), rng.uniform(0, ground * 0.8), rng.uniform(0.8, 2.2), (240, 240, 220))
    x = rng.uniform(0.15, 0.85) * width
    _dot(pen, x, ground * 0.26, 26, (250, 244, 214))
    _dot(pen, x - 8, ground * 0.24, 6, (230, 222, 190))
    _hills(pen, rng, width, ground, (44, 54, 84), 0.3)
    _hills(pen, rng, width, ground, (34, 46, 62), 0.12)
    _fade(pen, (0, ground, width, height), (52, 76, 72), (30, 46, 48))


_PAINTERS: Mapping[str, Painter] = {
    "meadow": _meadow,
    "street": _street,
    "room": _room,
    "stage": _stage,
    "lake": _lake,
    "night": _night,
}


def _fade(pen: Pen, box: tuple[int, int, int, int], top: Rgb, bottom: Rgb) -> None:
    """A box whose colour goes from one to the other."""
    left, high, right, low = box
    for y in range(high, low):
        share = (y - high) / max(low - high - 1, 1)
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True))
        pen.line((left, y, right - 1, y), (red, green, blue))


def _times(colour: Rgb, factor: float) -> Rgb:
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue


def _dot(pen: Pen, x: float, y: float, radius: float, colour: Rgb) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


def _sun(pen: Pen, rng: np.random.Generator, width: int, ground: int) -> None:
    x, y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.14, 0.3) * ground
    _dot(pen, x, y, 34, (252, 240, 190))
    _dot(pen, x, y, 26, (254, 226, 120))


def _clouds(pen: Pen, rng: np.random.Generator, width: int, ground: int) -> None:
    for _ in range(3):
        x, y = rng.uniform(0, width), rng.uniform(0.08, 0.45) * ground
        for step in range(4):
            _dot(pen, x + 20 * step, y - 8 * (step in (1, 2)), rng.uniform(13, 20), (250, 251, 252))


def _hills(pen: Pen, rng: np.random.Generator, width: int, ground: int, colour: Rgb, tall: float) -> None:
    x = np.linspace(0, width, 60)
    waves = np.sin(x / width * rng.uniform(4, 8) + rng.uniform(0, 6)) + np.sin(x / width * rng.uniform(9, 15))
    y = ground - ground * tall * (0.55 + 0.2 * waves)
    pen.polygon([(0, ground), *zip(x.tolist(), y.tolist(), strict=True), (width, ground)], colour)
