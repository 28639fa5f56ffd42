"""A small dataset folder, written by hand: what `vpo build` writes, without building; and no time limits for examples."""

from __future__ import annotations

import csv
import wave
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image, ImageDraw

from evaluators.categories import vpo_categories
from evaluators.dataset import Clip, Crop, DatasetInfo, Instance, Picture, Sample, Source, write_info, write_manifest
from evaluators.masks import write_label_map
from evaluators.vpo import CSV_COLUMNS, clip_file, csv_file, image_file, mask_file

settings.register_profile("no deadline", deadline=None)  # a busy machine fails nothing
settings.load_profile("no deadline")

SIZE = (320, 240)
TONES = {"dog": 440, "cat": 660, "car": 110, "bird": 1760, "female": 220}  # Hz of each category's clips

# (id, setting, split, [(category, box, sounds)], ignored box)
SCENES: list[
    tuple[int, str, str, list[tuple[str, tuple[int, int, int, int], bool]], tuple[int, int, int, int] | None]
] = [
    (
        1,
        "msmi",
        "train",
        [("dog", (20, 90, 100, 200), True), ("dog", (200, 80, 290, 210), True), ("cat", (130, 150, 180, 200), False)],
        None,
    ),
    (
        2,
        "msmi",
        "test",
        [("car", (10, 120, 150, 210), True), ("female", (210, 30, 260, 220), True)],
        (270, 180, 315, 235),
    ),
    (3, "ms", "train", [("bird", (140, 20, 180, 60), True)], None),
    (
        4,
        "ms",
        "test",
        [("cat", (40, 60, 150, 190), True), ("dog", (180, 60, 300, 190), True), ("car", (10, 200, 310, 236), False)],
        None,
    ),
    (5, "ss", "train", [("dog", (240, 100, 310, 220), True)], None),
    (6, "ss", "test", [("car", (60, 90, 260, 200), True)], None),
]


def _instance(number: int, image: int, category: str, box: tuple[int, int, int, int]) -> Instance:
    left, top, right, bottom = box
    position = (left + right) / 2 / SIZE[0]
    area = (right - left) * (bottom - top)
    return Instance(100 * image + number, category, "", area, (left, top, right - left, bottom - top), position, number)


def _scene(image: int, setting: str, split: str, objects: list[Any], ignored: Any, audio: str) -> Sample:
    instances = [_instance(number, image, category, box) for number, (category, box, _) in enumerate(objects, 1)]
    sounding = [instance for instance, (_, _, sounds) in zip(instances, objects, strict=True) if sounds]
    clips = [Clip(f"video{image}{n}_{n:06d}", f"video{image}{n}", n, f"{i.category} sound", f"{i.category}.wav", "0" * 64, "CC BY 4.0")
             for n, i in enumerate(sounding)]  # fmt: skip
    name, first = f"{setting}-{image:012d}", sounding[0]
    licence = "Attribution License" if image % 2 else "No known copyright restrictions"
    return Sample(
        id=name, setting=setting, split=split,
        picture=Picture(image, f"{image:012d}.jpg", 0, *SIZE, "1" * 64, licence, "", f"https://www.flickr.com/photos/someone/{image}"),
        sources=tuple(Source(instance, clip, instance.position) for instance, clip in zip(sounding, clips, strict=True)),
        silent=tuple(instance for instance in instances if instance not in sounding),
        unlabelled=(), ignore=("x",) if ignored else (), crop=Crop(0, 160_000, 16_000, "loop"), pan_law="linear",
        image_file=image_file(setting, image, first.category), mask_file=mask_file(setting, image, first.category, first.annotation_id),
        instance_file=mask_file(setting, image, first.category, first.annotation_id, "instances"),
        mixture_file=f"mixtures/{name}.wav" if audio == "render" else "", multi_instance=setting == "msmi",
    )  # fmt: skip


def _draw(folder: Path, sample: Sample, ignored: tuple[int, int, int, int] | None) -> None:
    picture = Image.new("RGB", SIZE, ["#9cc3d5", "#c9b79c", "#a8bfa0"][sample.picture.id % 3])
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 160, *SIZE), fill=["#7a9a6b", "#8c7b62", "#6f8f86"][sample.picture.id % 3])
    width, height = SIZE
    mask, instances = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    sounding = {source.instance.index for source in sample.sources}
    for instance in (*(source.instance for source in sample.sources), *sample.silent):
        x, y, w, h = instance.bbox
        shape = Image.new("1", SIZE)
        ImageDraw.Draw(shape).ellipse((x, y, x + w - 1, y + h - 1), fill=1)
        pen.ellipse((x, y, x + w - 1, y + h - 1), fill="#5c5348" if instance.index % 2 else "#d8cfc2")
        inside = np.array(shape)
        instances[inside] = instance.index
        mask[inside] = (
            vpo_categories()[instance.category].mask_id
            if instance.index in sounding and instance.category in vpo_categories()
            else 0
        )
    if ignored:
        left, top, right, bottom = ignored
        mask[top:bottom, left:right] = 255
    for name in (sample.image_file, sample.mask_file, sample.instance_file):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    picture.save(folder / sample.image_file, "JPEG")
    write_label_map(folder / sample.mask_file, mask)
    write_label_map(folder / sample.instance_file, instances)


