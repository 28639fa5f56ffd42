"""`avsbench`: look at AVSBench in whatever state, bring it into one form, prepare it from raw videos."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evaluators import __version__
from evaluators.failures import FINDINGS, told

if TYPE_CHECKING:
    from .outcome import Outcome

_told = told(
    "avsbench",
    {
        "bad-option",
        "unknown-layout",
        "which-set",
        "not-a-folder",
        "empty-folder",
        "not-empty",
        "missing-package",
        "nested-folders",
        "other-conversion",
        "other-swap",
        "bad-selection",
        "no-such-file",
    },
    "the same command goes on from here",
)
_FOLDER = click.Path(path_type=Path)
_SUBSET = click.option(
    "--subset", type=click.Choice(["s4", "ms3", "avss"]), default=None, help="Where SRC holds several."
)
_WORKERS = click.option(
    "--workers", type=click.IntRange(1), default=None, help="Processes.  [default: one for each core]"
)
_QUIET = click.option("--quiet", is_flag=True, help="Say nothing but errors.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="avsbench", message=f"%(prog)s %(version)s ({Path(__file__).parent})")
def main() -> None:
    """Read, check, convert and prepare AVSBench: S4, MS3 and AVSS.

    \b
    avsbench mini DIR                          a small AVSBench in the official layouts, to try without the data
    avsbench inspect DIR                       what is there, what is missing
    avsbench convert DIR OUT --to manifest     the form that avs-eval and avs-train read
    """
    if isinstance(sys.stdout, TextIOWrapper):  # a log may not know the letters of a file name
        sys.stdout.reconfigure(errors="backslashreplace")


@main.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option(
    "--videos", type=click.IntRange(1), default=6, show_default=True, help="Videos of each setting and split."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn.")
@_QUIET
@_told
def mini(folder: Path, videos: int, seed: int, quiet: bool) -> None:
    """Write a small AVSBench of all three subsets, drawn and synthesized, with raw videos, into DIR."""
    from evaluators.progress import for_screen

    from .mini import write_mini

    _end(write_mini(folder, videos, seed, for_screen(quiet)), folder, quiet)


@main.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--json", "json_file", type=_FOLDER, default=None, help="Write everything found into a file.")
@click.option(
    "--masks/--no-masks", default=True, help="Look into the masks: size, encoding, colours.  [default: masks]"
)
@_WORKERS
@_QUIET
@_told
def inspect(folder: Path, json_file: Path | None, masks: bool, workers: int | None, quiet: bool) -> None:
    """Say what DIR holds (S4, MS3, AVSS, VPO, VGGSound, or several) against its tables and the published counts.

    Exit code 1 where something is missing, extra or wrong.
    """
    from evaluators.files import write_text
    from evaluators.progress import for_screen

    from .inspection import inspect_folder
    from .inspection_report import to_json, to_text

    found = inspect_folder(folder, masks=masks, workers=workers, progress=for_screen(quiet))
    if json_file is not None:
        write_text(json_file, to_json(found))
    if not quiet:
        click.echo(to_text(found))
    sys.exit(FINDINGS if found.findings else 0)


@main.command()
@click.argument("src", type=_FOLDER)
@click.argument("dst", type=_FOLDER)
@click.option(
    "--to",
    "form",
    type=click.Choice(["manifest", "labels", "coco", "object", "semantic"]),
    required=True,
    help="manifest: a dataset folder, files by reference (or --copy). labels: label maps of indices. coco: one JSON with run "
    "lengths. object, semantic: the official layouts of S4 and MS3, and of AVSBench-semantic.",
)
@_SUBSET
@click.option("--split", "splits", multiple=True, help="Only these splits; may be repeated.  [default: all]")
@click.option(
    "--copy",
    is_flag=True,
    help="Files of DST's own. Else a manifest refers to SRC's, and the other forms share those that stay as they are "
    "(hard links).",
)
@click.option(
    "--metadata", type=_FOLDER, default=None, help="AVSBench-semantic's metadata.csv, for the categories of MS3."
)
@click.option(
    "--nearest", is_flag=True, help="Take colours off the palette for the nearest one instead of rejecting the mask."
)
@_WORKERS
@_QUIET
@_told
def convert(
    src: Path,
    dst: Path,
    form: str,
    subset: str | None,
    splits: tuple[str, ...],
    copy: bool,
    metadata: Path | None,
    nearest: bool,
    workers: int | None,
    quiet: bool,
) -> None:
    """Bring the AVSBench folder SRC into another form, in DST. The same command again goes on where it was stopped."""
    from evaluators.progress import for_screen

    from .convert import Conversion
    from .convert import convert as run

    wanted = Conversion(form, subset or "", splits, copy, metadata, nearest)
    _end(run(src, dst, wanted, workers=workers, progress=for_screen(quiet)), dst, quiet)


@main.command()
@click.argument("videos", type=_FOLDER)
@click.argument("table", type=_FOLDER, metavar="CSV")
@click.argument("dst", type=_FOLDER)
@click.option("--size", default="224", show_default=True, help="Side of the square frames in pixels, or original.")
@click.option(
    "--log-mel",
    type=click.Choice(["pkl", "npy", "none"]),
    default="pkl",
    show_default=True,
    help="How log-mels are written; the official loaders read pkl.",
)
@_WORKERS
@_QUIET
@_told
def prepare(videos: Path, table: Path, dst: Path, size: str, log_mel: str, workers: int | None, quiet: bool) -> None:
    """Frames, 16 kHz wav and log-mel of each video that CSV lists, from the files in VIDEOS, in the official layout in DST."""
    from evaluators.progress import for_screen

    from .prepare import Preparation
    from .prepare import prepare as run

    wanted = Preparation(size, log_mel)
    _end(run(videos, table, dst, wanted, workers=workers, progress=for_screen(quiet)), dst, quiet)


@main.command()
@click.argument("src", type=_FOLDER)
@click.argument("dst", type=_FOLDER)
@click.option("--to", "form", type=click.Choice(["npy", "safetensors"]), default="npy", show_default=True)
@_QUIET
@_told
def logmels(src: Path, dst: Path, form: str, quiet: bool) -> None:
    """Read the published log-mel pickles below SRC without running what is in them; write them anew in DST."""
    from evaluators.progress import for_screen

    from .logmel_files import rewrite

    _end(rewrite(src, dst, form, for_screen(quiet)), dst, quiet)


@main.command("swap-audio")
@click.argument("src", type=_FOLDER)
@click.argument("dst", type=_FOLDER)
@click.option("--clips", type=_FOLDER, required=True, help="VGGSound's csv, or another table of clips.")
@click.option("--clip-dir", type=_FOLDER, required=True, help="The folder of the clips.")
@_SUBSET
@click.option("--seed", type=int, default=0, show_default=True, help="Of which clip goes to which video.")
@_WORKERS
@_QUIET
@_told
def swap_audio(
    src: Path, dst: Path, clips: Path, clip_dir: Path, subset: str | None, seed: int, workers: int | None, quiet: bool
) -> None:
    """Replace each video's sound by a VGGSound clip of its category (AVS-M-SS of the VPO paper), in a folder DST
    of SRC's own layout. The same command again goes on where it was stopped."""
    from evaluators.progress import for_screen

    from .swap_audio import swap

    outcome = swap(
        src, dst, clips, clip_dir, subset=subset or "", seed=seed, workers=workers, progress=for_screen(quiet)
    )
    _end(outcome, dst, quiet)


