"""How the learning rate changes with the step, and optimizers with a rate for each part of a network.

The factor of a step is a function of its number alone, so there is no state to save. Formulas, s steps done of n, each
times min(1, (s + 1) / w) for a warm-up of w steps:

    constant    1
    poly        (1 - s / n) ** power                      DeepLab (Chen et al., 2017); torch PolynomialLR
    cosine      (1 + cos(pi s / n)) / 2                   SGDR without restarts (Loshchilov and Hutter, 2017)
    onecycle    from 1/25 up to 1 in 30 % of the steps and down to 1/250000, both by cosine
                (Smith and Topin, 2018); torch OneCycleLR, which calls this rate max_lr
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from evaluators.errors import DataError

from .config import OptimConfig, PartConfig

START, END, RISE = 1 / 25, 1 / 250_000, 0.3  # of onecycle


def factor(schedule: str, step: int, steps: int, *, power: float = 0.9, warmup: int = 0) -> float:
    """What the rate is multiplied by in a step, counted from 0 to ``steps`` - 1."""
    warm = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if schedule == "poly":
        return float(warm * (1 - step / steps) ** power)
    if schedule == "cosine":
        return warm * (1 + math.cos(math.pi * step / steps)) / 2
    if schedule == "onecycle":
        return warm * _one_cycle(step, steps)
    if schedule == "constant":
        return warm
    raise ValueError(f"there is no schedule {schedule!r}; there are constant, poly, cosine and onecycle")


def _one_cycle(step: int, steps: int) -> float:
    top, last = RISE * steps - 1, steps - 1
    if step <= top:
        return _between(START, 1, step / top if top > 0 else 1)
    return _between(1, END, (step - top) / (last - top) if last > top else 1)


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def build_optimizers(
    groups: Mapping[str, Iterator[nn.Parameter]], optim: OptimConfig, *, fused: bool = False
) -> list[torch.optim.Optimizer]:
    """One optimizer for each kind, a parameter group for each part, in the order of the names.

    A group holds ``part``, ``rate`` (before the factor), ``schedule`` and ``frozen_epochs`` beside torch's own.
    Parameters that need no gradient are left out. Raises ``DataError`` ``bad-config`` for a part that isn't there.
    """
    parts = {name: [one for one in own if one.requires_grad] for name, own in groups.items()}
    unknown = [name for name in optim.parts if name not in parts]
    if unknown:
        message = f"the network has no such part, it has {', '.join(parts)}"
        raise DataError("bad-config", f"optim.parts.{unknown[0]}", message)
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for name in sorted(parts):
        part = optim.parts.get(name, PartConfig())
        by_kind.setdefault(part.kind or optim.kind, []).extend(_groups(name, parts[name], part, optim))
    return [_optimizer(kind, by_kind[kind], optim, fused) for kind in sorted(by_kind) if by_kind[kind]]


def _groups(name: str, parameters: list[nn.Parameter], part: PartConfig, optim: OptimConfig) -> list[dict[str, Any]]:
    """The parameter groups of a part: one, or two where biases and norms, which have one axis, aren't decayed."""
    rate = optim.rate if part.rate is None else part.rate
    shared = {
        "lr": rate,
        "part": name,
        "rate": rate,
        "schedule": part.schedule or optim.schedule,
        "frozen_epochs": part.frozen_epochs,
    }
    decay = optim.weight_decay if part.weight_decay is None else part.weight_decay
    if (part.decay or optim.decay) == "all":
        sorts = [(parameters, decay)]
    else:
        sorts = [
            ([one for one in parameters if one.dim() > 1], decay),
            ([one for one in parameters if one.dim() < 2], 0.0),
        ]
    return [{**shared, "params": own, "weight_decay": amount} for own, amount in sorts if own]


def _optimizer(kind: str, groups: list[dict[str, Any]], optim: OptimConfig, fused: bool) -> torch.optim.Optimizer:
    if kind == "sgd":
        return torch.optim.SGD(groups, momentum=optim.momentum, fused=fused)
    if kind == "adam":
        return torch.optim.Adam(groups, fused=fused)
    return torch.optim.AdamW(groups, fused=fused)


def set_rates(
    optimizers: Sequence[torch.optim.Optimizer], optim: OptimConfig, step: int, steps: int, epoch_steps: int
) -> dict[str, float]:
    """Set the rate of every group for this step, and tell it by part."""
    rates = {}
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        now = factor(group["schedule"], step, steps, power=optim.power, warmup=optim.warmup)
        frozen = step < group["frozen_epochs"] * epoch_steps
        group["lr"] = rates[group["part"]] = 0.0 if frozen else group["rate"] * now
    return rates
