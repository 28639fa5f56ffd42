"""A board as a table: one for people, a row for each system, and a long one for programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from .boards import Board, PrintedRow, Row, better
from .evidence import Difference
from .intervals import RESAMPLES
from .significance import EXACT, PERMUTATIONS
from .tables import Cell, Number, Style, Table

P, HOLM, FROM = "p", "p (Holm)", "from"
PROBABILITY = Style(percent=False, digits=4)
NONE = Number(float("nan"), ranked=False)


def board_table(board: Board) -> Table:
    """Rows best first, then what papers printed. The best of a column is bold where asked."""
    delta = f"{board.measure} to {board.reference}"
    columns = _columns(board, delta)
    rows = [tuple(cell(row) for cell in columns.values()) for row in board.rows]
    for paper in board.printed:
        cells: dict[str, Cell] = {"system": paper.name, FROM: _source(paper), **paper.scores}
        rows.append(tuple(cells.get(name) for name in columns))
    styles = {measure: Style(better=better(measure, board.family)) for measure in board.made_of}
    styles |= {delta: Style(signed=True), P: PROBABILITY, HOLM: PROBABILITY}
    title = f"{board.protocol} (version {board.version})"
    return Table(tuple(columns), tuple(rows), title, tuple(_notes(board)), styles)


def _columns(board: Board, delta: str) -> dict[str, Callable[[Row], Cell]]:
    """What stands in each column for a row that was scored."""
    columns: dict[str, Callable[[Row], Cell]] = {"system": attrgetter("name")}
    if any(row.runs > 1 for row in board.rows):
        columns["runs"] = attrgetter("runs")
    if len({row.samples for row in board.rows}) > 1:
        columns["samples"] = attrgetter("samples")
    for measure in board.made_of:
        columns[measure] = lambda row, measure=measure: row.scores[measure]  # type: ignore[misc]
    if len(board.rows) > 1:
        columns[delta] = lambda row: _cell(row, board, lambda found: Number(found.value, found.low, found.high))
        columns[P] = lambda row: _cell(row, board, attrgetter("p"))
    if sum(row.difference is not None for row in board.rows) > 1:
        columns[HOLM] = lambda row: _cell(row, board, attrgetter("adjusted"))
    if board.printed:
        columns[FROM] = lambda row: "scored"
    return columns


def _cell(row: Row, board: Board, number: Callable[[Difference], Cell]) -> Cell:
    """Of the difference to the reference: nothing for the reference itself, "-" where no test was made."""
    if row.name == board.reference:
        return None
    return NONE if row.difference is None else number(row.difference)


def _source(paper: PrintedRow) -> str:
    return f"as printed in {paper.source}, not rescored" + (f"; {paper.note}" if paper.note else "")


def _notes(board: Board) -> list[str]:
    tested = [row.difference for row in board.rows if row.difference]
    notes = [f"WARNING: {problem}" for problem in board.problems]
    notes += [f"{board.protocol}: {' '.join(board.text.split())}. Source: {board.source}."]
    kinds: dict[str, list[str]] = {}
    for measure, made_of in board.made_of.items():
        kinds.setdefault(made_of, []).append(measure)
    notes += [f"{', '.join(measures)}: {made_of}." for made_of, measures in kinds.items()]
    if board.common:
        notes.append(f"Computed again on the {board.rows[0].samples:,} samples that all results have.")
    if any(not math.isnan(row.scores[measure].low) for row in board.rows for measure in board.made_of):
        notes.append("In brackets: 95 % bootstrap intervals.")
    if tested:
        notes.append(
            f"Differences are paired, on the same samples: 95 % bootstrap interval ({RESAMPLES:,} draws); two-sided p of a "
            f"permutation test ({PERMUTATIONS:,} swaps, or all where at most {EXACT} samples differ)."
        )
    if tested and any(row.runs > 1 for row in board.rows):
        notes.append("Tests take the mean over runs; what another training run would change is the number after ±.")
    if any(math.isnan(each.p) for each in tested):
        notes.append("No p between systems of different numbers of runs: whole runs can't be swapped.")
    if board.printed:
        notes.append("What papers printed was not rescored: its samples, sizes and code are not known to be the same.")
    return [*notes, *board.notes]


LONG = ("protocol", "version", "measure", "system", "runs", "samples", "value", "low", "high", "deviation", "made of",
        "reference", "difference", "difference low", "difference high", "p", "p (Holm)", "source")  # fmt: skip


def long_table(boards: Sequence[Board]) -> Table:
    """A row for each board, system and measure: what a program reads, and the sense of a CSV file."""
    rows = [_filled(each) for board in boards for each in _long_rows(board)]
    return Table(LONG, tuple(rows))


def _filled(cells: Mapping[str, Cell]) -> tuple[Cell, ...]:
    return tuple(cells.get(name) for name in LONG)


def _long_rows(board: Board) -> list[dict[str, Cell]]:
    rows = []
    for row in board.rows:
        for measure, number in row.scores.items():
            cells = _long_row(board, measure, row.name, number)
            cells |= {"runs": row.runs, "samples": row.samples, "source": "scored"}
            found = row.difference if measure == board.measure else None
            if found is not None:
                cells |= {
                    "reference": board.reference, "difference": found.value, "difference low": found.low,
                    "difference high": found.high, "p": found.p, "p (Holm)": found.adjusted,
                }  # fmt: skip
            rows.append(cells)
    for paper in board.printed:
        for measure, number in paper.scores.items():
            rows.append({**_long_row(board, measure, paper.name, number), "source": _source(paper)})
    return rows


def _long_row(board: Board, measure: str, name: str, number: Number) -> dict[str, Cell]:
    return {
        "protocol": board.protocol, "version": board.version, "measure": measure, "system": name,
        "value": number.value, "low": number.low, "high": number.high, "deviation": number.deviation,
        "made of": board.made_of.get(measure),
    }  # fmt: skip
