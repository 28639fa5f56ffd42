"""`vpo`: build the VPO benchmarks, check them, look at them."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

import click

from evaluators import __version__
from evaluators.errors import DataError
from evaluators.failures import FINDINGS, told

from .configfile import kind, make_settings, read_config, repeatable
from .settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
_told = told(
    "vpo",
    {
        "bad-config", "missing-source", "image-folders", "no-such-file", "not-a-folder", "nested-folders",
        "not-empty", "other-build", "not-a-dataset", "not-a-part", "missing-package",
    },
    "the same command goes on from here",
)  # fmt: skip


def _setting_options(command: Command) -> Command:
    """One option for each field of ``Settings``; what isn't given stays out, so that a config file can say it."""
    for field in reversed(dataclasses.fields(Settings)):
        name = "--" + field.name.replace("_", "-")
        choices = field.metadata["choices"]
        if kind(field) is bool:
            parts: dict[str, Any] = {"is_flag": True}
            name = name if field.default is False else f"{name}/--no-{field.name.replace('_', '-')}"
        else:
            parts = {"type": click.Choice(choices) if choices else kind(field), "multiple": repeatable(field)}
        shown = None if isinstance(field.default, bool) or field.default == () else field.default
        help_text = field.metadata["help"] + (f"  [default: {shown}]" if shown is not None else "")
        command = click.option(name, field.name, default=None, help=help_text, **parts)(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="vpo", message=f"%(prog)s %(version)s ({Path(__file__).parent})")
def main() -> None:
    """Build VPO: images whose sounding objects are known to the pixel.

    \b
    vpo build --split msmi                     from the embedded sample world
    vpo build --split all --out DIR --coco-json instances_val2017.json --coco-images val2017 \\
              --captions captions_val2017.json --clips vggsound.csv --clip-dir vggsound
    """
    if isinstance(sys.stdout, TextIOWrapper):  # a log may not know the letters of a file name
        sys.stdout.reconfigure(errors="backslashreplace")


@main.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file of settings; flags win over it.",
)
@_setting_options
@_told
def build(config_file: Path | None, **flags: Any) -> None:
    """Build VPO-SS, VPO-MS or VPO-MSMI. The same folder again resumes, or says that it is complete."""
    from evaluators.progress import for_screen

    from .build import build as run_build

    given = {name: value for name, value in flags.items() if value not in (None, ())}
    read = read_config(config_file) if config_file else {}
    settings = make_settings({**read, **given}, config_file or "vpo build")
    progress = for_screen(settings.quiet)
    run_build(settings, progress)
    page = Path(settings.out, "gallery", "index.html")
    if page.exists():
        progress.line(f"look     {page}")


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write, where the shards have folders of their own."
)
@click.option("--workers", type=click.IntRange(1), help="Processes; as many as cores by default.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@_told
def merge(folders: tuple[Path, ...], out: Path | None, workers: int | None, quiet: bool) -> None:
    """Complete what `vpo build --shard i/n` did in the FOLDER that all shards share, or in FOLDERS of their own.

    \b
    vpo build --shard 1/2 --out DIR ...    run both; then both again, to render; then
    vpo build --shard 2/2 --out DIR ...    vpo merge DIR
    """
    from evaluators.progress import for_screen

    from .merge import merge as run_merge

    run_merge(folders, out, for_screen(quiet), workers)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--mode",
    type=click.Choice(["exact", "lsb"]),
    default="exact",
    show_default=True,
    help="exact: checksums; lsb: same pixels, sound within one step of 16 bits.",
)
@click.option(
    "--reference",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another build of the same plan to compare with.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="List of video or image ids that must not occur, such as AVSBench's metadata.csv.",
)
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON lines.")
@_told
def verify(folder: Path, mode: str, reference: Path | None, against: Path | None, as_json: bool) -> None:
    """Check a built dataset: checksums, the official loader's rules, leaks across splits. Exit code 1 on findings."""
    import json

    from .verify import verify as run_verify

    findings = run_verify(folder, mode=mode, reference=reference, against=against)
    for finding in findings:
        click.echo(json.dumps(dataclasses.asdict(finding)) if as_json else str(finding))
    if not as_json:
        click.echo(f"{folder}: {len(findings)} findings" if findings else f"{folder}: ok")
    sys.exit(FINDINGS if findings else 0)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--figure", type=click.Path(dir_okay=False, path_type=Path), help="Write the class distribution here, as SVG."
)
@_told
def stats(folder: Path, as_json: bool, figure: Path | None) -> None:
    """Count samples, sources, categories, licences."""
    import json

    from evaluators.dataset import MANIFEST, read_info, read_manifest
    from evaluators.files import write_text

    from .stats import compute_stats, distribution_svg, stats_text

    numbers = compute_stats(list(read_manifest(folder / MANIFEST)), read_info(folder))
    click.echo(json.dumps(numbers, indent=1) if as_json else stats_text(numbers))
    if figure:
        write_text(figure, distribution_svg(numbers))


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("sample", required=False)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="PNG to write; <sample id>.png by default."
)
@_told
def show(folder: Path, sample: str | None, out: Path | None) -> None:
    """Draw one SAMPLE (an id; the first by default) as a PNG: image, masks, positions, waveforms."""
    from evaluators.dataset import MANIFEST, read_manifest
    from evaluators.files import atomic_write

    from .show import draw_sample

    for candidate in read_manifest(folder / MANIFEST):
        if sample in (None, candidate.id):
            path = out or Path(f"{candidate.id}.png")
            with atomic_write(path) as stream:
                draw_sample(folder, candidate).save(stream, "PNG")
            click.echo(path)
            return
    raise DataError("no-such-sample", folder, f"has no sample {sample!r}; the ids are in {MANIFEST}")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="Samples on the page.")
@_told
def gallery(folder: Path, limit: int) -> None:
    """Write the page to look at and listen to: FOLDER/gallery/index.html."""
    from evaluators.dataset import MANIFEST, read_info, read_manifest

    from .gallery import write_gallery

    click.echo(write_gallery(folder, list(read_manifest(folder / MANIFEST)), read_info(folder), limit))


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--images", type=click.IntRange(1), default=240, show_default=True)
@click.option("--clips", type=click.IntRange(1), default=12, show_default=True, help="Clips per category.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--workers", type=click.IntRange(1), help="Processes; as many as cores by default.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@_told
def world(folder: Path, images: int, clips: int, seed: int, workers: int | None, quiet: bool) -> None:
    """Write the sample world: a drawn COCO folder and a synthesized VGGSound folder."""
    from evaluators.engines import Engine
    from evaluators.progress import for_screen

    from .sources import make_world

    progress = for_screen(quiet)
    with Engine(workers, warm_up="vpo_builder.build") as engine:
        made = make_world(folder, images, clips, seed, engine, progress)
    for name, paths in dataclasses.asdict(made).items():
        progress.line(f"{name:<12} {paths if isinstance(paths, Path) else ' '.join(map(str, paths))}")


if __name__ == "__main__":
    main(prog_name="vpo")
