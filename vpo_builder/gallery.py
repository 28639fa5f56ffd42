"""Writes the page to look at and listen to a dataset: ``gallery/index.html`` in the dataset folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from evaluators.dataset import MANIFEST, DatasetInfo, Sample, read_manifest
from evaluators.files import atomic_write, inside, write_text
from evaluators.overlays import LabelMap
from evaluators.pages import assets, envelope
from evaluators.spread import Part
from evaluators.spread import spread as spread_over
from evaluators.wav_files import write_wav

from . import gallery_page, preview
from .gallery_page import Card, Sound
from .overlay import draw_overlay, read_maps
from .settings import SAMPLE_RATE

COLUMNS = 90  # of a waveform


def write_gallery(folder: Path, samples: Sequence[Sample], info: DatasetInfo, limit: int) -> Path:
    """Write ``folder/gallery`` for at most ``limit`` samples and return its ``index.html``.

    The page is static and works from ``file://``. It uses the dataset's own images and mixtures by relative
    path; beside it stand one overlay per sample and, where the dataset holds no mixtures, a preview sound.
    Same dataset, same bytes. Raises ``DataError`` where a mask or sound of the dataset can't be read.
    """
    page = folder / "gallery"
    for part in ("overlay", "audio"):
        (page / part).mkdir(parents=True, exist_ok=True)
        for stale in (page / part).glob("[0-9]*.*"):
            stale.unlink()
    chosen = spread(samples, limit)
    variants = _read_variants(folder, info, {sample.id for sample in chosen})
    cards = [_card(folder, number, sample, variants) for number, sample in enumerate(chosen, 1)]
    style = assets("page.css", "gallery.css") + assets("gallery.css", package="vpo_builder")
    write_text(page / "gallery.css", style + gallery_page.size_rules(chosen))
    write_text(page / "gallery.js", assets("gallery.js") + assets("variants.js", package="vpo_builder"))
    write_text(page / "index.html", gallery_page.page(info, cards, len(samples)))
    return page / "index.html"


def spread(samples: Sequence[Sample], limit: int) -> list[Sample]:
    """At most ``limit`` samples, in their own order; see :func:`evaluators.spread.spread`."""
    return spread_over(samples, lambda sample: Part(sample.setting, sample.split, tuple(sample.categories)), limit)


def _read_variants(folder: Path, info: DatasetInfo, ids: set[str]) -> dict[str, dict[str, Sample]]:
    """Samples of each variant by id, only those wanted."""
    return {
        name: {
            sample.id: sample
            for sample in read_manifest(inside(folder, f"variants/{name}") / MANIFEST)
            if sample.id in ids
        }
        for name in info.variants
    }


def _card(folder: Path, number: int, sample: Sample, variants: Mapping[str, Mapping[str, Sample]]) -> Card:
    mask, instances = read_maps(folder, sample)
    overlay = f"overlay/{number:04d}.png"
    with atomic_write(folder / "gallery" / overlay) as stream:
        draw_overlay(sample, mask, instances).save(stream, "PNG", compress_level=6)
    sounds = [_sound(folder, folder, number, sample)]
    sounds += [
        _sound(folder, folder / "variants" / name, number, rows[sample.id])
        for name, rows in variants.items()
        if sample.id in rows
    ]
    return Card(
        number,
        sample,
        overlay,
        tuple(_middle(instances, source.instance.index) for source in sample.sources),
        tuple(sounds),
    )


def _sound(base: Path, folder: Path, number: int, sample: Sample) -> Sound:
    """The sound of a sample of ``folder``, which is ``base`` or one of its variants."""
    pcm = preview.read_sound(folder, sample, base)
    if sample.mixture_file:
        url = "../" + quote((folder.relative_to(base) / sample.mixture_file).as_posix())
    else:
        url = f"audio/{number:04d}{'' if folder == base else '.' + folder.name}.wav"
        write_wav(base / "gallery" / url, pcm)
        url = quote(url)
    return Sound(sample, url, envelope(pcm, COLUMNS), preview.level_dbfs(pcm), len(pcm) / SAMPLE_RATE)


def _middle(instances: LabelMap, index: int) -> tuple[float, float]:
    """Mean column and row of an instance as shares of width and height; the image's middle where it isn't to be seen."""
    region = instances == index
    area = int(region.sum())
    if not area:
        return 0.5, 0.5
    x, y = (float(np.dot(region.sum(axis=axis), np.arange(region.shape[1 - axis]) + 0.5)) / area for axis in (0, 1))
    return x / region.shape[1], y / region.shape[0]
