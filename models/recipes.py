"""Published training recipes: what a config begins with, for a model and a kind of data (vpo, s4, ms3, avss).

Over these come the tables of ``--config`` and the changes of ``--set``. Numbers that no paper or code gives are told as
"chosen here" in ``source``. With ``tiny`` a recipe is cut down to what a CPU trains in minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluators import vpo_layout
from evaluators.errors import DataError
from evaluators.videos import find_videos

from .config import merged

Tables = dict[str, Any]
KINDS = ("vpo", "s4", "ms3", "avss")

_MASKS = {"loop": {"protocol": "avsbench-object", "measure": "J"}}  # the papers' choice: largest mean J on val
_LABELS = {"loop": {"protocol": "avs", "measure": "J"}}
_OF_KIND: Mapping[str, Tables] = {
    "vpo": {**_LABELS, "data": {"seconds": 3.0}},
    "s4": {**_MASKS, "data": {"seconds": 5.0}},
    "ms3": {**_MASKS, "data": {"seconds": 5.0}},
    "avss": {**_LABELS, "data": {"seconds": 10.0, "pad_frames": 10}},
}

_VGGISH = {"audio": "vggish", "channels": 1, "visual_weights": "imagenet", "audio_weights": "audioset"}
_TPAVI: Tables = {
    "model": {"name": "tpavi", "visual": "resnet50", **_VGGISH},
    "data": {"size": 224},
    "optim": {"kind": "adam", "rate": 1e-4},
    "loop": {"batch": 4},
}
_CAVP: Tables = {
    "model": {"name": "cavp", "visual": "resnet50", "deep_stem": True, "output_stride": 16, **_VGGISH, "audio": "vggish-cavp"},
    "data": {"size": 224},
    "optim": {
        "kind": "sgd", "rate": 1e-3, "momentum": 0.9, "weight_decay": 1e-4, "schedule": "poly", "power": 0.9,
        "parts": {
            "visual": {"decay": "weights"},
            "head": {"decay": "weights", "rate": 1e-2},
            "audio": {"kind": "adam", "rate": 1e-3, "weight_decay": 0.0, "schedule": "constant"},
        },
    },
    "loop": {"batch": 16, "epochs": 60, "sync_bn": True},
}  # fmt: skip
_TWOSEP: Tables = {**_TPAVI, "model": {**_TPAVI["model"], "name": "twosep", "visual": "pvt-v2-b5"}}
_FORMER: Tables = {
    "model": {"name": "avsegformer", "visual": "resnet50", **_VGGISH},
    "data": {"size": 224},
    "optim": {"kind": "adamw", "rate": 2e-5, "weight_decay": 0.01},
}

_TPAVI_SOURCE = "AVSBench f7414af, avs_s4/train.sh, avs_ms3/train.sh, avss/train.sh; Sec. 5 of the paper"
_CAVP_SOURCE = "CAVP 96a6c34, configs and trainers; Sec. 5 of the paper"
_FORMER_SOURCE = "AVSegFormer 7083cb6, config/{s4,ms3,avss}/*.py"
_CHOSEN = "chosen here, no paper says it"
_TWOSEP_SOURCE = f"TPAVI's paper, Sec. 5.2 and Table 4; optimizer, batch and length as TPAVI's, {_CHOSEN}"

_ROWS: Mapping[tuple[str, str], Tables] = {
    ("tpavi", "s4"): {"loop": {"epochs": 15}, "model": {"options": {"matching": 0.0}}, "source": _TPAVI_SOURCE},
    ("tpavi", "ms3"): {"loop": {"epochs": 30}, "model": {"options": {"matching": 0.5}}, "source": _TPAVI_SOURCE},
    ("tpavi", "avss"): {
        "loop": {"epochs": 60},
        "data": {"middle": True},
        "model": {
            "audio_missing": "zeros",
            "options": {"matching": 0.5, "reduction": "mean", "window": 5, "align_bias": False},
        },
        "source": _TPAVI_SOURCE,
    },
    ("tpavi", "vpo"): {
        "loop": {"epochs": 80, "batch": 16},
        "model": {"options": {"matching": 0.0}},
        "data": {"flip": 0.5},
        "source": f"optimizer as AVSBench f7414af; length, batch and flip {_CHOSEN}",
    },
    ("cavp", "vpo"): {
        "model": {"audio": "resnet18", "channels": 2, "output_stride": 8, "audio_weights": "imagenet"},
        "data": {
            "size": 512, "flip": 0.5, "scales": [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0], "jitter": [0.5, 0.5, 0.5, 0.25],
        },
        "optim": {"weight_decay": 5e-4},
        "loop": {"epochs": 80},
        "source": _CAVP_SOURCE,
    },
    ("cavp", "avss"): {
        "model": {"options": {"bank_seconds": 1.0}},
        "data": {"size": 512, "flip": 0.5, "scales": [0.5, 0.75, 1.0]},
        "loop": {"epochs": 80},
        "source": _CAVP_SOURCE,
    },
    ("cavp", "s4"): {"model": {"options": {"bank_seconds": 1.0}}, "source": _CAVP_SOURCE},
    ("cavp", "ms3"): {"model": {"options": {"bank_seconds": 1.0}}, "source": _CAVP_SOURCE},
    ("avsegformer", "s4"): {
        "loop": {"batch": 2, "epochs": 30}, "optim": {"parts": {"visual": {"frozen_epochs": 5}}}, "source": _FORMER_SOURCE,
    },
    ("avsegformer", "ms3"): {
        "loop": {"batch": 2, "epochs": 60}, "optim": {"parts": {"visual": {"frozen_epochs": 10}}}, "source": _FORMER_SOURCE,
    },
    ("avsegformer", "avss"): {
        "model": {"audio_missing": "zeros"}, "data": {"middle": True}, "loop": {"batch": 4, "epochs": 30},
        "source": _FORMER_SOURCE,
    },
    ("avsegformer", "vpo"): {
        "loop": {"batch": 16, "epochs": 80},
        "data": {"flip": 0.5},
        "source": f"optimizer as AVSegFormer 7083cb6; length, batch and flip {_CHOSEN}",
    },
    ("twosep", "s4"): {"loop": {"epochs": 15}, "source": _TWOSEP_SOURCE},
    ("twosep", "ms3"): {"loop": {"epochs": 30}, "source": _TWOSEP_SOURCE},
    ("twosep", "vpo"): {
        "loop": {"epochs": 80, "batch": 16},
        "data": {"flip": 0.5, "instances": "own"},
        "source": f"{_TWOSEP_SOURCE}; flip too",
    },
}  # fmt: skip
_BASES: Mapping[str, Tables] = {"tpavi": _TPAVI, "cavp": _CAVP, "avsegformer": _FORMER, "twosep": _TWOSEP}

_TINY: Tables = {
    "model": {
        "visual": "tiny", "audio": "tiny", "deep_stem": False, "output_stride": 32, "visual_weights": "", "audio_weights": "",
    },
    "data": {"size": 64, "scales": [], "jitter": [], "workers": 0},
    "optim": {"kind": "adamw", "rate": 2e-3, "weight_decay": 1e-4, "schedule": "onecycle", "parts": {}},
    "loop": {"steps": 1000, "epochs": 0, "batch": 16, "sync_bn": False},
    "source": f"tiny: AdamW, one cycle, 1000 steps; {_CHOSEN}",
}  # fmt: skip
_TINY_OPTIONS: Mapping[str, Mapping[str, Any]] = {  # for these encoders and few steps
    "tpavi": {"width": 32, "background": 0.35},
    "twosep": {"width": 32, "background": 0.35},
    "cavp": {
        "width": 64, "reduced": 32, "hidden": 64, "views": 64, "rates": [1, 2, 3], "background": 0.35, "contrast_weight": 0.1,
        "bank_seconds": 1.0,
    },
    "avsegformer": {"dim": 32, "queries": 16, "layers": 2, "ffn": 64, "generator_ffn": 64, "hidden": 64},
}  # fmt: skip


def recipe(model: str, kind: str, *, tiny: bool = False) -> Tables:
    """The tables of a recipe. Raises ``DataError`` ``no-recipe``."""
    if (model, kind) not in _ROWS:
        there = ", ".join(f"{name} on {data}" for name, data in _ROWS)
        raise DataError("no-recipe", f"{model} on {kind}", f"there is none; there are {there}")
    found = merged(merged(_OF_KIND[kind], _BASES[model]), _ROWS[model, kind])
    if not tiny:
        return found
    cut = merged(merged(found, _TINY), {"model": {"options": _TINY_OPTIONS.get(model, {})}})
    cut["optim"]["parts"] = {}
    return merged(cut, {"data": {"seconds": 1.0}}) if kind == "vpo" else cut


def kind_of(folder: Path) -> str:
    """Which kind of data a dataset folder holds. Raises ``DataError`` ``unknown-layout``, ``which-set``."""
    found = [videos.name for videos in find_videos(folder)]
    if vpo_layout.recognises(folder):
        found.append("vpo")
    if len(found) != 1:
        there = f"found {' and '.join(found)}" if found else "found no manifest or table"
        raise DataError("unknown-layout", folder, f"{there}, expected one dataset of VPO, S4, MS3 or AVSBench-semantic")
    return found[0]


def recipes() -> tuple[tuple[str, str], ...]:
    """Model and kind of data of each recipe."""
    return tuple(_ROWS)
