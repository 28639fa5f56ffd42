"""VGGish: its names and sizes, its arithmetic, and its published file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from evaluators.errors import DataError
from models import vggish
from models.vggish import Vggish, load_vggish

PUBLISHED_SHAPES = {  # of vggish-10086976.pth: 3 x 3 convolutions, then fully connected layers, with their biases
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}


@pytest.fixture(scope="module")
def net() -> Vggish:
    torch.manual_seed(0)
    return Vggish()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file like the published one, small: the number of each of its tensors, everywhere."""
    names = [f"{layer}.{part}" for layer in PUBLISHED_SHAPES for part in ("weight", "bias")]
    tensors = {}
    for number, name in enumerate(names):
        layer, part = name.rsplit(".", 1)
        shape = PUBLISHED_SHAPES[layer] if part == "weight" else PUBLISHED_SHAPES[layer][:1]
        tensors[name] = torch.tensor(float(number)).expand(shape)
    file = tmp_path / "vggish-10086976.pth"
    torch.save(tensors, file)
    assert file.stat().st_size < 50_000
    return file


def on_meta(width: int = 128) -> Vggish:
    with torch.device("meta"):
        return Vggish(width)


def test_names_and_number_of_parameters() -> None:
    """72.141 M, as the published ones; CAVP's with 304 numbers at the end has 0.721 M more."""
    shapes = {name: tuple(value.shape) for name, value in on_meta().state_dict().items() if name.endswith("weight")}
    assert shapes == {f"{layer}.weight": shape for layer, shape in PUBLISHED_SHAPES.items()}
    assert sum(value.numel() for value in on_meta().parameters()) == 72_141_184
    assert sum(value.numel() for value in on_meta(304).parameters()) == 72_141_184 + (304 - 128) * 4097


def test_slow_twin(net: Vggish) -> None:
    """Every layer by hand; the last map goes in row by row, with its channels last."""
    example = torch.randn(2, 96, 64)
    with torch.no_grad():
        found = net(example)
        x: Tensor = example[1:, None]
        for layer in ("0", "pool", "3", "pool", "6", "8", "pool", "11", "13", "pool"):
            if layer == "pool":
                x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
            else:
                convolution = net.features[int(layer)]
                x = nn.functional.conv2d(x, convolution.weight, convolution.bias, padding=1).clamp_min(0)
        assert x.shape == (1, 512, 6, 4)
        flat = torch.stack(
            [x[0, channel, row, column] for row in range(6) for column in range(4) for channel in range(512)]
        )
        for layer in ("0", "2", "4"):
            flat = (net.embeddings[int(layer)].weight @ flat + net.embeddings[int(layer)].bias).clamp_min(0)
    torch.testing.assert_close(found[1], flat, atol=1e-5, rtol=1e-4)
    assert found.shape == (2, 128) and (found >= 0).all() and (found == 0).any()  # a ReLU at the end


def test_frozen(net: Vggish) -> None:
    assert net(torch.zeros(1, 96, 64)).requires_grad
    with torch.device("meta"):
        frozen = Vggish(frozen=True).train()
    assert not frozen.training and not frozen.features[0].training
    assert not any(value.requires_grad for value in frozen.parameters())
    assert not frozen(torch.zeros(1, 96, 64, device="meta", requires_grad=True)).requires_grad
    assert on_meta().train().training


def test_published_file(net: Vggish, published: Path) -> None:
    assert load_vggish(net, str(published)) == "18 tensors of vggish-10086976.pth"
    for number, value in enumerate(net.state_dict().values()):
        assert (value == number).all()


def test_published_file_for_another_width(published: Path) -> None:
    """The last layer is new, as in CAVP: standard deviation sqrt(2 / 4096) = 0.0221, no bias."""
    net = Vggish(2)
    note = load_vggish(net, str(published))
    assert note == "16 tensors of vggish-10086976.pth; the last layer is new, for 2 numbers"
    assert net.embeddings[4].weight.std().item() == pytest.approx(0.0221, rel=0.1)
    assert not net.embeddings[4].bias.any() and (net.embeddings[2].bias == 15).all()


def test_other_files_change_nothing(published: Path, tmp_path: Path) -> None:
    net = on_meta()
    assert load_vggish(net, "") == "random weights"
    tensors = torch.load(published)
    for change, reason in (
        ({"embeddings.4.bias": torch.zeros(5)}, "weights-shape"),
        ({"pproc.pca_means": torch.zeros(5)}, "weights-mismatch"),
    ):
        torch.save(tensors | change, tmp_path / "other.pth")
        with pytest.raises(DataError, match=reason):
            load_vggish(net, str(tmp_path / "other.pth"))
    with pytest.raises(DataError, match="missing-file"):
        load_vggish(net, str(tmp_path / "nothing.pth"))


def test_audioset_by_name(net: Vggish, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From torch's cache where it is there, else fetched into it; random, and told, where there is no network."""
    cache = published.parent / "hub"
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(cache))

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    assert load_vggish(net, "audioset").startswith("random weights: vggish-10086976.pth isn't in torch's cache")
    assert not list((cache / "checkpoints").iterdir())

    def network(url: str, file: str, **_: object) -> None:
        assert url == vggish.PUBLISHED
        Path(file).write_bytes(published.read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", network)
    assert load_vggish(net, "audioset") == "18 tensors of vggish-10086976.pth"
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    assert load_vggish(net, "audioset") == "18 tensors of vggish-10086976.pth"


def test_shape_that_can_not_be() -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 96, 64\), found \(1, 1, 96, 64\)"):
        on_meta()(torch.zeros(1, 1, 96, 64, device="meta"))
