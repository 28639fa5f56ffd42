"""`avs-eval`: score predictions under named protocols, compare results, see what the sound is used for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import __version__
from .errors import DataError
from .failures import FINDINGS, told

if TYPE_CHECKING:
    from .evaluate import Options, Run

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
LISTED = 20  # problems of one kind that are named
_told = told(
    "avs-eval",
    {
        "bad-protocol",
        "bad-option",
        "missing-package",
        "not-a-folder",
        "no-such-file",
        "bad-selection",
        "unknown-layout",
    },
    "give the same command again",
)


class ScoreByDefault(click.Group):
    """`avs-eval PREDS GT` is `avs-eval score PREDS GT`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of arguments that name none."""
        if args and args[0] not in {*self.commands, "-h", "--help", "--version"}:
            args = ["score", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ScoreByDefault, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="avs-eval", message=f"%(prog)s %(version)s ({Path(__file__).parent})")
def main() -> None:
    """Score audio-visual segmentation: every measure that the field prints, under a named rule.

    \b
    avs-eval PREDS GT                       the default protocol
    avs-eval PREDS GT --protocol all        every protocol that fits, from one reading of the files
    avs-eval compare a.json b.json          who is better, and by how much
    avs-eval listen PREDS GT                what the predictions owe to the sound
    avs-eval separation PREDS GT            SDR, SIR, SAR and SI-SDR of folders of wav

    Options of scoring: avs-eval score --help
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no threads, so that a fork is safe; before numpy is imported


def _choice(*values: str) -> dict[str, Any]:
    return {"type": click.Choice(values), "default": values[0], "show_default": True}


_SCORING: tuple[tuple[tuple[str, ...], dict[str, Any], str], ...] = (
    (("--protocol", "names"), {"multiple": True, "default": ("avs",), "metavar": "NAME", "show_default": True},
     "Of `avs-eval protocols`, or all; repeatable; NAME:batch=4 changes a setting."),
    (("--kind",), _choice("auto", "mask", "soft", "logits", "labels"), "What the predictions hold."),
    (("--labels",), _choice("auto", "index", "stored"),
     "What the integers of label maps are: category indices, or the values in the dataset's own masks."),
    (("--numbering",), {"type": click.Choice(["0", "1"])},
     "Number of the first frame in the predictions' names; found from the names by default."),
    (("--gt-kind",), _choice("auto", "mask", "labels"), "What a plain folder of gt masks holds."),
    (("--layout",), _choice("auto", "vpo", "videos", "s4", "ms3", "avss", "plain"), "Of the ground truth."),
    (("--split",), {"default": ""}, "Of the dataset; its test split by default."),
    (("--setting", "settings"), {"multiple": True}, "ss, ms, msmi of VPO; v1s, v1m, v2 of AVSS; all by default."),
    (("--missing",), _choice("error", "zero", "skip"),
     "Frames without a prediction: an error, nothing predicted, or left out."),
    (("--invalid",), _choice("error", "zero", "skip"),
     "The same for predictions that can't be read, hold NaN or are out of range."),
    (("--resize",), _choice("error", "nearest"), "Predictions of another size than the gt."),
    (("--extra",), _choice("error", "ignore"), "Predictions that no gt asks for."),
    (("--seed",), {"type": click.IntRange(0), "default": 0, "show_default": True}, "Of the bootstrap."),
    (("--workers",), {"type": click.IntRange(1)}, "Processes; as many as cores by default."),
    (("--quiet",), {"is_flag": True}, "Print nothing but errors."),
)  # fmt: skip


def _scoring_options(command: Command) -> Command:
    """The options of every command that scores."""
    for names, settings, text in reversed(_SCORING):
        command = click.option(*names, help=text, **settings)(command)
    return command


