"""Does a model use the sound, and its sides? Each model beside its deaf, mono and stereo versions on the sample world.

    python benchmarks/prove_sound.py [--out proof] [--models cavp tpavi avsegformer] [--settings msmi ss ms] [--seeds 3] [--jobs 2]

Builds VPO from the embedded sample world and trains every version on each setting alone, by the tiny recipe, to say where something
sounds; as Fig. 7 of the VPO paper sets mono beside stereo. MSMI holds twins here: two of one category, one of which is silent
(`--pair-probability 0`), so what is seen and the category of the sound don't tell which one sounds; the side does. Predicts on the
test split and scores with `avs-eval`: J, and J of the same pictures without sound (muted), with the sounds of categories that
aren't there (shuffled) and with left and right exchanged (mirrored), against the same gt. Then the best run that hears is asked
what it owes to the sound (`avs-eval listen`).

Runs resume: the same command goes on, and finished runs are not trained again. One seed of all comes before the next one. Writes
proof.csv, proof.svg, listening.csv and listening.svg.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evaluators.charts import Mark, Panel, Row, Series, draw_rows
from evaluators.files import write_text
from evaluators.results import read_result
from evaluators.tables import HIGH, Cell, Number, Style, Table, to_csv, to_text

CONTROLS = {"muted": "silence", "shuffled": "off-screen", "mirrored": "mirrored"}  # the variant that each is
CHANGES = {"cavp": ("model.options.contrast=none",)}  # the contrast takes any side for right
SETTINGS = ("msmi", "ss", "ms")
SHOWN = {
    "J": "its own sound",
    "shuffled": "of another category",
    "mirrored": "left and right exchanged",
}  # in the figure
TITLE = "What the sound is worth"
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
    Version("coordinates", ("model.channels=2", "model.position=coord")),
    Version("key", ("model.channels=2", "model.position=key")),
    Version("level", ("model.channels=2", "model.stereo=level")),
    Version("level+phase", ("model.channels=2", "model.stereo=level+phase")),
)
NAMES = [version.name for version in VERSIONS]


def call(*words: object) -> None:
    """A command of ours, as a user calls it. A failed one ends the benchmark."""
    program, *rest = map(str, words)
    subprocess.run([Path(sys.executable).with_name(program), *rest], check=True)


def build_world(folder: Path, images: int) -> None:
    """The samples with every variant; nothing is done where they are there."""
    call(
        "vpo", "build", "--split", "all", "--no-msmi-base", "--pair-probability", "0", "--variants", "all", "--gallery", "0",
        "--world-images", images, "--world-clips", "24", "--clip-uses", "24", "--seconds", "3", "--val-fraction", "0.05",
        "--out", folder,
    )  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One training, and where it lies."""

    setting: str
    model: str
    version: Version
    seed: int
    folder: Path

    @property
    def hears(self) -> bool:
        """Whether there is a sound to take away."""
        return self.version != VERSIONS[0]


def all_runs(arguments: argparse.Namespace) -> list[Run]:
    """Seed by seed, so that what is there after a while compares all versions."""
    return [
        Run(setting, model, version, seed, arguments.out / setting / model / version.name / str(seed))
        for seed in range(arguments.seeds)
        for setting in arguments.settings
        for model in arguments.models
        for version in VERSIONS
        if version.name in arguments.versions
    ]


def train_and_score(run: Run, world: Path, steps: int) -> None:
    """Train, predict and score what isn't done."""
    if (run.folder / "base.json").exists():
        return
    start = time.perf_counter()
    changes = [word for change in (*CHANGES.get(run.model, ()), *run.version.changes) for word in ("--set", change)]
    call(
        "avs-train", "fit", run.model, "--data", world, "--setting", run.setting, "--out", run.folder / "run", "--tiny",
        "--device", "cpu", "--steps", steps, "--seed", run.seed, *changes, "--set", "model.classes=1",
        "--set", "loop.validate_every=0", "--quiet",
    )  # fmt: skip
    predict(run, world, [variant for variant in CONTROLS.values() if run.hears])
    for variant in [*(CONTROLS.values() if run.hears else ()), "base"]:  # the base's file says that all is done
        preds, result = run.folder / "preds" / variant, run.folder / f"{variant}.json"
        call("avs-eval", preds, world, "--setting", run.setting, "--kind", "soft", "--json", result, "--quiet")
    told = "  ".join(f"{name} {value:.1f}" for name, value in scores(run).items())
    seconds = time.perf_counter() - start
    print(f"{run.setting} {run.model} {run.version.name}, seed {run.seed}: {told}  ({seconds:.0f} s)", flush=True)


