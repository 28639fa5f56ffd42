from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import ImageColor

from evaluators.errors import DataError
from vpo_builder.overlay import source_colour
from vpo_builder.show import EDGE, GAP, PAPER, PICTURE_WIDTH, draw_sample


def _columns(picture: Any, colour: str) -> np.ndarray[Any, Any]:
    """Columns in which a colour stands, below the images."""
    pixels = np.array(picture)[540:]
    return np.nonzero((pixels == ImageColor.getrgb(colour)).all(axis=2).any(axis=0))[0]


def test_the_picture_holds_image_and_overlay_side_by_side(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    picture = draw_sample(folder, samples[0])
    assert picture.mode == "RGB"
    assert picture.width == 2 * EDGE + GAP + 2 * PICTURE_WIDTH
    plain = picture.crop((EDGE, 88, EDGE + 600, 538))
    marked = picture.crop((EDGE + 624, 88, EDGE + 1224, 538))
    red = round(60 * 600 / 320), round(145 * 600 / 320)  # the first dog's middle
    assert plain.getpixel(red) != marked.getpixel(red)
    assert np.abs(np.subtract(plain.getpixel((300, 10)), marked.getpixel((300, 10)))).max() <= 1  # background


def test_a_pin_stands_where_its_source_is_heard(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    left = EDGE + GAP + PICTURE_WIDTH
    strip = draw_sample(folder, samples[4]).crop((left, 540, left + PICTURE_WIDTH, 592))  # one dog at 275 / 320
    pixels = (np.array(strip) == ImageColor.getrgb(source_colour(0))).all(axis=2)
    assert np.nonzero(pixels)[1].mean() == pytest.approx(275 / 320 * PICTURE_WIDTH, abs=1)


def test_pins_that_would_touch_are_put_below_each_other(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    close = replace(
        samples[0],
        sources=tuple(replace(source, position=0.5 + n / 1000) for n, source in enumerate(samples[0].sources)),
    )
    picture = draw_sample(folder, close)
    assert picture.height == draw_sample(folder, samples[0]).height + 24
    pins = np.array(picture.crop((EDGE + GAP + PICTURE_WIDTH, 540, picture.width, 620)))
    rows = [np.nonzero((pins == ImageColor.getrgb(source_colour(number))).all(axis=2))[0].mean() for number in (0, 1)]
    assert rows[1] - rows[0] == pytest.approx(24, abs=1)


def test_variants_silence_and_long_names_fit(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    silence = draw_sample(folder, replace(samples[0], sources=(), variant="silence", id="x" * 400))
    assert len(_columns(silence, PAPER)) == silence.width
    instance = replace(samples[0].sources[0].instance, category="dog\n" * 100)
    draw_sample(folder, replace(samples[0], sources=(replace(samples[0].sources[0], instance=instance),)))


def test_a_missing_mask_is_named(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    with pytest.raises(DataError, match="mask-unreadable"):
        draw_sample(folder, replace(samples[0], mask_file="nothing.png"))


def test_the_same_sample_gives_the_same_pixels(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    assert draw_sample(folder, samples[1]).tobytes() == draw_sample(folder, samples[1]).tobytes()
