"""VGGish: a log-mel example of 0.96 s to 128 numbers, none negative; 72.141 M parameters.

Four groups of 3 x 3 convolutions (64; 128; 256, 256; 512, 512 channels, ReLU), each followed by a 2 x 2 maximum, and three
fully connected layers (4096, 4096, 128) with ReLU, the last one too. No principal components, no 8-bit numbers behind
it: AVSBench switches those off. Parameters are named as in torchvggish, so that its published file loads.

Source: Hershey et al., CNN architectures for large-scale audio classification, ICASSP 2017; AVSBench f7414af,
``torchvggish/vggish.py``. CAVP (cyh-0/CAVP 96a6c34, ``models/audio/backbones/vgg.py``) has 304 numbers at the end and trains it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from .official_weights import KeyMap, import_official

PUBLISHED = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"  # AudioSet, 288 MB
WIDTH = 128
_CHANNELS = ((64,), (128,), (256, 256), (512, 512))
_LAST = "embeddings.4."  # the layer that gives the width


class Vggish(nn.Module):
    """float (n, 96, 64) of :class:`~models.spectrogram.VggishLogMel` -> (n, width).

    frozen: no gradients, and ``train()`` leaves it in evaluation.
    """

    def __init__(self, width: int = WIDTH, *, frozen: bool = False) -> None:
        super().__init__()
        self.width = width
        self.features = _features()
        self.embeddings = nn.Sequential(
            nn.Linear(6 * 4 * 512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, width), nn.ReLU()
        )
        self.frozen = False
        if frozen:
            self.freeze()

    def forward(self, log_mel: Tensor) -> Tensor:
        if log_mel.dim() != 3 or log_mel.shape[1:] != (96, 64):
            raise ValueError(f"expected (n, 96, 64), found {tuple(log_mel.shape)}")
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps = self.features(log_mel.unsqueeze(1))  # (n, 512, 6, 4): the published layers want channels last
            embedded: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
            return embedded

    def freeze(self) -> None:
        """From now on it doesn't learn."""
        self.frozen = True
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Vggish:
        super().train(mode and not self.frozen)
        return self


def _features() -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 1
    for group in _CHANNELS:
        for after in group:
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
            before = after
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def load_vggish(net: Vggish, weights: str) -> str:
    """Load weights into a new net; the note says in one line what was done.

    weights: "" leaves the random ones; "audioset" is the published file, from torch's cache or the network, random
    where neither has it; else a file. A net of another width than 128 gets a new last layer, as in CAVP
    (``models/audio/audio_network.py``): normal with variance 2 / 4096, no bias.
    Raises ``DataError``, those of ``import_official``.
    """
    if not weights:
        return "random weights"
    file = _published() if weights == "audioset" else Path(weights)
    if file is None:
        return f"random weights: {Path(PUBLISHED).name} isn't in torch's cache, and can't be fetched"
    own_last = net.width != WIDTH
    key_map = KeyMap(dropped=((_LAST, "its 128 numbers"),), lacking=(_LAST,)) if own_last else KeyMap()
    report = import_official(net, file, key_map)
    note = f"{len(report.loaded)} tensors of {file.name}"
    if not own_last:
        return note
    last = net.get_submodule(_LAST.removesuffix("."))
    nn.init.kaiming_normal_(last.get_parameter("weight"))
    nn.init.zeros_(last.get_parameter("bias"))
    return f"{note}; the last layer is new, for {net.width} numbers"


def _published() -> Path | None:
    """The published file, fetched into torch's cache if need be; None where it can't be."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(PUBLISHED).name
    if not file.is_file():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(PUBLISHED, str(file), progress=False)  # complete or not at all
        except OSError:  # no network, or no room
            return None
    return file
