"""TPAVI beside twins written from its equations, and its published names and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from evaluators.errors import DataError
from models.backbones import build_backbone
from models.batch import VOID, Batch
from models.official_weights import import_weights, plan_import, require_complete
from models.sound_encoder import SoundEncoder
from models.tpavi import OFFICIAL_KEYS, Tpavi, TpaviOptions, build_tpavi, matching_loss, nearest_sounds
from models.tpavi_parts import Decoder, DilatedSum, Interaction, ResidualUnit, as_video, linear_attention

torch.set_num_threads(1)
R50_PUBLISHED, PVT_PUBLISHED, AVSS_PUBLISHED = 91_400_961, 101_320_577, 91_402_247  # parameters in the official code
SECOND_BRANCH = 7_098_368 + 14_964_736  # the last two stages of a ResNet-50
FIRST_UNIT = 2 * (9 * 256 * 256 + 256)  # two convolutions of 256 channels
INTERACTION = 129 * 256 + 3 * 257 * 128 + 129 * 256 + 2 * 256 + 2 * 256  # align; theta, phi, g; mu; two norms


class Ear(SoundEncoder):
    """Each frame hears its own part of the sound: level, and sine of the level, of each channel."""

    def __init__(self, channels: int = 1, width: int = 6) -> None:
        super().__init__()
        self.channels, self.width, self.weights_note = channels, width, "random weights"
        self.layer = nn.Linear(2 * channels, width)

    def tokens(self, sound: Tensor, frames: int) -> Tensor:
        levels = sound.view(len(sound), self.channels, frames, -1).square().mean(3).sqrt().transpose(1, 2)
        heard: Tensor = self.layer(torch.cat((levels, (9 * levels).sin()), 2)).relu()  # (batch, frames, width)
        return heard


def system(seed: int = 0, *, classes: int = 1, channels: int = 1, awake: bool = True, **options: object) -> Tpavi:
    """A tiny one. ``awake``: the batch norms of the fusion, which begin as 0, let sound through."""
    torch.manual_seed(seed)
    made = build_tpavi(
        TpaviOptions(**{"width": 8, **options}),  # type: ignore[arg-type]
        visual=build_backbone("tiny"),
        audio=Ear(channels) if channels else None,
        classes=classes,
    )
    if awake:
        for module in made.modules():
            if isinstance(module, nn.BatchNorm3d):
                nn.init.normal_(module.weight)
    return made


def batch(classes: int = 1, frames: int = 3, size: int = 32, samples: int = 2, channels: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(5)
    target = torch.randint(0, max(classes, 2), (samples, frames, size, size), generator=generator)
    target[:, :, :3] = VOID
    annotated = torch.ones(samples, frames, dtype=torch.bool)
    annotated[0, 1:] = False
    target[~annotated] = VOID
    return Batch(
        image=torch.randn(samples, frames, 3, size, size, generator=generator),
        sound=torch.randn(samples, channels, frames * 20, generator=generator),
        target=target,
        annotated=annotated,
        sounding=torch.zeros(samples, max(classes, 2), dtype=torch.bool),
        ids=tuple(str(number) for number in range(samples)),
    )


def naive_product(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Eq. 1 as it stands: (batch, C, frames, height, width) three times, a matrix of all pixels by all pixels."""
    alpha = query.flatten(2).transpose(1, 2) @ key.flatten(2)  # (batch, N, N)
    mixed = alpha / alpha.shape[2] @ value.flatten(2).transpose(1, 2)
    return mixed.transpose(1, 2).reshape(query.shape)


@pytest.mark.parametrize("keys_differ", [False, True])
@pytest.mark.parametrize("shape", [(2, 4, 5, 7, 6), (1, 3, 1, 8, 8), (2, 2, 3, 1, 1)])
def test_the_product_without_a_matrix_is_the_product(shape: tuple[int, ...], keys_differ: bool) -> None:
    torch.manual_seed(0)
    query, value = torch.randn(2, *shape)
    key = torch.randn(shape if keys_differ else (*shape[:3], 1, 1))
    expected = naive_product(query, key.expand(shape), value)
    assert float((linear_attention(query, key, value) - expected).abs().max()) < 1e-6


