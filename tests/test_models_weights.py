"""Published weights: renamed and loaded whole or not at all; hostile and damaged files; the hub, without a network."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from evaluators.errors import DataError
from models import weights
from models.official_weights import KeyMap, import_official, import_weights, plan_import, read_tensors
from models.weights import load_weights

torch.set_num_threads(1)


class Net(nn.Module):
    """What a file is loaded into."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(3, 2)
        self.key = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)


OFFICIAL_KEYS = KeyMap(
    rules=((r"^attn\.qk\.", ("query.", "key.")), (r"^bn\.", "norm.")),
    dropped=((r"fc\.", "classifier"),),
)


def published() -> dict[str, Tensor]:
    return {
        "attn.qk.weight": torch.arange(12.0).reshape(4, 3),
        "attn.qk.bias": torch.arange(4.0),
        "bn.weight": torch.tensor([2.0, 3.0]),
        "bn.bias": torch.tensor([4.0, 5.0]),
        "bn.running_mean": torch.tensor([6.0, 7.0]),
        "bn.running_var": torch.tensor([8.0, 9.0]),
        "fc.weight": torch.ones(10, 2),
    }


def saved(folder: Path, content: Any, name: str = "published.pth") -> Path:
    torch.save(content, folder / name)
    return folder / name


def refused(net: nn.Module, path: Path, key_map: KeyMap = OFFICIAL_KEYS) -> str:
    """The reason code; and the module is as it was, and the error one line that begins with the file."""
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(DataError) as caught:
        import_official(net, path, key_map)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    return caught.value.reason


def test_tensors_are_renamed_cut_dropped_and_told(tmp_path: Path) -> None:
    net = Net()
    report = import_official(net, saved(tmp_path, published()), OFFICIAL_KEYS)
    assert net.query.weight.tolist() == [[0, 1, 2], [3, 4, 5]] and net.key.weight.tolist() == [[6, 7, 8], [9, 10, 11]]
    assert net.query.bias.tolist() == [0, 1] and net.key.bias.tolist() == [2, 3]
    assert net.norm.running_var is not None and net.norm.running_var.tolist() == [8, 9]
    assert report.dropped == (("fc.weight", "classifier"),) and report.unexpected == ()
    assert report.missing == ("norm.num_batches_tracked",)  # which files older than PyTorch 0.4.1 lack
    assert len(report.loaded) == 8


@pytest.mark.parametrize("wrapped", ["plain", "state_dict", "model", "parallel", "safetensors"])
def test_wrappings_make_no_difference(wrapped: str, tmp_path: Path) -> None:
    tensors = published()
    if wrapped == "safetensors":
        path = tmp_path / "published.safetensors"
        save_file(tensors, path)
    else:
        content = {
            "plain": tensors,
            "state_dict": {"state_dict": tensors, "epoch": 7, "optimizer": {"lr": 0.1}},
            "model": {"model": tensors, "optimizer": {"state": {}}},
            "parallel": {f"module.{name}": tensor for name, tensor in tensors.items()},
        }[wrapped]
        path = saved(tmp_path, content)
    found = read_tensors(path)
    assert found.keys() == tensors.keys() and all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_parts_go_through_their_own_map(tmp_path: Path) -> None:
    whole = nn.ModuleDict({"visual": Net(), "head": nn.Linear(1, 1), "deaf": nn.Linear(1, 1)})
    tensors = {f"backbone.{name}": tensor for name, tensor in published().items()}
    tensors |= {"seg.weight": torch.ones(1, 1), "seg.bias": torch.zeros(1)}
    key_map = KeyMap(
        rules=((r"^seg\.", "head."),),
        parts=(("backbone.", "visual.", OFFICIAL_KEYS),),
        lacking=("deaf",),
    )
    report = import_official(whole, saved(tmp_path, tensors), key_map)
    assert report.missing == ("visual.norm.num_batches_tracked", "deaf.weight", "deaf.bias")
    assert report.dropped == (("backbone.fc.weight", "classifier"),)
    assert key_map.translate("backbone.attn.qk.bias") == (("visual.query.bias", "visual.key.bias"), "")
    both = KeyMap(
        rules=((r"^kv\.", ("a.attn.qk.", "b.")),), parts=(("a.", "one.", OFFICIAL_KEYS), ("b.", "two.", KeyMap()))
    )
    assert both.translate("kv.bias") == (("one.query.bias", "one.key.bias", "two.bias"), "")


