"""The files of one video as they are found: complete, readable to their end, of one size; else a ``DataError`` that names the file."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from evaluators.errors import DataError
from evaluators.gt_reading import names_in, safe
from evaluators.masks import MAX_PIXELS
from evaluators.media_headers import missing_bytes, sound_format
from evaluators.videos import Video

MAX_BYTES = 500_000_000
MOST_EXTRA = 5  # names that one message gives
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg"}


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame, read whole."""

    data: bytes
    suffix: str  # .png or .jpg by its content, whatever its name says
    image: Image.Image  # decoded, in the file's own mode

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.image.size


def read_bytes(root: Path, name: str, what: str) -> bytes:
    """A file's bytes. Raises ``DataError``: ``unsafe-path``, ``<what>-missing``, ``-unreadable``, ``-too-large``, ``-empty``."""
    path = root / safe(root, name)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError(f"{what}-unreadable", name, "is a folder, pipe or device, expected a file")
        if found.st_size > MAX_BYTES:
            raise DataError(f"{what}-too-large", name, f"{found.st_size:,} bytes, at most {MAX_BYTES:,} are read")
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{what}-missing", name, "is not there; complete the dataset") from None
    except OSError as error:
        raise DataError(f"{what}-unreadable", name, f"can't be read ({error.strerror})") from None
    if not data:
        raise DataError(f"{what}-empty", name, "has 0 bytes; get it again")
    return data


def read_picture(root: Path, name: str) -> Picture:
    """A frame, PNG or JPEG. Raises ``DataError``: those of :func:`read_bytes`, ``frame-too-large`` (told from the header,
    nothing is decoded), ``frame-unreadable``, ``frame-truncated``."""
    data = read_bytes(root, name, "frame")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata and on sizes, which are checked here
            with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
                if image.width * image.height > MAX_PIXELS:
                    size = f"{image.width} x {image.height} pixels"
                    raise DataError("frame-too-large", name, f"{size} by its header, at most {MAX_PIXELS:,} are read")
                image.load()
                return Picture(data, SUFFIXES[image.format or ""], image)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError("frame-too-large", name, f"{error}") from None
    except UnidentifiedImageError:
        found = f"begins with {data[:16]!r}; PNG and JPEG are read"
        raise DataError("frame-unreadable", name, f"{found}; get it again") from None
    except Exception as error:  # decoders raise what they like on damaged bytes
        cut = "truncated" in str(error) or not data.rstrip(b"\0").endswith((b"\xff\xd9", b"IEND\xaeB`\x82"))
        reason = "frame-truncated" if cut else "frame-unreadable"
        told = " ".join(str(error).split()) or type(error).__name__
        raise DataError(reason, name, f"can't be decoded to its end ({told}); get it again") from None


def check_sound(root: Path, name: str) -> None:
    """Whether a wav is one, and as long as its header says. Raises ``DataError`` ``audio-unreadable``, ``audio-truncated``, and
    those of :func:`read_bytes`."""
    path = root / safe(root, name)
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as stream:
            head = stream.read(16)
            lacks = missing_bytes(stream, sound_format(head), size)
    except FileNotFoundError:
        raise DataError("audio-missing", name, "is not there; complete the dataset") from None
    except OSError as error:
        raise DataError("audio-unreadable", name, f"can't be read ({error.strerror})") from None
    if not head:
        raise DataError("audio-empty", name, "has 0 bytes; get it again")
    if sound_format(head) != "wav":
        raise DataError("audio-unreadable", name, f"is no wav, it begins with {head!r}; get it again")
    if lacks:
        raise DataError(
            "audio-truncated", name, f"{lacks:,} bytes of sound are missing by its own header; get it again"
        )


def check_counts(root: Path, video: Video) -> list[str]:
    """Raise ``DataError`` ``video-missing``, ``frame-count`` or ``mask-count`` unless a video's folders hold exactly its frames and
    masks.

    Hidden files and those of file managers don't count. Masks may be there of frames that the table counts as not annotated
    (those of S4's training videos); their names are given back.
    """
    images = [frame.image_file for frame in video.frames]
    folders = {safe(root, name).rpartition("/")[0] for name in (*images[:1], *video.masks[:1])}
    if not any(names_in(root / folder) for folder in folders):
        raise DataError("video-missing", min(folders), "neither frames nor masks are there; complete the dataset")
    _count(root, images, len(images), "frame")
    return _count(root, video.masks, len(images), "mask")


def _count(root: Path, expected: Sequence[str], most: int, what: str) -> list[str]:
    """Names of numbered files in the folder of ``expected`` that are none of them, where they are at most ``most`` in all."""
    if not expected:
        return []
    folder, _, first = safe(root, expected[0]).rpartition("/")
    wanted = {name.rpartition("/")[2] for name in expected}
    numbered = re.compile(re.sub(r"\d+(\\?\.[a-z]+)$", r"\\d+\1", re.escape(first)))
    there = {name for name in names_in(root / folder) if numbered.fullmatch(name) or name in wanted}
    missing, extra = sorted(wanted - there), sorted(there - wanted)
    if not missing and len(there) <= most:
        return [f"{folder}/{name}" for name in extra]
    told = [f"{word}: {_some(names)}" for word, names in (("missing", missing), ("too many", extra)) if names]
    message = f"found {len(there)} {what}s, expected {len(wanted)}; {', '.join(told)}; complete or mend this folder"
    raise DataError(f"{what}-count", folder, message)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_EXTRA} more" if len(names) > MOST_EXTRA else ""
    return ", ".join(names[:MOST_EXTRA]) + more
