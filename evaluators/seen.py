"""What a spread of a folder's prediction files holds: forms, values, shapes. :mod:`evaluators.kinds` decides from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array, stored
from .errors import DataError
from .files import inside
from .masks import PALETTE, png_palette

Stored = tuple[Array, str]  # as ``arrays.stored`` gives it
GREY_PALETTE = "grey palette"  # index v has the colour (v, v, v): a grey image in all but name
PROBED = 32  # files
_PROBED_BYTES = 64 << 20  # of arrays; then no further file is looked at


@dataclass(frozen=True, eq=False)
class Seen:
    """What the looked-at files of the commonest form hold."""

    form: str
    shapes: frozenset[tuple[int, ...]]
    low: float  # NaN left out
    high: float
    values: frozenset[int]  # all that occur, where they are integers of -1 to 65535; else empty
    floats: bool
    others: tuple[str, ...]  # files of other forms: "3 8-bit"

    @property
    def bools(self) -> bool:
        """Whether a pixel is one bit."""
        return self.form == "1-bit" or self.form.startswith("bool")

    @property
    def full(self) -> int:
        """The stored value that stands for 1 in a soft mask of this form."""
        if self.form.endswith("-bit"):
            return (1 << int(self.form.removesuffix("-bit"))) - 1
        if self.floats or self.bools:
            return 1
        return 65535 if self.form.startswith("uint16") or self.high > 255 else 255


def look(root: Path | str, files: Sequence[str]) -> list[Stored]:
    """Decode a spread of ``PROBED`` files, and more while all were empty. What can't be read is left for later to tell."""
    found: list[Stored] = []
    size, empty = 0, True
    for name in _spread(files):
        if size > _PROBED_BYTES or (len(found) >= PROBED and not empty):
            break
        try:
            data = inside(root, name).read_bytes()
            values, form = stored(data, name)
        except (DataError, OSError):
            continue
        if form == PALETTE and _is_grey(png_palette(data)):
            form = GREY_PALETTE
        found.append((values, form))
        size, empty = size + values.nbytes, empty and not values.any()
    return found


def _spread(files: Sequence[str]) -> Iterator[str]:
    """All files, those first that are spread evenly."""
    step = max(len(files) // PROBED, 1)
    for start in range(step):
        yield from files[start::step]


def _is_grey(palette: bytes) -> bool:
    return palette == bytes(value for value in range(len(palette) // 3) for _ in range(3))


def see(samples: Sequence[Stored]) -> Seen | None:
    """What files of the commonest form hold; None without files."""
    forms = Counter(form for _, form in samples).most_common()
    if not forms:
        return None
    form = forms[0][0]
    arrays = [values for values, its in samples if its == form]
    floats = arrays[0].dtype.kind == "f"
    parts = [numbers for numbers in (array[~np.isnan(array)] if floats else array for array in arrays) if numbers.size]
    integers = [_integers(part) for part in parts]
    return Seen(
        form,
        frozenset(array.shape for array in arrays),
        min((float(part.min()) for part in parts), default=0.0),
        max((float(part.max()) for part in parts), default=0.0),
        frozenset().union(*integers) if all(integers) else frozenset(),
        floats,
        tuple(f"{count} {other}" for other, count in forms[1:]),
    )


def _integers(numbers: np.ndarray[Any, np.dtype[Any]]) -> frozenset[int]:
    """The integers that occur, or nothing where there are others, or beyond 16 bits."""
    low, high = float(numbers.min()), float(numbers.max())
    if not -1 <= low <= high <= 65535 or (numbers.dtype.kind == "f" and (numbers != np.rint(numbers)).any()):
        return frozenset()
    counts = np.bincount((numbers.astype(np.int32) + 1).ravel())
    return frozenset((np.flatnonzero(counts) - 1).tolist())
