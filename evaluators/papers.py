"""What papers printed, as rows to stand beside a board: with the same protocol, on the same dataset, not rescored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .boards import Board, PrintedRow
from .published import DECIBEL, PERCENT, Published, published_rows
from .results import Result
from .tables import Number

DATASETS = {
    "s4": "S4",
    "ms3": "MS3",
    "avss": "AVSS",
}  # layout of a gt: the dataset's name in papers; VPO has one a setting
SAME_RULE = {"cavp-vpo": ("cavp-vpo", "cavp-semantic")}  # which differ in their categories, as the datasets do


def printed_rows(board: Board, runs: Sequence[Result], dataset: str | None = None) -> tuple[PrintedRow, ...]:
    """Rows of papers with the board's protocol on ``dataset``, or on the one that all runs were scored on.

    Ablations, and rows that an earlier one of the method already tells, are left out.
    """
    names = {_dataset(run) for run in runs} if dataset is None else {dataset}
    name = names.pop() if len(names) == 1 else ""
    if not name:
        return ()
    found = [row for rule in SAME_RULE.get(board.protocol, (board.protocol,)) for row in published_rows(name, rule)]
    kept = [row for row in found if row.measure in board.made_of and "," not in row.method and row.unit != DECIBEL]
    return tuple(_printed(lines) for lines in _without_repetitions(_lines(kept)))


def _dataset(run: Result) -> str:
    """A paper's name for what a run was scored on, or ""."""
    given = run.flags.get("setting")
    settings = {given} if given else {re.split("[-_/]", id)[0] for id in run.samples}  # ss_000000000139_000000001234
    if run.gt.layout == "vpo" and len(settings) == 1:
        setting = settings.pop()
        return f"VPO-{setting.upper()}" if setting in ("ss", "ms", "msmi") else ""
    return "" if given else DATASETS.get(run.gt.layout, "")


def _lines(rows: Iterable[Published]) -> list[list[Published]]:
    """The numbers that stand in one line of one table."""
    lines: dict[tuple[str, ...], list[Published]] = {}
    for row in rows:
        lines.setdefault((row.paper, row.table, row.method, row.backbone), []).append(row)
    return list(lines.values())


def _without_repetitions(lines: Iterable[list[Published]]) -> list[list[Published]]:
    """Papers repeat each other's numbers and their own: a line goes where an earlier one of the method holds all of it."""
    kept: list[list[Published]] = []
    for line in lines:
        numbers = _numbers(line)
        if not any(earlier[0].method == line[0].method and numbers <= _numbers(earlier) for earlier in kept):
            kept.append(line)
    return kept


def _numbers(line: Iterable[Published]) -> set[tuple[str, float]]:
    return {(row.measure, row.value if row.unit == PERCENT else round(100 * row.value, 9)) for row in line}


def _printed(line: Sequence[Published]) -> PrintedRow:
    first = line[0]
    name = f"{first.method} ({first.backbone})" if first.backbone else first.method
    notes = dict.fromkeys(part for row in line for part in row.note.split("; ") if part)
    scores = {row.measure: Number(row.score, digits=_digits(row), ranked=False) for row in line}
    return PrintedRow(name, f"{first.paper}, {first.table}", scores, "; ".join(notes))


def _digits(row: Published) -> int:
    """Decimals of the printed number, in percent."""
    decimals = len(row.printed.partition(".")[2])
    return decimals if row.unit == PERCENT else max(0, decimals - 2)
