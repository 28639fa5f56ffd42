"""AVSBench's sets as holdings: S4, MS3, AVSBench-semantic, and dataset folders of videos that ``avsbench convert`` wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evaluators import avss, ms3, s4
from evaluators.annotation_tables import SPLITS, number_of
from evaluators.avsbench_object import AUDIO_FOLDER, IMAGE_FOLDER, LOG_MEL_FOLDER, MASK_FOLDER, Subset, find
from evaluators.avsbench_object import placed as place_object
from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.ground_truth import LABELS, MASK
from evaluators.gt_reading import safe
from evaluators.videos import Video, read_videos

from .findings import Finding, finding, some
from .holdings import (
    MANIFEST,
    OFFICIAL,
    TABLE_ONLY,
    WORDS,
    Found,
    Holding,
    Item,
    filled,
    header,
    of_lines,
    told,
    wanted_files,
)

SUBSETS = {"s4": s4.SUBSET, "ms3": ms3.SUBSET}
MODALITIES = (MASK_FOLDER, IMAGE_FOLDER, AUDIO_FOLDER, LOG_MEL_FOLDER)
_YOUTUBE = re.compile(r"([A-Za-z0-9_-]{11})(?:_\d+){0,2}")
_SPAN = re.compile(r"(.+)_\d+_\d+")


def object_holding(name: str, folder: Path) -> Found | None:
    """S4 or MS3 in a folder; see ``avsbench_object.find``."""
    subset = SUBSETS[name]
    place = find(subset, folder)
    if place is None:
        return None
    prefix, folders = place.prefix, [f"{place.prefix}{name}" for name in MODALITIES]
    there = tuple(path for path in folders if (folder / path).is_dir())
    holding = Holding(name, folder, (place.csv_file,), (), OFFICIAL if there else TABLE_ONLY, MASK, folders=there)
    return filled(holding, subset.columns, lambda row: _object_item(subset, folder, prefix, row))


def loose_object_holding(path: Path) -> Found | None:
    """A table with the columns of S4's or MS3's, without the files."""
    columns = header(path)
    name = "s4" if columns >= set(s4.SUBSET.header[2:]) else "ms3" if columns >= set(ms3.SUBSET.header) else ""
    if not name or "label" in columns:
        return None
    subset, holding = SUBSETS[name], Holding(name, path.parent, (path,), (), TABLE_ONLY, MASK)
    return filled(holding, subset.columns, lambda row: _object_item(subset, path.parent, "", row))


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
    whole, faults = filled(holding, avss.COLUMNS, lambda row: _semantic_item(folder, prefix, row, categories, strange))
    if not _any_folder(whole, avss.INDICES):
        whole = replace(whole, items=tuple(map(_in_colours, whole.items)))
    return whole, [*findings, *faults, *_words(whole, strange)]


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
    items, faults = [], []
    for line, video in enumerate(videos.videos, 1):
        try:
            item = replace(item_of(video), line=line)
            for path in (path for paths in wanted_files(item).values() for path in paths):
                safe(videos.root, path)
            items.append(item)
        except DataError as error:
            faults.append(DataError(error.reason, f"{videos.table}:{line}", f"{error.where}: {error.message}"))
        except (TypeError, AttributeError) as error:
            where = f"{videos.table}:{line}"
            faults.append(DataError("manifest-unreadable", where, f"is no video ({error}); convert again"))
    holding = Holding(
        videos.name,
        videos.root,
        (videos.table,),
        tuple(items),
        MANIFEST,
        videos.kind,
        videos.categories,
        videos.colours,
    )
    return holding, list(of_lines(faults, videos.table))