def test_the_product_pixel_by_pixel() -> None:
    torch.manual_seed(0)
    query, value = torch.randn(2, 1, 3, 2, 2, 1, dtype=torch.float64)
    key = torch.randn(1, 3, 2, 1, 1, dtype=torch.float64)
    fast = linear_attention(query, key, value)
    pixels = [(frame, row) for frame in range(2) for row in range(2)]
    for frame, row in pixels:
        slow = torch.zeros(3, dtype=torch.float64)
        for other, place in pixels:
            similar = sum(float(query[0, c, frame, row, 0] * key[0, c, other, 0, 0]) for c in range(3))
            slow += similar / 4 * value[0, :, other, place, 0]
        torch.testing.assert_close(fast[0, :, frame, row, 0], slow)


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the most numbers that any tensor had."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple | list) else (made,):
            if isinstance(one, Tensor):
                self.numbers = max(self.numbers, one.numel())
        return made


@pytest.mark.parametrize("position", ["none", "coord", "key"])
def test_no_tensor_is_larger_than_the_maps(position: str) -> None:
    part = Interaction(8, 6, True, position)
    maps, tokens = torch.randn(5, 8, 24, 24), torch.randn(1, 5, 6)
    with Largest() as largest, torch.no_grad():  # type: ignore[no-untyped-call]
        part(maps, tokens)
    assert largest.numbers == maps.numel()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("position", ["none", "coord", "key"])
def test_one_stage_as_the_equation_says(position: str, training: bool) -> None:
    torch.manual_seed(1)
    part = Interaction(8, 6, True, position).train(training)
    nn.init.normal_(part.mu[1].get_parameter("weight"))
    maps, tokens = torch.randn(2 * 3, 8, 5, 4), torch.randn(2, 3, 6)
    with torch.no_grad():
        fused, sounds = part(maps, tokens)
        placed = part.before(maps)
        video, asking = as_video(placed, 3), as_video(part.inside(placed), 3)
        duplicated = part.align(tokens).flatten(0, 1)[:, :, None, None].expand_as(maps)  # A hat of the paper
        alpha_g = naive_product(part.theta(asking), part.phi(as_video(part.inside(duplicated), 3)), part.g(video))
        expected = part.norm((video + part.mu(alpha_g)).movedim(1, 4)).movedim(4, 2)
    torch.testing.assert_close(fused, expected.flatten(0, 1), rtol=0, atol=5e-6)  # of about 1
    torch.testing.assert_close(sounds, part.align(tokens).flatten(0, 1))


def test_at_first_no_sound_passes_a_stage() -> None:
    torch.manual_seed(0)
    part = Interaction(8, 6, True, "none")
    maps = torch.randn(2, 8, 4, 4)
    loud, silent = (part(maps, tokens)[0] for tokens in (torch.randn(1, 2, 6), torch.zeros(1, 2, 6)))
    assert torch.equal(loud, silent)
    torch.testing.assert_close(loud, part.norm(maps.movedim(1, 3)).movedim(3, 1))


def test_pixels_hear_the_sounds_of_other_frames() -> None:
    made = system().eval()
    one = batch(frames=2)
    louder = one.sound.clone()
    louder[:, :, 20:] *= 3  # the second frame's
    with torch.no_grad():
        first, other = (made(one.image, sound)[:, 0] for sound in (one.sound, louder))
    assert not torch.allclose(first, other)


def test_frames_of_a_window_are_on_their_own() -> None:
    made = system(window=2).eval()
    one = batch(frames=4)
    with torch.no_grad():
        whole = made(one.image, one.sound)
        halves = [made(one.image[:, k : k + 2], one.sound[:, :, 20 * k : 20 * k + 40]) for k in (0, 2)]
    torch.testing.assert_close(whole, torch.cat(halves, 1), rtol=0, atol=1e-5)
    with pytest.raises(DataError, match="3 frames with windows of 2"):
        made(one.image[:, :3], one.sound[:, :, :60])


def test_a_residual_unit_adds_the_relu_of_its_input() -> None:
    torch.manual_seed(0)
    unit = ResidualUnit(4)
    maps = torch.randn(1, 4, 5, 5)
    kept = maps.clone()
    with torch.no_grad():
        changed = F.relu_(maps)  # in place, as the official code: what is added afterwards is the changed input
        expected = unit.conv2(F.relu_(unit.conv1(changed))) + maps
        assert torch.equal(unit(kept), expected)
        assert not torch.allclose(unit(kept), unit.conv2(unit.conv1(kept.relu()).relu()) + kept)
    assert kept.min() < 0, "its input is left as it was"


