"""Counts of a dataset: as JSON, as text for a terminal, and as the figure of the class distribution."""

from __future__ import annotations

import textwrap
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from evaluators.dataset import DatasetInfo, Sample, Source

Stats = dict[str, Any]  # JSON-able; keys below

SPLITS = ("train", "val", "test")
AREA_EDGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # shares of the image
POSITION_BINS = 10


def compute_stats(samples: Sequence[Sample], info: DatasetInfo) -> Stats:
    """Everything that is counted, JSON-able: ``name``, ``settings`` (by setting), ``images``, ``clips``, ``videos``, licences.

    Per setting: samples and sources by split, sources by category and split, the histogram of sources per
    sample, the imbalance (most over least frequent category that occurs, as N_max / N_min in the CAVP paper,
    a ratio), histograms of area share and position, silent objects by category, how often clips are used,
    how many mixtures were scaled down. Over all settings: unique images, clips and videos, and of images
    and clips how many have which licence.
    """
    pictures = {sample.picture.id: sample.picture.licence for sample in samples}
    clips = {source.clip.id: source.clip for sample in samples for source in sample.sources}
    return {
        "name": info.name,
        "settings": {
            setting: _setting_stats([sample for sample in samples if sample.setting == setting], info)
            for setting in info.settings
        },
        "samples": len(samples),
        "images": len(pictures),
        "clips": len(clips),
        "videos": len({clip.video_id for clip in clips.values()}),
        "image_licences": _counts(licence or "not stated" for licence in pictures.values()),
        "clip_licences": _counts(clip.licence or "not stated" for clip in clips.values()),
    }


def _setting_stats(samples: Sequence[Sample], info: DatasetInfo) -> Stats:
    sources = [(sample, source) for sample in samples for source in sample.sources]
    categories = _categories(sources, info)
    return {
        "samples": _by_split(sample.split for sample in samples),
        "sources": _by_split(sample.split for sample, _ in sources),
        "categories": categories,
        "imbalance": imbalance({name: sum(counts.values()) for name, counts in categories.items()}),
        "sources_per_sample": {
            str(n): count for n, count in sorted(Counter(len(sample.sources) for sample in samples).items())
        },
        "area_share": _area_histogram(sources),
        "position": _position_histogram(source.position for _, source in sources),
        "silent": _counts(instance.category for sample in samples for instance in sample.silent),
        "unlabelled_persons": sum(len(sample.unlabelled) for sample in samples),
        "ignored_regions": sum(len(sample.ignore) for sample in samples),
        "clip_uses": {
            str(n): count
            for n, count in sorted(Counter(Counter(source.clip.id for _, source in sources).values()).items())
        },
        "scaled_mixtures": sum(sample.mix_gain < 1 for sample in samples),
        "gain": {
            "least": min((source.clip.gain for _, source in sources), default=None),
            "most": max((source.clip.gain for _, source in sources), default=None),
        },
    }


def imbalance(counts: Mapping[str, int]) -> Stats | None:
    """Most over least frequent of the categories that occur; of equals the first and the last by name. None where nothing occurs."""
    found = {name: count for name, count in counts.items() if count}
    if not found:
        return None
    high, low = max(found.values()), min(found.values())
    most = min(name for name, count in found.items() if count == high)
    least = max(name for name, count in found.items() if count == low)
    return {"ratio": high / low, "most": most, "least": least}


def _categories(sources: Iterable[tuple[Sample, Source]], info: DatasetInfo) -> dict[str, dict[str, int]]:
    counts = Counter((source.instance.category, sample.split) for sample, source in sources)
    names = [name for _, name, _ in info.categories]
    names += sorted({name for name, _ in counts} - set(names))
    return {name: {split: counts[name, split] for split in SPLITS if counts[name, split]} for name in names}


def _by_split(splits: Iterable[str]) -> dict[str, int]:
    counts = Counter(splits)
    return {split: counts[split] for split in SPLITS if counts[split]}


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _area_histogram(sources: Iterable[tuple[Sample, Source]]) -> dict[str, int]:
    """Sources by the share of the image that their instance covers; a bin holds its lower edge."""
    bins = [0] * (len(AREA_EDGES) + 1)
    for sample, source in sources:
        bins[bisect_right(AREA_EDGES, source.instance.area / (sample.picture.width * sample.picture.height))] += 1
    edges = (0.0, *AREA_EDGES, 1.0)
    return {f"{low:.0%} to {high:.0%}": count for low, high, count in zip(edges, edges[1:], bins, strict=False)}


def _position_histogram(positions: Iterable[float]) -> dict[str, int]:
    """Sources by position, in tenths from left to right; 1 belongs to the last."""
    bins = Counter(min(int(position * POSITION_BINS), POSITION_BINS - 1) for position in positions)
    return {f"{n / POSITION_BINS:.1f} to {(n + 1) / POSITION_BINS:.1f}": bins[n] for n in range(POSITION_BINS)}


# --- text

