"""What ``avsbench inspect`` has to say: one finding for all files or videos that share a fault, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

NAMED = 3  # names of one finding that a line shows
MEND = "mend the table"
AGAIN = "get or write it again"
GET = "get the rest of the dataset, or make them from the raw videos: avsbench prepare"
MAKE = "avsbench prepare makes them from the raw videos"
CONVERT = "avsbench convert --to object writes 0 and 255"

REMEDIES = {  # by reason; those of other reasons stand in the message
    "video-missing": "get them, or go on with the rest: avsbench convert leaves them out",
    "frame-missing": GET,
    "audio-missing": GET,
    "log-mel-missing": "avsbench prepare makes them from the raw videos; only the official loaders of S4 and MS3 need them",
    "mask-missing": "get the rest of the dataset: masks can't be made",
    "clip-missing": "get them, or go on with the rest: vpo build draws from what is there",
    "sample-missing": "get the rest of the dataset, or build it again",
    "table-missing": "get it; without it nothing says which videos there are, nor their splits",
    "extra-file": "no row of the table names them: complete the table, or remove them",
    "extra-folder": "no row of the table names them: complete the table, or remove them",
    "mis-numbered": "rename them",
    "misnamed": "rename them",
    "misnamed-folder": "rename it",
    "empty-file": AGAIN,
    "unreadable-folder": "mend its rights",
    "duplicate-row": "each video stands in the table once; remove the others",
    "leak": "what is trained on is tested on; say so with results, or leave the videos out of one split",
    "unknown-split": "loaders ask for train, val and test, and would find no videos; rename the split in the table",
    "unknown-label": "the sets are v1s, v1m and v2; rename it in the table",
    "misspelt-category": MEND,
    "unknown-category": "masks have no index for it; readers of ours go by the masks alone",
    "csv-row": MEND,
    "mask-size": "masks and frames have to be of one size; get or convert them again",
    "not-224": "the official loaders of S4 and MS3 take 224 x 224; avsbench convert --to object resizes",
    "frame-sizes": AGAIN,
    "frame-unreadable": AGAIN,
    "mask-unreadable": AGAIN,
    "mask-too-large": "check the file",
    "mask-zero-one": f"the official loaders read nothing in them (mode '1'); {CONVERT}",
    "mask-encoding": f"the official loaders read other pixels; {CONVERT}",
    "mask-soft": "a mask has two values; save it without resizing, smoothing or compressing",
    "mask-mode": "save one grey channel, without alpha",
    "mask-empty": "nothing sounds in them, though the set has one sound in every frame; look at them",
    "label-range": "values that stand for no category; are these label maps of this set?",
    "off-palette": "they were resized or compressed; get them again, or avsbench convert --nearest",
    "stray-colours": "readers take such pixels for background",
    "stray-category": "a few pixels of what the table doesn't name, left from drawing; scorers count them",
    "unlisted-category": "the mask has what a_obj doesn't name; look at them",
    "labels-differ": "labels_semantic and labels_rgb of a frame should say the same; readers of ours take labels_semantic",
    "audio-unreadable": AGAIN,
    "audio-truncated": AGAIN,
    "audio-rate": "avsbench prepare writes 16 kHz",
    "audio-channels": "avsbench prepare writes one channel",
    "audio-length": "a second of sound belongs to each frame; avsbench prepare cuts and fills",
    "log-mel-length": "the official loaders expect one example for each frame; avsbench prepare makes them",
    **dict.fromkeys(("log-mel-shape", "log-mel-nonfinite", "log-mel-unreadable", "no-tensor"), MAKE),
    **dict.fromkeys(("pickle-damaged", "safetensors-damaged"), MAKE),
    "unsafe-pickle": "never load it with pickle or torch.load; get the dataset from its authors again",
    "clip-unreadable": AGAIN,
    "clip-truncated": AGAIN,
}


@dataclass(frozen=True)
class Finding:
    """One fault, and everything that has it."""

    reason: str  # code, such as audio-missing
    where: str  # s4/train, a table, a folder
    message: str  # what was found, what was expected
    remedy: str = ""
    names: tuple[str, ...] = ()  # videos, files, lines
    note: bool = False  # worth knowing, and no fault


def finding(reason: str, where: str, message: str, names: Iterable[str] = (), *, note: bool = False) -> Finding:
    """A finding with the remedy of its reason."""
    return Finding(reason, where, message, REMEDIES.get(reason, ""), tuple(names), note)


class Seen(NamedTuple):
    """One thing about one file."""

    reason: str
    text: str  # what its kind has in common: "masks hold 0 and 1"
    name: str
    note: bool = False


def grouped(seen: Iterable[Seen], where: str) -> list[Finding]:
    """One finding for each reason and text, in the order in which they first came, its names sorted."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for reason, text, name, note in seen:
        groups.setdefault((reason, text, note), []).append(name)
    return [
        finding(reason, where, f"{text}: {len(set(names)):,}", sorted(set(names)), note=note)
        for (reason, text, note), names in groups.items()
    ]


def some(names: Sequence[str], show: Callable[[str], str] = str) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(show, names[:NAMED])) + more
