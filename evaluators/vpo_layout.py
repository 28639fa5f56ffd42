"""Reads VPO: a folder that `vpo build` wrote, by its manifest, or the official one, by its csv tables (``vpo_official``).

Masks of the official layout hold COCO's category ids, 92 male, 93 female, 94 baby, 255 void; those that `vpo build` wrote
in AVSBench-semantic's layout hold indices. A counterfactual variant is a folder of the same form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import vpo, vpo_official
from .categories import VOID, Category, CategoryTable, vpo_categories
from .dataset import DATASET, MANIFEST, DatasetInfo, read_info
from .errors import DataError
from .ground_truth import LABELS, GroundTruth, GtFrame, GtSample, Selection
from .gt_reading import TEST, choose, names_in, safe, scope, settled, tell_incomplete
from .videos import is_video_folder


def recognises(folder: Path) -> bool:
    """Whether the folder has a manifest of ours, or holds VPO, or VPO-SS and so on, or is one of those."""
    return _is_built(folder) or vpo_official.find(folder) is not None


def read(folder: Path, selection: Selection) -> GroundTruth:
    """The samples of a split and of the chosen settings.

    Raises ``DataError``: ``bad-selection``, ``gt-incomplete``, ``not-a-dataset``, ``manifest-unreadable``, ``csv-...``.
    """
    if _is_built(folder):
        return _read_built(folder, selection)
    place = vpo_official.find(folder)
    if place is None:
        raise DataError("unknown-layout", folder, f"found no {DATASET}, nor a table such as {vpo.csv_file('ss')}")
    rows, remarks = vpo_official.read_rows(place)
    chosen = choose(rows, lambda row: (row.split, row.setting), selection, folder)
    samples = list(vpo_official.samples(place, chosen))
    return _ground_truth(place.root, folder, samples, vpo_categories(), None, remarks)


def _is_built(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (DATASET, MANIFEST)) and not is_video_folder(folder)


def _read_built(folder: Path, selection: Selection) -> GroundTruth:
    try:
        info = read_info(folder)
        table = CategoryTable(Category(*row) for row in info.categories)
    except (RecursionError, OverflowError) as error:
        raise DataError("not-a-dataset", folder / DATASET, "is nested too deeply or has numbers without end") from error
    if len({category.index for category in table}) < len(table):
        raise DataError("bad-category", folder / DATASET, "two categories have one index; give each its own")
    samples = [_built_sample(folder, row) for row in _chosen_rows(folder, selection)]
    return _ground_truth(folder, folder / MANIFEST, samples, table, info, [])


def _chosen_rows(folder: Path, selection: Selection) -> Sequence[dict[str, Any]]:
    split, path = selection.split or TEST, folder / MANIFEST
    rows = list(_manifest(path, split))
    if not any(row["split"] == split for row in rows):
        rows = list(_manifest(path, ""))  # to say what there is
    return choose(rows, lambda row: (row["split"], row["setting"]), selection, path)


def listed_in(folder: Path, variant: str, selection: Selection) -> frozenset[str] | None:
    """Ids of the samples that a counterfactual variant of a built folder holds, which may lack some of the base's.

    None where the folder has no such variant. Raises ``DataError``: ``bad-selection``, ``manifest-unreadable``.
    """
    place = folder / "variants" / variant
    return frozenset(str(row["id"]) for row in _chosen_rows(place, selection)) if _is_built(place) else None


def _manifest(path: Path, split: str) -> Iterator[dict[str, Any]]:
    """Rows of the manifest that may be of a split, all for "". Other lines are not parsed, which takes seconds in large sets."""
    word, where = json.dumps(split, ensure_ascii=False) if split else "", str(path)
    try:
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                where = f"{path}:{number}"
                if word in line or not line.endswith("\n"):  # the last line may be half a line
                    row = json.loads(line)
                    _ = row["split"] + row["setting"] + ""
                    yield row
    except OSError as error:
        message = f"can't be read ({error.strerror}); is this a dataset folder?"
        raise DataError("manifest-unreadable", path, message) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError("manifest-unreadable", where, f"not a sample ({error!r}); build again") from error


def _built_sample(folder: Path, row: Mapping[str, Any]) -> GtSample:
    """A sample of the manifest, of which only what is needed here is looked at."""
    try:
        text = {name: row[name] for name in ("id", "mask_file", "image_file", "mixture_file", "truth")}
        categories = {source["instance"]["category"] for source in row["sources"]}
        if not all(isinstance(word, str) for word in (*text.values(), *categories)):
            raise TypeError("a name is no text")
    except (KeyError, TypeError) as error:
        raise DataError("manifest-unreadable", folder / MANIFEST, f"not a sample ({error!r}); build again") from error
    mask, image, audio = (
        text[f"{name}_file"] and safe(folder, text[f"{name}_file"]) for name in ("mask", "image", "mixture")
    )
    return GtSample(
        id=text["id"],
        frames=(GtFrame(0, mask, image, vpo.prediction_names(row["setting"], mask, text["id"])),),
        split=row["split"],
        setting=row["setting"],
        category=categories.pop() if len(categories) == 1 else "",
        sources=len(row["sources"]),
        audio_file=audio,
        truth=text["truth"],
    )


def _ground_truth(
    root: Path,
    where: Path,
    samples: Sequence[GtSample],
    table: CategoryTable,
    info: DatasetInfo | None,
    remarks: Sequence[str],
) -> GroundTruth:
    """The whole, after a look whether all masks are there."""
    wanted: dict[str, set[str]] = {}
    for sample in samples:
        folder, _, name = sample.frames[0].mask_file.rpartition("/")
        wanted.setdefault(folder, set()).add(name)
    missing = [f"{folder}/{name}" for folder in wanted for name in wanted[folder] - names_in(root / folder)]
    tell_incomplete(root, sorted(missing))
    stored = info is None or info.layout == "vpo"
    return GroundTruth(
        root,
        "vpo",
        LABELS,
        settled(samples, where),
        table.at_their_index(),
        {0: 0, **{category.mask_id: category.index for category in table}, VOID: VOID} if stored else {},
        variant=info.variant if info else "base",
        variants=info.variants if info else (),
        remarks=(scope(samples), *remarks),
    )
