"""A model in words: parts, numbers of parameters, recipe, source. Nothing is allocated: it is built on torch's meta device."""

from __future__ import annotations

from dataclasses import replace

import torch

from .config import Config, to_toml
from .registry import build_system, complete, find_entry
from .runs import weights_notes
from .system import System

CLASSES = {"vpo": 22, "s4": 1, "ms3": 1, "avss": 71}  # of the published data


def described(config: Config, kind: str) -> str:
    """Text of `avs-train show`: what the config builds for one kind of data."""
    entry = find_entry(config.model.name)
    model = complete(replace(config.model, classes=config.model.classes or CLASSES[kind]))
    weights = replace(model, visual_weights="", audio_weights="")
    with torch.device("meta"):
        system = build_system(weights, model.classes)
    lines = [
        f"{model.name}: {entry.text}",
        f"source     {entry.source}",
        f"shown for  {kind}, {model.classes} {'class' if model.classes == 1 else 'classes'}, {_sound(model.channels)}",
        "",
        *_parts(system),
        "",
        "# the recipe, as config.toml",
        to_toml(replace(config, model=model)).decode("utf-8").rstrip(),
    ]
    return "\n".join(lines)


def _sound(channels: int) -> str:
    return ("no sound", "mono", "stereo")[channels]


def _parts(system: System) -> list[str]:
    """A line for each part of the network: parameters in millions, those that are trained."""
    rows = []
    for name, module in system.named_children():
        own = list(module.parameters())
        rows.append(
            (name, type(module).__name__, sum(p.numel() for p in own), sum(p.numel() for p in own if p.requires_grad))
        )
    alone = list(system.parameters(recurse=False))
    if alone:
        rows.append(
            (
                "(its own)",
                type(system).__name__,
                sum(p.numel() for p in alone),
                sum(p.numel() for p in alone if p.requires_grad),
            )
        )
    every = list(system.parameters())
    rows.append(
        (
            "in all",
            type(system).__name__,
            sum(p.numel() for p in every),
            sum(p.numel() for p in every if p.requires_grad),
        )
    )
    lines = [f"{'part':<20} {'class':<24} {'parameters, M':>14} {'trained, M':>11}"]
    lines += [
        f"{name:<20} {kind:<24} {count / 1e6:>14.3f} {trained / 1e6:>11.3f}" for name, kind, count, trained in rows
    ]
    return lines + [f"{name}: {note}" for name, note in weights_notes(system).items() if note != "random weights"]
