"""CPU time of `avsbench prepare` against decoding alone, and the gain of a second worker.

    python benchmarks/prepare_videos.py [--videos 40] [--clips FOLDER]

Takes the mp4 files of a folder, or writes 10 s films of 640 x 360 with sound, and prepares 5 s of each as S4. In the same run and
over the same files it counts the time of only the calls that nobody can avoid: FFmpeg decoding the pictures up to the last one
that is taken, and the sound up to 5 s. Rounds alternate; the ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from avsbench_tools.prepare import Preparation, prepare
from evaluators.progress import Progress

SECONDS, ROUNDS = 5, 3


def write_films(folder: Path, count: int) -> None:
    """Noise that moves over a gradient, at 30 pictures a second, mpeg4 and aac."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (360, 1300, 3)).astype(np.float32) * 0.2 + np.linspace(0, 180, 1300)[:, None]
    first = folder / "clip000.mp4"
    with av.open(str(first), "w") as container:
        video, audio = container.add_stream("mpeg4", rate=30), container.add_stream("aac", rate=44_100)
        video.width, video.height, video.pix_fmt, video.bit_rate = 640, 360, "yuv420p", 1_500_000
        for number in range(300):
            pixels = base[:, 2 * number : 2 * number + 640].astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        for block in range(431):
            sound = av.AudioFrame.from_ndarray(rng.normal(0, 0.1, (1, 1024)).astype(np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts = 44_100, 1024 * block
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    for number in range(1, count):
        shutil.copyfile(first, folder / f"clip{number:03d}.mp4")


def decode_only(files: list[Path]) -> None:
    """Decode what ``prepare`` needs of each film, and do nothing with it."""
    for path in files:
        for kind in ("video", "audio"):
            with av.open(str(path)) as container:
                stream = next(stream for stream in container.streams if stream.type == kind)
                stream.thread_type = "NONE"
                last = (SECONDS - 1) * round(stream.average_rate) if kind == "video" else 0
                for number, frame in enumerate(container.decode(stream)):
                    if number >= last + 28 if kind == "video" else frame.time >= SECONDS:
                        break


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--clips", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.clips or Path(place, "raw")
        if not options.clips:
            folder.mkdir()
            write_films(folder, options.videos)
        files = sorted(folder.glob("*.mp4"))[: options.videos]
        table = Path(place, "s4_meta_data.csv")
        with open(table, "w", newline="") as stream:
            rows = ((path.stem, 0, "dog_barking", "train") for path in files)
            csv.writer(stream).writerows([("name", "start", "category", "split"), *rows])

        def run(workers: int) -> None:
            dst = Path(place, "out")
            outcome = prepare(folder, table, dst, Preparation(), workers=workers, progress=Progress())
            assert outcome.done == len(files), outcome.rejections
            shutil.rmtree(dst)

        ours, floor = [], []
        for _ in range(ROUNDS):
            floor.append(cpu_seconds(lambda: decode_only(files)))
            ours.append(cpu_seconds(lambda: run(1)))
        walls = []
        for workers in (1, 2):
            start = time.perf_counter()
            run(workers)
            walls.append(time.perf_counter() - start)
    milliseconds = [1000 * statistics.median(times) / len(files) for times in (ours, floor)]
    print(f"{len(files)} films, CPU of one process per film:")
    print(f"  avsbench prepare  {milliseconds[0]:7.1f} ms")
    print(f"  decoding alone    {milliseconds[1]:7.1f} ms")
    print(f"  ratio             {milliseconds[0] / milliseconds[1]:7.2f}")
    print(f"one worker {walls[0]:.1f} s, two workers {walls[1]:.1f} s: {walls[0] / walls[1]:.2f} times as fast")


if __name__ == "__main__":
    main()
