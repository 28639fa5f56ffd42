"""What stands against comparing two results: differing samples, ground truth, rules or flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .results import ProtocolResult, Result

HARMLESS = {"kind", "labels", "gt_kind", "layout", "numbering", "extra", "split", "setting"}  # flags
# these say how files are read or which samples are scored; what they change is compared itself


@dataclass(frozen=True)
class Obstacle:
    """A reason not to compare, and whether taking only the common samples removes it."""

    text: str
    lifted: bool


def obstacles(a: tuple[Result, ProtocolResult], b: tuple[Result, ProtocolResult]) -> list[Obstacle]:
    """All reasons why two runs can't be tested against each other under a protocol."""
    found = []
    (one, row), (other, other_row) = a, b
    names = f"{one.name} and {other.name}"
    if row.version != other_row.version:
        found.append(Obstacle(f"{names}: versions {row.version} and {other_row.version} of {row.name}", False))
    rules = [{"family": each.family, **each.rule} for each in (row, other_row)]
    if rules[0] != rules[1]:
        found.append(Obstacle(f"{names}: {row.name} with different settings: {_unlike(*rules)}", False))
    if one.variant != other.variant:
        found.append(Obstacle(f"{names}: the variants {one.variant} and {other.variant} of the dataset", False))
    same_samples = one.samples == other.samples
    if not same_samples:
        both = len(set(one.samples) & set(other.samples))
        counts = f"{len(one.samples):,} and {len(other.samples):,}, {both:,} of them in both"
        found.append(Obstacle(f"{names}: different samples ({counts})", True))
    if one.gt.sha256 != other.gt.sha256:
        text = "different gt files of the same samples" if same_samples else "gt files that may differ"
        found.append(Obstacle(f"{names}: {text}", not same_samples))
    flags = [dict(run.flags) for run in (one, other)]
    kept = [{key: value for key, value in each.items() if key not in HARMLESS} for each in flags]
    if kept[0] != kept[1]:
        found.append(Obstacle(f"{names}: scored with different flags: {_unlike(*kept)}", True))
    return found


def _unlike(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """``resize nearest and none``, for the keys whose values differ."""
    keys = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    return ", ".join(f"{key} {one.get(key, 'none')} and {other.get(key, 'none')}" for key in keys)


def remarks_on(runs: Sequence[Result]) -> tuple[str, ...]:
    """What a reader should know of the runs that hinders no comparison, a line each."""
    lines = [f"{run.name}: {warning}" for run in runs for warning in run.warnings]
    lines += [
        f"{one.name} and {other.name}: the same predictions, file by file"
        for one, other in combinations(runs, 2)
        if one.preds.sha256 and one.preds.sha256 == other.preds.sha256
    ]
    for what, values in (("predictions", [run.preds.kind for run in runs]), ("scorers", [run.tool for run in runs])):
        if len(set(values)) > 1:
            told = ", ".join(f"{run.name} {value}" for run, value in zip(runs, values, strict=True))
            lines.append(f"Not all {what} are of one kind: {told}")
    return tuple(lines)
