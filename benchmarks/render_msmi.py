"""CPU time of rendered VPO-MSMI samples against the calls that can't be avoided, and the gain of a second worker.

    python benchmarks/render_msmi.py [--images 300] [--clips 300]

Writes 640 x 480 JPEGs with polygon instances and 10 s mono clips at 44.1 kHz, builds VPO-MSMI with stems and
mixtures from them, and counts, over the same files and in the same run, the time of only the calls that any
builder of the same output has to make: decode and resample each clip, decode each image, polygons to pixels,
PNG, WAV, SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from PIL import Image
from pycocotools import mask as coco_mask

from evaluators.dataset import MANIFEST, Sample, read_manifest

CATEGORIES = {3: "car", 17: "cat", 18: "dog", 19: "horse", 21: "cow"}
LABELS = {
    "car": "car passing by",
    "cat": "cat meowing",
    "dog": "dog barking",
    "horse": "horse neighing",
    "cow": "cow lowing",
}


def write_material(folder: Path, images: int, clips: int) -> None:
    """Pictures with two or three blobs, at least two of one category; noise clips."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "clips").mkdir()
    records: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, images + 1):
        small = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC).save(
            folder / "images" / f"{number:012d}.jpg", quality=90
        )
        url = f"http://images.cocodataset.org/{'val' if number % 8 == 0 else 'train'}2017/{number:012d}.jpg"
        records.append({"id": number, "file_name": f"{number:012d}.jpg", "width": 640, "height": 480, "coco_url": url})
        first = int(rng.choice(list(CATEGORIES)))
        for category in [first, first, int(rng.choice(list(CATEGORIES)))][: 2 + number % 2]:
            x, y, size = rng.uniform(120, 520), rng.uniform(120, 360), rng.uniform(50, 110)
            angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
            radius = size * (1 + 0.2 * np.sin(5 * angles + rng.uniform(0, 6)))
            polygon = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1).ravel().round(2).tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": category,
                    "segmentation": [polygon],
                    "iscrowd": 0,
                }
            )
    names = [{"id": key, "name": name} for key, name in CATEGORIES.items()]
    (folder / "instances.json").write_text(
        json.dumps({"images": records, "annotations": annotations, "categories": names})
    )
    rows = []
    for number in range(clips):
        name = f"bench{number:06d}"
        soundfile.write(folder / "clips" / f"{name}_000000.wav", rng.normal(0, 0.1, 441_000), 44_100, subtype="PCM_16")
        rows.append(f"{name},0,{list(LABELS.values())[number % len(LABELS)]},{'test' if number % 8 < 2 else 'train'}")
    (folder / "vggsound.csv").write_text("\n".join(rows) + "\n")


def build_command(folder: Path, out: Path, workers: int) -> list[str]:
    """The command under test."""
    sources = [
        "--coco-json",
        folder / "instances.json",
        "--coco-images",
        folder / "images",
        "--clips",
        folder / "vggsound.csv",
        "--clip-dir",
        folder / "clips",
    ]
    options = [
        "--split",
        "msmi",
        "--no-msmi-base",
        "--audio",
        "render",
        "--gallery",
        "0",
        "--clip-uses",
        "9",
        "--workers",
        workers,
        "--quiet",
    ]
    return [str(word) for word in (Path(sys.executable).with_name("vpo"), "build", "--out", out, *sources, *options)]


def cpu_seconds(function: Callable[[], Any]) -> float:
    """CPU time of a call in this process."""
    start = time.process_time()
    function()
    return time.process_time() - start


def build_in_process(folder: Path, out: Path) -> float:
    """CPU seconds of the whole build in this process, without the start of Python."""
    from evaluators.progress import Progress
    from vpo_builder.build import build
    from vpo_builder.configfile import make_settings

    settings = make_settings({
        "split": "msmi", "msmi_base": False, "audio": "render", "gallery": 0, "clip_uses": 9, "workers": 1, "out": str(out),
        "coco_json": [str(folder / "instances.json")], "coco_images": [str(folder / "images")],
        "clips": str(folder / "vggsound.csv"), "clip_dir": str(folder / "clips"),
    })  # fmt: skip
    return cpu_seconds(lambda: build(settings, Progress()))


