"""Sound encoders: which sound a token hears, sizes, weights, gradients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from evaluators.errors import DataError
from models import sound_encoder
from models.official_weights import plan_import
from models.sound_encoder import (
    SOUND_RESNET_KEYS,
    VGGISH_KEYS,
    SoundEncoder,
    VggishEncoder,
    build_sound_encoder,
    seconds,
)
from models.spectrogram import CavpLogMel, VggishLogMel
from models.vggish import Vggish

RATE = 16_000
EXAMPLE = 15_360  # samples of 0.96 s
SMALL_WIDTH = 4


class SmallVggish(Vggish):
    """The same interface with 4 numbers: means of the quarters of an example."""

    def __init__(self, width: int = SMALL_WIDTH) -> None:
        nn.Module.__init__(self)
        self.width, self.frozen = SMALL_WIDTH, False
        self.layer = nn.Linear(4, SMALL_WIDTH)
        nn.init.eye_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, log_mel: Tensor) -> Tensor:
        quarters: Tensor = self.layer(log_mel.unflatten(1, (4, 24)).mean((2, 3)))
        return quarters


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def noise(samples: int, channels: int = 1, batch: int = 1) -> Tensor:
    return torch.randn(batch, channels, samples) * 0.1


def small_vggish(
    channels: int = 1, stereo: str = "plain", missing: str = "repeat", by_second: bool = False
) -> SoundEncoder:
    return VggishEncoder(
        SmallVggish(), channels, stereo, by_second=by_second, missing=missing, weights_note="random weights"
    )


def on_meta(name: str, channels: int, stereo: str = "plain", width: int = 0) -> SoundEncoder:
    with torch.device("meta"):
        return build_sound_encoder(name, channels, stereo=stereo, width=width)


def size(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def test_sizes() -> None:
    """CAVP's 11.330 M (stereo) and 11.327 M (mono) hold a classifier 304 -> 2 (610) besides that nothing trains."""
    assert size(on_meta("resnet18", 2)) == 11_329_938 - 610
    assert size(on_meta("resnet18", 1)) == 11_326_802 - 610
    assert size(on_meta("resnet18", 2, "level+phase")) == 11_329_938 - 610 + 3 * 64 * 49  # three more pictures into it
    assert size(on_meta("vggish", 1)) == size(on_meta("vggish", 2)) == 72_141_184  # both channels: the same net
    assert size(on_meta("vggish-cavp", 1)) == 72_862_866 - 610
    assert size(on_meta("tiny", 2)) == 64_704
    widths = [
        on_meta(*options).width for options in (("vggish", 1), ("vggish", 2), ("vggish-cavp", 1), ("resnet18", 2))
    ]
    assert widths == [128, 256, 304, 304]
    assert on_meta("tiny", 1).width == 64
    assert on_meta("vggish", 2, "level").width == 256 + 64
    assert on_meta("vggish", 2, width=304).width == 608 and on_meta("resnet18", 1, width=128).width == 128


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("stereo", ["plain", "level", "level+phase"])
@pytest.mark.parametrize("name", ["tiny", "resnet18", "vggish", "vggish-cavp"])
def test_tokens_and_gradients(name: str, stereo: str, frames: int) -> None:
    """One finite token per frame, of silence too; every parameter learns."""
    vggish = name.startswith("vggish")
    by_second = name == "vggish-cavp"
    encoder = small_vggish(2, stereo, by_second=by_second) if vggish else build_sound_encoder(name, 2, stereo=stereo)
    sound = noise(3 * RATE // 2, channels=2, batch=2)
    sound[1] = 0
    tokens = encoder(sound, frames)
    assert tokens.shape == (2, frames, encoder.width) and tokens.isfinite().all()
    tokens.square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in encoder.parameters())


@pytest.mark.parametrize("name", ["tiny", "resnet18"])
def test_the_side_is_heard(name: str) -> None:
    encoder = build_sound_encoder(name, 2).eval()
    sound = noise(RATE, channels=2) * torch.tensor([0.2, 1.0])[:, None]
    assert (encoder(sound, 1) - encoder(sound.flip(1), 1)).abs().max() > 0.01


def test_resnet_takes_the_maximum_of_its_last_map() -> None:
    encoder = build_sound_encoder("resnet18", 1).eval()
    sound = noise(RATE, batch=2)
    last = encoder.get_submodule("trunk")(CavpLogMel()(sound))[-1]  # (2, 512, 3, 2)
    expected = torch.stack([encoder.get_submodule("project")(one.flatten(1).max(1).values) for one in last])
    torch.testing.assert_close(encoder(sound, 1)[:, 0], expected)


