"""From rendered samples to a dataset: tables, manifest, card, figures, page, checksums, and last the file that says it stands."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from evaluators import __version__, vpo
from evaluators.categories import CategoryTable
from evaluators.dataset import (
    CHECKSUMS,
    DATASET,
    MANIFEST,
    DatasetInfo,
    Sample,
    encode_info,
    write_info,
    write_manifest,
)
from evaluators.files import link_or_copy, sha256_file, write_text
from evaluators.rejections import REJECTED, WARNINGS, Rejection, rejection_lines

from .card import dataset_card
from .gallery import write_gallery
from .layouts import tables
from .settings import Settings
from .stats import compute_stats, distribution_svg

Samples = Mapping[str, Sequence[Sample]]  # by setting


@dataclass(frozen=True)
class Outcome:
    """All that the last step needs."""

    settings: Settings
    build_sha256: str
    categories: CategoryTable
    base: Samples
    variants: Mapping[str, Samples]
    rejections: Sequence[Rejection]
    shortages: Sequence[str]
    sources: Sequence[tuple[str, str]]  # name and SHA-256 of each json file and table
    coverage: Mapping[str, tuple[int, int]]  # clips found and listed, by category


def settled(samples: Samples, receipts: Mapping[str, Any]) -> dict[str, tuple[Sample, ...]]:
    """Samples with what only rendering could know; ``receipts`` by mask file."""
    return {
        setting: tuple(replace(s, mix_gain=receipts[s.mask_file]["mix_gain"]) for s in rows)
        for setting, rows in samples.items()
    }


def finish(folder: Path, clips: Path, outcome: Outcome, receipts: Mapping[str, Mapping[str, Any]]) -> DatasetInfo:
    """Complete the dataset in ``folder``; ``clips`` holds the decoded clips, ``receipts`` those of base ("") and variants."""
    for name, samples in outcome.variants.items():
        _write_folder(
            folder / "variants" / name, clips, outcome, settled(samples, receipts[name]), receipts[name], name
        )
    return _write_folder(folder, clips, outcome, settled(outcome.base, receipts[""]), receipts[""], "base")


def _write_folder(
    folder: Path, clips: Path, outcome: Outcome, samples: Samples, receipts: Mapping[str, Any], variant: str
) -> DatasetInfo:
    everything = [sample for rows in samples.values() for sample in rows]
    hashes = {path: digest for sample in everything for path, digest in receipts[sample.mask_file]["files"].items()}
    if outcome.settings.layout == "vpo":
        hashes.update(_link_clips(folder, clips, everything))
    texts = tables(samples, outcome.settings.layout, outcome.categories)
    info = _info(outcome, samples, variant)
    write_manifest(folder / MANIFEST, everything)
    if variant == "base":
        stats = compute_stats(everything, info)
        texts |= _reports(outcome, info, stats)
    for name, text in texts.items():
        write_text(folder / name, text)
    if variant == "base" and outcome.settings.gallery:
        write_gallery(folder, everything, info, outcome.settings.gallery)
    hashes[DATASET] = hashlib.sha256(encode_info(info)).hexdigest()
    _write_checksums(folder, hashes, [MANIFEST, *texts])
    write_info(folder, info)
    return info


def _link_clips(folder: Path, clips: Path, samples: Iterable[Sample]) -> dict[str, str]:
    hashes = {}
    for clip in {source.clip.id: source.clip for sample in samples for source in sample.sources}.values():
        name = vpo.clip_file(clip.id)
        link_or_copy(clips / f"{clip.id}.wav", folder / name)
        hashes[name] = clip.wav_sha256 or sha256_file(folder / name)
    return hashes


def _info(outcome: Outcome, samples: Samples, variant: str) -> DatasetInfo:
    settings = outcome.settings
    counts: dict[str, Any] = {
        setting: dict(sorted(Counter(s.split for s in rows).items())) for setting, rows in samples.items()
    }
    return DatasetInfo(
        name="VPO-" + "+".join(setting.upper() for setting in samples),
        version=__version__,
        settings=tuple(samples),
        layout=settings.layout,
        audio=settings.audio,
        seed=settings.seed,
        field_of_view=settings.field_of_view,
        config_sha256=outcome.build_sha256,
        categories=tuple((c.index, c.name, c.mask_id) for c in outcome.categories),
        variant=variant,
        variants=tuple(outcome.variants) if variant == "base" else (),
        counts=counts,
    )


def _reports(outcome: Outcome, info: DatasetInfo, stats: dict[str, Any]) -> dict[str, str]:
    reasons = Counter(rejection.reason for rejection in outcome.rejections if not rejection.warning)
    summary = {
        "counts": info.counts,
        "rejected": dict(sorted(reasons.items())),
        "warnings": dict(sorted(Counter(r.reason for r in outcome.rejections if r.warning).items())),
        "shortages": list(outcome.shortages),
        "clips": {name: {"found": found, "listed": rows} for name, (found, rows) in outcome.coverage.items()},
        "sources": [{"file": name, "sha256": digest} for name, digest in outcome.sources],
        "stats": stats,
    }
    return {
        "config.toml": tomli_w.dumps(config(outcome.settings)),
        REJECTED: rejection_lines(outcome.rejections, warning=False),
        WARNINGS: rejection_lines(outcome.rejections, warning=True),
        "summary.json": json.dumps(summary, indent=1, ensure_ascii=False) + "\n",
        "classes.svg": distribution_svg(stats),
        "README.md": dataset_card(info, stats, config(outcome.settings), dict(reasons)),
    }


def config(settings: Settings) -> dict[str, Any]:
    """The settings that decide the result, as the config file holds them (TOML has no null: what isn't set is left out)."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.content().items()
        if value is not None
    }


def _write_checksums(folder: Path, hashes: dict[str, str], names: Iterable[str]) -> None:
    """``sha256sum -c`` reads it. The gallery can be written again from the rest and is left out."""
    everything = hashes | {name: sha256_file(folder / name) for name in names}
    write_text(
        folder / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(everything.items())), durable=True
    )
