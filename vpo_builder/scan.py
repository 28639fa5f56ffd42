"""Read and check every image and every clip that a plan could use, in parallel, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evaluators.clip_tables import read_clip_table
from evaluators.clips import ClipRecord, find_clips, read_id_list
from evaluators.engines import Engine, Lost
from evaluators.errors import DataError
from evaluators.progress import Progress
from evaluators.rejections import Rejection
from evaluators.wav_files import write_wav

from .audio_files import examine_clip
from .coco import read_coco
from .images import examine_image
from .journal import WORK, Journal
from .labels import LabelTable
from .material import Candidate, ImageRecord, Material, UsableClip
from .persons import label_persons, read_person_labels
from .settings import Settings
from .sources import Sources

CLIPS = f"{WORK}/clips"  # decoded clips, until the dataset links those that it uses
Found = TypeVar("Found", Candidate, UsableClip)
Labelled = tuple[ImageRecord, dict[int, tuple[str, str]]]  # an image, and what is known of its persons


@dataclass(frozen=True)
class _Item:
    """One image or clip to examine."""

    key: str
    file: str
    content: Any


@dataclass(frozen=True)
class Examined:
    """What came of one image or clip: the usable thing, unless it was rejected, and remarks."""

    found: Any
    rejections: tuple[Rejection, ...]


def scan(
    sources: Sources, settings: Settings, labels: LabelTable, journal: Journal, engine: Engine, progress: Progress
) -> Material | None:
    """All usable images and clips, in the order of their ids, and everything that was rejected.

    A shard examines its own part; None until all parts are examined.
    """
    excluded = read_id_list(settings.exclude) if settings.exclude else frozenset()
    images, image_rejections = _list_images(sources, labels, excluded)
    clips, clip_rejections, coverage = _list_clips(sources, labels, excluded)
    table = read_person_labels(settings.person_labels, labels.persons) if settings.person_labels else None
    persons = label_persons(images, table, Path(settings.person_labels or "").name)
    image_items = [
        _Item(str(image.id), image.file, (image, {a.id: persons[a.id] for a in image.annotations if a.id in persons}))
        for image in images
    ]
    clip_items = [_Item(clip.id, clip.file, clip) for clip in clips]
    (journal.folder / CLIPS).mkdir(parents=True, exist_ok=True)
    image_task = partial(_image, roots=sources.coco_images, labels=labels)
    clip_task = partial(_clip, clip_dir=sources.clip_dir, out=journal.folder / CLIPS, settings=settings)
    runner = _Runner(engine, journal, progress, settings.part)
    runner.examine("images", image_task, image_items)
    runner.examine("clips", clip_task, clip_items)
    journal.reload()
    left = runner.unexamined("images", image_items) + runner.unexamined("clips", clip_items)
    if left:
        progress.line(
            f"scan     {settings.shard} is done; {left} items are left to other shards: run this again when they are done, or `vpo merge` their folders"
        )
        return None
    candidates, more = runner.results("images", image_items, Candidate)
    candidates, twins = without_twins(candidates)
    usable, still_more = runner.results("clips", clip_items, UsableClip)
    rejections = (*image_rejections, *clip_rejections, *more, *twins, *still_more)
    return Material(
        tuple(candidates), tuple(usable), tuple(sorted(rejections, key=lambda r: (r.kind, r.item, r.reason))), coverage
    )


def _list_images(
    sources: Sources, labels: LabelTable, excluded: frozenset[str]
) -> tuple[list[ImageRecord], Sequence[Rejection]]:
    index = read_coco(sources.coco_json, sources.coco_images, sources.captions, labels)
    unknown = [
        Rejection(
            "category",
            name,
            "unknown-category",
            f"{count} annotations have it and no category of their file does; they are left out",
            warning=True,
        )
        for name, count in index.counts.items()
        if name.startswith("category id ")
    ]
    kept = [image for image in index.images if str(image.id) not in excluded and Path(image.file).stem not in excluded]
    return kept, [*index.rejections, *unknown]


def _list_clips(
    sources: Sources, labels: LabelTable, excluded: frozenset[str]
) -> tuple[list[ClipRecord], Sequence[Rejection], dict[str, tuple[int, int]]]:
    rows, bad_rows = read_clip_table(sources.clips)
    clips, missing, coverage = find_clips(rows, sources.clip_dir, labels.category_of_label)
    kept = [clip for clip in clips if clip.id not in excluded and clip.video_id not in excluded]
    return kept, [*bad_rows, *missing], coverage.by_category


@dataclass(frozen=True)
class _Runner:
    engine: Engine
    journal: Journal
    progress: Progress
    part: tuple[int, int]

    def examine(self, name: str, task: Callable[[Any], Examined], items: Sequence[_Item]) -> None:
        """Examine what no journal knows yet, of a shard its own part, and write down what came of it.

        A build without shards looks again at what was rejected: it may have been mended.
        """
        (part, parts), done = self.part, self.journal.done(name)
        known = {key for key, row in done.items() if parts > 1 or row["found"] is not None}
        todo = [
            item for number, item in enumerate(items, 1) if number % parts == part % parts and item.key not in known
        ]
        with self.progress.stage(name, len(todo)) as advance:
            for outcome in self.engine.run(partial(_examine, task=task), todo):
                examined = outcome.result
                if isinstance(examined, Lost):
                    message = f"reading it killed the worker {examined.attempts} times; remove or replace the file"
                    examined = Examined(
                        None, (Rejection(name.removesuffix("s"), outcome.item.file, "worker-lost", message),)
                    )
                self.journal.record(name, outcome.item.key, examined)
                advance()

    def unexamined(self, name: str, items: Sequence[_Item]) -> int:
        """How many items no shard has examined yet."""
        done = self.journal.keys(name)
        return sum(item.key not in done for item in items)

    def results(self, name: str, items: Sequence[_Item], kind: type[Found]) -> tuple[list[Found], list[Rejection]]:
        """What was found and what was rejected, in the order of ``items``."""
        done = self.journal.done(name)
        rows = [done[item.key] for item in items]
        found = [msgspec.convert(row["found"], kind) for row in rows if row["found"] is not None]
        return found, [msgspec.convert(rejection, Rejection) for row in rows for rejection in row["rejections"]]


def _examine(item: _Item, task: Callable[[Any], Examined]) -> Examined:
    return task(item.content)


def _image(labelled: Labelled, *, roots: Sequence[Path], labels: LabelTable) -> Examined:
    record, persons = labelled
    found, remarks = examine_image(record, roots[record.root], labels, persons)
    return Examined(found, tuple(remarks))


def _clip(record: ClipRecord, *, clip_dir: Path, out: Path, settings: Settings) -> Examined:
    found, pcm, remarks = examine_clip(record, clip_dir, settings)
    if found is not None and pcm is not None:
        write_wav(out / f"{record.id}.wav", pcm)
    return Examined(found, tuple(remarks))


def without_twins(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Rejection]]:
    """The candidates without those whose file has the bytes of an earlier one: they could stand in two splits."""
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.picture.sha256, candidate)
    twins = [candidate.picture for candidate in candidates if first[candidate.picture.sha256] is not candidate]
    told = "has the same bytes as {}; only that is used"
    return list(first.values()), [
        Rejection("image", twin.file, "duplicate-image", told.format(first[twin.sha256].picture.file)) for twin in twins
    ]


def rejected_error(rejections: Sequence[Rejection]) -> DataError:
    """The error that ``--strict`` makes of rejected items."""
    first = next(r for r in rejections if not r.warning)
    count = sum(not r.warning for r in rejections)
    return DataError(
        "rejected",
        "--strict",
        f"{count} items are rejected, the first is {first.item} ({first.reason}: {first.message}); see rejected.jsonl",
    )
