"""Whether a prediction is what the folder's reading says, and the array that the scorer takes from it.

A function for each kind. Errors are ``DataError``s; their reasons stand in :mod:`evaluators.predictions`.
"""

from __future__ import annotations

import numpy as np

from .arrays import Array
from .categories import VOID
from .errors import DataError
from .kinds import LABELS, MASK, SOFT, Reading
from .masks import PALETTE, RGB, brightness, labels_of_colours
from .seen import GREY_PALETTE

_LISTED = 10  # labels in one message


def checked(values: Array, form: str, name: str, reading: Reading) -> Array:
    """The array of a file, from what ``arrays.stored`` gave; see ``predictions.decode_prediction``."""
    if form == RGB:
        values = _of_colours(values, name, reading)
    elif values.ndim > 2 or reading.classes or reading.channel >= 0:
        values = _of_axes(values, name, reading)
    if reading.kind == SOFT:
        return _soft(values, form, name, reading)
    if reading.kind == MASK:
        return _mask(values, form, name, reading)
    return _labels(values, form, name, reading) if reading.kind == LABELS else _logits(values, form, name, reading)


def _other_kind(name: str, found: str, reading: Reading, hint: str = "") -> DataError:
    expected = f"expected {reading.kind} ({reading.encoding}) as in the other files"
    return DataError("pred-kind", name, f"found {found}, {expected}; {hint or 'save all in one form, or give --kind'}")


def _of_colours(values: Array, name: str, reading: Reading) -> Array:
    """Labels by colour, or for masks the brightness, of which the mask's own check is made."""
    if reading.kind == LABELS and reading.colours:
        return labels_of_colours(values, reading.colours, name, "pred")
    if reading.kind == MASK and reading.encoding == RGB:
        return brightness(values)
    raise _other_kind(name, "RGB", reading, "save one channel")


def _of_axes(values: Array, name: str, reading: Reading) -> Array:
    """Without axes of length 1, and of two channels the one that is scored."""
    channels = reading.classes or (2 if reading.channel >= 0 else 0)
    found = values.shape
    if channels:
        if values.ndim < 3 or found[-3] != channels:
            expected = f"({channels}, height, width) or (frames, {channels}, height, width)"
            raise DataError("pred-shape", name, f"found {found}, expected {expected} as in the other files")
        values = values[0] if values.ndim == 4 and found[0] == 1 else values
        return values if reading.channel < 0 else values[..., reading.channel, :, :]
    if values.ndim == 4:
        if found[1] != 1:
            expected = "(frames, 1, height, width) or (frames, height, width)"
            raise DataError("pred-shape", name, f"found {found}, expected {expected}; save the scored channel")
        values = values[:, 0]
    return values[0] if len(values) == 1 else values


def _soft(values: Array, form: str, name: str, reading: Reading) -> Array:
    full = reading.full
    if form == "8-bit" and full == 255:  # the many
        return values
    if full == 1:
        return _probability(values, form, name, reading)
    if values.dtype.kind == "f":
        raise _other_kind(name, f"{form} floats", reading)
    if form.endswith("-bit"):
        fits = full == (1 << int(form.removesuffix("-bit"))) - 1
    else:
        fits = reading.encoding == GREY_PALETTE if form == PALETTE else values.dtype.kind != "b"
    if not fits:
        raise _other_kind(name, form, reading)
    low, high = values.min(), values.max()
    if low < 0 or high > full:
        raise DataError("pred-range", name, f"found values of {low} to {high}, expected 0 to {full:g}; check --kind")
    return values.astype(np.uint16 if full > 255 else np.uint8, copy=False)


def _probability(values: Array, form: str, name: str, reading: Reading) -> Array:
    """Floats in [0, 1]; bool and integers 0 and 1 too."""
    if form != reading.encoding and "." not in form:  # a PNG among arrays
        raise _other_kind(name, form, reading)
    low, high = values.min(), values.max()
    if np.isnan(low):  # which minimum and maximum pass on
        raise _nan(values, name)
    if low < 0 or high > 1:
        found = f"found values of {low:.6g} to {high:.6g}, expected probabilities of 0 to 1"
        raise DataError("pred-range", name, f"{found}; for scores before sigmoid or softmax: --kind logits")
    return values if values.dtype.kind == "f" else values.astype(np.float32)


def _nan(values: Array, name: str) -> DataError:
    found = f"{np.count_nonzero(np.isnan(values))} of {values.size} values are not a number (NaN)"
    return DataError("pred-nan", name, f"{found}; predict again, or give --invalid zero or skip")


def _mask(values: Array, form: str, name: str, reading: Reading) -> Array:
    full = reading.full
    if form == RGB or not full:
        full = values.max()
        full = full if form == RGB or full in (1, 255) else 0
    elif form == "1-bit" or values.dtype == np.bool_:
        full = 1
    other = values != full
    other &= values != 0
    if other.any():
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise _nan(values, name)
        found = f"the value {values[other][0]} beside 0 and {full:g}"
        raise _other_kind(name, found, reading, "for probabilities --kind soft, for categories --kind labels")
    return values if values.dtype == np.uint8 else (values != 0).view(np.uint8)


def _labels(values: Array, form: str, name: str, reading: Reading) -> Array:
    if reading.colours and form != RGB:
        raise _other_kind(name, form, reading)
    if values.dtype != np.uint8:
        values = _bytes(values, name)
    if values.max() <= reading.top or (values + np.uint8(1)).max() <= reading.top + 1:  # void wraps to 0
        return values
    labels = [label for label in np.unique(values).tolist() if reading.top < label < VOID]
    found = ", ".join(map(str, labels[:_LISTED])) + (f" and {len(labels) - _LISTED} more" if labels[_LISTED:] else "")
    hint = f"labels go from 0 to {reading.top}, and {VOID} is void; check --labels, or --kind mask or soft"
    raise DataError("pred-range", name, f"found the labels {found}, which stand for no category; {hint}")


def _bytes(values: Array, name: str) -> Array:
    """Labels stored as other integers, or as floats without fractions."""
    low, high = values.min(), values.max()
    if np.isnan(low):
        raise _nan(values, name)
    if low < 0 or high > VOID:
        raise DataError("pred-range", name, f"found labels of {low} to {high}, expected 0 to {VOID}; check --kind")
    labels = values.astype(np.uint8)
    if values.dtype.kind == "f" and (labels != values).any():
        found = "found labels with fractions, expected whole numbers"
        raise DataError("pred-range", name, f"{found}; for probabilities --kind soft, before softmax --kind logits")
    return labels


def _logits(values: Array, form: str, name: str, reading: Reading) -> Array:
    if values.dtype.kind != "f":
        raise _other_kind(name, form, reading, "logits are floats in .npy or .npz")
    low, high = values.min(), values.max()
    if np.isnan(low):
        raise _nan(values, name)
    if reading.classes == 2 and np.isinf([low, high]).any():
        with np.errstate(invalid="ignore"):
            difference = values[..., 1, :, :] - values[..., 0, :, :]
        if np.isnan(difference).any():
            raise DataError("pred-nan", name, "both channels of a pixel are infinite; predict again")
    return values
