"""Reads a plain folder of mask PNGs, in subfolders or not.

Where every file is ``<video>_<number>`` or every file ``<video>/<number>``, there are two videos or more, and the numbers of
each run from 0 or 1 without a gap, the files are frames of videos; else each file is a sample of its own.

What the masks hold is found from a spread of at most 64 of them, unless told: background and one other value (0/1, 0/255,
black and a colour) are masks, more are label maps. The categories of label maps are named in a ``label2idx.json`` in the
folder, or are the numbers up to the largest that was found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .avss import NAMES, read_names
from .categories import VOID, voc_colour
from .errors import DataError
from .ground_truth import MASK, GroundTruth, GtFrame, GtSample, Selection
from .gt_probe import Seen, kind_of, numbered_categories, probe
from .gt_reading import path_ends, settled, some, visible

EXTENSION = ".png"
OTHER_IMAGES = (".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".npy", ".npz")
PICTURES = frozenset({"visual_frames", "frames", "images"})  # folders that hold no masks
_FORMS = (re.compile(r"(?P<video>.*[^/])_(?P<number>[0-9]+)"), re.compile(r"(?P<video>.+)/(?P<number>[0-9]+)"))


def recognises(folder: Path) -> bool:
    """Whether there is any PNG."""
    return bool(_files(folder)[0])


def read(folder: Path, selection: Selection, kind: str = "auto") -> GroundTruth:
    """All masks. ``kind``: auto, mask or labels.

    Raises ``DataError``: ``bad-selection``, ``no-masks``, ``unknown-layout`` (pictures among the masks), ``duplicate-sample``.
    """
    if selection != Selection():
        raise DataError("bad-selection", folder, "a plain folder has no splits and no settings; leave them out")
    files, others = _files(folder)
    _check(folder, files, others)
    samples, form = _samples(files)
    seen = probe(folder, files)
    kind, why = kind_of(seen) if kind == "auto" else (kind, "as told")
    counted = f"gt: {len(samples):,} samples, {len(files):,} files, {form}"
    remarks = [counted, f"gt holds {kind}: {why}; --gt-kind changes it"]
    if others:
        remarks.append(f"left out, as they are no PNG: {some(others)}")
    found = GroundTruth(folder, "plain", kind, settled(samples, folder), remarks=tuple(remarks))
    return found if kind == MASK else _with_categories(found, seen)


def _check(folder: Path, files: Sequence[str], others: Sequence[str]) -> None:
    """Raise for a folder that holds no masks, or more than masks."""
    if not files:
        found = some(others) if others else "no image"
        raise DataError("no-masks", folder, f"found {found}, expected masks as PNG; convert them without loss")
    inside = [PICTURES.intersection(name.split("/")[:-1]) for name in files]
    if any(inside) and not all(inside):
        pictures = some(sorted(set().union(*inside)))
        message = f"found the folder {pictures} beside masks, and no table of a dataset; give the folder of the masks"
        raise DataError("unknown-layout", folder, message)


def _with_categories(found: GroundTruth, seen: Seen) -> GroundTruth:
    """A folder of label maps with the names of its categories."""
    table = found.root / NAMES
    named = table.is_file()
    categories = read_names(table) if named else numbered_categories(seen, found.root)
    source = (
        f"of {NAMES}" if named else f"up to the largest that was looked at; a {NAMES} in the folder would name them"
    )
    remarks = (*found.remarks, f"{len(categories)} categories with the background, {source}")
    colours = {voc_colour(index): index for index in (*range(len(categories)), VOID)}
    return replace(found, categories=categories, colours=colours, remarks=remarks)


def _files(root: Path) -> tuple[list[str], list[str]]:
    """Relative names of the PNGs, and of files that look like masks in other formats; sorted. Links are followed once."""
    found: list[str] = []
    others: list[str] = []
    folders: list[tuple[str, tuple[str, ...]]] = [("", (os.path.realpath(root),))]
    while folders:
        place, followed = folders.pop()
        try:
            with os.scandir(root / place) as entries:
                for entry in filter(lambda entry: visible(entry.name), entries):
                    name = f"{place}{entry.name}"
                    if entry.is_dir():
                        target = (os.path.realpath(entry.path),) if entry.is_symlink() else ()
                        if not set(target) & set(followed):
                            folders.append((f"{name}/", followed + target))
                    elif entry.name.lower().endswith(EXTENSION):
                        found.append(name)
                    elif entry.name.lower().endswith(OTHER_IMAGES):
                        others.append(name)
        except OSError as error:
            message = f"can't be listed ({error.strerror}); mend its rights"
            raise DataError("unreadable-folder", root / place, message) from error
    return sorted(found), sorted(others)


def _samples(files: Sequence[str]) -> tuple[list[GtSample], str]:
    """Videos where the names say so, else images; and which of them."""
    stems = [name[: -len(EXTENSION)] for name in files]
    for form in _FORMS:
        videos = _videos(form, stems)
        if len(videos) > 1:
            samples = [_video(name, frames, files) for name, frames in videos.items()]
            return samples, f"{len(videos):,} videos by their names"
    frames = [GtFrame(0, file, names=path_ends(stem)) for stem, file in zip(stems, files, strict=True)]
    samples = [GtSample(stem, (frame,)) for stem, frame in zip(stems, frames, strict=True)]
    return samples, "each a sample of its own"


@dataclass(frozen=True)
class _Numbered:
    number: int
    place: int  # in the list of files
    stem: str
    digits: str


def _videos(form: re.Pattern[str], stems: Iterable[str]) -> dict[str, list[_Numbered]]:
    """Frames by video, by number; empty where a name doesn't fit, or the numbers of a video don't run from 0 or 1."""
    videos: dict[str, list[_Numbered]] = {}
    for place, stem in enumerate(stems):
        match = form.fullmatch(stem)
        if match is None or len(match["number"]) > 9:
            return {}
        frame = _Numbered(int(match["number"]), place, stem, match["number"])
        videos.setdefault(match["video"], []).append(frame)
    for frames in videos.values():
        frames.sort(key=lambda frame: frame.number)
        first = frames[0].number
        if first > 1 or [frame.number for frame in frames] != list(range(first, first + len(frames))):
            return {}
    return videos


def _video(name: str, numbered: Sequence[_Numbered], files: Sequence[str]) -> GtSample:
    """A video of frames; ``a/v/v_1`` is frame 1 of ``a/v``."""
    parts = name.split("/")
    if len(parts) > 1 and parts[-1] == parts[-2]:
        name = "/".join(parts[:-1])
    first, last = numbered[0], name.rsplit("/", 1)[-1]
    template = f"{first.stem[: -len(first.digits)]}{{}}"
    forms = (template, f"{name}/{last}_{{}}", f"{name}_{{}}", f"{name}/{{}}")
    ends = dict.fromkeys(end for form in forms for end in path_ends(form) if end != "{}")
    padded = any(frame.digits != str(frame.number) for frame in numbered)  # then only the very same names will do
    frames = [
        GtFrame(
            frame.number - first.number,
            files[frame.place],
            names=tuple(end for end in path_ends(frame.stem) if end != frame.digits) if padded else tuple(ends),
        )
        for frame in numbered
    ]
    return GtSample(name, tuple(frames), names=path_ends(name))
