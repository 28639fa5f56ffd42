"""The result of a scoring run: its records, and their JSON file. Everything that a reader needs to judge a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1
Numbers = Mapping[str, float]  # measure to value; NaN where it is not defined


@dataclass(frozen=True)
class ProtocolResult:
    """What one protocol says."""

    name: str  # as asked for, with changed settings: ``avsbench-object:batch=4``
    version: int
    family: str
    rule: Mapping[str, Any]  # every setting of the protocol
    text: str  # the rule in words
    source: str
    measures: Numbers
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 95 %, by measure
    per_class: Mapping[str, Numbers] = field(default_factory=dict)  # category to measures
    groups: Mapping[str, Mapping[str, Numbers]] = field(default_factory=dict)  # "by size" -> "small" -> measures
    baselines: Mapping[str, Numbers] = field(default_factory=dict)  # "all foreground" -> measures
    units: tuple[str, ...] = ()  # ids of what ``values`` has one number for: samples, or batches of them ("a+b")
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)  # only measures that are a mean over units
    note: str = ""  # what a reader must know about this number
    missing: str = ""  # why the protocol couldn't be computed; then there are no measures


@dataclass(frozen=True)
class Folder:
    """One of the two folders that were compared."""

    path: str
    kind: str
    files: int
    sha256: str  # over the sorted lines "<hash of file>  <name>"
    understood: tuple[str, ...] = ()  # lines, as printed
    layout: str = ""


@dataclass(frozen=True)
class Result:
    """One scoring run."""

    name: str  # of the run: the predictions folder's name unless told
    tool: str  # "avs-eval 0.1.0"
    created: str  # UTC, ISO 8601
    preds: Folder
    gt: Folder
    flags: Mapping[str, str]  # only those that change what is scored
    counts: Mapping[str, int]  # samples, frames, empty gt frames, ..., predictions missing, resized, ...
    warnings: tuple[str, ...]
    categories: tuple[str, ...]
    samples: tuple[str, ...]  # ids, sorted
    protocols: tuple[ProtocolResult, ...]
    # gt index, pred index, pixels: per sample, all frames; where gt and preds are labels
    confusions: Mapping[str, Sequence[tuple[int, int, int]]] = field(default_factory=dict)
    variant: str = "base"
    format: int = FORMAT


def write_result(path: Path | str, result: Result) -> None:
    """Write a result as JSON, atomically. NaN and infinities are the strings "nan", "inf", "-inf"."""
    raise NotImplementedError


def read_result(path: Path | str) -> Result:
    """Read a result. Raises ``DataError`` ``result-unreadable`` for what isn't one, with what was found."""
    raise NotImplementedError
