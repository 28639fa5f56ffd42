"""`avs-train`: train the reference models, predict with them, show what they are made of."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evaluators import __version__
from evaluators.errors import DataError
from evaluators.failures import told

if TYPE_CHECKING:
    from .config import Config

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, path_type=Path)
DEVICE = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default=None, help="A GPU where there is one, by default."
)
QUIET = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
PACKAGES = ("torch", "transformers", "accelerate", "safetensors")
KINDS = ("vpo", "s4", "ms3", "avss")
_told = told(
    "avs-train",
    {
        "bad-config", "unknown-model", "unknown-backbone", "backbone-option", "no-recipe", "no-data", "no-device", "no-validation",
        "no-instance-maps", "other-run", "not-empty", "not-a-run", "other-predictions", "missing-package", "broken-torchvision",
    },
    "the same command goes on from its last checkpoint",
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="avs-train", message=f"%(prog)s %(version)s ({Path(__file__).parent})")
def main() -> None:
    """Train audio-visual segmentation models, and predict with them.

    \b
    vpo build --split all --val-fraction 0.2 --out WORLD       the embedded sample world
    avs-train fit cavp --data WORLD --tiny --device cpu        minutes on a CPU
    avs-train predict runs/cavp --data WORLD --out preds
    avs-eval preds WORLD
    """
    if isinstance(sys.stdout, TextIOWrapper):  # a log may not know the letters of a file name
        sys.stdout.reconfigure(errors="backslashreplace")


def _check_packages() -> None:
    """Raise ``DataError`` ``missing-package`` where one that training needs is not installed."""
    from importlib.util import find_spec

    lacking = [name for name in PACKAGES if find_spec(name) is None]
    if lacking:
        raise DataError(
            "missing-package", " and ".join(lacking), "is needed and not installed; run: pip install 'avskit[train]'"
        )


def _config_options(command: Any) -> Any:
    """Options from which a config is made."""
    for names, settings, text in reversed((
        (("--tiny",), {"is_flag": True}, "The recipe cut down to what a CPU trains in minutes."),
        (("--config", "config_file"), {"type": FILE}, "TOML file over the recipe, such as the config.toml of a run."),
        (("--set", "changes"), {"multiple": True, "metavar": "A.B=C"}, "Change one setting, over everything else; repeatable."),
    )):  # fmt: skip
        command = click.option(*names, help=text, **settings)(command)
    return command


@main.command()
@click.argument("model")
@click.option(
    "--data", type=FOLDER, help="Dataset folder: VPO, S4, MS3 or AVSBench-semantic, official or of our tools."
)
@click.option("--setting", "settings", multiple=True, help="ss, ms, msmi of VPO; v1s, v1m, v2 of AVSS; all by default.")
@click.option("--out", type=NEW_FOLDER, help="The run's folder; runs/MODEL by default. The same again goes on.")
@_config_options
@click.option(
    "--start", type=EXISTING, help="Begin with the weights of another run (its folder or a file), to fine-tune."
)
@click.option("--steps", type=click.IntRange(1), help="Train this many steps instead of the recipe's length.")
@click.option("--seed", type=click.IntRange(0), help="Of weights, order and everything that is drawn.")
@click.option("--tensorboard", is_flag=True, help="Also write curves for TensorBoard.")
@DEVICE
@QUIET
@_told
def fit(
    model: str, data: Path | None, settings: tuple[str, ...], out: Path | None, tiny: bool, config_file: Path | None,
    changes: tuple[str, ...], start: Path | None, steps: int | None, seed: int | None, tensorboard: bool, device: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Train MODEL (`avs-train list`) by its recipe for the data. Several processes: torchrun --nproc-per-node N -m models.cli fit ...

    The best checkpoint is chosen on the val split, never on test.
    """
    from evaluators.progress import for_screen

    from .registry import find_entry

    find_entry(model)  # a slip there is told before what the data lacks
    _check_packages()
    own: dict[str, Any] = {"loop": {}, "data": {}, "model": {}}
    for table, name, value in (
        ("loop", "steps", steps),
        ("loop", "seed", seed),
        ("data", "dir", data),
        ("data", "settings", settings),
        ("model", "start_weights", start),
    ):
        if value not in (None, ()):
            own[table][name] = str(value) if isinstance(value, Path) else value
    config = _config(model, _kind(data), tiny, config_file, changes, own)
    from .train import fit as run_fit

    run = out or Path("runs", model)
    progress = for_screen(quiet or os.environ.get("RANK", "0") != "0")  # of several processes the first one tells
    state = run_fit(config, run, progress, device=device or "", tensorboard=tensorboard)
    best = f", best {config.loop.measure} {state.best:.4f} at step {state.best_step}" if state.best_step else ""
    progress.line(f"done     {run}: {state.step} steps{best}")
    progress.line(f"next     avs-train predict {run} --data {config.data.dir} --out preds")


