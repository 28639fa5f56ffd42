"""A built folder against its manifest, against the official loader's rules, and across its splits."""

from __future__ import annotations

import csv
import wave
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import vpo
from evaluators.categories import BACKGROUND, VOID
from evaluators.dataset import CHECKSUMS, MANIFEST, DatasetInfo, Sample, read_info, read_manifest
from evaluators.errors import DataError
from evaluators.files import inside, sha256_file
from evaluators.masks import read_label_map
from evaluators.wav_files import read_wav16

from .mixing import mix
from .render import paint
from .segmentation import facts_of_rle
from .settings import SAMPLE_RATE

PERSON_ID = 1
POSITION_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    reason: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.reason}]"


def verify(
    folder: Path, *, mode: str = "exact", reference: Path | None = None, against: Path | None = None
) -> list[Finding]:
    """All findings in a dataset folder and its variants.

    ``exact`` compares every file with its checksum. ``lsb`` is for a dataset built on another machine: pixels
    must be what the manifest says, and sound may differ by one step of 16 bits from what rendering gives here
    (and from ``reference``, another build of the same plan).
    """
    info = read_info(folder)
    samples = list(read_manifest(folder / MANIFEST))
    findings = [*_checksums(folder)] if mode == "exact" else [*_within_one_step(folder, samples, info, reference)]
    if info.layout == "vpo":
        findings += _loader_rules(folder, info)
    findings += _masks(folder, samples, info)
    findings += _leaks(samples)
    if against:
        findings += _against(samples, against)
    for name in info.variants:
        findings += verify(folder / "variants" / name, mode=mode)
    return findings


def _checksums(folder: Path) -> Iterator[Finding]:
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        yield Finding("no-checksums", str(folder / CHECKSUMS), f"can't be read ({error.strerror}); build again")
        return
    for line in lines:
        digest, _, name = line.partition("  ")
        path = inside(folder, name)
        if not path.is_file():
            yield Finding("missing-file", str(path), "is listed and not there; build again into a new folder")
        elif sha256_file(path) != digest:
            yield Finding("wrong-checksum", str(path), "differs from the build; build again into a new folder")


def _within_one_step(
    folder: Path, samples: Iterable[Sample], info: DatasetInfo, reference: Path | None
) -> Iterator[Finding]:
    for sample in samples:
        wavs = {vpo.clip_file(source.clip.id) for source in sample.sources} if info.layout == "vpo" else set()
        if sample.mixture_file:
            yield from _rerendered(folder, sample, info)
            wavs |= {sample.mixture_file, *sample.stem_files}
        for name in sorted(wavs) if reference else ():
            yield from _close(
                folder / name, read_wav16(folder / name), read_wav16(Path(reference or "", name)), str(reference)
            )


def _rerendered(folder: Path, sample: Sample, info: DatasetInfo) -> Iterator[Finding]:
    if info.layout != "vpo":
        return
    clips = [read_wav16(folder / vpo.clip_file(source.clip.id)) for source in sample.sources]
    stems, mixture, _ = mix(sample, clips, info.field_of_view)
    for name, expected in zip((*sample.stem_files, sample.mixture_file), (*stems, mixture), strict=True):
        yield from _close(folder / name, read_wav16(folder / name), expected, "what rendering gives")


def _close(path: Path, found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], what: str) -> Iterator[Finding]:
    if found.shape != expected.shape:
        yield Finding("wrong-length", str(path), f"has shape {found.shape}, {what} has {expected.shape}")
        return
    worst = int(np.abs(found.astype(np.int32) - expected).max(initial=0))
    if worst > 1:
        yield Finding(
            "sound-differs", str(path), f"differs by {worst} steps of 16 bits from {what}, at most 1 is rounding"
        )


def _loader_rules(folder: Path, info: DatasetInfo) -> Iterator[Finding]:
    """What the official loader needs of the tables, and of the files that they name."""
    checked: set[str] = set()
    for setting in info.settings:
        path = folder / vpo.csv_file(setting)
        kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
        for number, row in _rows(path):
            where = f"{path}:{number}"
            problem = _row_problem(row)
            if problem:
                yield Finding("bad-row", where, problem)
                continue
            kinds[row["img_Id"], row["split"]].add(row["multi_instance"])
            clip = vpo.clip_file(row["vgg_file"])
            if clip not in checked:
                checked.add(clip)
                yield from _mono_clip(folder / clip)
            home = "ms" if setting == "msmi" and row["multi_instance"] == "0" else setting
            place = (home, int(row["img_Id"]), row["cateName"])
            for name in (vpo.image_file(*place), vpo.mask_file(*place, int(row["ann_Ids"]))):
                if not (folder / name).is_file():
                    yield Finding("missing-file", str(folder / name), f"is named by {where} and not there")
        for (image, _), values in kinds.items():
            if len(values) > 1:
                yield Finding(
                    "mixed-multi-instance",
                    str(path),
                    f"image {image} has both values of multi_instance: the loader's lists go out of step",
                )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with open(path, newline="", encoding="utf-8") as stream:
        yield from enumerate(csv.DictReader(stream), 2)


