"""Raw videos in a folder: which file is the video of a row, and from where on.

In this order: a file named as the row's video (``<video>.mp4``, as in the official ``raw_videos``); a clip of VGGSound
(``<id>_<start, 6 digits>.mp4``); a file of the whole video, or of VGGSound's clip, by its id alone (``<id>.mp4``).

The names of S4 and v1s are ``<id>_<start ms>_<end ms>`` counted from the beginning of VGGSound's clip of 10 s (all of them start
at 0 to 6 s, also where VGGSound's clip starts at 110 s), those of v2 from the beginning of the video on the web.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evaluators.clip_tables import parse_clip_name, stem
from evaluators.errors import DataError
from evaluators.gt_reading import some, visible
from evaluators.rejections import Rejection
from evaluators.videos import Video

SUFFIXES = (".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi", ".flv", ".3gp")  # best first
IN_CLIP, ON_WEB = (
    ("s4", "v1s"),
    ("v2",),
)  # settings whose names count from the start of VGGSound's clip, and of the video
CLIP_SECONDS = 12.0  # a file that is longer is no clip of VGGSound


@dataclass(frozen=True)
class RawVideo:
    """Where a video is."""

    file: str  # relative to the folder, with "/"
    start_seconds: float = 0.0
    longest_seconds: float = 0.0  # what the file may last, if it is the clip that it is taken for; 0: any length


@dataclass
class RawVideos:
    """The films below a folder, by their names without suffix."""

    folder: Path
    by_stem: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    clips: defaultdict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # id -> names of VGGSound's clips
    rejections: list[Rejection] = field(default_factory=list)  # warnings: folders that can't be read

    def find(self, video: Video) -> RawVideo:
        """The file of a video. Raises ``DataError``: ``video-missing``, ``video-ambiguous``."""
        if video.id in self.by_stem:
            return RawVideo(self._best(video.id, video))
        named = parse_clip_name(video.id) if video.setting in IN_CLIP + ON_WEB else None
        if named is None:
            raise _missing(video.id)
        web_id, start = named
        in_clip = video.setting in IN_CLIP
        clips = sorted(self.clips.get(web_id, ())) if in_clip else [f"{web_id}_{int(start):06d}"]
        if len(clips) > 1:
            message = (
                f"is a part of a clip of VGGSound, and there are {some(clips)}; name the right part {video.id}.mp4"
            )
            raise DataError("video-ambiguous", video.id, message)
        if clips and clips[0] in self.by_stem and (in_clip or start == int(start)):
            return RawVideo(self._best(clips[0], video), start if in_clip else 0.0)
        if web_id in self.by_stem:
            return RawVideo(self._best(web_id, video), start, CLIP_SECONDS if in_clip else 0.0)
        raise _missing(video.id)

    def _best(self, name: str, video: Video) -> str:
        """Of several files of one name that in the folders of the row's split and category, then mp4 before others."""
        words = {word for word in (video.split, video.category, video.setting) if word}
        return min(
            self.by_stem[name],
            key=lambda file: (-len(words & set(file.split("/"))), SUFFIXES.index(_suffix(file)), file),
        )


def find_raw_videos(folder: Path) -> RawVideos:
    """Look through a folder. Links are followed, each folder is entered once. Raises ``DataError`` ``not-a-folder``."""
    if not folder.is_dir():
        raise DataError("not-a-folder", folder, "no such folder; give the folder that holds the videos")
    found = RawVideos(folder)
    for file in sorted(_films(folder, found.rejections)):
        name = stem(file)
        found.by_stem[name].append(file)
        clip = parse_clip_name(name)
        if clip is not None and name == f"{clip[0]}_{int(clip[1]):06d}":
            found.clips[clip[0]].add(name)
    return found


def _films(folder: Path, rejections: list[Rejection]) -> Iterator[str]:
    """Relative paths with ``/`` of what is named like a film."""

    def tell(error: OSError) -> None:
        where = os.path.relpath(error.filename or folder, folder)
        message = f"can't be read ({error.strerror}); videos in it are not seen"
        rejections.append(Rejection("folder", where, "folder-unreadable", message, warning=True))

    entered = set()
    for place, inner, names in os.walk(folder, followlinks=True, onerror=tell):
        real = os.path.realpath(place)
        if real in entered:
            inner.clear()
            continue
        entered.add(real)
        inner[:] = sorted(filter(visible, inner))
        prefix = os.path.relpath(place, folder).replace(os.sep, "/")
        for name in names:
            if _suffix(name) in SUFFIXES and visible(name):
                yield name if prefix == "." else f"{prefix}/{name}"


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _missing(name: str) -> DataError:
    message = f"no file {name}.mp4 in the folder, nor a longer one of its id; get it, or leave it out of the table"
    return DataError("video-missing", name, message)
