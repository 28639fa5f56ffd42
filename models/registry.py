"""Systems by name, and building one from its parts. Modules are imported when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from evaluators.errors import DataError

from .config import ModelConfig, make_record, to_tables

if TYPE_CHECKING:
    from .system import System


@dataclass(frozen=True)
class Entry:
    """Where a system stands: ``options`` and ``build`` are names in its module."""

    module: str
    options: str
    build: str
    text: str
    source: str  # paper and official code
    instances: bool = False  # whether it takes maps of instances beside the picture's colours


SYSTEMS = {
    "tpavi": Entry(
        ".tpavi", "TpaviOptions", "build_tpavi",
        "temporal pixel-wise audio-visual interaction at four stages",
        "Zhou et al., Audio-Visual Segmentation (ECCV 2022); OpenNLPLab/AVSBench f7414af",
    ),
    "twosep": Entry(
        ".twosep", "TwosepOptions", "build_twosep",
        "which of the given instances sound",
        "the two-stage baseline of the same benchmark; no official code", instances=True,
    ),
    "cavp": Entry(
        ".cavp", "CavpOptions", "build_cavp",
        "DeepLabV3+, cross attention to the sound, contrastive audio-visual pairing",
        "Chen et al., Unraveling Instance Associations (CVPR 2024); cyh-0/CAVP 96a6c34",
    ),
    "avsegformer": Entry(
        ".avsegformer", "AvsegformerOptions", "build_avsegformer",
        "queries made from sound, a mixer of channels, a dense decoder",
        "Gao et al., AVSegFormer (AAAI 2024); vvvb-github/AVSegFormer 7083cb6",
    ),
}  # fmt: skip


def find_entry(name: str) -> Entry:
    """The row of a system. Raises ``DataError`` ``unknown-model``."""
    if name not in SYSTEMS:
        near = get_close_matches(name, SYSTEMS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise DataError("unknown-model", name, f"there is no such model, there are {', '.join(SYSTEMS)}{hint}")
    return SYSTEMS[name]


def make_options(model: ModelConfig) -> Any:
    """The record of a system's own settings. Raises ``DataError`` ``bad-config`` for unknown keys and wrong types."""
    entry = find_entry(model.name)
    kind = getattr(_module(entry), entry.options)
    return make_record(kind, {**model.options, "position": model.position}, "model.options")


def complete(model: ModelConfig) -> ModelConfig:
    """The same with every option written out, so that a later change of defaults doesn't change what a file means."""
    options = {name: value for name, value in to_tables(make_options(model)).items() if name != "position"}
    return replace(model, options=options)


def build_system(model: ModelConfig, classes: int) -> System:
    """A system with its encoders; ``classes`` 1 for sounding or not, else categories with the background.

    Weights are drawn from torch's own generator, or read where the config names some. Raises ``DataError``.
    """
    from .backbones import build_backbone

    entry = find_entry(model.name)
    build: Callable[..., System] = getattr(_module(entry), entry.build)
    options = make_options(model)
    visual = build_backbone(
        model.visual, output_stride=model.output_stride, deep_stem=model.deep_stem, weights=model.visual_weights
    )
    return build(options, visual=visual, audio=_sound_encoder(model), classes=classes)


def _sound_encoder(model: ModelConfig) -> Any:
    if model.channels == 0:
        return None
    if model.stereo != "plain" and model.channels < 2:
        raise DataError("bad-config", "model.stereo", f"{model.stereo} is of two channels, found {model.channels}")
    from .sound_encoder import build_sound_encoder

    return build_sound_encoder(
        model.audio, model.channels, stereo=model.stereo, weights=model.audio_weights, missing=model.audio_missing
    )


def _module(entry: Entry) -> Any:
    return import_module(entry.module, __package__)
