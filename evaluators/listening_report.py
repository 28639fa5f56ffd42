"""The audio-sensitivity report as a table, as JSON, and as the one figure that says it at a glance."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from .charts import Mark, Panel, Row, Series, draw_rows
from .listening import Heard, Listening
from .listening_pairs import AVS, Estimate
from .tables import Cell, Number, Style, Table

FORMAT = 1


def listening_table(listening: Listening) -> Table:
    """A row for the base and for each variant; what each shows, and what to beware of, stand in the notes."""
    rows = [listening.base, *listening.variants]
    columns: dict[str, list[Cell]] = {"heard": [row.name for row in rows], "samples": [row.samples for row in rows]}
    for measure in listening.measures:
        columns[measure] = [row.measures[measure].score.value for row in rows]
        columns[f"{measure} falls by"] = [None, *(_number(row.measures[measure].fall) for row in listening.variants)]
    if any(row.silent is not None for row in rows):
        columns["predicted area"] = [row.area.score.value for row in rows]
        columns["nothing predicted"] = [row.silent for row in rows]
    if any(row.unchanged is not None for row in listening.variants):
        columns["unchanged"] = [None, *(row.unchanged for row in listening.variants)]
    if any(not math.isnan(row.agreement.value) for row in rows):
        columns["agreement"] = [None, *(row.agreement.value for row in listening.variants)]
    return Table(
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        f"Listening: {listening.name}, protocol {listening.protocol}",
        tuple(_notes(listening, columns)),
        {name: Style(digits=1) for name in columns},
    )


def _number(estimate: Estimate) -> Number:
    return Number(estimate.value, estimate.low, estimate.high)


def _notes(listening: Listening, columns: Collection[str]) -> Iterator[str]:
    yield from (f"{row.name}: {row.says}" for row in listening.variants)
    yield "falls by: base minus variant over the samples of both, with 95 % bootstrap interval"
    if any(row.empty_gt for row in listening.variants):
        names = ", ".join(row.name for row in listening.variants if row.empty_gt)
        yield f"the gt of {names} is empty, {_against_nothing(listening)}"
    for name, meaning in (
        ("predicted area", "share of the pixels predicted as sounding, mean over samples"),
        ("unchanged", "samples in which no number of the prediction differs from the base's"),
        ("agreement", "J of the predictions against those on the base"),
    ):
        if name in columns:
            yield f"{name}: {meaning}"
    yield from (f"warning: {line}" for line in listening.warnings)


def listening_json(listening: Listening) -> str:
    """Everything in the report, as JSON text; NaN is the string "nan"."""
    row = {"format": FORMAT, **asdict(listening)}
    for heard, record in zip(listening.variants, row["variants"], strict=True):
        record["heard"] = heard.change.heard
    return json.dumps(_plain(row), indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(content) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(content) for content in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def listening_figure(listening: Listening) -> str:
    """SVG of one paper column: the judged measure on the base and under each variant, beside it how much is predicted."""
    rows = [listening.base, *listening.variants]
    measure = listening.measures[0]
    score = Panel(
        f"{measure} (%)",
        (Series(tuple(_score_mark(row, measure) for row in rows)),),
        share=1.7,
        reference=100 * listening.base.measures[measure].score.value,
    )
    panels = [score]
    if any(row.silent is not None for row in rows):
        areas = tuple(_mark(row.area.score, f"{100 * row.area.score.value:.1f}") for row in rows)
        panels.append(Panel("Predicted area (%)", (Series(areas),), bars=True))
    return draw_rows(f"Listening: {listening.name}", _labels(rows), panels, _caption(listening))


def _labels(rows: Sequence[Heard]) -> list[Row]:
    """Names of the variants, each group under its heading."""
    labels: list[Row] = []
    group = ""
    for row in rows:
        own = row.change.group if labels else ""
        labels.append(Row(row.name, own.capitalize() if own != group else ""))
        group = own
    return labels


def _score_mark(row: Heard, measure: str) -> Mark | None:
    pair = row.measures[measure]
    text = f"{100 * pair.score.value:.1f}"
    if row.name != "base" and not math.isnan(pair.fall.value):
        change = round(-100 * pair.fall.value, 1)
        text += f" ({change:+.1f})".replace("-", "\N{MINUS SIGN}") if change else " (0.0)"
    return _mark(pair.score, text, hollow=row.empty_gt)


def _mark(estimate: Estimate, text: str, *, hollow: bool = False) -> Mark | None:
    if math.isnan(estimate.value):
        return None
    return Mark(100 * estimate.value, 100 * estimate.low, 100 * estimate.high, text, hollow)


def _caption(listening: Listening) -> str:
    samples = {row.samples for row in (listening.base, *listening.variants)}
    number = f"{min(samples)}" if len(samples) == 1 else f"{min(samples)} to {max(samples)}"
    text = f"Protocol {listening.protocol}, {number} samples, 95 % bootstrap intervals. Dashed: the base."
    if any(row.empty_gt for row in listening.variants):
        text += f" Hollow: against an empty gt, {_against_nothing(listening)}."
    return text


def _against_nothing(listening: Listening) -> str:
    """What a score against an empty gt means."""
    if listening.protocol == AVS and set(listening.measures) <= {"J", "F", "J&F"}:
        return f"where {listening.measures[0]} is 100 % for an empty prediction and 0 for any other"
    return "so its scores can't be set against the base's"
