"""VPO as a holding: what ``vpo build`` wrote, by its manifest, or what was published, by its csv tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evaluators import vpo, vpo_official
from evaluators.annotation_tables import Column, read_table
from evaluators.categories import VOID, Category, CategoryTable, vpo_categories
from evaluators.clip_tables import stem
from evaluators.dataset import MANIFEST, Sample, read_info, read_manifest
from evaluators.errors import DataError
from evaluators.ground_truth import LABELS, GtSample
from evaluators.gt_reading import safe
from evaluators.videos import Frame

from .findings import finding
from .holdings import MANIFEST as BY_MANIFEST
from .holdings import OFFICIAL, TABLE_ONLY, Found, Holding, Item

CLIPS = (*vpo_official.COLUMNS[:2], Column(("vgg_file",), required=False))
Key = tuple[str, int, int]  # setting, image, and in VPO-SS annotation


def built_holding(folder: Path) -> Found:
    """A folder that ``vpo build`` wrote. Raises ``DataError`` of its ``dataset.json`` and manifest."""
    try:
        info = read_info(folder)
        table = CategoryTable(Category(*row) for row in info.categories)
        samples = enumerate(read_manifest(folder / MANIFEST), 1)
        items = tuple(_built_item(folder, sample, line) for line, sample in samples)
    except (AttributeError, OverflowError, RecursionError, TypeError) as error:
        raise DataError("not-a-dataset", folder, f"is no dataset of vpo build ({error}); build again") from error
    stored = info.layout == "vpo"
    return _holding(folder, (folder / MANIFEST,), items, table, BY_MANIFEST, stored=stored), []


def _built_item(folder: Path, sample: Sample, line: int) -> Item:
    image, mask = (safe(folder, name) for name in (sample.image_file, sample.mask_file))
    sounds = (sample.mixture_file, *sample.stem_files) if sample.mixture_file else _clip_files(sample)
    return Item(
        sample.id,
        sample.setting,
        sample.split,
        (Frame(0, image, mask),),
        tuple(safe(folder, name) for name in sounds),
        categories=sample.categories,
        empty=sample.truth == "empty",
        origin=str(sample.picture.id),
        line=line,
    )


def _clip_files(sample: Sample) -> tuple[str, ...]:
    """Where the loader mixes; silence has no clip."""
    return tuple(dict.fromkeys(vpo.clip_file(source.clip.id) for source in sample.sources if source.clip.file))


def official_holding(folder: Path) -> Found | None:
    """VPO as published, or None where the folder isn't one. Raises ``DataError`` of its tables."""
    place = vpo_official.find(folder)
    if place is None:
        return None
    rows, remarks = vpo_official.read_rows(place)
    root, clips = place.root, _clips(place)
    there = [f"{place.prefix}{vpo.folder(name).removeprefix(f'{vpo.ROOT}/')}" for name in place.tables]
    folders = tuple(f"{name}/{kind}" for name in there for kind in ("data", "mask") if (root / name / kind).is_dir())
    sounds = f"{'' if place.prefix else '../'}{vpo.AUDIO_FOLDER}"
    categories: dict[Key, dict[str, None]] = {}
    for row in rows:
        categories.setdefault(_key(row.setting, row.image, row.annotation), {})[row.category] = None
    items = tuple(_official_item(sample, clips, categories, sounds) for sample in vpo_official.samples(place, rows))
    form = OFFICIAL if folders else TABLE_ONLY
    notes = [finding("table-form", "vpo", remark, note=True) for remark in remarks]
    return _holding(root, tuple(place.tables.values()), items, vpo_categories(), form, folders), notes


def _key(setting: str, image: int, annotation: int) -> Key:
    """What makes a sample: in VPO-SS an object, else all that sounds in an image."""
    return setting, image, annotation if setting == "ss" else 0


def _official_item(
    sample: GtSample, clips: Mapping[Key, list[str]], categories: Mapping[Key, dict[str, None]], sounds: str
) -> Item:
    frame = sample.frames[0]
    numbers = [int(number) for number in stem(frame.mask_file).removesuffix(".png").split("_")]
    key = _key(sample.setting, numbers[0], numbers[-1])
    files = clips.get(key, [])
    return Item(
        sample.id,
        sample.setting,
        sample.split,
        (Frame(0, frame.image_file, frame.mask_file),),
        tuple(f"{sounds}/{name}" for name in dict.fromkeys(files)),
        categories=tuple(sorted(categories[key])),
        origin=str(numbers[0]),
    )


def _clips(place: vpo_official.Place) -> dict[Key, list[str]]:
    """The clips of each sample, where the table names them, with or without an extension."""
    clips: dict[Key, list[str]] = {}
    for setting, path in place.tables.items():
        for image, annotation, name in read_table(path, CLIPS).rows:
            if name:
                key = _key(setting, int(float(image)), int(float(annotation)))
                clips.setdefault(key, []).append(f"{stem(safe(place.root, name))}.wav")
    return clips


def _holding(
    root: Path,
    tables: tuple[Path, ...],
    items: tuple[Item, ...],
    categories: CategoryTable,
    form: str,
    folders: tuple[str, ...] = (),
    *,
    stored: bool = True,
) -> Holding:
    """``stored``: masks hold the ids of the official layout, else indices."""
    names = categories.at_their_index()
    ids = {category.mask_id if stored else category.index: category.index for category in categories}
    values = {0: 0, **ids, VOID: VOID}
    return Holding("vpo", root, tables, items, form, LABELS, names, values=values, folders=folders, unit="samples")
