"""Videos: the frames, masks and sound that a dataset of videos should hold, whether or not they are there; and its manifest.

Each layout of videos (``s4``, ``ms3``, ``avss``, and ``video_layout`` for folders that ``avsbench convert`` wrote) has a
function ``videos(folder)``: what its table promises, as one :class:`VideoSet`, or None where the folder isn't of that layout.
``read`` of the same module is what the scorer takes of it. Nothing but tables is read here.

A dataset folder of videos holds ``dataset.json`` (with ``"layout": "videos"``) and ``manifest.jsonl``, a video a line. The
files stand in it, or, by reference, in the folder that ``root`` names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from .dataset import DATASET, FORMAT, MANIFEST
from .errors import DataError
from .files import atomic_write
from .ground_truth import LABELS, MASK

LAYOUT = "videos"
READERS = ("s4", "ms3", "avss", "video_layout")


@dataclass(frozen=True)
class Frame:
    """One picture of a video, taken at the end of a second."""

    number: int  # from 0, whatever the numbers in the file names
    image_file: str
    mask_file: str = ""  # "" where the frame has no annotation, such as all but the first of S4's training videos


@dataclass(frozen=True)
class Video:
    """One video; all files are relative to the root of its set."""

    id: str
    setting: str  # s4, ms3, v1s, v1m, v2
    split: str  # train, val, test
    frames: tuple[Frame, ...]  # by number
    category: str = ""  # in S4's words, such as dog_barking
    sounding: tuple[str, ...] = ()  # in AVSBench-semantic's words, each once, as its a_obj names them; () where unknown
    audio_file: str = ""
    log_mel_file: str = ""  # the published pickle, or what replaced it; "" where the layout has none
    start_seconds: float | None = None  # in the video of that id on the web, where the table says it

    @property
    def masks(self) -> tuple[str, ...]:
        """Files of the annotated frames."""
        return tuple(frame.mask_file for frame in self.frames if frame.mask_file)


@dataclass(frozen=True)
class VideoSet:
    """All videos of one table."""

    name: str  # s4, ms3, avss
    root: Path
    table: Path
    kind: str  # MASK or LABELS: what the mask files hold
    videos: tuple[Video, ...]  # in the order of the table
    categories: tuple[str, ...] = ()  # name by index, 0 is background; empty for masks
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)  # for RGB masks: colour to index
    remarks: tuple[str, ...] = ()  # what the reader found worth telling, a line each


def open_videos(folder: Path | str, name: str = "") -> VideoSet:
    """The one set of videos in a folder, or that of ``name`` (s4, ms3, avss) where it holds several.

    Raises ``DataError`` ``unknown-layout``, ``which-set``, and those of damaged tables.
    """
    found = {videos.name: videos for videos in find_videos(Path(folder))}
    if not found or (name and name not in found):
        there = f"found {' and '.join(found)}" if found else "found no table beside masks as AVSBench has them"
        raise DataError(
            "unknown-layout", folder, f"{there}, expected {name or 's4, ms3 or avss'}; see avsbench inspect"
        )
    if not name and len(found) > 1:
        raise DataError("which-set", folder, f"the folder holds {' and '.join(found)}; choose one with --subset")
    return found[name] if name else next(iter(found.values()))


def find_videos(folder: Path) -> Iterator[VideoSet]:
    """Every set of videos in a folder, in the order s4, ms3, avss. Raises the ``DataError`` of a damaged table."""
    for reader in READERS:
        found: VideoSet | None = import_module(f".{reader}", __package__).videos(folder)
        if found is not None:
            yield found


def write_videos(folder: Path, videos: VideoSet, version: str, facts: Mapping[str, Any] = {}) -> None:
    """Write the manifest of a set and then its ``dataset.json``, which says that all is there.

    ``videos.root`` is the folder itself, or the one that the files stay in. ``facts`` are written down too.
    """
    with atomic_write(folder / MANIFEST, durable=True) as stream:
        stream.writelines(_line(video) for video in videos.videos)
    inside = os.path.abspath(videos.root) == os.path.abspath(folder)
    info = {
        "format": FORMAT,
        "layout": LAYOUT,
        "name": videos.name,
        "version": version,
        "root": "." if inside else os.path.abspath(videos.root),
        "kind": videos.kind,
        "categories": videos.categories,
        "colours": [[*colour, index] for colour, index in videos.colours.items()],
        "videos": len(videos.videos),
        **facts,
    }
    with atomic_write(folder / DATASET, durable=True) as stream:
        stream.write(json.dumps(info, indent=1, ensure_ascii=False).encode() + b"\n")


def _line(video: Video) -> bytes:
    return json.dumps(asdict(video), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def is_video_folder(folder: Path) -> bool:
    """Whether ``dataset.json`` is there and is one of videos."""
    try:
        info = json.loads((folder / DATASET).read_text(encoding="utf-8"))
        return isinstance(info, dict) and info.get("layout") == LAYOUT
    except (OSError, ValueError, RecursionError):
        return False


def read_videos(folder: Path) -> VideoSet:
    """The set of a dataset folder. Raises ``DataError`` ``not-a-dataset``, ``manifest-unreadable``."""
    path = folder / DATASET
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        if info["format"] != FORMAT or info["kind"] not in (MASK, LABELS):
            raise ValueError(f"format {info['format']}, kind {info['kind']}; this version reads format {FORMAT}")
        found = VideoSet(
            name=str(info["name"]),
            root=folder if info["root"] == "." else Path(info["root"]),
            table=folder / MANIFEST,
            kind=info["kind"],
            videos=(),
            categories=tuple(map(str, info["categories"])),
            colours={(int(red), int(green), int(blue)): int(index) for red, green, blue, index in info["colours"]},
        )
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError("not-a-dataset", path, f"no readable dataset.json ({error}); convert again") from error
    return replace(found, videos=tuple(_read_lines(folder / MANIFEST)))


def _read_lines(path: Path) -> Iterable[Video]:
    number = 0
    try:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                number += 1
                row = json.loads(line)
                frames = tuple(Frame(**frame) for frame in row["frames"])
                yield Video(**{**row, "frames": frames, "sounding": tuple(row["sounding"])})
    except OSError as error:
        raise DataError("manifest-unreadable", path, f"can't be read ({error.strerror}); convert again") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        where = f"{path}:{number}"
        raise DataError(
            "manifest-unreadable", where, f"is no video of format {FORMAT} ({error!r}); convert again"
        ) from error
