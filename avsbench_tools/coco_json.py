"""Writes a set of videos as COCO JSON, a file per split that pycocotools opens; the only module here that knows pycocotools.

An image is a frame: ``file_name`` relative to the root of the set, ``video_id``, ``frame_index`` from 0, ``seconds`` (where
in the video it was taken: the end of its second), ``annotated``. Frames without a mask, such as all but the first of S4's
training videos, are listed with ``"annotated": false``: nothing is known of them. An annotated frame without annotations is empty.

An annotation holds all pixels of one category in a frame as compressed run lengths: AVSBench doesn't tell instances apart.
``area`` in pixels, ``bbox`` as x, y, width, height in pixels. Label maps keep their indices as category ids; S4's categories
are numbered from 1 by name; MS3 has the one category ``sounding object``. Void (255) is no annotation.

Source: COCO API 8c9bcc3 ``PythonAPI/pycocotools/coco.py`` for what a reader looks for.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import numpy as np
from pycocotools import mask as coco_mask

from evaluators.categories import VOID
from evaluators.engines import Engine, Lost
from evaluators.errors import DataError
from evaluators.files import atomic_write, inside
from evaluators.ground_truth import LABELS, MASK
from evaluators.progress import Progress
from evaluators.rejections import Rejection
from evaluators.videos import Video, VideoSet

from .coco_frames import ReadFrame, read_video
from .conversions import refusal
from .outcome import Outcome
from .s4_categories import s4_categories
from .source_masks import Array, MaskSource

ONE_CATEGORY = "sounding object"  # of masks that have no category
Record = dict[str, Any]


@dataclass
class _Encoded:
    """What a worker makes of a video: images in order, each with its annotations, all without numbers of their own."""

    images: list[tuple[Record, list[Record]]]
    rejections: list[Rejection]


@dataclass(frozen=True)
class _Counts:
    videos: int = 0
    images: int = 0
    annotated: int = 0
    annotations: int = 0


def write_coco(
    videos: VideoSet, dst: Path, *, splits: Sequence[str], workers: int | None, progress: Progress
) -> Outcome:
    """Write ``instances_<split>.json`` into ``dst`` for each of ``splits``, or of all where none is named.

    The bytes depend on nothing but the files of ``videos``; what an earlier run wrote is written anew.
    Rejections are of one video each, as of ``avsbench convert``: ``frame-...``, ``mask-...``, ``size-mismatch``, ``off-palette``,
    ``label-range``, ``labels-differ``, ``unsafe-path``, ``worker-lost``; warnings: ``stray-colours``, ``labels-differ``,
    ``stray-category``, ``unnamed-category``, ``void-pixels``.
    Raises ``DataError`` ``bad-selection`` for a split that no video has.
    """
    rejections: list[Rejection] = []
    lines, done = [f"file names in the JSON are relative to {videos.root}"], 0
    with Engine(workers, warm_up=__name__) as engine:
        for split, those in _chosen(videos, splits).items():
            path = inside(dst, f"instances_{split}.json")
            with progress.stage(split, len(those)) as advance:
                counts = _write(path, videos, split, _encoded(engine, videos, those, rejections, advance))
            done += counts.videos
            lines.append(
                f"{path.name}: {counts.videos:,} videos, {counts.images:,} frames, {counts.annotated:,} of them annotated, "
                f"{counts.annotations:,} annotations"
            )
    return Outcome("videos", done, rejections=tuple(rejections), lines=tuple(lines))


def coco_categories(videos: VideoSet) -> list[Record]:
    """The categories of a set, the same in all its splits: id, name, supercategory (of S4's the word of AVSBench-semantic)."""
    if videos.kind == LABELS:
        names = videos.categories[1:]
    elif videos.name == "s4":
        names = tuple(sorted({*s4_categories(), *(video.category or ONE_CATEGORY for video in videos.videos)}))
    else:
        names = (ONE_CATEGORY,)
    known = {} if videos.kind == LABELS else s4_categories()
    return [
        {"id": number, "name": name, "supercategory": known[name].sounding if name in known else ""}
        for number, name in enumerate(names, 1)
    ]


def _chosen(videos: VideoSet, splits: Sequence[str]) -> dict[str, list[Video]]:
    """Videos of each split that was asked for, in the order of the table."""
    by_split: defaultdict[str, list[Video]] = defaultdict(list)
    for video in videos.videos:
        by_split[video.split].append(video)
    unknown = [split for split in splits if split not in by_split]
    if unknown:
        there = ", ".join(f"{split} {len(those):,}" for split, those in by_split.items()) or "no video"
        raise DataError("bad-selection", videos.table, f"no video is of split {unknown[0]!r}; there is {there}")
    return {split: by_split[split] for split in dict.fromkeys(splits or by_split)}


def _encoded(
    engine: Engine,
    videos: VideoSet,
    those: Sequence[Video],
    rejections: list[Rejection],
    advance: Callable[[], None],
) -> Iterator[tuple[Video, _Encoded]]:
    """Each video that has frames with what came of it, in order, whoever finishes first."""
    numbers = {category["name"]: category["id"] for category in coco_categories(videos)}
    masks = MaskSource(videos.root, videos.kind, videos.categories, videos.colours)
    work = partial(_encode, masks, videos.table.suffix == ".csv", numbers if videos.kind == MASK else {})
    waiting: dict[int, _Encoded] = {}
    wanted = 0
    for outcome in engine.run(work, list(enumerate(those))):
        place, video = outcome.item
        lost = refusal(video, "worker-lost", "its files killed the worker process each time; is there enough memory?")
        waiting[place] = _Encoded([], [lost]) if isinstance(outcome.result, Lost) else outcome.result
        while wanted in waiting:
            encoded = waiting.pop(wanted)
            rejections += encoded.rejections
            advance()
            if encoded.images:
                yield those[wanted], encoded
            wanted += 1


def _encode(masks: MaskSource, counted: bool, numbers: dict[str, int], item: tuple[int, Video]) -> _Encoded:
    """Read a video and pack its masks. ``numbers``: of the categories of binary masks, by name."""
    _, video = item
    found = read_video(masks, video, counted=counted)
    number = numbers.get(video.category, numbers.get(ONE_CATEGORY)) if numbers else None
    images = [
        (_image(read), [] if read.labels is None else list(_annotations(read.labels, number))) for read in found.frames
    ]
    return _Encoded(images, list(found.rejections))


def _image(read: ReadFrame) -> Record:
    return {
        "file_name": read.frame.image_file,
        "width": read.width,
        "height": read.height,
        "frame_index": read.frame.number,
        "seconds": read.frame.number + 1,
        "annotated": read.labels is not None,
    }


def _annotations(labels: Array, number: int | None) -> Iterator[Record]:
    """One for each category of a label map, ``uint8`` (height, width), or of the one ``number`` that a mask is of."""
    present = [int(index) for index in np.unique(labels) if index not in (0, VOID)]
    if not present:
        return
    layers = np.asfortranarray(
        labels[..., None] == np.array(present, np.uint8), np.uint8
    )  # (height, width, categories)
    codes = coco_mask.encode(layers)
    for index, code, area, box in zip(present, codes, coco_mask.area(codes), coco_mask.toBbox(codes), strict=True):
        yield {
            "category_id": number or index,
            "iscrowd": 0,
            "area": int(area),
            "bbox": [int(value) for value in box],
            "segmentation": {"size": list(labels.shape), "counts": code["counts"].decode("ascii")},
        }


def _write(path: Path, videos: VideoSet, split: str, encoded: Iterable[tuple[Video, _Encoded]]) -> _Counts:
    """Write one file as its videos come. Annotations wait in a file without a name, as they follow the images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.tmp"):  # of a run that was killed
        left.unlink(missing_ok=True)
    with atomic_write(path, durable=True) as stream, tempfile.TemporaryFile(dir=path.parent) as spool:
        head = {"info": _info(videos, split), "licenses": [], "categories": coco_categories(videos)}
        stream.write(_json(head)[:-1] + b',"images":[')
        records: list[bytes] = []
        counts = _Counts()
        for video, found in encoded:
            counts = _add(counts, found, stream, spool)
            records.append(b"\n" + _json(_video(counts.videos, video, len(found.images))))
        stream.write(b'\n],"videos":[' + b",".join(records) + b'\n],"annotations":[')
        spool.seek(0)
        shutil.copyfileobj(spool, stream, 1 << 20)
        stream.write(b"\n]}\n")
    return counts


def _add(counts: _Counts, found: _Encoded, images: IO[bytes], annotations: IO[bytes]) -> _Counts:
    """Number the images and annotations of a video from 1 on and write them."""
    video_id, image_id, annotation_id = counts.videos + 1, counts.images, counts.annotations
    for image, those in found.images:
        image_id += 1
        images.write((b",\n" if image_id > 1 else b"\n") + _json({"id": image_id, "video_id": video_id, **image}))
        for one in those:
            annotation_id += 1
            record = {"id": annotation_id, "image_id": image_id, **one}
            annotations.write((b",\n" if annotation_id > 1 else b"\n") + _json(record))
    annotated = counts.annotated + sum(image["annotated"] for image, _ in found.images)
    return _Counts(video_id, image_id, annotated, annotation_id)


def _video(number: int, video: Video, frames: int) -> Record:
    return {
        "id": number,
        "name": video.id,
        "setting": video.setting,
        "split": video.split,
        "category": video.category,
        "sounding": video.sounding,
        "audio_file": video.audio_file,
        "start_seconds": video.start_seconds,
        "frames": frames,
    }


def _info(videos: VideoSet, split: str) -> Record:
    return {
        "description": f"AVSBench {videos.name}, {split}: the frame at the end of each second of a video, and what sounds in it",
        "version": version("avskit"),
        "instances": "not known: one annotation holds all pixels of a category in a frame",
    }


def _json(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode("ascii")