def test_the_neck_is_a_sum_over_dilations() -> None:
    torch.manual_seed(0)
    neck, maps = DilatedSum(2, 3), torch.randn(1, 2, 40, 40)
    expected = torch.zeros(3)
    for branch, step in zip(neck.branches, (3, 6, 12, 18), strict=True):
        weight, bias = branch.get_parameter("weight"), branch.get_parameter("bias")
        expected += bias + torch.einsum(
            "oiyx,iyx->o", weight, maps[0, :, 20 - step : 21 + step : step, 20 - step : 21 + step : step]
        )
        assert 0.005 < float(weight.detach().std()) < 0.015
    torch.testing.assert_close(neck(maps)[0, :, 20, 20], expected)


def test_the_decoder_doubles_as_the_official_one() -> None:
    torch.manual_seed(0)
    decoder = Decoder(8, 2)
    maps = [torch.randn(1, 8, size, size) for size in (16, 8, 4, 2)]  # of a picture of 64 x 64

    def doubled(one: Tensor) -> Tensor:
        return F.interpolate(one, scale_factor=2, mode="bilinear", align_corners=True)

    with torch.no_grad():
        path = doubled(decoder.merge[3](maps[3]))
        for level in (2, 1, 0):
            path = doubled(decoder.merge[level](path + decoder.lateral[level](maps[level])))
        path = F.interpolate(decoder.wide(path), scale_factor=2, mode="bilinear")
        expected = decoder.classify(decoder.narrow(path).relu())
        assert torch.equal(decoder(maps, 64, 64), expected)


@pytest.mark.parametrize("size", [(33, 47), (32, 64)])
def test_logits_have_the_size_of_the_picture(size: tuple[int, int]) -> None:
    made = system(classes=3, channels=2).eval()
    with torch.no_grad():
        assert made(torch.randn(2, 2, 3, *size), torch.randn(2, 2, 40)).shape == (2, 2, 3, *size)


def test_maps_of_the_matching_loss_are_not_negative() -> None:
    with torch.no_grad():
        _, maps, sounds = system().segment(torch.randn(1, 2, 3, 32, 32), torch.randn(1, 1, 40))
    assert all(float(one.min()) >= 0 for one in maps) and list(sounds) == [1, 2, 3, 4]


def softmax(values: list[float]) -> list[float]:
    total = math.fsum(math.exp(value) for value in values)
    return [math.exp(value) / total for value in values]


def matching_case(classes: int) -> tuple[Tensor, dict[int, tuple[Tensor, Tensor]], Tensor]:
    """Two stages of 2 x 2 frames, 4 x 4 pixels of logits over 2 x 2 and 1 x 1 pixels of maps, three channels."""
    torch.manual_seed(3)
    logits = torch.randn(2, 2, classes, 4, 4, dtype=torch.float64)
    stages = {
        stage: (torch.rand(4, 3, size, size, dtype=torch.float64), 3 * torch.randn(4, 3, dtype=torch.float64))
        for stage, size in ((3, 2), (4, 1))
    }
    return logits, stages, torch.tensor([[True, False], [True, True]])


def masked_features(logits: Tensor, maps: Tensor) -> list[list[float]]:
    """For each frame the mean over the map's pixels of mask * map."""
    size, step, features = maps.shape[2], 4 // maps.shape[2], []
    for frame, seen in zip(logits.flatten(0, 1), maps, strict=True):
        sums = [0.0] * maps.shape[1]
        for row in range(size):
            for column in range(size):
                cell = frame[:, row * step : (row + 1) * step, column * step : (column + 1) * step]
                soft, hard = 1 / (1 + math.exp(-float(cell.mean()))), float((cell.argmax(0) > 0).double().mean())
                mask = soft if len(frame) == 1 else hard
                for channel in range(len(sums)):
                    sums[channel] += mask * float(seen[channel, row, column])
        features.append([value / size**2 for value in sums])
    return features


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("matched", ["av", "vv"])
@pytest.mark.parametrize("classes", [1, 3])
def test_matching_against_its_slow_twin(classes: int, matched: str, reduction: str) -> None:
    logits, stages, annotated = matching_case(classes)
    known, total = [0, 2, 3], 0.0  # frames with masks
    for maps, sounds in stages.values():
        features, divergences = masked_features(logits, maps), []
        for frame in known:
            if matched == "av":
                wanted = sounds[frame].tolist()
            else:
                others = {
                    other: math.dist(sounds[frame].tolist(), sounds[other].tolist())
                    for other in known
                    if other != frame
                }
                wanted = features[min(others, key=lambda other: others[other])]
            p, q = softmax(wanted), softmax(features[frame])
            divergences.append(math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))
        total += math.fsum(divergences) / (3 if reduction == "mean" else 1)
    assert matching_loss(logits, stages, annotated, matched, reduction).item() == pytest.approx(total / 2, rel=1e-10)


