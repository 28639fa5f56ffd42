"""CAVP: DeepLabV3+ whose features look at the sound, trained on right and wrong pairs of picture and sound.

Chen et al., Unraveling Instance Associations: A Closer Look for Audio-Visual Segmentation (CVPR 2024); official code
cyh-0/CAVP 96a6c34. A frame hears its second of the sound, a picture of VPO all of it: one token. Frames are pictures on
their own; nothing links them.

Parameters, VPO stereo with 22 categories: 53.26 M. The official 58.24 M hold 4.98 M position embeddings (``pos_embed_v``,
``pos_embed_a``) that nothing adds and a classifier of 610 that nothing asks. The official update of the sound by the picture
is left out too: it is thrown away there.

What the code does, and here too: the residual starts from the normalised features; one norm serves picture and sound.
What it does, and not here: the head runs on the second pairing as well, which only moves its norms' statistics. The bank
begins with the second epoch there, here with the first sound it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from .backbones import Backbone
from .batch import VOID, Batch
from .cavp_attention import CrossAttention, mlp
from .cavp_pairing import (
    Pairs,
    categories_in,
    chosen_frames,
    draw_pixels,
    nearest,
    pair_sounds,
    pairing_loss,
    supervised_contrast,
)
from .deeplab import DeepLabFeatures, DeepLabHead
from .losses import segmentation_loss
from .memory_bank import MemoryBank
from .official_weights import KeyMap
from .positions import position_parts
from .sound_encoder import SOUND_RESNET_KEYS, SoundEncoder, seconds
from .spectrogram import SAMPLE_RATE
from .system import Losses, System
from .weights import RESNET_DEEP_KEYS

FINEST = 4  # stride of the finest map that is taken
FROM_1 = {"low": 1}  # what an option may be, see config.make_record


@dataclass(frozen=True)
class CavpOptions:
    """The paper's numbers and, where it is silent, the official code's, for ResNet-50 on VPO."""

    attention: Literal["sigmoid", "softmax", "min-max"] = "sigmoid"  # of Fig. 6
    heads: int = field(default=4, metadata=FROM_1)
    width: int = field(default=256, metadata=FROM_1)  # channels of the pyramid's map; officially 64 with PVT-v2-b5
    reduced: int = field(default=48, metadata=FROM_1)  # channels of the finest map beside it
    hidden: int = field(default=256, metadata=FROM_1)  # channels inside the pyramid, the projector and the head
    rates: tuple[int, ...] = (6, 12, 18)  # dilations of the pyramid
    contrast: Literal["cavp", "supcon", "none"] = "cavp"  # of Table 5; supcon: right pairs only, plain loss
    temperature: float = field(default=0.1, metadata={"low": 1e-3})
    views: int = field(default=512, metadata=FROM_1)  # pixels of each category; a category with fewer is left out
    positives: float = field(default=0.5, metadata={"low": 0, "high": 1})  # of Table 6: wrong pairs that the bank mends
    bank: int = field(default=4, metadata={"low": 0})  # sounds of each category, 0 none; officially as many as a batch
    bank_seconds: float = field(default=3.0, metadata={"low": 0.1})  # of each; 1 for videos
    exact: bool = False  # only its own sound is right for a picture: for stereo, see pair_sounds
    frames: Literal["one", "all"] = "one"  # annotated frames of a video that a step takes; one of them is drawn
    background: float = field(default=1.0, metadata={"low": 1e-3})  # weight of the background's pixels in ``mask``
    contrast_weight: float = field(default=1.0, metadata={"low": 0})
    position: Literal["none", "coord", "key"] = "none"


@dataclass(frozen=True)
class Items:
    """Frames that are trained on, as pictures on their own, each with its sound."""

    image: Tensor  # float (items, 3, height, width)
    sound: Tensor  # float (items, channels, samples)
    target: Tensor  # int64 (items, height, width)
    annotated: Tensor  # bool (items,)
    labels: Tensor  # uint8 (items, height, width): the target on the CPU, VOID without annotation
    heard: Tensor  # bool (items, categories) on the CPU


class Cavp(System):
    """``visual`` with DeepLabV3+'s decoder and cross attention to the tokens of ``audio``, or to a learned one without."""

    def __init__(self, options: CavpOptions, visual: Backbone, audio: SoundEncoder | None, classes: int) -> None:
        super().__init__()
        self.options, self.classes = options, classes
        self.channels = audio.channels if audio else 0
        self.visual, self.audio = visual, audio
        self.finest = next((number for number, stride in enumerate(visual.strides) if stride >= FINEST), 0)
        channels = visual.channels[self.finest :]
        self.features = DeepLabFeatures(channels, options.hidden, options.width, options.reduced, options.rates)
        width = self.features.width
        self.projector = mlp(width, options.hidden)
        self.before, _ = position_parts("coord" if options.position == "coord" else "none", width)
        self.token = None if audio else nn.Parameter(torch.randn(1, width))
        token_width = audio.width if audio else width
        self.cross = CrossAttention(width, token_width, options.heads, options.attention, options.position)
        self.head = DeepLabHead(width, options.hidden, classes)
        self.bank: MemoryBank | None = None
        if self._tries_sounds and options.bank and not options.exact:
            samples = round(options.bank_seconds * SAMPLE_RATE)
            self.bank = MemoryBank(max(classes, 2), options.bank, self.channels, samples)

    @property
    def _tries_sounds(self) -> bool:
        """Whether pictures get wrong sounds too; a deaf network has none to try."""
        return self.options.contrast == "cavp" and self.audio is not None

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        batch, frames = image.shape[:2]
        seen = self._seen(image.flatten(0, 1))
        tokens = self._tokens(seconds(sound, frames), batch * frames)
        logits = self._logits(self.cross(seen, tokens), image.shape[3:])
        return logits.view(batch, frames, *logits.shape[1:])  # (batch, frames, classes, height, width)

    def _seen(self, image: Tensor) -> Tensor:
        """Pictures to features: (items, 3, height, width) -> (items, height / 4, width / 4, channels)."""
        maps = self.visual(image)[self.finest :]
        features = self.projector(self.features(maps).permute(0, 2, 3, 1))
        placed: Tensor = self.before(features.permute(0, 3, 1, 2))
        return placed.permute(0, 2, 3, 1)

    def _tokens(self, sound: Tensor, items: int) -> Tensor:
        """Sounds to tokens: (items, channels, samples) -> (items, token width)."""
        if self.audio is None:
            assert self.token is not None
            return self.token.expand(items, -1)
        tokens: Tensor = self.audio(sound, 1)
        return tokens[:, 0]

    def _logits(self, fused: Tensor, size: Sequence[int]) -> Tensor:
        """Fused features (items, height, width, channels) -> (items, classes, *size)."""
        logits: Tensor = self.head(fused.permute(0, 3, 1, 2), size)
        return logits

    def training_loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """``mask``, the cross-entropy with the own sounds, plus ``contrast_weight`` times ``contrast`` (Eq. 5)."""
        items = self._items(batch, generator)
        pairs, sound = self._paired(items, generator)
        seen = self._seen(items.image)
        tokens = self._tokens(sound, len(seen))
        fused = self.cross(seen, tokens[: len(seen)])
        logits = self._logits(fused, items.image.shape[2:])
        own = (logits[:, None], items.target[:, None], items.annotated[:, None])
        mask = segmentation_loss(*own, self.options.background)
        if self.options.contrast == "none":
            return Losses(mask, {"mask": mask.detach()})
        again = None if pairs is None else self.cross(seen, tokens[pairs.source.to(tokens.device)])
        contrast = self._contrast(fused, again, items.labels, pairs, generator)
        return Losses(
            mask + self.options.contrast_weight * contrast, {"mask": mask.detach(), "contrast": contrast.detach()}
        )

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # its sizes differ from step to step
    def _items(self, batch: Batch, generator: torch.Generator) -> Items:
        """One annotated frame of each sample, or all annotated frames."""
        frames, categories = batch.image.shape[1], max(self.classes, 2)
        folded = [values.flatten(0, 1) for values in (batch.image, batch.target, batch.annotated)]
        folded.append(seconds(batch.sound, frames))
        if frames > 1:
            kept = chosen_frames(batch.annotated.cpu(), self.options.frames, generator).to(batch.image.device)
            folded = [values[kept] for values in folded]
        image, target, annotated, sound = folded
        labels = target.masked_fill(~annotated[:, None, None], VOID).to(torch.uint8).cpu()
        by_table = frames == 1 and batch.sounding.shape[1] == categories
        heard = batch.sounding.cpu() if by_table else categories_in(labels, categories)
        return Items(image, sound, target, annotated, labels, heard)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # its sizes differ from step to step
    def _paired(self, items: Items, generator: torch.Generator) -> tuple[Pairs | None, Tensor]:
        """Which sound each picture gets in the second pairing, and all sounds: their own, then those of the bank."""
        heard, sound, exact = items.heard, items.sound, self.options.exact
        if not self._tries_sounds or len(heard) == 1:  # nobody to exchange with
            return None, sound
        counts = self.bank.counts() if self.bank is not None else [0] * heard.shape[1]
        pairs = pair_sounds(heard, counts, self.options.positives, generator, exact=exact)
        if self.bank is not None:
            banked = self.bank.draw(pairs.banked, sound.shape[2], generator)
            self.bank.add(sound, heard)
            sound = torch.cat((sound, banked.to(sound.dtype)))
        return pairs, sound

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # its sizes differ from step to step
    def _contrast(
        self, own: Tensor, again: Tensor | None, labels: Tensor, pairs: Pairs | None, generator: torch.Generator
    ) -> Tensor:
        """The contrast of fused features (items, height, width, channels) of both pairings; 0 where no object is large enough.

        Of the own sounds alone for supcon, and for a deaf network. One item that has nobody to exchange with gives 0.
        """
        if pairs is None and self._tries_sounds:
            return own.new_zeros((), dtype=torch.float32)
        pixels = draw_pixels(nearest(labels, own.shape[1:3]), pairs, self.options.views, generator)
        count = own.shape[:3].numel()
        first = int((pixels.index < count).sum())  # those of the second pairing come last
        index = pixels.index.to(own.device)
        chosen = own.flatten(0, 2)[index[:first]]  # (n, channels)
        if again is not None:
            chosen = torch.cat((chosen, again.flatten(0, 2)[index[first:] - count]))
        loss = pairing_loss if self.options.contrast == "cavp" else supervised_contrast
        return loss(chosen, pixels.label.to(own.device), self.options.temperature)

    def parameter_groups(self) -> Mapping[str, Iterator[nn.Parameter]]:
        """``head`` is what DeepLabV3+ adds to the backbone and has ten times the rate officially, ``fusion`` is in its middle."""
        return {
            "visual": self.visual.parameters(),
            "fusion": _parameters(self.projector, self.before, self.cross),
            "head": _parameters(self.features, self.head),
            "audio": self.audio.parameters() if self.audio else iter([self.token] if self.token is not None else []),
        }


