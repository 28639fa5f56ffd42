"""The folder of a run: whose it is, what is in it, and the network that it holds.

config.toml      all settings, written when the run begins
run.json         what trains it: data, parameters, where weights began, versions
last/  best/     checkpoints (see ``checkpoint.py``)
log.csv  validation.csv  speed.csv
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from evaluators.errors import DataError
from evaluators.files import atomic_write, write_text

from . import checkpoint
from .config import Config, differences, identity, make_config, read_toml, to_tables, to_toml
from .jobs import Job, settled
from .listing import list_items
from .official_weights import import_weights
from .registry import build_system
from .system import System

CONFIG, FACTS = "config.toml", "run.json"


def claim(folder: Path, config: Config) -> None:
    """Write the config, or see that the one there is the same; a run that has saved nothing yet takes the new one.

    Raises ``DataError``: ``other-run``, ``not-empty``.
    """
    path = folder / CONFIG
    saved = checkpoint.find_state(folder) is not None or (folder / checkpoint.BEST).exists()
    if path.is_file() and saved:
        found = list(differences(identity(make_config(read_toml(path), path)), identity(config)))
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            raise DataError("other-run", folder, f"has {'; '.join(found[:3])}{more}; take another --out")
    elif not path.is_file() and folder.is_dir() and any(not name.name.startswith(".") for name in folder.iterdir()):
        raise DataError("not-empty", folder, f"holds files, and no {CONFIG} of a run; take another --out")
    else:
        with atomic_write(path) as stream:
            stream.write(to_toml(config))


def read_config(folder: Path) -> Config:
    """The config of a run. Raises ``DataError`` ``not-a-run``, ``bad-config``."""
    path = folder / CONFIG
    if not path.is_file():
        raise DataError("not-a-run", folder, f"holds no {CONFIG}; give a folder that `avs-train fit` wrote")
    return make_config(read_toml(path), path)


def import_run(config: Config, file: Path, folder: Path) -> list[str]:
    """Write a run of published weights, ready to predict; returns lines that say what came of the file. Raises ``DataError``."""
    listing = list_items(config.data.dir, config.data.train_split, config.data.settings)
    config = settled(config, listing)
    system = build_system(replace(config.model, visual_weights=""), config.model.classes)  # the file has those
    report = import_weights(system, file)
    notes = _kept_notes(system, report.missing)
    if any(note.startswith("random") for note in notes.values()):
        found = "; ".join(f"{name}: {note}" for name, note in notes.items())
        remedy = "give them: --set model.audio_weights=vggish-10086976.pth"
        raise DataError("weights-missing", file, f"holds no weights of the sound encoder ({found}); {remedy}")
    claim(folder, config)
    loop = config.loop
    card = checkpoint.Card(
        identity(config), config.model.classes, listing.categories, listing.digest, loop.protocol, loop.measure,
        versions=checkpoint.versions(),
    )  # fmt: skip
    checkpoint.write_weights(folder / checkpoint.BEST / checkpoint.WEIGHTS, system, card)
    reasons = Counter(reason for _, reason in report.dropped)
    told = [f"import   {file}: {len(report.loaded)} tensors into {folder}"]
    told += [f"dropped  {count} tensors: {reason}" for reason, count in reasons.items()]
    return told + [f"beside   {name}: {note}" for name, note in notes.items()]


def _kept_notes(system: System, missing: Sequence[str]) -> dict[str, str]:
    """What the encoders hold that an imported file has no tensor of, by the encoder's name in the network."""
    return {
        name: note
        for name, note in weights_notes(system).items()
        if sum(one.startswith(f"{name}.") for one in missing) == len(system.get_submodule(name).state_dict())
    }


def write_facts(folder: Path, job: Job, config: Config, device: str, processes: int) -> None:
    """Write run.json."""
    facts: dict[str, Any] = {
        "source": config.source,
        "dataset": job.card.dataset,
        "categories": job.card.categories,
        "parameters": {name: sum(one.numel() for one in own) for name, own in job.system.parameter_groups().items()},
        "parameters in all": count_parameters(job.system),
        "weights": weights_notes(job.system),
        "device": device,
        "processes": processes,
        "versions": dict(job.card.versions),
    }
    write_text(folder / FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def count_parameters(system: nn.Module) -> int:
    """Numbers in all parameters, frozen ones too."""
    return sum(one.numel() for one in system.parameters())


def weights_notes(system: nn.Module) -> dict[str, str]:
    """What the encoders' weights began with, by the encoder's name in the network."""
    return {
        name: note
        for name, part in system.named_modules()
        if isinstance(note := getattr(part, "weights_note", None), str)
    }


def load_run(folder: Path, which: str = "") -> tuple[Config, System, checkpoint.Card, Path]:
    """Config, network, card and weights file of a run. ``which``: best, last, or "" for the best there is. Raises ``DataError``."""
    config = read_config(folder)
    path = checkpoint.chosen_weights(folder, which)
    card = checkpoint.read_card(path)
    bare = replace(config.model, visual_weights="", audio_weights="")  # the run's own weights come over these
    system = build_system(bare, card.classes)
    checkpoint.load_weights(path, system, to_tables(bare))
    return config, system, card, path
