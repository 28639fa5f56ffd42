"""Dataset items to batches of tensors, the same for any number of workers, processes, and from wherever a run resumes.

What is drawn for a sample depends on seed, epoch and its index alone; the order of an epoch on seed and epoch alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from evaluators.errors import DataError
from evaluators.masks import decode_gt
from evaluators.videos import Frame

from .augment import (
    Augment,
    Drawn,
    apply_to_labels,
    apply_to_picture,
    apply_to_sound,
    draw,
    position_in_square,
    resized,
)
from .batch import VOID, Batch
from .instances import Presence, read_presence
from .listing import Item, Listing
from .pictures import Planes, normalised, read_bytes, read_picture
from .sampling import EpochSampler
from .sounds import LONGEST_SECONDS, SAMPLE_RATE, Wave, mix, read_window, with_channels

Labels = np.ndarray[Any, np.dtype[np.uint8]]
Known = np.ndarray[Any, np.dtype[np.bool_]]
Parts = Mapping[str, Any]  # one sample: the fields of Batch without the batch axis, and ``id``


@dataclass(frozen=True)
class View:
    """How samples are shown to a system."""

    size: int = 224  # of the square picture; 0 leaves pictures as they are, for batches of one
    channels: Literal[0, 1, 2] = 1  # of sound: none, mono, left and right
    seconds: float = 3.0  # of sound: the middle ones of VPO, the first ones of videos
    classes: int = 1  # 1 or 2: something sounds or nothing; else as many as there are categories
    augment: Augment | None = None
    position: Literal["follow", "keep"] = (
        "keep"  # of a source where the picture is cut: in the square, or in the whole picture
    )
    pad_frames: int = 0  # shorter videos are filled up to so many frames, of the mean colour, 10 for AVSBench-semantic
    pad_label: int = VOID  # of those frames' targets; 0 as the official loader has it
    instances: bool = False  # a fourth plane of the picture: 1 where any instance is, else 0


class AvsData(Dataset[Parts]):
    """The samples of a listing. ``data[index]`` is of the epoch that was set, ``data[epoch, index]`` of any."""

    def __init__(self, listing: Listing, view: View, seed: int = 0) -> None:
        """Raises ``ValueError`` where the view doesn't fit the categories, ``DataError`` ``position-follow`` where it can't be done."""
        _check(listing, view)
        self.listing, self.view, self.seed, self.epoch = listing, view, seed, 0
        self._table = _index_table(listing)

    def set_epoch(self, epoch: int) -> None:
        """The epoch of ``data[index]``."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.listing)

    def __getitem__(self, key: int | tuple[int, int]) -> Parts:
        """Raises ``DataError`` with the item's file: ``image-...``, ``gt-...``, ``instances-...``, ``size-mismatch``, ``audio-...``."""
        epoch, index = key if isinstance(key, tuple) else (self.epoch, key)
        item, view = self.listing.items[index], self.view
        pictures = [read_picture(self.listing.root / frame.image_file) for frame in item.frames]
        labels = [self._labels(frame, picture) for frame, picture in zip(item.frames, pictures, strict=True)]
        drawn = self._draw(pictures[0], np.random.default_rng(np.random.SeedSequence([self.seed, epoch, index])))
        shown = [_picture(picture, drawn) for picture in pictures]
        if view.instances:
            maps = zip(item.instance_files, pictures, strict=True)
            present = [read_presence(self.listing, name, picture.height, picture.width) for name, picture in maps]
            shown = [np.concatenate((planes, _plane(one, drawn))) for planes, one in zip(shown, present, strict=True)]
        targets = [_target(mask, planes, drawn) for mask, planes in zip(labels, shown, strict=True)]
        annotated = [mask is not None for mask in labels]
        if len({planes.shape for planes in shown}) > 1:
            raise DataError("sizes-differ", item.id, "its frames differ in size; prepare them again, or give a size")
        for _ in range(view.pad_frames - len(item.frames)):
            shown.append(np.zeros_like(shown[0]))
            targets.append(np.full(targets[0].shape, view.pad_label, np.uint8))
            annotated.append(False)
        return {
            "image": torch.from_numpy(np.stack(shown)),  # (frames, 3 or with instances 4, height, width)
            "sound": torch.from_numpy(np.ascontiguousarray(self._sound(item, drawn))),
            "target": torch.from_numpy(np.stack(targets)).long(),  # (frames, height, width)
            "annotated": torch.tensor(annotated),
            "sounding": torch.from_numpy(self._sounding(item, labels)),
            "id": item.id,
        }

    def _draw(self, picture: Image.Image, rng: np.random.Generator) -> Drawn | None:
        """None leaves the picture as it is."""
        if self.view.augment is None:
            return resized(self.view.size) if self.view.size else None
        return draw(self.view.augment, self.view.size, picture.width, picture.height, rng)

    def _labels(self, frame: Frame, picture: Image.Image) -> Labels | None:
        """The target as stored, of the categories of this view; None where the frame has no annotation."""
        if not frame.mask_file:
            return None
        path = self.listing.root / frame.mask_file
        values = decode_gt(read_bytes(path, "gt"), frame.mask_file, self.listing.gt)
        if values.shape != (picture.height, picture.width):
            found = f"has {values.shape[1]} x {values.shape[0]} pixels, its picture {picture.width} x {picture.height}"
            raise DataError("size-mismatch", path, f"{found}; prepare both again")
        indices, known = self._table
        if not known[values].all():
            found = f"found value {values[~known[values]][0]}, which stands for no category"
            raise DataError("gt-range", path, f"{found}; mend the mask")
        labels: Labels = indices[values]
        return np.where(labels == VOID, labels, np.minimum(labels, 1)) if self.view.classes <= 2 else labels

    def _sounding(self, item: Item, labels: Sequence[Labels | None]) -> Known:
        """bool (classes,): from the table, else from the whole masks."""
        classes = self.view.classes
        heard: set[int] = set(item.sounding or ())
        if item.sounding is None:
            heard = {int(label) for mask in labels if mask is not None for label in np.unique(mask)} - {VOID}
        if classes <= 2:
            heard = {min(label, 1) for label in heard}
        found = np.zeros(classes, np.bool_)
        found[[label for label in heard if 0 < label < classes]] = True
        return found

    def _sound(self, item: Item, drawn: Drawn | None) -> Wave:
        """float32 (channels, samples)."""
        view, root = self.view, self.listing.sound_root
        samples, where = round(view.seconds * SAMPLE_RATE), "centre" if self.listing.panned else "start"
        if view.channels == 0 or not (item.sound_file or item.voices):
            return np.zeros((view.channels, samples), np.float32)
        if item.sound_file:
            wave = read_window(root / item.sound_file, samples, where)
            wave = with_channels(wave, view.channels, panned=self.listing.panned)
            return apply_to_sound(wave, drawn) if drawn else wave
        clips = [
            read_window(root / voice.file, samples, where, start=voice.start, length=voice.length)
            for voice in item.voices
        ]
        clips = [with_channels(clip, 1, panned=False) for clip in clips]
        if view.channels == 1:
            mono: Wave = np.sum(clips, axis=0, dtype=np.float32)
            return mono
        if drawn is None or view.position == "keep":
            wave = mix(clips, item.positions)
            return apply_to_sound(wave, drawn) if drawn else wave
        return mix(clips, [position_in_square(position, drawn) for position in item.positions])


