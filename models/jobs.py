"""From a config to what the loop needs: the network, batches of the training split, scores of the validation split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from evaluators.errors import DataError
from evaluators.ground_truth import LABELS
from evaluators.scoring import Scorer

from .augment import Augment
from .balanced import listing_weights
from .batch import Batch
from .checkpoint import Card, start_from, versions
from .config import Config, DataConfig, identity
from .data import AvsData, Loader, View, make_loader
from .instances import with_instances
from .listing import Listing, list_items
from .registry import build_system, complete, find_entry
from .system import System
from .validate import open_truth, score_samples


@dataclass(frozen=True, eq=False)
class Job:
    """What there is to train on."""

    system: System
    batches: Callable[[int, int], Iterable[Batch]]  # (epoch, steps of it done) -> this process's batches, in parts
    epoch_steps: int
    score: Callable[[System], Scorer] | None  # counts of this process's share of the validation split
    card: Card


def settled(config: Config, listing: Listing) -> Config:
    """The config with what the data decides, and every option of the network, written out. Raises ``DataError`` ``bad-config``."""
    own = len(listing.categories) if listing.gt.kind == LABELS else 1
    classes = config.model.classes or own
    if classes not in (1, 2, len(listing.categories)):
        found = f"found {classes}, the data has {len(listing.categories)} categories with the background"
        raise DataError("bad-config", "model.classes", f"{found}; expected 0, 1, 2 or as many")
    return replace(config, model=complete(replace(config.model, classes=classes)))


def training_list(config: Config) -> Listing:
    """The samples that are trained on. Raises ``DataError``."""
    if not config.data.dir:
        remedy = "give --data DIR; `vpo build --val-fraction 0.2` makes one of the embedded sample world"
        raise DataError("no-data", "--data", f"there is no dataset to train on; {remedy}")
    return listed(config, config.data.dir, config.data.train_split)


def listed(config: Config, folder: Path | str, split: str) -> Listing:
    """The samples of a split as the network takes them, with maps of instances where it does.

    Raises ``DataError``: ``no-instance-maps`` where it needs some, ``bad-config`` where it takes none, those of the listing.
    """
    source, needed = config.data.instances, find_entry(config.model.name).instances
    if needed and not source:
        remedy = "give --set data.instances=FOLDER, with a PNG for each picture, 0 nothing, above 0 an instance"
        told = f"takes maps of instances, and got none; {remedy} (=own for data of `vpo build`)"
        raise DataError("no-instance-maps", config.model.name, told)
    if source and not needed:
        told = f"found {source!r}, but {config.model.name} takes the 3 colours alone; leave it out"
        raise DataError("bad-config", "data.instances", told)
    listing = list_items(folder, split, config.data.settings)
    return with_instances(listing, source) if source else listing


def make_job(config: Config, listing: Listing, rank: int, world: int, device: torch.device) -> Job:
    """The job of one of ``world`` processes; ``config`` is settled. Raises ``DataError``."""
    loop = config.loop
    data = AvsData(listing, _view(config, training=True), loop.seed)
    if len(data) < loop.batch:
        raise DataError(
            "too-few-samples", config.data.dir, f"{len(data)} to train on, fewer than loop.batch, {loop.batch}"
        )
    torch.manual_seed(loop.seed)
    system = build_system(config.model, config.model.classes)
    if config.model.start_weights:
        start_from(Path(config.model.start_weights), system)
    card = Card(
        identity(config),
        config.model.classes,
        listing.categories,
        listing.digest,
        loop.protocol,
        loop.measure,
        versions=versions(),
    )
    loader = make_loader(
        data, loop.batch // world // loop.accumulate, config.data.workers, loop.seed,
        rank=rank, world=world, weights=listing_weights(listing) if loop.balanced else None, pin=device.type == "cuda",
    )  # fmt: skip

    def batches(epoch: int, done: int) -> Iterable[Batch]:
        loader.sampler.at(epoch, done * loop.batch // world)
        return loader

    score = _scorer(config, rank, world, device) if loop.validate_every else None
    return Job(system, batches, len(data) // loop.batch, score, card)


def _scorer(config: Config, rank: int, world: int, device: torch.device) -> Callable[[System], Scorer]:
    data = config.data
    try:
        listing = listed(config, data.dir, data.val_split)
    except DataError as error:
        if error.reason != "bad-selection":
            raise
        remedy = "build with `vpo build --val-fraction 0.1`, or train all steps and take the last: --set loop.validate_every=0"
        message = f"no split {data.val_split!r} to choose the best by ({error.message}); {remedy}"
        raise DataError("no-validation", data.dir, message) from error
    truth = open_truth(data.dir, data.val_split, data.settings)
    loader = whole(shown_data(config, listing), config.loop.batch, data.workers, rank, world)
    return lambda system: score_samples(system, loader, truth, config.loop.protocol, device)


def whole(data: AvsData, batch: int, workers: int, rank: int = 0, world: int = 1) -> Loader:
    """Every sample once, in order, shared among ``world`` processes."""
    return make_loader(data, max(1, batch // world), workers, shuffle=False, drop_last=False, rank=rank, world=world)


def shown_data(config: Config, listing: Listing) -> AvsData:
    """Samples as they are predicted: whole pictures, brought to the square."""
    return AvsData(listing, _view(config, training=False), config.loop.seed)


def _view(config: Config, *, training: bool) -> View:
    data, model = config.data, config.model
    return View(
        size=data.size,
        channels=_channels(model.channels),
        seconds=data.seconds,
        classes=model.classes,
        augment=_augment(data) if training else None,
        position="follow" if data.follow else "keep",
        pad_frames=data.pad_frames,
        instances=bool(data.instances),
    )


def _channels(count: int) -> Any:
    return count


def _augment(data: DataConfig) -> Augment | None:
    if not (data.flip or data.scales or data.jitter or data.middle):
        return None
    brightness, contrast, saturation, hue = data.jitter or (0.0,) * 4
    try:
        return Augment(data.flip, data.scales, (brightness, contrast, saturation, hue), data.middle)
    except ValueError as error:
        raise DataError("bad-config", "data", str(error)) from error
