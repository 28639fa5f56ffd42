"""What a build found and planned, in lines for a person."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

from evaluators.dataset import Sample
from evaluators.distributions import imbalance

from .material import Material

WIDTH = 240  # of a line on the screen


def scan_line(material: Material) -> str:
    """Usable images and clips, and rejected items by reason."""
    reasons = Counter(rejection.reason for rejection in material.rejections if not rejection.warning)
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"scan     {len(material.candidates)} images and {len(material.clips)} clips are usable" + (
        f"; rejected: {told}" if told else ""
    )


def plan_lines(samples: Mapping[str, Sequence[Sample]], shortages: Sequence[str]) -> list[str]:
    """Samples per setting and split, class balance, and what the material can't satisfy."""
    lines = []
    for setting, rows in samples.items():
        splits = Counter(sample.split for sample in rows)
        told = ", ".join(f"{splits[split]} {split}" for split in ("train", "val", "test") if splits[split])
        sources = Counter(source.instance.category for sample in rows for source in sample.sources)
        lines.append(
            f"plan     {setting}: {len(rows)} samples ({told or 'none'}), {sum(sources.values())} sources of {len(sources)} categories{_imbalance(sources)}"
        )
    return lines + [
        textwrap.shorten(f"missing: {line}", WIDTH, placeholder=" ... (summary.json has all)").replace(": ", "  ", 1)
        for line in shortages
    ]


def _imbalance(sources: Counter[str]) -> str:
    found = imbalance(sources)
    if not found:
        return ""
    most, least = found["most"], found["least"]
    return f", imbalance {found['ratio']:.1f} ({most} {sources[most]}, {least} {sources[least]})"
