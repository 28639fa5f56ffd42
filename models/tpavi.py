"""TPAVI: every pixel of a video hears the sound of all its frames, at four stages of a picture encoder.

Zhou et al., Audio-Visual Segmentation (ECCV 2022); OpenNLPLab/AVSBench f7414af, avs_scripts/*/model/ResNet_AVSModel.py,
TPAVI.py and loss.py. Where paper and code differ this is the code, since the published numbers are the code's:

    neck      the paper's ASPP is a sum of four dilated 3 x 3 convolutions, without normalisation or ReLU
    decoder   residual units replace their input by its ReLU, so x + f(x) is relu(x) + f(relu(x)), and the maps that the
              matching loss sees are ReLU'd too
    matching  Eq. 3 is averaged over the stages, not summed; masks are pooled as logits; features aren't normalised

The product of Eq. 1 has no softmax, so it is taken from right to left: no matrix of all pixels by all pixels (5 frames of
224 x 224: 246 million numbers at the first stage).

Parameters: ResNet-50 68.158 M, PVT-v2-b5 100.140 M, without the sound encoder. The official ones have 91.401 and 101.321 M:
the 23.243 and 1.180 M more never get a gradient and aren't built here. They are a second copy of the ResNet's last
two stages, left from another project, and ``resConfUnit1`` of the coarsest level.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluators.errors import DataError

from .backbones import Backbone
from .batch import Batch
from .losses import kl_matching, segmentation_loss
from .official_weights import KeyMap
from .positions import POSITIONS
from .sound_encoder import SoundEncoder
from .system import Losses, System
from .tpavi_parts import Addition, Decoder, DilatedSum, Interaction
from .weights import PVT_KEYS, RESNET_KEYS

STAGES = (1, 2, 3, 4)  # as in the paper, from fine to coarse
FUSIONS = ("tpavi", "add", "none")
DEAF_WIDTH = 128  # of the token in place of sound: VGGish's


@dataclass(frozen=True)
class TpaviOptions:
    """The defaults are those of MS3. S4: ``matching`` 0. AVSS: ``reduction`` mean, ``window`` 5, ``align_bias`` False."""

    width: int = field(default=256, metadata={"low": 8})  # channels of neck and decoder
    fusion: str = field(default="tpavi", metadata={"choices": FUSIONS})  # add: A + V; none: no sound (Table 5)
    stages: tuple[int, ...] = STAGES  # that pictures and sound meet at
    matching: float = field(default=0.5, metadata={"low": 0})  # lambda of Eq. 2
    matched: str = field(default="av", metadata={"choices": ("av", "vv")})  # AVM-AV or AVM-VV (Table 6)
    reduction: str = field(default="sum", metadata={"choices": ("sum", "mean")})  # of the matching over the frames
    window: int = field(default=0, metadata={"low": 0})  # frames that hear each other; 0: all of a video
    align_bias: bool = True
    background: float = field(default=1.0, metadata={"low": 1e-3})  # weight of the background's pixels in the loss
    position: str = field(default="none", metadata={"choices": POSITIONS})


def build_tpavi(options: TpaviOptions, *, visual: Backbone, audio: SoundEncoder | None, classes: int) -> Tpavi:
    """``audio`` None: deaf; a learned token is heard in every frame. Raises ``DataError`` ``model-options``."""
    _check(options)
    return Tpavi(options, visual, audio, classes)


def _check(options: TpaviOptions) -> None:
    if options.fusion not in FUSIONS or options.matched not in ("av", "vv") or options.reduction not in ("sum", "mean"):
        raise DataError("model-options", "tpavi", f"found {options}; see `avs-train show tpavi` for what there is")
    if not options.stages or set(options.stages) - set(STAGES) or len(set(options.stages)) < len(options.stages):
        found = f"stages {options.stages}, expected some of {STAGES}, each once"
        raise DataError("model-options", "tpavi", f"{found}; for no stage at all: fusion none")
    if options.width < 8 or options.width % 2:
        raise DataError("model-options", "tpavi", f"width {options.width}, expected an even number from 8 on")
    possible = {"tpavi": POSITIONS, "add": ("none", "coord"), "none": ("none",)}[options.fusion]
    if options.position not in possible:
        found = f"position {options.position!r} with fusion {options.fusion}"
        raise DataError("model-options", "tpavi", f"{found}, expected one of {', '.join(possible)}")


class Tpavi(System):
    """Picture encoder, neck, fusion at some stages, decoder."""

    silence: nn.Parameter | None  # what a deaf system hears

    def __init__(self, options: TpaviOptions, visual: Backbone, audio: SoundEncoder | None, classes: int) -> None:
        super().__init__()
        self.options, self.classes = options, classes
        self.channels = audio.channels if audio else 0
        hears = options.fusion != "none"
        self.visual = visual
        self.audio = audio if hears else None
        self.neck = nn.ModuleList(DilatedSum(channels, options.width) for channels in visual.channels)
        self.fusions = nn.ModuleDict()
        if hears:
            sound_width = audio.width if audio else DEAF_WIDTH
            kind = Interaction if options.fusion == "tpavi" else Addition
            for stage in sorted(options.stages):
                self.fusions[str(stage)] = kind(options.width, sound_width, options.align_bias, options.position)
        deaf = hears and audio is None
        self.silence = nn.Parameter(torch.randn(DEAF_WIDTH)) if deaf else None
        self.decoder = Decoder(options.width, classes)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        logits, _, _ = self.segment(image, sound)
        return logits

    def segment(self, image: Tensor, sound: Tensor) -> tuple[Tensor, list[Tensor], dict[int, Tensor]]:
        """Logits; the maps behind fusion and ReLU, (batch * frames, width, height, width) for each stage; and by stage
        the sounds aligned with them, (batch * frames, width)."""
        batch, frames = image.shape[:2]
        present = image.flatten(2).any(2)  # filled-up frames are 0 throughout, which no 8-bit picture is
        pictures = image.flatten(0, 1)  # (batch * frames, 3, height, width)
        tokens = self._windows(self._tokens(sound, batch, frames) * present[:, :, None])
        there = present.flatten()[:, None, None, None]
        maps, sounds = [], {}
        for stage, neck, one in zip(STAGES, self.neck, self.visual(pictures), strict=True):
            one = neck(one) * there
            if str(stage) in self.fusions:
                one, sounds[stage] = self.fusions[str(stage)](one, tokens)
                one = one * there
            maps.append(one.relu())
        logits: Tensor = self.decoder(maps, image.shape[3], image.shape[4])
        return logits.view(batch, frames, *logits.shape[1:]), maps, sounds

    def _tokens(self, sound: Tensor, batch: int, frames: int) -> Tensor:
        """(batch, frames, width of the sound)."""
        if self.options.fusion == "none":
            return sound.new_zeros(batch, frames, 1)
        if self.audio is None:
            assert self.silence is not None
            return self.silence.expand(batch, frames, -1)
        tokens: Tensor = self.audio(sound, frames)
        return tokens

    def _windows(self, tokens: Tensor) -> Tensor:
        """(batch, frames, width of the sound) -> (batch * windows, frames that hear each other, width)."""
        window = self.options.window or tokens.shape[1]
        if tokens.shape[1] % window:
            found = f"{tokens.shape[1]} frames with windows of {window}"
            raise DataError("model-options", "tpavi", f"{found}, expected a multiple: pad the frames, or set window 0")
        return tokens.reshape(-1, window, tokens.shape[2])

    def training_loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Eq. 2: entropy on the annotated frames (S4: the first of five), and ``matching`` times Eq. 3."""
        logits, maps, sounds = self.segment(batch.image, batch.sound)
        total = segmentation_loss(logits, batch.target, batch.annotated, self.options.background)
        parts = {"segmentation": total.detach()}
        if self.options.matching and sounds:
            heard = {stage: (maps[stage - 1], aligned) for stage, aligned in sounds.items()}
            matching = matching_loss(logits, heard, batch.annotated, self.options.matched, self.options.reduction)
            parts["matching"] = matching.detach()
            total = total + self.options.matching * matching
        return Losses(total, parts)

    def parameter_groups(self) -> Mapping[str, Iterator[nn.Parameter]]:
        own = [self.neck, self.fusions, self.decoder]
        silence = [] if self.silence is None else [self.silence]
        return {
            "visual": self.visual.parameters(),
            "audio": self.audio.parameters() if self.audio else iter(()),
            "head": chain(silence, *(part.parameters() for part in own)),
        }


