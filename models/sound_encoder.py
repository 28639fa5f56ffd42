"""Sound encoders: one token per frame out of mono or stereo sound.

    vggish       128 numbers a channel, of 0.96 s; example k for frame k, as in AVSBench. Two channels go through the same
                 net and stand one behind the other; level and phase pictures go through a small net of their own (64 more)
    vggish-cavp  304 numbers a channel: CAVP's on AVSBench, the same net on CAVP's log-mel of second k for frame k; it learns
    resnet18     304 numbers: CAVP's on VPO, its first convolution takes all pictures, maximum over the map, linear
    tiny         64 numbers: four convolutions that halve the map, maximum over the map, linear; for a CPU

Parameters: vggish 72.141 M, vggish-cavp 72.862 M, resnet18 11.329 M stereo and 11.326 M mono (in CAVP 72.863, 11.330 and
11.327 M with a classifier of 610 that nothing trains), tiny 0.06 M.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluators.errors import DataError

from .backbones import Backbone, build_backbone
from .official_weights import KeyMap
from .spectrogram import EXAMPLE, SAMPLE_RATE, STEREO, CavpLogMel, VggishLogMel, vggish_examples
from .vggish import WIDTH, Vggish, load_vggish
from .weights import RESNET_KEYS

SOUND_ENCODERS = ("vggish", "vggish-cavp", "resnet18", "tiny")
CAVP_WIDTH = 304  # channels of CAVP's fused map
TINY_WIDTH = 64

VGGISH_KEYS = KeyMap(parts=(("", "net.", KeyMap()),))  # from torchvggish's names to those of VggishEncoder
SOUND_RESNET_KEYS = KeyMap(parts=(("fc.", "project.", KeyMap()), ("", "trunk.body.", RESNET_KEYS)))  # CAVP's, likewise


class SoundEncoder(nn.Module):
    """Sound to tokens. ``width``: numbers of a token; ``weights_note`` says in one line what weights it began with."""

    channels: int
    width: int
    weights_note: str

    def forward(self, sound: Tensor, frames: int) -> Tensor:
        """float (batch, channels, samples) at 16 kHz, 1 full scale -> (batch, frames, width)."""
        if sound.dim() != 3 or sound.shape[1] != self.channels or frames < 1:
            expected = f"expected (batch, {self.channels}, samples) and at least one frame"
            raise ValueError(f"{expected}, found {tuple(sound.shape)} and {frames}")
        return self.tokens(sound, frames)

    @abstractmethod
    def tokens(self, sound: Tensor, frames: int) -> Tensor:
        """The same, of sound that has the right shape."""


def build_sound_encoder(
    name: str,
    channels: int,
    *,
    stereo: str = "plain",
    weights: str = "",
    width: int = 0,
    frozen: bool | None = None,
    missing: str = "repeat",
) -> SoundEncoder:
    """One of ``SOUND_ENCODERS``.

    channels: 1, or 2 for left and right. stereo: a key of ``spectrogram.STEREO``; beyond "plain" for two channels.
    weights: "" random; of both vggish "audioset" or a file; of resnet18 "imagenet", a file or a name on the hub.
    width: numbers of a token (of both vggish: of a channel), 0 for the official number.
    frozen: VGGish's net doesn't learn; None: of vggish, it learns only where its weights are random.
    missing: vggish only: examples beyond the end of the sound, see ``spectrogram.vggish_examples``.

    Raises ``DataError``: ``unknown-sound-encoder``, ``sound-option``, and those of the weights.
    """
    if name not in SOUND_ENCODERS:
        raise DataError("unknown-sound-encoder", name, f"no such encoder, expected one of {', '.join(SOUND_ENCODERS)}")
    _check_options(name, channels, stereo, weights, missing)
    if name in ("vggish", "vggish-cavp"):
        official = name == "vggish"
        net = Vggish(width or (WIDTH if official else CAVP_WIDTH))
        note = load_vggish(net, weights)
        if frozen or (frozen is None and official and not note.startswith("random")):
            net.freeze()
        return VggishEncoder(net, channels, stereo, by_second=not official, missing=missing, weights_note=note)
    pictures = channels + STEREO[stereo]
    if name == "resnet18":
        trunk = build_backbone("resnet18", in_channels=pictures, weights=weights)
        return ResNetEncoder(trunk, channels, stereo, width or CAVP_WIDTH)
    return TinyEncoder(channels, stereo, width or TINY_WIDTH)


def _check_options(name: str, channels: int, stereo: str, weights: str, missing: str) -> None:
    if channels not in (1, 2):
        raise DataError("sound-option", name, f"{channels} channels, expected 1 or 2")
    if stereo not in STEREO:
        raise DataError("sound-option", name, f"stereo {stereo!r}, expected one of {', '.join(STEREO)}")
    if stereo != "plain" and channels != 2:
        raise DataError("sound-option", name, f"stereo {stereo!r} with one channel, expected two, or stereo plain")
    if missing not in ("repeat", "zeros"):
        raise DataError("sound-option", name, f"missing {missing!r}, expected repeat or zeros")
    if weights and name == "tiny":
        raise DataError("sound-option", name, f"weights {weights!r}, but none are published for it: leave them out")


class VggishEncoder(SoundEncoder):
    """VGGish on examples of 0.96 s.

    Of several frames, frame k hears example k, or ``by_second`` (CAVP's log-mel) the first 0.96 of second k.
    One frame alone hears all whole examples of its sound, in the mean: of 3 s all three.
    """

    def __init__(
        self, net: Vggish, channels: int, stereo: str, *, by_second: bool, missing: str, weights_note: str
    ) -> None:
        super().__init__()
        self.channels, self.by_second, self.missing, self.weights_note = channels, by_second, missing, weights_note
        self.front = CavpLogMel(stereo) if by_second else VggishLogMel(stereo)
        self.net = net
        self.beside = TinyTrunk(STEREO[stereo]) if STEREO[stereo] else None
        self.width = channels * net.width + (TinyTrunk.width if self.beside else 0)

    def tokens(self, sound: Tensor, frames: int) -> Tensor:
        log_mel = self.front(seconds(sound, frames) if self.by_second else sound)  # (pieces, pictures, time, mels)
        one_each = frames > 1 and not self.by_second
        count = frames if one_each else log_mel.shape[2] // EXAMPLE
        tokens = self._embed(vggish_examples(log_mel, count, self.missing))  # (pieces, count, width)
        return tokens if one_each else tokens.mean(1).view(len(sound), frames, self.width)

    def _embed(self, examples: Tensor) -> Tensor:
        """(pieces, count, pictures, 96, mels) -> (pieces, count, width): left, right, and what is between them."""
        pieces, count = examples.shape[:2]
        heard: Tensor = self.net(
            examples[:, :, : self.channels].flatten(0, 2)
        )  # (pieces * count * channels, net's width)
        tokens = heard.view(pieces, count, -1)
        if self.beside is None:
            return tokens
        between: Tensor = self.beside(examples[:, :, self.channels :].flatten(0, 1))
        return torch.cat([tokens, between.view(pieces, count, -1).to(tokens.dtype)], dim=2)


class ResNetEncoder(SoundEncoder):
    """CAVP's: ResNet-18 on the log-mel of all channels, maximum over its last map, linear.

    Source: cyh-0/CAVP 96a6c34, ``models/audio/audio_network.py`` ``AudioModel``.
    """

    def __init__(self, trunk: Backbone, channels: int, stereo: str, width: int) -> None:
        super().__init__()
        self.channels, self.width, self.weights_note = channels, width, trunk.weights_note
        self.front = CavpLogMel(stereo)
        self.trunk = trunk
        self.project = nn.Linear(trunk.channels[-1], width)

    def tokens(self, sound: Tensor, frames: int) -> Tensor:
        maps = self.trunk(self.front(seconds(sound, frames)))[-1]  # (batch * frames, 512, time / 32, mels / 32)
        tokens: Tensor = self.project(maps.amax((2, 3)))
        return tokens.view(len(sound), frames, self.width)


class TinyEncoder(SoundEncoder):
    """A small net on CAVP's log-mel."""

    def __init__(self, channels: int, stereo: str, width: int) -> None:
        super().__init__()
        self.channels, self.width, self.weights_note = channels, width, "random weights"
        self.front = CavpLogMel(stereo)
        self.trunk = TinyTrunk(channels + STEREO[stereo])
        self.project = nn.Linear(self.trunk.width, width)

    def tokens(self, sound: Tensor, frames: int) -> Tensor:
        tokens: Tensor = self.project(self.trunk(self.front(seconds(sound, frames))))
        return tokens.view(len(sound), frames, self.width)


class TinyTrunk(nn.Module):
    """float (n, pictures, time, mels) -> (n, 64).

    Normalised over all channels of a map at once: group by group the difference between two channels, which is the same
    all over the map where there is one source, would go; and by batch the result would depend on the other samples.
    """

    width = 64

    def __init__(self, pictures: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = pictures
        for after in (16, 32, 64, self.width):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.GroupNorm(1, after), nn.ReLU()]
            before = after
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        pooled: Tensor = self.layers(pictures).amax((2, 3))
        return pooled


def seconds(sound: Tensor, frames: int) -> Tensor:
    """What each frame hears: (batch, channels, samples) -> (batch * frames, channels, samples of a frame).

    One frame hears all; of several, frame k hears second k, filled up with silence where the sound is over.
    """
    if frames == 1:
        return sound
    missing = frames * SAMPLE_RATE - sound.shape[2]
    whole = functional.pad(sound, (0, missing)) if missing > 0 else sound[:, :, : frames * SAMPLE_RATE]
    return whole.reshape(*whole.shape[:2], frames, SAMPLE_RATE).transpose(1, 2).flatten(0, 1)
