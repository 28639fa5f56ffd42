"""CAVP: sizes, parameters, attention beside a slow twin, and what its loss does with pairs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.backbones import build_backbone
from models.batch import VOID, Batch
from models.cavp import OFFICIAL_KEYS, Cavp, CavpOptions, build_cavp
from models.cavp_attention import CrossAttention
from models.cavp_pairing import draw_pixels, nearest, pair_sounds, pairing_loss
from models.config import make_record
from models.deeplab import AtrousPyramid, DeepLabFeatures
from models.sound_encoder import build_sound_encoder

torch.set_num_threads(1)
SMALL = CavpOptions(heads=4, width=24, reduced=8, hidden=16, views=8, bank_seconds=0.5)
SIDE, SAMPLES = 32, 8000


def build(options: CavpOptions = SMALL, channels: int = 1, classes: int = 4, seed: int = 0) -> Cavp:
    torch.manual_seed(seed)
    audio = build_sound_encoder("tiny", channels) if channels else None
    return build_cavp(options, visual=build_backbone("tiny", output_stride=8), audio=audio, classes=classes)


def batch_of(samples: int = 4, channels: int = 1, classes: int = 4, frames: int = 1, seed: int = 0) -> Batch:
    """A square of category 1, 2, 1, 2, ... in each frame; each sample hears its own."""
    generator = torch.Generator().manual_seed(seed)
    category = torch.arange(samples) % min(2, max(classes, 2) - 1) + 1
    target = torch.zeros(samples, frames, SIDE, SIDE, dtype=torch.int64)
    target[:, :, 4:20, 4:20] = category[:, None, None, None]
    image = torch.randn(samples, frames, 3, SIDE, SIDE, generator=generator) + target[:, :, None]
    sound = torch.randn(samples, channels, SAMPLES if frames == 1 else 16000 * frames, generator=generator)
    return Batch(
        image=image,
        sound=sound * category[:, None, None] / 10,
        target=target,
        annotated=torch.ones(samples, frames, dtype=torch.bool),
        sounding=nn.functional.one_hot(category, max(classes, 2)).bool(),
        ids=tuple(map(str, range(samples))),
    )


def loss_of(system: Cavp, batch: Batch, seed: int = 0) -> dict[str, float]:
    losses = system.training_loss(batch, torch.Generator().manual_seed(seed))
    return {"total": losses.total.item(), **{name: part.item() for name, part in losses.parts.items()}}


def full_size(audio: str, channels: int, classes: int, *, width: int = 0) -> Cavp:
    """The official parts, without memory."""
    with torch.device("meta"):
        visual = build_backbone("resnet50", output_stride=8, deep_stem=True)
        heard = build_sound_encoder(audio, channels, width=width)
        return build_cavp(CavpOptions(), visual=visual, audio=heard, classes=classes)


@pytest.mark.parametrize(
    ("audio", "channels", "classes", "official"),
    [
        ("resnet18", 2, 22, 58_241_480),  # VPO stereo
        ("resnet18", 1, 22, 58_238_344),  # VPO mono
        ("vggish", 1, 71, 119_787_001),  # AVSBench-semantic
        ("vggish", 1, 2, 119_769_268),  # AVSBench-object
    ],
)
def test_parameters_are_the_official_ones_without_what_nothing_uses(
    audio: str, channels: int, classes: int, official: int
) -> None:
    system = full_size(audio, channels, classes, width=304)
    unused = 128 * 128 * 304 + 304  # cross_att.pos_embed_v, pos_embed_a
    unused += 304 * 2 + 2  # audio_backbone.cls_head
    assert sum(parameter.numel() for parameter in system.parameters()) == official - unused


def test_parts_have_the_official_sizes() -> None:
    groups = {
        name: sum(p.numel() for p in group) for name, group in full_size("resnet18", 2, 22).parameter_groups().items()
    }
    assert {name: round(count / 1e6, 3) for name, count in groups.items()} == {
        "visual": 23.632, "fusion": 1.454, "head": 16.844, "audio": 11.329,
    }  # fmt: skip


def official_names(audio: str) -> list[str]:
    """Names of the tensors in a published file, from the modules of the official code."""

    def norm(name: str) -> list[str]:
        return [f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]

    def linear(name: str) -> list[str]:
        return [f"{name}.weight", f"{name}.bias"]

    def resnet(prefix: str, stem: list[str], blocks: tuple[int, ...], layers: int) -> list[str]:
        names = [f"{prefix}.{one}" for one in stem]
        for stage, count in enumerate(blocks):
            for block in range(count):
                where = f"{prefix}.layer{stage + 1}.{block}"
                for layer in range(1, layers + 1):
                    names += [f"{where}.conv{layer}.weight", *norm(f"{where}.bn{layer}")]
                if block == 0 and (stage > 0 or layers == 3):
                    names += [f"{where}.downsample.0.weight", *norm(f"{where}.downsample.1")]
        return names

    stem = [f"conv1.{n}.weight" for n in (0, 3, 6)] + norm("conv1.1") + norm("conv1.4") + norm("bn1")
    names = resnet("backbone.backbone", stem, (3, 4, 6, 3), 3)
    names += [f"segment.aspp.{one}.weight" for one in ("global_pooling_conv", "red_conv", "pool_red_conv")]
    names += [f"segment.aspp.map_convs.{branch}.weight" for branch in range(4)]
    for one in (
        "aspp.map_bn",
        "aspp.global_pooling_bn",
        "aspp.red_bn",
        "reduce.1",
        "upsample.last_conv.1",
        "upsample.last_conv.4",
    ):
        names += norm(f"segment.{one}")
    names += [f"segment.{one}.weight" for one in ("reduce.0", "upsample.last_conv.0", "upsample.last_conv.3")]
    names += [f"cross_att.blocks.0.attn.{one}.weight" for one in "qkv"] + [
        "cross_att.pos_embed_v",
        "cross_att.pos_embed_a",
    ]
    block = ("norm1", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    for one in ("patch_embed_v.proj", "patch_embed_a.proj", "norm", *(f"blocks.0.{part}" for part in block)):
        names += linear(f"cross_att.{one}")
    for one in (
        "segment.upsample.classifier",
        "visual_projector.fc1",
        "visual_projector.fc2",
        "audio_backbone.cls_head",
    ):
        names += linear(one)
    if audio == "resnet18":
        names += resnet("audio_backbone.backbone", ["conv1.weight", *norm("bn1")], (2, 2, 2, 2), 2)
        return names + linear("audio_backbone.backbone.fc")
    for one in (*(f"features.{n}" for n in (0, 3, 6, 8, 11, 13)), *(f"embeddings.{n}" for n in (0, 2, 4))):
        names += linear(f"audio_backbone.backbone.{one}")
    return names


@pytest.mark.parametrize(("audio", "channels", "count"), [("resnet18", 2, 521), ("vggish", 1, 417)])
def test_every_published_name_leads_to_a_tensor_of_ours_and_all_are_reached(
    audio: str, channels: int, count: int
) -> None:
    names = official_names(audio)
    assert len(set(names)) == len(names) == count
    reached = Counter(own for name in names for own in OFFICIAL_KEYS.translate(name)[0])
    system = full_size(audio, channels, 22, width=304)
    assert set(reached) == {name for name in system.state_dict() if not name.startswith("bank.")}
    assert set(reached.values()) == {1}
    assert sum(bool(OFFICIAL_KEYS.translate(name)[1]) for name in names) == 4


def slow_attention(cross: CrossAttention, features: Tensor, tokens: Tensor) -> Tensor:
    """The official block as it is written: queries, keys and values by head, one item and head at a time."""
    results = []
    for pixels, token in zip(features.flatten(1, 2), tokens, strict=True):
        seen, heard = cross.norm_in(cross.pixels_in(pixels)), cross.norm_in(cross.sound_in(token[None]))
        parts = []
        for query, key, value in zip(
            *(one.chunk(cross.heads, 1) for one in (cross.query(seen), cross.key(heard), cross.value(heard))),
            strict=True,
        ):
            logits = query @ key.T / query.shape[1] ** 0.5  # (pixels, 1)
            if cross.attention == "sigmoid":
                weights = 1 / (1 + torch.exp(-logits))
            elif cross.attention == "softmax":
                weights = torch.exp(logits) / torch.exp(logits).sum()
            else:
                weights = (logits - logits.min()) / (logits.max() - logits.min())
            parts.append(weights @ value)
        mixed = seen + cross.join(torch.cat(parts, 1))
        results.append(cross.norm_out(mixed + cross.mlp(cross.norm_mlp(mixed))))
    return torch.stack(results).view_as(features)


@pytest.mark.parametrize("attention", ["sigmoid", "softmax", "min-max"])
def test_attention_against_its_slow_twin(attention: str) -> None:
    torch.manual_seed(0)
    cross = CrossAttention(12, 5, 3, attention).double()
    features, tokens = torch.randn(2, 3, 4, 12).double(), 3 * torch.randn(2, 5).double()
    torch.testing.assert_close(cross(features, tokens), slow_attention(cross, features, tokens), rtol=1e-12, atol=1e-12)


def test_min_max_of_pixels_that_are_all_alike_is_zero() -> None:
    torch.manual_seed(0)
    cross = CrossAttention(12, 5, 3, "min-max")
    features = torch.randn(1, 1, 1, 12).expand(1, 2, 2, 12).clone().requires_grad_()
    found = cross(features, torch.randn(1, 5))
    silent = cross(features, torch.randn(1, 5))
    torch.testing.assert_close(found, silent, msg="no sound gets through")
    found.sum().backward()
    assert features.grad is not None and features.grad.isfinite().all()


def test_position_key_reaches_the_shares_and_nothing_else() -> None:
    torch.manual_seed(0)
    cross = CrossAttention(12, 5, 3, "sigmoid", "key")
    alike = torch.randn(1, 1, 1, 12).expand(1, 2, 6, 12)
    nn.init.zeros_(cross.value.weight)
    quiet = cross(alike, torch.randn(1, 5))
    torch.testing.assert_close(quiet, quiet[:, :1, :1].expand_as(quiet))
    nn.init.normal_(cross.value.weight)
    heard = cross(alike, torch.randn(1, 5))
    assert (heard[:, :, :1] - heard[:, :, -1:]).abs().max() > 1e-3


@pytest.mark.parametrize(("channels", "classes", "frames"), [(0, 4, 1), (1, 1, 1), (2, 4, 1), (1, 4, 2), (2, 1, 3)])
@pytest.mark.parametrize("position", ["none", "coord", "key"])
def test_sizes_and_a_gradient_for_every_parameter(channels: int, classes: int, frames: int, position: Any) -> None:
    system = build(replace(SMALL, position=position), channels, classes)
    batch = batch_of(3, channels, classes, frames)
    assert system(batch.image, batch.sound).shape == (3, frames, classes, SIDE, SIDE)
    assert (system.channels, system.classes) == (channels, classes)
    system.training_loss(batch, torch.Generator().manual_seed(0)).total.backward()  # type: ignore[no-untyped-call]
    without = [name for name, one in system.named_parameters() if one.grad is None or not one.grad.isfinite().all()]
    assert not without
    grouped = [id(one) for group in system.parameter_groups().values() for one in group]
    assert sorted(grouped) == sorted(id(one) for one in system.parameters())


def test_the_finest_map_is_at_a_quarter_of_the_picture_whatever_the_backbone() -> None:
    assert build()._seen(torch.randn(1, 3, 32, 48)).shape == (1, 8, 12, 32)
    with torch.device("meta"):
        assert full_size("resnet18", 2, 22)._seen(torch.randn(2, 3, 64, 96)).shape == (2, 16, 24, 304)


def test_a_picture_of_any_size_goes_in() -> None:
    system = build().eval()
    assert system(torch.randn(1, 1, 3, 37, 51), torch.randn(1, 1, SAMPLES)).shape == (1, 1, 4, 37, 51)


def test_frames_of_a_video_are_pictures_with_their_second_of_the_sound() -> None:
    system, batch = build(channels=2).eval(), batch_of(2, 2, frames=3)
    together = system(batch.image, batch.sound)
    for frame in range(3):
        alone = system(batch.image[:, frame : frame + 1], batch.sound[:, :, 16000 * frame : 16000 * (frame + 1)])
        torch.testing.assert_close(together[:, frame : frame + 1], alone, rtol=1e-4, atol=1e-5)


def test_sound_changes_the_prediction_and_a_deaf_network_ignores_it() -> None:
    batch = batch_of(2)
    for channels, differs in ((1, True), (0, False)):
        system = build(channels=channels).eval()
        first, second = (system(batch.image, sound) for sound in (batch.sound, batch.sound.flip(0)))
        assert ((first - second).abs().max() > 1e-6) == differs


def test_the_deaf_network_has_nearly_as_many_parameters_besides_its_ear() -> None:
    deaf, hearing = build(channels=0), build(channels=1)
    assert hearing.audio is not None and deaf.audio is None
    count, other = (sum(p.numel() for p in one.parameters()) for one in (deaf, hearing))
    ear = sum(p.numel() for p in hearing.audio.parameters())
    assert abs(count - (other - ear)) < 0.05 * count


def test_the_loss_is_its_parts_and_the_generator_alone_draws() -> None:
    batch = batch_of(6)
    first, same, other = (loss_of(build(), batch, seed) for seed in (1, 1, 2))
    assert first == same and first["mask"] == other["mask"] and first["contrast"] != other["contrast"]
    assert first["total"] == pytest.approx(first["mask"] + first["contrast"]) and first["contrast"] > 0


def test_torchs_own_random_state_is_left_alone() -> None:
    system = build()
    before = torch.get_rng_state()
    loss_of(system, batch_of())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("contrast", ["cavp", "supcon", "none"])
def test_one_sample_has_nobody_to_exchange_with(contrast: Any) -> None:
    system = build(replace(SMALL, contrast=contrast))
    found = loss_of(system, batch_of(1))
    assert found["mask"] > 0
    assert {
        "cavp": found.get("contrast") == 0,
        "supcon": found.get("contrast", 0) > 0,
        "none": "contrast" not in found,
    }[contrast]


def test_without_objects_the_contrast_is_zero_and_without_pixels_all_of_it() -> None:
    batch = batch_of()
    nothing = replace(batch, target=torch.zeros_like(batch.target), sounding=torch.zeros_like(batch.sounding))
    assert loss_of(build(), nothing)["contrast"] == 0 < loss_of(build(), nothing)["mask"]
    system = build()
    unknown = replace(batch, target=torch.full_like(batch.target, VOID), annotated=torch.zeros_like(batch.annotated))
    losses = system.training_loss(unknown, torch.Generator())
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert losses.total.item() == 0 and all(p.grad is not None and not p.grad.any() for p in system.parameters())
    assert loss_of(system, replace(batch, annotated=torch.zeros_like(batch.annotated)))["total"] == 0


def test_frames_without_annotation_do_not_count() -> None:
    batch = batch_of(3, frames=3)
    batch.annotated[:, 1] = False
    changed = replace(batch, image=batch.image.clone(), target=batch.target.clone())
    changed.image[:, 1], changed.target[:, 1] = 9, 3
    for frames in ("all", "one"):
        options = replace(SMALL, frames=frames)
        for seed in range(3):
            assert loss_of(build(options), batch, seed) == loss_of(build(options), changed, seed)


def test_one_frame_of_a_video_is_drawn_or_all_are_taken() -> None:
    system, batch = build(), batch_of(5, frames=4)
    batch.annotated[0] = torch.tensor([False, False, True, False])
    batch.annotated[1] = False
    drawn = set()
    for seed in range(30):
        items = system._items(batch, torch.Generator().manual_seed(seed))
        assert len(items.image) == 5
        assert torch.equal(items.image[0], batch.image[0, 2]) and torch.equal(
            items.sound[0], batch.sound[0, :, 32000:48000]
        )
        assert items.annotated.tolist() == [True, False, True, True, True] and (items.labels[1] == VOID).all()
        drawn |= {frame for frame in range(4) if torch.equal(items.image[2], batch.image[2, frame])}
    assert drawn == {0, 1, 2, 3}
    every = build(replace(SMALL, frames="all"))._items(batch, torch.Generator())
    assert len(every.image) == 1 + 1 + 3 * 4


def test_categories_heard_are_the_tables_for_pictures_and_the_masks_for_videos() -> None:
    system, batch = build(), batch_of(2, frames=2)
    batch.target[0, 1] = 0
    every = build(replace(SMALL, frames="all"))._items(batch, torch.Generator())
    assert every.heard.int().argmax(1).tolist() == [1, 0, 2, 2] and every.heard.sum(1).tolist() == [1, 0, 1, 1]
    picture = batch_of(2)
    picture.target[:] = 0  # cut away, but still heard
    assert torch.equal(system._items(picture, torch.Generator()).heard, picture.sounding)
    binary = build(classes=1)._items(
        replace(batch_of(2, classes=1), sounding=torch.zeros(2, 1).bool()), torch.Generator()
    )
    assert binary.heard.tolist() == [[False, True]] * 2


def test_the_bank_fills_and_its_sounds_are_used() -> None:
    system, batch = build(replace(SMALL, positives=1.0)), batch_of(4)
    assert system.bank is not None and system.bank.counts() == [0, 0, 0, 0]
    heard: list[int] = []
    assert system.audio is not None
    system.audio.register_forward_pre_hook(lambda module, inputs: heard.append(len(inputs[0])))
    loss_of(system, batch, 3)
    assert system.bank.counts() == [0, 2, 2, 0] and heard == [4]
    kept = system.bank.sounds[1:3, :2].clone()
    torch.testing.assert_close(kept[0], batch.sound[[0, 2]], rtol=0, atol=0)
    while heard[-1] == 4:
        loss_of(system, batch, len(heard))
    assert heard[-1] > 4, "own sounds and those of the bank go through the encoder together"


def test_a_right_sound_from_the_bank_makes_the_pair_a_match() -> None:
    system, batch = build(replace(SMALL, positives=1.0)), batch_of(4)
    loss_of(system, batch)
    items = system._items(batch, torch.Generator())
    for seed in range(10):
        pairs, sound = system._paired(items, torch.Generator().manual_seed(seed))
        assert pairs is not None and pairs.matched.all()
        for item, source in enumerate(pairs.source.tolist()):
            category = int(batch.sounding[item].int().argmax())
            same = [other for other in range(4) if other % 2 == item % 2]
            assert any(torch.equal(sound[source], batch.sound[other]) for other in same), category


def test_the_contrast_is_that_of_pixels_of_both_pairings() -> None:
    system, batch = build(replace(SMALL, bank=0)).eval(), batch_of(4)
    generator = torch.Generator().manual_seed(3)
    pairs = pair_sounds(batch.sounding, [0] * 4, 0.5, generator)
    seen, tokens = system._seen(batch.image[:, 0]), system._tokens(batch.sound, 4)
    features = [system.cross(seen[[item]], tokens[[item]])[0] for item in range(4)]
    features += [system.cross(seen[[item]], tokens[[source]])[0] for item, source in enumerate(pairs.source.tolist())]
    pixels = draw_pixels(nearest(batch.target[:, 0], seen.shape[1:3]), pairs, 8, generator)
    expected = pairing_loss(torch.stack(features).flatten(0, 2)[pixels.index], pixels.label, 0.1).item()
    assert not pairs.matched.all()
    assert loss_of(system, batch, 3)["contrast"] == pytest.approx(expected, rel=1e-5)


def test_a_network_that_was_saved_goes_on_as_the_one_that_was_not() -> None:
    system, batches = build(), [batch_of(seed=seed) for seed in range(3)]
    for seed in range(2):
        loss_of(system, batches[seed], seed)
    copy = build(seed=7)
    copy.load_state_dict(system.state_dict())
    assert loss_of(system, batches[2], 5) == loss_of(copy, batches[2], 5)


@pytest.mark.parametrize(
    "options",
    [
        replace(SMALL, bank=0),
        replace(SMALL, exact=True),
        replace(SMALL, contrast="supcon"),
        replace(SMALL, contrast="none"),
    ],
)
def test_without_a_bank_the_system_holds_none_and_learns(options: CavpOptions) -> None:
    system = build(options)
    assert system.bank is None and not any(name.startswith("bank") for name in system.state_dict())
    assert loss_of(system, batch_of())["total"] > 0


def test_autocast_leaves_the_losses_in_float32() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = build().training_loss(batch_of(), torch.Generator())
    assert losses.total.dtype == losses.parts["contrast"].dtype == torch.float32
    exact = loss_of(build(), batch_of())
    assert losses.parts["mask"].item() == pytest.approx(exact["mask"], rel=0.05)


def test_the_pooled_branch_of_one_picture_is_normalised_by_running_statistics() -> None:
    torch.manual_seed(0)
    pyramid, features = AtrousPyramid(6, 4, 5, (1, 2, 3)).train(), torch.randn(2, 6, 8, 8)
    pyramid.pool_norm.running_mean = torch.randn(4)
    seen: list[Tensor] = []
    pyramid.pool_join.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    pyramid(features[:1])
    pooled = pyramid.pool_conv(features[:1].mean((2, 3), keepdim=True))
    expected = pyramid.activation((pooled - pyramid.pool_norm.running_mean.view(1, -1, 1, 1)) / (1 + 1e-5) ** 0.5)
    torch.testing.assert_close(seen[0], expected)


def test_the_coarse_map_is_stretched_corner_to_corner_beside_the_finest() -> None:
    torch.manual_seed(0)
    features = DeepLabFeatures((3, 6), 4, 5, 2, (1, 2, 3)).eval()
    fine, coarse = torch.randn(1, 3, 7, 7), torch.randn(1, 6, 4, 4)
    found, small = features((fine, coarse)), features.pyramid(coarse)
    assert found.shape == (1, 7, 7, 7)
    torch.testing.assert_close(found[:, :5, ::2, ::2], small)
    torch.testing.assert_close(found[:, 5:], features.reduce(fine))


def test_it_learns_one_batch() -> None:
    system, batch = build(replace(SMALL, views=32)), batch_of(4)
    optimizer = torch.optim.AdamW(system.parameters(), 1e-2)
    first = loss_of(system, batch)
    for step in range(20):
        optimizer.zero_grad()
        system.training_loss(batch, torch.Generator().manual_seed(step)).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    last = loss_of(system, batch)
    assert last["mask"] < 0.4 * first["mask"] and last["contrast"] < 0.8 * first["contrast"], (first, last)


def test_options_come_from_a_config_and_wrong_ones_are_told() -> None:
    assert make_record(CavpOptions, {"rates": [1, 2], "attention": "softmax"}, "model.options").rates == (1, 2)
    for wrong in ({"contrast": "some"}, {"positives": 1.5}, {"views": 0}, {"frames": "two"}):
        with pytest.raises(ValueError, match="expected"):
            make_record(CavpOptions, wrong, "model.options")
    with pytest.raises(ValueError, match="32 channels on 5 heads"):
        build(replace(SMALL, heads=5))
