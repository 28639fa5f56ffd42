"""Writes the page of the worst samples: pictures of what was missed and what is false, the numbers, the sound.

The page is static and works from ``file://``: ``index.html``, its style and script, and numbered copies of all that it shows.
Names from data are text on it and never become file names.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import worst_page
from .categories import VOID
from .errors import DataError
from .files import atomic_write, link_or_copy, write_text
from .masks import MAX_PIXELS
from .pages import assets
from .worst_page import Card, Picture
from .worst_picture import Counts, LabelMap, count_pairs, draw_errors

LARGEST_PHOTO = 1280  # pixels of its longer side; larger ones are reduced
SOUNDS = frozenset({".wav", ".flac", ".mp3", ".ogg", ".m4a"})

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class WorstFrame:
    """One image, or one frame of a video. All maps (height, width) of one size; the photo may have another."""

    gt: Array  # bool; or uint8: a label map where the entry has categories, else 0 and anything
    pred: Array  # bool; uint8 label map; float in [0, 1]; or uint8, uint16 standing for v / full
    image: Array | None = None  # uint8 (height, width, 3)


@dataclass(frozen=True, eq=False)
class WorstEntry:
    """One sample on the page."""

    id: str
    measures: Mapping[str, float]  # as its protocol gives them
    frames: Sequence[WorstFrame]
    categories: Sequence[str] = ()  # name by index, 0 is background; empty where gt only says what sounds
    full: float = 0.0  # the stored value that means 1 in soft predictions of integers; 0: they are labels or a mask
    audio_file: Path | None = None
    facts: Sequence[str] = ()  # setting, number of sources, ...


def write_worst(out: Path, entries: Iterable[WorstEntry], title: str, facts: Sequence[str]) -> Path:
    """Write the page for entries, the worst first, and return its ``index.html``. Same entries, same bytes.

    Entries are taken one by one, so that they needn't be in memory together. A sound that can't be read is left out and the
    card says so. Raises ValueError for maps whose shapes or dtypes don't fit, and OSError where ``out`` can't be written.
    """
    for part in ("pictures", "audio"):
        (out / part).mkdir(parents=True, exist_ok=True)
        for stale in (out / part).glob("[0-9]*.*"):
            stale.unlink()
    cards = [_card(out, number, entry) for number, entry in enumerate(entries, 1)]
    write_text(out / "worst.css", assets("page.css", "worst.css"))
    write_text(out / "worst.js", assets("worst.js"))
    write_text(out / "index.html", worst_page.page(title, facts, cards))
    return out / "index.html"


def read_image(path: Path | str) -> Array:
    """A JPEG or PNG as ``uint8`` (height, width, 3), as stored: masks belong to the pixels before any turning by EXIF.

    Raises ``DataError``: ``image-unreadable``, ``image-too-large``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; the size is checked here
            with Image.open(path, formats=("JPEG", "PNG")) as image:
                if image.width * image.height > MAX_PIXELS:
                    size = f"{image.width} x {image.height} pixels"
                    raise DataError("image-too-large", path, f"{size}, at most {MAX_PIXELS} are read")
                return np.array(image.convert("RGB"), np.uint8)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError("image-too-large", path, f"{error}") from error
    except Exception as error:  # decoders raise what they like on damaged bytes
        raise DataError("image-unreadable", path, f"no readable JPEG or PNG ({error}); get it again") from error


def _card(out: Path, number: int, entry: WorstEntry) -> Card:
    counts: Counts = np.zeros((256, 256), np.int64)
    pictures = []
    for place, frame in enumerate(entry.frames, 1):
        pred, gt = label_maps(entry, frame)
        counts += count_pairs(pred, gt)
        pictures.append(_picture(out, f"{number:04d}-{place:02d}", frame, draw_errors(pred, gt)))
    sound = _sound(out, number, entry.audio_file)
    names = list(entry.categories) or ["background", "sounding"]
    silent = "" if sound or entry.audio_file is None else "the sound can't be read"
    return Card(
        number,
        entry.id,
        dict(entry.measures),
        tuple(pictures),
        counts,
        names,
        sound,
        (*entry.facts, *filter(None, [silent])),
    )


def label_maps(entry: WorstEntry, frame: WorstFrame) -> tuple[LabelMap, LabelMap]:
    """Prediction and gt as ``uint8`` label maps; soft predictions cut at p > 0.5. Without categories 1 is what sounds."""
    pred, gt = frame.pred, frame.gt
    if pred.shape != gt.shape or gt.ndim != 2 or not gt.size:
        raise ValueError(f"{entry.id!r}: pred {pred.shape} and gt {gt.shape} must be (height, width) of one size")
    soft = pred.dtype.kind == "f" or (entry.full > 0 and pred.dtype != np.bool_)
    if not soft and pred.dtype not in (np.bool_, np.uint8):
        raise ValueError(f"{entry.id!r}: pred {pred.dtype} must be bool, uint8 or float, or have its full value given")
    labelled = bool(entry.categories) and gt.dtype == np.uint8
    if not soft and pred.dtype == np.uint8 and labelled:
        return pred, gt
    sounding = pred > (0.5 if pred.dtype.kind == "f" else entry.full / 2 if soft else 0)
    void = (gt == VOID) if labelled else np.zeros(gt.shape, bool)
    return sounding.astype(np.uint8), np.where(void, VOID, gt != 0).astype(np.uint8)


def _picture(out: Path, name: str, frame: WorstFrame, overlay: Image.Image) -> Picture:
    """Write overlay and photo."""
    with atomic_write(out / "pictures" / f"{name}.png") as stream:
        overlay.save(stream, "PNG", compress_level=6)
    height, width = frame.gt.shape
    if frame.image is None:
        return Picture(f"pictures/{name}.png", "", width, height)
    if frame.image.dtype != np.uint8 or frame.image.ndim != 3 or frame.image.shape[2] != 3:
        raise ValueError(f"an image is uint8 (height, width, 3), found {frame.image.dtype} {frame.image.shape}")
    photo = Image.fromarray(frame.image)
    width, height = photo.size
    photo.thumbnail((LARGEST_PHOTO, LARGEST_PHOTO))
    with atomic_write(out / "pictures" / f"{name}.jpg") as stream:
        photo.save(stream, "JPEG", quality=88)
    return Picture(f"pictures/{name}.png", f"pictures/{name}.jpg", width, height)


def _sound(out: Path, number: int, file: Path | None) -> str:
    """Address of the sound's copy; "" where there is none."""
    if file is None or file.suffix.lower() not in SOUNDS or not file.is_file():
        return ""
    name = f"audio/{number:04d}{file.suffix.lower()}"
    with suppress(PermissionError, FileNotFoundError):
        link_or_copy(file, out / name)
        return name
    return ""
