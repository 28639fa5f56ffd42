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
from dataclasses import dataclass, replace
from pathlib import Path

from .annotation_tables import Column, number_of, read_table
from .errors import DataError
from .ground_truth import MASK, GroundTruth, GtFrame, GtSample, Selection
from .gt_reading import choose, names_in, safe, scope, settled, tell_incomplete
from .videos import Frame, Video, VideoSet

FRAMES = 5
TRAIN = "train"
MASK_FOLDER, IMAGE_FOLDER, AUDIO_FOLDER, LOG_MEL_FOLDER = "gt_masks", "visual_frames", "audio_wav", "audio_log_mel"
START = Column(("start", "start_seconds", "s_sec"), required=False)
NAME = Column(("name", "video_id", "video_name", "video", "uid"), 0)


@dataclass(frozen=True)
class Subset:
    """What differs between the two."""

    name: str
    folder: str
    data: str
    csv_file: str
    header: tuple[str, ...]  # of the official table
    columns: tuple[Column, ...]  # name, split, category, start
    masks: tuple[str, ...]  # folder of a video's masks in gt_masks, in any of these forms
    images: str  # an image in visual_frames
    sounds: str  # a wav in audio_wav, a log-mel in audio_log_mel, without its extension
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
    """The subset in a folder: the data folder itself, the one above it, or the one above that; None where it isn't there.

    Known by its masks beside its table, or by its own names where one of the two is missing.
    """
    bases = (f"{subset.folder}/{subset.data}/", f"{subset.data}/", f"{subset.folder}/", "")
    unsure = None
    for base in bases:
        data = root / base
        above = Path(os.path.abspath(data)).parent
        masks = (data / MASK_FOLDER).is_dir()
        table = next(filter(Path.is_file, (data / subset.csv_file, above / subset.csv_file)), None)
        if masks and table:
            return Place(table, base)
        named = (
            data.name == subset.data
            or (data / subset.data).is_dir()
            or (base == "" and table == data / subset.csv_file)
        )
        if unsure is None and ((masks and base) or (table and named)):
            unsure = Place(table or above / subset.csv_file, base)  # what lacks is told when it is read
    return unsure


def videos(subset: Subset, root: Path) -> VideoSet | None:
    """All videos of the table, with every file that they should have. Raises ``DataError``: ``csv-...``, ``unsafe-path``."""
    place = find(subset, root)
    if place is None:
        return None
    table = read_table(place.csv_file, subset.columns)
    return VideoSet(
        subset.name,
        root,
        place.csv_file,
        MASK,
        tuple(_video(subset, root, place.prefix, row)[0] for row in table.rows),
        remarks=table.remarks,
    )


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


def gt_sample(subset: Subset, video: Video) -> GtSample:
    """The annotated frames of a video, with all the names that predictions of them go by."""
    words = {"video": video.id, "split": video.split, "category": video.category}
    names = tuple(form.format(**words, number="{}") for form in subset.names)
    return GtSample(
        id=video.id,
        frames=tuple(
            [
                GtFrame(frame.number, frame.mask_file, frame.image_file, names)
                for frame in video.frames
                if frame.mask_file
            ]
        ),
        split=video.split,
        setting=subset.name,
        category=video.category,
        sources=subset.sources,
        audio_file=video.audio_file,
        names=tuple(form.format(**words) for form in subset.array_names),
    )


def _samples(
    subset: Subset, root: Path, prefix: str, rows: list[tuple[str, ...]], missing: list[str], extra: list[str]
) -> Iterator[GtSample]:
    """A sample for each row; files that are not there, or too many, are added to the lists."""
    images, sounds = ((root / prefix / folder).is_dir() for folder in (IMAGE_FOLDER, AUDIO_FOLDER))
    for row in rows:
        video, there = _video(subset, root, prefix, row)
        folder = video.frames[0].mask_file.rpartition("/")[0]
        expected = [mask.rpartition("/")[2] for mask in video.masks]
        missing += [f"{folder}/{name}" for name in expected if name not in there]
        if video.split != TRAIN:
            extra += [f"{folder}/{name}" for name in sorted(there - set(expected)) if _is_frame(name, video.id)]
        frames = video.frames if images else tuple(replace(frame, image_file="") for frame in video.frames)
        yield gt_sample(subset, replace(video, frames=frames, audio_file=video.audio_file if sounds else ""))


def _video(subset: Subset, root: Path, prefix: str, row: tuple[str, ...]) -> tuple[Video, set[str]]:
    """The video of a row of the table, and the names in the folder of its masks."""
    name, split, category, start = row
    folder, there = _mask_folder(subset, root, prefix, {"video": name, "split": split, "category": category})
    return placed(subset, name, split, category, number_of(start), prefix=prefix, mask_folder=folder), there


def placed(
    subset: Subset,
    name: str,
    split: str,
    category: str = "",
    start_seconds: float | None = None,
    *,
    prefix: str = "",
    mask_folder: str = "",
) -> Video:
    """A video with every file where the layout has it. ``prefix`` is the data folder, with "/"; ``mask_folder`` where it
    isn't the layout's own."""
    words = {"video": name, "split": split, "category": category}
    folder = mask_folder or f"{prefix}{MASK_FOLDER}/{subset.masks[0].format(**words)}"
    image = f"{prefix}{IMAGE_FOLDER}/{subset.images.format(**words, number='{}')}"
    annotated = subset.train_frames if split == TRAIN else FRAMES
    sound = subset.sounds.format(**words)
    return Video(
        id=name,
        setting=subset.name,
        split=split,
        frames=tuple(
            [
                Frame(n, image.replace("{}", str(n + 1)), f"{folder}/{name}_{n + 1}.png" if n < annotated else "")
                for n in range(FRAMES)
            ]
        ),
        category=category,
        audio_file=f"{prefix}{AUDIO_FOLDER}/{sound}.wav",
        log_mel_file=f"{prefix}{LOG_MEL_FOLDER}/{sound}.pkl",
        start_seconds=start_seconds,
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
