"""Masks as COCO writes them: polygons and run lengths, checked before any C code sees them.

A mask is a bool array, shape (height, width). Its run lengths go down the columns, first column first, and
begin with background; written as a string, each is a difference to the one two before it, in pieces of five
bits (the encoding of the COCO API). Only this module imports pycocotools.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from evaluators.errors import DataError
from evaluators.masks import MAX_PIXELS

Bitmap = NDArray[np.bool_]
Counts = NDArray[np.int64]

GRID = 2**30  # positions are multiples of 1 / GRID
MAX_OUTLINE = 1_000_000  # pixels; the C code takes 80 bytes for each
_FAR = 10  # coordinates beyond this many image sides are no outline of this image


@dataclass(frozen=True)
class Mask:
    """A mask and what is measured on its pixels."""

    rle: str
    area: int  # pixels
    bbox: tuple[int, int, int, int]  # x, y, width, height in pixels
    position: float  # centre of mass over width, 0..1, a multiple of 1 / GRID
    clipped: bool = False  # the outline left the image


class _RunLengths(msgspec.Struct):
    size: tuple[int, int]
    counts: str | list[int]


def decode_segmentation(raw: bytes, height: int, width: int) -> Mask:
    """The mask that the JSON ``raw`` of a COCO ``segmentation`` stands for, in an image of ``height`` x ``width``.

    Raises ``DataError``: ``empty-polygon``, ``degenerate-polygon`` (fewer than three points), ``polygon-odd``,
    ``polygon-nonfinite``, ``polygon-out-of-range``, ``empty-mask``, ``rle-size-mismatch``, ``rle-counts-mismatch``,
    ``rle-garbage``, ``segmentation-malformed``, ``image-too-large``.
    """
    _check_size(height, width)
    start = raw.lstrip()[:1]
    if start == b"{":
        return _facts(_read_run_lengths(raw, height, width), height, width)
    if start != b"[":
        raise _error(
            "segmentation-malformed", f"found {_shown(raw) or 'nothing'}, expected a list of polygons or run lengths"
        )
    polygons = _read_polygons(raw)
    clipped = _check_polygons(polygons, height, width)
    rle = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))["counts"].decode("ascii")
    return _facts(_counts(rle, height, width), height, width, clipped)


def facts_of_rle(rle: str, height: int, width: int) -> Mask:
    """What is measured on the mask with run lengths ``rle``. Raises ``DataError`` ``rle-garbage`` and ``empty-mask``."""
    return _facts(_counts(rle, height, width), height, width)


def decode_rle(rle: str, height: int, width: int) -> Bitmap:
    """The mask, bool (height, width), of the run lengths ``rle``. Raises ``DataError`` ``rle-garbage``."""
    _counts(rle, height, width)
    mask: Bitmap = coco_mask.decode({"size": [height, width], "counts": rle.encode("ascii")}).view(np.bool_)
    return mask


def encode_mask(mask: Bitmap) -> str:
    """The run lengths of a mask, bool (height, width)."""
    return str(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode("ascii"))


def flip(rle: str, height: int, width: int) -> str:
    """The run lengths of the mask mirrored left to right."""
    return encode_mask(decode_rle(rle, height, width)[:, ::-1])


def _error(reason: str, message: str) -> DataError:
    return DataError(reason, "segmentation", message)


def _shown(raw: bytes) -> str:
    return ascii(raw[:40].decode("utf-8", "replace"))[1:-1]


def _check_size(height: int, width: int) -> None:
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise _error("image-too-large", f"{width} x {height} pixels, expected 1 to {MAX_PIXELS}")


def _read_polygons(raw: bytes) -> list[list[float]]:
    try:
        return msgspec.json.decode(raw, type=list[list[float]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _has_nonfinite(raw):
            raise _error(
                "polygon-nonfinite", "a coordinate is null, NaN or infinite; correct the annotation"
            ) from error
        raise _error("segmentation-malformed", f"no list of lists of numbers ({error}); found {_shown(raw)}") from error


def _has_nonfinite(raw: bytes) -> bool:
    """Whether nested lists hold NaN, an infinity, a number that is one as a float, or the null that stands for one."""
    try:
        values: list[Any] = [json.loads(raw)]
    except (ValueError, RecursionError):
        return False
    while values:
        value = values.pop()
        if isinstance(value, list):
            values.extend(value)
        elif value is None or (isinstance(value, float) and not np.isfinite(value)):
            return True
    return False


def _check_polygons(polygons: list[list[float]], height: int, width: int) -> bool:
    """Raise for what would crash the C code or mean nothing; True where an outline leaves the image."""
    if not all(polygons) or not polygons:
        raise _error("empty-polygon", "a polygon has no points; remove it")
    outline, clipped = 0.0, False
    for polygon in polygons:
        if len(polygon) % 2:
            raise _error("polygon-odd", f"a polygon has {len(polygon)} numbers, expected pairs x, y")
        if len(polygon) < 6:
            raise _error("degenerate-polygon", f"a polygon has {len(polygon) // 2} points, expected at least 3")
        points = np.array(polygon).reshape(-1, 2)  # (points, 2): x, y
        far = np.abs(points) > _FAR * np.array([width, height])
        if far.any():
            raise _error("polygon-out-of-range", f"coordinate {points[far][0]:g} in an image of {width} x {height}")
        clipped |= bool((points < 0).any() or (points > [width, height]).any())
        outline += float(np.abs(np.diff(points, axis=0, append=points[:1])).max(axis=1).sum())
    if outline > MAX_OUTLINE:
        raise _error("polygon-out-of-range", f"an outline of {outline:.0f} pixels, expected at most {MAX_OUTLINE}")
    return clipped


def _read_run_lengths(raw: bytes, height: int, width: int) -> Counts:
    try:
        found = msgspec.json.decode(raw, type=_RunLengths)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _error("rle-garbage", f"no run lengths ({error}); found {_shown(raw)}") from error
    if raw.count(b'"counts"') > 1 or raw.count(b'"size"') > 1:
        raise _error("rle-garbage", "size or counts stands twice; keep one")
    if found.size != (height, width):
        raise _error(
            "rle-size-mismatch",
            f"run lengths are for {found.size[1]} x {found.size[0]} pixels, the image has {width} x {height}",
        )
    if isinstance(found.counts, str):
        return _counts(found.counts, height, width)
    if any(count < 0 for count in found.counts) or sum(found.counts) != height * width:
        raise _error(
            "rle-counts-mismatch",
            f"run lengths add up to {sum(found.counts)} pixels, the image has {height * width}, and none may be negative",
        )
    return np.array(found.counts, np.int64)


def _counts(rle: str, height: int, width: int) -> Counts:
    """Run lengths out of their string; their sum is height * width and none is negative, or ``rle-garbage``."""
    _check_size(height, width)
    pieces = np.frombuffer(rle.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64) - 48
    if len(pieces) == 0 or pieces.min() < 0 or pieces.max() > 63 or pieces[-1] & 32:
        raise _error("rle-garbage", f"no run lengths: {rle[:40]!a}; the string is cut or damaged")
    last = np.flatnonzero(pieces < 32)  # the piece that ends each number
    first = np.concatenate(([0], last[:-1] + 1))
    sizes = last - first + 1
    if sizes.max() > 7:
        raise _error("rle-garbage", "a run length has over 32 bits; the string is damaged")
    place = np.arange(len(pieces)) - np.repeat(first, sizes)
    counts: Counts = np.add.reduceat((pieces & 31) << 5 * place, first)
    counts -= np.where(pieces[last] & 16, 1 << 5 * sizes, 0)  # two's complement
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    if counts.min() < 0 or counts.max() > MAX_PIXELS or counts.sum() != height * width:
        raise _error(
            "rle-garbage",
            f"run lengths add up to {counts.sum()} pixels, the image has {height * width}; the string is cut or damaged",
        )
    return counts


def _facts(counts: Counts, height: int, width: int, clipped: bool = False) -> Mask:
    """Everything from run lengths; what the file says of area and box is not used."""
    ends = np.cumsum(counts)[: len(counts) // 2 * 2].reshape(
        -1, 2
    )  # (runs, 2): start and end of each run of the object
    runs = ends[ends[:, 0] < ends[:, 1]]
    if len(runs) == 0:
        raise _error("empty-mask", "covers no pixel of the image")
    starts, stops = runs[:, 0], runs[:, 1]
    area = int((stops - starts).sum())
    return Mask(
        _string(starts, stops, height, width),
        area,
        _box(starts, stops - 1, height),
        _position(starts, stops, area, height, width),
        clipped,
    )


def _string(starts: Counts, stops: Counts, height: int, width: int) -> str:
    """One string for one mask: runs of no pixels are left out and runs that touch are joined."""
    edges, times = np.unique(np.concatenate([starts, stops]), return_counts=True)
    edges = edges[(times == 1) & (edges < height * width)]
    counts = np.diff(edges, prepend=0, append=height * width)
    return str(
        coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)["counts"].decode(
            "ascii"
        )
    )


def _box(firsts: Counts, lasts: Counts, height: int) -> tuple[int, int, int, int]:
    left, right = int(firsts.min() // height), int(lasts.max() // height)
    whole = bool(
        (firsts // height < lasts // height).any()
    )  # a run over two columns touches the last row and the first
    top, bottom = (0, height - 1) if whole else (int((firsts % height).min()), int((lasts % height).max()))
    return left, top, right - left + 1, bottom - top + 1


def _position(starts: Counts, stops: Counts, area: int, height: int, width: int) -> float:
    """(mean column + 0.5) / width, rounded to the grid such that the mirrored mask is at exactly 1 minus it."""
    twice_columns = 2 * int((_columns_before(stops, height) - _columns_before(starts, height)).sum())
    offset = Fraction(
        twice_columns + area - area * width, 2 * area * width
    )  # from the middle; changes its sign with the mirror
    return 0.5 + round(offset * GRID) / GRID  # round() goes to even, so it is odd too


def _columns_before(pixel: Counts, height: int) -> Counts:
    """Sum of the columns of all pixels before ``pixel``, counted down the columns."""
    column = pixel // height
    below: Counts = height * (column * (column - 1) // 2) + column * (pixel - column * height)
    return below
