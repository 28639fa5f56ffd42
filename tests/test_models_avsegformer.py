"""AVSegFormer: sizes, laws of its parts, its losses beside loops, the names of its published weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evaluators.errors import DataError
from models.avsegformer import (
    OFFICIAL_KEYS,
    Avsegformer,
    AvsegformerOptions,
    MaskFeatures,
    Output,
    build_avsegformer,
    mixing_loss,
)
from models.backbones import build_backbone
from models.batch import VOID, Batch
from models.official_weights import import_weights, plan_import, require_complete
from models.query_decoder import ChannelMixer, QueryDecoder, QueryGenerator, QueryLayer
from models.sound_encoder import build_sound_encoder

torch.set_num_threads(1)
SMALL = AvsegformerOptions(dim=32, queries=5, heads=4, points=2, layers=2, ffn=24, generator_ffn=16, hidden=20)
SIDE, SAMPLES = 32, 32_000
VGGISH, RESNET, PVT = 72_141_184, 23_508_032, 81_443_008  # parameters, without classifiers
NEVER_USED = 3 * (256 * 256 * 9 + 256) + (256 * 128 * 9 + 128) + (128 * 32 * 9 + 32) + 32  # head.fpn, head.attn_fc


def small(channels: int = 1, classes: int = 1, **changes: Any) -> Avsegformer:
    torch.manual_seed(0)
    audio = build_sound_encoder("tiny", channels) if channels else None
    return build_avsegformer(replace(SMALL, **changes), visual=build_backbone("tiny"), audio=audio, classes=classes)


def batch_of(frames: int, channels: int, classes: int, size: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(1)
    annotated = torch.ones(size, frames, dtype=torch.bool)
    annotated[0, 1:] = False
    target = torch.randint(0, max(classes, 2), (size, frames, SIDE, SIDE), generator=generator)
    return Batch(
        image=torch.randn(size, frames, 3, SIDE, SIDE, generator=generator),
        sound=torch.randn(size, channels, SAMPLES, generator=generator),
        target=target.masked_fill(~annotated[:, :, None, None], VOID),
        annotated=annotated,
        sounding=torch.zeros(size, max(classes, 2), dtype=torch.bool),
        ids=tuple(str(number) for number in range(size)),
    )


# ---------------------------------------------------------------------------------------------------- size and names


def published(kind: str, classes: int = 1) -> tuple[Avsegformer, int]:
    """A system of the published size on the meta device, and its parameters."""
    with torch.device("meta"):
        visual, audio = build_backbone(kind), build_sound_encoder("vggish", 1)
        system = build_avsegformer(AvsegformerOptions(), visual=visual, audio=audio, classes=classes)
    return system, sum(parameter.numel() for parameter in system.parameters())


@pytest.mark.parametrize(
    ("kind", "official", "unused"),
    [
        ("resnet50", 150_902_528, NEVER_USED + 22_063_104),  # of the ResNet: a second copy of its last two stages
        ("pvt-v2-b5", 186_053_504, NEVER_USED),
    ],
)
def test_parameters_are_the_official_ones_without_those_never_used(kind: str, official: int, unused: int) -> None:
    _, parameters = published(kind)
    assert parameters == official - unused
    assert round(official / 1e6, 3) == {"resnet50": 150.903, "pvt-v2-b5": 186.054}[kind]


def test_parameters_of_the_parts_by_hand() -> None:
    system, parameters = published("resnet50")
    dim, ffn = 256, 2048
    norm = 2 * dim

    def linear(before: int, after: int) -> int:
        return before * after + after

    attention = 4 * linear(dim, dim)
    expected = {
        "neck": sum(linear(channels, dim) + norm for channels in (256, 512, 1024, 2048)),
        "hear": linear(128, dim),
        # offsets and weights for 8 heads, 3 maps, 4 points; value and output
        "encoder": 6
        * (linear(dim, 192) + linear(dim, 96) + 2 * linear(dim, dim) + linear(dim, ffn) + linear(ffn, dim) + 2 * norm)
        + 3 * dim,
        "generator": 2 * 300 * dim + 6 * (2 * 4 * dim * dim + linear(dim, 1024) + linear(1024, dim) + 3 * norm),
        "decoder": 6 * (2 * attention + linear(dim, ffn) + linear(ffn, dim) + 3 * norm),
        "features": linear(dim, dim) + norm + linear(9 * dim, dim) + norm,
        "mixer": 3 * dim * dim + linear(dim, dim),
        "spread": linear(300, 2048) + linear(2048, 2048) + linear(2048, dim),
        "output": linear(9 * dim, 128) + linear(9 * 128, 32) + 32,
    }
    for name, count in expected.items():
        assert sum(one.numel() for one in system.get_submodule(name).parameters()) == count, name
    assert parameters == sum(expected.values()) + VGGISH + RESNET


def official_tensors(classes: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the published ResNet-50 model's tensors behind its backbone."""

    def layer(name: str, before: int, *rest: int, bias: bool = True) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.weight", (before, *rest)
        if bias:
            yield f"{name}.bias", (before,)

    vgg = {"features.0": (64, 1), "features.3": (128, 64), "features.6": (256, 128), "features.8": (256, 256)}
    vgg |= {"features.11": (512, 256), "features.13": (512, 512)}
    for name, shape in vgg.items():
        yield from layer(f"vggish.{name}", *shape, 3, 3)
    for place, shape in {0: (4096, 12288), 2: (4096, 4096), 4: (128, 4096)}.items():
        yield from layer(f"vggish.embeddings.{place}", *shape)
    yield from layer("audio_proj", 256, 128)
    yield "head.level_embed", (3, 256)
    yield "head.learnable_query.weight", (300, 256)
    yield "head.query_generator.query.weight", (300, 256)
    for place in range(6):
        generator = f"head.query_generator.layers.{place}"
        encoder, decoder = (f"head.transformer.{part}.layers.{place}" for part in ("encoder", "decoder"))
        for attention in ("self_attn", "cross_attn"):
            yield f"{generator}.{attention}.in_proj_weight", (768, 256)
            yield f"{generator}.{attention}.out_proj.weight", (256, 256)
            yield f"{decoder}.{attention}.in_proj_weight", (768, 256)
            yield f"{decoder}.{attention}.in_proj_bias", (768,)
            yield from layer(f"{decoder}.{attention}.out_proj", 256, 256)
        yield from layer(f"{generator}.ffn.0", 1024, 256)
        yield from layer(f"{generator}.ffn.2", 256, 1024)
        for name, width in {
            "sampling_offsets": 192,
            "attention_weights": 96,
            "value_proj": 256,
            "output_proj": 256,
        }.items():
            yield from layer(f"{encoder}.self_attn.{name}", width, 256)
        for transformer in (encoder, decoder):
            yield from layer(f"{transformer}.linear1", 2048, 256)
            yield from layer(f"{transformer}.linear2", 256, 2048)
        for number in (1, 2, 3):
            yield from layer(f"{generator}.norm{number}", 256)
            yield from layer(f"{decoder}.norm{number}", 256)
            if number < 3:
                yield from layer(f"{encoder}.norm{number}", 256)
    for place, channels in enumerate((256, 512, 1024, 2048)):
        yield from layer(f"head.in_proj.{place}.0", 256, channels, 1, 1)
        yield from layer(f"head.in_proj.{place}.1", 256)
    for place, shape in enumerate(((2048, 300), (2048, 2048), (256, 2048))):
        yield from layer(f"head.mlp.layers.{place}", *shape, 1, 1)
    for name, size in {"lateral_conv": 1, "out_conv": 3}.items():
        yield from layer(f"head.{name}.0", 256, 256, size, size)
        yield from layer(f"head.{name}.1", 256)
    yield from layer("head.fusion_block.q_proj", 256, 256, bias=False)
    yield from layer("head.fusion_block.kv_proj", 512, 256, bias=False)
    yield from layer("head.fusion_block.proj", 256, 256)
    for number in (1, 2, 3):
        yield from layer(f"head.fpn.up{number}.1", 256, 256, 3, 3)
    for name in ("attn_fc", "fc"):
        yield from layer(f"head.{name}.0", 128, 256, 3, 3)
        yield from layer(f"head.{name}.2", 32, 128, 3, 3)
        yield from layer(f"head.{name}.4", classes, 32, 1, 1, bias=False)


