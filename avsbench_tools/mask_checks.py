"""What single masks hold: encodings that the official loaders misread, soft values, labels out of range, stray categories.

The official loaders open S4's masks with Pillow's mode 1 and MS3's with mode P (AVSBench f7414af, avs_s4 and avs_ms3
``dataloader.py``); a mask that they read as ours do is fine in whatever form.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from evaluators.avss import INDICES
from evaluators.categories import VOID
from evaluators.errors import DataError
from evaluators.ground_truth import MASK
from evaluators.masks import PALETTE, RGB, decode_png

from .findings import Seen
from .holdings import OFFICIAL, Holding, Item
from .palette import unnamed
from .source_masks import MaskSource, read_mask

Array = np.ndarray[Any, np.dtype[Any]]
FEW = 0.0005  # share of pixels up to which another category is a slip of the pen
OFFICIAL_MODES = {"s4": "1", "ms3": "P"}


def mask_seen(holding: Holding, item: Item, name: str, data: bytes) -> tuple[tuple[int, int] | None, list[Seen]]:
    """Width and height of a mask, None where it can't be read, and what is odd about it."""
    try:
        values, form = decode_png(data, name, "mask")
        size = (values.shape[1], values.shape[0])
    except DataError as error:
        return None, [_unusable(error)]
    if holding.kind == MASK:
        return size, list(_binary(holding, item, name, data, values, form))
    if holding.values:
        return size, list(_stored(holding, item, name, values, form))
    return size, list(_labels(holding, item, name, form))


def _unusable(error: DataError) -> Seen:
    return Seen(error.reason, "masks that can't be used", f"{error.where} ({_short(error.message)})")


def _short(message: str) -> str:
    """A message without what is to be done; that stands in the finding's remedy."""
    return message.split("; ")[0]


def _binary(holding: Holding, item: Item, name: str, data: bytes, values: Array, form: str) -> Iterator[Seen]:
    plain = form == "1-bit" or (form == "8-bit" and _is_plain(values))
    mask = values
    if not plain:
        try:
            mask, _ = read_mask(MaskSource(holding.root, MASK), name)
        except DataError as error:
            yield _unusable(error)._replace(text=_TEXTS.get(error.reason, "masks that can't be used"))
            return
        yield from _misread(holding, name, data, values, form, mask)
    if not mask.any():
        yield _empty(item, name)


def _is_plain(values: Array) -> bool:
    """Only 0 and 255."""
    return bool(((values == 0) | (values == 255)).all())


def _misread(holding: Holding, name: str, data: bytes, values: Array, form: str, mask: Array) -> Iterator[Seen]:
    """Whether the official loader of the set sees other pixels than there are."""
    if holding.form != OFFICIAL or holding.name not in OFFICIAL_MODES:
        return
    with Image.open(BytesIO(data), formats=("PNG",)) as image:
        official = np.asarray(image.convert(OFFICIAL_MODES[holding.name])).astype(np.uint8)
    if np.array_equal(official, mask * (1 if holding.name == "s4" else 255)):
        return
    if form == "8-bit" and values.max() == 1:
        yield Seen("mask-zero-one", "masks that hold 0 and 1 in place of 0 and 255", name)
    else:
        stored = {"8-bit": "other values", PALETTE: "palette indices", RGB: "colours"}.get(form, f"{form} values")
        yield Seen("mask-encoding", f"masks that hold {stored} in place of grey 0 and 255", name)


def _empty(item: Item, name: str) -> Seen:
    if item.empty:
        return Seen("silent-mask", "masks in which nothing sounds", name, note=True)
    return Seen("mask-empty", "masks that are empty", name)


def _stored(holding: Holding, item: Item, name: str, values: Array, form: str) -> Iterator[Seen]:
    """VPO's, which hold ids of their own."""
    if form == RGB:
        yield Seen("mask-mode", "masks in colours in place of category ids", name)
        return
    found = np.flatnonzero(np.bincount(values.ravel())).tolist()
    strange = [value for value in found if value not in holding.values]
    if strange:
        yield Seen("label-range", "masks with ids of no category", f"{name} ({', '.join(map(str, strange[:5]))})")
    if found == [0]:
        yield _empty(item, name)


def _labels(holding: Holding, item: Item, name: str, form: str) -> Iterator[Seen]:
    if form == RGB and f"/{INDICES}/" in name:
        yield Seen("mask-mode", f"masks of {INDICES} in colours in place of indices", name)
    try:
        labels, remarks = read_mask(MaskSource(holding.root, holding.kind, holding.categories, holding.colours), name)
    except DataError as error:
        if error.reason != "mask-missing":
            yield _unusable(error)._replace(text=_TEXTS.get(error.reason, "masks that can't be used"))
        return
    for reason, pixels in remarks.items():
        yield Seen(reason, _TEXTS.get(reason, reason), f"{name} ({pixels:,} pixels)")
    if item.seen is not None:
        yield from _strays(holding, item.seen, name, labels)
    if not ((labels != 0) & (labels != VOID)).any():
        yield _empty(item, name)


_TEXTS = {
    "mask-soft": "masks with more than two values",
    "off-palette": "masks with colours of no category",
    "stray-colours": "masks with a few pixels in colours of no category",
    "label-range": "masks with indices of no category",
    "labels-differ": "frames whose labels_semantic and labels_rgb differ",
}


def _strays(holding: Holding, seen: tuple[str, ...], name: str, labels: Array) -> Iterator[Seen]:
    """Categories that the table doesn't name for this video."""
    places = [holding.categories.index(category) for category in seen if category in holding.categories]
    for index, pixels in unnamed(labels, places).items():
        what = f"{name} ({holding.categories[index]}, {pixels:,} pixels)"
        if pixels <= FEW * labels.size:
            yield Seen("stray-category", "masks with a few pixels of a category that the table doesn't name", what)
        else:
            yield Seen("unlisted-category", "masks with a category that the table doesn't name", what)
