"""Which files a build reads: the user's, or the embedded sample world written into the output folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from evaluators.categories import vpo_categories
from evaluators.engines import Engine
from evaluators.errors import DataError
from evaluators.files import sha256_file
from evaluators.progress import Progress

from .settings import Settings
from .world import World, write_world

WORLD = "sample-world"


@dataclass(frozen=True)
class Sources:
    """Paths of all that is read besides the tables that ``Settings`` names."""

    coco_json: tuple[Path, ...]
    coco_images: tuple[Path, ...]
    captions: tuple[Path, ...]
    clips: Path
    clip_dir: Path


def build_sha256(settings: Settings) -> str:
    """The name of a build: hash of its settings and of every json file and table that it reads."""
    files = table_paths(settings)
    return hashlib.sha256("".join([settings.sha256(), *map(sha256_file, files)]).encode()).hexdigest()


def check_request(settings: Settings) -> None:
    """Raise ``DataError`` for a request that can't be meant or met, before anything is written."""
    _check_packages(settings)
    if settings.pan != "linear" and settings.audio == "reference":
        raise DataError(
            "bad-config",
            "--pan",
            f"{settings.pan} needs --audio render: with reference audio the loader pans, linearly",
        )
    given = (settings.coco_json, settings.coco_images, settings.clips, settings.clip_dir)
    if any(given) and not all(given):
        missing = [
            flag
            for flag, value in zip(("--coco-json", "--coco-images", "--clips", "--clip-dir"), given, strict=True)
            if not value
        ]
        raise DataError(
            "missing-source",
            " ".join(missing),
            "real data needs all of --coco-json, --coco-images, --clips and --clip-dir; give none for the sample world",
        )
    if len(settings.coco_images) not in (1, len(settings.coco_json)) and settings.coco_json:
        raise DataError(
            "image-folders",
            "--coco-images",
            f"{len(settings.coco_images)} folders for {len(settings.coco_json)} files; give one for all, or one for each",
        )
    for path in _paths(settings):
        if not path.exists():
            raise DataError("no-such-file", path, "not found; check the path")
    for folder in (*settings.coco_images, *([settings.clip_dir] if settings.clip_dir else [])):
        _check_apart(Path(settings.out), Path(folder))


def _check_packages(settings: Settings) -> None:
    """Extras that the settings need are installed."""
    needed = {
        "pyroomacoustics": ("room", settings.pan == "room"),
        "pyloudnorm": ("loudness", settings.level == "lufs"),
        "ray": ("ray", settings.engine == "ray"),
    }
    for package, (extra, wanted) in needed.items():
        if wanted and find_spec(package) is None:
            raise DataError("missing-package", package, f"is not installed; run: pip install 'avskit[{extra}]'")


def _paths(settings: Settings) -> list[Path]:
    single = (
        settings.person_labels,
        settings.clips,
        settings.clip_dir,
        settings.labels,
        settings.more_labels,
        settings.exclude,
    )
    lists = (settings.test_images, settings.test_clips)
    return [
        Path(path) for path in (*settings.coco_json, *settings.coco_images, *settings.captions, *single, *lists) if path
    ]


def table_paths(settings: Settings) -> list[Path]:
    """Every json file and table that the user gave."""
    return [path for path in _paths(settings) if path.is_file()]


def _check_apart(out: Path, source: Path) -> None:
    if not source.is_dir():
        raise DataError("not-a-folder", source, "is a file; give the folder that holds the files")
    inner, outer = out.resolve(), source.resolve()
    if inner == outer or inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise DataError(
            "nested-folders",
            out,
            f"the output folder and the source folder {source} lie in each other; give an output folder elsewhere",
        )


def find_sources(settings: Settings, engine: Engine, progress: Progress) -> Sources:
    """The user's sources; without any, the sample world, which is written first if need be."""
    if settings.clips and settings.clip_dir:
        instances, images, captions = (
            tuple(map(Path, group)) for group in (settings.coco_json, settings.coco_images, settings.captions)
        )
        return Sources(instances, images, captions, Path(settings.clips), Path(settings.clip_dir))
    world = make_world(
        Path(settings.out) / WORLD, settings.world_images, settings.world_clips, settings.seed, engine, progress
    )
    return Sources(tuple(world.coco_json), tuple(world.coco_images), tuple(world.captions), world.clips, world.clip_dir)


def make_world(
    folder: Path, images: int, clips_per_category: int, seed: int, engine: Engine, progress: Progress
) -> World:
    """Write the sample world, telling how far it is."""
    with progress.stage("world", images + clips_per_category * len(vpo_categories())) as advance:
        return write_world(
            folder, images=images, clips_per_category=clips_per_category, seed=seed, engine=engine, advance=advance
        )