def floor(folder: Path, samples: list[Sample]) -> dict[str, float]:
    """CPU seconds of each kind of unavoidable call, for the same output."""
    times: dict[str, float] = {}

    def timed(name: str, function: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = function()
        times[name] = times.get(name, 0.0) + time.process_time() - start
        return result

    def png(pixels: np.ndarray[Any, Any]) -> bytes:
        stream = io.BytesIO()
        image = Image.fromarray(pixels)
        image.putpalette(palette)
        image.save(stream, "PNG", compress_level=1)
        return stream.getvalue()

    def wav(pcm: np.ndarray[Any, Any], path: Path) -> None:
        with wave.open(str(path), "wb") as stream:
            stream.setnchannels(pcm.ndim)
            stream.setsampwidth(2)
            stream.setframerate(16_000)
            stream.writeframes(pcm.tobytes())

    palette = bytes(range(256)) * 3
    scratch = folder / "scratch"
    scratch.mkdir()
    names = (scratch / str(number) for number in itertools.count())
    polygons = {a["id"]: a["segmentation"] for a in json.loads((folder / "instances.json").read_text())["annotations"]}
    for path in sorted((folder / "clips").iterdir()):
        data, rate = timed("decode clip", lambda path=path: soundfile.read(path, dtype="float32"))
        mono = timed("resample", lambda data=data, rate=rate: soxr.resample(data, rate, 16_000, quality="HQ"))
        pcm = (mono * 32767).astype("<i2")
        timed("write wav", lambda pcm=pcm: wav(pcm, next(names)))
        timed("sha256", lambda path=path: hashlib.sha256(path.read_bytes()).hexdigest())
        timed("sha256", lambda pcm=pcm: hashlib.sha256(pcm.tobytes()).hexdigest())
    for sample in samples:
        image = folder / "images" / sample.picture.file
        timed("decode image", lambda image=image: Image.open(image).load())
        timed("sha256", lambda image=image: hashlib.sha256(image.read_bytes()).hexdigest())
        instances = [source.instance for source in sample.sources] + list(sample.silent)
        for instance in instances:
            runs = timed("mask", lambda i=instance: coco_mask.frPyObjects(polygons[i.annotation_id], 480, 640))
            pixels = timed("mask", lambda runs=runs: coco_mask.decode(runs))[:, :, 0]
        for _ in ("mask", "instance map"):
            content = timed("png", lambda pixels=pixels: png(np.ascontiguousarray(pixels)))
            timed("write png", lambda content=content: next(names).write_bytes(content))
            timed("sha256", lambda content=content: hashlib.sha256(content).hexdigest())
        stereo = np.stack([pcm, pcm], 1)
        for _ in (*sample.sources, "mixture"):
            timed("write wav", lambda stereo=stereo: wav(stereo, next(names)))
            timed("sha256", lambda stereo=stereo: hashlib.sha256(stereo.tobytes()).hexdigest())
    shutil.rmtree(scratch)
    return times


def spent(folder: Path, repeats: int) -> None:
    """Print CPU time of builds and floors, in turns; what each wrote is removed before the next starts."""
    build_in_process(folder / "data", folder / "out")
    samples = list(read_manifest(folder / "out" / MANIFEST))
    builds, floors = [], []
    for _ in range(repeats):
        shutil.rmtree(folder / "out")
        builds.append(1000 * build_in_process(folder / "data", folder / "out") / len(samples))
        times = {name: 1000 * value / len(samples) for name, value in floor(folder / "data", samples).items()}
        floors.append(sum(times.values()))
        told = ", ".join(f"{name} {value:.1f}" for name, value in times.items())
        print(f"{len(samples)} samples: build {builds[-1]:.1f} ms CPU each; floor {floors[-1]:.1f} ({told})")
    middle = statistics.median(builds) / statistics.median(floors)
    print(f"ratio to the floor: medians {middle:.2f}, least {min(builds) / min(floors):.2f} (aim: at most 1.25)")


def gain(folder: Path, repeats: int) -> None:
    """Print wall time of the command with one and with two workers, in turns."""
    walls: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for workers, found in walls.items():
            start = time.perf_counter()
            subprocess.run(build_command(folder / "data", folder / "walls", workers), check=True, stdout=sys.stderr)
            found.append(time.perf_counter() - start)
            shutil.rmtree(folder / "walls")
    one, two = (statistics.median(found) for found in walls.values())
    print(
        f"wall time: 1 worker {one:.1f} s, 2 workers {two:.1f} s, {one / two:.2f} times as fast (aim: 1.8 on 2 free cores)"
    )


def main() -> None:
    """Print the ratio and the gain of a second worker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="write the material here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        write_material(folder / "data", options.images, options.clips)
        spent(folder, options.repeats)
        gain(folder, 3)


if __name__ == "__main__":
    main()
