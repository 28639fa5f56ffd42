"""Does a model use the sound, and its sides? Each model beside its deaf, mono and stereo versions on the sample world.

    python benchmarks/prove_sound.py [--out proof] [--models cavp tpavi avsegformer] [--seeds 3] [--steps 1000]

Builds VPO from the embedded sample world with all counterfactual variants, trains every version by the tiny recipe, predicts
on the test split and scores with `avs-eval`: J by setting (ss, ms, msmi), as Fig. 7 of the VPO paper sets mono beside stereo.
Runs resume: the same command goes on, and finished versions are not trained again. Writes proof.csv and proof.svg.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluators.charts import Mark, Panel, Row, Series, draw_rows
from evaluators.files import write_text
from evaluators.results import read_result
from evaluators.tables import HIGH, Cell, Number, Style, Table, to_csv, to_text

SETTINGS = ("ss", "ms", "msmi")
T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}  # of Student's t, by degrees of freedom


@dataclass(frozen=True)
class Version:
    """What a model hears, and whether its fusion knows where a pixel is."""

    name: str
    changes: tuple[str, ...]


VERSIONS = (
    Version("deaf", ("model.channels=0",)),
    Version("mono", ("model.channels=1",)),
    Version("stereo", ("model.channels=2",)),
    Version("stereo, coordinates", ("model.channels=2", "model.position=coord")),
    Version("stereo, position in key", ("model.channels=2", "model.position=key")),
)


def call(*words: object) -> None:
    """A command of ours, as a user calls it."""
    program, *rest = map(str, words)
    subprocess.run([Path(sys.executable).with_name(program), *rest], check=True)


def build_world(folder: Path, images: int) -> None:
    """VPO in all settings with every variant; nothing where it is there."""
    call(
        "vpo", "build", "--split", "all", "--audio", "render", "--variants", "all", "--val-fraction", "0.1", "--gallery", "0",
        "--world-images", images, "--clip-uses", "12", "--seconds", "3", "--out", folder, "--quiet",
    )  # fmt: skip


def scores(folder: Path, world: Path, model: str, version: Version, seed: int, steps: int) -> dict[str, float]:
    """J by setting of one run, in percent; trained, predicted and scored where that isn't done."""
    run = folder / model / version.name.replace(", ", "-").replace(" ", "-") / str(seed)
    result = run / "score.json"
    if not result.exists():
        changes = [word for change in version.changes for word in ("--set", change)]
        call(
            "avs-train", "fit", model, "--data", world, "--out", run / "run", "--tiny", "--device", "cpu",
            "--steps", steps, "--seed", seed, *changes, "--quiet",
        )  # fmt: skip
        call(
            "avs-train", "predict", run / "run", "--data", world, "--out", run / "preds", "--checkpoint", "last",
            "--variants", "all", "--device", "cpu", "--quiet",
        )  # fmt: skip
        call("avs-eval", run / "preds/base", world, "--by", "setting", "--json", result, "--quiet")
    groups = read_result(result).protocols[0].groups["by setting"]
    return {setting: 100 * groups[setting]["J"] for setting in SETTINGS if setting in groups}


def summary(values: Sequence[float]) -> Number:
    """Mean and 95 % interval over seeds (Student's t)."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Number(mean)
    half = T_975.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return Number(mean, mean - half, mean + half)


def measured(arguments: argparse.Namespace, world: Path) -> Iterator[tuple[str, str, dict[str, Number]]]:
    """Model, version, and J by setting over the seeds."""
    for model in arguments.models:
        for version in VERSIONS:
            start = time.perf_counter()
            runs = [
                scores(arguments.out, world, model, version, seed, arguments.steps) for seed in range(arguments.seeds)
            ]
            found = {setting: summary([run[setting] for run in runs]) for setting in SETTINGS}
            told = "  ".join(f"{setting} {number.value:.1f}" for setting, number in found.items())
            print(f"{model} {version.name}: {told}  ({time.perf_counter() - start:.0f} s)", flush=True)
            yield model, version.name, found


def figure(rows: Sequence[tuple[str, str, dict[str, Number]]], title: str, note: str) -> str:
    """Dots with intervals, a panel for each setting."""
    labels = [
        Row(version, model if number == 0 or rows[number - 1][0] != model else "")
        for number, (model, version, _) in enumerate(rows)
    ]
    panels = [
        Panel(
            f"VPO-{setting.upper()}",
            (Series(tuple(Mark(found[setting].value, found[setting].low, found[setting].high) for *_, found in rows)),),
            range=(0, 100),
        )
        for setting in SETTINGS
    ]
    return draw_rows(title, labels, panels, note)


def main() -> None:
    """Build, train, score, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("proof"))
    parser.add_argument("--models", nargs="+", default=["cavp", "tpavi", "avsegformer"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--world-images", type=int, default=1200)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    world = arguments.out / "world"
    build_world(world, arguments.world_images)
    rows = list(measured(arguments, world))
    cells: list[tuple[Cell, ...]] = [
        (model, version, *(found[setting] for setting in SETTINGS)) for model, version, found in rows
    ]
    note = f"J (protocol avs) on the test split of the sample world, {arguments.steps} steps, {arguments.seeds} seeds"
    styles = {setting: Style(percent=False, digits=1, better=HIGH) for setting in SETTINGS}
    table = Table(("model", "hears", *SETTINGS), tuple(cells), "What the sound is worth", (note,), styles)
    print(to_text(table))
    write_text(arguments.out / "proof.csv", to_csv(table))
    write_text(arguments.out / "proof.svg", figure(rows, "What the sound is worth", note))


if __name__ == "__main__":
    main()
