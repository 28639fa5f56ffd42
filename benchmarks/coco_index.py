"""CPU time and peak memory of the COCO index, beside pycocotools' ``COCO()``, on a generated instances file.

``python benchmarks/coco_index.py [--annotations 860001]``: the default is the size of train2017 (about 450 MB). Each
reader runs in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PER_IMAGE = 7.27
# shares of train2017 that the label table knows; the rest goes to the other categories alike
SHARES = {"person": 0.305, "car": 0.051, "bird": 0.0126, "sheep": 0.011, "motorcycle": 0.0101, "cow": 0.0095, "horse": 0.0077, "cell phone": 0.0075,
          "sports ball": 0.0074, "bus": 0.0071, "skateboard": 0.0064, "dog": 0.0064, "elephant": 0.0064, "zebra": 0.0062, "airplane": 0.006,
          "tennis racket": 0.0056, "cat": 0.0055, "keyboard": 0.0033, "mouse": 0.0026}  # fmt: skip
OTHERS = 61
POINTS = (4, 76)  # of an outline, from few to many


def write_instances(path: Path, annotations: int, seed: int = 0) -> None:
    """Write an instances file of COCO's form with ``annotations`` random outlines."""
    rng = np.random.default_rng(seed)
    images = max(1, round(annotations / PER_IMAGE))
    names = [*SHARES, *(f"other {number}" for number in range(OTHERS))]
    shares = np.array([*SHARES.values(), *[(1 - sum(SHARES.values())) / OTHERS] * OTHERS])
    chosen = rng.choice(len(names), annotations, p=shares / shares.sum()) + 1
    owners = rng.integers(1, images + 1, annotations)
    lengths = 2 * (rng.triangular(POINTS[0], POINTS[0], POINTS[1], annotations)).astype(int)
    outlines = ",".join(f"{number / 100:.2f}" for number in rng.integers(0, 48_000, 10_000))
    with open(path, "w", encoding="ascii") as stream:
        stream.write('{"info":{"year":2017},"licenses":[{"url":"","id":1,"name":"Attribution License"}],"images":[')
        for number in range(1, images + 1):
            record = f'{{"license":1,"file_name":"{number:012d}.jpg","coco_url":"http://images.cocodataset.org/train2017/{number:012d}.jpg",'
            record += f'"height":480,"width":640,"date_captured":"2013-11-14 16:28:13","flickr_url":"http://farm9.staticflickr.com/8186/{number:09d}_z.jpg","id":{number}}}'
            stream.write(("," if number > 1 else "") + record)
        stream.write('],"annotations":[')
        for number, (category, image, length) in enumerate(
            zip(chosen.tolist(), owners.tolist(), lengths.tolist(), strict=True), 1
        ):
            start = outlines.index(",", 7 * (number % 7000)) + 1
            polygon = ",".join(outlines[start : start + 8 * length].split(",", length)[:length])
            record = f'{{"segmentation":[[{polygon}]],"area":1000.5,"iscrowd":0,"image_id":{image},'
            record += f'"bbox":[1.5,2.5,30.25,40.75],"category_id":{category},"id":{number}}}'
            stream.write(("," if number > 1 else "") + record)
        categories = ",".join(
            f'{{"supercategory":"thing","id":{number},"name":"{name}"}}' for number, name in enumerate(names, 1)
        )
        stream.write(f'],"categories":[{categories}]}}')


def read(reader: str, path: Path) -> None:
    """Read the file in this process and print CPU seconds and peak memory in MB."""
    if reader == "pycocotools":
        from pycocotools.coco import COCO

        start = time.process_time()
        index = COCO(str(path))
    else:
        from vpo_builder.coco import read_coco
        from vpo_builder.labels import read_labels

        labels = read_labels()
        start = time.process_time()
        index = read_coco([path], [path.parent], [], labels)
    seconds = time.process_time() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
    del index


def measure(reader: str, path: Path, times: int) -> tuple[float, float]:
    """Least CPU seconds and peak memory in MB of ``reader`` in ``times`` fresh processes: other work on the machine only adds."""
    command = [sys.executable, __file__, "--read", reader, "--file", str(path)]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-2:] for _ in range(times)
    ]
    return min(float(seconds) for seconds, _ in runs), min(float(memory) for _, memory in runs)


def main() -> None:
    """Write the file, measure both, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", type=int, default=860_001)
    parser.add_argument("--times", type=int, default=3, help="processes for each; the least counts")
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        return read(options.read, Path(options.file))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "instances_train2017.json")
        write_instances(path, options.annotations)
        print(f"file          {path.stat().st_size / 1e6:8.0f} MB, {options.annotations} annotations")
        theirs, ours = measure("pycocotools", path, options.times), measure("vpo_builder", path, options.times)
    print(f"pycocotools   {theirs[0]:8.2f} s CPU  {theirs[1]:8.0f} MB")
    print(f"vpo_builder   {ours[0]:8.2f} s CPU  {ours[1]:8.0f} MB")
    print(
        f"ratio         {theirs[0] / ours[0]:8.1f} x      {theirs[1] / ours[1]:8.1f} x   (at least 6 and 3 are asked for, and under 1000 MB)"
    )


if __name__ == "__main__":
    main()