def _picture(picture: Image.Image, drawn: Drawn | None) -> Planes:
    """float32 (3, height, width)."""
    return normalised(apply_to_picture(picture, drawn) if drawn else np.asarray(picture))


def _plane(present: Presence, drawn: Drawn | None) -> Planes:
    """float32 (1, height, width), 0 where the square is filled up."""
    moved = apply_to_labels(present, drawn) if drawn else present
    plane: Planes = (moved == 1)[None].astype(np.float32)
    return plane


def _target(labels: Labels | None, planes: Planes, drawn: Drawn | None) -> Labels:
    """``uint8`` (height, width), VOID throughout where there is no annotation."""
    if labels is None:
        return np.full(planes.shape[1:], VOID, np.uint8)
    return apply_to_labels(labels, drawn) if drawn else labels


def _check(listing: Listing, view: View) -> None:
    if view.classes not in (1, 2, len(listing.categories)):
        found = f"{view.classes} classes, the data has {len(listing.categories)} categories with the background"
        raise ValueError(f"{found}; expected as many, or 1 or 2 for sounding or not")
    if view.size < 0 or (view.augment is not None and view.size == 0):
        raise ValueError(
            f"size {view.size}, expected the side of a square; 0, pictures as they are, goes without augment"
        )
    if not 0 < view.seconds <= LONGEST_SECONDS:
        raise ValueError(f"{view.seconds} seconds of sound, expected more than 0, at most {LONGEST_SECONDS:g}")
    if view.channels not in (0, 1, 2) or view.position not in ("follow", "keep") or view.pad_label not in (0, VOID):
        raise ValueError(f"{view}: expected 0 to 2 channels, position follow or keep, pad_label 0 or {VOID}")
    if view.instances and not listing.instances:
        raise ValueError("a view of instances, expected a listing of `with_instances`")
    cut = view.augment is not None and (bool(view.augment.scales) or view.augment.middle)
    if cut and view.position == "follow" and view.channels == 2:
        mixed = next((item for item in listing.items if item.sound_file), None)
        if mixed is not None:
            found = f"position follow needs its sources, but {mixed.sound_file} is mixed already"
            told = f"{found}; choose position keep, or build VPO with --audio reference"
            raise DataError("position-follow", mixed.id, told)


