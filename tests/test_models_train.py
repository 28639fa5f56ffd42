"""The loop on a toy: it learns, stops and goes on as if it hadn't stopped, keeps the best, and tells what went wrong."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import toy_runs
from safetensors.torch import load_file
from toy_runs import run_toy, toy_config, toy_job
from toy_system import Toy, toy_batch

from evaluators.errors import DataError
from evaluators.progress import Log, Progress
from models.checkpoint import read_card
from models.jobs import Job
from models.logs import Table, duration
from models.train import open_accelerator, train

FILES = ("log.csv", "validation.csv", "last/model.safetensors", "last/training.safetensors", "best/model.safetensors")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_it_learns_what_sounds(tmp_path: Path) -> None:
    state = run_toy(tmp_path, loop={"epochs": 30}, optim={"rate": 0.1})
    assert state.best > 0.9
    assert float(rows(tmp_path / "log.csv")[-1]["loss"]) < 0.2
    card = read_card(tmp_path / "best/model.safetensors")
    assert (card.step, card.value, card.measure) == (state.best_step, state.best, "J")
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_same_run_twice_is_the_same(tmp_path: Path) -> None:
    for name in "ab":
        run_toy(tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    for seed in (0, 1):
        run_toy(tmp_path / str(seed), loop={"seed": seed})
    assert contents(tmp_path / "0")["last/model.safetensors"] != contents(tmp_path / "1")["last/model.safetensors"]


class Killed(Exception):
    """The end of a process at some point."""


def killed_at(monkeypatch: pytest.MonkeyPatch, kill: str) -> None:
    """Let the next run end at ``loss N``, the N-th loss that is computed, or ``score N``, the N-th sample that is scored."""
    what, number = kill.split()
    left = [int(number)]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return function(*args, **kwargs)

        return wrapped

    if what == "loss":
        monkeypatch.setattr(Toy, "training_loss", counted(Toy.training_loss))
    else:
        monkeypatch.setattr(toy_runs, "toy_batch", counted(toy_batch))


LONG = {"epochs": 4, "save_every": 2, "batch": 2}  # 6 steps an epoch


@pytest.mark.parametrize("kill", ["loss 0", "loss 1", "loss 3", "loss 6", "loss 9", "loss 17", "score 8", "score 25"])
def test_a_killed_run_gives_what_an_unbroken_one_gives(
    tmp_path: Path, kill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout, noise, order, BatchNorm, Adam's moments, the best and the tables: bit for bit."""
    optim = {
        "schedule": "poly",
        "warmup": 3,
        "parts": {"audio": {"kind": "sgd", "rate": 0.1}, "visual": {"frozen_epochs": 1}},
    }
    changes: dict[str, Any] = {"loop": LONG, "optim": optim}
    with monkeypatch.context() as patch:
        killed_at(patch, kill)
        with pytest.raises(Killed):
            run_toy(tmp_path / "killed", **changes)
    run_toy(tmp_path / "killed", **changes)
    run_toy(tmp_path / "whole", **changes)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    run_toy(tmp_path)
    before = contents(tmp_path)
    assert run_toy(tmp_path).step == 9
    assert contents(tmp_path) == before


def test_steps_may_end_within_an_epoch(tmp_path: Path) -> None:
    state = run_toy(tmp_path, loop={"epochs": 0, "steps": 5})
    assert state.step == 5
    assert [row["step"] for row in rows(tmp_path / "validation.csv")] == ["3", "5"]


def test_it_stops_early_when_nothing_gets_better(tmp_path: Path) -> None:
    state = run_toy(tmp_path, loop={"epochs": 20, "patience": 2}, optim={"rate": 0.0})
    assert (state.best_step, state.waited, state.step) == (3, 2, 9)
    assert run_toy(tmp_path, loop={"epochs": 20, "patience": 2}, optim={"rate": 0.0}).step == 9


def test_no_validation_no_best(tmp_path: Path) -> None:
    state = run_toy(tmp_path, loop={"validate_every": 0})
    assert not (tmp_path / "best").exists()
    assert state.best == -math.inf


def test_a_frozen_part_doesnt_move(tmp_path: Path) -> None:
    job = toy_job(toy_config())
    before = {name: value.clone() for name, value in job.system.state_dict().items()}
    after = _after(tmp_path, job, optim={"parts": {"visual": {"frozen_epochs": 9}}}, loop={"validate_every": 0})
    moved = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {"audio", "head", "norm"}  # the running statistics of norm, which no gradient moves
    assert torch.equal(after["norm.weight"], before["norm.weight"])
    moments = load_file(tmp_path / "last/training.safetensors")
    assert (
        len({name.split(".")[1] for name in moments}) == 4
    )  # weights and biases of audio and head; Adam saw no others


