"""Draws regions to lay over an image: what sounds, what is silent, what is ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .outlines import BoolMap, Points, dashes, outlines

LabelMap = np.ndarray[Any, np.dtype[np.uint8]]

COLOURS = (
    "#f2545b",
    "#18b7a6",
    "#f5a524",
    "#8b7cf6",
    "#3fa7ff",
    "#e86fc1",
    "#8fc93a",
    "#c08552",
)  # c0 to c7 of gallery.css
FINE = 2  # drawn this much larger than the mask: smooth edges
LONGEST_SIDE = 800  # pixels of a mask; longer ones are reduced first
FILL = 0.38  # opacity
_SHADE, _WHITE, _PALE, _OUTLINES, _FILLS = 1, 2, 3, 4, 4 + len(COLOURS)  # palette indices


def draw_regions(
    sounding: Sequence[tuple[BoolMap, int]], ignored: BoolMap, silent: Sequence[BoolMap] = ()
) -> Image.Image:
    """Palette picture with transparency to lay over the image, twice the size of the maps, which are all (height, width).

    Each of ``sounding`` is filled and outlined in the colour of its number, each of ``silent`` has a dashed white outline,
    ``ignored`` is hatched; everything else is transparent.
    """
    regions = [(region, number % len(COLOURS)) for region, number in sounding]
    canvas = Image.fromarray(np.repeat(np.repeat(_fills(regions, ignored), FINE, 0), FINE, 1))
    draw = ImageDraw.Draw(canvas)
    for outline in outlines(ignored):
        _line(draw, outline, _PALE, 1)
    for region in silent:
        for outline in outlines(region):
            _line(draw, outline, _SHADE, 3)
            for dash in dashes(outline):
                _line(draw, dash, _WHITE, 2)
    for region, colour in regions:
        for outline in outlines(region):
            _line(draw, outline, _SHADE, 4)
            _line(draw, outline, _OUTLINES + colour, 2)
    canvas.putpalette(_palette(), "RGBA")
    return canvas


def reduced(labels: LabelMap) -> LabelMap:
    """``labels``, or every so many-th pixel of it where it is longer than an overlay may be."""
    height, width = labels.shape
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return labels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.array(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def _palette() -> bytes:
    """Red, green, blue, opacity by index: nothing, shade, white, pale, then each colour as outline and as fill."""
    entries = [(0, 0, 0, 0), (0, 0, 0, 100), (255, 255, 255, 255), (255, 255, 255, 170)]
    colours = [bytes.fromhex(colour[1:]) for colour in COLOURS]
    entries += [(*colour, 255) for colour in colours]
    entries += [(*colour, round(255 * FILL)) for colour in colours]
    return bytes(value for entry in entries for value in entry)


def _fills(regions: Sequence[tuple[BoolMap, int]], ignored: BoolMap) -> LabelMap:
    """Palette indices, one a pixel, before outlines."""
    height, width = ignored.shape
    indices = np.zeros((height, width), np.uint8)
    if ignored.any():
        stripes = (np.arange(height)[:, None] + np.arange(width)) % 10 < 2
        indices[ignored] = np.where(stripes, _PALE, _SHADE)[ignored]
    for region, colour in regions:
        indices[region] = _FILLS + colour
    return indices


def _line(draw: ImageDraw.ImageDraw, points: Points, index: int, width: int) -> None:
    draw.line((points * FINE).ravel().tolist(), fill=index, width=width * FINE)
