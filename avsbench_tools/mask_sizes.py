"""How large objects are in the masks of a set, and where from left to right.

An object is all of one category in one frame; in masks without categories, all that sounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evaluators.categories import VOID
from evaluators.distributions import area_histogram, by_split, position_histogram
from evaluators.errors import DataError
from evaluators.videos import Video, VideoSet

from .source_masks import MaskSource, read_mask

Labels = np.ndarray[Any, np.dtype[Any]]


def mask_sizes(videos: Sequence[Video], of: VideoSet, looked_at: int) -> dict[str, Any]:
    """Masks that are there, by split; and the sizes and places of objects in ``looked_at`` of them, evenly taken. JSON-able."""
    found = [
        (video.split, file)
        for video in videos
        if (of.root / (video.masks or ("",))[0]).parent.is_dir()
        for file in video.masks
        if (of.root / file).is_file()
    ]
    chosen = (
        [found[place * len(found) // looked_at][1] for place in range(looked_at)]
        if len(found) > looked_at
        else [file for _, file in found]
    )
    source = MaskSource(of.root, of.kind, of.categories, of.colours or None)
    shares: list[float] = []
    positions: list[float] = []
    empty = unreadable = 0
    for file in chosen:
        try:
            objects = list(objects_of(read_mask(source, file)[0]))
        except DataError:
            unreadable += 1
            continue
        empty += not objects
        shares += [share for share, _ in objects]
        positions += [position for _, position in objects]
    return {
        "found": by_split(split for split, _ in found),
        "looked_at": len(chosen),
        "empty": empty,
        "unreadable": unreadable,
        "objects": len(shares),
        "area_share": area_histogram(shares),
        "position": position_histogram(positions),
    }


def objects_of(labels: Labels) -> Iterator[tuple[float, float]]:
    """Share of the frame, and middle (0 left, 1 right; mean column of the pixels' middles over width) of each label but 0 and void.

    ``labels``: ``uint8`` (height, width).
    """
    for label in np.flatnonzero(np.bincount(labels.ravel(), minlength=VOID)[:VOID]):
        if label:
            columns = np.count_nonzero(labels == label, axis=0)  # (width,)
            area, width = int(columns.sum()), labels.shape[1]
            yield area / labels.size, float(np.dot(columns, np.arange(width) + 0.5)) / area / width
