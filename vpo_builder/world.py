"""The embedded sample world: a COCO folder of drawn scenes and a VGGSound folder of synthesized clips.

It is what a build uses where no data is given, in the real formats and through the same code. Image k and clip k
of a category depend on the seed and k alone, so a larger world begins with the smaller one.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators.engines import Engine, finished
from evaluators.errors import DataError
from evaluators.files import atomic_write, write_text
from evaluators.wav_files import encode_wav

from .audio_files import encode_flac
from .draws import generator
from .mixing import to_pcm16
from .settings import SAMPLE_RATE
from .world_annotations import annotation_rows, categories, image_row
from .world_captions import write_captions
from .world_scenes import Scene, draw_scene
from .world_sounds import LENGTH, SECONDS, Array, synthesise

FORMAT = 1  # raised when the bytes of a world change
MARKER = "world.json"
SPLITS = ("train", "val")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
INFO = {
    "description": "Drawn sample world in the format of COCO 2017",
    "url": "",
    "version": str(FORMAT),
    "year": 2017,
    "contributor": "avskit",
    "date_created": "2017/01/01",
}
LICENCES = [{"url": "https://creativecommons.org/publicdomain/zero/1.0/", "id": 1, "name": "Public Domain Dedication"}]


@dataclass(frozen=True)
class World:
    """Where the files of a sample world are, as a build takes them."""

    coco_json: tuple[Path, ...]  # train, val
    coco_images: tuple[Path, ...]
    captions: tuple[Path, ...]
    clips: Path
    clip_dir: Path


@dataclass(frozen=True)
class ClipRow:
    """One clip of the world: a row of vggsound.csv and what its file is."""

    category: str
    number: int  # within its category, from 0
    video_id: str
    start_seconds: int
    label: str
    split: str  # train or test
    form: str  # wav, flac, or stereo (a wav at 44.1 kHz)

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.video_id}_{self.start_seconds:06d}.{'flac' if self.form == 'flac' else 'wav'}"


def write_world(
    folder: Path,
    *,
    images: int = 240,
    clips_per_category: int = 12,
    seed: int = 0,
    engine: Engine | None = None,
    advance: Callable[[], None] = lambda: None,
) -> World:
    """Write a sample world into ``folder``, or complete the one of the same arguments that is there.

    ``advance`` is called after each image and each clip; a world that is complete is left as it is. Same
    arguments, same bytes, on any engine.
    Raises ``DataError`` ``world-differs`` where the folder holds a world of other arguments, ValueError for
    negative numbers.
    """
    if min(images, clips_per_category, seed) < 0:
        raise ValueError(
            f"images, clips_per_category and seed are 0 or more, not {images}, {clips_per_category}, {seed}"
        )
    folder = Path(folder)
    world = _paths(folder)
    arguments = {"format": FORMAT, "images": images, "clips_per_category": clips_per_category, "seed": seed}
    if _begin(folder, arguments):
        return world
    clips = [
        clip_row(seed, category, labels, number)
        for category, labels in vggsound_labels().items()
        for number in range(clips_per_category)
    ]
    engine = engine or Engine()
    _write_coco(world, images, seed, engine, advance)
    _write_clips(world, clips, seed, engine, advance)
    _mark(folder, arguments, complete=True)
    return world


def _paths(folder: Path) -> World:
    coco, vggsound = folder / "coco", folder / "vggsound"
    return World(
        tuple(coco / "annotations" / f"instances_{split}2017.json" for split in SPLITS),
        tuple(coco / f"{split}2017" for split in SPLITS),
        tuple(coco / "annotations" / f"captions_{split}2017.json" for split in SPLITS),
        vggsound / "vggsound.csv",
        vggsound / "audio",
    )


def _begin(folder: Path, arguments: dict[str, int]) -> bool:
    """Whether the world is complete.

    Where it is not, make its folders, remove what a killed run left half written, and say in the marker what it will be.
    """
    marker = folder / MARKER
    if marker.exists():
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
            complete = found.pop("complete")
        except (ValueError, KeyError, AttributeError):
            found, complete = None, False
        if found != arguments:
            raise DataError(
                "world-differs",
                marker,
                f"found a sample world of {found}, expected {arguments}; give another folder or remove this one",
            )
        if complete:
            return True
    for path in ("coco/annotations", "coco/train2017", "coco/val2017", "vggsound/audio"):
        (folder / path).mkdir(parents=True, exist_ok=True)
        for leftover in (folder / path).glob(".*.tmp"):
            leftover.unlink()
    _mark(folder, arguments, complete=False)
    return False


def _mark(folder: Path, arguments: dict[str, int], *, complete: bool) -> None:
    write_text(folder / MARKER, json.dumps({**arguments, "complete": complete}) + "\n", durable=complete)


# ----------------------------------------------------------------------------------------------------- images


def _write_coco(world: World, images: int, seed: int, engine: Engine, advance: Callable[[], None]) -> None:
    made: dict[int, _Rows] = {}
    for outcome in engine.run(partial(_write_image, world=world, seed=seed), range(images)):
        made[outcome.item] = finished(outcome)
        advance()
    for split, instances_file, captions_file in zip(SPLITS, world.coco_json, world.captions, strict=True):
        rows = [made[number] for number in range(images) if _split(number) == split]
        common = {"info": INFO, "licenses": LICENCES, "images": [row.picture for row in rows]}
        annotations = [annotation for row in rows for annotation in row.annotations]
        _write_json(instances_file, {**common, "annotations": annotations, "categories": categories()})
        _write_json(captions_file, {**common, "annotations": [caption for row in rows for caption in row.captions]})


@dataclass(frozen=True)
class _Rows:
    """What the json files say of one image."""

    picture: dict[str, Any]
    annotations: list[dict[str, Any]]
    captions: list[dict[str, Any]]


def _split(number: int) -> str:
    return "val" if number % 5 == 3 else "train"


def _write_image(number: int, world: World, seed: int) -> _Rows:
    split, scene, image_id = _split(number), draw_scene(seed, number), number + 1
    path = world.coco_images[SPLITS.index(split)] / f"{image_id:012d}.jpg"
    if not path.exists():
        _write_jpeg(path, scene)
    texts = write_captions(generator(seed, "world captions", number), scene)
    captions = [
        {"image_id": image_id, "id": 10 * image_id + index, "caption": text} for index, text in enumerate(texts)
    ]
    return _Rows(image_row(image_id, split, scene), annotation_rows(image_id, scene.seen), captions)


def _write_jpeg(path: Path, scene: Scene) -> None:
    with atomic_write(path) as stream:
        Image.fromarray(scene.pixels).save(stream, "JPEG", quality=90)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, separators=(",", ":")))


# ------------------------------------------------------------------------------------------------------ clips


def vggsound_labels() -> dict[str, list[str]]:
    """The VGGSound labels of each category of the label table."""
    text = resources.files(__package__).joinpath("data/labels.csv").read_text(encoding="utf-8")
    labels: dict[str, list[str]] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["vocabulary"] == "vggsound":
            labels.setdefault(row["category"], []).append(row["label"])
    return labels


def clip_row(seed: int, category: str, labels: list[str], number: int) -> ClipRow:
    """Clip ``number`` (from 0) of a category.

    Clips 4, 11, 18, ... are a later part of the video of the clip before; videos 3, 8, 13, ... are for testing;
    labels take turns, in a new order each round; one clip in eight is a flac, one in forty-two stereo at 44.1 kHz.
    """
    video = number - 1 if number % 7 == 4 else number
    rng = generator(seed, "world video", (category, video))
    video_id = "".join(LETTERS[index] for index in rng.integers(0, len(LETTERS), 11))
    if video % 11 == 5:
        video_id = "-_"[int(rng.integers(2))] + video_id[1:]
    start = int(rng.integers(0, 300)) + (video != number) * int(rng.integers(SECONDS, 120))
    order = generator(seed, "world labels", (category, number // len(labels))).permutation(labels)
    kind = int(generator(seed, "world form", (category, number)).integers(168))
    form = "stereo" if kind < 4 else "flac" if kind < 25 else "wav"
    return ClipRow(
        category, number, video_id, start, str(order[number % len(labels)]), "test" if video % 5 == 3 else "train", form
    )


def _write_clips(world: World, clips: list[ClipRow], seed: int, engine: Engine, advance: Callable[[], None]) -> None:
    for outcome in engine.run(partial(_write_clip, folder=world.clip_dir, seed=seed), clips):
        finished(outcome)
        advance()
    lines = io.StringIO()
    rows = sorted((clip.video_id, clip.start_seconds, clip.label, clip.split) for clip in clips)
    csv.writer(lines, lineterminator="\n").writerows(rows)
    write_text(world.clips, lines.getvalue())


def encode_clip(signal: Array, form: str) -> bytes:
    """A file's bytes: 16-bit wav or flac at 16 kHz, or stereo wav at 44.1 kHz with the right channel softer."""
    if form == "stereo":
        rate = 44_100
        moments = np.arange(rate * SECONDS) * (SAMPLE_RATE / rate)
        both = np.interp(moments, np.arange(LENGTH), signal)[:, None] * (1.0, 0.7)
        return encode_wav(to_pcm16(both.astype(np.float32)), rate)
    pcm = to_pcm16(signal.astype(np.float32))
    return encode_flac(pcm) if form == "flac" else encode_wav(pcm)


def _write_clip(clip: ClipRow, folder: Path, seed: int) -> None:
    path = folder / clip.file
    if not path.exists():
        signal = synthesise(generator(seed, "world sound", (clip.category, clip.number)), clip.category, clip.label)
        with atomic_write(path) as stream:
            stream.write(encode_clip(signal, clip.form))