def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path: Path) -> None:
    extra, short, wrong, odd, damaged = published(), published(), published(), published(), published()
    extra["neck.weight"] = torch.ones(1)
    del short["bn.weight"]
    wrong["bn.bias"] = torch.ones(3)
    odd["attn.qk.bias"] = torch.ones(3)
    damaged["bn.running_mean"] = torch.tensor([0.0, float("nan")])
    net = Net()
    assert refused(net, saved(tmp_path, extra)) == "weights-mismatch"
    assert refused(net, saved(tmp_path, short)) == "weights-mismatch"
    assert refused(net, saved(tmp_path, wrong)) == "weights-shape"
    assert refused(net, saved(tmp_path, odd)) == "weights-shape"
    assert refused(net, saved(tmp_path, damaged)) == "weights-not-finite"
    assert refused(net, saved(tmp_path, published() | {"norm.weight": torch.ones(2)})) == "weights-mismatch"
    assert refused(net, saved(tmp_path, published() | {"bn.bias": torch.ones(2, dtype=torch.int64)})) == "weights-shape"
    with pytest.raises(DataError, match=r"1 unknown tensors \(neck.weight\) and 1 missing ones \(norm.weight\): "):
        import_official(net, saved(tmp_path, {k: v for k, v in extra.items() if k != "bn.weight"}), OFFICIAL_KEYS)


def test_a_plan_loads_nothing_and_needs_no_memory() -> None:
    with torch.device("meta"):
        net = Net()
    report, found = plan_import(net, {"attn.qk.bias": torch.empty(4), "neck": torch.empty(1)}, OFFICIAL_KEYS, "file")
    assert found.keys() == {"query.bias", "key.bias"} and report.unexpected == ("neck",)
    assert len(report.missing) == len(net.state_dict()) - 2


class Harm:
    """A pickle that makes a folder when it is read by an unsafe reader."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_hostile_files_run_nothing(tmp_path: Path) -> None:
    harm = tmp_path / "harmed"
    inside = saved(tmp_path, published() | {"harm": Harm(harm)})
    assert refused(Net(), inside) == "unsafe-weights"
    bare = tmp_path / "bare.pt"
    bare.write_bytes(pickle.dumps(Harm(harm), protocol=2))
    assert refused(Net(), bare) == "unsafe-weights"
    old = tmp_path / "old.bin"
    torch.save({"harm": Harm(harm)}, old, _use_new_zipfile_serialization=False)
    assert refused(Net(), old) == "unsafe-weights"
    assert not harm.exists()
    torch.load(inside, weights_only=False)  # the harm is real
    assert harm.exists()


def test_a_compressed_archive_is_no_bomb(tmp_path: Path) -> None:
    path = saved(tmp_path, {"weight": torch.zeros(1_000_000)})
    bomb = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    assert bomb.stat().st_size < 10_000
    assert refused(Net(), bomb) == "unsafe-weights"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("absent.pth", None, "missing-file"),
        ("weights.npz", b"PK", "weights-format"),
        ("empty.pth", b"", "weights-unreadable"),
        ("text.pth", b"<html>404</html>", "weights-unreadable"),
        ("text.safetensors", b"<html>404</html>", "weights-unreadable"),
        ("long.safetensors", b"\xff" * 7 + b"\x7f{}", "weights-unreadable"),
    ],
)
def test_files_that_are_none(name: str, content: bytes | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert refused(Net(), tmp_path / name) == reason


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {},
        {"epoch": 3},
        {"weight": torch.ones(1), "epoch": 3},
        {"a\nb": torch.ones(1)},
        {2: torch.ones(1)},
        torch.ones(1),
    ],
)
def test_files_without_named_tensors(content: Any, tmp_path: Path) -> None:
    assert refused(Net(), saved(tmp_path, content)) == "weights-format"


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    found = refused(Net(), saved(tmp_path, {"weight": torch.ones(2).to_sparse()}))
    assert found in ("weights-format", "weights-unreadable")  # torch 2.11 itself doesn't read them


def test_old_files_are_read_and_old_torch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.pth"
    torch.save(published(), path, _use_new_zipfile_serialization=False)  # as torchvision's of 2018
    import_official(Net(), path, OFFICIAL_KEYS)
    monkeypatch.setattr(torch, "__version__", "2.9.1+cu128")
    assert refused(Net(), path) == "old-torch"
    monkeypatch.setattr(torch, "__version__", "2.11.0+cu128")
    import_official(Net(), path, OFFICIAL_KEYS)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, 10**6),
    byte=st.integers(0, 255),
    cut=st.booleans(),
    kind=st.sampled_from([".pth", ".safetensors", "old"]),
)
def test_damage_is_a_data_error_or_nothing(place: int, byte: int, cut: bool, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"damaged{'.pth' if kind == 'old' else kind}"
    if kind == ".safetensors":
        save_file(published(), path)
    else:
        torch.save(published(), path, _use_new_zipfile_serialization=kind == ".pth")
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] = byte
    path.write_bytes(content[:place] if cut else content)
    try:
        import_official(Net(), path, OFFICIAL_KEYS)
    except DataError as error:
        assert "\n" not in str(error)


def test_a_system_imports_by_its_modules_keys(tmp_path: Path) -> None:
    assert len(import_weights(Net(), saved(tmp_path, published())).loaded) == 8
    with pytest.raises(DataError, match="no-official-weights"):
        import_weights(nn.Linear(1, 1), tmp_path / "published.pth")


class Hub:
    """huggingface_hub's download, with what lies in the cache and what the net answers."""

    def __init__(self, cached: dict[str, Path], online: dict[str, Path] | Exception) -> None:
        self.cached, self.online, self.asked = cached, online, list[tuple[str, bool]]()

    def __call__(self, name: str, file: str, *, local_files_only: bool) -> str:
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        self.asked.append((file, local_files_only))
        if local_files_only:
            if file not in self.cached:
                raise LocalEntryNotFoundError("not in the cache")
            return str(self.cached[file])
        if isinstance(self.online, Exception):
            raise self.online
        if file not in self.online:
            raise EntryNotFoundError("no such file")
        return str(self.online[file])