def official_resnet(visual: nn.Module) -> Iterator[tuple[str, tuple[int, ...]]]:
    """torchvision's names, with the last two stages twice."""
    names = {"embedder.embedder.convolution": "conv1", "embedder.embedder.normalization": "bn1"}
    for own, tensor in visual.state_dict().items():
        name = own.removeprefix("body.")
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        for stage in range(4):
            name = name.replace(f"encoder.stages.{stage}.layers.", f"layer{stage + 1}{'_1' if stage > 1 else ''}.")
        for number in range(3):
            name = name.replace(f".layer.{number}.convolution", f".conv{number + 1}")
            name = name.replace(f".layer.{number}.normalization", f".bn{number + 1}")
        name = name.replace("shortcut.convolution", "downsample.0").replace("shortcut.normalization", "downsample.1")
        yield f"backbone.{name}", tuple(tensor.shape)
        if "_1." in name:
            yield f"backbone.{name.replace('_1.', '_2.')}", tuple(tensor.shape)


def test_every_published_tensor_has_its_place_or_a_reason() -> None:
    system, _ = published("resnet50", classes=71)
    shapes = dict([*official_tensors(71), *official_resnet(system.visual)])
    assert len(shapes) == 853  # as the official model's state has
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    report, found = plan_import(system, tensors, OFFICIAL_KEYS, "published")
    require_complete(report, OFFICIAL_KEYS, "published")
    assert (len(report.loaded), len(report.dropped), report.missing) == (668, 185, ())
    own = system.state_dict()
    assert all(own[name].shape == tensor.shape for name, tensor in found.items())
    assert {name.split(".")[1] for name, _ in report.dropped} == {"fpn", "attn_fc", "layer3_2", "layer4_2"}