def test_a_token_does_not_depend_on_the_batch() -> None:
    encoder = build_sound_encoder("tiny", 1)
    sound = noise(RATE, batch=3)
    torch.testing.assert_close(encoder(sound, 1)[1:2], encoder(sound[1:2], 1), atol=1e-5, rtol=1e-4)


def test_what_a_frame_hears() -> None:
    """Alone: all. Frame k of several: second k, silence where the sound is over."""
    sound = torch.arange(2.5 * RATE).expand(2, 2, -1) + torch.tensor([0.0, 0.5])[:, None, None]
    assert seconds(sound, 1) is sound
    heard = seconds(sound, 3)
    assert heard.shape == (6, 2, RATE)
    assert heard[:, 1, 0].tolist() == [0, 16_000, 32_000, 0.5, 16_000.5, 32_000.5]
    assert heard[2, 0, 7_999] == 39_999 and not heard[2, 0, 8_000:].any()
    assert seconds(sound, 2).shape == (4, 2, RATE)


@pytest.mark.parametrize("name", ["tiny", "vggish", "vggish-cavp"])
def test_frames_hear_their_own_time(name: str) -> None:
    """A bang in one place changes one token of five."""
    encoder = build_sound_encoder("tiny", 1) if name == "tiny" else small_vggish(by_second=name == "vggish-cavp")
    sound = noise(5 * RATE)
    louder = sound.clone()
    louder[..., 2 * RATE + 4_000 : 2 * RATE + 8_000] *= 9
    changed = (encoder(sound, 5) - encoder(louder, 5)).abs().amax(2)[0] > 1e-4
    assert changed.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(("missing", "last"), [("repeat", [0, 1, 2, 2, 2]), ("zeros", [0, 1, 2, None, None])])
def test_vggish_beyond_the_end(missing: str, last: list[int | None]) -> None:
    """3 s are three examples; of five frames the others hear the third again, or the net's token of zeros."""
    encoder = small_vggish(missing=missing)
    sound = noise(3 * RATE)
    tokens = encoder(sound, 5)[0]
    alone = [encoder(sound[..., EXAMPLE * k :], 2)[0, 0] for k in range(3)]
    for token, example in zip(tokens, last, strict=True):
        expected = torch.zeros(SMALL_WIDTH) if example is None else alone[example]
        torch.testing.assert_close(token, expected, atol=1e-5, rtol=1e-4)


def test_vggish_of_one_frame_hears_all_its_examples() -> None:
    encoder = small_vggish()
    sound = noise(3 * RATE)
    sound[..., RATE:] *= 5
    torch.testing.assert_close(encoder(sound, 1)[0, 0], encoder(sound, 3)[0].mean(0))
    torch.testing.assert_close(encoder(sound[..., :RATE], 1), encoder(sound[..., :RATE], 2)[:, :1])


def test_vggish_by_seconds() -> None:
    """Frame k hears CAVP's log-mel of second k: 96 steps, of which 24 a quarter."""
    encoder, sound = small_vggish(by_second=True), noise(2 * RATE)
    expected = CavpLogMel()(sound[..., RATE:])[0, 0].view(4, 24, 64).mean((1, 2))
    torch.testing.assert_close(encoder(sound, 2)[0, 1], expected)
    torch.testing.assert_close(encoder(sound[..., RATE:], 1)[0, 0], expected)


def test_vggish_of_two_channels() -> None:
    """Left, then right, by the same net as each alone; then what lies between them."""
    encoder, mono = small_vggish(2, "level"), small_vggish(1)
    sound = noise(2 * RATE, channels=2, batch=2)
    tokens = encoder(sound, 2)
    assert tokens.shape == (2, 2, 2 * SMALL_WIDTH + 64)
    torch.testing.assert_close(tokens[..., :SMALL_WIDTH], mono(sound[:, :1], 2))
    torch.testing.assert_close(tokens[..., SMALL_WIDTH : 2 * SMALL_WIDTH], mono(sound[:, 1:], 2))
    levels = VggishLogMel("level")(sound)[:, 2:, 96:192]  # of the second example
    torch.testing.assert_close(tokens[:, 1, 2 * SMALL_WIDTH :], encoder.get_submodule("beside")(levels))