def load_from(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, str]:
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hub)
    net = nn.Linear(2, 2)
    return net, load_weights(net, "tiny", "someone/weights.v1")


def test_the_cache_is_asked_before_the_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, nn.Linear(2, 2).state_dict(), "pytorch_model.bin")
    hub = Hub({"pytorch_model.bin": path}, OSError("must not be asked"))
    net, note = load_from(hub, monkeypatch)
    assert note == "2 tensors of someone/weights.v1"
    assert torch.equal(net.state_dict()["weight"], read_tensors(path)["weight"])
    assert hub.asked == [("model.safetensors", True), ("pytorch_model.bin", True)]


def test_the_net_gives_the_safer_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.eye(2), "bias": torch.zeros(2)}, path)
    hub = Hub({}, {"model.safetensors": path, "pytorch_model.bin": tmp_path / "never"})
    assert load_from(hub, monkeypatch)[0].state_dict()["weight"].tolist() == [[1, 0], [0, 1]]
    hub = Hub({}, {"pytorch_model.bin": saved(tmp_path, nn.Linear(2, 2).state_dict(), "pytorch_model.bin")})
    load_from(hub, monkeypatch)
    assert hub.asked[2:] == [("model.safetensors", False), ("pytorch_model.bin", False)]


def test_without_a_net_the_weights_stay_random_and_the_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    for unreachable in (LocalEntryNotFoundError("no net"), OfflineModeIsEnabled("HF_HUB_OFFLINE")):
        hub = Hub({}, unreachable)
        note = load_from(hub, monkeypatch)[1]
        assert note == "random weights: someone/weights.v1 isn't in the local cache, and the hub can't be reached"
        assert len(hub.asked) == 3  # the net once: its retries take long
    assert load_weights(nn.Linear(1, 1), "tiny", "") == "random weights"


def test_a_full_disk_or_a_wrong_name_is_an_error_not_random_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, reason in ((OSError(28, "No space left on device"), "weights-download"), ({}, "unknown-weights")):
        with pytest.raises(DataError) as caught:
            load_from(Hub({}, answer), monkeypatch)
        assert caught.value.reason == reason and "\n" not in str(caught.value)
    for name in ("resnet50", "../nowhere/weights", "a/b/c", "https://host/file"):
        with pytest.raises(DataError, match="unknown-weights"):
            load_weights(nn.Linear(1, 1), "resnet50", name)


def test_imagenet_is_a_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(weights, "_locate", asked.append)
    for name in weights.IMAGENET:
        assert weights.IMAGENET[name] in load_weights(nn.Linear(1, 1), name, "imagenet")
    assert asked == list(weights.IMAGENET.values())
