"""A result as people read it: on the terminal, as LaTeX, and as tables for CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from .protocols import find_protocol, protocols
from .results import Folder, ProtocolResult, Result
from .tables import Cell, Number, Table, to_latex, to_text

WIDTH = 110
LOUD = "!" * 8


def report(result: Result) -> str:
    """The whole report for a terminal."""
    parts = ["\n".join(_head(result)), to_text(scores_table(result))]
    parts += [to_text(table) for table in group_tables(result)]
    return "\n".join([*parts, *_notes(result)]).rstrip()


def _head(result: Result) -> Iterator[str]:
    yield f"{result.tool}, {result.name}"
    yield f"preds  {result.preds.path}: {result.preds.files:,} files"
    yield from _understood(result.preds)
    yield f"gt     {result.gt.path}: {result.gt.layout}, {result.gt.files:,} files"
    yield from _understood(result.gt)
    counts = dict(result.counts)
    frames = ", ".join(
        f"{counts[name]:,} {name.removesuffix(' frames')}" for name in sorted(counts) if name.endswith(" frames")
    )
    yield f"scored {counts['samples']:,} samples, {counts.get('frames', 0):,} frames ({frames})"
    changes = [f"--{name.replace('_', '-')} {value}" for name, value in result.flags.items()]
    told = [
        f"{value:,} {name}" for name, value in counts.items() if name.endswith(("predictions", "left out")) and value
    ]
    if changes or told:
        yield f"flags  {' '.join(changes)}{': ' if changes and told else ''}{', '.join(told)}"
    for warning in result.warnings:
        yield f"{LOUD} {warning}"
    yield ""


def _understood(folder: Folder) -> Iterator[str]:
    for line in folder.understood:
        yield f"       {line}"


def scores_table(result: Result) -> Table:
    """A row per measure of each protocol, with its interval and the trivial predictions beside it."""
    computed = [one for one in result.protocols if not one.missing]
    baselines = list(dict.fromkeys(name for one in computed for name in one.baselines))
    rows: list[tuple[Cell, ...]] = []
    for one in computed:
        for place, (measure, value) in enumerate(one.measures.items()):
            low, high = one.intervals.get(measure, (float("nan"), float("nan")))
            trivial = [one.baselines.get(name, {}).get(measure) for name in baselines]
            rows.append((_label(one) if not place else "", measure, Number(value, low, high), *trivial))
    return Table(("protocol", "measure", "score (95 %)", *baselines), tuple(rows))


def _label(one: ProtocolResult) -> str:
    return f"{one.name} v{one.version}"


def group_tables(result: Result) -> Iterator[Table]:
    """The groups that were asked for, a table each."""
    for one in result.protocols:
        for title, groups in one.groups.items():
            yield _numbers_table(f"{_label(one)}, {title}", title.removeprefix("by "), groups)


def _numbers_table(title: str, key: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    columns = list(dict.fromkeys(name for numbers in rows.values() for name in numbers))
    cells = tuple((name, *(_cell(column, numbers) for column in columns)) for name, numbers in rows.items())
    return Table((key, *columns), cells, title)


def _cell(column: str, numbers: Mapping[str, float]) -> Cell:
    value = numbers.get(column)
    return int(value) if column in ("samples", "frames") and value is not None else value


def _notes(result: Result) -> Iterator[str]:
    """The rules in words, and what can't be computed."""
    for one in result.protocols:
        if not one.missing:
            text = f"{_label(one)}: {one.text}." + (f" NOTE: {one.note}." if one.note else "")
            yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ")
    missing = [one for one in result.protocols if one.missing]
    if missing:
        yield ""
        for one in missing:
            yield from textwrap.wrap(f"not computed: {_label(one)}: {one.missing}", WIDTH, subsequent_indent="  ")


def samples_table(result: Result) -> Table:
    """A row per unit (sample, or batch of samples) of each protocol and measure that is a mean over units."""
    rows = [
        (one.name, unit, measure, value)
        for one in result.protocols
        for measure, values in one.values.items()
        for unit, value in zip(one.units, values, strict=True)
    ]
    return Table(("protocol", "sample", "measure", "value"), tuple(rows))


def classes_table(result: Result) -> Table:
    """A row per category, protocol and measure."""
    rows = [
        (one.name, category, measure, value)
        for one in result.protocols
        for category, numbers in one.per_class.items()
        for measure, value in numbers.items()
    ]
    return Table(("protocol", "class", "measure", "value"), tuple(rows))


def latex(result: Result) -> str:
    """The scores as a LaTeX table."""
    table = scores_table(result)
    rows = tuple((row[0], row[1], row[2]) for row in table.rows)
    notes = tuple(f"{_label(one)}: {one.text}" for one in result.protocols if not one.missing)
    return to_latex(Table(table.columns[:3], rows, f"{result.name}, {result.tool}", notes), bold=False)


def protocols_text(name: str | None) -> str:
    """All protocols, a paragraph each; or one of them with its settings."""
    chosen = [find_protocol(name)] if name else list(protocols().values())
    lines = []
    for row in chosen:
        lines.append(f"{row.name} v{row.version}")
        lines += textwrap.wrap(f"{row.text}.", WIDTH, initial_indent="    ", subsequent_indent="    ")
        if row.rule:
            lines.append("    settings: " + ", ".join(f"{key}={value}" for key, value in row.rule.items()))
        lines.append(f"    source: {row.source}" + (f"; needs {row.needs}" if row.needs else ""))
    return "\n".join(lines)
