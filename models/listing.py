"""What a dataset folder offers for training: a list of items, each with its pictures, masks, sound and positions. Nothing is decoded.

Reads what ``evaluators`` reads: VPO as `vpo build` writes it (variants too: give DIR/variants/NAME), the official VPO by its csv
tables, S4, MS3, AVSBench-semantic, and the folders that `avsbench convert` writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from evaluators import vpo, vpo_official
from evaluators.annotation_tables import Column, number_of, read_table
from evaluators.dataset import MANIFEST, Crop, Sample, read_manifest
from evaluators.errors import DataError
from evaluators.files import sha256_file
from evaluators.ground_truth import LABELS, LAYOUTS, GroundTruth, GtSample, Selection, open_ground_truth
from evaluators.gt_reading import safe
from evaluators.videos import Frame, Video, open_videos

BINARY = ("background", "sounding")
SOUND_COLUMNS = (Column(("vgg_file",)), Column(("audio_pos",)))  # of the official tables


@dataclass(frozen=True)
class Voice:
    """A source that is mixed at load: a mono clip, where it is heard, and which part of it (in samples at 16 kHz) counts."""

    file: str
    position: float  # 0 left to 1 right
    start: int = 0
    length: int | None = None


@dataclass(frozen=True)
class Item:
    """One sample. Files are relative to ``Listing.root``, those of sound to ``Listing.sound_root``.

    The sound is ``sound_file`` or what ``voices`` add up to; neither is silence.
    """

    id: str
    setting: str
    split: str
    frames: tuple[Frame, ...]  # by number; mask_file "" where there is no annotation
    sound_file: str = ""
    voices: tuple[Voice, ...] = ()
    sounding: tuple[int, ...] | None = (
        None  # categories that are seen and heard, sorted; None where only the masks tell
    )

    instance_files: tuple[str, ...] = ()  # maps of instances, one for each frame; () where there are none

    @property
    def positions(self) -> tuple[float, ...]:
        """Where its sources are heard, as far as it is known."""
        return tuple(voice.position for voice in self.voices)


@dataclass(frozen=True)
class Listing:
    """The items of a split."""

    root: Path
    sound_root: Path
    items: tuple[Item, ...]  # VPO's by id, videos as their table has them
    categories: tuple[str, ...]  # name by index, background first
    kind: str  # vpo, s4, ms3, avss
    gt: GroundTruth  # how its masks are read, without samples
    digest: str  # SHA-256 of the manifest or table
    remarks: tuple[str, ...] = ()  # what the readers found worth telling, a line each
    instances: str = ""  # whose maps of instances are shown: "" none, own, or a folder; see ``instances.py``

    @property
    def panned(self) -> bool:
        """Whether its sounds are panned mixtures, not recordings; see ``sounds.py``."""
        return self.kind == "vpo"

    def __len__(self) -> int:
        return len(self.items)


def list_items(folder: Path | str, split: str, settings: Sequence[str] = (), truth: str = "") -> Listing:
    """The items of a split and of the chosen settings, all by default.

    truth: ``base`` or ``empty`` takes only samples in which something (nothing) that is seen sounds, for variants of VPO.
    Raises ``DataError``: ``unknown-layout``, ``bad-selection`` (with what there is), ``gt-incomplete`` (with the files), those
    of damaged tables.
    """
    folder = Path(folder)
    try:
        gt = open_ground_truth(folder, Selection(split, tuple(settings)))
    except DataError as error:
        if error.reason != "bad-selection" or _has_layout(folder):
            raise
        found = "found masks and no manifest or table of VPO, S4, MS3 or AVSBench-semantic"
        told = f"{found}; give the dataset folder itself; see avsbench inspect"
        raise DataError("unknown-layout", folder, told) from None
    kept = tuple(sample for sample in gt.samples if truth in ("", sample.truth))
    if not kept:
        raise DataError("bad-selection", folder, f"no sample of split {split!r} has the truth {truth!r}")
    categories = gt.categories if gt.kind == LABELS else BINARY
    gt = replace(gt, samples=kept)
    if gt.layout != "vpo":
        return _of_videos(folder, gt, categories)
    return (_of_manifest if (folder / MANIFEST).is_file() else _of_tables)(folder, gt, categories)


def _has_layout(folder: Path) -> bool:
    names = [module for layout, module in LAYOUTS.items() if layout != "plain"]
    return any(import_module(f"evaluators.{name}").recognises(folder) for name in names)


def _of_manifest(folder: Path, gt: GroundTruth, categories: tuple[str, ...]) -> Listing:
    """A folder of `vpo build`."""
    wanted = {sample.id for sample in gt.samples}
    index = {name: number for number, name in enumerate(categories)}
    items = {row.id: _built(folder, row, index) for row in read_manifest(folder / MANIFEST) if row.id in wanted}
    return _listing(folder, folder, [items[sample.id] for sample in gt.samples], categories, gt, [folder / MANIFEST])


def _built(folder: Path, sample: Sample, index: Mapping[str, int]) -> Item:
    unknown = sorted(set(sample.categories) - index.keys())
    if unknown:
        raise DataError("bad-category", sample.id, f"{unknown[0]} sounds, which is not in dataset.json; build again")
    frame = Frame(0, safe(folder, sample.image_file), safe(folder, sample.mask_file))
    heard = () if sample.truth == "empty" else tuple(sorted(index[name] for name in sample.categories))
    maps = (safe(folder, sample.instance_file),) if sample.instance_file else ()
    item = Item(sample.id, sample.setting, sample.split, (frame,), sounding=heard, instance_files=maps)
    if sample.mixture_file:
        return replace(item, sound_file=safe(folder, sample.mixture_file))
    if sample.pan_law != "linear":
        raise DataError("pan-law", sample.id, f"{sample.pan_law} can't be mixed at load; build it with --audio render")
    voices = [_voice(folder, source.clip.id, source.position, sample.crop) for source in sample.sources]
    return replace(item, voices=tuple(voices))


def _voice(folder: Path, clip: str, position: float, crop: Crop | None = None) -> Voice:
    file = safe(folder, vpo.clip_file(clip))
    if not 0 <= position <= 1:
        raise DataError("bad-position", file, f"is heard at {position}, expected 0 (left) to 1 (right); mend the table")
    return Voice(file, position, crop.start, crop.length) if crop else Voice(file, position)


def _of_tables(folder: Path, gt: GroundTruth, categories: tuple[str, ...]) -> Listing:
    """The official VPO. Its rows stand in the same order as those of ``vpo_official.read_rows``, which knows their meaning."""
    place = vpo_official.find(folder)
    assert place is not None  # recognised already
    rows, _ = vpo_official.read_rows(place)
    heard = [words for path in place.tables.values() for words in read_table(path, SOUND_COLUMNS).rows]
    parts = {(sample.split, sample.setting) for sample in gt.samples}
    chosen = [pair for pair in zip(rows, heard, strict=True) if (pair[0].split, pair[0].setting) in parts]
    groups: dict[tuple[str, int, int], list[tuple[vpo_official.Row, tuple[str, ...]]]] = {}
    for number, pair in enumerate(chosen):  # as vpo_official.samples groups them
        groups.setdefault((pair[0].setting, pair[0].image, number if pair[0].setting == "ss" else 0), []).append(pair)
    samples = vpo_official.samples(place, [row for row, _ in chosen])
    items = {
        sample.id: _official(sample, pairs, categories) for sample, pairs in zip(samples, groups.values(), strict=True)
    }
    sound_root = next((root for root in _and_above(place.root) if (root / vpo.AUDIO_FOLDER).is_dir()), place.root)
    tables = list(place.tables.values())
    return _listing(place.root, sound_root, [items[sample.id] for sample in gt.samples], categories, gt, tables)


def _and_above(root: Path) -> tuple[Path, ...]:
    absolute = root.absolute()
    return root, absolute.parent, absolute.parent.parent


def _official(
    sample: GtSample, pairs: Sequence[tuple[vpo_official.Row, tuple[str, ...]]], categories: tuple[str, ...]
) -> Item:
    strange = {row.category for row, _ in pairs} - set(categories[1:])
    if strange:
        raise DataError("bad-category", sample.id, f"{min(strange)[:40]!a} is no category of VPO; mend the table")
    frames = tuple(Frame(frame.number, frame.image_file, frame.mask_file) for frame in sample.frames)
    voices = []
    for _, (clip, position) in pairs:
        place = number_of(position)
        if place is None:
            raise DataError("csv-row", sample.id, f"found {position[:40]!a} as audio_pos, expected a number; mend it")
        voices.append(_voice(Path(), clip.removesuffix(".wav"), place))
    heard = tuple(sorted({categories.index(row.category) for row, _ in pairs}))
    return Item(sample.id, sample.setting, sample.split, frames, voices=tuple(voices), sounding=heard)


def _of_videos(folder: Path, gt: GroundTruth, categories: tuple[str, ...]) -> Listing:
    """Videos: all frames that the layout has, with the masks that are there."""
    videos = open_videos(folder, gt.layout)
    by_id = {(video.setting, video.id): video for video in videos.videos}
    items = [_video(sample, by_id[sample.setting, sample.id], videos.root, categories) for sample in gt.samples]
    return _listing(videos.root, videos.root, items, categories, gt, [videos.table])


def _video(sample: GtSample, video: Video, root: Path, categories: tuple[str, ...]) -> Item:
    masks = {frame.number: frame.mask_file for frame in sample.frames}
    frames = tuple(
        Frame(frame.number, safe(root, frame.image_file), masks.get(frame.number, "")) for frame in video.frames
    )
    heard: tuple[int, ...] | None = None
    if categories == BINARY:
        heard = (1,)
    elif video.sounding and set(video.sounding) <= set(categories):
        heard = tuple(sorted(map(categories.index, video.sounding)))
    sound = safe(root, video.audio_file) if video.audio_file else ""
    return Item(video.id, video.setting, video.split, frames, sound_file=sound, sounding=heard)


def _listing(
    root: Path,
    sound_root: Path,
    items: Sequence[Item],
    categories: tuple[str, ...],
    gt: GroundTruth,
    tables: Iterable[Path],
) -> Listing:
    digests = [sha256_file(table) for table in tables]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    bare = replace(gt, samples=(), remarks=())
    return Listing(root, sound_root, tuple(items), categories, gt.layout, bare, digest, gt.remarks)
