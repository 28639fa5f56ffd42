"""The masks of AVSBench in whatever encoding: binary ones as 0 and 1, label maps as indices, with what was odd about them.

The official loaders open S4's masks with Pillow's mode 1, which reads 0/1 files as empty and dithers soft ones, and MS3's with mode
P, which gives a colour mask's places in a palette of 216 colours (AVSBench f7414af, avs_s4 and avs_ms3 ``dataloader.py``). Here the
stored numbers count.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import avss
from evaluators.categories import VOID, voc_colour
from evaluators.errors import DataError
from evaluators.ground_truth import MASK, GroundTruth
from evaluators.masks import PALETTE, RGB, STRAY, brightness, decode_gt, decode_png, indices_by_colour, png_palette

from .palette import Colours, indices_of
from .source_files import read_bytes

Array = np.ndarray[Any, np.dtype[Any]]
VOC = {voc_colour(index): index for index in range(VOID)}


@dataclass(frozen=True)
class MaskSource:
    """Where a set's masks stand and what they hold."""

    root: Path
    kind: str  # MASK or LABELS
    categories: tuple[str, ...] = ()  # name by index, of LABELS
    colours: Colours | None = None  # of RGB label maps
    nearest: bool = False


def read_mask(source: MaskSource, name: str) -> tuple[Array, Counter[str]]:
    """A mask, ``uint8`` (height, width): 0 and 1, or indices and 255; and pixels by reason of a remark: ``stray-colours``,
    ``nearest-colours``, ``labels-differ``.

    Where colours (``labels_rgb``) stand beside indices (``labels_semantic``), both are read and have to agree.
    Raises ``DataError``: ``mask-missing``, ``-unreadable``, ``-too-large``, ``-mode``, ``-soft``, ``label-range``, ``off-palette``,
    ``labels-differ``, ``size-mismatch``.
    """
    data = read_bytes(source.root, name, "mask")
    if source.kind == MASK:
        return _binary(data, name), Counter()
    labels, found = _labels(source, data, name)
    folder, _, file = name.rpartition("/")
    above, _, kind = folder.rpartition("/")
    twin = f"{above}/{avss.COLOURS}/{file}".lstrip("/")
    if kind == avss.INDICES and (source.root / twin).is_file():
        coloured, remarks = _labels(source, read_bytes(source.root, twin, "mask"), twin)
        found += remarks
        found["labels-differ"] += _differing(labels, coloured, name, twin)
    return labels, +found


def _binary(data: bytes, name: str) -> Array:
    """0 and 1 from any form with two values; several colours of PASCAL VOC's map, which stand for objects, count as 1."""
    try:
        return decode_gt(data, name, GroundTruth(Path(), "", MASK, ()))
    except DataError as error:
        values, form = decode_png(data, name, "mask") if error.reason == "gt-soft" else (np.zeros(0), "")
        if form == PALETTE:
            values = _expanded(values, data)
        if form in (PALETTE, RGB) and not indices_by_colour(values, VOC)[1].any():
            mask: Array = (brightness(values) > 0).view(np.uint8)
            return mask
        raise DataError(error.reason.replace("gt-", "mask-"), error.where, error.message) from None


def _labels(source: MaskSource, data: bytes, name: str) -> tuple[Array, Counter[str]]:
    values, form = decode_png(data, name, "mask")
    if form == PALETTE and name.split("/")[-2:-1] == [avss.COLOURS]:  # its colours count, in whatever order they stand
        values, form = _expanded(values, data), RGB
    strays = 0
    if form == RGB:
        if not source.colours:
            raise DataError("mask-mode", name, "found RGB, expected indices (palette or grey); convert the original")
        values, strays = indices_of(values, source.colours, name, nearest=source.nearest)
    _check_range(values, name, len(source.categories))
    reason = "nearest-colours" if source.nearest else "stray-colours"
    return values.astype(np.uint8, copy=False), Counter({reason: strays})


def _expanded(values: Array, data: bytes) -> Array:
    """Indices of a palette PNG to its colours; those that the palette doesn't reach are black."""
    stored = np.frombuffer(png_palette(data), np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette.reshape(-1)[: len(stored)] = stored
    colours: Array = palette[values]
    return colours


def _check_range(values: Array, name: str, count: int) -> None:
    strange = values[(values >= count) & (values != VOID)]
    if strange.size:
        found = f"{strange.size:,} pixels have label {strange.flat[0]}, expected 0 to {count - 1}, or 255"
        raise DataError("label-range", name, f"{found}; is label2idx.json the one of these masks?")


def _differing(labels: Array, coloured: Array, name: str, twin: str) -> int:
    """In how many pixels the two forms of a label map disagree; indices are taken where these are few."""
    if labels.shape != coloured.shape:
        raise DataError("size-mismatch", name, f"has another size than {twin}; get both again")
    differing = int(np.count_nonzero(labels != coloured))
    if differing > STRAY * labels.size:
        found = f"{differing:,} of {labels.size:,} pixels are of another category in {twin}"
        raise DataError("labels-differ", name, f"{found}; remove the one of the two folders that is wrong")
    return differing
