"""A small table, and how it is printed: text, Markdown, LaTeX, CSV. Numbers are rounded here and nowhere else.

In text, Markdown and LaTeX a number is a share in [0, 1] printed in percent with two decimals, unless the caller or the
column's :class:`Style` says otherwise; NaN is "-". CSV keeps every digit and the number as it is.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HIGH, LOW = "high", "low"


@dataclass(frozen=True)
class Number:
    """A number and what is known around it; NaN where nothing is."""

    value: float
    low: float = math.nan  # 95 % interval
    high: float = math.nan
    deviation: float = math.nan  # over seeds
    digits: int | None = None  # decimals in percent, where they are not the column's: as a paper printed it
    ranked: bool = True  # takes part in which is the column's best


Cell = str | float | int | Number | None


@dataclass(frozen=True)
class Style:
    """How a column's numbers are printed; None is as the caller says."""

    percent: bool | None = None
    digits: int | None = None
    better: str = ""  # HIGH or LOW: which number is the best
    signed: bool = False  # a plus sign before what is above 0


@dataclass(frozen=True)
class Table:
    """Rows of cells: text, float (a share or a measure), int (printed as it is), Number, or None (nothing)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()  # below the table, a line each
    styles: Mapping[str, Style] = field(default_factory=dict)  # by column

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.rows} - {len(self.columns)}
        if lengths:
            raise ValueError(f"a table of {len(self.columns)} columns has rows of {sorted(lengths)} cells")


@dataclass(frozen=True)
class _Layout:
    """A table as text: what all printed forms share."""

    header: list[str]
    rows: list[list[str]]
    best: list[list[bool]]
    right: list[bool]  # columns of numbers
    notes: list[str]


def to_text(table: Table, *, digits: int = 2, percent: bool = True) -> str:
    """Aligned columns for a terminal."""
    layout = _layout(table, digits, percent)
    widths = [max(map(_width, column)) for column in zip(layout.header, *layout.rows, strict=True)]
    lines = [_visible(table.title), ""] if table.title else []
    for cells in [layout.header, ["-" * width for width in widths], *layout.rows]:
        lines.append("  ".join(_padded(*each) for each in zip(cells, widths, layout.right, strict=True)).rstrip())
    return "\n".join([*lines, *([""] if layout.notes else []), *layout.notes]) + "\n"


def to_markdown(table: Table, *, digits: int = 2, percent: bool = True, bold: bool = True) -> str:
    """A table of GitHub's Markdown; ``bold`` for the best of each column that has one, all of them where they tie."""
    layout = _layout(table, digits, percent)
    header = [_markdown(cell) for cell in layout.header]
    rows = [[_markdown(cell) for cell in row] for row in layout.rows]
    if bold:
        rows = _marked(rows, layout.best, "**{}**")
    widths = [max(3, *map(_width, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * (width - 1) + (":" if right else "-") for width, right in zip(widths, layout.right, strict=True)]
    lines = [f"**{_markdown(_visible(table.title))}**", ""] if table.title else []
    for cells in [header, rule, *rows]:
        padded = (_padded(*each) for each in zip(cells, widths, layout.right, strict=True))
        lines.append(f"| {' | '.join(padded)} |")
    notes = [f"- {_markdown(note)}" for note in layout.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def to_latex(table: Table, *, digits: int = 2, percent: bool = True, bold: bool = True) -> str:
    """A ``tabular`` with the rules of the package booktabs; title and notes are comments. ``bold`` as in Markdown."""
    layout = _layout(table, digits, percent)
    rows = [[_latex(cell, number) for cell, number in zip(row, layout.right, strict=True)] for row in layout.rows]
    if bold:
        rows = _marked(rows, layout.best, r"\textbf{{{}}}")
    lines = [f"% {_visible(table.title)}"] if table.title else []
    lines.append(rf"\begin{{tabular}}{{{''.join('r' if right else 'l' for right in layout.right)}}}")
    lines += [r"\toprule", _latex_row([_latex(cell) for cell in layout.header]), r"\midrule"]
    lines += [_latex_row(row) for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", *(f"% {note}" for note in layout.notes)]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """Comma-separated values: a header and the rows, numbers in full precision and as they are, NaN as nan.

    A column that holds intervals or deviations is followed by columns for them. Words are quoted; where one starts with
    = + - or @ and is no number, an apostrophe comes first, since a spreadsheet would take it for a formula. Read ids as
    text (pandas: ``dtype=str, keep_default_na=False``): some look like numbers (000030) or like nothing (nan, None).
    """
    header: list[Cell] = []
    columns: list[list[Cell]] = []
    for place, name in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        numbers = [cell for cell in cells if isinstance(cell, Number)]
        header.append(name)
        columns.append([cell.value if isinstance(cell, Number) else cell for cell in cells])
        for what in ("low", "high", "deviation"):
            if not all(math.isnan(getattr(number, what)) for number in numbers):
                header.append(f"{name} {what}")
                columns.append([getattr(cell, what) if isinstance(cell, Number) else None for cell in cells])
    rows = [header, *zip(*columns, strict=True)]
    return "".join(",".join(map(_csv_cell, row)) + "\n" for row in rows)


def _layout(table: Table, digits: int, percent: bool) -> _Layout:
    styles = [_filled(table.styles.get(name, Style()), digits, percent) for name in table.columns]
    rows = [[_printed(cell, style) for cell, style in zip(row, styles, strict=True)] for row in table.rows]
    columns = [[row[place] for row in table.rows] for place in range(len(table.columns))]
    best = [_best(column, style) for column, style in zip(columns, styles, strict=True)]
    right = [not any(isinstance(cell, str) for cell in column) for column in columns]
    shares = [
        name
        for name, style, column in zip(table.columns, styles, columns, strict=True)
        if style.percent and any(isinstance(cell, float | Number) for cell in column)
    ]
    notes = [f"In percent: {', '.join(shares)}."] if shares else []
    return _Layout(
        [_visible(name) for name in table.columns],
        rows,
        [list(row) for row in zip(*best, strict=True)] if best else [],
        right,
        [_visible(note) for note in [*notes, *table.notes]],
    )


def _filled(style: Style, digits: int, percent: bool) -> Style:
    return Style(
        percent if style.percent is None else style.percent,
        digits if style.digits is None else style.digits,
        style.better,
        style.signed,
    )


def _printed(cell: Cell, style: Style) -> str:
    """``83.02``, ``83.02 ± 0.40 (81.90 to 84.11)``, or text as it is."""
    if cell is None or isinstance(cell, str):
        return _visible(cell or "")
    if isinstance(cell, int):
        return f"{cell:+d}" if style.signed else str(cell)
    number = cell if isinstance(cell, Number) else Number(float(cell))
    digits = style.digits
    if number.digits is not None:
        digits = number.digits if style.percent else number.digits + 2
    text = _rounded(number.value, style, digits, style.signed)
    if not math.isnan(number.deviation):
        text += f" ± {_rounded(number.deviation, style, digits)}"
    if not math.isnan(number.low):
        low, high = (_rounded(end, style, digits, style.signed) for end in (number.low, number.high))
        text += f" ({low} to {high})"
    return text


def _rounded(value: float, style: Style, digits: int | None, signed: bool = False) -> str:
    if math.isnan(value):
        return "-"
    text = f"{100 * value if style.percent else value:.{digits}f}"
    if not text.strip("-0."):
        return text.lstrip("-")  # no minus nor plus before 0
    return f"+{text}" if signed and value > 0 else text


def _best(column: Sequence[Cell], style: Style) -> list[bool]:
    """Which cells print the best number of the column: none without ``better`` or where nothing is compared."""
    printed = [_rank(cell, style) for cell in column]
    known = [number for number in printed if number is not None]
    if not style.better or len(known) < 2:
        return [False] * len(printed)
    best = max(known) if style.better == HIGH else min(known)
    return [number == best for number in printed]


def _rank(cell: Cell, style: Style) -> float | None:
    if cell is None or isinstance(cell, str) or (isinstance(cell, Number) and not cell.ranked):
        return None
    value = float(cell.value if isinstance(cell, Number) else cell)
    return None if math.isnan(value) else float(_rounded(value, style, style.digits))


def _marked(rows: list[list[str]], best: list[list[bool]], form: str) -> list[list[str]]:
    return [
        [form.format(cell) if mark else cell for cell, mark in zip(row, marks, strict=True)]
        for row, marks in zip(rows, best, strict=True)
    ]


def _visible(text: str) -> str:
    """Text that stays in its line and its cell: control characters, line ends and changes of direction become ``\\x1b``."""
    return "".join(letter if _plain(letter) else letter.encode("unicode_escape").decode() for letter in text)


def _plain(letter: str) -> bool:
    direction = "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"
    return not direction and unicodedata.category(letter) not in ("Cc", "Cs", "Zl", "Zp")


def _width(text: str) -> int:
    """Columns that the text takes in a terminal."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(bool(unicodedata.combining(letter)) for letter in text)


def _padded(text: str, width: int, right: bool) -> str:
    room = " " * (width - _width(text))
    return room + text if right else text + room


def _markdown(text: str) -> str:
    """Escaped where Markdown or HTML would read a sign as markup; underscores within words are none."""
    text = re.sub(r"[\\`*\[\]<|~$]", r"\\\g<0>", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    return re.sub(r"&(?=#?\w+;)", "&amp;", text)


_LATEX = {
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}", "±": r"$\pm$", "Δ": r"$\Delta$",
}  # fmt: skip


def _latex(text: str, number: bool = False) -> str:
    """Escaped; a hyphen before a ``number`` is a minus."""
    escaped = "".join(_LATEX.get(letter, letter) for letter in text)
    if number:
        return re.sub(r"-(?=\d)", "$-$", escaped)
    return f"{{}}{escaped}" if escaped.startswith(("[", "*")) else escaped  # the row end before it would take them


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        text = _visible(cell)
        formula = text.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) and not _is_number(text)
        return '"' + ("'" if formula else "") + text.replace('"', '""') + '"'
    if isinstance(cell, Number):
        return repr(float(cell.value))
    return "" if cell is None else str(cell) if isinstance(cell, int) else repr(float(cell))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
