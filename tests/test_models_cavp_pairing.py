"""Which sounds pictures get, which pixels are compared, and the losses beside slow twins from the formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from models.batch import VOID
from models.cavp_pairing import Pairs, draw_pixels, nearest, pair_sounds, pairing_loss, supervised_contrast

torch.set_num_threads(1)
CAT, DOG = 1, 2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def heard(*categories: tuple[int, ...], width: int = 5) -> Tensor:
    """The bool rows of items that hear these categories."""
    rows = torch.zeros(len(categories), width, dtype=torch.bool)
    for row, found in zip(rows, categories, strict=True):
        row[list(found)] = True
    return rows


def pairs_of(matched: list[bool], counted: list[bool] | None = None) -> Pairs:
    kept = torch.tensor(counted or [True] * len(matched))
    return Pairs(torch.arange(len(matched)), torch.tensor(matched), kept, ())


@pytest.mark.parametrize("seed", range(20))
def test_without_a_bank_sounds_are_permuted_and_match_where_the_categories_do(seed: int) -> None:
    rows = heard((CAT,), (CAT,), (DOG,), (CAT, DOG), (), ())
    pairs = pair_sounds(rows, [0] * 5, 0.5, seeded(seed))
    assert sorted(pairs.source.tolist()) == [0, 1, 2, 3, 4, 5]
    groups = [0, 0, 1, 2, 3, 3]
    assert pairs.matched.tolist() == [groups[i] == groups[j] for i, j in enumerate(pairs.source.tolist())]
    assert pairs.banked == () and pairs.counted.all()


@pytest.mark.parametrize("seed", range(20))
def test_the_bank_mends_single_sources_only_with_their_own_category(seed: int) -> None:
    rows = heard((CAT,), (DOG,), (3,), (CAT, DOG), (), (CAT,))
    pairs = pair_sounds(rows, [0, 2, 2, 0, 0], 1.0, seeded(seed))
    plain = pair_sounds(rows, [0] * 5, 1.0, seeded(seed))
    wanted = {0: CAT, 1: DOG, 5: CAT}  # item 2's category has no sound in the bank, 3 and 4 are not of one source
    mended = [item for item in range(6) if pairs.source[item] >= 6]
    assert mended == [item for item in wanted if not plain.matched[item]]
    assert [pairs.banked[pairs.source[item] - 6] for item in mended] == [wanted[item] for item in mended]
    assert len(pairs.banked) == len(mended) and pairs.matched[mended].all()
    others = [item for item in range(6) if item not in mended]
    assert torch.equal(pairs.matched[others], plain.matched[others])
    assert torch.equal(pairs.source[others], plain.source[others])


def test_half_of_the_wrong_pairs_are_mended() -> None:
    rows = torch.eye(9, dtype=torch.bool)[1:]  # eight items, eight categories
    for seed in range(10):
        plain = pair_sounds(rows, [0] * 9, 0.5, seeded(seed))
        pairs = pair_sounds(rows, [1] * 9, 0.5, seeded(seed))
        assert len(pairs.banked) == int((~plain.matched).sum()) // 2


def test_exact_takes_only_the_own_sound_for_right_and_leaves_the_same_category_out() -> None:
    rows = heard((CAT,), (CAT,), (DOG,), (DOG,))
    for seed in range(20):
        pairs = pair_sounds(rows, [4] * 5, 1.0, seeded(seed), exact=True)
        for item, source in enumerate(pairs.source.tolist()):
            assert pairs.matched[item] == (item == source)
            assert pairs.counted[item] == (item == source or item // 2 != source // 2)


def test_pixels_are_of_large_categories_with_as_much_background_and_second_pairing() -> None:
    labels = torch.zeros(2, 8, 8, dtype=torch.uint8)
    labels[0, :4] = CAT  # 32 pixels
    labels[1, :2] = DOG  # 16
    labels[1, 2, :5] = 3  # 5, too few of 10
    labels[1, 7] = VOID
    pixels = draw_pixels(labels, pairs_of([True, False]), 10, seeded())
    both = torch.cat((labels.flatten(), labels.flatten()))[pixels.index]
    assert len(set(pixels.index.tolist())) == len(pixels.index) == 40
    assert both[:30].tolist() == [CAT] * 10 + [DOG] * 10 + [0] * 10
    assert torch.equal(pixels.label[:30], both[:30].long()), "the first pairing has its labels"
    again, label = pixels.index[30:] - 128, pixels.label[30:]
    assert (again >= 0).all() and {CAT, DOG} <= set(both[30:].tolist()) <= {CAT, DOG, 3}, "where objects are"
    assert torch.equal(label, torch.where(again < 64, both[30:].long(), 0)), "mask of the match, background else"


def test_the_second_pairing_gives_no_more_than_there_is_background() -> None:
    labels = torch.full((1, 8, 8), CAT, dtype=torch.uint8)
    labels[0, 0, :3] = 0
    pixels = draw_pixels(labels, pairs_of([False]), 10, seeded())
    assert sorted(pixels.label.tolist()) == [0] * 6 + [CAT] * 10 and (pixels.index >= 64).sum() == 3


def test_items_that_do_not_count_give_no_pixels_of_the_second_pairing() -> None:
    labels = torch.zeros(2, 8, 8, dtype=torch.uint8)
    labels[:, :4] = CAT
    pixels = draw_pixels(labels, pairs_of([False, False], [False, True]), 10, seeded())
    assert (pixels.index >= 128 + 64).sum() == 10 and ((pixels.index >= 128) & (pixels.index < 192)).sum() == 0


def test_without_pairs_only_the_first_pairing_is_drawn_from() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    labels[0, :2] = CAT
    pixels = draw_pixels(labels, None, 8, seeded())
    assert sorted(pixels.index.tolist()) == list(range(16))


@pytest.mark.parametrize("value", [0, VOID])
def test_nothing_is_drawn_where_there_is_no_object(value: int) -> None:
    labels = torch.full((2, 4, 4), value, dtype=torch.uint8)
    assert not len(draw_pixels(labels, pairs_of([True, True]), 1, seeded()).index)


def test_pixels_depend_on_the_generator_alone() -> None:
    labels = torch.randint(0, 3, (2, 16, 16), generator=seeded()).to(torch.uint8)
    first, second, other = (draw_pixels(labels, pairs_of([True, False]), 20, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.index, second.index) and not torch.equal(first.index, other.index)


@pytest.mark.parametrize("size", [(3, 4), (5, 7), (12, 14), (20, 9)])
def test_nearest_is_that_of_interpolate(size: tuple[int, int]) -> None:
    labels = torch.randint(0, 20, (2, 12, 14), generator=seeded()).to(torch.uint8)
    twin = nn.functional.interpolate(labels[:, None].float(), size, mode="nearest")[:, 0]
    assert torch.equal(nearest(labels, torch.Size(size)).float(), twin)


def slow_loss(features: Tensor, labels: Tensor, temperature: float, *, supcon: bool) -> float:
    """Eq. 4, and Eq. 2 of supervised contrast, pair by pair."""
    unit = [[value / math.hypot(*row) for value in row] for row in features.tolist()]
    count, total = len(unit), 0.0

    def exponential(i: int, j: int) -> float:
        return math.exp(sum(a * b for a, b in zip(unit[i], unit[j], strict=True)) / temperature)

    for i in range(count):
        positives = [j for j in range(count) if j != i and labels[j] == labels[i]]
        negatives = [j for j in range(count) if labels[j] != labels[i]]
        for j in positives:
            others = [k for k in range(count) if k != i] if supcon else [j, *negatives]
            total -= math.log(exponential(i, j) / sum(exponential(i, k) for k in others)) / len(positives)
    return total / count


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_losses_against_their_slow_twins(temperature: float) -> None:
    features = torch.randn(11, 5, generator=seeded(), dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 2, 0, 0, 1, 3, 2, 0, 1])  # 3 is alone: it has no positive and counts as 0
    for loss, supcon in ((pairing_loss, False), (supervised_contrast, True)):
        expected = slow_loss(features, labels, temperature, supcon=supcon)
        assert loss(features, labels, temperature).item() == pytest.approx(expected, rel=1e-12)


def test_two_labels_that_are_opposite_cost_almost_nothing_and_mixed_ones_much() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    apart = pairing_loss(features, torch.tensor([0, 0, 1, 1]), 0.1).item()
    assert apart == pytest.approx(math.log1p(2 * math.exp(-20)), rel=1e-3)
    mixed = pairing_loss(features, torch.tensor([0, 1, 0, 1]), 0.1).item()
    assert mixed == pytest.approx(math.log1p((math.exp(10) + math.exp(-10)) / math.exp(-10)))


@pytest.mark.parametrize("loss", [pairing_loss, supervised_contrast])
@pytest.mark.parametrize("labels", [[], [1], [1, 1, 1], [0, 1, 2]])
def test_without_negatives_or_positives_values_and_gradients_are_finite(loss, labels: list[int]) -> None:  # type: ignore[no-untyped-def]
    features = torch.randn(len(labels), 4, generator=seeded(), requires_grad=True)
    found = loss(features, torch.tensor(labels, dtype=torch.int64), 0.1)
    found.backward()
    assert math.isfinite(found.item()) and found.item() >= 0
    assert features.grad is not None and features.grad.isfinite().all()
    if loss is pairing_loss or len(set(labels)) == len(labels):
        assert found.item() == 0


def test_losses_are_of_float32_under_autocast_and_stable_far_out() -> None:
    features = 1e4 * torch.randn(40, 8, generator=seeded())
    labels = torch.arange(40) % 3
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pairing_loss(features.bfloat16(), labels, 0.001)
    assert found.dtype == torch.float32 and found.isfinite()
    torch.testing.assert_close(found, pairing_loss(features.bfloat16().float(), labels, 0.001))


def test_a_wrong_shape_is_told() -> None:
    with pytest.raises(ValueError, match=r"\(3, 4\), labels \(2,\)"):
        pairing_loss(torch.zeros(3, 4), torch.zeros(2, dtype=torch.int64), 0.1)
