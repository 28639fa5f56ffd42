"""The leaderboard of one protocol: rows with intervals, best first, each tested against one of them on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from zlib import crc32

import numpy as np

from .comparability import obstacles
from .errors import DataError
from .evidence import Difference, Evidence, Runs, Shared, difference, evidence, shared
from .protocols import NULL
from .significance import holm, mean_and_deviation
from .tables import HIGH, LOW, Number

LOWER = {"FDR", "MAE", "FPR", "J decay", "F decay"}  # less is better
NEITHER = {"pred area"}  # neither more nor less is
WHOLE = "the whole dataset at once"  # of measures that no counts per sample in a result give


@dataclass(frozen=True)
class Row:
    """A system: one run, or several that differ in their seed only."""

    name: str
    runs: int
    samples: int
    scores: Mapping[str, Number]  # by measure: the run's, or mean and deviation over runs; with intervals
    difference: Difference | None = None  # to the board's reference; None for itself, and where no test was made


@dataclass(frozen=True)
class PrintedRow:
    """What a paper printed; not rescored."""

    name: str
    source: str  # "CAVP, Table 2"
    scores: Mapping[str, Number]
    note: str = ""


@dataclass(frozen=True)
class Board:
    """The leaderboard of one protocol."""

    protocol: str
    version: int
    family: str
    rule: Mapping[str, Any]
    text: str
    source: str
    measure: str  # that the rows are sorted and tested by
    made_of: Mapping[str, str]  # by measure: "mean over samples", ..., "pixels of the whole dataset"
    rows: tuple[Row, ...]  # best first
    reference: str  # the row that the others are tested against
    problems: tuple[str, ...]  # what stands against comparing the rows
    notes: tuple[str, ...]
    common: bool  # numbers are over the samples that all rows have, and not as they were scored
    printed: tuple[PrintedRow, ...] = ()


def better(measure: str, family: str) -> str:
    """HIGH, LOW, or "" for a measure that says nothing of quality."""
    if measure in NEITHER:
        return ""
    return LOW if measure in LOWER or (family == NULL and measure == "S") else HIGH


def board(entries: Mapping[str, Runs], measure: str | None, seed: int, common: bool, against: str | None) -> Board:
    """The board of systems (name to runs) that have one protocol; the other arguments as in ``compare``.

    Raises ``DataError`` ``bad-measure`` where the common samples don't give the measure, ``bad-name``.
    """
    runs = list(chain.from_iterable(entries.values()))
    first = runs[0][1]
    only = shared(runs) if common and any(obstacles(runs[0], other) for other in runs[1:]) else None
    held = {name: evidence(own, only) for name, own in entries.items()}
    made = {each: {name: found.get(each) for name, found in held.items()} for each in first.measures}
    if only is not None:
        made = {each: found for each, found in made.items() if all(found.values())}
    measure = measure or next(iter(made), "")
    if measure not in made:
        text = f"the common samples alone don't give {measure or 'any of its measures'}"
        raise DataError("bad-measure", first.name, f"{text}; give another measure, or compare without common samples")
    rows = [
        _row(name, own, {each: found[name] for each, found in made.items()}, seed, only)
        for name, own in entries.items()
    ]
    rows = _sorted(rows, measure, first.family)
    reference = rows[0].name if against is None else against
    if reference not in entries:
        raise DataError("bad-name", reference, f"is no row of {first.name}; there are {', '.join(entries)}")
    told = {name: _problems(own, entries[reference], only) for name, own in entries.items()}
    testable = {name: found for name, found in made[measure].items() if not told[name][1]}
    differences = _differences(testable, reference, _seed(seed, first.name, measure))
    return Board(
        first.name, first.version, first.family, first.rule, first.text, first.source, measure,
        {each: _made_of(found[reference]) for each, found in made.items()},
        tuple(replace(row, difference=differences.get(row.name)) for row in rows),
        reference, tuple(line for lines, _ in told.values() for line in lines),
        tuple(_notes(runs, made, measure)), only is not None,
    )  # fmt: skip


def _notes(runs: Runs, made: Mapping[str, Mapping[str, Evidence | None]], measure: str) -> list[str]:
    notes = []
    lost = [each for each in runs[0][1].measures if each not in made]
    if lost:
        notes.append(f"Left out, since the common samples alone don't give them: {', '.join(lost)}.")
    untested = [name for name, found in made[measure].items() if found is None]
    if untested and len(made[measure]) > 1:
        notes.append(f"Not tested, since no numbers per sample in the file give its {measure}: {', '.join(untested)}.")
    told: dict[str, list[str]] = {}
    for run, row in runs:
        told.setdefault(row.note, []).append(run.name)
    return [*notes, *(f"{', '.join(names)}: {note}" for note, names in told.items() if note)]


def _made_of(found: Evidence | None) -> str:
    return found.made_of if found else WHOLE


def _row(name: str, runs: Runs, made: Mapping[str, Evidence | None], seed: int, only: Shared | None) -> Row:
    scores = {measure: _score(runs, measure, found, seed, only) for measure, found in made.items()}
    return Row(name, len(runs), len(only.samples if only else runs[0][0].samples), scores)


def _score(runs: Runs, measure: str, found: Evidence | None, seed: int, only: Shared | None) -> Number:
    """The number as it was scored with the interval that came with it, or both anew for several runs and common samples."""
    printed = [row.measures.get(measure, np.nan) for _, row in runs]
    value, deviation = mean_and_deviation(printed if only is None or found is None else found.numbers())
    stored = runs[0][1].intervals.get(measure)
    if len(runs) == 1 and only is None and stored is not None:
        low, high = stored
    elif found is not None:
        low, high = found.interval(np.random.default_rng(_seed(seed, runs[0][1].name, measure)))
    else:
        low = high = float("nan")
    return Number(value, low, high, deviation)


def _seed(seed: int, protocol: str, measure: str) -> tuple[int, int]:
    """For the same drawings whatever else is compared."""
    return seed, crc32(f"{protocol} {measure}".encode("utf-8", "surrogatepass"))


def _sorted(rows: Sequence[Row], measure: str, family: str) -> list[Row]:
    """Best first; as given where the measure has no better; those without a number last."""
    sign = {HIGH: -1, LOW: 1, "": 0}[better(measure, family)]

    def key(row: Row) -> tuple[bool, float]:
        value = row.scores[measure].value
        return (value != value, sign * value if value == value else 0.0)

    return sorted(rows, key=key)


def _problems(runs: Runs, reference: Runs, only: Shared | None) -> tuple[list[str], bool]:
    """What stands against comparing a system's runs with the reference, a line each; and whether that forbids a test."""
    found = [each for own in runs if own is not reference[0] for each in obstacles(reference[0], own)]
    blocking = [each for each in found if only is None or not each.lifted]
    lines = [each.text + ("; not tested" if each in blocking else "; tested on the common samples") for each in found]
    return lines, bool(blocking)


def _differences(found: Mapping[str, Evidence | None], reference: str, seed: Sequence[int]) -> dict[str, Difference]:
    """Of each system to the reference, where both may be tested and hold what it needs; p also by Holm."""
    base = found.get(reference)
    others = {name: difference(own, base, seed) for name, own in found.items() if name != reference}
    known = {name: each for name, each in others.items() if each is not None}
    adjusted = holm([each.p for each in known.values()])
    return {name: replace(each, adjusted=p) for (name, each), p in zip(known.items(), adjusted, strict=True)}