def test_a_frame_is_never_its_own_neighbour() -> None:
    far = torch.tensor([[0.0], [100.0], [250.0], [99.0]])  # further than the 10 of the official code
    nearest, partnered = nearest_sounds(far, torch.tensor([True, True, True, False]))
    assert nearest[:3].tolist() == [1, 0, 1] and partnered.tolist() == [True, True, True, False]
    assert nearest_sounds(far, torch.tensor([True, False, False, False]))[1].tolist() == [False] * 4


def test_one_frame_alone_has_no_neighbour_and_no_loss() -> None:
    logits, stages, _ = matching_case(1)
    alone = torch.tensor([[False, False], [True, False]])
    assert matching_loss(logits, stages, alone, "vv", "sum").item() == 0


@pytest.mark.parametrize("matched", ["av", "vv"])
def test_the_loss_is_entropy_plus_lambda_times_matching(matched: str) -> None:
    made, one = system(matched=matched), batch()
    generator = torch.Generator()
    losses = made.training_loss(one, generator)
    parts = losses.parts
    assert losses.total.item() == pytest.approx(parts["segmentation"].item() + 0.5 * parts["matching"].item(), rel=1e-6)
    assert parts["matching"].item() > 0 and not parts["matching"].requires_grad
    assert list(system(matching=0.0).training_loss(one, generator).parts) == ["segmentation"]
    assert list(system(fusion="none").training_loss(one, generator).parts) == ["segmentation"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"classes": 5, "channels": 2},
        {"channels": 0},
        {"fusion": "add"},
        {"fusion": "add", "position": "coord"},
        {"fusion": "none"},
        {"position": "coord", "channels": 2},
        {"position": "key", "channels": 2},
        {"position": "key", "channels": 0, "classes": 3},
        {"stages": (3, 4), "matched": "vv"},
        {"matching": 0.0, "align_bias": False},
    ],
    ids=str,
)
def test_gradients_reach_every_parameter(options: dict[str, object]) -> None:
    made = system(awake=False, **options)  # type: ignore[arg-type]
    one = batch(classes=made.classes, channels=made.channels or 1)
    torch.autograd.backward([made.training_loss(one, torch.Generator()).total])
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    grouped = [id(p) for group in made.parameter_groups().values() for p in group]
    assert sorted(grouped) == sorted(id(p) for p in made.parameters()), "each parameter in one group, once"


def test_only_annotated_pixels_are_learned_from() -> None:
    one = batch()
    ignored = (one.target == VOID) | ~one.annotated[:, :, None, None]
    logits = torch.randn(2, 3, 1, 32, 32, requires_grad=True)
    made = system(matching=0.0)
    made.segment = lambda image, sound: (logits, [], {})  # type: ignore[method-assign]
    (gradient,) = torch.autograd.grad(made.training_loss(one, torch.Generator()).total, logits)
    assert not gradient.squeeze(2)[ignored].any() and gradient.squeeze(2)[~ignored].all()


@pytest.mark.parametrize("options", [{}, {"stages": (4,)}, {"fusion": "none"}, {"fusion": "add"}], ids=str)
def test_filled_up_frames_hold_nothing(options: dict[str, object]) -> None:
    made, one = system(**options).eval(), batch(frames=3)  # type: ignore[arg-type]
    image = one.image.clone()
    image[:, 2] = 0
    louder = one.sound.clone()
    louder[:, :, 40:] *= 3  # of the frame that isn't there
    with torch.no_grad():
        first, maps, _ = made.segment(image, one.sound)
        other, _, _ = made.segment(image, louder)
    assert torch.equal(first, other)
    assert not any(one.view(2, 3, *one.shape[1:])[:, 2].any() for one in maps)


