"""What a prediction got right and wrong, pixel by pixel: as areas, as pixel counts, and as a picture to lay over the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .categories import VOID
from .outlines import BoolMap, Points, dashes, outlines

LabelMap = np.ndarray[Any, np.dtype[np.uint8]]
Counts = np.ndarray[Any, np.dtype[np.int64]]

# Areas. MISTAKEN: sounding in gt and prediction, as different categories; so both missed and false.
NOTHING, AGREED, MISSED, FALSE, MISTAKEN, IGNORED = range(6)
COLOURS = {AGREED: "#2f9df4", MISSED: "#ffc21a", FALSE: "#e5197f"}  # apart for every kind of colour vision, and in grey
STRONG, WEAK = 0.66, 0.36  # opacity of a stripe, and of what is between stripes
LONGEST, SHORTEST = 640, 480  # pixels of a picture's longer side: larger maps are reduced, smaller ones enlarged
MOST_EDGES = 40_000  # pixel edges between inside and outside; a more ragged region gets no outline
_SHADE, _WHITE, _PALE, _FIRST = 1, 2, 3, 4  # palette indices; then each colour strong and weak


def _areas() -> LabelMap:
    """The area of each pair of gt and prediction, (256, 256)."""
    gt, pred = np.ogrid[:256, :256]
    said = (pred > 0) & (pred < VOID)
    areas = np.select(
        [gt == VOID, (gt > 0) & (gt == pred), (gt > 0) & said, gt > 0, said],
        [IGNORED, AGREED, MISTAKEN, MISSED, FALSE],
        NOTHING,
    )
    return areas.astype(np.uint8)


AREAS = _areas()


def count_pairs(pred: LabelMap, gt: LabelMap) -> Counts:
    """Pixels by gt (row) and prediction (column), int64 (256, 256), from label maps: 0 background, 255 void."""
    flat = np.bincount(gt.ravel().astype(np.intp) * 256 + pred.ravel(), minlength=256 * 256)
    return flat.astype(np.int64).reshape(256, 256)


def area_counts(counts: Counts) -> list[int]:
    """Pixels of each area, in the order of the constants."""
    return [int(counts[area == AREAS].sum()) for area in range(6)]


def draw_errors(pred: LabelMap, gt: LabelMap) -> Image.Image:
    """Palette picture with transparency to lay over the image.

    Areas are filled: agreed plain, missed and false striped in two directions, mistaken in stripes of both colours, ignored
    hatched. What sounds has a white outline, category by category, what is predicted a dashed one.
    """
    pred, gt = (_sized(labels) for labels in (pred, gt))
    areas = AREAS[gt, pred]
    canvas = Image.fromarray(_filled(areas))
    draw = ImageDraw.Draw(canvas)
    for region in _regions(np.where(pred == VOID, 0, pred)):
        for outline in outlines(region):
            _line(draw, outline, _SHADE, 3)
            for dash in dashes(outline, 10):
                _line(draw, dash, _WHITE, 1)
    for region in _regions(np.where(gt == VOID, 0, gt)):
        for outline in outlines(region):
            _line(draw, outline, _SHADE, 5)
            _line(draw, outline, _WHITE, 3)
    canvas.putpalette(_palette(), "RGBA")
    return canvas


def _sized(labels: LabelMap) -> LabelMap:
    """The map at the size of its picture: each pixel repeated, or every so many-th taken."""
    longest = max(labels.shape)
    if longest > LONGEST:
        size = [max(1, round(side * LONGEST / longest)) for side in labels.shape]
        rows, columns = (np.arange(new) * old // new for new, old in zip(size, labels.shape, strict=True))
        reduced: LabelMap = labels[rows[:, None], columns]
        return reduced
    times = -(-SHORTEST // longest)
    return np.repeat(np.repeat(labels, times, 0), times, 1)


def _filled(areas: LabelMap) -> LabelMap:
    """Palette indices, one a pixel."""
    height, width = areas.shape
    down, across = np.arange(height)[:, None], np.arange(width)
    falling, rising = (down - across) % 12 < 5, (down + across) % 12 < 5
    agreed, missed, false = (_FIRST + 2 * place for place in range(3))  # strong; weak is the next
    choices = {
        AGREED: np.full(areas.shape, agreed + 1),
        MISSED: np.where(falling, missed, missed + 1),
        FALSE: np.where(rising, false, false + 1),
        MISTAKEN: np.where((down + across) % 24 < 12, missed, false),
        IGNORED: np.where((down + across) % 10 < 2, _PALE, _SHADE),
    }
    return np.select([areas == area for area in choices], list(choices.values()), 0).astype(np.uint8)


def _regions(labels: LabelMap) -> list[BoolMap]:
    """The region of each category; those that are too ragged to outline are left out."""
    regions = [labels == index for index in np.flatnonzero(np.bincount(labels.ravel(), minlength=1)) if index]
    return [
        region
        for region in regions
        if np.count_nonzero(np.diff(region, axis=0)) + np.count_nonzero(np.diff(region, axis=1)) <= MOST_EDGES
    ]


def _line(draw: ImageDraw.ImageDraw, points: Points, index: int, width: int) -> None:
    draw.line(points.ravel().tolist(), fill=index, width=width)


def _palette() -> bytes:
    """Red, green, blue, opacity by index."""
    entries = [(0, 0, 0, 0), (0, 0, 0, 110), (255, 255, 255, 255), (255, 255, 255, 170)]
    for colour in COLOURS.values():
        entries += [(*bytes.fromhex(colour[1:]), round(255 * opacity)) for opacity in (STRONG, WEAK)]
    return bytes(value for entry in entries for value in entry)
