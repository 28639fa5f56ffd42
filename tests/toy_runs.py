"""Runs of the toy network, as tests and the processes that they start need them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from toy_system import Toy, ToyOptions, toy_batch

from evaluators.progress import Progress
from evaluators.scoring import Scorer
from models.batch import Batch
from models.checkpoint import Card, versions
from models.config import Config, make_config, merged, to_tables
from models.jobs import Job
from models.system import System
from models.train import State, open_accelerator, train

SAMPLES, VALIDATION = 12, range(100, 107)  # seven: two processes share them unequally
TABLES: dict[str, Any] = {
    "model": {"name": "toy", "classes": 1},
    "loop": {"epochs": 3, "batch": 4},
    "optim": {"rate": 0.01},
}


def toy_config(**changes: Any) -> Config:
    """The config of a toy run, with changes by table."""
    return make_config(merged(TABLES, changes))


def toy_job(config: Config, rank: int = 0, world: int = 1) -> Job:
    """Twelve samples in an order of each epoch."""
    loop = config.loop
    torch.manual_seed(loop.seed)
    system = Toy(ToyOptions(**config.model.options), config.model.classes)
    part = loop.batch // world // loop.accumulate

    def batches(epoch: int, done: int) -> Iterator[Batch]:
        order = torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(epoch)).tolist()[done * loop.batch :]
        for start in range(0, len(order) // loop.batch * loop.batch, loop.batch):
            own = order[start : start + loop.batch][rank::world]
            for first in range(0, len(own), part):
                yield toy_batch(own[first : first + part])

    card = Card(
        to_tables(config), 1, ("background", "sounding"), "0" * 64, loop.protocol, loop.measure, versions=versions()
    )
    return Job(
        system, batches, SAMPLES // loop.batch, partial(score, rank, world) if loop.validate_every else None, card
    )


def score(rank: int, world: int, system: System) -> Scorer:
    """This process's share of the validation samples."""
    scorer = Scorer(["avs"], kind="soft", full=255)
    for number in list(VALIDATION)[rank::world]:
        batch = toy_batch([number])
        soft = (system(batch.image, batch.sound)[0, :, 0].sigmoid() * 255).round().to(torch.uint8)
        scorer.update(batch.ids[0], soft.numpy(), batch.target[0].numpy() == 1)
    return scorer


def run_toy(folder: Path, progress: Progress | None = None, **changes: Any) -> State:
    """Train the toy in ``folder`` on the CPU."""
    config = toy_config(**changes)
    accelerator = open_accelerator(config, "cpu")
    job = toy_job(config, accelerator.process_index, accelerator.num_processes)
    return train(job, config, folder, accelerator, progress or Progress())


if __name__ == "__main__":  # of torchrun: the folder, and the changes as JSON
    torch.set_num_threads(1)
    run_toy(Path(sys.argv[1]), **json.loads(sys.argv[2]))
