"""Coordinates of pixels, and what adds them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from models.positions import POSITIONS, AddCoordinates, coordinates, position_parts, waves

torch.set_num_threads(1)


def test_coordinates_are_pixel_centres_from_left_to_right_and_top_to_bottom() -> None:
    x, y = coordinates(2, 4, "cpu", torch.float64)
    assert x.tolist() == [[-0.75, -0.25, 0.25, 0.75]] * 2
    assert y.tolist() == [[-0.5] * 4, [0.5] * 4]


def test_one_pixel_is_the_middle() -> None:
    assert coordinates(1, 1, "cpu", torch.float32).flatten().tolist() == [0.0, 0.0]


@pytest.mark.parametrize("size", [2, 3, 7, 56])
def test_a_mirrored_picture_has_minus_x_and_the_same_y(size: int) -> None:
    x, y = coordinates(5, size, "cpu", torch.float64)
    torch.testing.assert_close(x.flip(1), -x)
    torch.testing.assert_close(y.flip(1), y, rtol=0, atol=0)


@pytest.mark.parametrize("size", [4, 14])
def test_a_map_of_half_the_size_has_the_means_of_two(size: int) -> None:
    fine, coarse = (coordinates(s, s, "cpu", torch.float64) for s in (2 * size, size))
    torch.testing.assert_close(nn.functional.avg_pool2d(fine[None], 2)[0], coarse)


def test_waves_against_a_slow_twin() -> None:
    fast = waves(2, 3, 2, "cpu", torch.float64)
    assert fast.shape == (10, 2, 3)
    for row in range(2):
        for column in range(3):
            x, y = (2 * column + 1) / 3 - 1, (2 * row + 1) / 2 - 1
            slow = [x, y]
            for k in (1, 2):
                slow += [math.sin(math.pi * k * x), math.sin(math.pi * k * y)]
                slow += [math.cos(math.pi * k * x), math.cos(math.pi * k * y)]
            torch.testing.assert_close(fast[:, row, column], torch.tensor(slow, dtype=torch.float64))


@pytest.mark.parametrize("count", [0, 2])
def test_what_is_added_is_linear_in_the_coordinates_and_the_same_for_all_samples(count: int) -> None:
    torch.manual_seed(0)
    layer = AddCoordinates(3, count)
    features = torch.randn(2, 3, 4, 5)
    added = (layer(features) - features).detach()
    weight = layer.projection.weight.detach().flatten(1)
    expected = torch.einsum("cf,fhw->chw", weight, waves(4, 5, count, "cpu", torch.float32))
    torch.testing.assert_close(added, expected.expand(2, 3, 4, 5), rtol=0, atol=1e-6)
    assert 0 < float(added.abs().mean()) < 0.5, "small beside features of about 1"


def test_left_and_right_differ_for_features_that_are_the_same_everywhere() -> None:
    plain = torch.ones(1, 8, 6, 6)
    for position in POSITIONS:
        before, inside = position_parts(position, 8)
        changed = [not torch.equal(part(plain), plain) for part in (before, inside)]
        assert changed == [position == "coord", position == "key"]


def test_features_keep_their_type() -> None:
    assert AddCoordinates(4)(torch.zeros(1, 4, 3, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_an_unknown_position_is_told() -> None:
    with pytest.raises(ValueError, match="position 'left', expected one of none, coord, key"):
        position_parts("left", 4)


def test_no_parameters_where_nothing_is_added() -> None:
    parts: list[Tensor] = [p for part in position_parts("none", 4) for p in part.parameters()]
    assert not parts
