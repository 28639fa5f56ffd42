"""AVSegFormer: queries made of sound look for what sounds in each frame; a second path lets sound choose channels.

Gao et al., AVSegFormer (AAAI 2024); vvvb-github/AVSegFormer 7083cb6, model/, config/ and scripts/*/loss.py, which this
follows where the paper says something else. A frame knows nothing of the other frames: frames that fill up a video change
no other frame, though a backbone's batch norm counts them, as it does in the official code.

    maps       four, of ``dim`` channels; the three coarse ones go through a deformable encoder
    queries    300, made by the sound of the frame, look at all pixels of the coarse maps
    features   the finest map plus the enlarged next one, gated by the sound channel by channel
    mask       (queries x features) at every pixel, 300 numbers, back to ``dim`` channels, plus the features, to the classes
    loss       Dice of one class, cross entropy of more; plus 0.1 Dice of the features' mean over the channels

Parameters, with VGGish (72.141 M): ResNet-50 126.737 M, PVT-v2-b5 183.951 M. The official ones have 150.903 and 186.054 M. The
2.102 M more of both (``head.fpn``, ``head.attn_fc``) and the 22.063 M more of its ResNet (a second copy of the last two
stages) are never used there, and not built here.
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
from .deformable import DeformableEncoder
from .losses import cross_entropy, dice_loss
from .official_weights import KeyMap
from .positions import POSITIONS, position_parts
from .query_decoder import ChannelMixer, QueryDecoder, QueryGenerator, begin_xavier
from .sound_encoder import VGGISH_KEYS, SoundEncoder
from .system import Losses, System
from .weights import PVT_KEYS, RESNET_KEYS

DEAF_WIDTH = 128  # of the token in place of sound: VGGish's
_GROUPS = 32  # that channels are normalised in
_LEAST_CHANNELS = 16  # before the classifier: it has no bias, and of a few weights all may begin positive


@dataclass(frozen=True)
class AvsegformerOptions:
    """The defaults are those of S4, MS3 and AVSS alike."""

    dim: int = field(default=256, metadata={"low": _GROUPS})  # channels of maps, numbers of a query: a multiple of 32
    queries: int = field(default=300, metadata={"low": 1})
    heads: int = field(default=8, metadata={"low": 1})  # of every attention
    points: int = field(default=4, metadata={"low": 1})  # that a pixel looks at, in each map and by each head
    layers: int = field(default=6, metadata={"low": 1})  # of encoder, generator and decoder each
    ffn: int = field(default=2048, metadata={"low": 1})  # inside the layers of encoder and decoder
    generator_ffn: int = field(default=1024, metadata={"low": 1})
    hidden: int = field(default=2048, metadata={"low": 1})  # between the queries' numbers of a pixel and its channels
    dropout: float = field(default=0.1, metadata={"low": 0.0, "high": 1.0})  # in encoder and decoder
    mixing: float = field(default=0.1, metadata={"low": 0.0})  # weight of the second loss
    background: float = field(default=1.0, metadata={"low": 1e-3})  # weight of the background's pixels in cross entropy
    position: str = field(default="none", metadata={"choices": POSITIONS})


def build_avsegformer(
    options: AvsegformerOptions, *, visual: Backbone, audio: SoundEncoder | None, classes: int
) -> Avsegformer:
    """``audio`` None: deaf; a learned token is heard in every frame. Raises ``DataError`` ``model-options``."""
    _check(options)
    dim, heads, layers = options.dim, options.heads, options.layers
    return Avsegformer(
        visual,
        audio,
        dim=dim,
        encoder=DeformableEncoder(dim, heads, options.points, layers, options.ffn, options.dropout),
        generator=QueryGenerator(options.queries, dim, heads, layers, options.generator_ffn),
        decoder=QueryDecoder(dim, heads, layers, options.ffn, options.dropout),
        features=MaskFeatures(dim),
        mixer=ChannelMixer(dim, heads),
        spread=spread_queries(options.queries, options.hidden, dim),
        output=Output(dim, classes),
        mixing=options.mixing,
        background=options.background,
        position=options.position,
    )


def _check(options: AvsegformerOptions) -> None:
    counts = [options.dim, options.queries, options.heads, options.points, options.layers]
    widths = [options.ffn, options.generator_ffn, options.hidden]
    if (
        min(*counts, *widths) < 1
        or not 0 <= options.dropout <= 1
        or not options.mixing >= 0
        or options.position not in POSITIONS
    ):
        found = f"found {options}; see `avs-train show avsegformer` for what there is"
        raise DataError("model-options", "avsegformer", found)
    if options.dim % _GROUPS or options.dim % options.heads:
        found = f"dim {options.dim} with {options.heads} heads, expected a multiple of {_GROUPS} and of the heads"
        raise DataError("model-options", "avsegformer", found)


class Avsegformer(System):
    """Its parts: pictures and sound to maps and a token, queries of the sound, a decoder, and masks."""

    def __init__(
        self,
        visual: Backbone,
        audio: SoundEncoder | None,
        *,
        dim: int,
        encoder: nn.Module,  # three maps -> three maps
        generator: nn.Module,  # token -> queries
        decoder: nn.Module,  # queries, keys, values -> queries
        features: nn.Module,  # fine map, next map -> mask features
        mixer: nn.Module,  # mask features, token -> mask features
        spread: nn.Module,  # numbers of the queries at a pixel -> channels
        output: Output,
        mixing: float = 0.1,
        background: float = 1.0,
        position: str = "none",
    ) -> None:
        super().__init__()
        self.classes, self.channels = output.classes, audio.channels if audio else 0
        self.mixing, self.background = mixing, background
        self.visual, self.audio = visual, audio
        self.neck = nn.ModuleList(_normalised(channels, dim, 1) for channels in visual.channels)
        begin_xavier(self.neck)
        sound_width = audio.width if audio else DEAF_WIDTH
        if audio is None:
            self.silence = nn.Parameter(torch.randn(sound_width) / sound_width**0.5)
        self.hear = nn.Linear(sound_width, dim)
        self.before, self.inside_keys = position_parts(position, dim)
        _, self.inside_masks = position_parts(position, dim)
        self.encoder, self.generator, self.decoder = encoder, generator, decoder
        self.features, self.mixer, self.spread, self.output = features, mixer, spread, output

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        logits, _ = self.segment(image, sound)
        return logits

    def segment(self, image: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and the gated features (batch, frames, dim, height, width of the finest map)."""
        batch, frames, _, height, width = image.shape
        heard = self.hear(self._tokens(sound, batch, frames)).flatten(0, 1)[:, None]  # (batch * frames, 1, dim)
        pictures = self.visual(image.flatten(0, 1))
        fine, *coarse = [self.before(neck(one)) for neck, one in zip(self.neck, pictures, strict=True)]
        coarse = self.encoder(coarse)
        queries = self.decoder(
            self.generator(heard), _pixels([self.inside_keys(one) for one in coarse]), _pixels(coarse)
        )
        features = self.mixer(self.features(fine, coarse[0]), heard)  # (batch * frames, dim, height / 4, width / 4)
        masks = torch.einsum("nqc,nchw->nqhw", queries, self.inside_masks(features))
        logits = self.output(features + self.spread(masks), height, width)
        logits, features = (one.reshape(batch, frames, *one.shape[1:]) for one in (logits, features))
        return logits, features

    def _tokens(self, sound: Tensor, batch: int, frames: int) -> Tensor:
        """(batch, frames, width of the sound)."""
        if self.audio is None:
            return self.silence.expand(batch, frames, -1)
        tokens: Tensor = self.audio(sound, frames)
        return tokens

    def training_loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """On the annotated frames (S4: the first of five): Dice or cross entropy, and ``mixing`` times ``mixing_loss``."""
        logits, features = self.segment(batch.image, batch.sound)
        wanted = (batch.target, batch.annotated)
        one = self.classes == 1
        segmentation = dice_loss(logits, *wanted) if one else cross_entropy(logits, *wanted, self.background)
        mixing = mixing_loss(features, *wanted)
        parts = {"segmentation": segmentation.detach(), "mixing": mixing.detach()}
        return Losses(segmentation + self.mixing * mixing, parts)

    def parameter_groups(self) -> Mapping[str, Iterator[nn.Parameter]]:
        own = [part for name, part in self.named_children() if name not in ("visual", "audio")]
        silence = [self.silence] if self.audio is None else []
        return {
            "visual": self.visual.parameters(),
            "audio": self.audio.parameters() if self.audio else iter(()),
            "head": chain(silence, *(part.parameters() for part in own)),
        }