@main.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@_SUBSET
@click.option("--svg", type=_FOLDER, default=None, help="Write the figure: videos per category.")
@click.option("--json", "json_file", type=_FOLDER, default=None, help="Write the counts.")
@_told
def stats(folder: Path, subset: str | None, svg: Path | None, json_file: Path | None) -> None:
    """Counts of videos, frames, categories and sizes, as Table 1 and Figure 2 of the AVSBench paper have them."""
    import json

    from evaluators.files import write_text

    from .stats import stats_of, stats_svg, stats_text

    found = stats_of(folder, subset or "")
    if svg is not None:
        write_text(svg, stats_svg(found))
    if json_file is not None:
        write_text(json_file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    click.echo(stats_text(found))


@main.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.argument("dst", type=_FOLDER)
@_SUBSET
@click.option("--limit", type=click.IntRange(1), default=48, show_default=True, help="Videos on the page.")
@_told
def gallery(folder: Path, dst: Path, subset: str | None, limit: int) -> None:
    """Write a page to look at and listen to: the frames of each video in a row with their masks, and its sound."""
    from evaluators.progress import for_screen

    from .gallery import write_gallery

    click.echo(f"open {write_gallery(folder, dst, subset or '', limit, for_screen(False))}")


def _end(outcome: Outcome, folder: Path, quiet: bool) -> None:
    """Tell what was done; exit code 1 where something was rejected."""
    from .outcome import outcome_text, write_rejections

    write_rejections(folder, outcome.rejections)
    if not quiet:
        click.echo(outcome_text(outcome))
    sys.exit(FINDINGS if outcome.rejected else 0)