@pytest.mark.parametrize(
    ("official", "ours"),
    [
        ("head.query_generator.query.weight", "generator.first"),
        ("head.learnable_query.weight", "generator.added"),
        ("head.mlp.layers.1.weight", "spread.2.weight"),
        ("head.query_generator.layers.3.ffn.2.bias", "generator.layers.3.linear2.bias"),
        ("head.fusion_block.kv_proj.weight", "mixer.key_value.weight"),
        ("backbone.block2.0.attn.q.weight", "visual.body.encoder.layers.1.blocks.0.attention.query.weight"),
        ("backbone.layer4_1.0.bn2.bias", "visual.body.encoder.stages.3.layers.0.layer.1.normalization.bias"),
    ],
)
def test_where_a_published_tensor_goes(official: str, ours: str) -> None:
    assert OFFICIAL_KEYS.translate(official) == ((ours,), "")


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save({"head.fc.0.weight": torch.zeros(128, 256, 3, 3), "head.extra": torch.zeros(1)}, file)
    with pytest.raises(DataError, match="weights-mismatch"):
        import_weights(small(), file)


# ------------------------------------------------------------------------------------------------------------ system


@pytest.mark.parametrize("position", ["none", "coord", "key"])
@pytest.mark.parametrize(("channels", "frames", "classes"), [(0, 1, 1), (1, 2, 3), (2, 1, 3)])
def test_every_parameter_gets_a_gradient(channels: int, frames: int, classes: int, position: str) -> None:
    system = small(channels, classes, position=position)
    batch = batch_of(frames, channels, classes)
    losses = system.training_loss(batch, torch.Generator())
    losses.total.backward()
    for name, parameter in system.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    assert set(losses.parts) == {"segmentation", "mixing"} and not any(
        part.requires_grad for part in losses.parts.values()
    )
    groups = {name: list(group) for name, group in system.parameter_groups().items()}
    listed = [id(parameter) for group in groups.values() for parameter in group]
    assert sorted(listed) == sorted(id(parameter) for parameter in system.parameters())
    assert bool(groups["audio"]) == bool(channels)
    assert (system.channels, system.classes) == (channels, classes)