def _kind(data: Path | None) -> str:
    """Of the dataset: which recipe it takes."""
    if data is None:
        remedy = "make one of the embedded sample world: vpo build --split all --val-fraction 0.2 --out WORLD"
        raise DataError("no-data", "--data", f"there is no dataset to train on; give its folder, or {remedy}")
    from .recipes import kind_of

    return kind_of(data)


def _config(
    model: str, kind: str, tiny: bool, config_file: Path | None, changes: tuple[str, ...], own: dict[str, Any]
) -> Config:
    """Recipe, file, --set and the flags of their own, each over the one before."""
    from .config import change, make_config, parse_change, read_toml
    from .recipes import recipe
    from .registry import find_entry

    find_entry(model)
    tables = recipe(model, kind, tiny=tiny)
    if config_file:
        tables = change(tables, read_toml(config_file))
    for text in changes:
        tables = change(tables, parse_change(text))
    tables = change(tables, own)
    found = tables.get("model", {}).get("name")
    if found != model:
        raise DataError("bad-config", "model.name", f"found {found!r}, but asked for {model}; leave one of the two out")
    return make_config(tables, config_file or "recipe and --set")


@main.command()
@click.argument("run", type=FOLDER)
@click.option("--data", type=FOLDER, required=True, help="Dataset folder.")
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder to write.")
@click.option("--split", default="test", show_default=True)
@click.option("--setting", "settings", multiple=True, help="ss, ms, msmi of VPO; v1s, v1m, v2 of AVSS; all by default.")
@click.option(
    "--variants", multiple=True, metavar="NAME", help="Also for DATA/variants/NAME, or all; OUT gets a folder for each."
)
@click.option("--checkpoint", type=click.Choice(["best", "last"]), help="best by default, last where there is none.")
@click.option("--batch", type=click.IntRange(1), help="Samples at once; as in training by default.")
@click.option("--workers", type=click.IntRange(0), help="Processes that load; as in training by default.")
@click.option("--instances", metavar="own|FOLDER", help="Maps of instances, for twosep; as in training by default.")
@DEVICE
@QUIET
@_told
def predict(
    run: Path, data: Path, out: Path, split: str, settings: tuple[str, ...], variants: tuple[str, ...], checkpoint: str | None,
    batch: int | None, workers: int | None, instances: str | None, device: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Write predictions of a trained RUN, as `avs-eval` reads them. The same command again goes on."""
    _check_packages()
    from evaluators.progress import for_screen

    from .predict import Request
    from .predict import predict as run_predict

    progress = for_screen(quiet)
    request = Request(
        data, out, split, settings, variants, checkpoint or "", batch or 0, workers, device or "", instances or ""
    )
    command = run_predict(run, request, progress)
    progress.line(f"next     {command}")


@main.command(name="list")
@_told
def list_models() -> None:
    """The models, and the data that there are recipes for."""
    from .recipes import recipes
    from .registry import SYSTEMS

    for name, entry in SYSTEMS.items():
        kinds = " ".join(kind for model, kind in recipes() if model == name) or "none"
        click.echo(f"{name:<12} {entry.text}\n{'':<12} {entry.source}\n{'':<12} recipes: {kinds}")


@main.command()
@click.argument("model")
@click.option("--on", "kind", type=click.Choice(KINDS), default="vpo", show_default=True, help="Whose recipe is shown.")
@_config_options
@_told
def show(model: str, kind: str, tiny: bool, config_file: Path | None, changes: tuple[str, ...]) -> None:
    """Parts of MODEL with their numbers of parameters, and its recipe. Builds nothing in memory."""
    _check_packages()
    from .show import described

    click.echo(described(_config(model, kind, tiny, config_file, changes, {}), kind))


@main.command(name="import")
@click.argument("model")
@click.argument("file", type=FILE)
@click.option("--out", type=NEW_FOLDER, required=True, help="The run's folder to write, for `avs-train predict`.")
@click.option("--data", type=FOLDER, required=True, help="Dataset folder, for its categories.")
@_config_options
@QUIET
@_told
def import_(
    model: str,
    file: Path,
    out: Path,
    data: Path,
    tiny: bool,
    config_file: Path | None,
    changes: tuple[str, ...],
    quiet: bool,
) -> None:
    """Make a run of the published weights in FILE (.pth, .safetensors): all of them fit, or it is an error."""
    _check_packages()
    from evaluators.progress import for_screen

    from .runs import import_run

    config = _config(model, _kind(data), tiny, config_file, changes, {"data": {"dir": str(data)}})
    for line in import_run(config, file, out):
        for_screen(quiet).line(line)


if __name__ == "__main__":
    main()