def _write_wav(path: Path, pcm: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1 if pcm.ndim == 1 else pcm.shape[1])
        stream.setsampwidth(2)
        stream.setframerate(16_000)
        stream.writeframes(pcm.astype("<i2").tobytes())


def _tone(category: str) -> np.ndarray[Any, Any]:
    """10 s of int16 tone at a quarter of full scale, with a slow swell."""
    seconds = np.arange(160_000) / 16_000
    return np.round(
        8192 * np.sin(2 * np.pi * TONES.get(category, 330) * seconds) * (0.6 + 0.4 * np.cos(2 * np.pi * 0.7 * seconds))
    )


def _write_sounds(folder: Path, sample: Sample) -> None:
    total = np.zeros((160_000, 2))
    for source in sample.sources:
        tone = _tone(source.instance.category)
        _write_wav(folder / clip_file(source.clip.id), tone)
        total += tone[:, None] * [1 - source.position, source.position]
    if sample.mixture_file:
        _write_wav(folder / sample.mixture_file, total)


def _write_tables(folder: Path, samples: Iterable[Sample]) -> None:
    for setting in ("ss", "ms", "msmi"):
        with open(folder / csv_file(setting), "w", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, CSV_COLUMNS)
            table.writeheader()
            for sample in samples:
                for source in sample.sources if sample.setting == setting else ():
                    table.writerow(dict(zip(CSV_COLUMNS, (
                        sample.picture.id, source.instance.annotation_id, source.instance.category, 1, source.clip.id,
                        source.position, sample.split, int(sample.multi_instance), source.clip.label), strict=True)))  # fmt: skip


def _mirrored(sample: Sample) -> Sample:
    return replace(
        sample,
        variant="mirrored",
        sources=tuple(replace(source, position=1 - source.position) for source in sample.sources),
    )


def _silence(sample: Sample) -> Sample:
    return replace(sample, variant="silence", sources=(), truth="empty")


def write_toy_dataset(
    folder: Path, audio: str = "reference", variants: tuple[str, ...] = ()
) -> tuple[Path, list[Sample], DatasetInfo]:
    """Six samples of three settings: two instances of one category, silent objects, one ignored region.

    ``variants`` may name ``mirrored`` and ``silence``. Returns the folder, its samples and its ``dataset.json``.
    """
    samples = [_scene(*scene, audio) for scene in SCENES]
    categories = tuple((c.index, c.name, c.mask_id) for c in vpo_categories())
    info = DatasetInfo(
        name="toy", version="0.1.0", settings=("ss", "ms", "msmi"), layout="vpo", audio=audio, seed=0, field_of_view=60.0,
        config_sha256="2" * 64, categories=categories, variants=variants,
    )  # fmt: skip
    for sample, scene in zip(samples, SCENES, strict=True):
        _draw(folder, sample, scene[4])
        _write_sounds(folder, sample)
    _write_tables(folder, samples)
    write_manifest(folder / "manifest.jsonl", samples)
    write_info(folder, info)
    for variant in variants:
        changed = [{"mirrored": _mirrored, "silence": _silence}[variant](sample) for sample in samples]
        place = folder / "variants" / variant
        for sample in changed:
            place.mkdir(parents=True, exist_ok=True)
            if audio == "render":
                _write_sounds(place, sample)
        write_manifest(place / "manifest.jsonl", changed)
        write_info(place, replace(info, variant=variant, variants=()))
    return folder, samples, info


@pytest.fixture(scope="session")
def make_toy_dataset() -> Callable[..., tuple[Path, list[Sample], DatasetInfo]]:
    """:func:`write_toy_dataset`, for tests that need a dataset folder of their own."""
    return write_toy_dataset


@pytest.fixture(scope="session")
def toy_dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Sample], DatasetInfo]:
    """One toy dataset for all tests that only read: folder, samples, info."""
    return write_toy_dataset(tmp_path_factory.mktemp("toy"))