def build_cavp(options: CavpOptions, *, visual: Backbone, audio: SoundEncoder | None, classes: int) -> Cavp:
    """CAVP of these parts; ``audio`` None for the control that hears nothing."""
    return Cavp(options, visual, audio, classes)


def _parameters(*modules: nn.Module) -> Iterator[nn.Parameter]:
    return (parameter for module in modules for parameter in module.parameters())


OFFICIAL_KEYS = KeyMap(
    rules=(
        (r"^segment\.aspp\.map_convs\.", "features.pyramid.branches."),
        (r"^segment\.aspp\.map_bn\.", "features.pyramid.branch_norm."),
        (r"^segment\.aspp\.red_conv\.", "features.pyramid.branch_join."),
        (r"^segment\.aspp\.global_pooling_conv\.", "features.pyramid.pool_conv."),
        (r"^segment\.aspp\.global_pooling_bn\.", "features.pyramid.pool_norm."),
        (r"^segment\.aspp\.pool_red_conv\.", "features.pyramid.pool_join."),
        (r"^segment\.aspp\.red_bn\.", "features.pyramid.norm."),
        (r"^segment\.reduce\.", "features.reduce."),
        (r"^segment\.upsample\.last_conv\.", "head.layers."),
        (r"^segment\.upsample\.classifier\.", "head.classifier."),
        (r"^visual_projector\.fc1\.", "projector.0."),
        (r"^visual_projector\.fc2\.", "projector.2."),
        (r"^cross_att\.patch_embed_v\.proj\.", "cross.pixels_in."),
        (r"^cross_att\.patch_embed_a\.proj\.", "cross.sound_in."),
        (r"^cross_att\.blocks\.0\.norm1\.", "cross.norm_in."),
        (r"^cross_att\.blocks\.0\.attn\.q\.", "cross.query."),
        (r"^cross_att\.blocks\.0\.attn\.k\.", "cross.key."),
        (r"^cross_att\.blocks\.0\.attn\.v\.", "cross.value."),
        (r"^cross_att\.blocks\.0\.attn\.proj\.", "cross.join."),
        (r"^cross_att\.blocks\.0\.norm2\.", "cross.norm_mlp."),
        (r"^cross_att\.blocks\.0\.mlp\.fc1\.", "cross.mlp.0."),
        (r"^cross_att\.blocks\.0\.mlp\.fc2\.", "cross.mlp.2."),
        (r"^cross_att\.norm\.", "cross.norm_out."),
    ),
    dropped=(
        (r"cross_att\.pos_embed_[va]$", "position embedding that the official code doesn't add"),
        (r"audio_backbone\.cls_head\.", "classifier of sounds that the official code doesn't ask"),
    ),
    parts=(
        ("backbone.backbone.", "visual.body.", RESNET_DEEP_KEYS),
        ("audio_backbone.backbone.features.", "audio.net.features.", KeyMap()),
        ("audio_backbone.backbone.embeddings.", "audio.net.embeddings.", KeyMap()),
        ("audio_backbone.backbone.", "audio.", SOUND_RESNET_KEYS),
    ),
    lacking=(r"bank\.",),
)
