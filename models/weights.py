"""Where a backbone's first weights come from (a file, the Hugging Face hub, chance), and what published files call them.

Files of a ResNet may have the names of torchvision, timm or transformers, of PVT-v2 those of whai362/PVT, timm or
transformers, of Swin those of microsoft/Swin-Transformer, timm or transformers. The maps lead to the names in
transformers, which are those of ``Backbone.body``. A system's own map takes them as a part:
``KeyMap(parts=(("resnet.", "visual.body.", RESNET_KEYS),))``.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from evaluators.errors import DataError
from evaluators.pickles import plain

from .official_weights import SUFFIXES, ImportReport, KeyMap, load_found, plan_import, read_tensors, require_complete

IMAGENET = {  # backbone: its ImageNet weights on the hub
    "resnet18": "timm/resnet18.tv_in1k",
    "resnet50": "timm/resnet50.tv_in1k",
    "resnet101": "timm/resnet101.tv_in1k",
    "resnet50-deep": "timm/resnet50s.gluon_in1k",
    "pvt-v2-b5": "OpenGVLab/pvt_v2_b5",
    "swin-b": "microsoft/swin-base-patch4-window12-384-in22k",
}
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")  # the safer first

_OWN = (r"^body\.", "")  # of a file that we wrote
_CLASSIFIER = (r"(fc|head|classifier)\.", "classifier of the pretraining")
_PLAIN_STEM = (
    (r"^conv1\.", "embedder.embedder.convolution."),
    (r"^bn1\.", "embedder.embedder.normalization."),
)
_DEEP_STEM = (
    (r"^conv1\.0\.", "embedder.embedder.0.convolution."),
    (r"^conv1\.1\.", "embedder.embedder.0.normalization."),
    (r"^conv1\.3\.", "embedder.embedder.1.convolution."),
    (r"^conv1\.4\.", "embedder.embedder.1.normalization."),
    (r"^conv1\.6\.", "embedder.embedder.2.convolution."),
    (r"^bn1\.", "embedder.embedder.2.normalization."),
)
_RESIDUAL_STAGES = (
    *((rf"^layer{stage + 1}\.", f"encoder.stages.{stage}.layers.") for stage in range(4)),
    *((rf"\.conv{layer + 1}\.", f".layer.{layer}.convolution.") for layer in range(3)),
    *((rf"\.bn{layer + 1}\.", f".layer.{layer}.normalization.") for layer in range(3)),
    (r"\.downsample\.0\.", ".shortcut.convolution."),
    (r"\.downsample\.1\.", ".shortcut.normalization."),
)
RESNET_KEYS = KeyMap(rules=(_OWN, (r"^resnet\.", ""), *_PLAIN_STEM, *_RESIDUAL_STAGES), dropped=(_CLASSIFIER,))
RESNET_DEEP_KEYS = KeyMap(rules=(_OWN, *_DEEP_STEM, *_RESIDUAL_STAGES), dropped=(_CLASSIFIER,))

PVT_KEYS = KeyMap(
    rules=(
        _OWN,
        (r"^pvt_v2\.", ""),
        *((rf"^patch_embed{stage + 1}\.", f"encoder.layers.{stage}.patch_embedding.") for stage in range(4)),
        *((rf"^block{stage + 1}\.", f"encoder.layers.{stage}.blocks.") for stage in range(4)),
        *((rf"^norm{stage + 1}\.", f"encoder.layers.{stage}.layer_norm.") for stage in range(4)),
        (r"^patch_embed\.", "encoder.layers.0.patch_embedding."),  # timm
        (r"^stages\.(\d)\.downsample\.", r"encoder.layers.\1.patch_embedding."),
        (r"^stages\.(\d)\.norm\.", r"encoder.layers.\1.layer_norm."),
        (r"^stages\.", "encoder.layers."),
        (r"\.patch_embedding\.norm\.", ".patch_embedding.layer_norm."),
        (r"\.attn\.q\.", ".attention.query."),
        (r"\.attn\.kv\.", (".attention.key.", ".attention.value.")),
        (r"\.attn\.proj\.", ".attention.proj."),
        (r"\.attn\.sr\.", ".attention.spatial_reduction."),
        (r"\.attn\.norm\.", ".attention.layer_norm."),
        (r"\.norm([12])\.", r".layer_norm_\1."),
        (r"\.mlp\.fc([12])\.", r".mlp.dense\1."),
        (r"\.mlp\.dwconv\.(weight|bias)$", r".mlp.dwconv.dwconv.\1"),
    ),
    dropped=(_CLASSIFIER,),
)

_SWIN_RULES = (
    _OWN,
    (r"^patch_embed\.proj\.", "swin.embeddings.patch_embeddings.projection."),
    (r"^patch_embed\.norm\.", "swin.embeddings.norm."),
    (r"^layers\.", "swin.encoder.layers."),
    (r"^norm\.", "swin.layernorm."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.qkv\.", (".attention.q_proj.", ".attention.k_proj.", ".attention.v_proj.")),
    (r"\.attn\.proj\.", ".attention.o_proj."),
    (
        r"\.(attn|attention\.self)\.relative_position_bias_table",
        ".attention.relative_position_bias.relative_position_bias_table",
    ),
    (r"\.attention\.self\.query\.", ".attention.q_proj."),  # transformers before version 5
    (r"\.attention\.self\.key\.", ".attention.k_proj."),
    (r"\.attention\.self\.value\.", ".attention.v_proj."),
    (r"\.attention\.output\.dense\.", ".attention.o_proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
)
_SWIN_DROPPED = (_CLASSIFIER, (r".*(attn_mask|relative_position_index)$", "a constant, computed here"))
_SWIN_LACKING = ("hidden_states_norms",)  # one norm per map, which a classifier has none of
SWIN_KEYS = KeyMap(_SWIN_RULES, _SWIN_DROPPED, lacking=_SWIN_LACKING)
SWIN_TIMM_KEYS = KeyMap(  # timm counts the step between two stages to the second
    (*((rf"^layers\.{stage + 1}\.downsample\.", f"layers.{stage}.downsample.") for stage in range(3)), *_SWIN_RULES),
    _SWIN_DROPPED,
    lacking=_SWIN_LACKING,
)


def load_weights(module: nn.Module, backbone: str, weights: str) -> str:
    """Load weights into a new backbone's ``body``; the note says in one line what was done.

    backbone: a name of ``build_backbone``, with ``-deep`` behind it for a deep stem.
    weights: "" leaves the random ones; "imagenet" is the row of ``IMAGENET``; else a file or a name on the hub.
    Where the hub can't be reached and the name isn't in the local cache, the weights stay random and the note says so.
    Where the module takes another number of channels than three, its first convolution gets the mean over the colours.
    Raises ``DataError``: ``unknown-weights``, ``weights-download``, and those of ``import_official``.
    """
    if not weights:
        return "random weights"
    if weights == "imagenet":
        if backbone not in IMAGENET:
            raise DataError(
                "unknown-weights", backbone, "no ImageNet weights are known for it: name a file or a hub name"
            )
        weights = IMAGENET[backbone]
    path = _locate(weights)
    if path is None:
        return f"random weights: {weights} isn't in the local cache, and the hub can't be reached"
    tensors = read_tensors(path)
    key_map = _keys(backbone, tensors)
    report, found = plan_import(module, tensors, key_map, path)
    require_complete(report, key_map, path)
    spread = _spread_colours(module, found)
    load_found(module, found, path)
    return _note(weights, report, spread)


def _keys(backbone: str, tensors: Mapping[str, Tensor]) -> KeyMap:
    if backbone.startswith("resnet"):
        return RESNET_DEEP_KEYS if backbone.endswith("-deep") else RESNET_KEYS
    if backbone == "swin-b":
        return SWIN_TIMM_KEYS if "layers.3.downsample.norm.weight" in tensors else SWIN_KEYS
    return PVT_KEYS if backbone == "pvt-v2-b5" else KeyMap()


def _spread_colours(module: nn.Module, found: dict[str, Tensor]) -> int:
    """Give a first convolution of n channels the mean over the three colours, n times; the n, or 0 where it has three."""
    own = module.state_dict()
    for name, tensor in found.items():
        shape = own[name].shape
        if tensor.dim() == 4 and tensor.shape[1] == 3 != shape[1] and tensor.shape[::2] == shape[::2]:
            found[name] = tensor.mean(1, keepdim=True).expand(shape)
            return int(shape[1])
    return 0


def _note(weights: str, report: ImportReport, spread: int) -> str:
    parts = [f"{len(report.loaded)} tensors of {Path(weights).name if weights.endswith(SUFFIXES) else weights}"]
    if spread:
        parts.append(f"first convolution: mean over the colours, for {spread} channel{'s' if spread > 1 else ''}")
    if report.dropped:
        parts.append(f"{len(report.dropped)} left out ({', '.join(sorted({reason for _, reason in report.dropped}))})")
    fresh = [name for name in report.missing if not name.endswith("num_batches_tracked")]
    if fresh:
        parts.append(f"{len(fresh)} not in it, new ({fresh[0]}{', ...' if len(fresh) > 1 else ''})")
    return "; ".join(parts)


def _locate(weights: str) -> Path | None:
    """A file, or the local copy of a hub name's; None where the hub can't be reached."""
    if weights.endswith(SUFFIXES) or Path(weights).is_file():
        return Path(weights)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", weights):
        raise DataError(
            "unknown-weights",
            weights,
            f"expected a file ({', '.join(SUFFIXES)}), a hub name such as {IMAGENET['resnet50']}, or imagenet",
        )
    try:
        hub, errors = importlib.import_module("huggingface_hub"), importlib.import_module("huggingface_hub.errors")
    except ImportError as error:
        raise DataError("missing-package", "huggingface_hub", "not installed: pip install 'avskit[train]'") from error
    return _from_hub(hub, errors, weights)


def _from_hub(hub: Any, errors: Any, name: str) -> Path | None:
    """The cache is asked first: then a machine without network needs no time to find that out."""
    unreachable = (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)
    logging.getLogger("huggingface_hub").setLevel(
        logging.ERROR
    )  # it tells of each attempt; the note says what came of them
    for cached in (True, False):
        for file in _HUB_FILES:
            try:
                return Path(hub.hf_hub_download(name, file, local_files_only=cached))
            except unreachable:
                if not cached:
                    return None
            except errors.EntryNotFoundError:  # the repository is there, without a file of this name
                continue
            except Exception as error:  # of the hub, the connection, the disk
                line = plain((str(error).strip() or type(error).__name__).splitlines()[0])
                raise DataError(
                    "weights-download", name, f"{line}: see the name, or get the file yourself and name that"
                ) from error
    raise DataError("unknown-weights", name, f"this hub repository has none of {', '.join(_HUB_FILES)}")