def test_the_deaf_hear_nothing_and_have_about_as_many_parameters() -> None:
    with torch.device("meta"):
        deaf, hearing = (
            build_tpavi(TpaviOptions(), visual=build_backbone("tiny"), audio=ear, classes=1)
            for ear in (None, Ear(width=128))
        )
    own, others = (
        sum(p.numel() for name, p in one.named_parameters() if not name.startswith("audio.")) for one in (deaf, hearing)
    )
    assert deaf.channels == 0 and own - others == 128
    made, one = system(channels=0).eval(), batch()
    with torch.no_grad():
        assert torch.equal(made(one.image, one.sound), made(one.image, torch.zeros(2, 0, 60)))


def test_a_tiny_one_learns_one_batch() -> None:
    made, one = system(awake=False, width=16), batch(samples=1, frames=2)
    one.target[:] = 0
    one.target[:, :, 8:24, 4:20] = 1
    one.annotated[:] = True
    one.image[:, :, 0] += one.target
    optimizer = torch.optim.AdamW(made.parameters(), 5e-3)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = made.training_loss(one, torch.Generator()).total
        torch.autograd.backward([loss])
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"stages": ()}, "stages"),
        ({"stages": (0, 1)}, "stages"),
        ({"stages": (1, 1)}, "stages"),
        ({"width": 9}, "width 9"),
        ({"fusion": "mul"}, "avs-train show"),
        ({"position": "key", "fusion": "add"}, "position 'key' with fusion add, expected one of none, coord"),
        ({"position": "coord", "fusion": "none"}, "position 'coord' with fusion none"),
        ({"position": "left"}, "position 'left'"),
    ],
)
def test_options_that_do_not_fit_are_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(DataError, match=told) as error:
        system(**options)  # type: ignore[arg-type]
    assert error.value.reason == "model-options" and "\n" not in str(error.value)


def on_meta(visual: str, **options: object) -> Tpavi:
    classes = int(options.pop("classes", 1))  # type: ignore[call-overload]
    with torch.device("meta"):
        return build_tpavi(
            TpaviOptions(**options),  # type: ignore[arg-type]
            visual=build_backbone(visual),
            audio=Ear(width=128),
            classes=classes,
        )


def parameters(made: Tpavi) -> int:
    return sum(p.numel() for name, p in made.named_parameters() if not name.startswith("audio."))


def test_parameters_are_the_official_ones_that_learn() -> None:
    resnet = parameters(on_meta("resnet50"))
    assert resnet == R50_PUBLISHED - SECOND_BRANCH - FIRST_UNIT
    assert parameters(on_meta("pvt-v2-b5")) == PVT_PUBLISHED - FIRST_UNIT
    avss = parameters(on_meta("resnet50", classes=71, align_bias=False))
    assert avss == AVSS_PUBLISHED - SECOND_BRANCH - FIRST_UNIT
    assert resnet - parameters(on_meta("resnet50", fusion="none")) == 4 * INTERACTION
    assert resnet - parameters(on_meta("resnet50", fusion="add")) == 4 * (INTERACTION - 129 * 256)


def resnet_names() -> Iterator[str]:
    """Names in the official ResNet-50, which has its last two stages twice."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    yield "conv1.weight"
    yield from (f"bn1.{name}" for name in norm)
    for layer, blocks in (("1", 3), ("2", 4), ("3_1", 6), ("4_1", 3), ("3_2", 6), ("4_2", 3)):
        for block in range(blocks):
            for number in (1, 2, 3):
                yield f"layer{layer}.{block}.conv{number}.weight"
                yield from (f"layer{layer}.{block}.bn{number}.{name}" for name in norm)
            if block == 0:
                yield f"layer{layer}.0.downsample.0.weight"
                yield from (f"layer{layer}.0.downsample.1.{name}" for name in norm)


def pvt_names() -> Iterator[str]:
    """Layers in the official PVT-v2-b5; the last stage attends to maps that aren't reduced."""
    for stage, blocks in enumerate((3, 6, 40, 3), 1):
        yield from (f"patch_embed{stage}.proj", f"patch_embed{stage}.norm", f"norm{stage}")
        for block in range(blocks):
            reduced = ("attn.sr", "attn.norm") if stage < 4 else ()
            others = ("norm1", "attn.q", "attn.kv", "attn.proj", "norm2", "mlp.fc1", "mlp.dwconv.dwconv", "mlp.fc2")
            yield from (f"block{stage}.{block}.{layer}" for layer in (*others, *reduced))