@pytest.mark.parametrize(("height", "width"), [(32, 48), (37, 50)])
def test_logits_have_the_size_of_the_picture(height: int, width: int) -> None:
    system = small(classes=3).eval()
    with torch.no_grad():
        logits = system(torch.randn(2, 1, 3, height, width), torch.randn(2, 1, SAMPLES))
    assert logits.shape == (2, 1, 3, height, width)


def test_a_frame_alone_is_predicted_as_in_its_video() -> None:
    """No frame knows of another; and a batch of one frame works, which the official mixer fails on."""
    system = small().eval()
    batch = batch_of(2, 1, 1)
    second = batch.sound[:1, :, 16_000:]  # what frame 1 hears
    with torch.no_grad():
        together = system(batch.image, batch.sound)
        alone = system(batch.image[:1, 1:], second)
    assert torch.allclose(alone[0, 0], together[0, 1], atol=1e-5)


def test_sound_changes_the_prediction_only_of_a_system_that_hears() -> None:
    for channels, changes in ((1, True), (2, True), (0, False)):
        system = small(channels).eval()
        image, sound = torch.randn(1, 1, 3, SIDE, SIDE), torch.randn(1, channels, SAMPLES)
        with torch.no_grad():
            assert torch.equal(system(image, sound), system(image, 0.1 * sound)) is not changes


def test_deaf_has_hardly_fewer_parameters() -> None:
    heard, deaf = (
        sum(one.numel() for one in system.get_submodule("hear").parameters()) for system in (small(), small(0))
    )
    assert deaf - heard == (128 - 64) * SMALL.dim
    assert small(0).silence.shape == (128,)


class Halves(nn.Module):
    """A backbone that only shrinks the picture."""

    channels = (3, 3, 3, 3)

    def forward(self, image: Tensor) -> list[Tensor]:
        return [nn.functional.avg_pool2d(image, size) for size in (2, 4, 8, 16)]


class Pointwise(nn.Module):
    """Any maps in, the first out or its convolution; of the size asked for."""

    classes = 1

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(dim, 1, 1)

    def forward(self, maps: Tensor, height: int, width: int) -> Tensor:
        return nn.functional.interpolate(self.convolution(maps), (height, width))


class First(nn.Module):
    def forward(self, maps: Any, *_: Any) -> Any:
        return maps


def without_neighbours(position: str) -> Avsegformer:
    """Parts by constructor: each pixel sees itself only, so places are known from coordinates alone."""
    torch.manual_seed(0)
    dim = 32
    visual: Any = Halves()
    output: Any = Pointwise(dim)
    return Avsegformer(
        visual,
        build_sound_encoder("tiny", 2),
        dim=dim,
        encoder=First(),
        generator=QueryGenerator(4, dim, 4, 1, 16),
        decoder=QueryDecoder(dim, 4, 1, 16, 0.0),
        features=First(),
        mixer=ChannelMixer(dim, 4),
        spread=nn.Conv2d(4, dim, 1),
        output=output,
        position=position,
    ).eval()


