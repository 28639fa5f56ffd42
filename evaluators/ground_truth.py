"""Ground truth as the scorer sees it: samples of frames, each frame with one mask file, whatever the layout on disk.

Each layout has a module of the same shape (``vpo_layout``, ``video_layout``, ``s4``, ``ms3``, ``avss``, ``plain``): ``recognises(folder)``
and ``read(folder, selection)``. They name files; nothing is decoded here, but for a few masks of a plain folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from .errors import DataError

MASK, LABELS = "mask", "labels"  # what a gt file holds: something or nothing; a category's index
LAYOUTS = {
    "vpo": "vpo_layout",
    "videos": "video_layout",
    "avss": "avss",
    "s4": "s4",
    "ms3": "ms3",
    "plain": "plain",
}  # name to module


@dataclass(frozen=True)
class GtFrame:
    """One frame of a sample.

    ``names`` are paths without extension, "/" between their parts, the most explicit first. A prediction may lie deeper, so
    what counts is the end of its path. In the names of a video's frames "{}" stands for the frame's number as the gt files
    count (S4 and MS3 from 1, AVSBench-semantic from 0), written without leading zeros; a name without "{}" is this frame's
    alone. A name that two samples would share is given to neither.
    """

    number: int  # from 0, whatever the numbers in the file names
    mask_file: str  # relative to the ground truth's root
    image_file: str = ""  # "" where unknown
    names: tuple[str, ...] = ()  # by which a prediction may go


@dataclass(frozen=True)
class GtSample:
    """One image or video."""

    id: str
    frames: tuple[GtFrame, ...]  # those with a ground truth, by number
    split: str = ""
    setting: str = ""  # ss, ms, msmi; s4, ms3; v1s, v1m, v2
    category: str = ""  # of the whole sample, where the layout says it
    sources: int | None = None  # how many objects sound, where the layout says it
    audio_file: str = ""
    truth: str = "base"  # "empty" in a variant in which nothing that is seen sounds
    padded_frames: int = 0  # AVSBench-semantic: frames after the last that the official loader adds, with label 0
    names: tuple[str, ...] = ()  # by which a prediction of all frames in one array may go


@dataclass(frozen=True)
class Selection:
    """Which part of a dataset is scored; an empty field takes what the layout takes by itself (its test split)."""

    split: str = ""
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroundTruth:
    """A dataset folder, or a plain folder of masks."""

    root: Path
    layout: str  # vpo, s4, ms3, avss, plain
    kind: str  # MASK or LABELS
    samples: tuple[GtSample, ...]  # by id; AVSBench's in the order of its table, which official batches follow
    categories: tuple[str, ...] = ()  # name by index, 0 is background; empty for masks
    values: Mapping[int, int] = field(default_factory=dict)  # value in a file to index, void to void; empty: the same
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)  # for RGB masks: colour to index
    variant: str = "base"
    variants: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # what the reader found worth telling, a line each


def open_ground_truth(
    folder: Path | str, selection: Selection = Selection(), layout: str = "auto", kind: str = "auto"
) -> GroundTruth:
    """Recognise and read a folder.

    ``layout``: auto, or one of ``LAYOUTS``. ``kind``: auto, mask or labels: what a plain folder's masks hold.
    Raises ``DataError``: ``not-a-folder``, ``empty-folder``, ``unknown-layout``, ``bad-option``, ``bad-selection`` (with
    what there is), ``gt-incomplete`` (with the files), and those of damaged tables.
    """
    root = Path(folder)
    names = _names(root)
    if not names:
        raise DataError(
            "empty-folder", root, "the folder is empty, expected a dataset or masks; is this the right one?"
        )
    name = _recognised(root) if layout == "auto" else layout
    if name not in LAYOUTS:
        raise DataError("unknown-layout", root, f"there is no layout {name!r}; there are {', '.join(LAYOUTS)}")
    if kind not in ("auto", MASK, LABELS):
        raise DataError("bad-option", "--gt-kind", f"there is no kind {kind!r} of gt; there are {MASK} and {LABELS}")
    reader = import_module(f".{LAYOUTS[name]}", __package__)
    if name == "plain":
        found: GroundTruth = reader.read(root, selection, kind)
        return found
    if not reader.recognises(root):
        raise DataError("unknown-layout", root, f"this is no folder of the layout {name}; give another, or no --layout")
    found = reader.read(root, selection)
    if kind not in ("auto", found.kind):
        raise DataError(
            "bad-option", "--gt-kind", f"{name} holds {found.kind}; {kind} can be told of plain folders only"
        )
    return found


def _names(root: Path) -> list[str]:
    try:
        return [name for name in os.listdir(root) if not name.startswith(".")]
    except OSError as error:
        reason = "not-a-folder" if isinstance(error, FileNotFoundError | NotADirectoryError) else "unreadable-folder"
        message = f"found no readable folder ({error.strerror}), expected a dataset or a folder of masks"
        raise DataError(reason, root, message) from error


def _recognised(root: Path) -> str:
    """The one layout that knows the folder; plain where none does."""
    readers = {name: import_module(f".{module}", __package__) for name, module in LAYOUTS.items() if name != "plain"}
    known = [name for name, reader in readers.items() if reader.recognises(root)]
    if known[:1] in (["vpo"], ["videos"]) and (root / "dataset.json").is_file():
        return known[
            0
        ]  # beside tables of another layout, which `vpo build` and `avsbench convert` write; the manifest says more
    if len(known) > 1:
        found = " and ".join(known)
        raise DataError("unknown-layout", root, f"the folder holds {found}; give one of its folders, or --layout")
    return known[0] if known else "plain"
