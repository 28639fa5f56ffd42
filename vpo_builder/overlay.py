"""Draws what a sample's masks say over its image: who sounds, who is silent, what is ignored."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from evaluators.categories import VOID
from evaluators.dataset import Sample
from evaluators.files import inside
from evaluators.masks import read_label_map
from evaluators.overlays import COLOURS, LabelMap, draw_regions, reduced


def source_colour(number: int) -> str:
    """``#rrggbb`` of the source at place ``number`` (from 0) of a sample."""
    return COLOURS[number % len(COLOURS)]


def read_maps(folder: Path, sample: Sample) -> tuple[LabelMap, LabelMap]:
    """Mask and instance map of a sample, both ``uint8`` (height, width)."""
    return read_label_map(inside(folder, sample.mask_file)), read_label_map(inside(folder, sample.instance_file))


def draw_overlay(sample: Sample, mask: LabelMap, instances: LabelMap) -> Image.Image:
    """Palette picture with transparency to lay over the image, twice its size or less.

    Sounding instances are filled and outlined in the colour of their place in ``sample.sources``, silent ones have a dashed
    white outline, ignored regions (255 in ``mask``) are hatched; everything else is transparent.
    """
    mask, instances = reduced(mask), reduced(instances)
    return draw_regions(
        [(instances == source.instance.index, number) for number, source in enumerate(sample.sources)],
        mask == VOID,
        [instances == silent.index for silent in sample.silent],
    )