def predict(run: Run, world: Path, variants: Sequence[str]) -> None:
    """Predictions of the test split, with the sound of the base and of variants."""
    words = [word for variant in variants for word in ("--variants", variant)]
    out = run.folder / "preds" / ("" if variants else "base")
    call("avs-train", "predict", run.folder / "run", "--data", world, "--setting", run.setting, "--out", out, *words,
         "--checkpoint", "last", "--device", "cpu", "--quiet")  # fmt: skip


def scores(run: Run) -> dict[str, float]:
    """J in percent, and of each control."""
    names = {"J": "base", **CONTROLS}
    files = {name: run.folder / f"{variant}.json" for name, variant in names.items() if run.hears or name == "J"}
    found = {name: 100 * read_result(file).protocols[0].measures["J"] for name, file in files.items()}
    return {name: found.get(name, math.nan) for name in names}


def summary(values: Sequence[float]) -> Number:
    """Mean and 95 % interval over seeds (Student's t); NaN where there is nothing to take away."""
    mean = statistics.fmean(values)
    if len(values) < 2 or math.isnan(mean):
        return Number(mean)
    half = T_975.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return Number(mean, mean - half, mean + half)


def summaries(runs: Sequence[Run]) -> Iterator[tuple[str, str, str, dict[str, Number]]]:
    """Setting, model, version, and each score over the seeds."""
    for setting, model, version in dict.fromkeys((run.setting, run.model, run.version) for run in runs):
        found = [scores(run) for run in runs if (run.setting, run.model, run.version) == (setting, model, version)]
        yield setting, model, version.name, {name: summary([one[name] for one in found]) for name in found[0]}


def figure(runs: Sequence[Run], note: str) -> str:
    """Dots with intervals, a panel for each setting: J with the sound as it is, and with wrong ones."""
    found = {row[:3]: row[3] for row in summaries(runs)}
    names = list(dict.fromkeys((run.model, run.version.name) for run in runs))
    first = {model: number for number, (model, _) in reversed(list(enumerate(names)))}
    rows = [Row(version, model if first[model] == number else "") for number, (model, version) in enumerate(names)]
    panels = []
    for setting in dict.fromkeys(run.setting for run in runs):
        numbers = [found.get((setting, *name)) for name in names]
        series = [
            Series(tuple(_mark(one and one[control]) for one in numbers), told) for control, told in SHOWN.items()
        ]
        panels.append(Panel(f"{setting.upper()}, J (%)", tuple(series), range=(0, 60)))
    return draw_rows(TITLE, rows, panels, note)


def _mark(number: Number | None) -> Mark | None:
    known = number is not None and not math.isnan(number.value)
    return Mark(number.value, number.low, number.high) if known and number else None


def write_proof(runs: Sequence[Run], out: Path, note: str) -> None:
    """Table and figure of all scores."""
    rows = list(summaries(runs))
    names = list(rows[0][3])
    cells: list[tuple[Cell, ...]] = [(*row[:3], *(row[3][name] for name in names)) for row in rows]
    styles = {name: Style(percent=False, digits=1, better=HIGH) for name in names[:1]}
    styles |= {name: Style(percent=False, digits=1) for name in names[1:]}
    table = Table(("setting", "model", "hears", *names), tuple(cells), TITLE, (note,), styles)
    print(to_text(table))
    write_text(out / "proof.csv", to_csv(table))
    write_text(out / "proof.svg", figure(runs, note))


def listen(runs: Sequence[Run], world: Path, out: Path) -> None:
    """The whole report on the run that scores best, of the first setting."""
    best = max((run for run in runs if run.hears and run.setting == runs[0].setting), key=lambda run: scores(run)["J"])
    print(f"The best: {best.setting} {best.model} {best.version.name}, seed {best.seed}")
    predict(best, world, ["all"])
    files = ("--figure", out / "listening.svg", "--csv", out / "listening.csv")
    call("avs-eval", "listen", best.folder / "preds", world, "--setting", best.setting, "--kind", "soft", *files)


def main() -> None:
    """Build, train, score, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("proof"))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--models", nargs="+", default=["cavp", "tpavi", "avsegformer"])
    parser.add_argument("--versions", nargs="+", choices=NAMES, default=NAMES[:4])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--world-images", type=int, default=4000)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // arguments.jobs)))
    world = arguments.out / "world"
    build_world(world, arguments.world_images)
    runs = all_runs(arguments)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda run: train_and_score(run, world, arguments.steps), runs))
    seeds = f"{arguments.seeds} seeds, 95 % intervals" if arguments.seeds > 1 else "1 seed"
    write_proof(runs, arguments.out, f"J (protocol avs) on the test split, {arguments.steps} steps, {seeds}")
    listen(runs, world, arguments.out)


if __name__ == "__main__":
    main()
