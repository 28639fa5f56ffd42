"""What a folder holds: each dataset in it as items, with every file that its table promises, whether or not it is there.

One function for each kind of dataset gives its holding and what is wrong with its tables: :func:`object_holding`,
:func:`semantic_holding` and :func:`manifest_holding` here, ``holdings_vpo`` and ``holdings_clips`` for those that are no
AVSBench. Rows that can't be used are told and left out, so that the rest of a damaged table is looked at too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaluators import avss, clip_tables, ms3, s4
from evaluators.annotation_tables import SPLITS, Column, number_of, read_table
from evaluators.avsbench_object import AUDIO_FOLDER, IMAGE_FOLDER, LOG_MEL_FOLDER, MASK_FOLDER, Subset, find
from evaluators.avsbench_object import placed as place_object
from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.ground_truth import LABELS, MASK
from evaluators.gt_reading import safe, visible
from evaluators.videos import Frame, Video, read_videos

from .findings import Finding, finding, some

FRAMES, MASKS, AUDIO, LOG_MELS = KINDS = ("frames", "masks", "audio", "log-mels")
OFFICIAL, MANIFEST = "official", "manifest"  # forms of a holding: the published layout, a dataset folder of ours
TABLE_ONLY, WITHOUT_TABLE = "table", "without table"  # half of one
OTHER_FORMS = {".pkl": (".npy", ".safetensors")}  # a published pickle may have been replaced
WORDS = {**clip_tables.SPLITS, "validate": "val"}  # how people call splits
SUBSETS = {"s4": s4.SUBSET, "ms3": ms3.SUBSET}
MODALITIES = (MASK_FOLDER, IMAGE_FOLDER, AUDIO_FOLDER, LOG_MEL_FOLDER)
_YOUTUBE = re.compile(r"([A-Za-z0-9_-]{11})(?:_\d+){0,2}")
_SPAN = re.compile(r"(.+)_\d+_\d+")


@dataclass(frozen=True)
class Item:
    """A video, or a sample of VPO, or a clip; files are relative to the root of its holding."""

    id: str
    setting: str  # s4, ms3; v1s, v1m, v2; ss, ms, msmi; vggsound
    split: str
    frames: tuple[Frame, ...] = ()
    sounds: tuple[str, ...] = ()
    log_mels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  # by which it is counted
    seen: tuple[str, ...] | None = None  # the categories that its masks may hold; None where nothing says
    empty: bool = False  # its masks may be empty
    origin: str = ""  # what should not stand in two splits: the video on the web, the picture
    seconds: int = 0  # of its sound; 0 where nothing says
    line: int = 0  # of the table
    written: str = ""  # the split as the table has it, where that is no split


@dataclass(frozen=True)
class Holding:
    """One dataset of a folder."""

    name: str  # s4, ms3, avss, vpo, vggsound
    root: Path
    tables: tuple[Path, ...]
    items: tuple[Item, ...]
    form: str = OFFICIAL  # or another form
    kind: str = MASK  # MASK or LABELS
    categories: tuple[str, ...] = ()  # name by index
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    values: Mapping[int, int] = field(default_factory=dict)  # stored label to index; empty: the same
    folders: tuple[str, ...] = ()  # in which every file belongs to an item, relative to the root
    unit: str = "videos"

    @property
    def table(self) -> str:
        """The tables' names, relative to the root."""
        return ", ".join(os.path.relpath(path, self.root) for path in self.tables)


def wanted_files(item: Item) -> dict[str, list[str]]:
    """All files that an item should have, by kind."""
    return {
        FRAMES: [frame.image_file for frame in item.frames if frame.image_file],
        MASKS: [frame.mask_file for frame in item.frames if frame.mask_file],
        AUDIO: list(item.sounds),
        LOG_MELS: list(item.log_mels),
    }


Found = tuple[Holding, list[Finding]]


def object_holding(name: str, folder: Path) -> Found | None:
    """S4 or MS3 in a folder; see ``avsbench_object.find``."""
    subset = SUBSETS[name]
    place = find(subset, folder)
    if place is None:
        return None
    prefix, folders = place.prefix, [f"{place.prefix}{name}" for name in MODALITIES]
    there = tuple(path for path in folders if (folder / path).is_dir())
    holding = Holding(name, folder, (place.csv_file,), (), OFFICIAL if there else TABLE_ONLY, MASK, folders=there)
    return _filled(holding, subset.columns, lambda row: _object_item(subset, folder, prefix, row))


