"""What a system sees: pictures, sound and masks of some samples, as tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

VOID = 255  # in a target: not scored, not trained on
IMAGE_MEAN, IMAGE_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, red, green, blue of 0..1


@dataclass(frozen=True)
class Batch:
    """Samples of one size. A picture of VPO is a video of one frame."""

    image: Tensor  # float32 (batch, frames, 3, height, width), ImageNet's mean and deviation taken out; with instances a 4th, 0 or 1
    sound: Tensor  # float32 (batch, channels, samples) at 16 kHz, 1 is full scale; channels: 1 mono, 2 left and right
    target: Tensor  # int64 (batch, frames, height, width): category index (0, 1 where binary), VOID
    annotated: Tensor  # bool (batch, frames): False where the frame has no mask; its target is VOID throughout
    sounding: Tensor  # bool (batch, classes): categories that sound anywhere in the sample; [:, 0] is False
    ids: tuple[str, ...]

    def to(self, device: torch.device | str, **options: Any) -> Batch:
        """The same batch elsewhere."""
        moved = {
            field.name: getattr(self, field.name).to(device, **options)
            for field in fields(self)
            if isinstance(getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)

    def pin_memory(self) -> Batch:
        """For a loader with ``pin_memory``."""
        pinned = {
            field.name: getattr(self, field.name).pin_memory()
            for field in fields(self)
            if isinstance(getattr(self, field.name), Tensor)
        }
        return replace(self, **pinned)

    def __len__(self) -> int:
        return len(self.ids)
