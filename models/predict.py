"""Predictions of a trained network as files that ``avs-eval`` reads, for a dataset and its counterfactual variants.

A network of categories writes label maps (palette PNG, category indices), one of sounding or not writes soft masks (8-bit
grey, 255 is 1), each at the size of the ground truth's mask and under the name that it asks for. ``run.json`` says what
made them. Files that are there already are kept, so a stopped run goes on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from evaluators.dataset import read_info
from evaluators.errors import DataError
from evaluators.files import atomic_write, inside, sha256_file, write_text
from evaluators.ground_truth import GtSample
from evaluators.masks import encode_label_map
from evaluators.progress import Progress

from .checkpoint import Card, versions
from .data import Loader
from .jobs import listed, shown_data, whole
from .runs import load_run
from .system import System
from .validate import Map, Truth, as_map, open_truth, predicted

RECORD = "run.json"


@dataclass(frozen=True)
class Request:
    """What is to be predicted."""

    data: Path
    out: Path
    split: str = "test"
    settings: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()  # names, or ("all",); then ``out`` gets a folder for base and for each of them
    checkpoint: str = ""  # best, last; "" the best there is
    batch: int = 0  # 0 as in training
    workers: int | None = None  # None as in training
    device: str = ""
    instances: str = ""  # own, or a folder, as ``data.instances``; "" as in training


def predict(run: Path, request: Request, progress: Progress) -> str:
    """Predict a split of a dataset with a trained run; returns the command that scores what was written.

    Raises ``DataError``: ``not-a-run``, ``no-checkpoint``, ``other-categories``, ``no-variant``, ``other-predictions``,
    ``not-empty``, those of checkpoints and of data.
    """
    config, system, card, weights = load_run(run, request.checkpoint)
    device = open_device(request.device)
    system = system.to(device).eval()
    truth = open_truth(request.data, request.split, request.settings)
    instances = request.instances or config.data.instances
    config = replace(config, data=replace(config.data, settings=request.settings, instances=instances))
    batch = request.batch or config.loop.batch
    workers = config.data.workers if request.workers is None else request.workers
    made_by = {
        "model": config.model.name, "weights": sha256_file(weights), "step": card.step, "split": request.split,
        "settings": list(request.settings), "batch": batch, "versions": versions(),
    }  # fmt: skip
    for name in ("base", *_variants(request)):
        folder = request.data if name == "base" else inside(request.data, f"variants/{name}")
        listing = listed(config, folder, request.split)
        _same_categories(card, listing.categories, folder)
        out = request.out / name if request.variants else request.out
        claim(out, {**made_by, "dataset": listing.digest, "variant": name})
        loader = whole(shown_data(config, listing), batch, workers)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.loop.precision == "bf16"):
            write_predictions(system, loader, [item.id for item in listing.items], truth, out, device, progress)
        progress.line(f"wrote    {out}: {len(listing)} samples of {folder}")
    return _scoring(request, system.classes)


def open_device(name: str) -> torch.device:
    """cpu, cuda, or "" for a GPU where there is one. Raises ``DataError`` ``no-device``."""
    if name == "cuda" and not torch.cuda.is_available():
        raise DataError("no-device", "--device cuda", "no GPU that this torch can use; leave --device out, or take cpu")
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def _variants(request: Request) -> tuple[str, ...]:
    if not request.variants:
        return ()
    there = read_info(request.data).variants
    wanted = there if "all" in request.variants else request.variants
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        known = ", ".join(there) or "none; build with `vpo build --audio render --variants all`"
        raise DataError(
            "no-variant", request.data, f"has no variant {' '.join(unknown) or 'at all'}; there are {known}"
        )
    return tuple(dict.fromkeys(wanted))


def _same_categories(card: Card, categories: Sequence[str], where: Path) -> None:
    """A network of categories predicts indices of the table it was trained by."""
    if card.classes > 2 and card.categories != tuple(categories):
        found = next(
            (
                f"index {n} is {theirs}, was {mine}"
                for n, (mine, theirs) in enumerate(zip(card.categories, categories, strict=False))
                if mine != theirs
            ),
            f"{len(categories)} categories, were {len(card.categories)}",
        )
        raise DataError("other-categories", where, f"{found} in the training data; predict data of the same categories")


def _scoring(request: Request, classes: int) -> str:
    kind = " --kind soft" if classes == 1 else ""
    part = "".join(f" --setting {name}" for name in request.settings)
    part += f" --split {request.split}" if request.split != "test" else ""
    return f"avs-eval {'listen ' if request.variants else ''}{request.out} {request.data}{kind}{part}"


@dataclass(frozen=True)
class Target:
    """One file to write: a frame of a sample."""

    file: str  # relative to the predictions' folder
    frame: int
    mask_file: str  # whose size it gets


def targets(truth: Truth) -> dict[str, tuple[Target, ...]]:
    """Files by sample id. Each goes by the first of its names that is no other sample's."""
    shared = Counter(name for sample in truth.samples.values() for name in {n for f in sample.frames for n in f.names})
    return {
        id: tuple(_target(sample, place, shared) for place in range(len(sample.frames)))
        for id, sample in truth.samples.items()
    }


