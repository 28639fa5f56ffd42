"""TwoSep: the second stage of a two-stage baseline, which finds out which of the given instances sound.

Zhou et al., Audio-Visual Segmentation (ECCV 2022), Sec. 5.2 and Table 4. There is no official code; the paper has one sentence:
maps of the instances in a picture (Mask R-CNN, trained on COCO) and visual features "are concatenated with audios, and
fed into a PVT-v2 structure". Chosen here where it says no more:

    the picture itself stands for the first stage's visual features, which no file holds
    the instance maps of a frame become one map, their maximum: in any order and number they say the same
    this map goes into the encoder's first layer beside the colours, through 3 x 3 weights that begin as 0, so that
        weights of ImageNet are used as they are
    sound is added at each of the four stages (A + V), and TPAVI's neck and decoder follow, without TPAVI

Instance maps come as further channels of the picture: ``Batch.image`` is (batch, frames, 3 + maps, height, width), each
map soft or binary in [0, 1] (score times mask), and 0 throughout where a frame has fewer instances. The loader gives one map,
the maximum already, of whatever ``data.instances`` names (``instances.py``).
To hit: mean J 0.717 on S4, 0.503 on MS3 with sound, 0.696 and 0.473 without (Mask R-CNN of ResNet-50).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor, nn

from evaluators.errors import DataError

from .backbones import Backbone
from .batch import Batch
from .losses import segmentation_loss
from .sound_encoder import SoundEncoder
from .system import Losses, System
from .tpavi import TpaviOptions, build_tpavi

MOST_INSTANCES = 20


@dataclass(frozen=True)
class TwosepOptions:
    """With sound and without are the two columns of Table 4."""

    width: int = field(default=256, metadata={"low": 8})  # channels of neck and decoder
    sound: bool = True
    background: float = field(default=1.0, metadata={"low": 1e-3})  # weight of the background's pixels in the loss
    position: str = field(default="none", metadata={"choices": ("none", "coord")})


def build_twosep(options: TwosepOptions, *, visual: Backbone, audio: SoundEncoder | None, classes: int) -> TwoSep:
    """``audio`` None: deaf, a learned token is heard in every frame. Raises ``DataError`` ``model-options``."""
    possible = ("none", "coord") if options.sound else ("none",)
    if options.position not in possible:
        found = f"position {options.position!r}, expected {' or '.join(possible)}"
        raise DataError("model-options", "twosep", f"{found}: there is no attention with keys, and coord needs sound")
    return TwoSep(options, visual, audio, classes)


class TwoSep(System):
    """A plain A + V network that also sees instance maps."""

    def __init__(self, options: TwosepOptions, visual: Backbone, audio: SoundEncoder | None, classes: int) -> None:
        super().__init__()
        self.instances = nn.Conv2d(1, 3, 3, padding=1, bias=False)
        nn.init.zeros_(self.instances.weight)
        fusion = "add" if options.sound else "none"
        plain = TpaviOptions(width=options.width, fusion=fusion, matching=0.0, position=options.position)
        self.network = build_tpavi(plain, visual=visual, audio=audio, classes=classes)
        self.classes, self.channels, self.background = classes, self.network.channels, options.background

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        """image (batch, frames, 3 + maps, height, width). Raises ``DataError`` ``no-instance-maps``."""
        if image.shape[2] <= 3:
            found = f"{image.shape[2]} channels of a picture"
            raise DataError(
                "no-instance-maps", "twosep", f"{found}, expected 3 and at least one instance map; set data.instances"
            )
        return self.segment(image[:, :, :3], image[:, :, 3:], sound)

    def segment(self, picture: Tensor, maps: Tensor, sound: Tensor) -> Tensor:
        """picture (batch, frames, 3, height, width), maps (batch, frames, instances, height, width) -> logits."""
        anything = maps.amax(2, keepdim=True).flatten(0, 1)  # (batch * frames, 1, height, width)
        seen = picture + self.instances(anything).view(picture.shape)
        logits: Tensor = self.network(seen, sound)
        return logits

    def training_loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        logits = self(batch.image, batch.sound)
        loss = segmentation_loss(logits, batch.target, batch.annotated, self.background)
        return Losses(loss, {"segmentation": loss.detach()})

    def parameter_groups(self) -> Mapping[str, Iterator[nn.Parameter]]:
        groups = self.network.parameter_groups()
        return {**groups, "head": chain(self.instances.parameters(), groups["head"])}


def instance_maps(numbers: Tensor, count: int = MOST_INSTANCES) -> Tensor:
    """A map of instance numbers, (..., height, width), 0 nothing -> float (..., count, height, width): 1 where a pixel is of
    instance 1, 2, ... ``count``. Instances of higher numbers are left out."""
    wanted = torch.arange(1, count + 1, device=numbers.device)
    return (numbers[..., None, :, :] == wanted[:, None, None]).float()