def loose_object_holding(path: Path) -> Found:
    """A table with the columns of S4's, without the files."""
    holding = Holding("s4", path.parent, (path,), (), TABLE_ONLY, MASK)
    return _filled(holding, s4.SUBSET.columns, lambda row: _object_item(s4.SUBSET, path.parent, "", row))


def _object_item(subset: Subset, root: Path, prefix: str, row: Sequence[str]) -> Item:
    name, written, category, start = row
    split = meant_split(written)
    words = {"video": name, "split": split, "category": category}
    folders = [safe(root, f"{prefix}{MASK_FOLDER}/{form.format(**words)}") for form in subset.masks]
    masks = next((path for path in folders if (root / path).is_dir()), folders[0])
    video = place_object(subset, name, split, category, number_of(start), prefix=prefix, mask_folder=masks)
    return replace(item_of(video), written=written if written != split else "")


def meant_split(word: str) -> str:
    """train, val or test for the words that people use for them; other words as they are."""
    return word if word in SPLITS else WORDS.get(word.lower(), word)


def item_of(video: Video) -> Item:
    """A video as an item."""
    return Item(
        video.id,
        video.setting,
        video.split,
        video.frames,
        tuple(filter(None, (video.audio_file,))),
        tuple(filter(None, (video.log_mel_file,))),
        tuple(filter(None, (video.category,))) or video.sounding,
        video.sounding or None,
        empty=video.setting not in ("s4", "v1s"),
        origin=_origin(video.id),
        seconds=len(video.frames),
    )


def _origin(name: str) -> str:
    """The id of the video on the web: ``<id>``, ``<id>_<start>_<end>``, or MS3's ``<id>_<number>``."""
    match = _YOUTUBE.fullmatch(name) or _SPAN.fullmatch(name)
    return match[1] if match else name


def semantic_holding(folder: Path, prefix: str = "", table: str = avss.TABLE) -> Found | None:
    """AVSBench-semantic by its table, or by a table of the same columns; None where that isn't one."""
    base = folder / prefix
    path = base / table
    there = tuple(f"{prefix}{label}" for label in avss.FRAMES if (base / label).is_dir())
    if not path.is_file() or not (there or {"uid", "label", "split"} <= header(path)):
        return None
    categories, findings = _names(base / avss.NAMES)
    holding = Holding(
        "avss",
        folder,
        (path,),
        (),
        OFFICIAL if there and table == avss.TABLE else TABLE_ONLY,
        LABELS,
        categories,
        {voc_colour(index): index for index in range(len(categories))},
        folders=there,
    )
    strange: dict[str, list[str]] = {}
    filled, told = _filled(holding, avss.COLUMNS, lambda row: _semantic_item(folder, prefix, row, categories, strange))
    if not _any_folder(filled, avss.INDICES):
        filled = replace(filled, items=tuple(map(_in_colours, filled.items)))
    return filled, [*findings, *told, *_words(filled, strange)]


def _semantic_item(
    root: Path, prefix: str, row: Sequence[str], categories: Sequence[str], strange: dict[str, list[str]]
) -> Item:
    """``strange`` collects the words of a_obj that are no category, with their videos."""
    uid, label, written, objects, *_ = row
    split = meant_split(written)
    place = safe(root, f"{prefix}{label}/{uid}")
    known = set(categories[1:])
    words = list(filter(None, objects.split("_")))
    for word in words:
        if word not in known:
            strange.setdefault(word, []).append(uid)
    named = tuple(dict.fromkeys(word.replace(" ", "") for word in words))
    listed = tuple(word for word in named if word in known)
    item = item_of(avss.placed(uid, label, split, listed, folder=place))
    whole = bool(named) and all(word in known or word in (avss.NO_CATEGORY, categories[0]) for word in named)
    odd = written if written != split else ""
    return replace(item, categories=listed, seen=listed if whole else None, written=odd)


def _any_folder(holding: Holding, kind: str) -> bool:
    return any((holding.root / _mask_folder(item)).with_name(kind).is_dir() for item in holding.items)


def _mask_folder(item: Item) -> str:
    return item.frames[0].mask_file.rpartition("/")[0]


def _in_colours(item: Item) -> Item:
    """The masks of a copy that has only those in colours."""
    frames = tuple(
        replace(frame, mask_file=frame.mask_file.replace(f"/{avss.INDICES}/", f"/{avss.COLOURS}/"))
        for frame in item.frames
    )
    return replace(item, frames=frames)


