"""Pictures per second of the loader, for 0, 1 and 2 workers, beside bare decoding of the same files.

    python benchmarks/load_batches.py [--samples 96] [--size 512] [--workers 0 1 2]

Builds VPO-like samples of 640 x 480 (a photo-like JPEG, a mask, two clips of 10 s), and loads them as CAVP trains: scaled, cut to a
square, recoloured, with 3 s of sound mixed from its sources. Bare decoding opens the same JPEGs and masks with Pillow, the floor that
no loader passes. Workers' start is not counted: an epoch is loaded before. The last lines tell where a single process spends its
time, in CPU milliseconds a sample.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from evaluators import vpo
from evaluators.categories import vpo_categories
from evaluators.dataset import Clip, Crop, DatasetInfo, Instance, Picture, Sample, Source, write_info, write_manifest
from evaluators.masks import write_label_map
from models.augment import VPO_AUGMENT
from models.data import AvsData, View, make_loader
from models.listing import Listing, list_items

ROUNDS = 3
WIDTH, HEIGHT = 640, 480


def write_dataset(folder: Path, count: int) -> None:
    """Noise over gradients, an ellipse as the object."""
    rng = np.random.default_rng(0)
    table = vpo_categories()
    for number in range(8):
        _write_clip(folder / vpo.clip_file(f"clip{number}_000000"), rng)
    samples = [_write_sample(folder, number, rng) for number in range(1, count + 1)]
    write_manifest(folder / "manifest.jsonl", samples)
    categories = tuple((one.index, one.name, one.mask_id) for one in table)
    write_info(folder, DatasetInfo("bench", "0", ("ms",), "vpo", "reference", 0, 60.0, "0" * 64, categories))


def _write_clip(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(16_000)
        stream.writeframes(rng.integers(-9000, 9000, 160_000).astype("<i2").tobytes())


def _write_sample(folder: Path, number: int, rng: np.random.Generator) -> Sample:
    image, mask = vpo.image_file("ms", number, "dog"), vpo.mask_file("ms", number, "dog", number)
    for name in (image, mask):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BICUBIC
    )
    noisy = np.asarray(coarse, np.int16) + rng.normal(0, 6, (HEIGHT, WIDTH, 3)).astype(np.int16)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / image, quality=90)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = ((x - 320) / 150) ** 2 + ((y - 240) / 110) ** 2 < 1
    write_label_map(folder / mask, np.where(inside, 18, 0).astype(np.uint8))
    instance = Instance(number, "dog", "", int(inside.sum()), (170, 130, 300, 220), 0.5, 1)
    clips = [Clip(f"clip{(number + n) % 8}_000000", "", 0.0, "dog", "", "") for n in (0, 1)]
    return Sample(
        id=f"ms_{number:012d}", setting="ms", split="train", picture=Picture(number, "", 0, WIDTH, HEIGHT, ""),
        sources=tuple(Source(instance, clip, 0.5) for clip in clips), silent=(), unlabelled=(), ignore=(),
        crop=Crop(0, 160_000, 16_000, "loop"), pan_law="linear", image_file=image, mask_file=mask, instance_file=mask,
    )  # fmt: skip


def decode_only(listing: Listing) -> None:
    """Every picture and mask, with nothing made of them."""
    for item in listing.items:
        for frame in item.frames:
            for name in (frame.image_file, frame.mask_file):
                with Image.open(listing.root / name) as image:
                    image.load()


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Median of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = clock()
        work()
        taken.append(clock() - start)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        write_dataset(Path(place), options.samples)
        listing = list_items(place, "train")
        view = View(options.size, 2, 3.0, len(listing.categories), VPO_AUGMENT, "follow")
        result: dict[str, float] = {"decoding alone": options.samples / seconds(lambda: decode_only(listing))}
        for workers in options.workers:
            loader = make_loader(AvsData(listing, view), options.batch, workers, drop_last=False)
            list(loader)
            result[f"{workers} workers"] = options.samples / seconds(lambda loader=loader: list(loader))
        for name, rate in result.items():
            print(f"{name:>20}  {rate:7.1f} pictures/s")
        whole = AvsData(listing, view)
        parts = {
            "decoding alone": lambda: decode_only(listing),
            "deaf": lambda: [AvsData(listing, replace(view, channels=0))[n] for n in range(len(listing))],
            "all": lambda: [whole[n] for n in range(len(listing))],
        }
        milliseconds = {name: 1000 * seconds(work, time.process_time) / options.samples for name, work in parts.items()}
        print(
            json.dumps({"ms per sample": {k: round(v, 2) for k, v in milliseconds.items()}, "view": str(asdict(view))})
        )


if __name__ == "__main__":
    main()
