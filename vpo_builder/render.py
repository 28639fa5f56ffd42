"""One planned sample to its files. No randomness: the same sample gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators.categories import VOID, voc_colour
from evaluators.dataset import Sample
from evaluators.files import atomic_write, link_or_copy
from evaluators.masks import encode_label_map
from evaluators.wav_files import encode_wav, read_wav16

from .images import strip_orientation
from .mixing import mix
from .segmentation import decode_rle

Labels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Studio:
    """Where a sample's material lies and where its files go."""

    out: Path
    clips: Path  # decoded, <clip id>.wav
    image_roots: tuple[Path, ...]
    image_mode: str  # link, copy, symlink
    layout: str
    values: Mapping[str, int]  # category -> value in the mask file
    field_of_view: float


@dataclass(frozen=True)
class Receipt:
    """What was written for a sample: SHA-256 by path, and what only rendering can know."""

    files: dict[str, str]
    mix_gain: float


def render_sample(sample: Sample, studio: Studio) -> Receipt:
    """Write image, mask, instance map and, where they are wanted, stems and mixture of one sample."""
    mask, instances = paint(sample, studio.values)
    files = {sample.image_file: _put_image(sample, studio)}
    pictures = {sample.mask_file: encode_label_map(mask), sample.instance_file: encode_label_map(instances)}
    if studio.layout == "avss":
        pictures[sample.mask_file.replace("labels_semantic", "labels_rgb")] = _rgb_png(mask)
    for name, content in pictures.items():
        files[name] = _put(studio.out / name, content)
    mix_gain = 1.0
    if sample.mixture_file:
        sound, mix_gain = _sound_files(sample, studio)
        files.update(sound)
    return Receipt(files, mix_gain)


def paint(sample: Sample, values: Mapping[str, int]) -> tuple[Labels, Labels]:
    """Ground truth and instance map of a sample, uint8 (height, width) each.

    The ground truth holds 0, the value of each sounding category, and 255 in crowds; silent objects are background.
    The instance map holds each instance's own index. Where instances overlap the smaller lies on top, and sources
    lie on top of silent objects.
    """
    height, width = sample.picture.height, sample.picture.width
    found = np.zeros((height, width), np.uint8, order="F")  # as run lengths go
    table = np.zeros(256, np.uint8)  # instance -> value in the ground truth
    for rle in sample.ignore:
        np.copyto(found, np.uint8(VOID), where=decode_rle(rle, height, width))
    table[VOID] = VOID
    for group in (sample.silent, [source.instance for source in sample.sources]):
        for instance in sorted(group, key=lambda instance: (-instance.area, instance.annotation_id)):
            np.copyto(found, np.uint8(instance.index), where=decode_rle(instance.rle, height, width))
    if sample.truth == "base":
        for source in sample.sources:
            table[source.instance.index] = values[source.instance.category]
    instances = np.ascontiguousarray(found)
    mask = np.frombuffer(instances.tobytes().translate(table.tobytes()), np.uint8).reshape(
        height, width
    )  # twice as fast as table[instances]
    return mask, instances


def _put(path: Path, content: bytes) -> str:
    with atomic_write(path) as stream:
        stream.write(content)
    return hashlib.sha256(content).hexdigest()


def _put_image(sample: Sample, studio: Studio) -> str:
    source, target = studio.image_roots[sample.picture.root] / sample.picture.file, studio.out / sample.image_file
    if sample.picture.orientation != 1:  # a browser would turn the picture and not its mask
        return _put(target, strip_orientation(source.read_bytes()))
    link_or_copy(source, target, mode=studio.image_mode)
    return sample.picture.sha256


def _rgb_png(mask: Labels) -> bytes:
    palette = np.array([voc_colour(index) for index in range(256)], np.uint8)
    stream = BytesIO()
    Image.fromarray(palette[mask]).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _sound_files(sample: Sample, studio: Studio) -> tuple[dict[str, str], float]:
    clips = [read_wav16(studio.clips / f"{source.clip.id}.wav") for source in sample.sources]
    stems, mixture, gain = mix(sample, clips, studio.field_of_view)
    files = {
        name: _put(studio.out / name, encode_wav(stem)) for name, stem in zip(sample.stem_files, stems, strict=False)
    }
    files[sample.mixture_file] = _put(studio.out / sample.mixture_file, encode_wav(mixture))
    if studio.layout == "avss":
        mono = ((mixture[:, 0].astype(np.int32) + mixture[:, 1]) >> 1).astype(np.int16)
        for name in ("audio.wav", "mono_audio.wav"):
            path = sample.mixture_file.replace("stereo_audio.wav", name)
            files[path] = _put(studio.out / path, encode_wav(mono))
    return files, gain
