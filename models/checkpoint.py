"""Checkpoints: weights with what made them, and the state that a stopped run goes on from.

A weights file is safetensors; under the key ``avskit`` its header holds a :class:`Card` as JSON. Nothing in it is run.
``RUN/last`` holds ``model.safetensors`` and ``training.safetensors`` (the optimizers' tensors, and step and best as JSON). It
changes by renaming a folder, so whatever moment a run is killed at, one whole state is there.
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
from torch import Tensor, nn

from evaluators import __version__
from evaluators.errors import DataError
from evaluators.files import atomic_write

from .config import differences
from .official_weights import KeyMap, import_official

KEY, FORMAT = "avskit", 1
WEIGHTS, TRAINING = "model.safetensors", "training.safetensors"
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
    _write(path, system.state_dict(), asdict(card))


def _write(path: Path, tensors: Mapping[str, Tensor], words: Mapping[str, Any]) -> None:
    from safetensors.torch import save

    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_write(path) as stream:
        stream.write(save(own, {KEY: json.dumps(words, sort_keys=True)}))


def read_card(path: Path) -> Card:
    """The card of a weights file, from its header. Raises ``DataError``: ``missing-file``, ``checkpoint-unreadable``, ``no-card``."""
    row = _read_words(path)
    try:
        if row["format"] != FORMAT:
            raise ValueError(f"format {row['format']}, this version reads {FORMAT}")
        return Card(**{**row, "categories": tuple(row["categories"])})
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("checkpoint-unreadable", path, f"its card can't be read ({error!r})") from error


def _read_words(path: Path) -> dict[str, Any]:
    """The JSON in a header, which is read alone, and only if it fits into the file."""
    try:
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(_LARGEST_HEADER, path.stat().st_size - 8):
                raise ValueError(f"a header of {length} bytes")
            text = json.loads(stream.read(length)).get("__metadata__", {}).get(KEY)
        row = json.loads(text) if text is not None else None
    except FileNotFoundError:
        raise DataError("missing-file", path, "no such file, expected what `avs-train fit` wrote") from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        found = " ".join(str(error).split())[:200]
        raise DataError(
            "checkpoint-unreadable", path, f"is no .safetensors file, or a damaged one ({found})"
        ) from error
    if not isinstance(row, dict):
        remedy = "weights of others are read by `avs-train import`"
        raise DataError("no-card", path, f"its header has no {KEY}, so `avs-train` didn't write it; {remedy}")
    return row


def load_weights(path: Path, system: nn.Module, model: Mapping[str, Any]) -> Card:
    """Load a weights file into a network that was built by the tables ``model``. Returns its card.

    Raises ``DataError``: ``checkpoint-mismatch`` with the keys that differ, those of :func:`read_card` and of
    ``official_weights.import_official``.
    """
    card = read_card(path)
    require_same_model(card, model, path)
    import_official(system, path, KeyMap())
    return card


def start_from(source: Path, system: nn.Module) -> None:
    """Begin with all weights of another run (its best, or last where there is none) or of its file, whatever it was trained on.

    Raises ``DataError``: ``no-checkpoint``, ``weights-mismatch`` and ``weights-shape`` where it is of another network, those of
    :func:`read_card`.
    """
    path = chosen_weights(source) if source.is_dir() else source
    read_card(path)
    import_official(
        system, path, KeyMap(dropped=((r"bank\.", "sounds that the other run heard"),), lacking=(r"bank\.",))
    )
    for part in system.modules():
        if hasattr(part, "weights_note"):
            part.weights_note = f"of {source}"  # type: ignore[assignment]


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
    moments = {
        f"{number}.{index}.{name}": value
        for number, one in enumerate(optimizers)
        for index, values in one.state_dict()["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }
    _write(new / TRAINING, moments, state)
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
    path = folder / TRAINING
    state, tensors = _read_words(path), _read_moments(path)
    for number, one in enumerate(optimizers):
        own = {name: tensors.pop(name) for name in list(tensors) if name.startswith(f"{number}.")}
        _put_moments(one, own, path)
    if tensors:
        raise DataError("checkpoint-mismatch", path, f"is of other optimizers, it holds {next(iter(tensors))}")
    return state


def _read_moments(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError("checkpoint-unreadable", path, f"is damaged ({' '.join(str(error).split())[:200]})") from error


def _put_moments(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor], where: Path) -> None:
    """Moments by ``<optimizer>.<parameter>.<name>``, each a number or of its parameter's shape."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in moments.items():
        _, index, key = name.split(".")
        if (
            not index.isdecimal()
            or int(index) >= len(parameters)
            or tensor.shape not in ((), parameters[int(index)].shape)
        ):
            raise DataError("checkpoint-mismatch", where, f"is of other optimizers: {name} is {tuple(tensor.shape)}")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


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
