"""The flow of `vpo build`: claim the folder, scan, plan, render, finish."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evaluators.clips import read_id_list
from evaluators.dataset import DatasetInfo, Sample, read_info
from evaluators.engines import Engine, finished
from evaluators.errors import DataError
from evaluators.files import sha256_file, write_text
from evaluators.progress import Progress
from evaluators.rejections import REJECTED, Rejection, rejection_lines
from evaluators.wav_files import write_wav

from .draws import generator
from .finish import Outcome, finish
from .journal import WORK, Journal, completed
from .labels import LabelTable, read_labels
from .material import Material
from .mixing import noise
from .plan import Plan, make_plan, shortages
from .render import Receipt, Studio, render_sample
from .scan import CLIPS, rejected_error, scan
from .settings import Settings
from .sources import Sources, build_sha256, check_request, find_sources, table_paths
from .summary import plan_lines, scan_line
from .variants import NOISES, made_clip, make_variant, wanted

PLAN = f"{WORK}/plan.json"
MARGIN_BYTES = 50_000_000


@dataclass(frozen=True)
class Written:
    """The plan as it is written down, with all that finishing needs."""

    base: dict[str, tuple[Sample, ...]]
    variants: dict[str, dict[str, tuple[Sample, ...]]]
    rejections: tuple[Rejection, ...]
    shortages: tuple[str, ...]
    coverage: dict[str, tuple[int, int]]  # clips found and listed, by category

    def folders(self) -> dict[str, dict[str, tuple[Sample, ...]]]:
        """Samples by setting, of the base ("") and of each variant."""
        return {"": self.base, **self.variants}


def build(settings: Settings, progress: Progress) -> DatasetInfo | None:
    """Build what ``settings`` asks for, resuming where an earlier run stopped. None for a shard, which is no dataset yet.

    Raises ``DataError`` for anything that the user has to mend.
    """
    check_request(settings)
    name, folder = build_sha256(settings), Path(settings.out)
    if completed(folder, name):
        shutil.rmtree(folder / WORK, ignore_errors=True)  # left by a kill between the last two steps
        progress.line(f"complete {folder}: nothing to do")
        return read_info(folder)
    if settings.layout == "vpo" and "VPO-MSMI" in str(folder.resolve()):
        progress.line(
            f"note     the official loader rewrites VPO-MSMI anywhere in a path: move {folder} elsewhere before you use it"
        )
    with (
        Journal(folder, name, settings.content(), settings.shard) as journal,
        Engine(settings.workers, settings.engine, warm_up="vpo_builder.build") as engine,
    ):
        labels = read_labels(settings.labels, settings.more_labels)
        sources = find_sources(settings, engine, progress)
        written = _planned(sources, settings, labels, journal, engine, progress)
        if written is None:
            return None
        _render(written, sources, settings, labels, journal, engine, progress)
        if settings.shard:
            progress.line(f"part     {settings.shard} is done; when all are, `vpo merge {folder}`")
            return None
        return _complete(written, settings, name, labels, journal, progress)


def _complete(
    written: Written, settings: Settings, name: str, labels: LabelTable, journal: Journal, progress: Progress
) -> DatasetInfo:
    """Turn rendered samples into a dataset."""
    files = [(path.name, sha256_file(path)) for path in table_paths(settings)]
    outcome = Outcome(
        settings,
        name,
        labels.categories,
        written.base,
        written.variants,
        written.rejections,
        written.shortages,
        files,
        written.coverage,
    )
    receipts: dict[str, dict[str, Any]] = {variant: {} for variant in written.folders()}
    for key, receipt in journal.done("sample").items():
        variant, _, mask_file = key.partition(":")
        receipts[variant][mask_file] = receipt
    info = finish(journal.folder, journal.folder / CLIPS, outcome, receipts)
    journal.discard()
    progress.line(f"done     {journal.folder}")
    return info


def _planned(
    sources: Sources, settings: Settings, labels: LabelTable, journal: Journal, engine: Engine, progress: Progress
) -> Written | None:
    """The plan: read back where an earlier run wrote it, else made from a scan of all sources; None while shards still scan."""
    path = journal.folder / PLAN
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Written)
    material = scan(sources, settings, labels, journal, engine, progress)
    if material is None:
        return None
    progress.line(scan_line(material))
    if settings.strict and any(not rejection.warning for rejection in material.rejections):
        write_text(journal.folder / REJECTED, rejection_lines(material.rejections, warning=False))
        raise rejected_error(material.rejections)
    test_images, test_clips = (
        read_id_list(Path(p)) if p else None for p in (settings.test_images, settings.test_clips)
    )
    plan = make_plan(material, settings, test_images=test_images, test_clips=test_clips)
    written = _write_down(plan, material, settings)
    for line in plan_lines(written.base, written.shortages):
        progress.line(line)
    if not any(written.base.values()):
        journal.discard()
        raise DataError(
            "nothing-to-build",
            settings.out,
            "no image and clip of one category can be paired; see the lines above, and --min-area, --clip-uses",
        )
    _check_space(written, settings)
    _make_clips(written, settings, journal.folder / CLIPS)
    write_text(path, msgspec.json.encode(written).decode(), durable=True)
    return written


def _write_down(plan: Plan, material: Material, settings: Settings) -> Written:
    variants = {
        name: {
            setting: make_variant(name, rows, material.clips, plan.video_splits, settings.seed)
            for setting, rows in plan.samples.items()
        }
        for name in wanted(settings)
    }
    return Written(
        dict(plan.samples), variants, material.rejections, tuple(shortages(plan, material, settings)), material.coverage
    )


def _make_clips(written: Written, settings: Settings, folder: Path) -> None:
    """The clips that no recording stands behind, where a variant uses them."""
    if "silence" in written.variants:
        write_wav(folder / f"{made_clip('silence').id}.wav", np.zeros(settings.length, np.int16))
    if "noise" in written.variants:
        for number in range(NOISES):
            write_wav(
                folder / f"{made_clip('noise', number).id}.wav",
                noise(settings.length, generator(settings.seed, "noise", number)),
            )


def _jobs(written: Written, part: int, parts: int) -> Iterator[tuple[str, Sample]]:
    """Each set of files once, as (variant, sample): VPO-MSMI shares those of VPO-MS. Of a shard, its own part."""
    for variant, settings_samples in written.folders().items():
        seen = set()
        for sample in (sample for rows in settings_samples.values() for sample in rows):
            if sample.mask_file not in seen:
                seen.add(sample.mask_file)
                if len(seen) % parts == part % parts:
                    yield variant, sample


def _render(
    written: Written,
    sources: Sources,
    settings: Settings,
    labels: LabelTable,
    journal: Journal,
    engine: Engine,
    progress: Progress,
) -> None:
    done = journal.keys("sample")
    todo = [
        (variant, sample)
        for variant, sample in _jobs(written, *settings.part)
        if f"{variant}:{sample.mask_file}" not in done
    ]
    values = {c.name: c.mask_id if settings.layout == "vpo" else c.index for c in labels.categories}
    roots = tuple(root.resolve() for root in sources.coco_images)
    studio = Studio(
        journal.folder, journal.folder / CLIPS, roots, settings.images, settings.layout, values, settings.field_of_view
    )
    with progress.stage("render", len(todo)) as advance:
        for outcome in engine.run(partial(_render_job, studio=studio), todo):
            variant, sample = outcome.item
            journal.record("sample", f"{variant}:{sample.mask_file}", finished(outcome))
            advance()


def _render_job(job: tuple[str, Sample], studio: Studio) -> Receipt:
    variant, sample = job
    home = studio.out / "variants" / variant if variant else studio.out
    return render_sample(sample, replace(studio, out=home))


def _check_space(written: Written, settings: Settings) -> None:
    """Raise ``DataError`` ``disk-full`` where the rendered sound can't fit. Images are linked where that is possible."""
    stereo = 4 * settings.length
    samples = [sample for rows in written.folders().values() for group in rows.values() for sample in group]
    needed = MARGIN_BYTES + sum(
        stereo * (bool(sample.mixture_file) + len(sample.stem_files)) + 20_000 for sample in samples
    )
    free = shutil.disk_usage(settings.out).free
    if needed > free:
        raise DataError(
            "disk-full",
            settings.out,
            f"needs about {needed / 1e9:.2f} GB and {free / 1e9:.2f} GB are free; make room or give another --out",
        )