def matching_loss(
    logits: Tensor, heard: Mapping[int, tuple[Tensor, Tensor]], annotated: Tensor, matched: str, reduction: str
) -> Tensor:
    """Eq. 3 over the annotated frames, averaged over the stages.

    logits (batch, frames, classes, height, width); heard: by stage maps (batch * frames, channels, h, w) and sounds
    (batch * frames, channels); annotated bool (batch, frames). v: the mean over the pixels of mask * map.

    av: KL(softmax(sound) || softmax(v)). vv: KL(softmax(v of the frame with the nearest sound) || softmax(v)); the official code
    adds 10 to a frame's distance from itself, here a frame is never its own neighbour; one frame alone has no loss.
    mask: of one class sigmoid(logits in the mean over the map's pixel), of more the part of it that isn't background.
    """
    chosen = annotated.flatten()
    total = logits.new_zeros((), dtype=torch.float64 if logits.dtype == torch.float64 else torch.float32)
    for maps, sounds in heard.values():
        height, width = maps.shape[2:]
        with torch.autocast(logits.device.type, enabled=False):
            mask = _mask(logits.flatten(0, 1).to(total.dtype), height, width)
            features = (maps.to(total.dtype) * mask).mean((2, 3))  # (batch * frames, channels)
        if matched == "av":
            total = total + kl_matching(features, sounds, chosen, reduction=reduction)
        else:
            nearest, partnered = nearest_sounds(sounds.detach(), chosen)
            total = total + kl_matching(features, features[nearest], partnered, reduction=reduction)
    return total / len(heard)


