"""Two processes on a CPU train and score what one does; a killed process is resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.slow  # each process imports torch: half a minute on a busy machine

TESTS = Path(__file__).parent
STILL = {"dropout": 0.0, "noise": 0.0, "norm": False}  # what each process draws or counts for itself
ONE = [sys.executable]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def start(command: list[str], folder: Path, **changes: Any) -> subprocess.Popen[str]:
    """Begin a toy run in processes of its own."""
    paths = os.pathsep.join((str(TESTS.parent), str(TESTS)))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    arguments = [str(TESTS / "toy_runs.py"), str(folder), json.dumps(changes)]
    return subprocess.Popen(
        [*command, *arguments], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output


def test_two_processes_are_one(tmp_path: Path) -> None:
    """Same weights up to the order of sums, same validation: seven samples are shared unequally and none counts twice."""
    changes = {"model": {"options": STILL}, "optim": {"kind": "sgd", "rate": 0.5}, "loop": {"epochs": 4}}
    for process in [start(command, tmp_path / str(number), **changes) for number, command in enumerate((ONE, TWO), 1)]:
        finish(process)
    one, two = (load_file(tmp_path / name / "last/model.safetensors") for name in "12")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-6)
    assert (tmp_path / "1/validation.csv").read_text() == (tmp_path / "2/validation.csv").read_text()
    losses = [
        [float(line.split(",")[1]) for line in (tmp_path / name / "log.csv").read_text().splitlines()[1:]]
        for name in "12"
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_process_that_was_killed_goes_on(tmp_path: Path) -> None:
    """SIGKILL somewhere in the middle; what the second start leaves equals a run that nobody killed."""
    changes: dict[str, Any] = {"loop": {"epochs": 40, "save_every": 1}}
    whole = start(ONE, tmp_path / "whole", **changes)
    killed = start(ONE, tmp_path / "killed", **changes)
    end = time.monotonic() + 120
    while not (tmp_path / "killed/best/model.safetensors").exists() and time.monotonic() < end:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    finish(start(ONE, tmp_path / "killed", **changes))
    finish(whole)
    for name in (
        "log.csv",
        "validation.csv",
        "last/model.safetensors",
        "last/training.safetensors",
        "best/model.safetensors",
    ):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    names = {path.name for path in (tmp_path / "killed").iterdir()}
    assert not {name for name in names if name.startswith(".last")}
