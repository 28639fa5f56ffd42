"""Checkpoints: weights with what made them, and the state that a stopped run goes on from.

A weights file is safetensors; under the key ``avskit`` its header holds a :class:`Card` as JSON. Nothing in it is run.
``RUN/last`` holds ``model.safetensors`` and ``training.pt`` (step, best, optimizers: plain tensors and numbers, read with
``weights_only``). It changes by renaming a folder, so whatever moment a run is killed at, one whole state is there.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from evaluators import __version__
from evaluators.errors import DataError
from evaluators.files import atomic_write

from .config import differences
from .official_weights import KeyMap, import_official

KEY, FORMAT = "avskit", 1
WEIGHTS, TRAINING = "model.safetensors", "training.pt"
LAST, BEST = "last", "best"
_NEW, _OLD = ".last.new", ".last.old"
_LARGEST_HEADER = 100_000_000  # bytes, safetensors' own limit


@dataclass(frozen=True)
class Card:
    """What a weights file says of itself."""

    config: Mapping[str, Any]  # tables of the run's config
    classes: int  # of the network
    categories: tuple[str, ...]  # name by index, of the training data
    dataset: str  # SHA-256 of its manifest or table
    protocol: str  # by which the best was chosen
    measure: str
    step: int = 0
    value: float | None = None  # of the measure on the validation split
    versions: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


def versions() -> dict[str, str]:
    """Of what computes."""
    return {"avskit": __version__, "torch": torch.__version__, "python": platform.python_version()}


def write_weights(path: Path, system: nn.Module, card: Card) -> None:
    """Write the weights of a network and their card, atomically."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in system.state_dict().items()}
    with atomic_write(path) as stream:
        stream.write(save(tensors, {KEY: json.dumps(asdict(card), sort_keys=True)}))


def read_card(path: Path) -> Card:
    """The card of a weights file, from its header. Raises ``DataError``: ``missing-file``, ``checkpoint-unreadable``, ``no-card``."""
    try:
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(_LARGEST_HEADER, path.stat().st_size - 8):
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(stream.read(length))
        text = header.get("__metadata__", {}).get(KEY)
    except FileNotFoundError:
        raise DataError("missing-file", path, "no such file, expected weights that `avs-train fit` wrote") from None
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(
            "checkpoint-unreadable", path, f"is no .safetensors file, or a damaged one ({error})"
        ) from error
    if text is None:
        remedy = "weights of others are read by `avs-train import`"
        raise DataError("no-card", path, f"its header has no {KEY}, so `avs-train` didn't write it; {remedy}")
    try:
        row = json.loads(text)
        if row["format"] != FORMAT:
            raise ValueError(f"format {row['format']}, this version reads {FORMAT}")
        return Card(**{**row, "categories": tuple(row["categories"])})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError("checkpoint-unreadable", path, f"its card can't be read ({error!r})") from error


def load_weights(path: Path, system: nn.Module, model: Mapping[str, Any]) -> Card:
    """Load a weights file into a network that was built by the tables ``model``. Returns its card.

    Raises ``DataError``: ``checkpoint-mismatch`` with the keys that differ, those of :func:`read_card` and of
    ``official_weights.import_official``.
    """
    card = read_card(path)
    require_same_model(card, model, path)
    import_official(system, path, KeyMap())
    return card


def require_same_model(card: Card, model: Mapping[str, Any], where: object) -> None:
    """``DataError`` ``checkpoint-mismatch`` unless the card's network is this one; where its weights began doesn't matter."""
    theirs = {name: value for name, value in card.config.get("model", {}).items() if not name.endswith("_weights")}
    mine = {name: value for name, value in model.items() if not name.endswith("_weights")}
    found = [f"model.{line}" for line in differences(theirs, mine)]
    if found:
        raise DataError("checkpoint-mismatch", where, f"it is of another network: {'; '.join(found[:4])} as asked for")


def save_state(
    run: Path, system: nn.Module, optimizers: Sequence[torch.optim.Optimizer], card: Card, state: Mapping[str, Any]
) -> None:
    """Make this the state that the run goes on from. ``state``: numbers and text only."""
    new, last, old = run / _NEW, run / LAST, run / _OLD
    _remove(new)
    new.mkdir(parents=True)
    write_weights(new / WEIGHTS, system, card)
    with atomic_write(new / TRAINING, durable=True) as stream:
        torch.save({"optimizers": [one.state_dict() for one in optimizers], "state": dict(state)}, stream)
    _remove(old)
    if last.exists():
        last.rename(old)
    new.rename(last)
    _remove(old)


def find_state(run: Path) -> Path | None:
    """The folder to go on from; None for a run that saved nothing yet. Mends what a kill between two renames left."""
    last, old = run / LAST, run / _OLD
    if not last.exists() and old.exists():
        old.rename(last)
    return last if last.exists() else None


def load_state(
    folder: Path, system: nn.Module, optimizers: Sequence[torch.optim.Optimizer], model: Mapping[str, Any]
) -> dict[str, Any]:
    """Load what :func:`save_state` wrote, and return its ``state``. Raises ``DataError``."""
    load_weights(folder / WEIGHTS, system, model)
    saved = read_saved(folder / TRAINING)
    try:
        for one, state in zip(optimizers, saved["optimizers"], strict=True):
            one.load_state_dict(state)
        return dict(saved["state"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("checkpoint-mismatch", folder / TRAINING, f"is of other optimizers ({error})") from error


def read_saved(path: Path) -> dict[str, Any]:
    """What ``torch.save`` wrote, of tensors and plain values; anything else in it is refused, and nothing is run."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError("missing-file", path, "no such file; remove the folder to begin the run again") from None
    except Exception as error:  # a hostile or damaged pickle can end in almost any of them
        reason = (
            "unsafe-weights" if "eights only" in str(error) or "weights_only" in str(error) else "checkpoint-unreadable"
        )
        raise DataError(
            reason, path, "isn't plain tensors and numbers as torch.save writes them; remove its folder"
        ) from error
    if not isinstance(saved, dict):
        raise DataError("checkpoint-unreadable", path, f"holds a {type(saved).__name__}, expected a table")
    return saved


def chosen_weights(run: Path, which: str = "") -> Path:
    """The weights file of a run: ``best``, or ``last`` where there is no best; or the one asked for."""
    for name in (which,) if which else (BEST, LAST):
        if (run / name / WEIGHTS).is_file():
            return run / name / WEIGHTS
    raise DataError(
        "no-checkpoint", run, f"holds no {which or f'{BEST} or {LAST}'}/{WEIGHTS}; is this a folder of `avs-train fit`?"
    )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