def _names(path: Path) -> tuple[tuple[str, ...], list[Finding]]:
    if not path.is_file():
        return avss.avss_categories(), []
    try:
        names = avss.read_names(path)
    except DataError as error:
        return avss.avss_categories(), [told(error)]
    if names == avss.avss_categories():
        return names, []
    other = [name for name, ours in zip(names, avss.avss_categories(), strict=False) if name != ours]
    text = f"{len(names)} names, of which {len(other)} differ from those of AVSBench-semantic"
    return names, [finding("other-categories", path.name, f"{text}; masks are read by this file", other, note=True)]


def _words(holding: Holding, strange: Mapping[str, list[str]]) -> Iterator[Finding]:
    """What a_obj names that is no category."""
    slips = {word: word.replace(" ", "") for word in strange if word.replace(" ", "") in holding.categories[1:]}
    for word, meant in sorted(slips.items()):
        text = f"rows with {word!r} in a_obj, which is taken for {meant}: {len(strange[word]):,}"
        yield finding("misspelt-category", holding.table, text, strange[word])
    if hidden := strange.get(avss.NO_CATEGORY):
        text = f"videos with a sound from off the screen ({avss.NO_CATEGORY} in a_obj): {len(hidden):,}"
        yield finding("off-the-screen", holding.table, text, hidden, note=True)
    others = sorted(
        (word for word in strange if word not in (*slips, avss.NO_CATEGORY)),
        key=lambda word: (-len(strange[word]), word),
    )
    if others:
        words = some([f"{ascii(word)[1:-1][:60]} ({len(strange[word]):,})" for word in others])
        names = [f"{uid} ({word})" for word in others for uid in strange[word]]
        yield finding("unknown-category", holding.table, f"words in a_obj that are no category: {words}", names)


def manifest_holding(folder: Path) -> Found:
    """A dataset folder of videos that ``avsbench convert`` wrote. Raises ``DataError`` of its manifest."""
    videos = read_videos(folder)
    items = tuple(replace(item_of(video), line=line) for line, video in enumerate(videos.videos, 1))
    return (
        Holding(
            videos.name,
            videos.root,
            (videos.table,),
            items,
            MANIFEST,
            videos.kind,
            videos.categories,
            videos.colours,
        ),
        [],
    )


def _filled(holding: Holding, columns: Sequence[Column], make: Callable[[Sequence[str]], Item]) -> Found:
    """The holding with the items of its table, and what is wrong with that."""
    path, faults = holding.tables[0], list[DataError]()
    if not path.is_file():
        counts = [f"{count_files(holding.root / name):,} in {name}" for name in holding.folders]
        text = f"{path.name} is not there; files: {', '.join(counts) or 'none'}"
        return replace(holding, form=WITHOUT_TABLE), [finding("table-missing", holding.name, text)]
    try:
        table = read_table(path, columns, faults)
    except DataError as error:
        return replace(holding, form=WITHOUT_TABLE), [told(error)]
    items = []
    for line, row in zip(table.lines, table.rows, strict=True):
        try:
            items.append(replace(make(row), line=line))
        except DataError as error:
            faults.append(DataError(error.reason, f"{path}:{line}", f"{error.where}: {error.message}"))
    notes = [finding("table-form", path.name, remark, note=True) for remark in table.remarks]
    return replace(holding, items=tuple(items)), [*_faults(faults, path), *notes]


def count_files(folder: Path) -> int:
    """Visible files below a folder."""
    return sum(sum(map(visible, names)) for _, _, names in os.walk(folder))


def _faults(faults: Iterable[DataError], path: Path) -> Iterator[Finding]:
    """Lines that can't be used, by what is wrong with them."""
    groups: dict[str, list[DataError]] = {}
    for fault in faults:
        groups.setdefault(fault.reason, []).append(fault)
    for reason, these in groups.items():
        lines = [f"line {fault.where.rpartition(':')[2]}" for fault in these]
        yield finding(
            reason, path.name, f"lines that can't be used: {len(these):,}, such as this: {these[0].message}", lines
        )


def told(error: DataError) -> Finding:
    """An error that ended the reading of one dataset, and not of the folder."""
    return finding(error.reason, error.where, error.message)


def header(path: Path) -> set[str]:
    """Names of the columns of a table, in small letters; none where it can't be read."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            line = stream.readline(4096)
    except OSError:
        return set()
    return {cell.strip().strip('"').lower() for cell in re.split("[,;\t]", line)}
