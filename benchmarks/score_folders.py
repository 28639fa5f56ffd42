"""CPU time of `avs-eval` against only decoding the same files, its memory, and the gain of a second worker.

    python benchmarks/score_folders.py [--scale 1.0] [--turns 3]

Writes two sets: soft 8-bit maps of AVSBench-object's test size (740 videos x 5 frames, 224 x 224) and label maps of
VPO-MSMI's test size (1,775 maps of 640 x 480), both with masks of blobs and noisy outlines as a network gives them.
Each turn decodes all files with Pillow (the floor) and scores them under the AVSBench, CAVP and per-image protocols at
once, in the same process; the ratio is of medians. Wall times of 1 and 2 workers are of the whole command, and of its part
that reads and counts, which is what workers share.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators.engines import Engine
from evaluators.evaluate import Options, evaluate
from evaluators.progress import Advance, Progress

OBJECT = ("avs", "avsbench-object", "avsbench-object-b4", "cavp-object", "deepavfusion", "cavp-vpo")
LABELS = ("avs", "cavp-vpo", "cavp-image", "combo-semantic", "avsbench-object")


def blob(rng: np.random.Generator, height: int, width: int) -> Any:
    """Signed distance-like field of one wobbly ellipse: under 1 inside."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre, radii = rng.uniform(0.25, 0.75, 2), rng.uniform(0.08, 0.3, 2)
    dx, dy = (x - centre[0] * width) / (radii[0] * width), (y - centre[1] * height) / (radii[1] * height)
    angles = np.linspace(-np.pi, np.pi, 1024)
    wobble = sum(rng.uniform(0, 0.1) * np.sin(n * angles + rng.uniform(0, 6)) for n in range(3, 40, 4))
    place = ((np.arctan2(dy, dx) / np.pi + 1) * 511.5).astype(int)
    return dx**2 + dy**2 + np.asarray(wobble, np.float32)[place]


def write_object(folder: Path, videos: int) -> None:
    """Soft maps and 0/255 gt, as AVSBench's folders name them."""
    for number in range(videos):
        rng = np.random.default_rng([0, number])
        name = f"video{number:04d}"
        for part in ("gt", "preds"):
            (folder / part / name).mkdir(parents=True)
        for frame in range(1, 6):
            field = blob(rng, 224, 224)
            Image.fromarray((field < 1).astype(np.uint8) * 255).save(folder / "gt" / name / f"{name}_{frame}.png")
            noise = Image.fromarray(rng.normal(0, 1, (28, 28)).astype(np.float32)).resize(
                (224, 224), Image.Resampling.BICUBIC
            )
            soft = 1 / (1 + np.exp(-(5 * (1 - field) + np.asarray(noise))))
            Image.fromarray(np.rint(soft * 255).astype(np.uint8)).save(folder / "preds" / name / f"{name}_{frame}.png")


def write_labels(folder: Path, images: int) -> None:
    """Label maps of 22 categories as palette PNGs, void here and there."""
    for part in ("gt", "preds"):
        (folder / part).mkdir(parents=True)
    for number in range(images):
        rng = np.random.default_rng([1, number])
        maps = np.zeros((2, 480, 640), np.uint8)
        for _ in range(rng.integers(1, 5)):
            field, category = blob(rng, 480, 640), rng.integers(1, 22)
            noise = Image.fromarray(rng.normal(0, 0.25, (60, 80)).astype(np.float32)).resize(
                (640, 480), Image.Resampling.BICUBIC
            )
            maps[0][field < 1] = category
            maps[1][field + np.asarray(noise) < 1] = category if rng.random() < 0.8 else rng.integers(1, 22)
        if rng.random() < 0.2:
            maps[0][200:240, 300:380] = 255
        for part, labels in zip(("gt", "preds"), maps, strict=True):
            image = Image.fromarray(labels)
            image.putpalette([value % 256 for value in range(0, 768 * 7, 7)])
            image.save(folder / part / f"{number:012d}.png")


def decode_all(folder: Path) -> None:
    """The floor: every file's pixels, nothing else."""
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            np.asarray(image)


class Timed(Progress):
    """Keeps the seconds of the last stage."""

    seconds = 0.0

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        start = time.perf_counter()
        yield lambda: None
        self.seconds = time.perf_counter() - start


def score_all(folder: Path, protocols: tuple[str, ...], workers: int = 1) -> float:
    """The whole run from this process; wall time of its part that reads and counts."""
    timed = Timed()
    with Engine(workers, warm_up="evaluators.score", start="fork", chunk=1) as engine:  # as the command has it
        evaluate(folder / "preds", folder / "gt", Options(protocols=protocols), engine, timed, "")
    return timed.seconds


def cpu_seconds(function: Callable[[], Any]) -> float:
    """CPU time of a call in this process."""
    start = time.process_time()
    function()
    return time.process_time() - start


def wall_seconds(folder: Path, protocols: tuple[str, ...], workers: int) -> float:
    """Wall time of the command."""
    chosen = [word for name in protocols for word in ("--protocol", name)]
    command = [Path(sys.executable).with_name("avs-eval"), folder / "preds", folder / "gt", *chosen]
    start = time.perf_counter()
    subprocess.run([*command, "--workers", str(workers), "--quiet"], check=True)
    return time.perf_counter() - start


def report(name: str, folder: Path, protocols: tuple[str, ...], turns: int) -> Iterator[str]:
    """Lines of one set."""
    score_all(folder, protocols)  # imports, and the files into the system's cache
    floors, totals = zip(
        *(
            (cpu_seconds(lambda: decode_all(folder)), cpu_seconds(lambda: score_all(folder, protocols)))
            for _ in range(turns)
        ),
        strict=True,
    )
    floor, total = statistics.median(floors), statistics.median(totals)
    yield f"{name}: decoding {floor:.2f} CPU s, avs-eval {total:.2f} CPU s, ratio {total / floor:.2f}"
    for what, seconds in (("the whole command", wall_seconds), ("reading and counting", score_all)):
        walls = {n: statistics.median(seconds(folder, protocols, n) for _ in range(turns)) for n in (1, 2)}
        told = f"{walls[1]:.2f} s with 1 worker, {walls[2]:.2f} s with 2, gain {walls[1] / walls[2]:.2f}"
        yield f"{name}: {what}, wall, {told}"
    yield f"{name}: largest memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the sets' sizes")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_object(folder / "object", round(740 * arguments.scale))
        write_labels(folder / "labels", round(1775 * arguments.scale))
        print(f"{date.today()}, Python {sys.version.split()[0]}, scale {arguments.scale}")
        for name, protocols in (("object", OBJECT), ("labels", LABELS)):
            for line in report(name, folder / name, protocols, arguments.turns):
                print(line, flush=True)


if __name__ == "__main__":
    main()
