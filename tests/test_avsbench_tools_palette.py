"""Colours to indices: what is on the palette, near it, far from it, and categories that nobody named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avsbench_tools.palette import indices_of, nearest_indices, unnamed
from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.masks import indices_by_colour

COLOURS = {voc_colour(index): index for index in range(71)}
MAP = np.array([voc_colour(index) for index in range(256)], np.uint8)


def test_a_mask_on_the_palette_gives_its_indices() -> None:
    labels = np.arange(71, dtype=np.uint8).reshape(1, 71)
    found, strays = indices_of(MAP[labels], COLOURS, "a.png")
    assert strays == 0
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize(("strays", "good"), [(0, True), (3, True), (4, True), (5, False)])
def test_one_pixel_in_a_thousand_may_have_no_category(strays: int, good: bool) -> None:
    values = MAP[np.full((40, 100), 7, np.uint8)]  # 4,000 pixels
    values[0, :strays] = (1, 2, 3)
    if good:
        labels, found = indices_of(values, COLOURS, "a.png")
        assert found == strays
        assert (labels[0, :strays] == 0).all()
        assert np.count_nonzero(labels == 7) == 4000 - strays
    else:
        with pytest.raises(DataError, match=r"5 of 4,000 pixels \(0.12%\).*first #010203.*--nearest.*off-palette"):
            indices_of(values, COLOURS, "a.png")


def test_nearest_takes_the_closest_colour_and_of_two_the_smaller_index() -> None:
    red, green = voc_colour(1), voc_colour(2)  # (128, 0, 0) and (0, 128, 0)
    values = np.array([[(120, 3, 0), (64, 64, 0), (10, 10, 10), red, green]], np.uint8)
    labels, strays = indices_of(values, {(0, 0, 0): 0, red: 1, green: 2}, "a.png", nearest=True)
    assert strays == 3
    # (64, 64, 0) lies 90.5 from black, red and green: black is index 0
    np.testing.assert_array_equal(labels, [[1, 0, 0, 1, 2]])


def test_nearest_leaves_the_values_that_it_was_given() -> None:
    values = np.full((2, 2, 3), 9, np.uint8)
    indices_of(values, COLOURS, "a.png", nearest=True)
    assert (values == 9).all()


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_nearest_is_what_trying_all_colours_gives(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (7, 3), dtype=np.uint8)
    for pixel, found in zip(pixels.tolist(), nearest_indices(pixels, COLOURS).tolist(), strict=True):
        distances = {
            index: sum((a - b) ** 2 for a, b in zip(pixel, colour, strict=True)) for colour, index in COLOURS.items()
        }
        assert found == min(distances, key=lambda index: (distances[index], index))


def test_unknown_is_every_pixel_whose_three_numbers_are_no_category() -> None:
    values = np.array([[(128, 0, 0), (128, 0, 1), (0, 0, 0), (255, 255, 255)]], np.uint8)
    labels, unknown = indices_by_colour(values, COLOURS)
    np.testing.assert_array_equal(unknown, [[False, True, False, True]])
    np.testing.assert_array_equal(labels, [[1, 0, 0, 0]])


def test_categories_that_nobody_named_are_counted() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[:10], labels[12, :8], labels[15, :3] = 30, 4, 255
    assert unnamed(labels, {30}) == {4: 8}
    assert unnamed(labels, {30, 4}) == {}
