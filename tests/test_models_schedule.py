"""Learning rates against torch's own schedulers, and optimizers by part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from toy_system import Toy, ToyOptions

from evaluators.errors import DataError
from models.config import OptimConfig, PartConfig
from models.schedule import build_optimizers, factor, set_rates

STEPS = 40
SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "constant": lambda one: torch.optim.lr_scheduler.ConstantLR(one, 1.0),
    "poly": lambda one: torch.optim.lr_scheduler.PolynomialLR(one, STEPS, 0.9),
    "cosine": lambda one: torch.optim.lr_scheduler.CosineAnnealingLR(one, STEPS),
    "onecycle": lambda one: torch.optim.lr_scheduler.OneCycleLR(one, 1.0, STEPS, cycle_momentum=False),
}


@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_as_torch_has_it(schedule: str) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    scheduler = SCHEDULERS[schedule](optimizer)
    for step in range(STEPS):
        assert factor(schedule, step, STEPS) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_warm_up_grows_evenly_and_ends() -> None:
    found = [factor("constant", step, STEPS, warmup=4) for step in range(6)]
    assert found == [0.25, 0.5, 0.75, 1, 1, 1]
    assert factor("poly", 1, 4, power=1, warmup=4) == 0.5 * 0.75


@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_one_step_runs(schedule: str) -> None:
    assert 0 < factor(schedule, 0, 1) <= 1


def test_parts_have_their_own_optimizer_rate_and_decay() -> None:
    """CAVP: SGD for what sees, ten times the rate in the head, Adam at a constant rate for what hears."""
    parts = {"head": PartConfig(rate=0.1), "audio": PartConfig("adam", 0.001, 0.0, schedule="constant")}
    optim = OptimConfig("sgd", 0.01, 0.0005, schedule="poly", power=1.0, parts=parts)
    optimizers = build_optimizers(Toy(ToyOptions(), 1).parameter_groups(), optim)
    assert [type(one).__name__ for one in optimizers] == ["Adam", "SGD"]
    found = {group["part"]: (group["rate"], group["weight_decay"]) for one in optimizers for group in one.param_groups}
    assert found == {"audio": (0.001, 0.0), "head": (0.1, 0.0005), "visual": (0.01, 0.0005)}
    assert set_rates(optimizers, optim, 1, 4, 2) == {
        "audio": 0.001,
        "head": pytest.approx(0.075),
        "visual": pytest.approx(0.0075),
    }


def test_a_part_is_frozen_for_its_first_epochs() -> None:
    optim = OptimConfig(rate=1.0, parts={"visual": PartConfig(frozen_epochs=2)})
    optimizers = build_optimizers(Toy(ToyOptions(), 1).parameter_groups(), optim)
    rates = [set_rates(optimizers, optim, step, 9, 3) for step in range(9)]
    assert [row["visual"] for row in rates] == [0] * 6 + [1] * 3
    assert {row["head"] for row in rates} == {1}


def test_what_needs_no_gradient_is_left_out() -> None:
    toy = Toy(ToyOptions(), 1)
    toy.audio.requires_grad_(False)
    (one,) = build_optimizers(toy.parameter_groups(), OptimConfig())
    assert [group["part"] for group in one.param_groups] == ["head", "visual"]


def test_an_unknown_part_tells_those_there_are() -> None:
    with pytest.raises(DataError, match="it has visual, audio, head"):
        build_optimizers(Toy(ToyOptions(), 1).parameter_groups(), OptimConfig(parts={"neck": PartConfig()}))


def test_biases_and_norms_are_decayed_only_if_asked() -> None:
    """CAVP decays neither in its backbone and head."""
    toy = Toy(ToyOptions(), 1)
    (one,) = build_optimizers(
        toy.parameter_groups(), OptimConfig(weight_decay=0.1, parts={"visual": PartConfig(decay="weights")})
    )
    decays = {id(parameter): group["weight_decay"] for group in one.param_groups for parameter in group["params"]}
    found = {name: decays[id(parameter)] for name, parameter in toy.named_parameters()}
    assert {name for name, decay in found.items() if decay == 0} == {"visual.bias", "norm.weight", "norm.bias"}
    assert len(found) == 8
