"""Counts of a dataset: as JSON, as text for a terminal, and as the figure of the class distribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from evaluators.bars import Panel, bars, category_table, draw_figure, split_text
from evaluators.dataset import DatasetInfo, Sample
from evaluators.distributions import area_histogram, by_category, by_split, imbalance, position_histogram

Stats = dict[str, Any]  # JSON-able; keys below


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
    categories = by_category(
        ((source.instance.category, sample.split) for sample, source in sources),
        [name for _, name, _ in info.categories],
    )
    return {
        "samples": by_split(sample.split for sample in samples),
        "sources": by_split(sample.split for sample, _ in sources),
        "categories": categories,
        "imbalance": imbalance({name: sum(counts.values()) for name, counts in categories.items()}),
        "sources_per_sample": {
            str(n): count for n, count in sorted(Counter(len(sample.sources) for sample in samples).items())
        },
        "area_share": area_histogram(
            source.instance.area / (sample.picture.width * sample.picture.height) for sample, source in sources
        ),
        "position": position_histogram(source.position for _, source in sources),
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


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def stats_text(stats: Stats) -> str:
    """The counts as tables with bars, for a terminal at least 80 columns wide."""
    heading = f"{stats['name']}: {stats['samples']:,} samples, {stats['images']:,} images, {stats['clips']:,} clips of {stats['videos']:,} videos"
    parts = [heading, *(_setting_text(setting, counts) for setting, counts in stats["settings"].items())]
    parts += [bars("Licences of images", stats["image_licences"]), bars("Licences of clips", stats["clip_licences"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _setting_text(setting: str, counts: Stats) -> str:
    title = f"{setting.upper()}  samples {split_text(counts['samples'])}; sources {split_text(counts['sources'])}"
    parts: list[str] = [title + "\n" + "─" * len(title), category_table("Sources", counts["categories"])]
    if counts["imbalance"]:
        parts.append("Imbalance {ratio:.2f} ({most} over {least})".format(**counts["imbalance"]))
    parts += [
        bars("Sources per sample", counts["sources_per_sample"]),
        bars("Share of the image", counts["area_share"]),
        bars("Position, left to right", counts["position"]),
        bars("Silent objects", counts["silent"]),
        bars("Clips used so many times", counts["clip_uses"]) if set(counts["clip_uses"]) - {"1"} else "",
    ]
    notes = [
        ("Unlabelled persons", "unlabelled_persons"),
        ("ignored regions", "ignored_regions"),
        ("mixtures scaled down", "scaled_mixtures"),
    ]
    parts.append(", ".join(f"{name}: {counts[key]:,}" for name, key in notes if counts[key]))
    return "\n\n".join(part for part in parts if part)


def distribution_svg(stats: Stats) -> str:
    """The class distribution as in Fig. 8 of the CAVP paper: sources per category, most frequent first, a panel per setting.

    Bars are split into train, val and test; the number at a bar's end is the sum.
    """
    panels = [
        Panel(setting.upper(), _panel_note(counts), counts["categories"])
        for setting, counts in stats["settings"].items()
    ]
    return draw_figure(f"{stats['name']}: sources per category", "Sources per category", panels)


def _panel_note(counts: Stats) -> str:
    ratio = counts["imbalance"]
    return f"{sum(counts['sources'].values()):,} sources" + (f", imbalance {ratio['ratio']:.2f}" if ratio else "")
