"""What the loop asks of a system: a prediction from pictures and sound, and a loss from a batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .batch import Batch


@dataclass(frozen=True)
class Losses:
    """What is minimised, and its parts for the log (detached)."""

    total: Tensor
    parts: Mapping[str, Tensor]


class System(nn.Module):
    """An audio-visual segmentation network with its way of training.

    ``classes`` is 1 for sounding or not (one logit), else the number of categories with the background at 0.
    ``channels`` of sound: 0 (deaf, an image-only control), 1 or 2.
    """

    classes: int
    channels: int

    @abstractmethod
    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        """Logits at the size of the picture, float (batch, frames, classes, height, width).

        image float (batch, frames, 3, height, width); sound float (batch, channels, samples).
        """

    @abstractmethod
    def training_loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The loss of a batch; ``generator`` (on the CPU) is the only source of random choices."""

    @abstractmethod
    def parameter_groups(self) -> Mapping[str, Iterator[nn.Parameter]]:
        """Parameters by part (visual, audio, head, ...), each once: recipes give each part its own learning rate."""
