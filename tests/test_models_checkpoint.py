"""Checkpoints: what is written comes back, what doesn't fit or could do harm is one line, and a kill leaves one whole state."""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_runs import toy_config
from toy_system import Toy, ToyOptions

from evaluators.errors import DataError
from models import checkpoint
from models.checkpoint import (
    Card,
    find_state,
    load_state,
    load_weights,
    read_card,
    save_state,
    write_weights,
)
from models.config import OptimConfig, PartConfig, to_tables
from models.schedule import build_optimizers

TABLES = to_tables(toy_config())
CARD = Card(TABLES, 1, ("background", "sounding"), "ab" * 32, "avs", "J", 7, 0.5, checkpoint.versions())


def toy(seed: int = 0, classes: int = 1, hidden: int = 4) -> Toy:
    torch.manual_seed(seed)
    return Toy(ToyOptions(hidden), classes)


def same(mine: torch.nn.Module, theirs: torch.nn.Module) -> bool:
    pairs = zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def test_weights_and_card_come_back(tmp_path: Path) -> None:
    write_weights(tmp_path / "w.safetensors", toy(1), CARD)
    again = toy(2)
    assert load_weights(tmp_path / "w.safetensors", again, TABLES["model"]) == CARD
    assert same(again, toy(1))


def test_same_network_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_weights(tmp_path / name, toy(1), CARD)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"visual": "resnet50"}, "model.visual tiny, not resnet50"),
        ({"channels": 2}, "model.channels 1, not 2"),
        ({"position": "coord"}, "model.position none, not coord"),
        ({"options": {"hidden": 8}}, "model.options.hidden unset, not 8"),
    ],
)
def test_another_network_is_an_error_that_names_the_key(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    write_weights(tmp_path / "w.safetensors", toy(), CARD)
    with pytest.raises(DataError) as caught:
        load_weights(tmp_path / "w.safetensors", toy(), {**TABLES["model"], **changes})
    assert words in str(caught.value)
    assert caught.value.reason == "checkpoint-mismatch"
    assert "\n" not in str(caught.value)


def test_where_weights_began_is_no_difference(tmp_path: Path) -> None:
    write_weights(tmp_path / "w.safetensors", toy(), CARD)
    load_weights(tmp_path / "w.safetensors", toy(1), {**TABLES["model"], "visual_weights": "imagenet"})


@pytest.mark.parametrize("other", [toy(hidden=8), toy(classes=2)])
def test_tensors_of_another_shape_are_an_error_and_change_nothing(tmp_path: Path, other: Toy) -> None:
    write_weights(tmp_path / "w.safetensors", toy(), CARD)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(DataError) as caught:
        load_weights(tmp_path / "w.safetensors", other, TABLES["model"])
    assert caught.value.reason == "weights-shape"
    assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())


def header(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "checkpoint-unreadable"),
        (b"PK\x03\x04" + bytes(100), "checkpoint-unreadable"),
        (struct.pack("<Q", 1 << 60) + b"{}", "checkpoint-unreadable"),  # a header of an exabyte is never allocated
        (header(b"[]"), "checkpoint-unreadable"),
        (header(b'{"__metadata__": 3}'), "checkpoint-unreadable"),
        (header(b"{" * 50), "checkpoint-unreadable"),
        (header(b"[" * 100_000), "checkpoint-unreadable"),
        (header(b"{}"), "no-card"),
        (header(json.dumps({"__metadata__": {"avskit": "{}"}}).encode()), "checkpoint-unreadable"),
        (header(json.dumps({"__metadata__": {"avskit": '{"format": 2}'}}).encode()), "checkpoint-unreadable"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_card(tmp_path / "w.safetensors")
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


def test_a_cut_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(path, toy(), CARD)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="damaged"):
        load_weights(path, toy(), TABLES["model"])


class Harm:
    """What a hostile pickle does when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("harm.txt", "w"))


def test_a_pickle_in_place_of_a_state_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    system, optimizers = trained(1)
    for content in (pickle.dumps(Harm()), header(pickle.dumps(Harm()))):
        for name in (checkpoint.WEIGHTS, checkpoint.TRAINING):
            save_state(tmp_path, system, optimizers, CARD, {"step": 1})
            (tmp_path / "last" / name).write_bytes(content)
            with pytest.raises(DataError) as caught:
                load_state(tmp_path / "last", system, optimizers, TABLES["model"])
            assert caught.value.reason == "checkpoint-unreadable"
            assert "\n" not in str(caught.value)
    assert not (tmp_path / "harm.txt").exists()


def test_a_state_of_other_optimizers_is_an_error(tmp_path: Path) -> None:
    system, optimizers = trained(1)
    save_state(tmp_path, system, optimizers, CARD, {"step": 1})
    parts = {"head": PartConfig("sgd")}
    others = build_optimizers(system.parameter_groups(), OptimConfig(parts=parts))
    with pytest.raises(DataError, match="is of other optimizers"):
        load_state(tmp_path / "last", system, others[1:], TABLES["model"])


def trained(steps: int) -> tuple[Toy, list[torch.optim.Optimizer]]:
    """A network and its optimizers after some steps."""
    system = toy()
    optimizers = build_optimizers(system.parameter_groups(), OptimConfig(rate=0.01))
    for _ in range(steps):
        for parameter in system.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizers[0].step()
    return system, optimizers


def test_a_state_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    system, optimizers = trained(3)
    save_state(tmp_path, system, optimizers, replace(CARD, step=3), {"step": 3, "best": float("-inf")})
    again, others = trained(0)
    last = find_state(tmp_path)
    assert last is not None
    assert load_state(last, again, others, TABLES["model"]) == {"step": 3, "best": float("-inf")}
    for one in (system, again):
        for parameter in one.parameters():
            parameter.grad = torch.ones_like(parameter)
    optimizers[0].step()
    others[0].step()
    assert same(system, again)


@pytest.mark.parametrize("broken", ["write_weights", "_write", "rename 1", "rename 2"])
def test_a_kill_while_saving_leaves_the_old_state_or_the_new(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, optimizers = trained(1)
    save_state(tmp_path, first, optimizers, CARD, {"step": 1})
    second, others = trained(2)
    with monkeypatch.context() as patch:
        _break(patch, broken)
        with pytest.raises(KeyboardInterrupt):
            save_state(tmp_path, second, others, CARD, {"step": 2})
    last = find_state(tmp_path)
    assert last is not None
    again, fresh = trained(0)
    assert load_state(last, again, fresh, TABLES["model"]) == {"step": 1}
    assert same(again, first)
    save_state(tmp_path, second, others, CARD, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
    assert load_state(tmp_path / "last", again, fresh, TABLES["model"]) == {"step": 2}


def _break(patch: pytest.MonkeyPatch, what: str) -> None:
    """Stop a save at one of its steps."""
    rename, calls = Path.rename, [0]

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def stop_rename(self: Path, target: Any) -> Path:
        calls[0] += 1
        if calls[0] == int(what[-1]):
            raise KeyboardInterrupt
        return rename(self, target)

    if "write" in what:
        patch.setattr(checkpoint, what, stop)
    else:
        patch.setattr(Path, "rename", stop_rename)


def test_no_weights_tells_where_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no best or last/model\.safetensors"):
        checkpoint.chosen_weights(tmp_path)