class Wanting(nn.Module):
    """Fails unless the second map is of the size named."""

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        assert (fine.shape[2:], coarse.shape[2:]) == ((SIDE // 2, SIDE // 2), (SIDE // 4, SIDE // 4))
        return fine


def test_features_are_made_of_the_two_finest_maps() -> None:
    system = without_neighbours("none")
    system.features = Wanting()
    with torch.no_grad():
        system(torch.randn(1, 1, 3, SIDE, SIDE), torch.randn(1, 2, SAMPLES))


@pytest.mark.parametrize(("position", "knows"), [("none", False), ("coord", True), ("key", True)])
def test_only_with_positions_a_mirrored_picture_is_more_than_mirrored(position: str, knows: bool) -> None:
    system = without_neighbours(position)
    image, sound = torch.randn(1, 1, 3, SIDE, SIDE), torch.randn(1, 2, SAMPLES)
    with torch.no_grad():
        difference = (system(image.flip(4), sound).flip(4) - system(image, sound)).abs().max()
    assert difference > 1e-2 if knows else difference < 1e-4


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 48},
        {"heads": 3},
        {"queries": 0},
        {"dropout": 1.5},
        {"mixing": -1.0},
        {"position": "left"},
        {"layers": 0},
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="model-options"):
        small(**changes)


def test_dropout_is_off_in_evaluation_only() -> None:
    system, batch = small(), batch_of(1, 1, 1)
    with torch.no_grad():
        assert not torch.equal(system(batch.image, batch.sound), system(batch.image, batch.sound))
        system.eval()
        assert torch.equal(system(batch.image, batch.sound), system(batch.image, batch.sound))