def _row_problem(row: dict[str, str]) -> str:
    missing = [name for name in vpo.CSV_COLUMNS if row.get(name) in (None, "")]
    if missing:
        return f"has no {', '.join(missing)}"
    if not (row["img_Id"].isdecimal() and row["ann_Ids"].isdecimal()):
        return f"img_Id and ann_Ids must be integers, found {row['img_Id']} and {row['ann_Ids']}"
    if not 0 <= float(row["audio_pos"]) <= 1:
        return f"audio_pos {row['audio_pos']} lies outside 0 to 1"
    if row["split"] not in ("train", "val", "test"):
        return f"split {row['split']!r} is none of train, val, test"
    return ""


def _mono_clip(path: Path) -> Iterator[Finding]:
    try:
        with wave.open(str(path), "rb") as stream:
            form = stream.getnchannels(), stream.getframerate(), stream.getsampwidth()
    except (OSError, wave.Error, EOFError) as error:
        yield Finding("missing-clip", str(path), f"can't be read ({error}); build again into a new folder")
        return
    if form != (1, SAMPLE_RATE, 2):
        yield Finding("clip-form", str(path), f"has (channels, rate, bytes) {form}, expected {(1, SAMPLE_RATE, 2)}")


def _masks(folder: Path, samples: Sequence[Sample], info: DatasetInfo) -> Iterator[Finding]:
    values = {name: mask_id if info.layout == "vpo" else index for index, name, mask_id in info.categories}
    seen = set()
    for sample in samples:
        if sample.mask_file in seen:
            continue
        seen.add(sample.mask_file)
        try:
            mask, instances = read_label_map(folder / sample.mask_file), read_label_map(folder / sample.instance_file)
        except DataError as error:
            yield Finding(error.reason, error.where, error.message)
            continue
        yield from _mask_rules(folder / sample.mask_file, mask, values, info.layout)
        if not all(map(np.array_equal, (mask, instances), paint(sample, values))):
            yield Finding(
                "mask-differs",
                str(folder / sample.mask_file),
                "mask or instance map is not what the manifest says; build again into a new folder",
            )
        yield from _positions(sample)


def _mask_rules(path: Path, mask: np.ndarray[Any, Any], values: dict[str, int], layout: str) -> Iterator[Finding]:
    present = set(np.unique(mask).tolist())
    unknown = present - {BACKGROUND, VOID, *values.values()}
    if unknown:
        yield Finding("mask-values", str(path), f"holds {sorted(unknown)}, which stand for no category")
    if layout == "vpo" and PERSON_ID in present:
        yield Finding("mask-person", str(path), "holds value 1 (person), on which the official loader fails")
    if layout == "vpo" and {values.get(name, -1) for name in vpo.COLLIDING} <= present:
        yield Finding("mask-collision", str(path), "holds car and airplane, which the official loader takes for one")


def _positions(sample: Sample) -> Iterator[Finding]:
    for source in sample.sources:
        expected = facts_of_rle(source.instance.rle, sample.picture.height, sample.picture.width).position
        if abs(source.instance.position - expected) > POSITION_TOLERANCE:
            yield Finding(
                "position",
                sample.id,
                f"annotation {source.instance.annotation_id} is said to be at {source.instance.position}, its mask is at {expected}",
            )


def _leaks(samples: Iterable[Sample]) -> Iterator[Finding]:
    """Each image and each video in one split only, over all settings."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for sample in samples:
        places["image", str(sample.picture.id)].add(sample.split)
        places["image file", sample.picture.sha256].add(sample.split)
        for source in sample.sources:
            if source.clip.file:
                places["video", source.clip.video_id].add(sample.split)
                places["clip file", source.clip.sha256].add(sample.split)
    for (kind, name), splits in sorted(places.items()):
        if len(splits) > 1:
            yield Finding(
                "leak",
                f"{kind} {name}",
                f"is in {' and '.join(sorted(splits))}; report this, the plan must keep them apart",
            )


def _against(samples: Iterable[Sample], path: Path) -> Iterator[Finding]:
    """Images and videos that another list holds too: any cell of it that is, or begins with, a video id."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    cells = {cell.strip().rsplit(".", 1)[0] for row in csv.reader(text.splitlines()) for cell in row if cell.strip()}
    known = cells | {cell[:11] for cell in cells if len(cell) > 12 and cell[11] == "_"}
    found: dict[str, str] = {}
    for sample in samples:
        image = str(sample.picture.id)
        names = {image, image.zfill(12)} & known
        found.update({f"image {name}": sample.split for name in names})
        found.update(
            {
                f"video {source.clip.video_id}": sample.split
                for source in sample.sources
                if source.clip.video_id in known
            }
        )
    for name, split in sorted(found.items()):
        yield Finding("overlap", name, f"is in {path.name} and here in {split}; leave it out with --exclude")
