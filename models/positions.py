"""Where a pixel is, told to a network: coordinates beside the features, for sound that has a left and a right.

A convolution learns places only by what its zero padding leaks. ``position`` of a system's options:

    none    as in the papers
    coord   coordinates are added to the features before pictures and sound meet
    key     coordinates are added where features become queries and keys of an attention, and to nothing else

Coordinates are of pixel centres, so maps of any size agree: column j of ``width`` is at x = (2 j + 1) / width - 1, from
-1 (left) to 1 (right); y likewise from the top. Mirroring the picture turns x into -x.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

POSITIONS = ("none", "coord", "key")
_WAVES_IN_KEYS = 2
_DEVIATION = 0.1  # of the first weights: little beside features of about 1


def coordinates(height: int, width: int, device: torch.device | str, dtype: torch.dtype) -> Tensor:
    """x and y of every pixel's centre, (2, height, width), in [-1, 1]."""
    x, y = ((2 * torch.arange(size, device=device, dtype=dtype) + 1) / size - 1 for size in (width, height))
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))


def waves(height: int, width: int, count: int, device: torch.device | str, dtype: torch.dtype) -> Tensor:
    """Coordinates, then sin(pi k c) and cos(pi k c) of c = x, y for k = 1 to ``count``: (2 + 4 count, height, width).

    A linear map of x alone can only grow to one side; with waves a query can ask for the middle too.
    """
    places = coordinates(height, width, device, dtype)
    turns = [math.pi * k * places for k in range(1, count + 1)]
    return torch.cat((places, *(part for turn in turns for part in (turn.sin(), turn.cos()))))


class AddCoordinates(nn.Module):
    """Features plus a linear map (1 x 1 convolution without bias, small at first) of their coordinates and waves."""

    def __init__(self, channels: int, wave_count: int = 0) -> None:
        super().__init__()
        self.wave_count = wave_count
        self.projection = nn.Conv2d(2 + 4 * wave_count, channels, 1, bias=False)
        nn.init.normal_(self.projection.weight, std=_DEVIATION)

    def forward(self, features: Tensor) -> Tensor:
        """float (batch, channels, height, width) -> the same shape."""
        places = waves(
            features.shape[2], features.shape[3], self.wave_count, features.device, self.projection.weight.dtype
        )
        added: Tensor = self.projection(places[None])  # (1, channels, height, width)
        return features + added.to(features.dtype)


def position_parts(position: str, channels: int) -> tuple[nn.Module, nn.Module]:
    """(before, inside) for one of ``POSITIONS``: two modules from features (batch, channels, height, width) to as many.

    before: for the features themselves. inside: for what becomes queries or keys. At most one of them does something.
    """
    if position not in POSITIONS:
        raise ValueError(f"position {position!r}, expected one of {', '.join(POSITIONS)}")
    before = AddCoordinates(channels) if position == "coord" else nn.Identity()
    inside = AddCoordinates(channels, _WAVES_IN_KEYS) if position == "key" else nn.Identity()
    return before, inside
