"""The frames of a video read for COCO JSON: sizes by the images, masks as label maps, and what is wrong with either."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from evaluators.categories import VOID
from evaluators.errors import DataError
from evaluators.files import inside
from evaluators.ground_truth import LABELS, MASK, GroundTruth
from evaluators.masks import RGB, Array, brightness, decode_gt, decode_png
from evaluators.rejections import Rejection
from evaluators.videos import Frame, Video, VideoSet

LARGEST = 256 << 20  # bytes of a mask's file


@dataclass(frozen=True, eq=False)
class ReadFrame:
    """A frame whose image is there, and its mask where one is and can be used."""

    frame: Frame
    height: int
    width: int
    labels: Array | None  # uint8 (height, width): 0 and 1, or indices


@dataclass
class ReadVideo:
    """What reading a video gave."""

    frames: list[ReadFrame] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


def read_video(videos: VideoSet, video: Video) -> ReadVideo:
    """Read the frames of a video; of images only the header. Nothing is raised for bad files: they are in ``rejections``."""
    found = ReadVideo()
    for frame in video.frames:
        try:
            height, width = _image_size(videos.root, frame.image_file)
        except DataError as error:
            found.rejections.append(Rejection("frame", frame.image_file, error.reason, error.message))
            continue
        labels = None
        try:
            labels = _labels(videos, frame, (height, width), found.rejections) if frame.mask_file else None
        except DataError as error:
            found.rejections.append(Rejection("mask", frame.mask_file, error.reason, error.message))
        found.frames.append(ReadFrame(frame, height, width, labels))
    if not found.frames:
        message = "none of its frames can be read; get the video again or drop its line from the table"
        found.rejections = [Rejection("video", video.id, "video-missing", message)]
    if videos.kind == LABELS:
        found.rejections += _strange(videos, video, found.frames)
    return found


def _image_size(root: Path, name: str) -> tuple[int, int]:
    """Height and width by the header. Raises ``DataError``: ``unsafe-path``, ``image-missing``, ``image-unreadable``."""
    path = inside(root, name)
    if not _is_file(path):
        raise DataError("image-missing", name, "the frame isn't there; extract it again (see avsbench prepare)")
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            return image.height, image.width
    except Exception as error:  # Pillow raises nearly everything for damaged files
        found = " ".join(str(error).split())
        raise DataError("image-unreadable", name, f"is no readable PNG or JPEG ({found}); extract it again") from None


def _labels(videos: VideoSet, frame: Frame, size: tuple[int, int], rejections: list[Rejection]) -> Array:
    """A mask, ``uint8`` (height, width). Raises ``DataError`` where it can't be used; adds a warning for stray pixels."""
    name = frame.mask_file
    data = _mask_bytes(videos.root, name)
    gt = GroundTruth(videos.root, videos.name, videos.kind, (), videos.categories, colours=videos.colours)
    labels = decode_gt(data, name, gt)
    if labels.shape != size:
        sizes = f"{labels.shape[1]} x {labels.shape[0]}, its frame {size[1]} x {size[0]}"
        raise DataError("size-mismatch", name, f"the mask is {sizes}; both have to be of one size")
    top = int(labels[labels != VOID].max(initial=0))
    if videos.kind == LABELS and top >= len(videos.categories):
        raise DataError("unknown-label", name, f"found label {top}, there are 0 to {len(videos.categories) - 1}")
    strays = _strays(data, name, videos.kind, labels)
    if strays:
        message = f"{strays:,} of {labels.size:,} pixels have none of a mask's values; they are read as the scorer does"
        rejections.append(Rejection("mask", name, "stray-values", message, warning=True))
    return labels


def _mask_bytes(root: Path, name: str) -> bytes:
    path = inside(root, name)
    if not _is_file(path):
        raise DataError("mask-missing", name, "the table promises this mask and it isn't there; get it again")
    try:
        with open(path, "rb") as stream:
            if os.fstat(stream.fileno()).st_size > LARGEST:
                raise DataError("gt-too-large", name, f"has over {LARGEST >> 20} MiB; is it a mask?")
            return stream.read()
    except OSError as error:
        raise DataError("gt-unreadable", name, f"can't be read ({error.strerror}); mend its rights") from error


def _is_file(path: Path) -> bool:
    """Whether a file can be opened without waiting, as a pipe would make us."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _strays(data: bytes, name: str, kind: str, labels: Array) -> int:
    """Pixels between a mask's two values, or of a colour of no category; ``decode_gt`` let only a few pass."""
    values, form = decode_png(data, name, "gt")
    if kind == MASK:
        values = brightness(values) if form == RGB else values
        top = int(values.max())
        return int(np.count_nonzero(values) - np.count_nonzero(values == top)) if top > 1 else 0
    return int(np.count_nonzero((labels == 0) & (brightness(values) > 0))) if form == RGB else 0


def _strange(videos: VideoSet, video: Video, frames: list[ReadFrame]) -> Iterator[Rejection]:
    """Warnings: pixels of void, and of categories that the table doesn't name for the video, where it names any."""
    counts: Counter[int] = Counter()
    for read in frames:
        if read.labels is not None:
            present = np.bincount(read.labels.ravel(), minlength=VOID + 1)
            counts.update({int(index): int(present[index]) for index in np.flatnonzero(present)})
    for index, pixels in sorted(counts.items()):
        if index == VOID:
            message = f"{pixels:,} pixels are void (255); they are in no annotation"
            yield Rejection("video", video.id, "void-pixels", message, warning=True)
        elif index and video.sounding and videos.categories[index] not in video.sounding:
            message = (
                f"{pixels:,} pixels are {videos.categories[index]}, the table names {' and '.join(video.sounding)}"
            )
            yield Rejection("video", video.id, "stray-category", message, warning=True)
