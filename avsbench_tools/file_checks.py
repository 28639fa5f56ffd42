"""What the files of one item hold: sizes of frames and masks, headers of sounds, shapes of log-mels."""

from __future__ import annotations

import os
import warnings
import wave
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from evaluators.errors import DataError
from evaluators.log_mels import read_log_mel
from evaluators.media_headers import missing_bytes, sound_format

from .findings import Seen
from .holdings import OFFICIAL, OTHER_FORMS, Holding, Item
from .holdings_avsbench import SUBSETS
from .mask_checks import mask_seen
from .source_files import read_bytes

RATE = 16_000
OFFICIAL_SIZE = (224, 224)  # of frames and masks of S4 and MS3
SLACK = 0.5  # seconds
ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
TAIL = 64  # bytes in which a picture's end is looked for: some writers fill up
Size = tuple[int, int]


def look(holding: Holding, item: Item) -> list[Seen]:
    """Everything odd about the files of an item that are there. ``holding`` needs no items."""
    if holding.unit == "clips":
        return [seen for name in item.sounds for seen in _clip(holding.root, name)]
    found = list(_pictures(holding, item))
    for name in item.sounds:
        found += _sound(holding, item, name)
    for name in item.log_mels:
        found += _log_mel(holding.root, name, item.seconds)
    return found


def _pictures(holding: Holding, item: Item) -> Iterator[Seen]:
    images: list[Size] = []
    masks: list[Size] = []
    for frame in item.frames:
        image, seen = _image(holding.root, frame.image_file) if frame.image_file else (None, [])
        yield from seen
        mask, seen = _mask(holding, item, frame.mask_file) if frame.mask_file else (None, [])
        yield from seen
        if image and mask and image != mask:
            yield Seen("mask-size", "masks of another size than their frame", _sizes(frame.mask_file, mask, image))
        images += [image] if image else []
        masks += [mask] if mask else []
        if image and image != images[0]:
            text = "frames of another size than the first of their video"
            yield Seen("frame-sizes", text, _sizes(frame.image_file, image, images[0]))
    others = [size for size in images + masks if size != OFFICIAL_SIZE]
    if others and holding.name in SUBSETS and holding.form == OFFICIAL:
        yield Seen("not-224", "videos whose frames or masks are not 224 x 224", f"{item.id} ({_text(others[0])})")


def _sizes(name: str, size: Size, other: Size) -> str:
    return f"{name} ({_text(size)}, {_text(other)})"


def _text(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def _mask(holding: Holding, item: Item, name: str) -> tuple[Size | None, list[Seen]]:
    """As ``mask_seen``; that a file is missing or empty was told of its listing."""
    try:
        return mask_seen(holding, item, name, read_bytes(holding.root, name, "mask"))
    except DataError as error:
        if error.reason in ("mask-missing", "mask-empty"):
            return None, []
        return None, [Seen(error.reason, "masks that can't be opened", f"{name} ({error.message.split('; ')[0]})")]


def _image(root: Path, name: str) -> tuple[Size | None, list[Seen]]:
    """Width and height by the header, and whether the file ends as it should; nothing is decoded."""
    path = root / name
    if not os.path.isfile(path):  # a pipe would be waited for
        return None, []
    try:
        with warnings.catch_warnings(), open(path, "rb") as stream:
            warnings.simplefilter("error")  # of pictures too large
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - TAIL))
            tail = stream.read()
            stream.seek(0)
            with Image.open(stream, formats=tuple(ENDS)) as image:
                found, end = image.size, ENDS[image.format or ""]
    except Exception:  # Pillow raises nearly everything for damaged files
        known = path.stat().st_size
        return None, [Seen("frame-unreadable", "frames that are no PNG or JPEG", name)] if known else []
    return found, [] if end in tail else [Seen("frame-unreadable", "frames that are cut off", name)]


def _sound(holding: Holding, item: Item, name: str) -> Iterator[Seen]:
    """A wav, by its header. Official scripts keep two channels, which loaders average."""
    data, size = _head(holding.root, name)
    if not data:
        return
    try:
        with open(holding.root / name, "rb") as stream:
            if sound_format(data) != "wav":
                raise wave.Error("it doesn't begin as a wav")
            lacking = missing_bytes(stream, "wav", size)
            stream.seek(0)
            with wave.open(stream) as sound:
                rate, channels, frames = sound.getframerate(), sound.getnchannels(), sound.getnframes()
    except (OSError, EOFError, wave.Error) as error:
        yield Seen("audio-unreadable", "sounds that are no wav of whole numbers", f"{name} ({error or 'cut off'})")
        return
    if lacking:
        yield Seen("audio-truncated", "sounds that are cut off", f"{name} ({lacking:,} bytes are missing)")
    if rate != RATE:
        yield Seen("audio-rate", "sounds that are not of 16 kHz", f"{name} ({rate:,} Hz)")
    if item.seconds and channels > 1:
        yield Seen("audio-channels", f"sounds of {channels} channels", name, note=channels == 2)
    seconds = frames / max(rate, 1)
    if item.seconds and not lacking and abs(seconds - item.seconds) > SLACK:
        text = f"sounds {'shorter' if seconds < item.seconds else 'longer'} than their frames, a second each"
        yield Seen("audio-length", text, f"{name} ({seconds:.1f} s, {item.seconds} frames)")


def _head(root: Path, name: str) -> tuple[bytes, int]:
    """The first bytes of a file, and its size; none where it isn't there."""
    path = root / name
    if not os.path.isfile(path):  # a pipe would be waited for
        return b"", 0
    try:
        with open(path, "rb") as stream:
            return stream.read(16), os.fstat(stream.fileno()).st_size
    except OSError:
        return b"", 0


def _log_mel(root: Path, name: str, seconds: int) -> Iterator[Seen]:
    """A published pickle, or what replaced it."""
    path = root / name
    others = [path.with_suffix(suffix) for suffix in OTHER_FORMS.get(path.suffix, ())]
    path = next((one for one in (path, *others) if one.is_file() and one.stat().st_size), path)
    if not path.is_file() or not path.stat().st_size:
        return
    try:
        log_mel = read_log_mel(path)
    except (OSError, DataError) as error:
        reason, message = (error.reason, error.message) if isinstance(error, DataError) else ("log-mel-unreadable", "")
        yield Seen(reason, "log-mels that can't be read", f"{name} ({message.split('; ')[0] or error})")
        return
    if seconds and len(log_mel) != seconds:
        text = f"log-mels of another length, expected ({seconds}, 1, 96, 64)"
        yield Seen("log-mel-length", text, f"{name} {log_mel.shape}")


def _clip(root: Path, name: str) -> Iterator[Seen]:
    """A clip of VGGSound, by its header."""
    head, size = _head(root, name)
    if not head:
        return
    kind = sound_format(head)
    if not kind:
        yield Seen("clip-unreadable", "clips that are no media file", name)
        return
    with open(root / name, "rb") as stream:
        lacking = missing_bytes(stream, kind, size)
    if lacking:
        yield Seen("clip-truncated", "clips that are cut off", f"{name} ({lacking:,} bytes are missing)")
