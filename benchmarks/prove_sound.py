"""Does a model use the sound, and its sides? Each model beside its deaf, mono and stereo versions on the sample world.

    python benchmarks/prove_sound.py [--out proof] [--models cavp tpavi avsegformer] [--seeds 3] [--steps 900] [--jobs 2]

Builds twins: VPO-MSMI from the embedded sample world, where every picture has two of one category and one of the two is silent
(`--pair-probability 0`). What is seen and the category of the sound don't tell which; the side does. Trains every version by the
tiny recipe to say where something sounds, predicts on the test split and scores with `avs-eval`: J, as Fig. 7 of the VPO paper
sets mono beside stereo, and J of the same pictures without sound (muted), with the sounds of categories that aren't there
(shuffled) and with left and right exchanged (mirrored), against the same gt. Then the best run that hears is asked what it owes
to the sound (`avs-eval listen`).

Runs resume: the same command goes on, and finished runs are not trained again. One seed of all versions comes before the next
one. Writes proof.csv, proof.svg, listening.csv and listening.svg.
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
CHANGES = {
    "cavp": ("model.options.contrast=none",),
    "tpavi": (),
    "avsegformer": (),
}  # the contrast takes any side for right
TITLE, TOP = "What the sound is worth", 60
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
    """A command of ours, as a user calls it. A failed one ends the benchmark."""
    program, *rest = map(str, words)
    subprocess.run([Path(sys.executable).with_name(program), *rest], check=True)


def build_twins(folder: Path, images: int) -> None:
    """The samples with every variant; nothing is done where they are there."""
    call(
        "vpo", "build", "--split", "msmi", "--no-msmi-base", "--pair-probability", "0", "--variants", "all", "--gallery", "0",
        "--world-images", images, "--world-clips", "24", "--clip-uses", "24", "--seconds", "3", "--val-fraction", "0.05",
        "--out", folder,
    )  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One training, and where it lies."""

    model: str
    version: Version
    seed: int
    folder: Path

    @property
    def hears(self) -> bool:
        """Whether there is a sound to take away."""
        return self.version != VERSIONS[0]


def all_runs(out: Path, models: Sequence[str], versions: Sequence[str], seeds: int) -> list[Run]:
    """Seed by seed, so that what is there after a while compares all versions."""
    return [
        Run(model, version, seed, out / model / version.name.replace(", ", "-").replace(" ", "-") / str(seed))
        for seed in range(seeds)
        for model in models
        for version in VERSIONS
        if version.name in versions
    ]


def train_and_score(run: Run, world: Path, steps: int) -> None:
    """Train, predict and score what isn't done."""
    if (run.folder / "base.json").exists():
        return
    start = time.perf_counter()
    changes = [word for change in (*CHANGES[run.model], *run.version.changes) for word in ("--set", change)]
    call(
        "avs-train", "fit", run.model, "--data", world, "--out", run.folder / "run", "--tiny", "--device", "cpu",
        "--steps", steps, "--seed", run.seed, *changes, "--set", "model.classes=1", "--set", "loop.validate_every=0", "--quiet",
    )  # fmt: skip
    predict(run, world, [variant for variant in CONTROLS.values() if run.hears])
    for variant in [*(CONTROLS.values() if run.hears else ()), "base"]:  # the base's file says that all is done
        result = run.folder / f"{variant}.json"
        call("avs-eval", run.folder / "preds" / variant, world, "--kind", "soft", "--json", result, "--quiet")
    told = "  ".join(f"{name} {value:.1f}" for name, value in scores(run).items())
    seconds = time.perf_counter() - start
    print(f"{run.model} {run.version.name}, seed {run.seed}: {told}  ({seconds:.0f} s)", flush=True)


