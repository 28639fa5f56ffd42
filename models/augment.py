"""Changes to a training sample under which picture, mask and sound stay consistent: draw first, then apply.

In the order of CAVP's augmentation: mirror the picture, scale it by one of some factors, change its colours, cut a square out at
random (filled up on the right and below with the mean colour and VOID). The other ways are to bring the picture to the square
whole, and to take the middle of it, as the official loaders of AVSBench-semantic do in training. A mirrored picture swaps the
channels of the sound. Where a scaled picture was cut, a source may be heard where it now is (``follow``) or where it was in the
whole picture (``keep``, as the official code does).

Source: CAVP 96a6c34 ``dataset/vpo_stereo/*/visual/visual_aug.py``; its paper, implementation details.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from .batch import IMAGE_MEAN, VOID

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Wave = np.ndarray[Any, np.dtype[np.float32]]

MEAN_COLOUR = tuple(round(255 * value) for value in IMAGE_MEAN)
STEP = 2.0**-30  # positions are multiples of it, so that 1 - p is exact


@dataclass(frozen=True)
class Augment:
    """What may be drawn."""

    flip: float = 0.5  # chance to mirror
    scales: tuple[
        float, ...
    ] = ()  # factors, one is drawn, then a square is cut out; () brings the whole picture to the square
    jitter: tuple[float, float, float, float] = (
        0.0,
        0.0,
        0.0,
        0.0,
    )  # most change of brightness, contrast, saturation, hue
    middle: bool = (
        False  # instead of scales: the short side becomes that of the square, which is the middle of the long one
    )

    def __post_init__(self) -> None:
        if not 0 <= self.flip <= 1 or any(not 0 < scale <= 8 for scale in self.scales):
            raise ValueError(f"flip {self.flip}, scales {self.scales}; expected 0 to 1, and factors over 0 up to 8")
        if self.middle and self.scales:
            raise ValueError(f"the middle square and scales {self.scales}; choose one of the two")
        if len(self.jitter) != 4 or not 0 <= min(self.jitter) <= max(self.jitter) <= 1 or self.jitter[3] > 0.5:
            raise ValueError(f"jitter {self.jitter}; expected four strengths from 0 to 1, that of hue up to 0.5")


VPO_AUGMENT = Augment(scales=(0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0), jitter=(0.5, 0.5, 0.5, 0.25))  # CAVP on VPO
AVSS_AUGMENT = Augment(scales=(0.5, 0.75, 1.0))  # CAVP on AVSBench-semantic at full resolution


@dataclass(frozen=True)
class Drawn:
    """All that happens to one sample, the same for each of its frames.

    The picture becomes ``width`` x ``height``, and the square of ``size`` at (``left``, ``top``) of it, mirrored if ``flip``,
    is taken; what the square has beyond the right and lower edges is filled up.
    """

    size: int
    width: int
    height: int
    flip: bool = False
    left: int = 0
    top: int = 0
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)  # of brightness, contrast, saturation
    hue: float = 0.0  # turned by this share of the circle
    order: tuple[int, ...] = (0, 1, 2, 3)  # in which brightness, contrast, saturation, hue change


def resized(size: int) -> Drawn:
    """The whole picture as a square, nothing drawn: what is scored, and published 224 x 224 pictures as they are."""
    return Drawn(size, size, size)


def draw(augment: Augment, size: int, width: int, height: int, rng: np.random.Generator) -> Drawn:
    """One draw for a picture of ``width`` x ``height``. The numbers taken from ``rng`` don't depend on the options."""
    chance, pick, *spots = rng.random(4)
    signs, order = rng.uniform(-1, 1, 4), rng.permutation(4)
    scaled = [size, size]
    if augment.scales:
        scale = augment.scales[int(pick * len(augment.scales))]
        scaled = [max(1, int(side * scale)) for side in (width, height)]
    left, top = (int(spot * (max(0, side - size) + 1)) for spot, side in zip(spots, scaled, strict=True))
    if augment.middle:
        scaled = [size * side // min(width, height) for side in (width, height)]
        left, top = (round((side - size) / 2) for side in scaled)
    brightness, contrast, saturation, hue = (float(number) for number in signs * augment.jitter)
    return Drawn(
        size=size,
        width=scaled[0],
        height=scaled[1],
        flip=bool(chance < augment.flip),
        left=left,
        top=top,
        factors=(1 + brightness, 1 + contrast, 1 + saturation),
        hue=hue,
        order=tuple(int(number) for number in order),
    )


def apply_to_picture(picture: Image.Image, drawn: Drawn) -> Pixels:
    """An RGB picture as ``uint8`` (size, size, 3): scaled bicubically (only what the square shows), coloured, filled up.

    Contrast turns around the mean of what the square shows.
    """
    left, right = _columns(drawn)
    bottom = min(drawn.top + drawn.size, drawn.height)
    across, down = picture.width / drawn.width, picture.height / drawn.height
    if (drawn.width, drawn.height) == picture.size:
        shown = picture.crop((left, drawn.top, right, bottom))
    else:
        box = (left * across, drawn.top * down, right * across, bottom * down)
        shown = picture.resize((right - left, bottom - drawn.top), Image.Resampling.BICUBIC, box)
    pixels = np.asarray(_recoloured(shown, drawn))
    if drawn.flip:
        pixels = pixels[:, ::-1]
    if pixels.shape[:2] == (drawn.size, drawn.size):
        return pixels
    filled = np.empty((drawn.size, drawn.size, 3), np.uint8)
    filled[:] = MEAN_COLOUR
    filled[: pixels.shape[0], : pixels.shape[1]] = pixels
    return filled


def apply_to_labels(labels: Pixels, drawn: Drawn) -> Pixels:
    """A label map, ``uint8`` (height, width) -> (size, size): nearest, VOID where it is filled up.

    Row r of the scaled map is row floor((r + 0.5) height / scaled height) of the stored one.
    """
    height, width = labels.shape
    left, right = _columns(drawn)
    rows = ((np.arange(drawn.top, min(drawn.top + drawn.size, drawn.height)) + 0.5) * height / drawn.height).astype(int)
    columns = ((np.arange(left, right) + 0.5) * width / drawn.width).astype(int)
    if drawn.flip:
        columns = columns[::-1]
    filled = np.full((drawn.size, drawn.size), VOID, np.uint8)
    filled[: len(rows), : len(columns)] = labels.take(rows, 0).take(columns, 1)
    return filled


def apply_to_sound(wave: Wave, drawn: Drawn) -> Wave:
    """Channels swapped where the picture was mirrored; (channels, samples) as it came, one channel unchanged."""
    return wave[::-1].copy() if drawn.flip and len(wave) > 1 else wave  # torch takes no array that runs backwards


def position_in_square(position: float, drawn: Drawn) -> float:
    """Where an object at ``position`` of the stored picture (0 left to 1 right) stands in the square: (p W - left) / size, in [0, 1].

    W is the width of the scaled picture, p is 1 - position where it was mirrored. An object beside the square is heard at its edge.
    """
    mirrored = 1.0 - position if drawn.flip else position
    place = (mirrored * drawn.width - drawn.left) / drawn.size
    return round(min(1.0, max(0.0, place)) / STEP) * STEP


def _columns(drawn: Drawn) -> tuple[int, int]:
    """The columns of the scaled, not mirrored picture that the square shows."""
    right = min(drawn.left + drawn.size, drawn.width)
    return (drawn.width - right, drawn.width - drawn.left) if drawn.flip else (drawn.left, right)


def _recoloured(picture: Image.Image, drawn: Drawn) -> Image.Image:
    changes = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for number in drawn.order:
        if number == 3:
            picture = _turned(picture, drawn.hue)
        elif drawn.factors[number] != 1:
            picture = changes[number](picture).enhance(drawn.factors[number])
    return picture


def _turned(picture: Image.Image, hue: float) -> Image.Image:
    """Every hue turned by a share of the circle, in 256 steps."""
    step = round(256 * hue) % 256
    if not step:
        return picture
    parts = list(picture.convert("HSV").split())
    parts[0] = parts[0].point([(value + step) % 256 for value in range(256)])
    return Image.merge("HSV", parts).convert("RGB")
