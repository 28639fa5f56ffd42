"""Picture encoders: sizes and parameters, published weights, and a ResNet computed by hand beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from evaluators.errors import DataError
from models.backbones import TinyBackbone, build_backbone
from models.official_weights import KeyMap, plan_import, require_complete
from models.weights import PVT_KEYS, SWIN_KEYS, SWIN_TIMM_KEYS

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
BLOCKS = {"resnet18": (2, (2, 2, 2, 2), 1), "resnet50": (3, (3, 4, 6, 3), 4)}  # convolutions, blocks, widening
TINY = 9 * (3 * 16 + 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64 + 3 * 64 * 64) + 2 * 2 * (16 + 32 + 64 + 64)


@pytest.mark.parametrize(
    ("name", "options", "parameters", "strides"),
    [
        ("tiny", {}, TINY, (2, 4, 8, 16)),
        ("tiny", {"output_stride": 8}, TINY, (2, 4, 8, 8)),
        ("resnet18", {}, 11_176_512, (4, 8, 16, 32)),  # torchvision's 11,689,512 less a classifier of 513,000
        ("resnet50", {}, 23_508_032, (4, 8, 16, 32)),  # 25,557,032 less 2,049,000
        ("resnet50", {"output_stride": 8, "deep_stem": True}, 23_631_808, (4, 8, 8, 8)),  # CAVP's 23.632 M
        ("resnet101", {}, 42_500_160, (4, 8, 16, 32)),
        ("pvt-v2-b5", {}, 81_443_008, (4, 8, 16, 32)),
        ("swin-b", {}, 86_882_424, (4, 8, 16, 32)),
    ],
)
def test_parameters_and_sizes_of_maps(
    name: str, options: dict[str, int], parameters: int, strides: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        backbone = build_backbone(name, **options)  # type: ignore[arg-type]
        maps = backbone(torch.empty(2, 3, 224, 192))
    assert sum(parameter.numel() for parameter in backbone.parameters()) == parameters
    assert backbone.strides == strides and backbone.weights_note == "random weights"
    frozen = [key for key, parameter in backbone.named_parameters() if not parameter.requires_grad]
    assert frozen == (["body.swin.layernorm.weight", "body.swin.layernorm.bias"] if name == "swin-b" else [])
    assert [tuple(one.shape) for one in maps] == [
        (2, channels, 224 // stride, 192 // stride) for channels, stride in zip(backbone.channels, strides, strict=True)
    ]


def shapes(name: str, deep_stem: bool, in_channels: int = 3) -> Iterator[tuple[str, tuple[int, ...]]]:
    """torchvision's names of a ResNet's tensors, and their shapes."""
    convolutions, depths, widening = BLOCKS[name]

    def norm(prefix: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{prefix}.{part}", (channels,)

    if deep_stem:
        for place, (before, after) in {0: (in_channels, 64), 3: (64, 64), 6: (64, 128)}.items():
            yield f"conv1.{place}.weight", (after, before, 3, 3)
            yield from norm("bn1" if place == 6 else f"conv1.{place + 1}", after)
    else:
        yield "conv1.weight", (64, in_channels, 7, 7)
        yield from norm("bn1", 64)
    before = 128 if deep_stem else 64
    for stage, depth in enumerate(depths):
        width = 64 * 2**stage
        after = width * widening
        for block in range(depth):
            prefix = f"layer{stage + 1}.{block}"
            sizes = (
                [(width, before, 3), (width, width, 3)]
                if convolutions == 2
                else [(width, before, 1), (width, width, 3), (after, width, 1)]
            )
            for number, (out, into, size) in enumerate(sizes):
                yield f"{prefix}.conv{number + 1}.weight", (out, into, size, size)
                yield from norm(f"{prefix}.bn{number + 1}", out)
            if block == 0 and (before != after or stage):
                yield f"{prefix}.downsample.0.weight", (after, before, 1, 1)
                yield from norm(f"{prefix}.downsample.1", after)
            before = after
    yield "fc.weight", (1000, before)
    yield "fc.bias", (1000,)


def drawn(name: str, deep_stem: bool = False) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    weights = {}
    for key, shape in shapes(name, deep_stem):
        spread = 1 / max(1, torch.Size(shape[1:]).numel()) ** 0.5
        weights[key] = (
            torch.randn(shape, generator=random) * spread
            if len(shape) > 1
            else torch.rand(shape, generator=random) + 0.5
        )
    return weights


def twin(
    w: dict[str, Tensor], x: Tensor, name: str, dilations: dict[int, tuple[int, ...]], deep_stem: bool
) -> list[Tensor]:
    """The ResNet from the formulas; ``dilations`` per stage that keeps its size: one per block, of its 3 x 3 convolutions."""
    convolutions, depths, _ = BLOCKS[name]

    def norm(x: Tensor, prefix: str) -> Tensor:
        mean, variance, scale, shift = (
            w[f"{prefix}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    if deep_stem:
        x = norm(F.conv2d(x, w["conv1.0.weight"], stride=2, padding=1), "conv1.1").clamp(min=0)
        x = norm(F.conv2d(x, w["conv1.3.weight"], padding=1), "conv1.4").clamp(min=0)
        x = norm(F.conv2d(x, w["conv1.6.weight"], padding=1), "bn1").clamp(min=0)
    else:
        x = norm(F.conv2d(x, w["conv1.weight"], stride=2, padding=3), "bn1").clamp(min=0)
    x = F.max_pool2d(x, 3, 2, 1)
    maps = []
    for stage, depth in enumerate(depths):
        for block in range(depth):
            prefix = f"layer{stage + 1}.{block}"
            step = 2 if block == 0 and stage and stage not in dilations else 1
            dilation = dilations[stage][block] if stage in dilations else 1
            y = x
            for number in range(convolutions):
                kernel = w[f"{prefix}.conv{number + 1}.weight"]
                wide = kernel.shape[-1] == 3
                strided = number == (0 if convolutions == 2 else 1)
                y = F.conv2d(
                    y,
                    kernel,
                    stride=step if strided else 1,
                    padding=dilation if wide else 0,
                    dilation=dilation if wide else 1,
                )
                y = norm(y, f"{prefix}.bn{number + 1}")
                y = y.clamp(min=0) if number < convolutions - 1 else y
            if f"{prefix}.downsample.0.weight" in w:
                x = norm(F.conv2d(x, w[f"{prefix}.downsample.0.weight"], stride=step), f"{prefix}.downsample.1")
            x = (x + y).clamp(min=0)
        maps.append(x)
    return maps


@pytest.mark.parametrize(
    ("name", "options", "dilations"),
    [
        ("resnet18", {}, {}),
        ("resnet50", {"output_stride": 8}, {2: (1, 2, 2, 2, 2, 2), 3: (2, 4, 4)}),
        ("resnet50", {"output_stride": 8, "deep_stem": True}, {2: (1, 2, 2, 2, 2, 2), 3: (2, 4, 8)}),  # CAVP on VPO
        ("resnet50", {"output_stride": 16, "deep_stem": True}, {3: (2, 4, 8)}),  # CAVP on AVSBench
    ],
)
def test_resnet_equals_the_formulas(
    name: str, options: dict[str, int], dilations: dict[int, tuple[int, ...]], tmp_path: Path
) -> None:
    deep_stem = bool(options.get("deep_stem"))
    weights = drawn(name, deep_stem)
    torch.save({"state_dict": weights}, tmp_path / "published.pth")
    backbone = build_backbone(name, weights=str(tmp_path / "published.pth"), **options).eval()  # type: ignore[arg-type]
    image = torch.randn(1, 3, 64, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for found, expected in zip(backbone(image), twin(weights, image, name, dilations, deep_stem), strict=True):
            assert found.shape == expected.shape
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert backbone.weights_note.endswith("tensors of published.pth; 2 left out (classifier of the pretraining)")


@pytest.mark.parametrize(("stride", "steps"), [(16, (1, 1, 1, 2)), (8, (1, 1, 2, 4))])
def test_a_dilated_resnet_is_the_strided_one_on_a_finer_grid(stride: int, steps: tuple[int, ...]) -> None:
    plain = build_backbone("resnet18").double().eval()
    dilated = build_backbone("resnet18", output_stride=stride).double().eval()
    dilated.load_state_dict(plain.state_dict())
    image = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        for coarse, fine, step in zip(plain(image), dilated(image), steps, strict=True):
            torch.testing.assert_close(fine[:, :, ::step, ::step], coarse, rtol=1e-9, atol=1e-12)


def test_tiny_gives_a_picture_the_same_maps_in_any_batch() -> None:
    backbone = TinyBackbone().double()
    images = torch.randn(3, 3, 32, 48, dtype=torch.float64)
    for alone, together in zip(backbone(images[1:2]), backbone(images), strict=True):
        torch.testing.assert_close(alone, together[1:2], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["tiny", "resnet18"])
def test_gradients_reach_every_parameter(name: str) -> None:
    backbone = build_backbone(name, in_channels=2)
    sum(one.square().mean() for one in backbone(torch.randn(2, 2, 32, 64))).backward()
    for key, parameter in backbone.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, key


def test_a_spectrogram_of_two_channels_gets_the_mean_over_the_colours(tmp_path: Path) -> None:
    weights = drawn("resnet18")
    torch.save(weights, tmp_path / "published.pth")
    backbone = build_backbone("resnet18", in_channels=2, weights=str(tmp_path / "published.pth"))
    first = next(backbone.parameters())
    assert first.shape == (64, 2, 7, 7)
    expected = sum(weights["conv1.weight"][:, colour] for colour in range(3)) / 3
    torch.testing.assert_close(first[:, 0], expected)
    assert torch.equal(first[:, 0], first[:, 1])
    assert "first convolution: mean over the colours, for 2 channels" in backbone.weights_note


def test_own_names_come_back(tmp_path: Path) -> None:
    first = TinyBackbone(1, 8)
    torch.save(first.state_dict(), tmp_path / "own.pth")
    second = build_backbone("tiny", in_channels=1, output_stride=8, weights=str(tmp_path / "own.pth"))
    assert all(torch.equal(value, second.state_dict()[key]) for key, value in first.state_dict().items())


def test_pvt_norms_have_the_official_epsilons() -> None:
    with torch.device("meta"):
        backbone = build_backbone("pvt-v2-b5")
    found = {key: layer.eps for key, layer in backbone.named_modules() if isinstance(layer, torch.nn.LayerNorm)}
    at_1e5 = {key for key, epsilon in found.items() if epsilon == 1e-5}
    patches = {f"body.encoder.layers.{stage}.patch_embedding.layer_norm" for stage in range(4)}
    reduced = {
        f"body.encoder.layers.{stage}.blocks.{block}.attention.layer_norm"
        for stage, depth in enumerate((3, 6, 40))
        for block in range(depth)
    }
    assert at_1e5 == patches | reduced and set(found.values()) == {1e-5, 1e-6}


def pvt_names(style: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The tensors of pvt_v2_b5.pth as whai362/PVT names them, or as timm does."""
    before = 3
    for stage, (depth, dim, reduction) in enumerate(((3, 64, 8), (6, 128, 4), (40, 320, 2), (3, 512, 1))):
        timm_patches = f"stages.{stage}.downsample" if stage else "patch_embed"
        patches = f"patch_embed{stage + 1}" if style == "official" else timm_patches
        blocks = f"block{stage + 1}" if style == "official" else f"stages.{stage}.blocks"
        norm = f"norm{stage + 1}" if style == "official" else f"stages.{stage}.norm"
        depthwise = "mlp.dwconv.dwconv" if style == "official" else "mlp.dwconv"
        size = 3 if stage else 7
        layers: list[tuple[str, tuple[int, ...]]] = [
            (f"{patches}.proj", (dim, before, size, size)),
            (f"{patches}.norm", (dim,)),
        ]
        for block in range(depth):
            inside: list[tuple[str, tuple[int, ...]]] = [
                ("norm1", (dim,)),
                ("attn.q", (dim, dim)),
                ("attn.kv", (2 * dim, dim)),
                ("attn.proj", (dim, dim)),
                ("norm2", (dim,)),
                ("mlp.fc1", (4 * dim, dim)),
                (depthwise, (4 * dim, 1, 3, 3)),
                ("mlp.fc2", (dim, 4 * dim)),
            ]
            if reduction > 1:
                inside += [("attn.sr", (dim, dim, reduction, reduction)), ("attn.norm", (dim,))]
            layers += [(f"{blocks}.{block}.{layer}", shape) for layer, shape in inside]
        for layer, shape in [*layers, (norm, (dim,))]:
            yield f"{layer}.weight", shape
            yield f"{layer}.bias", shape[:1]
        before = dim
    yield "head.weight", (1000, 512)
    yield "head.bias", (1000,)


