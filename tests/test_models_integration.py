"""Every model, tiny, through registry, recipe, data and loop: it learns a batch, owes it to the sound, and resumes exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from evaluators.progress import Progress
from models.batch import Batch
from models.config import Config, change, make_config
from models.recipes import recipe
from models.registry import build_system
from models.system import System
from models.train import fit

MODELS = ("tpavi", "cavp", "avsegformer")
SIDE, RATE = 48, 16_000
SMALL: dict[str, Any] = {
    "tpavi": {"width": 32},
    "cavp": {"width": 32, "reduced": 16, "hidden": 32, "heads": 2, "views": 32, "bank_seconds": 0.5},
    "avsegformer": {"dim": 32, "queries": 8, "heads": 2, "layers": 1, "ffn": 64, "generator_ffn": 64, "hidden": 64},
    "twosep": {"width": 32},  # sees instance maps, which the batch made here lacks
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(name: str, /, **changes: Any) -> Config:
    tables = change(recipe(name, "vpo", tiny=True), {"model": {"options": SMALL[name]}})
    return make_config(change(tables, changes))


def one_batch() -> Batch:
    """The same two squares four times; a low tone means the left one, a high tone the right one."""
    image = torch.full((4, 1, 3, SIDE, SIDE), -1.0)
    target = torch.zeros(4, 1, SIDE, SIDE, dtype=torch.int64)
    sounding = torch.zeros(4, 3, dtype=torch.bool)
    time = torch.arange(RATE) / RATE
    tones = [0.5 * torch.sin(2 * torch.pi * hertz * time) for hertz in (300, 310, 2400, 2500)]
    left, right = (..., slice(12, 36), slice(3, 21)), (..., slice(12, 36), slice(27, 45))
    image[(slice(None), slice(None), 0, *left[1:])] = 1.0
    image[(slice(None), slice(None), 2, *right[1:])] = 1.0
    for number in range(4):
        label, place = (1, left) if number < 2 else (2, right)
        target[number, 0][place] = label
        sounding[number, label] = True
    sound = torch.stack(tones)[:, None]
    return Batch(image, sound, target, torch.ones(4, 1, dtype=torch.bool), sounding, ("a", "b", "c", "d"))


def trained(model: str, steps: int) -> tuple[System, list[float], Batch]:
    """A network after some steps on one batch, and its segmentation losses."""
    torch.manual_seed(0)
    options = {**SMALL[model], **({"contrast": "none"} if model == "cavp" else {})}
    options |= {"dropout": 0.0} if model == "avsegformer" else {}
    config = small(model, model={"channels": 1, "options": options})
    system, batch = build_system(config.model, 3), one_batch()
    optimizer = torch.optim.AdamW(system.parameters(), 3e-3)
    losses = []
    for step in range(steps):
        loss = system.training_loss(batch, torch.Generator().manual_seed(step)).total
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
        if losses[-1] < losses[0] / 10:
            break
    return system.eval(), losses, batch


def agreement(found: Tensor, target: Tensor) -> float:
    """Share of the pixels that are the target's or the prediction's in which both agree."""
    either = (found > 0) | (target > 0)
    return float(((found == target) & either).sum() / either.sum())


@pytest.mark.parametrize("model", MODELS)
def test_it_learns_a_batch_and_owes_it_to_the_sound(model: str) -> None:
    """All four pictures are the same, so whatever is right is so by the sound; the other sound gives the other square."""
    system, losses, batch = trained(model, 80)
    assert losses[-1] < losses[0] / 5
    with torch.no_grad():
        right = system(batch.image, batch.sound)[:, 0].argmax(1)
        swapped = system(batch.image, batch.sound.flip(0))[:, 0].argmax(1)
    target = batch.target[:, 0]
    assert agreement(right, target) > 0.8
    assert agreement(swapped, target) < 0.2
    assert agreement(swapped, target.flip(0)) > 0.8


@pytest.mark.parametrize("channels", [0, 1, 2])
@pytest.mark.parametrize("model", MODELS)
def test_every_trained_parameter_is_in_one_group_and_gets_a_gradient(model: str, channels: int) -> None:
    config = small(model, model={"channels": channels})
    torch.manual_seed(0)
    system = build_system(config.model, 3)
    grouped = [parameter for own in system.parameter_groups().values() for parameter in own]
    assert len({id(one) for one in grouped}) == len(grouped) == len(list(system.parameters()))
    batch = one_batch()
    sound = batch.sound.repeat(1, channels, 1) if channels else batch.sound[:, :0]
    batch = Batch(batch.image, sound, batch.target, batch.annotated, batch.sounding, batch.ids)
    system.training_loss(batch, torch.Generator()).total.backward()  # type: ignore[no-untyped-call]
    lost = [name for name, one in system.named_parameters() if one.requires_grad and one.grad is None]
    assert not lost


@pytest.fixture(scope="module")
def data(toy_dataset: tuple[Path, Any, Any]) -> Path:
    return toy_dataset[0]


def fitted(folder: Path, model: str, data: Path, **loop: Any) -> None:
    config = small(
        model,
        data={"dir": str(data), "size": 32, "seconds": 0.5, "flip": 0.5},
        loop={"steps": 4, "batch": 2, "save_every": 1, "validate_every": 0, **loop},
    )
    fit(config, folder, Progress(), device="cpu")


class Killed(Exception):
    """The end of a process at some point."""


def killed_after(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    left = [calls]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return function(*args, **kwargs)

    return wrapped


@pytest.mark.parametrize("model", [*MODELS, "twosep"])
def test_a_killed_run_gives_what_an_unbroken_one_gives(
    model: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three samples, so an epoch is one step; flips, contrast, dropout, the memory bank and all."""
    kind = type(build_system(small(model).model, 22))
    with monkeypatch.context() as patch:
        patch.setattr(kind, "training_loss", killed_after(kind.training_loss, 3))
        with pytest.raises(Killed):
            fitted(tmp_path / "killed", model, data)
    fitted(tmp_path / "killed", model, data)
    fitted(tmp_path / "whole", model, data)
    for name in ("log.csv", "config.toml", "last/model.safetensors", "last/training.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_accumulated_and_balanced(data: Path, tmp_path: Path) -> None:
    fitted(tmp_path / "run", "tpavi", data, accumulate=2, balanced=True, precision="bf16")
    assert (tmp_path / "run/last/model.safetensors").is_file()
