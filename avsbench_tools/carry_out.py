"""Brings one video over: its files are read whole and checked, and only then written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators import avss
from evaluators.categories import VOID, voc_colour
from evaluators.errors import DataError
from evaluators.files import atomic_write, link_or_copy
from evaluators.ground_truth import MASK
from evaluators.gt_reading import safe
from evaluators.masks import encode_label_map
from evaluators.rejections import Rejection
from evaluators.tensors import encode_tensor

from .conversions import Done, Plan, refusal
from .palette import unnamed
from .resizing import resized
from .source_files import Picture, check_counts, check_sound, read_picture
from .source_masks import MaskSource, read_mask
from .source_sounds import fitted, log_mel_of_sound, read_log_mel

Array = np.ndarray[Any, np.dtype[Any]]
TINY = 0.0005  # share of a mask's pixels; a category that nobody named and that has less was a slip of the pen
QUALITY = 95  # of JPEG, without subsampling of colours
VOC = np.array([voc_colour(index) for index in range(VOID + 1)], np.uint8)
REMARKS = {
    "stray-colours": "pixels had a colour of no category and are background now",
    "nearest-colours": "pixels took the nearest colour of the palette",
    "labels-differ": "pixels have another category in labels_rgb; labels_semantic was taken",
}


@dataclass(frozen=True)
class Work:
    """What all videos of a conversion share."""

    masks: MaskSource
    dst: Path
    counted: bool  # whether files beside those of the table count, as in the official layouts
    copy: bool = False
    refers: bool = False  # nothing is written


@dataclass(eq=False)
class _Video:
    """What was read of one video, with files to write by name."""

    plan: Plan
    work: Work
    warnings: list[Rejection]
    files: dict[str, Callable[[], bytes]]  # made when they are written
    links: dict[str, str]  # target to source

    def warn(self, reason: str, message: str) -> None:
        self.warnings.append(refusal(self.plan.source, reason, message, warning=True))


def carry_out(plan: Plan, work: Work) -> Done:
    """Read, check and write one video. Nothing of it is written where any of its files can't be used.

    Raises ``OSError`` where writing fails.
    """
    video = _Video(plan, work, [], {}, {})
    try:
        missing = _read(video)
        for name in () if work.refers else (*video.files, *video.links):
            safe(work.dst, name)
    except DataError as error:
        return Done(plan.item, refusal(plan.source, error.reason, f"{error.where}: {error.message}"))
    if not work.refers:
        _write(video)
    return Done(plan.item, None, tuple(video.warnings), missing)


def _read(video: _Video) -> dict[str, bool]:
    """Everything of a video; which of its sound files are not there."""
    plan, root = video.plan, video.work.masks.root
    if video.work.counted and (extra := check_counts(root, plan.source)):
        video.warn("extra-mask", f"{extra[0]}: {len(extra)} masks of frames that count as not annotated were left out")
    remarks: dict[str, Counter[str]] = {}
    for before, after in zip(plan.source.frames, plan.target.frames, strict=True):
        picture = read_picture(root, before.image_file)
        _take_picture(video, picture, before.image_file, after.image_file)
        if before.mask_file:
            mask, remarks[before.mask_file] = read_mask(video.work.masks, before.mask_file)
            _check_size(mask, picture, before.mask_file)
            _check_categories(video, mask, before.mask_file)
            _take_mask(video, mask, before.mask_file, after.mask_file)
    _tell(video, remarks)
    return {"audio_file": _take_sound(video), "log_mel_file": _take_log_mel(video)}


def _take_picture(video: _Video, picture: Picture, source: str, target: str) -> None:
    side = video.plan.side
    if target.endswith(picture.suffix) and (not side or picture.size == (side, side)):
        _take_as_it_is(video, source, target, picture.data)
    elif video.work.refers or (os.path.splitext(source)[1] == os.path.splitext(target)[1] and not side):
        _take_as_it_is(video, source, target, picture.data)  # JPEG under the name of a PNG, or the reverse
    else:
        pixels = np.asarray(picture.image.convert("RGB"))
        video.files[target] = lambda: _encode_picture(resized(pixels, (side, side)) if side else pixels, target)


def _take_as_it_is(video: _Video, source: str, target: str, data: bytes) -> None:
    if video.work.copy:
        video.files[target] = lambda: data
    else:
        video.links[target] = source


def _encode_picture(pixels: Array, target: str) -> bytes:
    stream = BytesIO()
    if target.endswith(".png"):
        Image.fromarray(pixels).save(stream, "PNG")
    else:
        Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def _encode_png(mask: Array) -> bytes:
    stream = BytesIO()
    Image.fromarray(mask).save(stream, "PNG", compress_level=1)  # fast, and small enough for flat colours
    return stream.getvalue()


def _check_size(mask: Array, picture: Picture, name: str) -> None:
    height, width = mask.shape
    if (width, height) != picture.size:
        sizes = f"{width} x {height} and {picture.size[0]} x {picture.size[1]}"
        raise DataError("size-mismatch", name, f"mask and frame differ in size, {sizes}; get both from one source")


def _check_categories(video: _Video, mask: Array, name: str) -> None:
    """Categories that the table doesn't name: of a few pixels, slips of the pen (AVSBench issue 24); or of more."""
    categories = video.work.masks.categories
    for index, pixels in unnamed(mask, video.plan.named).items() if video.plan.named and categories else ():
        reason = "stray-category" if pixels < TINY * mask.size else "unnamed-category"
        video.warn(reason, f"{name}: {pixels:,} pixels of {categories[index]}, which the table doesn't name")