def test_one_batch_is_learnt() -> None:
    """Two pictures of the same noise under two sounds, of which one makes the left half and one the right half sound."""
    system = small(dropout=0.0)
    image = torch.randn(1, 1, 3, SIDE, SIDE).expand(2, -1, -1, -1, -1)
    time = torch.arange(SAMPLES) / 16_000
    sound = torch.stack([torch.sin(2 * torch.pi * pitch * time) for pitch in (300, 3000)])[:, None]
    target = torch.zeros(2, 1, SIDE, SIDE, dtype=torch.int64)
    target[0, :, :, : SIDE // 2], target[1, :, :, SIDE // 2 :] = 1, 1
    annotated, sounding = torch.ones(2, 1, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)
    batch = Batch(image, sound, target, annotated, sounding, ("low", "high"))
    optimizer = torch.optim.AdamW(system.parameters(), 2e-3)
    for _ in range(40):
        optimizer.zero_grad()
        system.training_loss(batch, torch.Generator()).total.backward()
        optimizer.step()
    system.eval()
    with torch.no_grad():
        right = ((system(image, sound)[:, :, 0] > 0) == (target > 0)).double().mean()
        swapped = ((system(image, sound.flip(0))[:, :, 0] > 0) == (target > 0)).double().mean()
    assert right > 0.95 and swapped < 0.05


# ------------------------------------------------------------------------------------------------------------- parts


def slow_attention(layer: nn.MultiheadAttention, query: Any, keys: Any, values: Any) -> Any:
    """softmax(q k / sqrt(d)) v head by head, for one sample: (queries, dim), (tokens, dim) twice, in float64."""
    state = {name: value.double().numpy() for name, value in layer.state_dict().items()}
    dim = query.shape[1]
    bias = state.get("in_proj_bias", np.zeros(3 * dim))
    inside = [
        one @ state["in_proj_weight"][k * dim : (k + 1) * dim].T + bias[k * dim : (k + 1) * dim]
        for k, one in enumerate((query, keys, values))
    ]
    part = dim // layer.num_heads
    found = np.zeros_like(query)
    for head in range(layer.num_heads):
        q, k, v = (one[:, head * part : (head + 1) * part] for one in inside)
        for row in range(len(query)):
            scores = np.exp([q[row] @ k[token] / part**0.5 for token in range(len(keys))])
            found[row, head * part : (head + 1) * part] = sum(
                s * one for s, one in zip(scores / scores.sum(), v, strict=True)
            )
    return found @ state["out_proj.weight"].T + state.get("out_proj.bias", 0)


@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_of_queries_equals_the_loops(bias: bool) -> None:
    torch.manual_seed(0)
    layer = QueryLayer(8, 2, 6, 0.0, bias=bias).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    queries, keys, values = (torch.randn(1, count, 8, dtype=torch.float64) for count in (3, 5, 5))

    def norm(number: int, x: Any) -> Any:
        one = layer.get_submodule(f"norm{number}")
        scale, shift = (parameter.detach().numpy() for parameter in one.parameters())
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * scale + shift

    with torch.no_grad():
        x = queries[0].numpy()
        x = norm(1, x + slow_attention(layer.self_attn, x, x, x))
        x = norm(2, x + slow_attention(layer.cross_attn, x, keys[0].numpy(), values[0].numpy()))
        x = norm(3, x + layer.linear2(nn.functional.gelu(layer.linear1(torch.from_numpy(x)))).numpy())
        assert np.allclose(layer(queries, keys, values)[0].numpy(), x, atol=1e-10)


def test_where_a_layer_drops() -> None:
    """With everything dropped, what is added is 0, and only the three norms are left."""
    layer = QueryLayer(8, 2, 6, 1.0, bias=True)
    queries, pixels = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    with torch.no_grad():
        assert torch.equal(layer(queries, pixels, pixels), layer.norm3(layer.norm2(layer.norm1(queries))))


def test_the_generator_adds_its_second_queries_at_the_end() -> None:
    generator = QueryGenerator(5, 8, 2, 1, 6)
    heard = torch.randn(3, 1, 8)
    with torch.no_grad():
        before = generator(heard)
        generator.added.add_(1)
        assert torch.allclose(generator(heard), before + 1, atol=1e-6) and before.shape == (3, 5, 8)


def test_the_order_of_the_pixels_does_not_matter_to_the_decoder() -> None:
    decoder = QueryDecoder(8, 2, 2, 6).eval()
    queries, pixels, order = torch.randn(2, 3, 8), torch.randn(2, 10, 8), torch.randperm(10)
    with torch.no_grad():
        assert torch.allclose(
            decoder(queries, pixels, pixels), decoder(queries, pixels[:, order], pixels[:, order]), atol=1e-5
        )


def test_the_mixer_equals_the_loops() -> None:
    """gate = sigmoid(W sum_p softmax_p(q k_p / sqrt(d)) v_p + b), one for each channel, the same for all pixels."""
    torch.manual_seed(0)
    dim, heads, part = 8, 2, 4
    mixer = ChannelMixer(dim, heads).double()
    maps, heard = torch.randn(1, dim, 2, 3, dtype=torch.float64), torch.randn(1, 1, dim, dtype=torch.float64)
    with torch.no_grad():
        found = mixer(maps, heard)
        query = mixer.query(heard)[0, 0]
        keys, values = (maps[0].flatten(1).T @ weight.T for weight in mixer.key_value.weight.chunk(2))
        pooled = torch.zeros(dim, dtype=torch.float64)
        for head in range(heads):
            cut = slice(head * part, (head + 1) * part)
            scores = torch.stack([(query[cut] @ key[cut] / part**0.5).exp() for key in keys])
            for score, value in zip(scores / scores.sum(), values, strict=True):
                pooled[cut] += score * value[cut]
        gate = mixer.project(pooled).sigmoid()
    assert torch.allclose(found, maps * gate[:, None, None], atol=1e-12)


def test_features_are_the_fine_map_plus_the_enlarged_coarse_one() -> None:
    """With the parts behind the sum as they are, a coarse map of ones is the same as a fine path that is 1 larger."""
    features = MaskFeatures(32)
    fine = torch.randn(1, 32, 6, 4)
    with torch.no_grad():
        constant = features(fine, torch.ones(1, 32, 3, 2))
        features.lateral[1].get_parameter("bias").add_(1)
        assert torch.allclose(features(fine, torch.zeros(1, 32, 3, 2)), constant, atol=1e-5)
        assert (constant >= 0).all()


# ------------------------------------------------------------------------------------------------------------ losses


def slow_dice(logits: Any, target: Any) -> float:
    """1 - 2 sum p t / (sum p^2 + sum t^2 + 0.002), of one frame."""
    p = 1 / (1 + np.exp(-logits))
    counts, t = target != VOID, ((target > 0) & (target != VOID)).astype(float)
    return float(1 - 2 * (p * t * counts).sum() / ((p**2 * counts).sum() + (t**2).sum() + 0.002))


@pytest.mark.parametrize("classes", [1, 3])
def test_the_loss_is_dice_or_entropy_and_a_tenth_of_the_mixing_dice(classes: int) -> None:
    system = small(classes=classes).eval()
    batch = batch_of(2, 1, classes)
    batch.target[1, 0, :3] = VOID
    with torch.no_grad():
        losses = system.training_loss(batch, torch.Generator())
        logits, features = system.segment(batch.image, batch.sound)
    rows = [(0, 0), (1, 0), (1, 1)]  # the annotated frames
    scores, target = logits.double().numpy(), batch.target.numpy()
    size = (SIDE, SIDE)
    means = nn.functional.interpolate(features.mean(2), size, mode="bilinear", align_corners=False).double().numpy()
    mixing = np.mean([slow_dice(means[row], target[row]) for row in rows])
    if classes == 1:
        main = np.mean([slow_dice(scores[row][0], target[row]) for row in rows])
    else:
        each = []
        for row in rows:
            for y, x in zip(*np.nonzero(target[row] != VOID), strict=True):
                pixel = scores[row][:, y, x]
                each.append(np.log(np.exp(pixel).sum()) - pixel[target[row][y, x]])
        main = np.mean(each)
    assert losses.parts["segmentation"].item() == pytest.approx(main, abs=1e-5)
    assert losses.parts["mixing"].item() == pytest.approx(mixing, abs=1e-5)
    assert losses.total.item() == pytest.approx(main + 0.1 * mixing, abs=1e-5)


def test_mixing_loss_by_hand() -> None:
    """Channels of mean 0 give p = 1/2: of 4 pixels, 2 sounding, 1 - 2 * 1 / (4 * 0.25 + 2 + 0.002)."""
    features = torch.tensor([1.0, -1.0])[None, None, :, None, None].expand(1, 1, 2, 1, 1)
    target = torch.tensor([[[[0, 5], [7, 0]]]])  # any category sounds
    annotated = torch.ones(1, 1, dtype=torch.bool)
    assert mixing_loss(features, target, annotated).item() == pytest.approx(1 - 2 / 3.002)


def test_what_has_no_mask_does_not_count() -> None:
    system, batch = small().eval(), batch_of(2, 1, 1)
    other = replace(batch, image=batch.image.clone())
    other.image[0, 1] += 1  # frame 1 of sample 0 isn't annotated
    with torch.no_grad():
        first, second = (system.training_loss(one, torch.Generator()).total for one in (batch, other))
    assert torch.equal(first, second)


def test_under_autocast_the_losses_stay_float32() -> None:
    system, batch = small().eval(), batch_of(1, 1, 1)
    with torch.no_grad():
        exact = system.training_loss(batch, torch.Generator()).total
        with torch.autocast("cpu", torch.bfloat16):
            coarse = system.training_loss(batch, torch.Generator()).total
    assert coarse.dtype == torch.float32 and abs(coarse - exact) < 0.05


def test_a_narrow_network_can_say_no_at_its_beginning() -> None:
    # the classifier has no bias and sees values above 0: with 4 channels one start in 16 had positive weights alone,
    # and then no pixel ever got a logit below 0
    for seed in range(60):
        torch.manual_seed(seed)
        assert (Output(32, 1).classify.weight < 0).any()
