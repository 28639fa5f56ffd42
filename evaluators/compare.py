"""Several results side by side: a leaderboard for each protocol, with intervals and paired tests on the same samples.

Numbers are compared only where they are comparable. Where samples, gt, rules or flags differ, the board says so and no test
is made; ``common=True`` asks for the samples that all results have, and then every number is computed again on those.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .boards import Board, board
from .comparability import remarks_on
from .errors import DataError
from .evidence import Runs
from .leaderboard import board_table, long_table
from .results import ProtocolResult, Result
from .tables import Table

SEED_NAME = re.compile(r"(.+)@(?:seed)?[-_]?\d+", re.DOTALL)


@dataclass(frozen=True)
class Comparison:
    """All boards."""

    boards: tuple[Board, ...]
    remarks: tuple[str, ...]
    seed: int


def compare(
    results: Sequence[Result],
    *,
    protocol: str | None = None,
    measure: str | None = None,
    seed: int = 0,
    published: bool = True,
    dataset: str | None = None,
    common: bool = False,
    groups: Mapping[str, Sequence[str]] | None = None,
    against: str | None = None,
) -> Comparison:
    """Compare results.

    ``protocol``: only this one; by default all that every result has. ``measure``: that sorts the rows and is tested; by
    default each protocol's first. ``seed`` of bootstrap and permutations. ``published``: also the rows of the papers with the
    same protocol and dataset (``dataset``: their name for it, where it can't be told from the results). ``common``: where
    samples or flags differ, compute and test everything on the samples that all have. ``groups``: runs of one system by its
    name; by default ``name@seed1``, ``name@seed2`` are runs of ``name``. ``against``: the row that the others are tested
    against; by default the best.

    Raises ``DataError``: ``nothing-to-compare``, ``bad-protocol``, ``bad-measure``, ``bad-name``.
    """
    runs = _named(results)
    systems = _systems(runs, groups)
    boards, remarks = [], [_seeds_remark(name, own) for name, own in systems.items() if len(own) > 1]
    names = _protocols(runs, protocol, measure)
    for name in names:
        try:
            boards.append(board(_entries(systems, name), measure, seed, common, against))
        except DataError as error:
            if len(names) == 1 or error.reason != "bad-measure":
                raise
            remarks.append(f"{name}: left out: {error.message}")
    if published:
        boards = [_with_papers(each, runs, dataset) for each in boards]
    remarks += [f"Left out, since not all results have it: {name}" for name in _partial(runs) if name not in names]
    return Comparison(tuple(boards), (*remarks, *remarks_on(runs)), seed)


def comparison_tables(comparison: Comparison) -> tuple[Table, ...]:
    """A table for each board; the remarks on the runs stand below the first."""
    tables = [board_table(each) for each in comparison.boards]
    if tables:
        tables[0] = replace(tables[0], notes=(*tables[0].notes, *comparison.remarks))
    return tuple(tables)


def comparison_rows(comparison: Comparison) -> Table:
    """All boards in one long table, a row for each system and measure: what a CSV file should hold."""
    return long_table(comparison.boards)


def _named(results: Sequence[Result]) -> list[Result]:
    """The results, with a number after names that occur more than once."""
    if not results:
        raise DataError("nothing-to-compare", "compare", "found no results; give one or more `avs-eval --json` files")
    counts, seen, taken = Counter(result.name for result in results), Counter[str](), {each.name for each in results}
    named = []
    for result in results:
        name = result.name
        while counts[result.name] > 1 and name in taken:
            seen[result.name] += 1
            name = f"{result.name} ({seen[result.name]})"
        taken.add(name)
        named.append(replace(result, name=name))
    return named


def _systems(runs: Sequence[Result], groups: Mapping[str, Sequence[str]] | None) -> dict[str, list[Result]]:
    """Runs of one system together, by its name, in the order of the results."""
    known = {run.name for run in runs}
    if groups is None:
        heads = {name: match[1] for name in known if (match := SEED_NAME.fullmatch(name)) and match[1] not in known}
        several = Counter(heads.values())
        system_of = {name: head for name, head in heads.items() if several[head] > 1}
    else:
        system_of = {name: system for system, names in groups.items() for name in names}
        strange = sorted(system_of.keys() - known)
        if strange:
            raise DataError("bad-name", strange[0], f"no result is called so; there are {', '.join(sorted(known))}")
    systems: dict[str, list[Result]] = {}
    for run in runs:
        systems.setdefault(system_of.get(run.name, run.name), []).append(run)
    return systems


def _seeds_remark(name: str, runs: Sequence[Result]) -> str:
    return (
        f"{name}: mean ± sample standard deviation (n - 1) over {len(runs)} runs: {', '.join(run.name for run in runs)}"
    )


def _row(run: Result, protocol: str) -> ProtocolResult | None:
    return next((row for row in run.protocols if row.name == protocol and row.measures), None)


def _entries(systems: Mapping[str, Sequence[Result]], protocol: str) -> dict[str, Runs]:
    """By system, its runs that have the protocol."""
    found = {name: [(run, row) for run in runs if (row := _row(run, protocol))] for name, runs in systems.items()}
    return {name: runs for name, runs in found.items() if runs}


def _partial(runs: Sequence[Result]) -> list[str]:
    """Protocols that some results have and some lack."""
    names = dict.fromkeys(row.name for run in runs for row in run.protocols)
    return [name for name in names if 0 < sum(_row(run, name) is not None for run in runs) < len(runs)]


def _protocols(runs: Sequence[Result], protocol: str | None, measure: str | None) -> list[str]:
    """Names of the boards, in the order of the first result."""
    known = {row.name: row for run in reversed(runs) for row in run.protocols if _row(run, row.name)}
    if protocol is not None and protocol not in known:
        raise DataError("bad-protocol", protocol, f"no result has it; they have {', '.join(sorted(known)) or 'none'}")
    shared = [row.name for row in runs[0].protocols if all(_row(run, row.name) for run in runs)]
    chosen = shared if protocol is None else [protocol]
    if not chosen:
        text = f"no protocol is in all results, of {', '.join(sorted(known)) or 'none'}"
        raise DataError("nothing-to-compare", "compare", f"{text}; score them with the same --protocol")
    if measure is None:
        return chosen
    with_measure = [name for name in chosen if measure in known[name].measures]
    if not with_measure:
        names = sorted({each for name in chosen for each in known[name].measures})
        raise DataError(
            "bad-measure", measure, f"{', '.join(chosen)} has no such measure; there are {', '.join(names)}"
        )
    return with_measure


def _with_papers(found: Board, runs: Sequence[Result], dataset: str | None) -> Board:
    from .papers import printed_rows

    return replace(found, printed=printed_rows(found, runs, dataset))
