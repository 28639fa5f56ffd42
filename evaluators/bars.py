"""Bars of counts: lines of text for a terminal, and an SVG figure of counts per category, split into train, val and test.

Pure functions from counts to text. The figure adapts to light and dark; no script, no font file, nothing remote.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .charts import xml_text
from .distributions import SPLITS

BAR = 30  # characters
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def split_text(counts: Mapping[str, int]) -> str:
    """``1,234 (train 1,000, test 234)``."""
    if not counts:
        return "0"
    return f"{sum(counts.values()):,} ({', '.join(f'{split} {count:,}' for split, count in counts.items())})"


def category_table(heading: str, categories: Mapping[str, Mapping[str, int]]) -> str:
    """A line for each category, the most frequent first: counts by split, their sum, a bar; then the names of those that don't occur."""
    rows = sorted(
        ((sum(counts.values()), name, counts) for name, counts in categories.items()), key=lambda row: (-row[0], row[1])
    )
    splits = [split for split in SPLITS if any(split in counts for _, _, counts in rows)]
    width = max((len(name) for _, name, _ in rows), default=0)
    most = max((total for total, _, _ in rows), default=0)
    missing = [name for total, name, _ in rows if not total]
    lines = [f"{heading:{width}}  " + "".join(f"{split:>8}" for split in splits) + f"{'all':>8}"]
    for total, name, counts in rows[: len(rows) - len(missing)]:
        numbers = "".join(f"{counts.get(split, 0):>8,}" for split in splits)
        lines.append(f"{name:{width}}  {numbers}{total:>8,}  {bar(total, most)}".rstrip())
    if missing:
        lines += textwrap.wrap(f"None of {', '.join(missing)}.", 79)
    return "\n".join(lines)


def bars(title: str, counts: Mapping[str, int]) -> str:
    """A title and a line with a bar for each count; "" where all are 0."""
    if not any(counts.values()):
        return ""
    width = max(len(name) for name in counts)
    most = max(counts.values())
    return "\n".join(
        [title, *(f"  {name:{width}}  {count:>8,}  {bar(count, most)}".rstrip() for name, count in counts.items())]
    )


def bar(count: int, most: int) -> str:
    """A bar of full and eighth blocks, never empty for a count above 0."""
    eighths = max(round(8 * BAR * count / most), 1) if count else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


# --- figure

_ROW, _TOP, _ROOM, _END, _EDGE = 19, 92, 210, 68, 24  # pixels: row height, head, longest bar, room after it, margin
_STYLE = """
.paper{fill:#fbfaf8}.ink{fill:#1d1c1a}.soft{fill:#6d6962}.grid{stroke:#e4e1da}
.train{fill:#1f7a70}.val{fill:#e0a73d}.test{fill:#86c5bc}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;font-size:12px}
.title{font-size:20px;font-weight:650}.panel{font-size:14px;font-weight:650}.count{font-variant-numeric:tabular-nums;font-size:11px}
@media (prefers-color-scheme:dark){.paper{fill:#171615}.ink{fill:#ebe9e4}.soft{fill:#a09b92}.grid{stroke:#33312e}.train{fill:#3fae9f}.test{fill:#1f6158}}
"""


@dataclass(frozen=True)
class Panel:
    """The categories of one setting."""

    title: str
    note: str  # beside the title, above the bars
    categories: Mapping[str, Mapping[str, int]]  # counts by split


def draw_figure(title: str, heading: str, panels: Sequence[Panel]) -> str:
    """The figure as a whole SVG file: a panel for each setting, beside each other, in each the most frequent category first.

    Bars are split into train, val and test; the number at a bar's end is the sum. ``title`` is what the file is called when it is read out.
    """
    names = max((len(name) for panel in panels for name in panel.categories), default=0)
    name_width = max(90, 7 * names)
    step = name_width + _ROOM + _END
    rows = max((len(panel.categories) for panel in panels), default=0)
    width, height = 2 * _EDGE - 20 + len(panels) * step, _TOP + rows * _ROW + 48
    found = {split for panel in panels for counts in panel.categories.values() for split in counts}
    body = "".join(_panel(panel, _EDGE + n * step, name_width) for n, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{xml_text(title)}</title><style>{_STYLE}</style>"
        f'<rect class="paper" width="{width}" height="{height}" rx="10"/>{_text(_EDGE, 38, "ink title", heading)}'
        f"{body}{_legend([split for split in SPLITS if split in found], _EDGE + name_width, height - 20)}</svg>\n"
    )


def _legend(splits: Sequence[str], left: int, bottom: int) -> str:
    return "".join(
        f'<rect class="{split}" x="{left + 58 * n}" y="{bottom - 10}" width="11" height="11" rx="2.5"/>'
        + _text(left + 58 * n + 17, bottom, "soft", split)
        for n, split in enumerate(splits)
    )


def _panel(panel: Panel, left: int, name_width: int) -> str:
    rows = sorted(panel.categories.items(), key=lambda row: (-sum(row[1].values()), row[0]))
    most = max((sum(counts.values()) for _, counts in rows), default=0)
    axis = left + name_width
    parts = [_text(left, 72, "ink panel", panel.title), _text(axis, 72, "soft", panel.note)]
    parts.append(f'<line class="grid" x1="{axis}" x2="{axis}" y1="{_TOP - 6}" y2="{_TOP + len(rows) * _ROW}"/>')
    for place, (name, counts) in enumerate(rows):
        parts.append(_row(name, counts, axis, _TOP + place * _ROW, most))
    return "".join(parts)


def _row(name: str, counts: Mapping[str, int], axis: int, top: int, most: int) -> str:
    x = float(axis)
    parts = [_text(axis - 8, top + 11, "ink", name, anchor="end")]
    for split, count in counts.items():
        length = _ROOM * count / most
        parts.append(f'<rect class="{split}" x="{x:.2f}" y="{top}" width="{length:.2f}" height="{_ROW - 6}"/>')
        x += length
    return "".join(parts) + _text(x + 6, top + 10.5, "soft count", f"{sum(counts.values()):,}")


def _text(x: float, y: float, style: str, text: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.6g}" y="{y:.6g}" text-anchor="{anchor}">{xml_text(text)}</text>'
