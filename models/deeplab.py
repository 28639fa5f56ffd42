"""DeepLabV3+'s way from a backbone's maps to one map of features, and from such a map to logits, as CAVP has it.

Chen et al., Encoder-Decoder with Atrous Separable Convolution (ECCV 2018); cyh-0/CAVP 96a6c34,
models/visual/deeplabv3/encoder_decoder.py. What differs from the paper's is theirs: plain convolutions, one norm over all
four branches, a leaky ReLU (slope 0.01), and the pooled branch is added, not concatenated.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class AtrousPyramid(nn.Module):
    """A 1 x 1 and three dilated 3 x 3 convolutions side by side, and the mean of the whole map."""

    def __init__(self, channels: int, hidden: int, width: int, rates: Sequence[int]) -> None:
        super().__init__()
        dilated = [nn.Conv2d(channels, hidden, 3, padding=rate, dilation=rate, bias=False) for rate in rates]
        self.branches = nn.ModuleList([nn.Conv2d(channels, hidden, 1, bias=False), *dilated])
        self.branch_norm = nn.BatchNorm2d(hidden * len(self.branches))
        self.branch_join = nn.Conv2d(hidden * len(self.branches), width, 1, bias=False)
        self.pool_conv = nn.Conv2d(channels, hidden, 1, bias=False)
        self.pool_norm = nn.BatchNorm2d(hidden)
        self.pool_join = nn.Conv2d(hidden, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.activation = nn.LeakyReLU()

    def forward(self, features: Tensor) -> Tensor:
        """float (batch, channels, height, width) -> (batch, width, height, width)."""
        near = torch.cat([branch(features) for branch in self.branches], 1)
        near = self.branch_join(self.activation(self.branch_norm(near)))
        whole = self.pool_conv(features.mean((2, 3), keepdim=True))  # (batch, hidden, 1, 1)
        whole = self.pool_join(self.activation(self._normalised(whole)))
        joined: Tensor = self.activation(self.norm(near + whole))
        return joined

    def _normalised(self, whole: Tensor) -> Tensor:
        """One picture has one value per channel, of which there is no deviation: then the running statistics serve.

        Unless other processes bring theirs.
        """
        norm = self.pool_norm
        if self.training and len(whole) == 1 and not isinstance(norm, nn.SyncBatchNorm):
            return functional.batch_norm(
                whole, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False, eps=norm.eps
            )
        found: Tensor = norm(whole)
        return found


class DeepLabFeatures(nn.Module):
    """The last map through the pyramid, enlarged to the first one's size, beside the first one on ``reduced`` channels."""

    def __init__(self, channels: Sequence[int], hidden: int, width: int, reduced: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.width = width + reduced
        self.pyramid = AtrousPyramid(channels[-1], hidden, width, rates)
        self.reduce = nn.Sequential(nn.Conv2d(channels[0], reduced, 1, bias=False), nn.BatchNorm2d(reduced), nn.ReLU())

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps from fine to coarse -> (batch, width + reduced, height and width of the first map)."""
        coarse = self.pyramid(maps[-1])
        coarse = functional.interpolate(coarse, maps[0].shape[2:], mode="bilinear", align_corners=True)
        return torch.cat((coarse, self.reduce(maps[0])), 1)


class DeepLabHead(nn.Module):
    """Two 3 x 3 convolutions and a classifier."""

    def __init__(self, width: int, hidden: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before in (width, hidden):
            layers += [nn.Conv2d(before, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Conv2d(hidden, classes, 1)

    def forward(self, features: Tensor, size: Sequence[int]) -> Tensor:
        """float (batch, width, height, width) -> logits (batch, classes, *size)."""
        logits = self.classifier(self.layers(features))
        return functional.interpolate(logits, list(size), mode="bilinear", align_corners=False)
