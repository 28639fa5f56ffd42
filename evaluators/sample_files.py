"""Reads the files of one sample: predictions and gt as arrays of one size, with what was wrong and what was done about it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import MAX_BYTES
from .errors import DataError
from .ground_truth import GroundTruth
from .kinds import Reading
from .masks import decode_gt
from .pairing import Pair
from .predictions import decode_prediction

LARGEST = MAX_BYTES + (1 << 14)  # bytes of one file: an array and its header
Array = np.ndarray[Any, np.dtype[Any]]
Frame = tuple[Array, Array, bool]  # pred, gt, valid: False for a frame that only the official loader adds


@dataclass(frozen=True)
class Leniency:
    """What is done about predictions that can't be scored as they are; every choice but the first is recorded."""

    missing: str = "error"  # error; zero: nothing predicted; skip: the frame is left out
    invalid: str = "error"  # the same for files that are unreadable, hold NaN, are out of range or of another kind
    resize: str = "error"  # error; nearest


@dataclass(frozen=True)
class Sources:
    """Where the files of every sample lie and what they mean."""

    gt: GroundTruth
    preds: Path
    reading: Reading
    leniency: Leniency = Leniency()


@dataclass(eq=False)
class SampleFiles:
    """What reading one sample gave."""

    frames: list[Frame] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)  # missing, invalid, resized, skipped frames
    hashes: list[tuple[str, str, bytes]] = field(default_factory=list)  # "pred" or "gt", name, SHA-256
    problems: list[DataError] = field(default_factory=list)


def read_pair(sources: Sources, pair: Pair) -> SampleFiles:
    """Read and check all files of a sample. Nothing is raised for bad files: they are in ``problems``."""
    found = SampleFiles()
    gts = [_gt(sources, frame.mask_file, found) for frame in pair.sample.frames]
    preds = list(_preds(sources, pair, found))
    shape = next((gt.shape for gt in gts if gt is not None), (0, 0))
    padded: list[Array | None] = [np.zeros(shape, np.uint8) for _ in preds[len(gts) :]]
    for place, (gt, (name, pred)) in enumerate(zip(gts + padded, preds, strict=True)):
        if gt is None:
            continue
        pred = _settled(sources, name or f"{pair.sample.id}, frame {place}", pred, gt, found)
        if pred is not None:
            found.frames.append((pred, gt, place < len(gts)))
    return found


def _gt(sources: Sources, name: str, found: SampleFiles) -> Array | None:
    try:
        return decode_gt(_bytes(sources.gt.root, name, "gt", found), name, sources.gt)
    except DataError as error:
        found.problems.append(error)
    except OSError as error:
        found.problems.append(DataError("gt-missing", name, f"the gt can't be read ({error.strerror})"))
    return None


def _bytes(root: Path, name: str, which: str, found: SampleFiles) -> bytes:
    with open(os.path.join(root, name), "rb") as stream:  # names were checked where they were read
        if os.fstat(stream.fileno()).st_size > LARGEST:
            raise DataError(f"{which}-too-large", name, f"over {LARGEST >> 20} MiB; write a file per frame or sample")
        data = stream.read()
    found.hashes.append((which, name, hashlib.sha256(data).digest()))
    return data


def _preds(sources: Sources, pair: Pair, found: SampleFiles) -> Iterator[tuple[str, Array | DataError | None]]:
    """Name and map of each frame; None where there is no file, the error where it can't be used."""
    if pair.array_file:
        yield from _array_frames(sources, pair, found)
        return
    for name in (*pair.files, *pair.padded):
        yield name, _map(sources, name, found) if name else None


def _map(sources: Sources, name: str, found: SampleFiles) -> Array | DataError:
    """One frame's map."""
    pred = _pred(sources, name, found)
    expected = 3 if sources.reading.classes else 2
    if isinstance(pred, DataError) or pred.ndim == expected:
        return pred
    form = "(channels, height, width)" if expected == 3 else "(height, width)"
    return DataError("pred-shape", name, f"found {pred.shape}, expected {form} of one frame")


def _pred(sources: Sources, name: str, found: SampleFiles) -> Array | DataError:
    try:
        return decode_prediction(_bytes(sources.preds, name, "pred", found), name, sources.reading)
    except DataError as error:
        return error
    except OSError as error:
        return DataError("pred-unreadable", name, f"can't be read ({error.strerror})")


def _array_frames(sources: Sources, pair: Pair, found: SampleFiles) -> Iterator[tuple[str, Array | DataError | None]]:
    """The frames of one array that holds all of a sample's."""
    array, frames = _pred(sources, pair.array_file, found), len(pair.sample.frames)
    depth = 4 if sources.reading.classes else 3
    if not isinstance(array, DataError):
        if array.ndim == depth - 1 and frames == 1:
            array = array[None]
        if array.ndim != depth or len(array) not in (frames, frames + pair.sample.padded_frames):
            expected = f"({frames}, {'channels, ' if depth == 4 else ''}height, width)"
            array = DataError("pred-shape", pair.array_file, f"found {array.shape}, expected {expected}")
    for number in range(frames if isinstance(array, DataError) else len(array)):
        yield f"{pair.array_file}[{number}]", array if isinstance(array, DataError) else array[number]


def _settled(
    sources: Sources, name: str, pred: Array | DataError | None, gt: Array, found: SampleFiles
) -> Array | None:
    """The prediction to score, after what the user allowed; None where there is none."""
    what, choice = ("missing", sources.leniency.missing) if pred is None else ("invalid", sources.leniency.invalid)
    if pred is not None and not isinstance(pred, DataError):
        return _sized(sources, name, pred, gt, found)
    if choice == "error":
        if isinstance(pred, DataError) and pred not in found.problems:
            found.problems.append(pred)
        return None  # what is missing was told when files were paired
    found.tally[f"{what} predictions"] += 1
    if choice == "skip":
        found.tally["skipped frames"] += 1
        return None
    channels = (sources.reading.classes,) if sources.reading.classes else ()
    empty = np.zeros(channels + gt.shape, np.float32 if channels else np.uint8)
    if channels:
        empty[0] = 1  # the background
    return empty


def _sized(sources: Sources, name: str, pred: Array, gt: Array, found: SampleFiles) -> Array | None:
    if pred.shape[-2:] == gt.shape:
        return pred
    if sources.leniency.resize == "nearest":
        found.tally["resized predictions"] += 1
        rows, columns = (np.arange(new) * old // new for new, old in zip(gt.shape, pred.shape[-2:], strict=True))
        return pred[..., rows[:, None], columns]
    sizes = " and ".join(f"{width} x {height}" for height, width in (pred.shape[-2:], gt.shape))
    found.problems.append(
        DataError(
            "pred-size",
            name,
            f"prediction and gt differ in size, {sizes}; predict at the gt's size, or give --resize nearest",
        )
    )
    return None
