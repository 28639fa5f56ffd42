"""Deformable attention: the layer beside loops over pixels, heads, maps and points; positions by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.deformable import DeformableEncoder, deformable_attention, pixel_centres, sine_positions

torch.set_num_threads(1)
Array = NDArray[np.float64]


def sample(picture: Array, x: float, y: float) -> Array:
    """A map (height, width, dim) at a place in pixels (0 is the centre of the first), between pixels linearly, 0 outside."""
    height, width, dim = picture.shape
    total = np.zeros(dim)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                total += picture[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def linear(weights: dict[str, Array], name: str, x: Array) -> Array:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float64)


def norm(weights: dict[str, Array], name: str, x: Array) -> Array:
    scaled = (x - x.mean()) / math.sqrt(float(x.var()) + 1e-5)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float64)


def slow_layer(weights: dict[str, Array], maps: list[Array], levels: Array, heads: int, points: int) -> list[Array]:
    """One layer of the encoder on maps (height, width, dim), by Eq. 3 of Deformable DETR."""
    dim = maps[0].shape[2]
    part = dim // heads
    values = [linear(weights, "self_attn.value_proj", one) for one in maps]
    results = []
    for level, one in enumerate(maps):
        height, width, _ = one.shape
        result = np.zeros_like(one)
        place = sine_positions(height, width, dim).double().numpy()
        for row in range(height):
            for column in range(width):
                query = one[row, column] + place[:, row, column] + levels[level]
                offsets = linear(weights, "self_attn.sampling_offsets", query).reshape(heads, len(maps), points, 2)
                scores = linear(weights, "self_attn.attention_weights", query).reshape(heads, len(maps) * points)
                attended = np.zeros(dim)
                for head in range(heads):
                    share = np.exp(scores[head]) / np.exp(scores[head]).sum()
                    cut = slice(head * part, (head + 1) * part)
                    for other, value in enumerate(values):
                        for point in range(points):
                            x = (column + 0.5) / width * value.shape[1] - 0.5 + offsets[head, other, point, 0]
                            y = (row + 0.5) / height * value.shape[0] - 0.5 + offsets[head, other, point, 1]
                            attended[cut] += share[other * points + point] * sample(value[..., cut], x, y)
                middle = norm(weights, "norm1", one[row, column] + linear(weights, "self_attn.output_proj", attended))
                wide = linear(weights, "linear1", middle)
                wide = np.array([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in wide])  # GELU
                result[row, column] = norm(weights, "norm2", middle + linear(weights, "linear2", wide))
        results.append(result)
    return results


def test_a_layer_equals_the_loops() -> None:
    torch.manual_seed(0)
    heads, points, dim = 2, 3, 8
    encoder = DeformableEncoder(dim, heads, points, layers=1, ffn=12, dropout=0.0, levels=2).double()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    maps = [torch.randn(2, dim, 4, 6, dtype=torch.float64), torch.randn(2, dim, 3, 2, dtype=torch.float64)]
    with torch.no_grad():
        found = encoder(maps)
    weights = {name: value.numpy() for name, value in encoder.layers[0].state_dict().items()}
    for number in range(2):
        pictures = [one[number].permute(1, 2, 0).numpy() for one in maps]
        expected = slow_layer(weights, pictures, encoder.level_embed.detach().numpy(), heads, points)
        for one, slow in zip(found, expected, strict=True):
            np.testing.assert_allclose(one[number].permute(1, 2, 0).numpy(), slow, rtol=1e-6, atol=1e-6)


def test_positions_by_hand() -> None:
    found = sine_positions(3, 2, 8)
    assert found.shape == (8, 3, 2)
    for row in range(3):
        for column in range(2):
            y, x = row + 1, column + 1
            slow = [math.sin(y), math.cos(y), math.sin(y / 100), math.cos(y / 100)]
            slow += [math.sin(x), math.cos(x), math.sin(x / 100), math.cos(x / 100)]
            assert found[:, row, column].tolist() == pytest.approx(slow, abs=1e-6)


def test_centres_by_hand() -> None:
    assert pixel_centres(1, 2).tolist() == [[0.25, 0.5], [0.75, 0.5]]
    assert pixel_centres(2, 1).tolist() == [[0.5, 0.25], [0.5, 0.75]]


def test_a_new_head_looks_its_own_way_one_pixel_more_per_point() -> None:
    layer = deformable_attention(8, 4, 2, 1)
    assert isinstance(layer.sampling_offsets, nn.Linear) and not layer.sampling_offsets.weight.any()
    offsets = layer.sampling_offsets.bias.detach().reshape(4, 2, 2)
    ways = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    torch.testing.assert_close(offsets[:, 0], ways)
    torch.testing.assert_close(offsets[:, 1], 2 * ways)


def test_the_papers_encoder_has_as_many_parameters_as_published() -> None:
    with torch.device("meta"):
        encoder = DeformableEncoder()
        found = encoder([torch.empty(2, 256, 28, 28), torch.empty(2, 256, 14, 14), torch.empty(2, 256, 7, 7)])
    points = 8 * 3 * 4  # heads, maps, points
    layer = 257 * (2 * points + points + 256 + 256) + 257 * 2048 + 2049 * 256 + 2 * 512
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 6 * layer + 3 * 256
    assert [one.shape[2:] for one in found] == [(28, 28), (14, 14), (7, 7)]


def test_gradients_reach_every_parameter_also_in_bfloat16() -> None:
    torch.manual_seed(0)
    encoder = DeformableEncoder(16, 2, 2, layers=2, ffn=8, levels=2)
    maps = [torch.randn(2, 16, 6, 4), torch.randn(2, 16, 3, 2)]
    with torch.autocast("cpu", torch.bfloat16):
        total = torch.stack([(one.float() ** 3).mean() for one in encoder(maps)]).sum()
    total.backward()  # type: ignore[no-untyped-call]
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("shapes", [[(1, 8, 2, 2)], [(1, 8, 2, 2), (1, 4, 1, 1)]])
def test_maps_that_do_not_fit(shapes: list[tuple[int, ...]]) -> None:
    maps: list[Tensor] = [torch.zeros(shape) for shape in shapes]
    with pytest.raises(ValueError, match=r"maps \[\(1, 8, 2, 2\).*expected 2 of 8 channels"):
        DeformableEncoder(8, 2, 2, layers=1, ffn=8, levels=2)(maps)
    with pytest.raises(ValueError, match="dim 6 with 4 heads"):
        DeformableEncoder(6, 4)