def predict(run: Run, world: Path, variants: Sequence[str]) -> None:
    """Predictions of the test split, with the sound of the base and of variants."""
    words = [word for variant in variants for word in ("--variants", variant)]
    out = run.folder / "preds" / ("" if variants else "base")
    call("avs-train", "predict", run.folder / "run", "--data", world, "--out", out, *words, "--checkpoint", "last",
         "--device", "cpu", "--quiet")  # fmt: skip


def scores(run: Run) -> dict[str, float]:
    """J in percent, and of each control."""
    names = {"J": "base", **CONTROLS}
    files = {name: run.folder / f"{variant}.json" for name, variant in names.items() if run.hears or name == "J"}
    found = {name: 100 * read_result(file).protocols[0].measures["J"] for name, file in files.items()}
    return {name: found.get(name, math.nan) for name in names}


def summary(values: Sequence[float]) -> Number:
    """Mean and 95 % interval over seeds (Student's t)."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Number(mean)
    half = T_975.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return Number(mean, mean - half, mean + half)


def summaries(runs: Sequence[Run]) -> Iterator[tuple[str, str, dict[str, Number]]]:
    """Model, version, and each score over the seeds."""
    for model, version in dict.fromkeys((run.model, run.version) for run in runs):
        found = [scores(run) for run in runs if (run.model, run.version) == (model, version)]
        yield model, version.name, {name: summary([one[name] for one in found]) for name in found[0]}


def figure(rows: Sequence[tuple[str, str, dict[str, Number]]], title: str, note: str) -> str:
    """Dots with intervals: J with the sound as it is, and with left and right exchanged."""
    labels = [
        Row(version, model if number == 0 or rows[number - 1][0] != model else "")
        for number, (model, version, _) in enumerate(rows)
    ]
    panels = []
    for name in ("J", "mirrored"):
        marks = [
            None
            if math.isnan(found[name].value)
            else Mark(found[name].value, found[name].low, found[name].high, f"{found[name].value:.0f}")
            for *_, found in rows
        ]
        panels.append(Panel("J (%)" if name == "J" else "J, mirrored (%)", (Series(tuple(marks)),), range=(0, TOP)))
    return draw_rows(title, labels, panels, note)


def write_proof(runs: Sequence[Run], out: Path, note: str) -> None:
    """Table and figure of all scores."""
    rows = list(summaries(runs))
    names = list(rows[0][2])
    cells: list[tuple[Cell, ...]] = [
        (model, version, *(found[name] for name in names)) for model, version, found in rows
    ]
    styles = {name: Style(percent=False, digits=1, better=HIGH) for name in names}
    table = Table(("model", "hears", *names), tuple(cells), TITLE, (note,), styles)
    print(to_text(table))
    write_text(out / "proof.csv", to_csv(table))
    write_text(out / "proof.svg", figure(rows, TITLE, note))


def main() -> None:
    """Build, train, score, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("proof"))
    parser.add_argument("--models", nargs="+", default=["cavp", "tpavi", "avsegformer"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--versions", nargs="+", default=[version.name for version in VERSIONS])
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--world-images", type=int, default=4000)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // arguments.jobs)))
    world = arguments.out / "world"
    build_twins(world, arguments.world_images)
    runs = all_runs(arguments.out, arguments.models, arguments.versions, arguments.seeds)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda run: train_and_score(run, world, arguments.steps), runs))
    note = f"J (protocol avs) on the test split of the twins, {arguments.steps} steps, {arguments.seeds} seed{'s' * (arguments.seeds > 1)}"
    write_proof(runs, arguments.out, note)
    best = max((run for run in runs if run.hears), key=lambda run: scores(run)["J"])
    predict(best, world, ["all"])
    print(f"The best: {best.model} {best.version.name}, seed {best.seed}")
    out = arguments.out / "listening"
    call(
        "avs-eval",
        "listen",
        best.folder / "preds",
        world,
        "--kind",
        "soft",
        "--figure",
        f"{out}.svg",
        "--csv",
        f"{out}.csv",
    )


if __name__ == "__main__":
    main()
