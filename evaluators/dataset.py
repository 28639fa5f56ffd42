"""The dataset folder: its records and its manifest.

A dataset folder holds ``dataset.json`` (name, format, setting names, categories), ``manifest.jsonl``
(one sample a line, every drawn value in it) and ``checksums.sha256``. All paths in the records are
relative to that folder and use ``/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import DataError
from .files import atomic_write

FORMAT = 1
MANIFEST = "manifest.jsonl"
DATASET = "dataset.json"
CHECKSUMS = "checksums.sha256"


@dataclass(frozen=True)
class Clip:
    """A mono excerpt of one recording. ``id`` is ``<video id>_<start, 6 digits>``; its wav has that name."""

    id: str
    video_id: str
    start_seconds: float
    label: str
    file: str  # as in the user's clip folder
    sha256: str  # of that file
    licence: str = ""
    gain: float = 1.0  # linear, by which it was brought to its level; its wav has it already
    wav_sha256: str = ""  # of the mono wav in the dataset


@dataclass(frozen=True)
class Instance:
    """One object of one category: its mask as COCO run lengths, its place, its value in the instance map."""

    annotation_id: int
    category: str
    rle: str
    area: int  # pixels
    bbox: tuple[int, int, int, int]  # x, y, width, height in pixels
    position: float  # centre of mass over width, 0 left to 1 right, a multiple of 2**-30
    index: int = 0  # in the instance map; 0 before the plan
    evidence: str = ""  # why a person is male, female or baby


@dataclass(frozen=True)
class Source:
    """An instance that sounds: which clip, and where it is heard."""

    instance: Instance
    clip: Clip
    position: float  # where it is heard: the instance's own position, or a counterfactual one


@dataclass(frozen=True)
class Picture:
    """The image of a sample and where it comes from."""

    id: int
    file: str  # as in the user's image folder
    root: int  # which of the given image folders
    width: int
    height: int
    sha256: str
    licence: str = ""
    url: str = ""
    page: str = ""  # the photo's page (flickr_url)
    orientation: int = 1  # of its EXIF tag; masks belong to the pixels as stored


@dataclass(frozen=True)
class Crop:
    """The part of each clip that is used, in samples of the mono 16 kHz clip, and how a short one is filled."""

    start: int
    length: int
    sample_rate: int
    short: str  # loop or pad


@dataclass(frozen=True)
class Sample:
    """One dataset item."""

    id: str
    setting: str  # ss, ms, msmi
    split: str  # train, val, test
    picture: Picture
    sources: tuple[Source, ...]
    silent: tuple[Instance, ...]  # seen, of a known category, and not heard
    unlabelled: tuple[int, ...]  # annotation ids of persons that are neither heard nor called silent
    ignore: tuple[str, ...]  # run lengths of crowd regions, 255 in the mask
    crop: Crop
    pan_law: str
    image_file: str
    mask_file: str
    instance_file: str
    mixture_file: str = ""  # "" where the loader mixes
    stem_files: tuple[str, ...] = ()
    mix_gain: float = 1.0  # one factor on all stems and both channels; below 1 where the sum would have clipped
    multi_instance: bool = False
    variant: str = "base"
    truth: str = "base"  # base: the sounding instances; empty: nothing that is seen sounds

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories that sound, sorted, each once."""
        return tuple(sorted({source.instance.category for source in self.sources}))


@dataclass(frozen=True)
class DatasetInfo:
    """What ``dataset.json`` says of a folder."""

    name: str
    version: str  # of the package that wrote it
    settings: tuple[str, ...]
    layout: str  # vpo or avss
    audio: str  # reference or render
    seed: int
    field_of_view: float  # degrees, horizontal
    config_sha256: str
    categories: tuple[tuple[int, str, int], ...]  # index, name, mask id
    variant: str = "base"
    variants: tuple[str, ...] = ()
    format: int = FORMAT
    counts: dict[str, Any] = field(default_factory=dict)


def sample_to_json(sample: Sample) -> str:
    """One line of the manifest."""
    return json.dumps(asdict(sample), ensure_ascii=False, separators=(",", ":"))


def sample_from_json(line: str) -> Sample:
    """The sample that a line of the manifest describes; raises KeyError, TypeError or ValueError where it doesn't."""
    row = json.loads(line)
    return Sample(
        **{
            **row,
            "picture": Picture(**row["picture"]),
            "crop": Crop(**row["crop"]),
            "sources": tuple(
                Source(_instance(source["instance"]), Clip(**source["clip"]), source["position"])
                for source in row["sources"]
            ),
            "silent": tuple(_instance(instance) for instance in row["silent"]),
            **{name: tuple(row[name]) for name in ("unlabelled", "ignore", "stem_files")},
        }
    )


def _instance(row: dict[str, Any]) -> Instance:
    x, y, width, height = row["bbox"]
    return Instance(**{**row, "bbox": (x, y, width, height)})


def write_manifest(path: Path | str, samples: Iterable[Sample]) -> None:
    """Write samples, a line each, atomically and durably."""
    with atomic_write(path, durable=True) as stream:
        for sample in samples:
            stream.write(sample_to_json(sample).encode() + b"\n")


def read_manifest(path: Path | str) -> Iterator[Sample]:
    """Samples of a manifest, in order. Raises ``DataError`` ``manifest-unreadable`` with file and line."""
    try:
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                yield _sample_of_line(line, f"{path}:{number}")
    except OSError as error:
        raise DataError(
            "manifest-unreadable", path, f"can't be read ({error.strerror}); is this a dataset folder?"
        ) from error


def _sample_of_line(line: str, where: str) -> Sample:
    try:
        return sample_from_json(line)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "manifest-unreadable", where, f"not a sample of format {FORMAT} ({error!r}); build again"
        ) from error


def encode_info(info: DatasetInfo) -> bytes:
    """The bytes of ``dataset.json``."""
    return json.dumps(asdict(info), indent=1, ensure_ascii=False).encode() + b"\n"


def write_info(folder: Path | str, info: DatasetInfo) -> None:
    """Write ``dataset.json``; a builder writes it last, since its presence says that the dataset is complete."""
    with atomic_write(Path(folder, DATASET), durable=True) as stream:
        stream.write(encode_info(info))


def read_info(folder: Path | str) -> DatasetInfo:
    """Read ``dataset.json``. Raises ``DataError`` ``not-a-dataset``."""
    path = Path(folder, DATASET)
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["format"] != FORMAT:
            raise DataError(
                "not-a-dataset", path, f"format {row['format']}, this version reads format {FORMAT}; build again"
            )
        categories = tuple((int(index), str(name), int(mask_id)) for index, name, mask_id in row["categories"])
        tuples = {name: tuple(row[name]) for name in ("settings", "variants")}
        return DatasetInfo(**{**row, **tuples, "categories": categories})
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            "not-a-dataset", path, f"no readable dataset.json ({error}); give the folder that `vpo build` wrote"
        ) from error
