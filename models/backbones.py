"""Picture encoders: four maps of a picture, from fine to coarse.

ResNet-18, 50 and 101, PVT-v2-b5 and Swin-B come from the library ``transformers``, which runs without torchvision;
``tiny`` is for a CPU. Channels and strides (height of the picture over height of the map):

    tiny                  16, 32, 64, 64            2, 4, 8, 16
    resnet18              64, 128, 256, 512         4, 8, 16, 32
    resnet50, resnet101   256, 512, 1024, 2048      4, 8, 16, 32
    pvt-v2-b5             64, 128, 320, 512         4, 8, 16, 32
    swin-b                128, 256, 512, 1024       4, 8, 16, 32

Parameters in millions: resnet18 11.177, resnet50 23.508 (deep stem 23.632), resnet101 42.500, pvt-v2-b5 81.443,
swin-b 86.882. With ``deformable.py`` the only place that knows what is in transformers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict

from torch import Tensor, nn

from evaluators.errors import DataError

from .libraries import from_transformers
from .weights import load_weights

_RESNETS = {  # kind of block, blocks per stage, channels
    "resnet18": ("basic", (2, 2, 2, 2), (64, 128, 256, 512)),
    "resnet50": ("bottleneck", (3, 4, 6, 3), (256, 512, 1024, 2048)),
    "resnet101": ("bottleneck", (3, 4, 23, 3), (256, 512, 1024, 2048)),
}
BACKBONES = ("tiny", *_RESNETS, "pvt-v2-b5", "swin-b")
_STAGES = ["stage1", "stage2", "stage3", "stage4"]


class Backbone(nn.Module):
    """A picture encoder. ``weights_note`` says in one line what weights it began with."""

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    weights_note: str

    @abstractmethod
    def forward(self, image: Tensor) -> list[Tensor]:
        """float (batch, channels, height, width) -> four maps, map i of ``channels[i]`` and 1 / ``strides[i]`` of the size."""


def build_backbone(
    name: str, *, output_stride: int = 32, deep_stem: bool = False, in_channels: int = 3, weights: str = ""
) -> Backbone:
    """One of ``BACKBONES``.

    output_stride: the most by which the last map is smaller than the picture. 16 and 8 keep later stages of a ResNet
        large and dilate their 3 x 3 convolutions instead, as torchvision's ``replace_stride_with_dilation`` does.
    deep_stem: CAVP's ResNet (cyh-0/CAVP, models/visual/deeplabv3/encoder_decoder.py): three 3 x 3 convolutions for
        the first 7 x 7, and below output stride 32 the dilations 2, 4, 8 of the last stage's blocks.
    in_channels: 3 for pictures, other numbers for spectrograms.
    weights: "" random; a file; "imagenet" or a name on the Hugging Face hub (see ``weights.py``).

    Raises ``DataError``: ``unknown-backbone``, ``backbone-option``, ``missing-package``, ``broken-torchvision``, and
    those of ``load_weights``.
    """
    if name not in BACKBONES:
        raise DataError("unknown-backbone", name, f"no such backbone, expected one of {', '.join(BACKBONES)}")
    _check_options(name, output_stride, deep_stem, in_channels)
    if name == "tiny":
        backbone: Backbone = TinyBackbone(in_channels, output_stride)
    elif name in _RESNETS:
        backbone = _resnet(name, output_stride, deep_stem, in_channels)
    else:
        backbone = _pvt_v2_b5(in_channels) if name == "pvt-v2-b5" else _swin_b(in_channels)
    body = backbone.body if isinstance(backbone, LibraryBackbone) else backbone
    backbone.weights_note = load_weights(body, f"{name}-deep" if deep_stem else name, weights)
    return backbone


def _check_options(name: str, output_stride: int, deep_stem: bool, in_channels: int) -> None:
    if output_stride not in (8, 16, 32):
        raise DataError("backbone-option", name, f"output stride {output_stride}, expected 8, 16 or 32")
    if in_channels < 1:
        raise DataError("backbone-option", name, f"{in_channels} channels in, expected at least 1")
    if deep_stem and name not in _RESNETS:
        raise DataError("backbone-option", name, f"a deep stem is for {', '.join(_RESNETS)} only: leave it out")
    if output_stride != 32 and name in ("pvt-v2-b5", "swin-b"):
        raise DataError("backbone-option", name, f"output stride {output_stride}, but it can't be dilated: expected 32")


class TinyBackbone(Backbone):
    """Four stages of two 3 x 3 convolutions, the first of each halving the map: 146,288 parameters.

    Normalised by group, not by batch: the same result for any batch size and number of processes.
    """

    channels = (16, 32, 64, 64)

    def __init__(self, in_channels: int = 3, output_stride: int = 32) -> None:
        super().__init__()
        self.weights_note = "random weights"
        self.stages = nn.ModuleList()
        strides: list[int] = []
        stride, dilation = 1, 1
        for before, after in zip((in_channels, *self.channels[:-1]), self.channels, strict=True):
            step = 2 if stride < output_stride else 1
            first = _convolution(before, after, stride=step, dilation=dilation)
            stride, dilation = stride * step, dilation * 2 // step
            second = _convolution(after, after, dilation=dilation)
            self.stages.append(
                nn.Sequential(first, nn.GroupNorm(8, after), nn.ReLU(), second, nn.GroupNorm(8, after), nn.ReLU())
            )
            strides.append(stride)
        self.strides = tuple(strides)

    def forward(self, image: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            image = stage(image)  # (batch, channels, height, width) -> half of height and width
            maps.append(image)
        return maps


class LibraryBackbone(Backbone):
    """A backbone of transformers, as ``body``."""

    def __init__(self, body: nn.Module, channels: tuple[int, ...], output_stride: int = 32) -> None:
        super().__init__()
        self.body = body
        self.channels = channels
        self.strides = tuple(min(stride, output_stride) for stride in (4, 8, 16, 32))
        self.weights_note = "random weights"

    def forward(self, image: Tensor) -> list[Tensor]:
        return list(self.body(image).feature_maps)


def _resnet(name: str, output_stride: int, deep_stem: bool, in_channels: int) -> LibraryBackbone:
    kind, depths, channels = _RESNETS[name]
    config, backbone = from_transformers("resnet", "ResNetConfig", "ResNetBackbone")
    body = backbone(
        config(
            num_channels=in_channels,
            embedding_size=128 if deep_stem else 64,
            hidden_sizes=list(channels),
            depths=list(depths),
            layer_type=kind,
            out_features=_STAGES,
        )
    )
    stages = body.encoder.stages
    if deep_stem:
        body.embedder.embedder = _deep_stem(in_channels)
    if output_stride == 8:
        _dilate(stages[2], 2)
    if output_stride < 32:
        _dilate(stages[3], 32 // output_stride)
        for number, block in enumerate(stages[3].layers if deep_stem else ()):
            _widen(block, 2 ** (number + 1))
    return LibraryBackbone(body, channels, output_stride)


def _deep_stem(in_channels: int) -> nn.Sequential:
    """Three 3 x 3 convolutions to 64, 64 and 128 channels, the first with stride 2."""
    layers = []
    for before, after, stride in ((in_channels, 64, 2), (64, 64, 1), (64, 128, 1)):
        parts = (
            ("convolution", _convolution(before, after, stride=stride)),
            ("normalization", nn.BatchNorm2d(after)),
            ("activation", nn.ReLU()),
        )
        layers.append(nn.Sequential(OrderedDict[str, nn.Module](parts)))
    return nn.Sequential(*layers)


def _convolution(before: int, after: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """3 x 3, without bias, initialised for a ReLU behind it."""
    layer = nn.Conv2d(before, after, 3, stride, dilation, dilation, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def _dilate(stage: nn.Module, dilation: int) -> None:
    """Take the stride of 2 out of a ResNet's stage and dilate its 3 x 3 convolutions instead.

    The one that had the stride still sees the finer map: it is dilated half as much.
    """
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d):
            strided = layer.stride == (2, 2)
            layer.stride = (1, 1)
            _widen(layer, dilation // 2 if strided else dilation)


def _widen(block: nn.Module, dilation: int) -> None:
    """Give every 3 x 3 convolution of a block this dilation; the size of its map stays."""
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.dilation = layer.padding = (dilation, dilation)


def _pvt_v2_b5(in_channels: int) -> LibraryBackbone:
    """PVT-v2-b5 (whai362/PVT), with its drop path of 0.1 and its epsilons: 1e-5 behind patches and reduction, else 1e-6."""
    config, backbone = from_transformers("pvt_v2", "PvtV2Config", "PvtV2Backbone")
    channels = (64, 128, 320, 512)
    body = backbone(
        config(
            num_channels=in_channels,
            hidden_sizes=list(channels),
            depths=[3, 6, 40, 3],
            num_attention_heads=[1, 2, 5, 8],
            sr_ratios=[8, 4, 2, 1],
            mlp_ratios=[4, 4, 4, 4],
            drop_path_rate=0.1,
            layer_norm_eps=1e-6,
            out_features=_STAGES,
        )
    )
    for name, layer in body.named_modules():
        if name.endswith(("patch_embedding.layer_norm", "attention.layer_norm")):
            layer.eps = 1e-5
    return LibraryBackbone(body, channels)


def _swin_b(in_channels: int) -> LibraryBackbone:
    """Swin-B of 384 x 384 pictures and windows of 12 (microsoft/Swin-Transformer); pictures of any size go in."""
    config, backbone = from_transformers("swin", "SwinConfig", "SwinBackbone")
    body = backbone(
        config(
            num_channels=in_channels,
            image_size=384,
            embed_dim=128,
            depths=[2, 2, 18, 2],
            num_heads=[4, 8, 16, 32],
            window_size=12,
            drop_path_rate=0.1,
            out_features=_STAGES,
        )
    )
    body.swin.layernorm.requires_grad_(False)  # the norm before the classifier: no map goes through it
    return LibraryBackbone(body, (128, 256, 512, 1024))