def _index_table(listing: Listing) -> tuple[Labels, Known]:
    """Value in a decoded mask to category index, ``uint8`` (256,), VOID for void; and which values mean anything, bool (256,)."""
    indices, known = np.zeros(256, np.uint8), np.zeros(256, np.bool_)
    values = listing.gt.values or {VOID: VOID, **{index: index for index in range(len(listing.categories))}}
    for value, index in values.items():
        indices[value], known[value] = index, True
    return indices, known


def collate(samples: Sequence[Parts]) -> Batch:
    """A batch of samples of one size. Raises ``DataError``: ``frames-differ``, ``sizes-differ``."""
    first = samples[0]
    for sample in samples:
        if len(sample["image"]) != len(first["image"]):
            found = f"has {len(sample['image'])} frames, {first['id']} has {len(first['image'])}"
            raise DataError(
                "frames-differ", sample["id"], f"{found}; fill them up with pad_frames, or choose a setting"
            )
        if sample["image"].shape != first["image"].shape:
            found = (
                f"is {tuple(sample['image'].shape[2:])} high and wide, {first['id']} {tuple(first['image'].shape[2:])}"
            )
            raise DataError("sizes-differ", sample["id"], f"{found}; give a size, or batches of one")
    names = [field.name for field in fields(Batch) if field.name != "ids"]
    tensors = {name: torch.stack([sample[name] for sample in samples]) for name in names}
    return Batch(**tensors, ids=tuple(sample["id"] for sample in samples))


class Loader(DataLoader[Any]):
    """Batches of an epoch. ``sampler.at(epoch, start)`` says of which, and from which sample on."""

    sampler: EpochSampler

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Raises the ``DataError`` of a damaged sample, in whatever process it was found."""
        for batch in super().__iter__():
            if isinstance(batch, DataError):
                raise batch
            yield batch


def make_loader(
    data: AvsData,
    batch: int,
    workers: int = 0,
    seed: int = 0,
    *,
    shuffle: bool = True,
    drop_last: bool = True,
    rank: int = 0,
    world: int = 1,
    weights: Sequence[float] | np.ndarray[Any, Any] | None = None,
    pin: bool = False,
) -> Loader:
    """Batches of ``batch`` samples for one of ``world`` processes, loaded by ``workers`` processes of its own, 0 for none.

    ``drop_last`` drops what doesn't fill a batch, or a round over the processes; validation leaves it off, and shuffle too.
    ``weights``: see :class:`EpochSampler`. ``pin``: pinned memory, for GPUs. The global random state is left alone. Workers are
    spawned, so a script that is run as a program needs ``if __name__ == "__main__":``.
    """
    sampler = EpochSampler(len(data), seed, 0, rank, world, shuffle=shuffle, weights=weights, even=drop_last)
    options: dict[str, Any] = {}
    if workers:
        options = {"multiprocessing_context": "spawn", "persistent_workers": True, "prefetch_factor": 4}
    return Loader(
        _Batches(data),
        batch_size=batch,
        sampler=sampler,
        drop_last=drop_last,
        num_workers=workers,
        collate_fn=_as_it_is,
        generator=torch.Generator().manual_seed(seed),
        pin_memory=pin,
        **options,
    )


@dataclass(frozen=True)
class _Batches(Dataset[Any]):
    """Whole batches of a dataset; an error is handed over, since torch would wrap one that a worker raises in its traceback."""

    data: AvsData

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> Batch | DataError:
        try:
            return collate([self.data[key] for key in keys])
        except DataError as error:
            return error

    def __len__(self) -> int:
        return len(self.data)


def _as_it_is(batch: Any) -> Any:
    return batch
