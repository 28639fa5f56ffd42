"""Small charts as SVG text: rows of named conditions, and beside each other panels of dots with intervals, or of bars.

Pure functions from numbers to text, sized for one column of a paper (3.5 inches). Series differ in shape and lightness as well
as in colour, so that a chart can be read in grey and by anyone's eyes. No script, no font file, nothing remote.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 336  # drawing units, 96 an inch
_FONT, _LETTER = 9.5, 5.0  # height of a letter; its width, about
_EDGE, _TOP, _HEADING, _ROW, _SERIES, _GAP = 4, 20, 16, 17, 9, 14  # margin, head, heights, room between panels
_SHAPES = ("circle", "square", "diamond")
_STYLE = (
    f"text{{font-family:sans-serif;font-size:{_FONT}px;fill:#1a1a1a}}.soft{{fill:#595959}}.bold{{font-weight:bold}}"
    ".grid{stroke:#dedede;stroke-width:.7}.axis{stroke:#595959;stroke-width:.8}"
    ".reference{stroke:#595959;stroke-width:.8;stroke-dasharray:3 2}.change{stroke-width:4;opacity:.22}"
    ".interval{stroke-width:1.2}.mark{stroke-width:1.1}.whisker{stroke:#1a1a1a;stroke-width:.9}"
    ".s0{fill:#1b4f72;stroke:#1b4f72}.s1{fill:#f0b64d;stroke:#7a4d00}.s2{fill:#b9b9b9;stroke:#4d4d4d}"
    ".bar.s0{fill:#86a9c2}.mark.hollow{fill:#fff}"
)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML can't hold
_Scale = Callable[[float], float]  # from a value to its place across


@dataclass(frozen=True)
class Mark:
    """A value with its interval (NaN: none), and what is printed at the row's end."""

    value: float
    low: float = math.nan
    high: float = math.nan
    text: str = ""
    hollow: bool = False  # not to be set against the reference; the chart's note should say why


@dataclass(frozen=True)
class Series:
    """One mark a row, None where there is nothing to show. Series of one panel stand one below the other in each row."""

    marks: tuple[Mark | None, ...]
    name: str = ""  # in the legend; a single series needs none


@dataclass(frozen=True)
class Panel:
    """One axis, from which all rows are read."""

    title: str
    series: tuple[Series, ...]
    bars: bool = False  # else dots
    share: float = 1.0  # of the width, beside other panels
    reference: float = math.nan  # a dashed upright line, to which filled dots are tied
    range: tuple[float, float] = (0.0, 0.0)  # what the axis covers at any rate


@dataclass(frozen=True)
class Row:
    """A condition. ``heading`` is printed above it and starts a group of rows."""

    label: str
    heading: str = ""


def draw_rows(title: str, rows: Sequence[Row], panels: Sequence[Panel], note: str = "") -> str:
    """The chart as a whole SVG file. Raises ValueError where a series hasn't one mark a row."""
    for panel in panels:
        for series in panel.series:
            if len(series.marks) != len(rows):
                raise ValueError(
                    f"panel {panel.title!r}, series {series.name!r}: {len(series.marks)} marks for {len(rows)} rows"
                )
    height = _ROW + _SERIES * (max((len(panel.series) for panel in panels), default=1) - 1)
    middles, groups = _places(rows, height)
    bottom = groups[-1][1]
    parts = [_label(row, middle, height) for row, middle in zip(rows, middles, strict=True)]
    left = 14 + _LETTER * max((len(row.label) for row in rows), default=0)
    room = WIDTH - _EDGE - left - _GAP * (len(panels) - 1)
    for panel in panels:
        width = room * panel.share / sum(other.share for other in panels)
        parts.append(_panel(panel, (left, left + width), middles, groups))
        left += width + _GAP
    y = bottom + 27
    names = list(dict.fromkeys(series.name for panel in panels for series in panel.series))
    if any(names):
        parts.append(_legend(names, y))
        y += 14
    for line in textwrap.wrap(note, int((WIDTH - 2 * _EDGE) / _LETTER * 1.12)):
        parts.append(_text(_EDGE, y, line, "soft"))
        y += 12.5
    return _file(title, y - 6, "".join(parts))


def _file(title: str, height: float, body: str) -> str:
    size = f'width="{WIDTH}" height="{height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height:g}" role="img">'
        f'<title>{xml_text(title)}</title><style>{_STYLE}</style><rect {size} fill="#fff"/>{body}</svg>\n'
    )


def _places(rows: Sequence[Row], height: float) -> tuple[list[float], list[tuple[float, float]]]:
    """The middle of each row; and where each group of rows begins and ends, between which its grid is drawn."""
    y, middles, groups = float(_TOP), [], [(_TOP - 4.0, float(_TOP))]
    for row in rows:
        if row.heading:
            y += _HEADING
            groups.append((y, y))
        middles.append(y + height / 2)
        y += height
        groups[-1] = groups[-1][0], y
    return middles, groups


def _label(row: Row, middle: float, height: float) -> str:
    heading = _text(_EDGE, middle - height / 2 - 3, row.heading, "soft") if row.heading else ""
    return heading + _text(_EDGE + 4, middle + 3.3, row.label)