BAR = 30  # characters
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def stats_text(stats: Stats) -> str:
    """The counts as tables with bars, for a terminal at least 80 columns wide."""
    heading = f"{stats['name']}: {stats['samples']:,} samples, {stats['images']:,} images, {stats['clips']:,} clips of {stats['videos']:,} videos"
    parts = [heading, *(_setting_text(setting, counts) for setting, counts in stats["settings"].items())]
    parts += [_bars("Licences of images", stats["image_licences"]), _bars("Licences of clips", stats["clip_licences"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _setting_text(setting: str, counts: Stats) -> str:
    title = f"{setting.upper()}  samples {_split_text(counts['samples'])}; sources {_split_text(counts['sources'])}"
    parts: list[str] = [title + "\n" + "─" * len(title), _category_table(counts["categories"])]
    if counts["imbalance"]:
        parts.append("Imbalance {ratio:.2f} ({most} over {least})".format(**counts["imbalance"]))
    parts += [
        _bars("Sources per sample", counts["sources_per_sample"]),
        _bars("Share of the image", counts["area_share"]),
        _bars("Position, left to right", counts["position"]),
        _bars("Silent objects", counts["silent"]),
        _bars("Clips used so many times", counts["clip_uses"]) if set(counts["clip_uses"]) - {"1"} else "",
    ]
    notes = [
        ("Unlabelled persons", "unlabelled_persons"),
        ("ignored regions", "ignored_regions"),
        ("mixtures scaled down", "scaled_mixtures"),
    ]
    parts.append(", ".join(f"{name}: {counts[key]:,}" for name, key in notes if counts[key]))
    return "\n\n".join(part for part in parts if part)


def _split_text(counts: Mapping[str, int]) -> str:
    if not counts:
        return "0"
    return f"{sum(counts.values()):,} ({', '.join(f'{split} {count:,}' for split, count in counts.items())})"


def _category_table(categories: Mapping[str, Mapping[str, int]]) -> str:
    rows = sorted(
        ((sum(counts.values()), name, counts) for name, counts in categories.items()), key=lambda row: (-row[0], row[1])
    )
    splits = [split for split in SPLITS if any(split in counts for _, _, counts in rows)]
    width = max((len(name) for _, name, _ in rows), default=0)
    most = max((total for total, _, _ in rows), default=0)
    missing = [name for total, name, _ in rows if not total]
    lines = [f"{'Sources':{width}}  " + "".join(f"{split:>8}" for split in splits) + f"{'all':>8}"]
    for total, name, counts in rows[: len(rows) - len(missing)]:
        numbers = "".join(f"{counts.get(split, 0):>8,}" for split in splits)
        lines.append(f"{name:{width}}  {numbers}{total:>8,}  {_bar(total, most)}".rstrip())
    if missing:
        lines += textwrap.wrap(f"None of {', '.join(missing)}.", 79)
    return "\n".join(lines)


def _bars(title: str, counts: Mapping[str, int]) -> str:
    if not any(counts.values()):
        return ""
    width = max(len(name) for name in counts)
    most = max(counts.values())
    return "\n".join(
        [title, *(f"  {name:{width}}  {count:>8,}  {_bar(count, most)}".rstrip() for name, count in counts.items())]
    )


def _bar(count: int, most: int) -> str:
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


def distribution_svg(stats: Stats) -> str:
    """The class distribution as in Fig. 8 of the CAVP paper: sources per category, most frequent first, a panel per setting.

    Bars are split into train, val and test; the number at a bar's end is the sum.
    """
    panels = list(stats["settings"].items())
    names = max((len(name) for _, counts in panels for name in counts["categories"]), default=0)
    name_width = max(90, 7 * names)
    step = name_width + _ROOM + _END
    rows = max((len(counts["categories"]) for _, counts in panels), default=0)
    width, height = 2 * _EDGE - 20 + len(panels) * step, _TOP + rows * _ROW + 48
    splits = [split for split in SPLITS if any(split in counts["sources"] for _, counts in panels)]
    body = "".join(_panel(setting, counts, _EDGE + n * step, name_width) for n, (setting, counts) in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(stats['name'])}: sources per category</title><style>{_STYLE}</style>"
        f'<rect class="paper" width="{width}" height="{height}" rx="10"/>{_text(_EDGE, 38, "ink title", "Sources per category")}'
        f"{body}{_legend(splits, _EDGE + name_width, height - 20)}</svg>\n"
    )


def _legend(splits: Sequence[str], left: int, bottom: int) -> str:
    return "".join(
        f'<rect class="{split}" x="{left + 58 * n}" y="{bottom - 10}" width="11" height="11" rx="2.5"/>'
        + _text(left + 58 * n + 17, bottom, "soft", split)
        for n, split in enumerate(splits)
    )


def _panel(setting: str, counts: Stats, left: int, name_width: int) -> str:
    rows = sorted(counts["categories"].items(), key=lambda row: (-sum(row[1].values()), row[0]))
    most = max((sum(by_split.values()) for _, by_split in rows), default=0)
    ratio, axis = counts["imbalance"], left + name_width
    note = f"{sum(counts['sources'].values()):,} sources" + (f", imbalance {ratio['ratio']:.2f}" if ratio else "")
    parts = [_text(left, 72, "ink panel", setting.upper()), _text(axis, 72, "soft", note)]
    parts.append(f'<line class="grid" x1="{axis}" x2="{axis}" y1="{_TOP - 6}" y2="{_TOP + len(rows) * _ROW}"/>')
    for place, (name, by_split) in enumerate(rows):
        parts.append(_row(name, by_split, axis, _TOP + place * _ROW, most))
    return "".join(parts)


def _row(name: str, by_split: Mapping[str, int], axis: int, top: int, most: int) -> str:
    x = float(axis)
    parts = [_text(axis - 8, top + 11, "ink", name, anchor="end")]
    for split, count in by_split.items():
        length = _ROOM * count / most
        parts.append(f'<rect class="{split}" x="{x:.2f}" y="{top}" width="{length:.2f}" height="{_ROW - 6}"/>')
        x += length
    return "".join(parts) + _text(x + 6, top + 10.5, "soft count", f"{sum(by_split.values()):,}")


def _text(x: float, y: float, style: str, text: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.6g}" y="{y:.6g}" text-anchor="{anchor}">{escape(text)}</text>'
