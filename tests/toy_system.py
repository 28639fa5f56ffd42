"""The smallest network that the loop can train, and samples for it: a square that sounds or doesn't."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.batch import Batch
from models.system import Losses, System

SIDE, SAMPLES = 16, 64


@dataclass(frozen=True)
class ToyOptions:
    """``hidden`` channels; ``dropout`` draws from torch's own generator, ``noise`` from the one of the loss."""

    hidden: int = 4
    dropout: float = 0.25
    noise: float = 0.01
    norm: bool = True
    position: str = "none"


class Toy(System):
    """Pixels times loudness, through two convolutions."""

    def __init__(self, options: ToyOptions, classes: int, channels: int = 1) -> None:
        super().__init__()
        self.classes, self.channels, self.options = classes, channels, options
        self.visual = nn.Conv2d(3, options.hidden, 3, padding=1)
        self.norm = nn.BatchNorm2d(options.hidden) if options.norm else nn.Identity()
        self.audio = nn.Linear(max(channels, 1), options.hidden)
        self.head = nn.Conv2d(options.hidden, classes, 1)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        batch, frames, _, height, width = image.shape
        seen = self.norm(self.visual(image.flatten(0, 1)))  # (batch * frames, hidden, height, width)
        loudness = sound.abs().mean(2) if self.channels else image.new_ones(batch, 1)  # (batch, channels)
        heard = self.audio(loudness).repeat_interleave(frames, 0)[:, :, None, None]
        logits = self.head(self.dropout(functional.relu(seen * heard)))
        return logits.view(batch, frames, self.classes, height, width)

    def training_loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        noise = torch.randn(batch.sound.shape, generator=generator).to(batch.sound.device)
        logits = self(batch.image, batch.sound + self.options.noise * noise)
        if self.classes == 1:
            loss = functional.binary_cross_entropy_with_logits(logits[:, :, 0], (batch.target == 1).float())
        else:
            loss = functional.cross_entropy(logits.flatten(0, 1), batch.target.flatten(0, 1), ignore_index=255)
        return Losses(loss, {"mask": loss.detach()})

    def parameter_groups(self) -> Mapping[str, Iterator[nn.Parameter]]:
        return {
            "visual": iter([*self.visual.parameters(), *self.norm.parameters()]),
            "audio": self.audio.parameters(),
            "head": self.head.parameters(),
        }


def build_toy(options: ToyOptions, *, visual: Any, audio: Any, classes: int) -> Toy:
    """As the builders of the registry; the parts are not used."""
    return Toy(options, classes, audio.channels if audio is not None else 0)


def toy_sample(number: int) -> dict[str, Any]:
    """Sample ``number``: a bright square; every second one is loud, and its square is the target."""
    generator = torch.Generator().manual_seed(number)
    image = torch.rand(1, 3, SIDE, SIDE, generator=generator) * 0.2
    left, top = torch.randint(0, SIDE // 2, (2,), generator=generator).tolist()
    image[:, :, top : top + 6, left : left + 6] += 1
    target = torch.zeros(1, SIDE, SIDE, dtype=torch.int64)
    if number % 2:
        target[:, top : top + 6, left : left + 6] = 1
    sound = torch.rand(1, SAMPLES, generator=generator) * (1.0 if number % 2 else 0.01)
    return {"image": image, "sound": sound, "target": target}


def toy_batch(numbers: Iterable[int]) -> Batch:
    """A batch of samples."""
    numbers = list(numbers)
    rows = [toy_sample(number) for number in numbers]
    return Batch(
        image=torch.stack([row["image"] for row in rows]),
        sound=torch.stack([row["sound"] for row in rows]),
        target=torch.stack([row["target"] for row in rows]),
        annotated=torch.ones(len(rows), 1, dtype=torch.bool),
        sounding=torch.tensor([[False, number % 2 == 1] for number in numbers]),
        ids=tuple(f"toy{number}" for number in numbers),
    )