def with_both(names: Iterable[str]) -> Iterator[str]:
    return (f"{name}.{kind}" for name in names for kind in ("weight", "bias"))


def official_names(visual: str, *, align_bias: bool = True) -> list[str]:
    backbone = (
        (f"resnet.{name}" for name in resnet_names())
        if visual == "resnet50"
        else (f"encoder_backbone.{name}" for name in with_both(pvt_names()))
    )
    layers = [f"conv{stage}.conv2d_list.{k}" for stage in range(1, 5) for k in range(4)]
    layers += [f"path{n}.resConfUnit{k}.conv{c}" for n in range(1, 5) for k in (1, 2) for c in (1, 2)]
    layers += [f"output_conv.{k}" for k in (0, 2, 4)]
    parts = ("align_channel", "norm_layer", "g", "W_z.0", "W_z.1", "theta", "phi")
    layers += [f"tpavi_b{stage}.{part}" for stage in range(1, 5) for part in parts]
    names = [*backbone, *with_both(layers)]
    names += [
        f"tpavi_b{n}.W_z.1.{k}" for n in range(1, 5) for k in ("running_mean", "running_var", "num_batches_tracked")
    ]
    return [name for name in names if align_bias or not name.endswith("align_channel.bias")]


@pytest.mark.parametrize(
    ("visual", "options", "keys", "dropped"),
    [
        ("resnet50", {}, 630, 174 + 4),  # 29 convolutions with their norms; two convolutions
        ("pvt-v2-b5", {}, 1190, 4),
        ("resnet50", {"align_bias": False, "classes": 71}, 626, 174 + 4),
        ("resnet50", {"position": "key"}, 630, 174 + 4),
    ],
)
def test_published_names_have_their_places(visual: str, options: dict[str, object], keys: int, dropped: int) -> None:
    names = official_names(visual, align_bias=bool(options.get("align_bias", True)))
    assert len(names) == len(set(names)) == keys
    made = on_meta(visual, **options)
    report, _ = plan_import(made, {name: torch.empty(2, device="meta") for name in names}, OFFICIAL_KEYS, "official")
    require_complete(report, OFFICIAL_KEYS, "official")
    assert len(report.dropped) == dropped and not report.unexpected
    assert all(name.startswith("audio.") or ".inside." in name for name in report.missing)


def test_a_published_file_loads_to_the_same_numbers(tmp_path: Path) -> None:
    """Of a network as small as can be, in the published names; a file that lacks a layer is refused."""
    made, other = system(seed=1), system(seed=2)
    renamed = ((".align.", ".align_channel."), (".norm.", ".norm_layer."), (".mu.", ".W_z."), ("fusions.", "tpavi_b"))
    published = {}
    for name, tensor in made.state_dict().items():
        if name.startswith("fusions."):
            for ours, theirs in renamed:
                name = name.replace(ours, theirs)
        for stage in range(1, 5):
            name = name.replace(f"neck.{stage - 1}.branches.", f"conv{stage}.conv2d_list.")
            name = name.replace(f"decoder.lateral.{stage - 1}.", f"path{stage}.resConfUnit1.")
            name = name.replace(f"decoder.merge.{stage - 1}.", f"path{stage}.resConfUnit2.")
        for ours, number in (("wide", 0), ("narrow", 2), ("classify", 4)):
            name = name.replace(f"decoder.{ours}.", f"output_conv.{number}.")
        published[name] = tensor
    torch.save(published, tmp_path / "published.pth")
    import_weights(other, tmp_path / "published.pth")
    one = batch()
    with torch.no_grad():
        assert torch.equal(made.eval()(one.image, one.sound), other.eval()(one.image, one.sound))
    del published["conv1.conv2d_list.0.bias"]
    torch.save(published, tmp_path / "half.pth")
    with pytest.raises(DataError, match=r"1 missing ones \(neck.0.branches.0.bias\)"):
        import_weights(other, tmp_path / "half.pth")