def swin_names(style: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The tensors of Swin-B as microsoft/Swin-Transformer, timm, or transformers before version 5 name them."""
    hub = style == "transformers"
    names = {
        "norm1": "layernorm_before",
        "attn.proj": "attention.output.dense",
        "norm2": "layernorm_after",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    layers: list[tuple[str, tuple[int, ...]]] = [
        ("swin.embeddings.patch_embeddings.projection" if hub else "patch_embed.proj", (128, 3, 4, 4)),
        ("swin.embeddings.norm" if hub else "patch_embed.norm", (128,)),
    ]
    for stage, (depth, heads) in enumerate(((2, 4), (2, 8), (18, 16), (2, 32))):
        dim = 128 * 2**stage
        prefix = f"swin.encoder.layers.{stage}" if hub else f"layers.{stage}"
        for block in range(depth):
            attention = f"{prefix}.blocks.{block}.{'attention.self' if hub else 'attn'}"
            yield f"{attention}.relative_position_bias_table", (23 * 23, heads)
            yield f"{attention}.relative_position_index", (144, 144)
            if hub:
                layers += [(f"{attention}.{part}", (dim, dim)) for part in ("query", "key", "value")]
            else:
                layers += [(f"{attention}.qkv", (3 * dim, dim))]
            for part, shape in {
                "norm1": (dim,),
                "attn.proj": (dim, dim),
                "norm2": (dim,),
                "mlp.fc1": (4 * dim, dim),
                "mlp.fc2": (dim, 4 * dim),
            }.items():
                layers.append((f"{prefix}.blocks.{block}.{names[part] if hub else part}", shape))
        if stage < 3:
            step = f"layers.{stage + 1}.downsample" if style == "timm" else f"{prefix}.downsample"
            yield f"{step}.reduction.weight", (2 * dim, 4 * dim)
            layers.append((f"{step}.norm", (4 * dim,)))
    layers += [("swin.layernorm" if hub else "norm", (1024,)), ("classifier" if hub else "head.fc", (1000, 1024))]
    for layer, shape in layers:
        yield f"{layer}.weight", shape
        yield f"{layer}.bias", shape[:1]


@pytest.mark.parametrize(
    ("name", "style", "key_map"),
    [
        ("pvt-v2-b5", "official", PVT_KEYS),
        ("pvt-v2-b5", "timm", PVT_KEYS),
        ("swin-b", "official", SWIN_KEYS),
        ("swin-b", "transformers", SWIN_KEYS),
        ("swin-b", "timm", SWIN_TIMM_KEYS),
    ],
)
def test_published_names_of_transformers_fit_to_the_last_tensor(name: str, style: str, key_map: KeyMap) -> None:
    with torch.device("meta"):
        body = build_backbone(name).body
        tensors = {key: torch.empty(shape) for key, shape in (pvt_names if name == "pvt-v2-b5" else swin_names)(style)}
    assert isinstance(body, torch.nn.Module)
    report, found = plan_import(body, tensors, key_map, "published")
    require_complete(report, key_map, "published")
    own = body.state_dict()
    assert {key: value.shape for key, value in found.items()} == {key: own[key].shape for key in found}
    assert not [key for key in report.missing if not key.startswith("hidden_states_norms.")]
    assert {reason for _, reason in report.dropped} <= {"classifier of the pretraining", "a constant, computed here"}


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("resnet34", {}, "unknown-backbone"),
        ("resnet50", {"output_stride": 4}, "backbone-option"),
        ("swin-b", {"output_stride": 16}, "backbone-option"),
        ("pvt-v2-b5", {"deep_stem": True}, "backbone-option"),
        ("tiny", {"in_channels": 0}, "backbone-option"),
        ("tiny", {"weights": "imagenet"}, "unknown-weights"),
    ],
)
def test_what_cannot_be_built_is_told_in_one_line(name: str, options: dict[str, int], reason: str) -> None:
    with pytest.raises(DataError) as caught:
        build_backbone(name, **options)  # type: ignore[arg-type]
    assert caught.value.reason == reason and "\n" not in str(caught.value)


def broken_torchvision(folder: Path) -> None:
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text("raise RuntimeError('no operator torchvision::nms')")
    (folder / "torchvision-0.28.0.dist-info").mkdir()
    (folder / "torchvision-0.28.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n"
    )


def test_a_broken_torchvision_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_torchvision(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(
        sys.modules, "transformers.models.resnet", None
    )  # what transformers does then: its models don't import
    with pytest.raises(
        DataError, match=r"^torchvision: .*no operator torchvision::nms.*uninstall torchvision.*\[broken-torchvision\]$"
    ):
        build_backbone("resnet18")


@pytest.mark.slow
def test_a_broken_torchvision_is_told_of_the_real_transformers(tmp_path: Path) -> None:
    broken_torchvision(tmp_path)
    code = "from models.backbones import build_backbone as b\nb('tiny')\ntry: b('resnet18')\nexcept ValueError as e: print(e)"
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.stdout.count("\n") == 1 and done.stdout.endswith("[broken-torchvision]\n")


def test_a_missing_transformers_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "transformers.models.resnet", None)
    with pytest.raises(DataError, match=r"pip install 'avskit\[train\]' \[missing-package\]"):
        build_backbone("resnet18")
