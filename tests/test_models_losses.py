"""Losses beside slow twins that go through the pixels one by one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from models.batch import VOID
from models.losses import (
    binary_cross_entropy,
    cross_entropy,
    dice_loss,
    kl_matching,
    segmentation_loss,
)

torch.set_num_threads(1)
LOSSES: dict[str, tuple[Callable[[Tensor, Tensor, Tensor], Tensor], int]] = {
    "binary": (binary_cross_entropy, 1),
    "categories": (cross_entropy, 4),
    "dice squared": (dice_loss, 1),
    "dice plain": (lambda *values: dice_loss(*values, squared=False), 1),
}


def case(classes: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Two samples of three frames, 4 x 5 pixels, a fifth of them VOID, two frames without masks."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, 3, classes, 4, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(0, max(2, classes), (2, 3, 4, 5), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.2] = VOID
    annotated = torch.tensor([[True, False, True], [True, True, False]])
    return logits, target, annotated


def frames(logits: Tensor, target: Tensor, annotated: Tensor) -> list[list[tuple[list[float], int]]]:
    """For each annotated frame its pixels that count: (logits, target)."""
    found = []
    for sample, frame in np.argwhere(annotated.numpy()):
        pixels = []
        for row, column in np.ndindex(*target.shape[2:]):
            index = int(target[sample, frame, row, column])
            if index != VOID:
                pixels.append((logits[sample, frame, :, row, column].tolist(), index))
        found.append(pixels)
    return found


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_binary_cross_entropy_against_its_slow_twin() -> None:
    losses = [
        -math.log(sigmoid(logit) if index else 1 - sigmoid(logit))
        for frame in frames(*case(1))
        for (logit,), index in frame
    ]
    assert float(binary_cross_entropy(*case(1))) == pytest.approx(math.fsum(losses) / len(losses), rel=1e-12)


def test_cross_entropy_against_its_slow_twin() -> None:
    losses = []
    for frame in frames(*case(4)):
        for logits, index in frame:
            losses.append(math.log(math.fsum(math.exp(value) for value in logits)) - logits[index])
    assert float(cross_entropy(*case(4))) == pytest.approx(math.fsum(losses) / len(losses), rel=1e-12)


@pytest.mark.parametrize(("loss", "classes"), [(binary_cross_entropy, 1), (cross_entropy, 4)])
def test_background_counts_for_its_weight(loss: Callable[..., Tensor], classes: int) -> None:
    logits, target, annotated = case(classes)
    total, count = {}, {}
    for name, void in (("background", target > 0), ("objects", target == 0)):
        chosen = target.masked_fill(void, VOID)
        total[name] = float(loss(logits, chosen, annotated))
        count[name] = int(((chosen != VOID) & annotated[:, :, None, None]).sum())
    expected = (0.3 * count["background"] * total["background"] + count["objects"] * total["objects"]) / (
        0.3 * count["background"] + count["objects"]
    )
    assert float(loss(logits, target, annotated, 0.3)) == pytest.approx(expected, rel=1e-7)
    assert torch.equal(loss(logits, target, annotated, 1.0), loss(logits, target, annotated))
    nothing = torch.zeros_like(annotated)
    assert float(loss(logits, target, nothing, 0.3)) == 0


@pytest.mark.parametrize("squared", [True, False])
def test_dice_against_its_slow_twin(squared: bool) -> None:
    losses = []
    for frame in frames(*case(1)):
        soft, hard = [sigmoid(logit) for (logit,), _ in frame], [index for _, index in frame]
        shared = 2 * math.fsum(p * t for p, t in zip(soft, hard, strict=True))
        if squared:
            losses.append(1 - shared / (math.fsum(p * p for p in soft) + 0.001 + sum(hard) + 0.001))
        else:
            losses.append(1 - (shared + 1) / (math.fsum(soft) + sum(hard) + 1))
    assert float(dice_loss(*case(1), squared=squared)) == pytest.approx(math.fsum(losses) / len(losses), rel=1e-12)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_kl_against_its_slow_twin(reduction: str) -> None:
    generator = torch.Generator().manual_seed(1)
    features, anchors = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    chosen = torch.tensor([True, False, True, True, False])
    rows = []
    for row in (0, 2, 3):
        p, q = (
            [math.exp(value) / math.fsum(math.exp(other) for other in values) for value in values]
            for values in (anchors[row].tolist(), features[row].tolist())
        )
        rows.append(math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))
    expected = math.fsum(rows) / (3 if reduction == "mean" else 1)
    assert float(kl_matching(features, anchors, chosen, reduction=reduction)) == pytest.approx(expected, rel=1e-12)


def test_kl_of_equals_is_nothing_and_order_matters() -> None:
    one, other = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[0.0, 0.0, 5.0]])
    all_rows = torch.tensor([True])
    assert float(kl_matching(one, one + 7, all_rows)) == pytest.approx(0, abs=1e-6)  # softmax forgets a constant
    assert float(kl_matching(one, other, all_rows)) != pytest.approx(float(kl_matching(other, one, all_rows)), rel=0.1)


def test_values_by_hand() -> None:
    target, annotated = torch.tensor([[[[1, 0]]]]), torch.tensor([[True]])
    nothing_known = torch.zeros(1, 1, 1, 1, 2)
    assert float(binary_cross_entropy(nothing_known, target, annotated)) == pytest.approx(math.log(2))
    assert float(cross_entropy(torch.zeros(1, 1, 4, 1, 2), target, annotated)) == pytest.approx(math.log(4))
    # p = 1/2 twice, t = 1, 0: 2 * 0.5 / (0.5 + 1 + 0.002) and (2 * 0.5 + 1) / (1 + 1 + 1)
    assert float(dice_loss(nothing_known, target, annotated)) == pytest.approx(1 - 1 / 1.502)
    assert float(dice_loss(nothing_known, target, annotated, squared=False)) == pytest.approx(1 - 2 / 3)


@pytest.mark.parametrize("name", LOSSES)
def test_what_does_not_count_has_no_say(name: str) -> None:
    loss, classes = LOSSES[name]
    logits, target, annotated = case(classes)
    ignored = (target == VOID) | ~annotated[:, :, None, None]
    changed = torch.where(ignored[:, :, None], 50.0, logits).requires_grad_()
    value = loss(changed, target, annotated)
    assert value.item() == pytest.approx(float(loss(logits, target, annotated)), rel=1e-12)
    (gradient,) = torch.autograd.grad(value, changed)
    assert not gradient.transpose(1, 2)[ignored[:, None].expand_as(gradient.transpose(1, 2))].any()
    assert gradient.any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_target_of_a_frame_without_mask_is_not_looked_at(name: str) -> None:
    loss, classes = LOSSES[name]
    logits, target, annotated = case(classes)
    filled = torch.where(annotated[:, :, None, None], target, 1)
    assert float(loss(logits, filled, annotated)) == float(loss(logits, target, annotated))


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_that_counts_is_a_loss_of_zero_with_a_finite_gradient(name: str) -> None:
    loss, classes = LOSSES[name]
    logits, target, annotated = case(classes)
    for wanted, known in ((torch.full_like(target, VOID), annotated), (target, torch.zeros_like(annotated))):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, wanted, known)
        (gradient,) = torch.autograd.grad(value, leaf)
        assert value.item() == 0
        assert not gradient.any()


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_by_differences(name: str) -> None:
    loss, classes = LOSSES[name]
    logits, target, annotated = case(classes)
    assert torch.autograd.gradcheck(lambda x: loss(x, target, annotated), logits.clone().requires_grad_())


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_is_counted_in_float32(name: str) -> None:
    loss, classes = LOSSES[name]
    logits, target, annotated = case(classes)
    half = logits.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(half, target, annotated)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(float(loss(half.double(), target, annotated)), rel=1e-5)


def test_large_logits_stay_finite() -> None:
    target, annotated = torch.tensor([[[[1, 0]]]]), torch.tensor([[True]])
    wrong = torch.tensor([-1e4, 1e4]).reshape(1, 1, 1, 1, 2)
    assert float(binary_cross_entropy(wrong, target, annotated)) == 1e4


def test_one_class_is_binary_and_categories_above_zero_sound() -> None:
    logits, target, annotated = case(1)
    categories = torch.where((target > 0) & (target != VOID), target + 6, target)
    assert torch.equal(
        segmentation_loss(logits, categories, annotated), binary_cross_entropy(logits, target, annotated)
    )
    assert torch.equal(dice_loss(logits, categories, annotated), dice_loss(logits, target, annotated))
    assert torch.equal(segmentation_loss(*case(4)), cross_entropy(*case(4)))


def test_shapes_that_do_not_fit_are_told() -> None:
    logits, target, annotated = case(4)
    for loss in (binary_cross_entropy, dice_loss):
        with pytest.raises(ValueError, match=r"logits \(2, 3, 4, 4, 5\)"):
            loss(logits, target, annotated)
    with pytest.raises(ValueError, match=r"target \(2, 3, 4, 4\)"):
        cross_entropy(logits, target[..., :4], annotated)
    with pytest.raises(ValueError, match=r"annotated \(2, 2\)"):
        cross_entropy(logits, target, annotated[:, :2])
    with pytest.raises(ValueError, match="chosen"):
        kl_matching(torch.zeros(2, 3), torch.zeros(2, 3), torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="reduction 'max'"):
        kl_matching(torch.zeros(2, 3), torch.zeros(2, 3), torch.ones(2, dtype=torch.bool), reduction="max")
