"""What a run writes down while it goes: tables that a resumed run continues, and curves for TensorBoard."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from evaluators.errors import DataError
from evaluators.files import write_text


class Table:
    """A CSV file with a row for a step. Its first column is ``step``, the others are those of the first row."""

    def __init__(self, path: Path, step: int) -> None:
        """Continue after ``step``: rows of later steps, and a half line that a kill left, are taken out."""
        self._path, self._columns = path, ""
        if path.is_file():
            whole = path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
            if step and whole:
                self._columns = whole[0]
                kept = [line for line in whole[1:] if int(line.partition(",")[0]) <= step]
                write_text(path, "".join(f"{line}\n" for line in [whole[0], *kept]))
            else:
                path.unlink()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row; a value that the first row lacked is left out, one that is missing is empty."""
        if not self._columns:
            self._columns = ",".join(("step", *values))
            write_text(self._path, self._columns + "\n")
        stream = io.StringIO()
        row = [step, *(_number(values.get(name)) for name in self._columns.split(",")[1:])]
        csv.writer(stream, lineterminator="\n").writerow(row)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(stream.getvalue())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


class RunLog:
    """The tables of a run, and TensorBoard's files where asked for.

    log.csv: step, loss, its parts, the rate of each part of the network; means over the steps since the row before.
    validation.csv: step and measures. speed.csv: step, seconds, samples per second, memory in bytes. The first two are
    the same for a run that was stopped and resumed.
    """

    def __init__(self, run: Path, step: int, *, tensorboard: bool = False) -> None:
        self._tables = {name: Table(run / f"{name}.csv", step) for name in ("log", "validation", "speed")}
        self._writer = _summary_writer(run / "tensorboard", step) if tensorboard else None

    def add(self, table: str, step: int, values: Mapping[str, float]) -> None:
        """A row of ``log``, ``validation`` or ``speed``."""
        self._tables[table].add(step, values)
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{table}/{name}", value, step)

    def close(self) -> None:
        """Write what TensorBoard still holds."""
        if self._writer is not None:
            self._writer.close()


def _summary_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DataError(
            "missing-package", "--tensorboard", "not installed: pip install 'avskit[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder), purge_step=step + 1)


def peak_memory(device: torch.device) -> int:
    """Most bytes held at once: of tensors on a GPU, else of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def duration(seconds: float) -> str:
    """``1 h 05 min``, ``3 min 20 s``, ``12 s``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


class Clock:
    """Speed of an epoch and time left."""

    def __init__(self, step: int, batch: int) -> None:
        self._first, self._batch, self._start = step, batch, time.monotonic()

    def stop(self, step: int, device: torch.device) -> dict[str, float]:
        """Seconds, samples per second and memory since the start."""
        self._seconds, self._steps = max(time.monotonic() - self._start, 1e-9), step - self._first
        speed = self._steps * self._batch / self._seconds
        self._speed = {
            "seconds": self._seconds,
            "samples per second": speed,
            "memory bytes": float(peak_memory(device)),
        }
        return self._speed

    def told(self, steps: int) -> str:
        """All that in words, and the time that so many more steps take."""
        left = f"{duration(steps * self._seconds / self._steps)} left" if steps else "done"
        return (
            f"{self._speed['samples per second']:.1f} samples/s  {self._speed['memory bytes'] / 2**30:.1f} GiB  {left}"
        )
