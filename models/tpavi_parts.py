"""What TPAVI's network is built of, see ``tpavi.py``: neck, fusion of pictures and sound, decoder."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from .positions import position_parts

_DILATIONS = (3, 6, 12, 18)


class DilatedSum(nn.Module):
    """The sum of four 3 x 3 convolutions with dilations 3, 6, 12, 18, whose weights begin at a deviation of 0.01."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(before, after, 3, padding=d, dilation=d) for d in _DILATIONS)
        for branch in self.branches:
            nn.init.normal_(branch.get_parameter("weight"), std=0.01)

    def forward(self, maps: Tensor) -> Tensor:
        first, *others = self.branches
        total: Tensor = first(maps)
        for branch in others:
            total = total + branch(maps)
        return total


class Interaction(nn.Module):
    """Eq. 1 at one stage: Z = norm(V + mu(alpha g(V))), alpha = theta(V) phi(A)^T / N, N = frames * height * width.

    mu ends in a batch norm that begins as 0, so at first no sound passes. In the code a layer norm follows the sum.
    """

    def __init__(self, width: int, sound_width: int, align_bias: bool, position: str) -> None:
        super().__init__()
        self.before, self.inside = position_parts(position, width)
        self.keys_differ = position == "key"  # from pixel to pixel
        self.align = nn.Linear(sound_width, width, bias=align_bias)
        self.theta, self.phi, self.g = (nn.Conv3d(width, width // 2, 1) for _ in range(3))
        self.mu = nn.Sequential(nn.Conv3d(width // 2, width, 1), nn.BatchNorm3d(width))
        nn.init.zeros_(self.mu[1].get_parameter("weight"))
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """maps (batch * frames, width, height, width of the map), tokens (batch, frames, sound width) -> maps, and the
        aligned sounds (batch * frames, width)."""
        frames = tokens.shape[1]
        maps = self.before(maps)
        sounds: Tensor = self.align(tokens).flatten(0, 1)
        heard = sounds[:, :, None, None]  # the same for every pixel
        if self.keys_differ:
            heard = self.inside(heard.expand_as(maps))
        video = as_video(maps, frames)
        query = self.theta(as_video(self.inside(maps), frames))
        mixed = video + self.mu(linear_attention(query, self.phi(as_video(heard, frames)), self.g(video)))
        fused = self.norm(mixed.permute(0, 2, 3, 4, 1))  # (batch, frames, height, width of the map, width)
        return fused.permute(0, 1, 4, 2, 3).flatten(0, 1), sounds


def as_video(maps: Tensor, frames: int) -> Tensor:
    """(batch * frames, channels, height, width) -> (batch, channels, frames, height, width)."""
    return maps.reshape(-1, frames, *maps.shape[1:]).transpose(1, 2)


def linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(query key^T / N) value, from right to left: N C^2 steps instead of N^2 C, N = frames * height * width.

    query, value: (batch, C, frames, height, width); key too, or with height and width 1 where it is the same in every pixel.
    """
    if key.shape[3:] == (1, 1):
        value = value.mean((3, 4), keepdim=True)
    positions = key.shape[2] * key.shape[3] * key.shape[4]
    context = key.flatten(2) @ value.flatten(2).transpose(1, 2) / positions  # (batch, C of key, C of value)
    mixed = context.transpose(1, 2) @ query.flatten(2)  # (batch, C of value, frames * height * width)
    return mixed.view(len(mixed), -1, *query.shape[2:])


class Addition(nn.Module):
    """A + V of Table 5: the aligned sound of a frame is added to each of its pixels. (It has no official code.)"""

    def __init__(self, width: int, sound_width: int, align_bias: bool, position: str) -> None:
        super().__init__()
        self.before, _ = position_parts(position, width)
        self.align = nn.Linear(sound_width, width, bias=align_bias)

    def forward(self, maps: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """As ``Interaction``."""
        sounds: Tensor = self.align(tokens).flatten(0, 1)
        return self.before(maps) + sounds[:, :, None, None], sounds


class ResidualUnit(nn.Module):
    """relu(x) + two 3 x 3 convolutions of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        maps = maps.relu()
        changed: Tensor = self.conv2(self.conv1(maps).relu())
        return maps + changed


class Decoder(nn.Module):
    """From coarse to fine: each level's sum through a residual unit, enlarged to the next; half the picture's size at last."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(ResidualUnit(width) for _ in range(3))
        self.merge = nn.ModuleList(ResidualUnit(width) for _ in range(4))
        narrow = max(width // 8, 32)
        self.wide = nn.Conv2d(width, width // 2, 3, padding=1)
        self.narrow = nn.Conv2d(width // 2, narrow, 3, padding=1)
        self.classify = nn.Conv2d(narrow, classes, 1)

    def forward(self, maps: Sequence[Tensor], height: int, width: int) -> Tensor:
        """Four maps from fine to coarse -> logits (batch * frames, classes, height, width)."""
        sizes = [((height + 1) // 2, (width + 1) // 2), *(one.shape[2:] for one in maps[:-1])]
        merged = self._enlarged(self.merge[3](maps[3]), sizes[3])
        for level in (2, 1, 0):
            merged = self._enlarged(self.merge[level](merged + self.lateral[level](maps[level])), sizes[level])
        merged = functional.interpolate(self.wide(merged), (height, width), mode="bilinear", align_corners=False)
        logits: Tensor = self.classify(self.narrow(merged).relu())
        return logits

    @staticmethod
    def _enlarged(maps: Tensor, size: Sequence[int]) -> Tensor:
        return functional.interpolate(maps, tuple(size), mode="bilinear", align_corners=True)