@main.command()
@click.argument("preds", type=FOLDER)
@click.argument("gt", type=FOLDER)
@_scoring_options
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["class", "size", "sources", "setting", "split"]),
    help="Also the scores of each group; repeatable.",
)
@click.option("--name", default="", help="Of this run in results; the predictions folder's name by default.")
@click.option("--json", "json_file", type=NEW_FILE, help="Write everything here, for `avs-eval compare`.")
@click.option("--csv", "csv_file", type=NEW_FILE, help="Write a row per sample here, and FILE.classes.csv beside it.")
@click.option("--latex", "latex_file", type=NEW_FILE, help="Write the table here.")
@click.option("--worst", type=click.IntRange(1), help="Write a page of this many worst samples.")
@click.option("--worst-page", type=click.Path(file_okay=False, path_type=Path), default=Path("worst"), show_default=True, help="Its folder.")  # fmt: skip
@_told
def score(
    preds: Path, gt: Path, by: tuple[str, ...], name: str, json_file: Path | None, csv_file: Path | None,
    latex_file: Path | None, worst: int | None, worst_page: Path, **flags: Any,
) -> None:  # fmt: skip
    """Score a folder of predictions against a dataset or a folder of masks."""
    from .files import write_text
    from .report import classes_table, latex, report, samples_table
    from .results import write_result
    from .tables import to_csv

    run = _run(preds, gt, _options(flags, by=by, name=name), flags)
    if not flags["quiet"]:
        click.echo(report(run.result))
    if json_file:
        write_result(json_file, run.result)
    if csv_file:
        write_text(csv_file, to_csv(samples_table(run.result)))
        write_text(csv_file.with_name(csv_file.name + ".classes.csv"), to_csv(classes_table(run.result)))
    if latex_file:
        write_text(latex_file, latex(run.result))
    if worst:
        from .worst_samples import write_worst_samples

        click.echo(write_worst_samples(worst_page, run, worst))


def _options(flags: dict[str, Any], **more: Any) -> Options:
    from .evaluate import Options
    from .ground_truth import Selection
    from .sample_files import Leniency

    policies = {name: flags[name] for name in ("missing", "invalid", "resize")}
    changed = {name: value for name, value in (policies | {"extra": flags["extra"]}).items() if value != "error"}
    changed |= {name: flags[name] for name in ("kind", "labels", "gt_kind", "layout") if flags[name] != "auto"}
    changed |= {"numbering": flags["numbering"]} if flags["numbering"] else {}
    changed |= {"split": flags["split"]} if flags["split"] else {}
    changed |= {"setting": " ".join(flags["settings"])} if flags["settings"] else {}
    return Options(
        protocols=tuple(name for names in flags["names"] for name in _names(names)),
        kind=flags["kind"],
        labels=flags["labels"],
        numbering=int(flags["numbering"]) if flags["numbering"] else None,
        gt_kind=flags["gt_kind"],
        layout=flags["layout"],
        selection=Selection(flags["split"], flags["settings"]),
        leniency=Leniency(**policies),
        extra=flags["extra"],
        seed=flags["seed"],
        flags=changed,
        **more,
    )


def _names(text: str) -> list[str]:
    """Names in one --protocol; a comma after a setting belongs to it."""
    return [text] if ":" in text else text.split(",")


def _run(preds: Path, gt: Path, options: Options, flags: dict[str, Any]) -> Run:
    """Score; with problems, name them all and end."""
    from .engines import Engine
    from .evaluate import Problems, evaluate
    from .progress import for_screen

    workers = flags["workers"] or os.cpu_count() or 1
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    # a fork is ready at once; this program has no threads, and macOS and Windows have no safe fork
    start = "fork" if sys.platform == "linux" else "spawn"
    try:
        with Engine(workers, warm_up="evaluators.score", start=start, chunk=1) as engine:
            return evaluate(preds, gt, options, engine, for_screen(flags["quiet"]), now)
    except Problems as error:
        click.echo(_listed(error.problems), err=True)
        sys.exit(FINDINGS)


def _listed(problems: Any) -> str:
    """All problems by kind, the first ones of each by name."""
    kinds: dict[str, list[Any]] = {}
    for problem in problems:
        kinds.setdefault(problem.reason, []).append(problem)
    lines = []
    for found in kinds.values():
        lines += [f"avs-eval: {problem}" for problem in found[:LISTED]]
        if len(found) > LISTED:
            lines.append(f"avs-eval: and {len(found) - LISTED:,} more [{found[0].reason}]")
    counts = ", ".join(f"{len(found):,} {reason}" for reason, found in kinds.items())
    return "\n".join([*lines, f"avs-eval: nothing was scored: {counts}"])


@main.command("protocols")
@click.argument("name", required=False)
@_told
def list_protocols(name: str | None) -> None:
    """List the protocols with their rules, or tell all of NAME."""
    from .report import protocols_text

    click.echo(protocols_text(name))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--protocol", help="Only this one; all that the results share by default.")
