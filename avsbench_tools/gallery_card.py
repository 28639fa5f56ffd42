"""One video for the gallery: writes its overlays, finds its frames and its sound, and tells what is missing or damaged."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from evaluators import pages
from evaluators.avss import avss_categories
from evaluators.categories import VOID
from evaluators.errors import DataError
from evaluators.files import atomic_write, inside, link_or_copy
from evaluators.ground_truth import LABELS
from evaluators.overlays import COLOURS, draw_regions, reduced
from evaluators.videos import Video, VideoSet

from .gallery_page import PER_SECOND, Card, Chip, Shot
from .media import SAMPLE_RATE, padded, take_audio
from .sounding import named_videos
from .source_masks import MaskSource, read_mask
from .stats import categories_of

SIZE = (224, 224)  # of a frame that isn't there, where no other is
MOST_NOTES = 4
NOT_ANNOTATED, SILENT, NO_MASK, DAMAGED = "not annotated", "nothing sounds", "mask missing", "mask can't be read"
Labels = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class _Mask:
    """What a frame's mask holds, or why it holds nothing."""

    labels: Labels | None
    said: str = ""


def make_card(dst: Path, number: int, videos: VideoSet, video: Video) -> Card:
    """The card of a video, the ``number``-th of the page in ``dst``; its overlays are written to ``dst/overlay``."""
    notes: list[str] = []
    masks = [_read_mask(videos, frame.mask_file, notes) for frame in video.frames]
    shown = sorted(
        {int(label) for mask in masks if mask.labels is not None for label in np.unique(mask.labels)} - {0, VOID}
    )
    colours = _colours(shown, videos, video)
    files = [_there(videos.root, frame.image_file, notes) for frame in video.frames]
    sizes = [_size(file, notes) if file else None for file in files]
    shapes = [mask.labels.shape[::-1] for mask in masks if mask.labels is not None]
    usual = next(filter(None, [*sizes, *shapes]), SIZE)
    shots = []
    for place, (file, size, mask) in enumerate(zip(files, sizes, masks, strict=True), 1):
        name = f"{number:04d}-{place:02d}"
        width, height = size or usual
        overlay = _write_overlay(dst, f"overlay/{name}.png", mask.labels, colours)
        photo = _address(dst, file, f"media/{name}") if file and size else ""
        said = mask.said if photo else ", ".join(filter(None, ["no picture", mask.said]))
        shots.append(Shot(photo, overlay, width, height, mask.said != NOT_ANNOTATED, said))
    sound, heights = _sound(dst, number, videos, video, notes)
    chips = _chips(shown, colours, videos, video)
    return Card(video.id, video.setting, video.split, tuple(shots), chips, sound, heights, _few(notes))


def _few(notes: Sequence[str]) -> tuple[str, ...]:
    more = len(notes) - MOST_NOTES
    return tuple(notes[:MOST_NOTES]) + ((f"and {more:,} more",) if more > 0 else ())


def _read_mask(videos: VideoSet, file: str, notes: list[str]) -> _Mask:
    if not file:
        return _Mask(None, NOT_ANNOTATED)
    try:
        labels, _ = read_mask(MaskSource(videos.root, videos.kind, videos.categories, videos.colours or None), file)
    except DataError as error:
        notes.append(str(error))
        return _Mask(None, NO_MASK if error.reason == "mask-missing" else DAMAGED)
    return _Mask(labels, "" if labels.any() else SILENT)


def _colours(labels: Iterable[int], videos: VideoSet, video: Video) -> dict[int, int]:
    """The number of each label's colour: that of its category everywhere on the page, but the next free one where two would share it.

    The one label of a mask without categories stands for the one category that the table names.
    """
    colours: dict[int, int] = {}
    (named,) = named_videos([video], {})
    for label in labels:
        category = label
        if videos.kind != LABELS:
            known = len(named.sounding) == 1 and named.sounding[0] in avss_categories()
            category = avss_categories().index(named.sounding[0]) if known else 1
        wanted = [(category - 1 + step) % len(COLOURS) for step in range(len(COLOURS))]
        colours[label] = next((colour for colour in wanted if colour not in colours.values()), wanted[0])
    return colours


def _chips(shown: Sequence[int], colours: Mapping[int, int], videos: VideoSet, video: Video) -> tuple[Chip, ...]:
    """What sounds by the table, and what else the masks hold."""
    named = categories_of(video)
    if videos.kind != LABELS:
        return tuple(Chip(name, colours.get(1, -1) if len(named) == 1 else -1) for name in named)
    names = {videos.categories[label] if label < len(videos.categories) else f"label {label}": label for label in shown}
    chips = [Chip(name, colours[names[name]] if name in names else -1) for name in named]
    return (*chips, *(Chip(name, colours[label]) for name, label in names.items() if name not in named))


def _write_overlay(dst: Path, name: str, labels: Labels | None, colours: Mapping[int, int]) -> str:
    """Address of the overlay; "" where there is nothing to draw."""
    if labels is None or not labels.any():
        return ""
    labels = reduced(labels)
    with atomic_write(dst / name) as stream:
        regions = [(labels == label, colour) for label, colour in colours.items()]
        draw_regions(regions, labels == VOID).save(stream, "PNG", compress_level=6)
    return name


def _there(root: Path, file: str, notes: list[str]) -> Path | None:
    """A file of the dataset, where it is one."""
    if file and inside(root, file).is_file():
        return inside(root, file)
    notes.append(f"{file or 'a frame'}: is not there")
    return None


def _size(path: Path, notes: list[str]) -> tuple[int, int] | None:
    """Width and height by a picture's header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on large pictures; nothing is decoded here
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                return image.size
    except Exception:  # decoders raise what they like on damaged bytes
        notes.append(f"{path.name}: is no readable PNG or JPEG")
        return None


def _sound(dst: Path, number: int, videos: VideoSet, video: Video, notes: list[str]) -> tuple[str, list[int]]:
    """Address and waveform of the sound, of as many seconds as there are frames."""
    path, seconds = _there(videos.root, video.audio_file, notes), len(video.frames)
    if path is None or not seconds:
        return "", []
    try:
        samples = take_audio(path, seconds + 1)
    except DataError as error:
        notes.append(f"{path.name}: {error.message}")
        return "", []
    if abs(len(samples) / SAMPLE_RATE - seconds) >= 0.5:
        length = f"{len(samples) / SAMPLE_RATE:.1f} s" if len(samples) < (seconds + 1) * SAMPLE_RATE else "longer"
        notes.append(f"{path.name}: the sound is {length}, the frames are {seconds} s")
    heard = padded(samples, seconds * SAMPLE_RATE)[:, None]  # (samples, 1)
    (heights,) = pages.heights(pages.envelope(heard, PER_SECOND * seconds))
    return _address(dst, path, f"media/{number:04d}"), heights


def _address(dst: Path, path: Path, copy: str) -> str:
    """The relative address of a file as seen from the page, or of its copy where no path leads there."""
    try:
        relative = os.path.relpath(path, dst)
    except ValueError:  # on another drive
        link_or_copy(path, dst / f"{copy}{path.suffix.lower()}")
        return f"{copy}{path.suffix.lower()}"
    return quote(os.fsencode(Path(relative).as_posix()))