class MaskFeatures(nn.Module):
    """The finest map and the enlarged next one, added, through a 3 x 3 convolution."""

    def __init__(self, dim: int = 256) -> None:
        super().__init__()
        self.lateral = _normalised(dim, dim, 1)
        self.merge = nn.Sequential(*_normalised(dim, dim, 3), nn.ReLU())
        begin_xavier(self)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        enlarged = functional.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        merged: Tensor = self.merge(self.lateral(fine) + enlarged)
        return merged


class Output(nn.Module):
    """Channels to logits at the size of the picture."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.wide = nn.Conv2d(dim, dim // 2, 3, padding=1)
        narrow = max(dim // 8, _LEAST_CHANNELS)
        self.narrow = nn.Conv2d(dim // 2, narrow, 3, padding=1)
        self.classify = nn.Conv2d(narrow, classes, 1, bias=False)
        begin_xavier(self)

    def forward(self, maps: Tensor, height: int, width: int) -> Tensor:
        """float (n, dim, h, w) -> (n, classes, height, width)."""
        enlarged = functional.interpolate(self.wide(maps), (height, width), mode="bilinear", align_corners=False)
        logits: Tensor = self.classify(self.narrow(enlarged).relu())
        return logits


def spread_queries(queries: int, hidden: int, dim: int) -> nn.Sequential:
    """Three 1 x 1 convolutions: (n, queries, h, w) -> (n, dim, h, w)."""
    spread = nn.Sequential(
        nn.Conv2d(queries, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, dim, 1)
    )
    begin_xavier(spread)
    return spread


def mixing_loss(features: Tensor, target: Tensor, annotated: Tensor) -> Tensor:
    """Dice of the mean over the channels, enlarged to the target: a logit for "anything sounds here".

    features (batch, frames, channels, h, w); target, annotated as in ``losses``. Source: scripts/*/loss.py, ``mix_loss``.
    """
    mean = features.mean(2).to(torch.float64 if features.dtype == torch.float64 else torch.float32)
    logits = functional.interpolate(mean, target.shape[2:], mode="bilinear", align_corners=False)
    return dice_loss(logits[:, :, None], target, annotated)


def _normalised(before: int, after: int, size: int) -> nn.Sequential:
    """A convolution and group norm."""
    return nn.Sequential(nn.Conv2d(before, after, size, padding=size // 2), nn.GroupNorm(_GROUPS, after))


def _pixels(maps: list[Tensor]) -> Tensor:
    """Maps (n, dim, h, w) -> (n, pixels of all of them, dim)."""
    return torch.cat([one.flatten(2).transpose(1, 2) for one in maps], 1)


OFFICIAL_KEYS = KeyMap(
    rules=(
        (r"^backbone\.(layer[34])_1\.", r"backbone.\1."),
        (r"^backbone\.(?=conv1\.|bn1\.|layer\d)", "resnet."),
        (r"^backbone\.", "pvt."),
        (r"^audio_proj\.", "hear."),
        (r"^head\.in_proj\.", "neck."),
        (r"^head\.transformer\.encoder\.", "encoder."),
        (r"^head\.level_embed$", "encoder.level_embed"),
        (r"^head\.query_generator\.query\.weight$", "generator.first"),
        (r"^head\.query_generator\.(layers\.\d+)\.ffn\.0\.", r"generator.\1.linear1."),
        (r"^head\.query_generator\.(layers\.\d+)\.ffn\.2\.", r"generator.\1.linear2."),
        (r"^head\.query_generator\.", "generator."),
        (r"^head\.learnable_query\.weight$", "generator.added"),
        (r"^head\.transformer\.decoder\.", "decoder."),
        (r"^head\.lateral_conv\.", "features.lateral."),
        (r"^head\.out_conv\.", "features.merge."),
        (r"^head\.fusion_block\.q_proj\.", "mixer.query."),
        (r"^head\.fusion_block\.kv_proj\.", "mixer.key_value."),
        (r"^head\.fusion_block\.proj\.", "mixer.project."),
        *((rf"^head\.mlp\.layers\.{layer}\.", f"spread.{2 * layer}.") for layer in range(3)),
        (r"^head\.fc\.0\.", "output.wide."),
        (r"^head\.fc\.2\.", "output.narrow."),
        (r"^head\.fc\.4\.", "output.classify."),
    ),
    dropped=(
        (r"backbone\.layer[34]_2\.", "second copy of the last two stages, never used"),
        (r"head\.(fpn|attn_fc)\.", "never used"),
    ),
    parts=(
        ("resnet.", "visual.body.", RESNET_KEYS),
        ("pvt.", "visual.body.", PVT_KEYS),
        ("vggish.", "audio.", VGGISH_KEYS),
    ),
    lacking=(r"before\.", r"inside_(keys|masks)\."),  # ours
)