def _panel(
    panel: Panel, sides: tuple[float, float], middles: Sequence[float], groups: Sequence[tuple[float, float]]
) -> str:
    """Title, grid, axis and marks between two places across, printed numbers in a column at the right."""
    left, right = sides
    marks = [mark for series in panel.series for mark in series.marks if mark is not None]
    texts = max((len(mark.text) for mark in marks), default=0)
    plot = max(right - left - (_LETTER * texts + 9 if texts else 4), 20.0)
    ticks = _ticks(_covered(panel, marks), max(2, int(plot / 22)))

    def x(value: float) -> float:
        return left + plot * (value - ticks[0]) / (ticks[-1] - ticks[0])

    parts = [_text(left - 3, _TOP - 9, panel.title, "bold")]
    for tick in ticks:
        parts += [_line("axis" if tick == 0 else "grid", x(tick), top, x(tick), bottom) for top, bottom in groups]
        parts.append(_text(x(tick), groups[-1][1] + 10.5, f"{tick:g}", "soft", "middle"))
    if not math.isnan(panel.reference):
        at, groups = x(panel.reference), [ends for ends in groups if _compared(panel, middles, ends)]
        parts += [_line("reference", at, top, at, bottom) for top, bottom in groups]
    for number, series in enumerate(panel.series):
        below = _SERIES * (number - (len(panel.series) - 1) / 2)
        for mark, middle in zip(series.marks, middles, strict=True):
            if mark is not None:
                parts.append(_mark(mark, panel, number, x, middle + below))
                parts.append(_text(right, middle + below + 3.3, mark.text, anchor="end"))
    return "".join(parts)


def _compared(panel: Panel, middles: Sequence[float], ends: tuple[float, float]) -> bool:
    """Whether a group of rows has a filled mark."""
    pairs = [pair for series in panel.series for pair in zip(series.marks, middles, strict=True)]
    return any(mark is not None and not mark.hollow and ends[0] < middle < ends[1] for mark, middle in pairs)


def _covered(panel: Panel, marks: Sequence[Mark]) -> tuple[float, float]:
    values = [value for mark in marks for value in (mark.value, mark.low, mark.high)]
    finite = [value for value in [*panel.range, panel.reference, *values] if math.isfinite(value)]
    return min(finite), max(finite)


def _ticks(ends: tuple[float, float], most: int) -> list[float]:
    """Neighbouring multiples of 1, 2 or 5 times a power of ten that cover both ends, in about ``most`` steps."""
    low, high = ends if ends[0] < ends[1] else (ends[0], ends[0] + 1)
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * most >= 0.999 * (high - low))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _mark(mark: Mark, panel: Panel, number: int, x: _Scale, y: float) -> str:
    """Dot or bar with its interval; nothing for a value that is not finite."""
    if not math.isfinite(mark.value):
        return ""
    number %= len(_SHAPES)
    parts = [_bar(mark, number, x, y)] if panel.bars else []
    if not panel.bars and not mark.hollow and not math.isnan(panel.reference):
        parts.append(_line(f"change s{number}", x(panel.reference), y, x(mark.value), y))
    if math.isfinite(mark.low) and math.isfinite(mark.high):
        style, ends = ("whisker" if panel.bars else f"interval s{number}"), (x(mark.low), x(mark.high))
        parts += [_line(style, ends[0], y, ends[1], y), *(_line(style, end, y - 2.5, end, y + 2.5) for end in ends)]
    return "".join(parts) + ("" if panel.bars else _shape(number, x(mark.value), y, mark.hollow))


def _bar(mark: Mark, number: int, x: _Scale, y: float) -> str:
    start, end = sorted((x(0.0), x(mark.value)))
    style = f"mark bar s{number}{' hollow' if mark.hollow else ''}"
    return f'<rect class="{style}" x="{start:.2f}" y="{y - 3.5:.2f}" width="{end - start:.2f}" height="7"/>'


def _shape(number: int, x: float, y: float, hollow: bool = False) -> str:
    style = f'class="mark s{number}{" hollow" if hollow else ""}"'
    if _SHAPES[number] == "circle":
        return f'<circle {style} cx="{x:.2f}" cy="{y:.2f}" r="2.8"/>'
    if _SHAPES[number] == "square":
        return f'<rect {style} x="{x - 2.7:.2f}" y="{y - 2.7:.2f}" width="5.4" height="5.4"/>'
    return f'<path {style} d="M{x:.2f} {y - 3.6:.2f}l3.6 3.6l-3.6 3.6l-3.6 -3.6z"/>'


def _legend(names: Sequence[str], y: float) -> str:
    parts, x = [], float(_EDGE + 4)
    for number, name in enumerate(names):
        parts.append(_shape(number % len(_SHAPES), x, y - 3.3) + _text(x + 8, y, name))
        x += 24 + _LETTER * len(name)
    return "".join(parts)


def _line(style: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{style}" x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}"/>'


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    if not text:
        return ""
    attributes = f' class="{style}"' if style else ""
    attributes += f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.2f}" y="{y:.2f}"{attributes}>{xml_text(text)}</text>'


def xml_text(text: str) -> str:
    """``text`` for an XML file, what XML can't hold replaced."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))