def _mask(logits: Tensor, height: int, width: int) -> Tensor:
    """(batch * frames, 1, height, width)."""
    if logits.shape[1] == 1:
        return functional.adaptive_avg_pool2d(logits, (height, width)).sigmoid()
    foreground = (logits.argmax(1, keepdim=True) != 0).to(logits.dtype)
    return functional.adaptive_avg_pool2d(foreground, (height, width))


def nearest_sounds(sounds: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """For each row the other chosen row at the smallest Euclidean distance; and whether it is chosen and there is one."""
    with torch.autocast(sounds.device.type, enabled=False):
        precise = sounds if sounds.dtype == torch.float64 else sounds.float()
        distances = torch.cdist(precise, precise)
    itself = torch.eye(len(sounds), dtype=torch.bool, device=sounds.device)
    distances = distances.masked_fill(itself | ~chosen[None], torch.inf)
    smallest, nearest = distances.min(1)
    return nearest, chosen & smallest.isfinite()


OFFICIAL_KEYS = KeyMap(
    rules=(
        (r"^resnet\.layer([34])_1\.", r"resnet.layer\1."),
        *((rf"^conv{stage}\.conv2d_list\.", f"neck.{stage - 1}.branches.") for stage in STAGES),
        (r"^tpavi_b(\d)\.", r"fusions.\1."),
        (r"\.align_channel\.", ".align."),
        (r"\.norm_layer\.", ".norm."),
        (r"\.W_z\.", ".mu."),
        *((rf"^path{stage}\.resConfUnit1\.", f"decoder.lateral.{stage - 1}.") for stage in STAGES),
        *((rf"^path{stage}\.resConfUnit2\.", f"decoder.merge.{stage - 1}.") for stage in STAGES),
        (r"^output_conv\.0\.", "decoder.wide."),
        (r"^output_conv\.2\.", "decoder.narrow."),
        (r"^output_conv\.4\.", "decoder.classify."),
    ),
    dropped=(
        (r"resnet\.layer[34]_2\.", "second copy of the last two stages, never used"),
        (r"path4\.resConfUnit1\.", "never used"),
    ),
    parts=(("resnet.", "visual.body.", RESNET_KEYS), ("encoder_backbone.", "visual.body.", PVT_KEYS)),
    lacking=(r"audio\.", r"silence$", r"fusions\.\d\.(before|inside)\."),  # VGGish is published apart; ours
)
