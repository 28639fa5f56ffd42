"""What the sources hold once they were checked: the input of the plan, and the list of what was rejected."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from evaluators.dataset import Clip, Instance, Picture
from evaluators.rejections import Rejection


class Annotation(msgspec.Struct, frozen=True, gc=False):  # there are 400,000 of them
    """One record of an instances file, not yet decoded."""

    id: int
    category: str  # a category of the label table, or "person"
    crowd: bool
    segmentation: bytes  # its JSON


@dataclass(frozen=True)
class ImageRecord:
    """One image of a COCO file that shows at least one category of the label table."""

    id: int
    file: str
    root: int
    width: int
    height: int
    official_split: str  # train, val, or "" where the file doesn't tell
    annotations: tuple[Annotation, ...]
    licence: str = ""
    url: str = ""
    page: str = ""
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """An image that was read whole, with the masks of its objects.

    ``blocked`` names the categories that can't sound here: some of their instances are crowds, or have a
    mask that can't be read, or (male, female, baby) an unlabelled person is in the image.
    """

    picture: Picture
    official_split: str
    instances: tuple[Instance, ...]  # all labelled single objects, whatever their size
    unlabelled: tuple[int, ...]  # annotation ids of persons that are neither male, female nor baby
    ignore: tuple[str, ...]  # run lengths of crowds
    blocked: tuple[str, ...]


@dataclass(frozen=True)
class UsableClip:
    """A clip that was decoded and is fit to be heard."""

    clip: Clip
    category: str
    official_split: str
    seconds: float
    peak: float  # of the heard window, 0..1, before it is brought to a level; so are the next two
    rms: float
    lufs: float | None  # None where it was not measured


@dataclass(frozen=True)
class Material:
    """All that a plan may use."""

    candidates: tuple[Candidate, ...]
    clips: tuple[UsableClip, ...]
    rejections: tuple[Rejection, ...] = ()
    coverage: dict[str, tuple[int, int]] = field(default_factory=dict)  # clips found and listed, by category
