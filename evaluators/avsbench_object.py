"""The official layout of AVSBench-object, in its two subsets: names, numbering, where files stand.

::

    Single-source/ s4_meta_data.csv     name, start, category, split
      s4_data/     gt_masks/<split>/<category>/<video>/<video>_{1..5}.png        of train only _1
                   visual_frames/<split>/<category>/<video>/<video>_{1..5}.png
                   audio_wav/<split>/<category>/<video>.wav
    Multi-sources/ ms3_meta_data.csv    name, split
      ms3_data/    gt_masks/<split>/<video>/<video>_{1..5}.png                   or without <split>
                   visual_frames/<video>/<video>.mp4_{1..5}.png
                   audio_wav/<split>/<video>.wav

Source: AVSBench f7414af, avs_s4 and avs_ms3 ``config.py`` and ``dataloader.py``, ``preprocess_scripts``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .annotation_tables import Column, read_table
from .errors import DataError
from .ground_truth import MASK, GroundTruth, GtFrame, GtSample, Selection
from .gt_reading import choose, names_in, safe, scope, settled, tell_incomplete

FRAMES = 5
TRAIN = "train"
MASK_FOLDER, IMAGE_FOLDER, AUDIO_FOLDER = "gt_masks", "visual_frames", "audio_wav"
NAME = Column(("name", "video_id", "video_name", "video", "uid"), 0)


@dataclass(frozen=True)
class Subset:
    """What differs between the two."""

    name: str
    folder: str
    data: str
    csv_file: str
    columns: tuple[Column, ...]  # name, split, and category where there is one
    masks: tuple[str, ...]  # folder of a video's masks in gt_masks, in any of these forms
    images: str  # an image in visual_frames
    sounds: str  # a wav in audio_wav
    train_frames: int  # masks of a training video
    sources: int | None  # objects that sound, where it is known
    names: tuple[str, ...]  # names of a frame's prediction
    array_names: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a subset was found: its table, and the prefix of its data folder in paths relative to the root."""

    csv_file: Path
    prefix: str


def find(subset: Subset, root: Path) -> Place | None:
    """The subset in a folder: the data folder itself, the one above it, or the one above that; None where it isn't there."""
    for base in (f"{subset.folder}/{subset.data}/", f"{subset.data}/", f"{subset.folder}/", ""):
        data = root / base
        if not (data / MASK_FOLDER).is_dir():
            continue
        above = Path(os.path.abspath(data)).parent
        for table in (data / subset.csv_file, above / subset.csv_file):
            if table.is_file():
                return Place(table, base)
        if base:  # a subset by its name, without its table: that is told when it is read
            return Place(above / subset.csv_file, base)
    return None


def read(subset: Subset, root: Path, selection: Selection) -> GroundTruth:
    """The videos of a split. Raises ``DataError``: ``bad-selection``, ``gt-incomplete``, ``duplicate-sample``, ``csv-...``."""
    place = find(subset, root)
    if place is None:
        raise DataError("unknown-layout", root, f"found no {subset.data}/{MASK_FOLDER} of {subset.name}")
    table = read_table(place.csv_file, subset.columns)
    rows = choose(table.rows, lambda row: (row[1], subset.name), selection, place.csv_file)
    missing: list[str] = []
    extra: list[str] = []
    samples = list(_samples(subset, root, place.prefix, rows, missing, extra))
    tell_incomplete(root, missing, extra)
    return GroundTruth(
        root,
        subset.name,
        MASK,
        settled(samples, place.csv_file, in_order=True),
        remarks=(scope(samples), *table.remarks),
    )


def _samples(
    subset: Subset, root: Path, prefix: str, rows: list[tuple[str, ...]], missing: list[str], extra: list[str]
) -> Iterator[GtSample]:
    """A sample for each row; files that are not there, or too many, are added to the lists."""
    images, sounds = ((root / prefix / folder).is_dir() for folder in (IMAGE_FOLDER, AUDIO_FOLDER))
    for video, split, *more in rows:
        category = more[0] if more else ""
        words = {"video": video, "split": split, "category": category}
        folder, there = _mask_folder(subset, root, prefix, words)
        count = subset.train_frames if split == TRAIN else FRAMES
        expected = [f"{video}_{number}.png" for number in range(1, count + 1)]
        missing += [f"{folder}/{name}" for name in expected if name not in there]
        if split != TRAIN:
            extra += [f"{folder}/{name}" for name in sorted(there - set(expected)) if _is_frame(name, video)]
        names = tuple(form.format(**words, number="{}") for form in subset.names)
        image = f"{prefix}{IMAGE_FOLDER}/{subset.images.format(**words, number='{}')}" if images else ""
        frames = tuple(
            [
                GtFrame(number, f"{folder}/{name}", image.replace("{}", str(number + 1)), names)
                for number, name in enumerate(expected)
            ]
        )
        yield GtSample(
            id=video,
            frames=frames,
            split=split,
            setting=subset.name,
            category=category,
            sources=subset.sources,
            audio_file=f"{prefix}{AUDIO_FOLDER}/{subset.sounds.format(**words)}" if sounds else "",
            names=tuple(form.format(**words) for form in subset.array_names),
        )


def _mask_folder(subset: Subset, root: Path, prefix: str, words: dict[str, str]) -> tuple[str, set[str]]:
    """The folder of a video's masks, in the first form that is there, and the names in it."""
    folders = [safe(root, f"{prefix}{MASK_FOLDER}/{form.format(**words)}") for form in subset.masks]
    for folder in folders:
        if names := names_in(f"{root}/{folder}"):
            return folder, names
    return folders[0], set()


def _is_frame(name: str, video: str) -> bool:
    number = name.removeprefix(f"{video}_").removesuffix(".png")
    return name == f"{video}_{number}.png" and number.isdecimal()