def test_moments_of_a_part_begin_when_it_does(tmp_path: Path) -> None:
    """Adam counts the steps of each parameter: three epochs of three for the head, the last of them for what was frozen."""
    _after(
        tmp_path, toy_job(toy_config()), optim={"parts": {"visual": {"frozen_epochs": 2}}}, loop={"validate_every": 0}
    )
    steps = sorted(
        float(value)
        for name, value in load_file(tmp_path / "last/training.safetensors").items()
        if name.endswith(".step")
    )
    assert steps == [3] * 4 + [9] * 4


def _after(folder: Path, job: Job, **changes: Any) -> dict[str, torch.Tensor]:
    """Weights of a job after training."""
    config = toy_config(**changes)
    train(job, config, folder, open_accelerator(config, "cpu"), Progress())
    return job.system.state_dict()


STILL = {"dropout": 0.0, "noise": 0.0, "norm": False}  # BatchNorm sees each part of a batch alone


def test_accumulated_parts_are_one_batch(tmp_path: Path) -> None:
    found = []
    for number, accumulate in enumerate((1, 2, 4)):
        changes: dict[str, Any] = {"loop": {"accumulate": accumulate, "validate_every": 0}, "model": {"options": STILL}}
        job = toy_job(toy_config(**changes))
        found.append(_after(tmp_path / str(number), job, **changes, optim={"kind": "sgd"}))
    for other in found[1:]:
        for name, value in found[0].items():
            torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-7)


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    """SGD at rate 1 moves by the gradient, whose norm over all parameters is at most the limit."""
    changes: dict[str, Any] = {"loop": {"epochs": 0, "steps": 1, "validate_every": 0}}
    job = toy_job(toy_config(**changes))
    before = {name: value.clone() for name, value in job.system.state_dict().items()}
    optim = {"kind": "sgd", "rate": 1.0, "momentum": 0.0, "clip": 0.01}
    after = _after(tmp_path, job, **changes, optim=optim)
    norm = math.sqrt(
        sum(
            float((after[name] - value).pow(2).sum())
            for name, value in before.items()
            if "running" not in name and "tracked" not in name
        )
    )
    assert norm == pytest.approx(0.01, rel=1e-3)


def test_bf16_keeps_weights_in_float32_and_learns(tmp_path: Path) -> None:
    run_toy(tmp_path, loop={"precision": "bf16", "epochs": 10}, optim={"rate": 0.05})
    losses = [float(row["loss"]) for row in rows(tmp_path / "log.csv")]
    assert losses[-1] < losses[0] / 2


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the loss is (nan|inf); lower optim\.rate") as caught:
        run_toy(tmp_path, optim={"kind": "sgd", "rate": 1e30}, loop={"epochs": 10})
    assert caught.value.reason == "diverged"
    assert "\n" not in str(caught.value)


def test_other_data_is_an_error(tmp_path: Path) -> None:
    run_toy(tmp_path)
    job = toy_job(toy_config())
    other = replace(job, card=replace(job.card, dataset="1" * 64))
    with pytest.raises(DataError, match="this run was of other samples"):
        _after(tmp_path, other)


def test_an_unknown_measure_tells_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"loop\.measure mIoU: avs gives J, F"):
        run_toy(tmp_path, loop={"measure": "mIoU"})


def test_a_batch_that_cant_be_shared_is_an_error() -> None:
    with pytest.raises(DataError, match=r"found 4, expected a multiple of 3: 1 processes x accumulate 3"):
        open_accelerator(toy_config(loop={"accumulate": 3}), "cpu")


def test_too_few_batches_are_told(tmp_path: Path) -> None:
    job = toy_job(toy_config())

    def none(epoch: int, done: int) -> Iterable[Any]:
        return ()

    with pytest.raises(ValueError, match="epoch_steps is too large"):
        _after(tmp_path, replace(job, batches=none))


def test_it_says_how_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_toy(tmp_path, progress=Log())
    lines = [line for line in capsys.readouterr().out.splitlines() if "loss" in line]
    assert [line[:9] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all(word in lines[0] for word in ("J ", "best", "samples/s", "GiB", "left"))
    assert lines[-1].endswith("done")


def test_a_table_goes_on_after_its_step(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n1,0.5\n2,0.4\n3,0.3\n4,0.")
    Table(path, 2).add(3, {"loss": 0.25, "extra": 1.0})
    assert path.read_text() == "step,loss\n1,0.5\n2,0.4\n3,0.25\n"
    with suppress(FileNotFoundError):
        Table(path, 0)
    assert not path.exists()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (3660, "1 h 01 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