@click.option("--measure", help="Sort and test by this one; the protocol's first by default.")
@click.option(
    "--common", is_flag=True, help="Where the results hold different samples: compare on those that all have."
)
@click.option("--published/--no-published", default=True, show_default=True, help="Rows of the papers beside them.")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "latex", "csv"]), default="text", show_default=True)  # fmt: skip
@click.option("--out", type=NEW_FILE, help="Write here instead of to the screen.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstrap and permutations.")
@_told
def compare(
    files: tuple[Path, ...], protocol: str | None, measure: str | None, common: bool, published: bool, form: str,
    out: Path | None, seed: int,
) -> None:  # fmt: skip
    """Leaderboard of results (JSON FILES of `avs-eval --json`), with paired tests on the same samples."""
    from . import tables
    from .compare import compare as compare_results
    from .compare import comparison_rows, comparison_tables
    from .files import write_text
    from .results import read_result

    results = [read_result(file) for file in files]
    comparison = compare_results(
        results, protocol=protocol, measure=measure, common=common, published=published, seed=seed
    )
    made = (comparison_rows(comparison),) if form == "csv" else comparison_tables(comparison)
    text = "\n".join(getattr(tables, f"to_{form}")(table) for table in made)
    if out:
        write_text(out, text)
    else:
        click.echo(text)


@main.command()
@click.argument("preds", type=FOLDER)
@click.argument("gt", type=FOLDER)
@_scoring_options
@click.option("--json", "json_file", type=NEW_FILE, help="Write the report here.")
@click.option("--csv", "csv_file", type=NEW_FILE, help="Write the table here.")
@click.option("--figure", type=NEW_FILE, help="Write the figure here, as SVG.")
@_told
def listen(
    preds: Path, gt: Path, json_file: Path | None, csv_file: Path | None, figure: Path | None, **flags: Any
) -> None:
    """Tell what predictions owe to the sound: PREDS/base against PREDS/silence, PREDS/mirrored and so on.

    \b
    vpo build --split all --audio render --variants all --out GT
    predict GT into PREDS/base, and each GT/variants/NAME into PREDS/NAME
    avs-eval listen PREDS GT --figure listening.svg
    """
    from dataclasses import replace

    from .files import write_text
    from .listening import CHANGES
    from .listening import listen as compare_variants
    from .listening_report import listening_figure, listening_json, listening_table
    from .tables import to_csv, to_text
    from .vpo_layout import listed_in

    folders = {path.name: path for path in sorted(preds.iterdir()) if path.is_dir()}
    known = [name for name in CHANGES if name in folders]
    if "base" not in folders or not known:
        found = ", ".join(folders) or "no folders"
        raise DataError("bad-option", preds, f"found {found}; expected base and at least one of {', '.join(CHANGES)}")
    options = _options({**flags, "names": tuple(dict.fromkeys(("avs", *flags["names"])))})
    results = {}
    for name in ("base", *known):
        own = replace(options, samples=listed_in(gt, name, options.selection))
        results[name] = replace(_run(folders[name], gt, own, flags).result, variant=name)
    listening = compare_variants(results["base"], {name: results[name] for name in known}, seed=flags["seed"])
    table = listening_table(listening)
    if not flags["quiet"]:
        click.echo(to_text(table))
    if json_file:
        write_text(json_file, listening_json(listening))
    if csv_file:
        write_text(csv_file, to_csv(table))
    if figure:
        write_text(figure, listening_figure(listening))


@main.command()
@click.argument("preds", type=FOLDER)
@click.argument("gt", type=FOLDER)
@click.option("--silent", type=click.Choice(["error", "skip"]), default="error", show_default=True, help="A mixture with a silent source.")  # fmt: skip
@click.option("--csv", "csv_file", type=NEW_FILE, help="Write a row per source here.")
@click.option("--latex", "latex_file", type=NEW_FILE, help="Write the table here.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstrap.")
@click.option("--workers", type=click.IntRange(1), help="Processes; as many as cores by default.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@_told
def separation(
    preds: Path, gt: Path, silent: str, csv_file: Path | None, latex_file: Path | None, seed: int, workers: int | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Score separated sounds: PREDS/<mixture>/<source>.wav against GT/<mixture>/<source>.wav (SDR, SIR, SAR, SI-SDR)."""
    from .engines import Engine
    from .files import write_text
    from .progress import for_screen
    from .separation_folders import rows_table, score_separation, separation_table
    from .tables import to_csv, to_latex, to_text

    with Engine(workers, chunk=1) as engine:
        found = score_separation(preds, gt, silent, engine, for_screen(quiet))
    problems = [problem for one in found for problem in one.problems]
    if problems:
        click.echo(_listed(problems), err=True)
        sys.exit(FINDINGS)
    table = separation_table(found, seed)
    if not quiet:
        click.echo(to_text(table))
    if csv_file:
        write_text(csv_file, to_csv(rows_table(found)))
    if latex_file:
        write_text(latex_file, to_latex(table))


if __name__ == "__main__":
    main(prog_name="avs-eval")
