"""The named rules that turn counts into numbers, as a table of data.

A name may carry changed settings: ``avsbench-object:batch=4`` is that row with another batch. The version goes up when a
number that a row gives changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from .errors import DataError

# families: what is counted, and which function folds it (see evaluators.scoring)
FRAMES, OBJECT, ROBUST, NULL, GT_FRAMES = "frames", "object", "robust", "null", "frames-with-gt"
SEMANTIC, CONFUSION, DAVIS, SALIENCY, LOCALIZATION = "semantic", "confusion", "davis", "saliency", "localization"
OBJECT_RULE = {"batch": 1, "cut": 0.5, "beta2": 0.3, "map": "probability"}
AVSS_RULE = {"classes": 71, "padding": False, "background": "drop last"}
CAVP_RULE = {"classes": 22, "background": True, "absent": "zero", "frames": "all"}


@dataclass(frozen=True)
class Protocol:
    """A rule with a name and a version."""

    name: str
    family: str
    rule: Mapping[str, Any]  # the settings of the family's function
    text: str  # the rule in words
    source: str  # paper or repository, commit, file
    needs: str = ""  # what predictions or gt must be for it: labels, soft, or logits of two channels
    version: int = 1


_OBJECT_TEXT = "J of each frame at p > 0.5, empty gt scored on the background; F: largest over 255 thresholds of the mean curve of a batch of {} over frames with gt; mean over batches"
PROTOCOLS = (
    Protocol(
        "avs", FRAMES, {},
        "J and F (beta squared 0.3) of each frame and each category that gt or prediction has there, at p > 0.5; nothing in either scores 1, in one only 0; mean over a frame's categories, a sample's frames, samples; void left out",
        "this package",
    ),
    Protocol("avsbench-object", OBJECT, OBJECT_RULE, _OBJECT_TEXT.format("one video"), "AVSBench f7414af avs_s4/utils/utility.py, test.py (batch 1)"),
    Protocol("avsbench-object-b4", OBJECT, {**OBJECT_RULE, "batch": 4}, _OBJECT_TEXT.format("four videos"), "AVSBench f7414af avs_s4/scripts/test.sh (batch 4)"),
    Protocol("avsegformer-object", OBJECT, {**OBJECT_RULE, "batch": 2}, _OBJECT_TEXT.format("two videos"), "AVSegFormer 7083cb6 config (batch 2); its 512 x 512 gt is not applied"),
    Protocol("combo-object", OBJECT, {**OBJECT_RULE, "batch": 8}, _OBJECT_TEXT.format("eight videos"), "COMBO-AVS cb8af1c (IMS_PER_BATCH 8)"),
    Protocol("cavp-object", OBJECT, OBJECT_RULE, "as avsbench-object, on the softmax of class 1; printed with 4 decimals", "CAVP 96a6c34 utils/avsbench_utils.py; the per-image J and per-video F of its README"),
    Protocol("steppingstones-object", OBJECT, {**OBJECT_RULE, "map": "2*l1-l0"}, "as avsbench-object, but F on sigmoid(2 * l1 - l0)", "Stepping-Stones de6a17b avs/utils/utility.py", "two-channel logits"),
    Protocol("auss-object", OBJECT, {**OBJECT_RULE, "beta2": 0.09}, "as avsbench-object with beta squared 0.09: the paper's \"beta = 0.3\" by the letter", "AUSS paper"),
    Protocol("wsavs", OBJECT, OBJECT_RULE, "mIoU and F \"following AVSBench\": as avsbench-object; no official code is known", "WS-AVS paper"),
    Protocol("deepavfusion", GT_FRAMES, {}, "frames without gt left out; mIoU over background and foreground at p > 0.5; F: each frame's own largest over 256 thresholds", "DeepAVFusion 2768e7f eval_avsegm.py, by the first author of WS-AVS"),
    Protocol("refavs", OBJECT, {**OBJECT_RULE, "batch": 4, "cut": 0.4}, "as avsbench-object with J at p > 0.4 and batches of four videos", "Ref-AVS 82eb688"),
    Protocol("refavs-null", NULL, {"batch": 4}, "S = sqrt(pixels at p > 0.5 / pixels) pooled over batches of four videos; for references to nothing", "Ref-AVS 82eb688"),
    Protocol("avsbench-robust", ROBUST, {"batch": 1}, "FPR: share of pixels at p > 0.5, the gt is not used; for sounds that are not seen", "AVSBench-Robust 03e925d"),
    Protocol("avsbench-semantic", SEMANTIC, {**AVSS_RULE, "padding": True}, "J and F per frame and category, mean over frames that have it, then over all categories, absent ones 0; the frames added by the loader are scored", "AVSBench f7414af avss/utils/compute_color_metrics.py", "labels"),
    Protocol("combo-semantic", SEMANTIC, AVSS_RULE, "as avsbench-semantic, annotated frames only", "COMBO-AVS cb8af1c, AVSegFormer 7083cb6", "labels"),
    Protocol("steppingstones-semantic", SEMANTIC, {**AVSS_RULE, "background": "drop first"}, "as combo-semantic, \"no background\" leaves out index 0", "Stepping-Stones de6a17b", "labels"),
    Protocol("cavp-image", SEMANTIC, {**AVSS_RULE, "background": "drop first"}, "the per-image J and F of the CAVP README: as combo-semantic, with the dataset's own categories", "CAVP 96a6c34 README", "labels"),
    Protocol("cavp-vpo", CONFUSION, CAVP_RULE, "mIoU over all categories with background, absent ones 0; F0.3, F1 and FDR over those where they are defined; pixels of the whole dataset in one matrix, void left out", "CAVP 96a6c34 utils/eval_utils.py", "labels"),
    Protocol("cavp-vpo-foreground", CONFUSION, {**CAVP_RULE, "background": False}, "as cavp-vpo without the background in the means", "CAVP 96a6c34 utils/eval_utils.py, class_list", "labels"),
    Protocol("cavp-semantic-multi", CONFUSION, {**CAVP_RULE, "frames": "multi-source"}, "as cavp-vpo, on frames with more than two label values over 100 pixels each", "CAVP 96a6c34", "labels"),
    Protocol("davis-semi", DAVIS, {"task": "semi-supervised"}, "J and boundary F of each object of the first frame, first and last frame left out; mean over frames, then objects", "davis2017-evaluation ac7c43f", "labels"),
    Protocol("davis-unsupervised", DAVIS, {"task": "unsupervised"}, "as davis-semi on all frames, predicted objects matched to the gt's by J and F", "davis2017-evaluation ac7c43f", "labels"),
    Protocol("saliency", SALIENCY, {}, "MAE, S, E, weighted F and F (beta squared 0.3) of each frame's min-max normalised map", "PySODMetrics ac5b1fc"),
    Protocol("localization", LOCALIZATION, {"rule": "ez-vsl"}, "the strongest half of the pixels against the gt: share of frames with cIoU >= 0.5, and AUC", "EZ-VSL 95ff5bf", "soft"),
    Protocol("localization-lvs", LOCALIZATION, {"rule": "lvs"}, "as localization with a strict threshold", "Localizing-Visual-Sounds-the-Hard-Way 8fe8cbb", "soft"),
)  # fmt: skip
BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}


def find_protocol(text: str) -> Protocol:
    """The row called ``name``, or ``name:setting=value,...`` with changed settings. Raises ``DataError`` ``bad-protocol``."""
    name, _, changes = text.partition(":")
    if name not in BY_NAME:
        near = get_close_matches(name, BY_NAME, 1)
        hint = f"; did you mean {near[0]}?" if near else "; `avs-eval protocols` lists them"
        raise DataError("bad-protocol", f"--protocol {text}", f"there is no protocol {name!r}{hint}")
    protocol = BY_NAME[name]
    rule = dict(protocol.rule)
    for change in filter(None, changes.split(",")):
        setting, _, value = change.partition("=")
        if setting not in rule:
            known = ", ".join(rule) or "none"
            raise DataError("bad-protocol", f"--protocol {text}", f"{name} has no setting {setting!r}; it has: {known}")
        rule[setting] = _value(rule[setting], value, text)
    return replace(protocol, name=text, rule=rule) if changes else protocol


def _value(old: Any, text: str, where: str) -> Any:
    """``text`` as a value like ``old``."""
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[text.lower()]
        value = type(old)(text)
    except (KeyError, ValueError):
        raise DataError("bad-protocol", f"--protocol {where}", f"{text!r} should be a value like {old!r}") from None
    if isinstance(old, int) and value < 1:
        raise DataError("bad-protocol", f"--protocol {where}", f"{text} should be 1 or more")
    return value
