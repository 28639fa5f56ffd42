"""A model in words: parts, numbers of parameters, recipe, source. Nothing is allocated: it is built on torch's meta device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

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
    parts = [*_opened(system), ("in all", system, list(system.parameters()))]
    lines = [f"{'part':<20} {'class':<24} {'parameters, M':>14} {'trained, M':>11}"]
    for name, module, own in parts:
        count = sum(one.numel() for one in own)
        trained = sum(one.numel() for one in own if one.requires_grad)
        lines.append(f"{name:<20} {type(module).__name__:<24} {count / 1e6:>14.3f} {trained / 1e6:>11.3f}")
    return lines + [f"{name}: {note}" for name, note in weights_notes(system).items() if note != "random weights"]


def _opened(system: System, prefix: str = "") -> Iterator[tuple[str, nn.Module, list[nn.Parameter]]]:
    """Parts with their parameters, those of a system inside a system one by one; what has none is left out."""
    for name, module in system.named_children():
        own = list(module.parameters())
        if isinstance(module, System):
            yield from _opened(module, f"{prefix}{name}.")
        elif own:
            yield prefix + name, module, own
    alone = list(system.parameters(recurse=False))
    if alone:
        yield f"{prefix}(its own)", system, alone