def _take_mask(video: _Video, mask: Array, source: str, target: str) -> None:
    plan = video.plan
    if not plan.void and (voids := np.count_nonzero(mask == VOID)):
        raise DataError(
            "label-range", source, f"{voids:,} pixels are void (255), which the official layout doesn't know"
        )
    if plan.side and mask.shape != (plan.side, plan.side):
        mask = np.asarray(Image.fromarray(mask).resize((plan.side, plan.side), Image.Resampling.NEAREST))
    if plan.index:
        mask = mask * np.uint8(plan.index)
    if plan.binary or (video.work.masks.kind == MASK and not plan.index):
        video.files[target] = lambda: _encode_png((mask > 0).astype(np.uint8) * np.uint8(255))
        return
    files = mask_files(plan, target)
    video.files[files[0]] = lambda: encode_label_map(mask)
    if plan.colours:
        video.files[files[1]] = lambda: _encode_png(VOC[mask])


def mask_files(plan: Plan, target: str) -> list[str]:
    """The files that a mask is written to: ``target``, and where colours are wanted the same beside in ``labels_rgb``."""
    return [target, target.replace(f"/{avss.INDICES}/", f"/{avss.COLOURS}/")][: 1 + plan.colours]


def _tell(video: _Video, remarks: dict[str, Counter[str]]) -> None:
    """A warning for each reason, with the pixels of all masks."""
    for reason, told in REMARKS.items():
        found = {name: counts[reason] for name, counts in remarks.items() if counts[reason]}
        if found:
            more = f" in {len(found)} masks" if len(found) > 1 else ""
            video.warn(reason, f"{next(iter(found))}: {sum(found.values()):,} {told}{more}")


def _take_sound(video: _Video) -> bool:
    """Take the sound; whether it isn't there."""
    source, target = video.plan.source.audio_file, video.plan.target.audio_file
    if not target or not _is_there(video, source):
        return True
    check_sound(video.work.masks.root, source)
    if video.work.copy:
        path = video.work.masks.root / source
        video.files[target] = path.read_bytes
    else:
        video.links[target] = source
    return False


def _take_log_mel(video: _Video) -> bool:
    """Take the log-mel, written anew so that nothing but numbers is in it; whether there is none."""
    plan, root, seconds = video.plan, video.work.masks.root, len(video.plan.source.frames)
    target = plan.target.log_mel_file
    if target and _is_there(video, plan.source.log_mel_file):
        source = plan.source.log_mel_file
        log_mel, done = fitted(read_log_mel(root, source), seconds)
    elif target and plan.sound_to_log_mel and _is_there(video, plan.source.audio_file):
        source = plan.source.audio_file
        log_mel, done = log_mel_of_sound(root, source, seconds)
    else:
        return True
    if done:
        video.warn("log-mel-length", f"{source}: {done}")
    video.files[target] = lambda: encode_tensor(log_mel)
    return False


def _is_there(video: _Video, name: str) -> bool:
    return bool(name) and os.path.lexists(video.work.masks.root / safe(video.work.masks.root, name))


def _write(video: _Video) -> None:
    root, dst = video.work.masks.root, video.work.dst
    for target, source in video.links.items():
        link_or_copy(root / source, dst / target)
    for target, content in video.files.items():
        with atomic_write(dst / target) as stream:
            stream.write(content())
