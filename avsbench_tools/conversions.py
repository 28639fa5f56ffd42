"""What a conversion is asked for, and what it plans for one video: records only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaluators.errors import DataError
from evaluators.rejections import Rejection
from evaluators.videos import Video

FORMS = ("manifest", "labels", "coco", "object", "semantic")
OBJECT = {"s4": "s4", "v1s": "s4", "ms3": "ms3", "v1m": "ms3"}  # setting to subset of AVSBench-object
SEMANTIC = {"s4": "v1s", "ms3": "v1m", "v1s": "v1s", "v1m": "v1m", "v2": "v2"}  # setting to that of AVSBench-semantic


@dataclass(frozen=True)
class Conversion:
    """What the user asks for.

    Raises ``DataError`` ``bad-option`` for a form that isn't there, and for options that would be without effect.
    """

    form: str  # one of FORMS
    subset: str = ""  # s4, ms3, avss, where the folder holds several
    splits: tuple[str, ...] = ()  # empty: all
    copy: bool = False  # files of DST's own, where it would refer to SRC's files or link to them
    metadata: Path | None = None  # AVSBench-semantic's table, which names what sounds in MS3
    nearest: bool = False  # colours off the palette become the nearest one

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise DataError("bad-option", "--to", f"there is no form {self.form!r}; there are {', '.join(FORMS)}")
        if self.nearest and self.refers:
            raise DataError("bad-option", "--nearest", "changes masks, and a manifest refers to them; give --copy too")
        for option in ("copy", "metadata", "nearest"):
            if self.form == "coco" and getattr(self, option):
                raise DataError("bad-option", f"--{option}", "does nothing for --to coco; leave it out")

    @property
    def refers(self) -> bool:
        """Whether the result names the files of SRC instead of holding files."""
        return self.form == "manifest" and not self.copy


@dataclass(frozen=True)
class Plan:
    """How one video is brought over: frame for frame from the files of ``source`` to those of ``target``."""

    source: Video  # files relative to the root of its set
    target: Video  # files relative to the result
    named: frozenset[int] = frozenset()  # indices that its label maps may hold, as the table says; empty: not known
    index: int = 0  # what a binary mask shows becomes this category; 0: no category
    binary: bool = False  # label maps become masks of everything that sounds
    colours: bool = False  # label maps are written in colours too, beside
    void: bool = True  # whether the result may hold 255
    side: int = 0  # of square frames and masks, in pixels; 0: sizes stay
    sound_to_log_mel: bool = False  # a log-mel is made from the sound where there is none

    @property
    def item(self) -> str:
        """The video, as messages and the journal name it."""
        return item_of(self.source)


@dataclass(frozen=True)
class Done:
    """What came of one plan."""

    item: str
    rejection: Rejection | None = None  # nothing was written
    warnings: tuple[Rejection, ...] = ()
    missing: Mapping[str, bool] = field(default_factory=dict)  # audio_file, log_mel_file: whether it isn't there


def item_of(video: Video) -> str:
    """``<setting>/<id>``."""
    return f"{video.setting}/{video.id}"


def refusal(video: Video, reason: str, message: str, *, warning: bool = False) -> Rejection:
    """A video that isn't brought over, or (``warning``) is and is worth a look."""
    return Rejection("video", item_of(video), reason, message, warning)
