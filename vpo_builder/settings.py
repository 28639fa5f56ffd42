"""The frozen configuration of a build. Each field is a flag of ``vpo build`` and a key of its config file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

SAMPLE_RATE = 16_000
VARIANTS = ("mirrored", "wrong-side", "silence", "noise", "off-screen", "swapped")


def _option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    run: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """A field with its help text. ``run`` marks what changes how a build runs, never a byte of what it writes."""
    return field(default=default, metadata={"help": help, "choices": choices, "run": run, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """What `vpo build` was asked for. Paths are kept as they were given."""

    # what
    split: str = _option("msmi", "Setting to build.", choices=("ss", "ms", "msmi", "all"))
    out: str = _option("vpo-msmi", "Folder to write.", run=True)
    seed: int = _option(0, "Seed of every random draw.", low=0)
    limit: int | None = _option(None, "Build only the first N samples of each setting.", low=1)
    variants: tuple[str, ...] = _option(
        (), "Counterfactual variant to write beside the base; repeat for more.", choices=(*VARIANTS, "all")
    )
    # sources
    coco_json: tuple[str, ...] = _option((), "COCO instances file; repeat for more.")
    coco_images: tuple[str, ...] = _option((), "Image folder, one for each --coco-json or one for all.")
    captions: tuple[str, ...] = _option((), "COCO captions file, to tell male, female and baby; repeat for more.")
    person_labels: str | None = _option(None, "Table ann_id,label that says which persons are male, female or baby.")
    clips: str | None = _option(None, "Clip table: vggsound.csv, or any csv with file,label[,id,start,split].")
    clip_dir: str | None = _option(None, "Folder of the clips.")
    labels: str | None = _option(None, "Label table to use in place of the 21 categories of VPO.")
    more_labels: str | None = _option(None, "Label table to add to the categories.")
    exclude: str | None = _option(None, "File of image ids, clip ids or video ids never to use, one a line.")
    world_images: int = _option(240, "Images of the sample world, used where no data is given.", low=1)
    world_clips: int = _option(12, "Clips per category of the sample world.", low=1)
    # splits
    test_images: str | None = _option(None, "File of image ids that are the test split, one a line.")
    test_clips: str | None = _option(
        None, "File of clips or video ids that are the test split, such as VGGSound's test.csv."
    )
    test_fraction: float = _option(
        0.2, "Share of test images and videos where the sources don't say.", low=0.0, high=1.0
    )
    val_fraction: float = _option(
        0.0, "Share of the training images and videos to set aside as val.", low=0.0, high=0.9
    )
    # plan
    min_area: float = _option(0.01, "Smallest share of the image that a sounding object covers.", low=0.0, high=1.0)
    min_side: int = _option(32, "Smallest side of a sounding object's box, in pixels.", low=1)
    keep_probability: float = _option(
        0.5, "Chance that an object keeps its sound where there are more than two.", low=0.0, high=1.0
    )
    pair_probability: float = _option(
        1.0,
        "MSMI: chance that both of two instances of one category sound, as in the paper; else only the side tells which.",
        low=0.0,
        high=1.0,
    )
    max_sources: int = _option(5, "Most sounding objects in a sample.", low=2, high=254)
    clip_uses: int = _option(1, "How often a clip may be used in one setting.", low=1)
    quota: int | None = _option(None, "Most sources of a category in each split of a setting.", low=1)
    msmi_base: bool = _option(True, "MSMI holds the samples of MS too, as the official one does.")
    allow_colliding: bool = _option(
        False, "Let car and airplane sound together; the official loader mistakes car for airplane then."
    )
    # sound
    audio: str = _option(
        "reference",
        "reference: mono clips and positions, the loader mixes; render: mixtures and stems too.",
        choices=("reference", "render"),
    )
    pan: str = _option(
        "linear", "Pan law of the rendered sound.", choices=("linear", "power", "head", "distance", "room")
    )
    field_of_view: float = _option(
        60.0, "Horizontal field of view in degrees, which turns position into angle.", low=1.0, high=179.0
    )
    level: str = _option(
        "none", "Bring each source to one level: none as in the paper, rms, or lufs.", choices=("none", "rms", "lufs")
    )
    level_target: float = _option(-23.0, "Target of --level, in dBFS or LUFS.", low=-70.0, high=0.0)
    seconds: float = _option(10.0, "Length of each clip written.", low=1.0, high=60.0)
    heard_seconds: float = _option(
        3.0, "Middle part that the loader hears, and on which a clip is judged.", low=0.5, high=60.0
    )
    short: str = _option(
        "loop",
        "Clips shorter than --seconds: loop them, pad with silence, or reject.",
        choices=("loop", "pad", "reject"),
    )
    min_seconds: float = _option(0.2, "Shortest clip that is used at all.", low=0.0)
    silence: float = _option(-60.0, "Clips whose peak stays below this, in dBFS, are silent.", low=-120.0, high=0.0)
    # form
    layout: str = _option(
        "vpo", "vpo: as the official loaders read it; avss: as AVSBench-semantic.", choices=("vpo", "avss")
    )
    images: str = _option(
        "link",
        "How images get into the dataset: hard link (or copy where that fails), copy, symlink.",
        choices=("link", "copy", "symlink"),
    )
    gallery: int = _option(200, "Samples on the gallery page; 0 for none.", low=0)
    # run
    workers: int | None = _option(None, "Processes; as many as cores by default.", run=True, low=1)
    engine: str = _option("local", "Where rendering runs.", choices=("local", "ray"), run=True)
    shard: str | None = _option(
        None, "i/n: render only part i of n; put the parts together with `vpo merge`.", run=True
    )
    strict: bool = _option(False, "Any rejected item is an error.", run=True)
    quiet: bool = _option(False, "Print nothing but errors.", run=True)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings to build, smallest first."""
        return ("ss", "ms", "msmi") if self.split == "all" else (self.split,)

    @property
    def length(self) -> int:
        """Samples of a clip as written."""
        return round(self.seconds * SAMPLE_RATE)

    @property
    def heard(self) -> slice:
        """The samples of a written clip that the official loader hears: the middle."""
        half = round(min(self.heard_seconds, self.seconds) * SAMPLE_RATE) // 2
        middle = self.length // 2
        return slice(middle - half, middle + half)

    @property
    def part(self) -> tuple[int, int]:
        """Number of this shard, from 1, and how many there are; (1, 1) for the whole."""
        if self.shard is None:
            return 1, 1
        part, _, parts = self.shard.partition("/")
        return int(part), int(parts)

    def content(self) -> dict[str, Any]:
        """The fields that decide the bytes of the result, by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if not f.metadata["run"]}

    def sha256(self) -> str:
        """Hash of :meth:`content`: a folder is only resumed by a build with the same one."""
        return hashlib.sha256(json.dumps(self.content(), sort_keys=True).encode()).hexdigest()
