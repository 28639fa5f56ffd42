"""Picture, mask and sound stay consistent under what training does to them."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.augment import (
    MEAN_COLOUR,
    VPO_AUGMENT,
    Augment,
    Drawn,
    apply_to_labels,
    apply_to_picture,
    apply_to_sound,
    draw,
    position_in_square,
    resized,
)
from models.batch import VOID

FRAME = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 5, (48, 64), np.uint8)
seeds = st.integers(0, 2**32 - 1)


def drawn_by(seed: int, size: int = 40, augment: Augment = VPO_AUGMENT) -> Drawn:
    return draw(augment, size, 64, 48, np.random.default_rng(seed))


def test_the_same_generator_draws_the_same() -> None:
    assert drawn_by(3) == drawn_by(3)
    assert len({drawn_by(seed) for seed in range(50)}) == 50


@given(seeds)
def test_draws_stay_in_their_limits(seed: int) -> None:
    drawn = drawn_by(seed)
    assert (drawn.width / 64, drawn.height / 48) in {(scale, scale) for scale in VPO_AUGMENT.scales}
    assert 0 <= drawn.left <= max(0, drawn.width - 40) and 0 <= drawn.top <= max(0, drawn.height - 40)
    assert all(0.5 <= factor <= 1.5 for factor in drawn.factors) and abs(drawn.hue) <= 0.25
    assert sorted(drawn.order) == [0, 1, 2, 3]


@given(seeds)
def test_options_do_not_change_what_the_others_draw(seed: int) -> None:
    full, plain = drawn_by(seed), drawn_by(seed, augment=Augment(flip=0.5, scales=VPO_AUGMENT.scales))
    assert replace(full, factors=plain.factors, hue=plain.hue) == plain
    assert drawn_by(seed, augment=Augment()).flip == full.flip


def test_each_factor_and_both_sides_come_up_about_equally() -> None:
    draws = [drawn_by(seed) for seed in range(1400)]
    counts = np.unique([drawn.width for drawn in draws], return_counts=True)[1]
    assert len(counts) == 7 and counts.min() > 150
    assert 600 < sum(drawn.flip for drawn in draws) < 800


def test_every_place_of_the_square_comes_up() -> None:
    draws = [draw(Augment(scales=(1.0,)), 46, 48, 47, np.random.default_rng(seed)) for seed in range(200)]
    assert {(drawn.left, drawn.top) for drawn in draws} == {(left, top) for left in (0, 1, 2) for top in (0, 1)}


def test_nothing_drawn_leaves_everything_as_it_is() -> None:
    square = Drawn(64, 64, 48)
    picture = apply_to_picture(Image.fromarray(FRAME), square)
    assert np.array_equal(picture[:48], FRAME) and (picture[48:] == MEAN_COLOUR).all()
    labels = apply_to_labels(LABELS, square)
    assert np.array_equal(labels[:48], LABELS) and (labels[48:] == VOID).all()
    assert position_in_square(0.3, square) == pytest.approx(0.3)


def assert_nearly(first: Any, second: Any) -> None:
    """Pillow rounds after the rows and after the columns, so that some values are one or two off."""
    apart = np.abs(first.astype(int) - second)
    assert apart.max() <= 3 and apart.mean() < 0.1


@given(seeds)
@settings(max_examples=40)
def test_a_mirrored_draw_is_the_draw_of_the_mirrored_picture(seed: int) -> None:
    drawn = drawn_by(seed, augment=Augment(scales=VPO_AUGMENT.scales))
    plain = replace(drawn, flip=False)
    flipped = replace(drawn, flip=True)
    of_mirrored = apply_to_picture(Image.fromarray(FRAME[:, ::-1]), plain).astype(int)
    assert_nearly(apply_to_picture(Image.fromarray(FRAME), flipped), of_mirrored)
    if (drawn.width, drawn.height) == (64, 48):
        assert np.array_equal(apply_to_labels(LABELS, flipped), apply_to_labels(LABELS[:, ::-1], plain))


@given(seeds)
@settings(max_examples=40)
def test_a_square_is_cut_out_of_the_whole_scaled_picture(seed: int) -> None:
    drawn = replace(drawn_by(seed, augment=Augment(scales=VPO_AUGMENT.scales)), flip=False)
    whole = Image.fromarray(FRAME).resize((drawn.width, drawn.height), Image.Resampling.BICUBIC)
    expected = np.full((40, 40, 3), MEAN_COLOUR, int)
    part = np.asarray(whole)[drawn.top : drawn.top + 40, drawn.left : drawn.left + 40]
    expected[: part.shape[0], : part.shape[1]] = part
    assert_nearly(apply_to_picture(Image.fromarray(FRAME), drawn), expected)


def slow_labels(labels: Any, drawn: Drawn) -> Any:
    """One pixel after the other."""
    height, width = labels.shape
    made = np.full((drawn.size, drawn.size), VOID, np.uint8)
    for row in range(drawn.size):
        for column in range(drawn.size):
            y, x = row + drawn.top, column + drawn.left
            if y < drawn.height and x < drawn.width:
                x = drawn.width - 1 - x if drawn.flip else x
                made[row, column] = labels[
                    (2 * y + 1) * height // (2 * drawn.height), (2 * x + 1) * width // (2 * drawn.width)
                ]
    return made


@pytest.mark.parametrize("seed", range(12))
def test_labels_are_the_nearest_ones(seed: int) -> None:
    drawn = drawn_by(seed)
    assert np.array_equal(apply_to_labels(LABELS, drawn), slow_labels(LABELS, drawn))
    assert np.array_equal(apply_to_labels(LABELS, resized(24)), slow_labels(LABELS, resized(24)))


@pytest.mark.parametrize(("width", "height"), [(300, 240), (240, 301), (224, 224), (641, 480)])
def test_the_middle_square_is_that_of_the_official_loader(width: int, height: int) -> None:
    """OpenNLPLab/AVSBench, avss/color_dataloader.py: the short side to size, rounded down, then the middle, halves to even."""
    size, picture = 96, np.random.default_rng(width).integers(0, 255, (height, width), np.uint8)
    drawn = draw(Augment(flip=0, middle=True), size, width, height, np.random.default_rng(0))
    wide, high = (int(width * size / height), size) if width > height else (size, int(height * size / width))
    left, top = round((wide - size) / 2.0), round((high - size) / 2.0)
    assert (drawn.width, drawn.height, drawn.left, drawn.top) == (wide, high, left, top)
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in ((high, height), (wide, width)))
    expected = picture[rows][:, columns][top : top + size, left : left + size]
    np.testing.assert_array_equal(apply_to_labels(picture, drawn), expected)
    with pytest.raises(ValueError, match="choose one of the two"):
        Augment(middle=True, scales=(1.0,))


@given(seeds)
@settings(max_examples=60)
def test_mask_and_position_stay_with_the_object(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, top = rng.integers(0, 44), rng.integers(0, 32)
    labels = np.zeros((48, 64), np.uint8)
    labels[top : top + 12, left : left + 16] = 1
    picture = np.where(labels[..., None] == 1, np.uint8(250), np.uint8(5)).repeat(3, 2)
    drawn = replace(drawn_by(seed), factors=(1.0, 1.0, 1.0), hue=0.0)
    shown, mask = apply_to_picture(Image.fromarray(picture), drawn)[..., 0], apply_to_labels(labels, drawn)
    there = mask != VOID
    assert np.count_nonzero((shown > 128)[there] != (mask == 1)[there]) <= 0.05 * there.sum()
    assert (shown[~there] == MEAN_COLOUR[0]).all()
    columns = np.flatnonzero((mask == 1).any(0))
    if len(columns) >= 16 * drawn.width // 64:  # all of it is in the square
        heard = position_in_square((left + 8) / 64, drawn)
        assert abs(heard - (columns.mean() + 0.5) / 40) < 1 / 40


@given(st.integers(0, 2**30))
def test_positions_of_a_whole_picture_are_exact(step: int) -> None:
    position = step * 2.0**-30
    for width in (64, 443, 224):
        assert position_in_square(position, Drawn(width, width, 48)) == position
        assert position_in_square(position, Drawn(width, width, 48, flip=True)) == 1 - position


def test_a_position_follows_the_crop() -> None:
    drawn = Drawn(size=100, width=400, height=300, left=150)  # columns 150 to 250 of 400
    assert position_in_square(0.5, drawn) == 0.5
    assert position_in_square(0.4, drawn) == pytest.approx(0.1)
    assert [position_in_square(p, drawn) for p in (0.1, 0.9)] == [0.0, 1.0]
    assert position_in_square(0.6, replace(drawn, flip=True)) == pytest.approx(0.1)


def test_a_mirrored_picture_swaps_the_channels() -> None:
    wave = np.array([[1, 2], [3, 4]], np.float32)
    assert apply_to_sound(wave, Drawn(8, 8, 8, flip=True)).tolist() == [[3, 4], [1, 2]]
    assert apply_to_sound(wave, Drawn(8, 8, 8)) is wave
    assert apply_to_sound(wave[:1], Drawn(8, 8, 8, flip=True)).tolist() == [[1, 2]]


def recoloured(colour: tuple[int, int, int], **changes: Any) -> Any:
    picture = Image.new("RGB", (4, 4), colour)
    return apply_to_picture(picture, replace(Drawn(4, 4, 4), **changes))[0, 0].tolist()


def test_colours_change_as_their_formulas_say() -> None:
    assert recoloured((100, 60, 200), factors=(1.5, 1.0, 1.0)) == [150, 90, 255]  # brightness: times the factor
    assert recoloured((100, 60, 200), factors=(0.5, 1.0, 1.0)) == [50, 30, 100]
    grey = round(0.299 * 100 + 0.587 * 60 + 0.114 * 200)  # saturation: away from the grey of the pixel
    expected = [round(grey + 0.5 * (value - grey)) for value in (100, 60, 200)]
    assert np.abs(np.subtract(recoloured((100, 60, 200), factors=(1.0, 1.0, 0.5)), expected)).max() <= 1
    halves = Image.fromarray(np.array([[[0, 0, 0], [200, 200, 200]]] * 2, np.uint8))
    found = apply_to_picture(halves, replace(Drawn(2, 2, 2), factors=(1.0, 0.5, 1.0)))
    assert found[0, :, 0].tolist() == [50, 150]  # contrast: towards the mean, 100


@pytest.mark.parametrize("hue", [-0.25, -0.1, 0.1, 0.25])
def test_hue_is_turned(hue: float) -> None:
    red, green, blue = (value / 255 for value in (200, 60, 30))
    h, s, v = colorsys.rgb_to_hsv(red, green, blue)
    expected = [255 * value for value in colorsys.hsv_to_rgb((h + hue) % 1, s, v)]
    assert np.abs(np.subtract(recoloured((200, 60, 30), hue=hue), expected)).max() < 6  # of 256 hues


def test_changes_come_in_the_order_drawn() -> None:
    first = recoloured((200, 60, 30), factors=(1.5, 1.0, 0.5), order=(0, 2, 1, 3))
    assert first != recoloured((200, 60, 30), factors=(1.5, 1.0, 0.5), order=(2, 0, 1, 3))


@pytest.mark.parametrize(
    "options", [{"flip": 2}, {"scales": (0.0,)}, {"scales": (1, 99)}, {"jitter": (1, 1)}, {"jitter": (0, 0, 0, 0.6)}]
)
def test_options_out_of_range_are_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        Augment(**options)


@pytest.mark.parametrize("channels", (1, 2))
def test_torch_takes_a_mirrored_sound(channels: int) -> None:
    wave = np.arange(4 * channels, dtype=np.float32).reshape(channels, 4)
    found = np.ascontiguousarray(apply_to_sound(wave, Drawn(8, 8, 8, flip=True)))
    assert torch.from_numpy(found).tolist() == wave[::-1].tolist()