@pytest.mark.parametrize(
    ("name", "weights", "told", "frozen"),
    [
        ("vggish", "", None, False),
        ("vggish", "a file", None, True),
        ("vggish", "", True, True),
        ("vggish", "a file", False, False),
        ("vggish-cavp", "a file", None, False),
        ("vggish-cavp", "a file", True, True),
    ],
)
def test_who_learns(name: str, weights: str, told: bool | None, frozen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """VGGish only where it is random, CAVP's always, unless told otherwise; the net of level and phase always does."""
    monkeypatch.setattr(sound_encoder, "Vggish", SmallVggish)
    monkeypatch.setattr(sound_encoder, "load_vggish", lambda net, weights: weights or "random weights")
    encoder = build_sound_encoder(name, 2, stereo="level", weights=weights, frozen=told).train()
    assert [value.requires_grad for value in encoder.parameters()].count(False) == (2 if frozen else 0)
    assert encoder.training
    assert encoder.get_submodule("net").training is not frozen
    assert encoder.weights_note == (weights or "random weights")


def test_bfloat16() -> None:
    encoder = small_vggish(2, "level+phase")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert encoder(noise(RATE, channels=2), 1).isfinite().all()
        assert build_sound_encoder("tiny", 2, stereo="level")(noise(RATE, channels=2), 1).dtype == torch.bfloat16


def test_imagenet_weights_from_a_file(tmp_path: Path) -> None:
    """torchvision's names; the first convolution gets the mean over the colours, for both channels."""
    encoder = build_sound_encoder("resnet18", 2)
    assert encoder.weights_note == "random weights"
    body = encoder.get_submodule("trunk.body")
    file = tmp_path / "resnet18.pth"
    stem = {"embedder.embedder.convolution.weight": torch.arange(3.0)[None, :, None, None].expand(64, 3, 7, 7)}
    torch.save(body.state_dict() | stem, file)
    loaded = build_sound_encoder("resnet18", 2, weights=str(file))
    assert (loaded.get_submodule("trunk.body").state_dict()["embedder.embedder.convolution.weight"] == 1).all()
    assert "mean over the colours, for 2 channels" in loaded.weights_note


def test_official_names() -> None:
    """CAVP's audio_backbone.backbone and torchvggish's names lead to ours, none left over."""
    resnet = on_meta("resnet18", 2)
    official: dict[str, Tensor] = {}
    for name in resnet.state_dict():
        name = name.replace("project.", "fc.").replace("trunk.body.", "")
        name = name.replace("embedder.embedder.convolution", "conv1").replace("embedder.embedder.normalization", "bn1")
        for stage in range(4):
            name = name.replace(f"encoder.stages.{stage}.layers.", f"layer{stage + 1}.")
        for layer in range(2):
            name = name.replace(f"layer.{layer}.convolution", f"conv{layer + 1}")
            name = name.replace(f"layer.{layer}.normalization", f"bn{layer + 1}")
        name = name.replace("shortcut.convolution", "downsample.0").replace("shortcut.normalization", "downsample.1")
        official[name] = torch.zeros(1)
    assert len(official) == 122 and "layer4.1.bn2.running_var" in official and "fc.weight" in official
    report, _ = plan_import(resnet, official, SOUND_RESNET_KEYS, "official")
    assert not (report.missing or report.unexpected or report.dropped)
    heard = on_meta("vggish", 1)
    official = {name.removeprefix("net."): torch.zeros(1) for name in heard.state_dict()}
    report, _ = plan_import(heard, official, VGGISH_KEYS, "official")
    assert len(report.loaded) == 18 and not (report.missing or report.unexpected)


@pytest.mark.parametrize(
    ("name", "channels", "options", "message"),
    [
        ("wav2vec", 1, {}, "wav2vec: no such encoder, expected one of vggish, vggish-cavp, resnet18, tiny"),
        ("tiny", 0, {}, "0 channels, expected 1 or 2"),
        ("tiny", 2, {"stereo": "wide"}, "stereo 'wide', expected one of plain, level"),
        ("tiny", 1, {"stereo": "level"}, "stereo 'level' with one channel, expected two"),
        ("tiny", 1, {"weights": "imagenet"}, "weights 'imagenet', but none are published for it"),
        ("vggish", 1, {"missing": "mirror"}, "missing 'mirror', expected repeat or zeros"),
    ],
)
def test_options_that_can_not_be(name: str, channels: int, options: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build_sound_encoder(name, channels, **options)  # type: ignore[arg-type]


def test_sound_that_can_not_be() -> None:
    encoder = on_meta("tiny", 2)
    for sound, frames in ((torch.zeros(1, 1, RATE), 1), (torch.zeros(2, RATE), 1), (torch.zeros(1, 2, RATE), 0)):
        with pytest.raises(ValueError, match=r"expected \(batch, 2, samples\) and at least one frame, found"):
            encoder(sound, frames)