def _target(sample: GtSample, place: int, shared: Mapping[str, int]) -> Target:
    frame = sample.frames[place]
    name = next((name for name in frame.names if shared[name] == 1), "")
    if not name:
        raise DataError("odd-name", sample.id, "has no name of its own for a prediction; give each sample another id")
    return Target(name.replace("{}", str(frame.number)) + ".png", frame.number, frame.mask_file)


def mask_size(truth: Truth, name: str) -> tuple[int, int]:
    """Height and width of a mask, from its header."""
    try:
        with Image.open(truth.gt.root / name, formats=("PNG",)) as image:
            return image.height, image.width
    except Exception as error:  # Pillow raises nearly everything for damaged files
        raise DataError("gt-unreadable", name, "its size can't be read; mend the dataset") from error


def encode(found: Map, classes: int) -> bytes:
    """PNG bytes of a map of :func:`models.validate.as_map`."""
    if classes > 1:
        return encode_label_map(found)
    stream = BytesIO()
    Image.fromarray(found).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def write_predictions(
    system: System,
    loader: Loader,
    ids: Sequence[str],
    truth: Truth,
    out: Path,
    device: torch.device,
    progress: Progress,
) -> None:
    """Write the maps of all samples of a loader, which goes through them in the order of ``ids``.

    It begins with the batch of the first sample that lacks a file, so that a resumed run has the batches, and gives the
    bytes, of one that wasn't stopped.
    """
    files = targets(truth)
    strange = [id for id in ids if id not in files]
    if strange:
        raise DataError("other-samples", strange[0], "is no sample of the base dataset; build the variant again")
    batch = loader.batch_size or 1
    done = next((n for n, id in enumerate(ids) if not all((out / one.file).is_file() for one in files[id])), len(ids))
    start = done // batch * batch if done < len(ids) else done
    loader.sampler.at(0, start)
    with progress.stage("predict", len(ids) - start) as advance:
        for id, logits in predicted(system, loader if start < len(ids) else (), device):
            for one in files[id]:
                found = as_map(logits[one.frame], mask_size(truth, one.mask_file))
                with atomic_write(inside(out, one.file)) as stream:
                    stream.write(encode(found, system.classes))
            advance()


def claim(out: Path, record: Mapping[str, Any]) -> None:
    """Say in ``out`` what makes its files. Raises ``DataError`` ``other-predictions`` where something else made those there."""
    path, text = out / RECORD, json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise DataError(
                "other-predictions", out, "holds predictions of another run or of other data; take another --out"
            )
    elif out.is_dir() and any(out.iterdir()):
        raise DataError("not-empty", out, f"holds files, and no {RECORD} that says what made them; take another --out")
    else:
        write_text(path, text)
