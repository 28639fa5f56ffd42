"""Predictions of several runs on the same pictures, side by side in one picture.

    python benchmarks/picture_runs.py WORLD proof.jpg mono=PREDS stereo=PREDS ... [--setting msmi] [--samples 5]

WORLD is what `vpo build` wrote, each PREDS the soft maps of `avs-train predict`. A row for each of some test samples, spread over
the split: the picture, the objects that sound, then what each run predicts (p > 0.5), the sounding ones in dashes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from evaluators.outlines import BoolMap
from evaluators.overlays import draw_regions
from evaluators.videos import Frame
from models.listing import list_items

WIDTH, GAP, HEAD = 200, 6, 22  # pixels
TRUTH, PREDICTED = 1, 0  # colours of draw_regions


def read_region(path: Path, above: int) -> BoolMap:
    """The pixels of a PNG whose value is larger."""
    with Image.open(path) as image:
        region: BoolMap = np.asarray(image) > above
    return region


def tile(picture: Image.Image, sounding: Sequence[tuple[BoolMap, int]], dashed: Sequence[BoolMap]) -> Image.Image:
    """The picture in grey with regions over it, WIDTH wide."""
    nothing = np.zeros((picture.height, picture.width), np.bool_)
    over = draw_regions(sounding, nothing, dashed).convert("RGBA")
    grey = ImageOps.grayscale(picture).point(lambda value: 110 + value * 0.55)
    shown = Image.alpha_composite(grey.convert("RGBA").resize(over.size), over)
    return shown.resize((WIDTH, round(WIDTH * picture.height / picture.width))).convert("RGB")


def row(world: Path, frame: Frame, runs: Sequence[Path]) -> list[Image.Image]:
    """The tiles of one sample."""
    with Image.open(world / frame.image_file) as opened:
        picture = opened.convert("RGB")
    truth = read_region(world / frame.mask_file, 0)
    predicted = [read_region(preds / frame.mask_file, 127) for preds in runs]
    seen = picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)))
    return [
        seen,
        tile(picture, [(truth, TRUTH)], []),
        *(tile(picture, [(one, PREDICTED)], [truth]) for one in predicted),
    ]


def sheet(heads: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """All tiles under their heads."""
    heights = [max(one.height for one in tiles) for tiles in rows]
    size = len(heads) * (WIDTH + GAP) - GAP, HEAD + sum(heights) + GAP * (len(rows) - 1)
    whole = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(whole)
    for column, head in enumerate(heads):
        draw.text((column * (WIDTH + GAP), 2), head, "black", ImageFont.load_default(14))
    y = HEAD
    for tiles, height in zip(rows, heights, strict=True):
        for column, one in enumerate(tiles):
            whole.paste(one, (column * (WIDTH + GAP), y))
        y += height + GAP
    return whole


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+", metavar="NAME=PREDS")
    parser.add_argument("--setting", default="msmi")
    parser.add_argument("--samples", type=int, default=5)
    arguments = parser.parse_args()
    named = [run.partition("=") for run in arguments.runs]
    lacking = [
        run for run, (_, _, preds) in zip(arguments.runs, named, strict=True) if not preds or not Path(preds).is_dir()
    ]
    if lacking:
        parser.error(f"{lacking[0]}: expected NAME=PREDS with a folder of predictions")
    items = list_items(arguments.world, "test", (arguments.setting,)).items
    chosen = [items[(2 * n + 1) * len(items) // (2 * arguments.samples)] for n in range(arguments.samples)]
    rows = [row(arguments.world, item.frames[0], [Path(preds) for _, _, preds in named]) for item in chosen]
    sheet(["", "what sounds", *(name for name, _, _ in named)], rows).save(arguments.out, quality=80)


if __name__ == "__main__":
    main()
