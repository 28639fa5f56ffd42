"""Losses that several systems share. All of them are counted in float32 (float64 of float64), also under autocast.

A pixel counts where its frame is annotated and its target isn't VOID; where none counts the loss is 0. logits:
(batch, frames, classes, height, width), classes 1 for sounding or not; target: int64 (batch, frames, height, width),
annotated: bool (batch, frames), as in ``Batch``. Each loss is one number.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .batch import VOID

SQUARED_SMOOTHING = 0.001  # of AVSegFormer (vvvb-github/AVSegFormer, loss)
PLAIN_SMOOTHING = 1.0  # of Mask2Former


def segmentation_loss(logits: Tensor, target: Tensor, annotated: Tensor, background: float = 1.0) -> Tensor:
    """``binary_cross_entropy`` of one class, ``cross_entropy`` of more."""
    one = logits.shape[2] == 1
    return (binary_cross_entropy if one else cross_entropy)(logits, target, annotated, background)


def binary_cross_entropy(logits: Tensor, target: Tensor, annotated: Tensor, background: float = 1.0) -> Tensor:
    """Mean over the pixels that count of -log(p) where the target is above 0 and -log(1 - p) elsewhere; p = sigmoid(logit).

    background: weight of a pixel whose target is 0, against 1 of any other.
    """
    _check(logits, target, annotated, one=True)
    counts = counted(target, annotated)
    with torch.autocast(logits.device.type, enabled=False):
        wanted = (target > 0).to(_precise(logits).dtype)
        each = functional.binary_cross_entropy_with_logits(_precise(logits).squeeze(2), wanted, reduction="none")
        return _mean(each, counts, _weights(target, background))


def cross_entropy(logits: Tensor, target: Tensor, annotated: Tensor, background: float = 1.0) -> Tensor:
    """Mean over the pixels that count of -log(softmax(logits) at the target); ``background`` as above."""
    _check(logits, target, annotated, one=False)
    counts = counted(target, annotated)
    with torch.autocast(logits.device.type, enabled=False):
        each = functional.cross_entropy(
            _precise(logits).flatten(0, 1),  # (batch * frames, classes, height, width)
            target.masked_fill(~counts, VOID).flatten(0, 1),
            ignore_index=VOID,
            reduction="none",
        )
        return _mean(each, counts.flatten(0, 1), _weights(target.flatten(0, 1), background))


def dice_loss(logits: Tensor, target: Tensor, annotated: Tensor, *, squared: bool = True) -> Tensor:
    """Mean over the annotated frames of 1 - Dice of p = sigmoid(logit) and t = (target > 0), sums over the pixels that count.

    squared: 2 sum(p t) / (sum(p^2) + 0.001 + sum(t^2) + 0.001), as AVSegFormer.
    else: (2 sum(p t) + 1) / (sum(p) + sum(t) + 1), as Mask2Former.
    """
    _check(logits, target, annotated, one=True)
    counts = counted(target, annotated).flatten(2)
    with torch.autocast(logits.device.type, enabled=False):
        soft = _precise(logits).squeeze(2).flatten(2).sigmoid() * counts  # (batch, frames, pixels)
        wanted = ((target > 0).flatten(2) & counts).to(soft.dtype)
        shared = 2 * (soft * wanted).sum(2)
        if squared:
            dice = shared / (soft.square().sum(2) + wanted.sum(2) + 2 * SQUARED_SMOOTHING)
        else:
            dice = (shared + PLAIN_SMOOTHING) / (soft.sum(2) + wanted.sum(2) + PLAIN_SMOOTHING)
        return _mean(1 - dice, annotated & counts.any(2))


def kl_matching(features: Tensor, anchors: Tensor, chosen: Tensor, *, reduction: str = "sum") -> Tensor:
    """KL(softmax(anchor) || softmax(feature)) of the chosen rows, summed over the channels, and over the rows or their mean.

    features, anchors: (rows, channels); chosen: bool (rows). TPAVI's Eq. 3 as its code has it: "sum" for MS3
    (OpenNLPLab/AVSBench, avs_scripts/avs_ms3/loss.py), "mean" for AVSS (avs_scripts/avss/loss.py).
    """
    if features.shape != anchors.shape or chosen.shape != features.shape[:1]:
        found = f"features {tuple(features.shape)}, anchors {tuple(anchors.shape)}, chosen {tuple(chosen.shape)}"
        raise ValueError(f"{found}: expected (rows, channels) twice and (rows)")
    if reduction not in ("sum", "mean"):
        raise ValueError(f"reduction {reduction!r}, expected sum or mean")
    with torch.autocast(features.device.type, enabled=False):
        of_features = _precise(features).log_softmax(1)
        of_anchors = _precise(anchors).log_softmax(1)
        each = functional.kl_div(of_features, of_anchors, reduction="none", log_target=True).sum(1)  # (rows)
        return _mean(each, chosen) if reduction == "mean" else torch.where(chosen, each, 0).sum()


def counted(target: Tensor, annotated: Tensor) -> Tensor:
    """The pixels that count: bool (batch, frames, height, width)."""
    return (target != VOID) & annotated[:, :, None, None]


def _mean(each: Tensor, counts: Tensor, weights: Tensor | None = None) -> Tensor:
    """Weighted mean over what counts; without any it is 0, with a gradient of 0. No value leaves the device."""
    if weights is None:
        return torch.where(counts, each, 0).sum() / counts.sum().clamp(min=1)
    shares = torch.where(counts, weights.to(each.dtype), 0)
    return torch.where(counts, each * shares, 0).sum() / shares.sum().clamp(min=torch.finfo(each.dtype).tiny)


def _weights(target: Tensor, background: float) -> Tensor | None:
    """What each pixel counts for; None where all count alike."""
    return None if background == 1 else torch.where(target == 0, background, 1.0)


def _precise(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _check(logits: Tensor, target: Tensor, annotated: Tensor, *, one: bool) -> None:
    wanted = "(batch, frames, 1, height, width)" if one else "(batch, frames, 2 or more, height, width)"
    fits = logits.dim() == 5 and (logits.shape[2] == 1) == one
    if not fits or target.shape != logits.shape[:2] + logits.shape[3:] or annotated.shape != logits.shape[:2]:
        found = f"logits {tuple(logits.shape)}, target {tuple(target.shape)}, annotated {tuple(annotated.shape)}"
        raise ValueError(f"{found}: expected logits {wanted}, and target and annotated of the same frames")
