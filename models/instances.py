"""Instance maps: a PNG for each picture that says where an object is, whether it sounds or not; for ``twosep``.

0 stands for nothing, any number above for an instance. Where ``data.instances`` is

    own       those that `vpo build` wrote (``instance_file`` of the manifest): 1, 2, ... sounding, then silent instances;
              255 is a crowd, which is none
    a folder  those of any detector, at the picture's path in the dataset with the ending .png: DIR/v/v_1.png for v/v_1.jpg;
              grey or palette, of any depth
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from evaluators.errors import DataError
from evaluators.gt_reading import safe, some
from evaluators.masks import RGB, decode_png

from .batch import VOID
from .listing import Listing
from .pictures import read_bytes

OWN = "own"
Presence = np.ndarray[Any, np.dtype[np.uint8]]


def with_instances(listing: Listing, source: str) -> Listing:
    """The listing with a map for each picture, ``own`` or of a folder; all of them are there.

    The digest is then also one of the names and sizes of a folder's maps, since those of another detector make another run.
    Raises ``DataError``: ``no-instance-maps`` (the dataset has none of its own), ``instances-missing`` (with the files).
    """
    if source != OWN:
        items = tuple(
            replace(item, instance_files=tuple(map_file(listing.root, frame.image_file) for frame in item.frames))
            for item in listing.items
        )
        listing = replace(listing, items=items)
    elif not all(item.instance_files for item in listing.items):
        remedy = "give --set data.instances=FOLDER, with a PNG for each picture"
        raise DataError("no-instance-maps", listing.root, f"has no instance maps of its own; {remedy}")
    listing = replace(listing, instances=source)
    sizes = _sizes(maps_root(listing), (name for item in listing.items for name in item.instance_files))
    return listing if source == OWN else replace(listing, digest=_digest(listing.digest, sizes))


def map_file(root: Path, image_file: str) -> str:
    """Where a folder of maps has that of a picture. Raises ``DataError`` ``unsafe-path``."""
    return safe(root, str(PurePosixPath(image_file).with_suffix(".png")))


def maps_root(listing: Listing) -> Path:
    """The folder that ``instance_files`` are relative to."""
    return listing.root if listing.instances == OWN else Path(listing.instances)


def read_presence(listing: Listing, name: str, height: int, width: int) -> Presence:
    """1 where any instance is, else 0: ``uint8`` (height, width), the size of the picture.

    Raises ``DataError``: ``instances-missing``, ``-unreadable``, ``-too-large``, ``-mode`` (of colours), ``size-mismatch``.
    """
    path = maps_root(listing) / name
    numbers, form = decode_png(read_bytes(path, "instances"), str(path), "instances")
    if form == RGB:
        remedy = "expected numbers of instances; save one channel, grey or palette"
        raise DataError("instances-mode", path, f"found colours, {remedy}")
    if numbers.shape != (height, width):
        found = f"has {numbers.shape[1]} x {numbers.shape[0]} pixels, its picture {width} x {height}"
        raise DataError("size-mismatch", path, f"{found}; make the map of this picture again")
    found_any = numbers > 0
    if listing.instances == OWN:
        found_any &= numbers != VOID
    return found_any.view(np.uint8)


def _sizes(root: Path, names: Iterable[str]) -> dict[str, int]:
    """Bytes of each file, by name. Raises ``DataError`` ``instances-missing``."""
    sizes: dict[str, int] = {}
    missing: list[str] = []
    for name in dict.fromkeys(names):
        try:
            sizes[name] = os.stat(os.path.join(root, name)).st_size
        except (FileNotFoundError, NotADirectoryError):
            missing.append(name)
    if missing:
        told = f"{len(missing):,} of {len(missing) + len(sizes):,} instance maps are missing: {some(missing)}"
        raise DataError("instances-missing", root, f"{told}; a map has its picture's path and the ending .png")
    return sizes


def _digest(digest: str, sizes: Mapping[str, int]) -> str:
    lines = [digest, *(f"{name} {size}" for name, size in sorted(sizes.items()))]
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()
