"""Masks and records of the sample world in COCO's format: categories, polygons, run lengths, image and annotation rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .segmentation import encode_mask
from .world_scenes import PERSONS, Scene, Seen

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Row = dict[str, Any]
Corner = tuple[int, int]  # x, y

# COCO's 80 categories: id and name, under the name of their group.
_CATEGORIES = """
person: 1 person
vehicle: 2 bicycle, 3 car, 4 motorcycle, 5 airplane, 6 bus, 7 train, 8 truck, 9 boat
outdoor: 10 traffic light, 11 fire hydrant, 13 stop sign, 14 parking meter, 15 bench
animal: 16 bird, 17 cat, 18 dog, 19 horse, 20 sheep, 21 cow, 22 elephant, 23 bear, 24 zebra, 25 giraffe
accessory: 27 backpack, 28 umbrella, 31 handbag, 32 tie, 33 suitcase
sports: 34 frisbee, 35 skis, 36 snowboard, 37 sports ball, 38 kite, 39 baseball bat, 40 baseball glove, 41 skateboard, 42 surfboard, 43 tennis racket
kitchen: 44 bottle, 46 wine glass, 47 cup, 48 fork, 49 knife, 50 spoon, 51 bowl
food: 52 banana, 53 apple, 54 sandwich, 55 orange, 56 broccoli, 57 carrot, 58 hot dog, 59 pizza, 60 donut, 61 cake
furniture: 62 chair, 63 couch, 64 potted plant, 65 bed, 67 dining table, 70 toilet
electronic: 72 tv, 73 laptop, 74 mouse, 75 remote, 76 keyboard, 77 cell phone
appliance: 78 microwave, 79 oven, 80 toaster, 81 sink, 82 refrigerator
indoor: 84 book, 85 clock, 86 vase, 87 scissors, 88 teddy bear, 89 hair drier, 90 toothbrush
"""


def categories() -> list[Row]:
    """The ``categories`` of an instances file, in order of their ids."""
    rows = []
    for line in _CATEGORIES.strip().splitlines():
        group, names = line.split(": ")
        for entry in names.split(", "):
            number, name = entry.split(" ", 1)
            rows.append({"supercategory": group, "id": int(number), "name": name})
    return rows


_IDS = {row["name"]: row["id"] for row in categories()}


def image_row(image_id: int, split: str, scene: Scene) -> Row:
    """The row of an image; ``split`` is train or val."""
    height, width = scene.pixels.shape[:2]
    name = f"{image_id:012d}.jpg"
    return {
        "license": 1,
        "file_name": name,
        "coco_url": f"http://images.sample-world.example/{split}2017/{name}",
        "height": height,
        "width": width,
        "date_captured": "2017-01-01 00:00:00",
        "flickr_url": f"http://photos.sample-world.example/{image_id}",
        "id": image_id,
    }


def annotation_rows(image_id: int, seen: Iterable[Seen]) -> list[Row]:
    """The annotations of an image; annotation i (from 0) has the id 100 * image_id + i."""
    rows = []
    for index, thing in enumerate(seen):
        number = 100 * image_id + index
        name = "person" if thing.name in PERSONS else thing.name
        rows.append(
            {
                "segmentation": segmentation(thing, number),
                "area": int(thing.mask.sum()),
                "iscrowd": int(thing.herd),
                "image_id": image_id,
                "bbox": bounding_box(thing.mask),
                "category_id": _IDS[name],
                "id": number,
            }
        )
    return rows


def segmentation(thing: Seen, number: int) -> Any:
    """A mask as COCO would have it: plain run lengths for a herd, polygons for an object.

    Where polygons can't tell it, because the mask has holes, and for every tenth annotation, it is compressed run lengths.
    All three give back exactly the mask.
    """
    height, width = thing.mask.shape
    if thing.herd:
        return {"counts": run_lengths(thing.mask), "size": [height, width]}
    loops = outlines(thing.mask)
    if number % 10 == 7 or any(_signed_area(loop) < 0 for loop in loops):
        return {"counts": encode_mask(thing.mask), "size": [height, width]}
    return [[coordinate for corner in loop for coordinate in corner] for loop in loops]


def bounding_box(mask: Mask) -> list[int]:
    """x, y, width, height in pixels of a mask that is not empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)]


def run_lengths(mask: Mask) -> list[int]:
    """Lengths of the runs of 0 and 1 in turn, column by column, the first of 0 (and 0 long where a 1 comes first)."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0] if flat[0] else [], [0], changes, [flat.size]])
    return [int(length) for length in np.diff(edges)]


def outlines(mask: Mask) -> list[list[Corner]]:
    """Closed outlines of a mask along the edges of its pixels, as corners x, y.

    Outer borders have a positive area by the shoelace formula, holes a negative one. Pixels that touch only at a
    corner are apart. Polygons with whole coordinates are decoded by pycocotools to exactly the pixels inside.
    """
    onward = _edges(mask)
    loops = []
    while onward:
        start = point = next(
            iter(onward)
        )  # the highest, then leftmost corner that is left: always a corner of one pixel
        loop: list[Corner] = []
        heading = (0, 0)
        while not loop or point != start:
            ways = onward[point]
            right = (-heading[1], heading[0])
            way = right if right in ways else ways[0]
            if way != heading:
                loop.append(point)
            ways.remove(way)
            if not ways:
                del onward[point]
            point, heading = (point[0] + way[0], point[1] + way[1]), way
        loops.append(loop)
    return loops


def _edges(mask: Mask) -> dict[Corner, list[Corner]]:
    """The steps along pixel edges that have the mask on their right, by where they start; from the top, then left."""
    padded = np.pad(mask, 1)
    steps = []
    for way, (down, right), (row, column) in (
        ((1, 0), (-1, 0), (0, 0)),  # along the top of a pixel with nothing above it
        ((0, 1), (0, 1), (0, 1)),  # down its right side
        ((-1, 0), (1, 0), (1, 1)),  # back along its bottom
        ((0, -1), (0, -1), (1, 0)),  # up its left side
    ):
        bare = mask & ~padded[1 + down : 1 + down + mask.shape[0], 1 + right : 1 + right + mask.shape[1]]
        rows, columns = np.nonzero(bare)
        steps += [(y, x, way) for y, x in zip((rows + row).tolist(), (columns + column).tolist(), strict=True)]
    onward: dict[Corner, list[Corner]] = {}
    for y, x, way in sorted(steps):
        onward.setdefault((x, y), []).append(way)
    return onward


def _signed_area(loop: list[Corner]) -> float:
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(loop, loop[1:] + loop[:1], strict=True)) / 2
