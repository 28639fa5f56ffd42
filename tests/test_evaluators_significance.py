"""Paired tests: p values that can be counted by hand, slow twins, and how often they speak where there is nothing to say."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators import significance
from evaluators.intervals import bootstrap
from evaluators.significance import holm, mean_and_deviation, paired_bootstrap, paired_permutation, swap_test

quick = settings(max_examples=50)

Array = np.ndarray[Any, np.dtype[Any]]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def slow_permutation(a: list[float], b: list[float], groups: list[int] | None = None) -> float:
    """All sign changes of the groups' differences, one after the other."""
    pairs = [(x - y, n) for n, (x, y) in enumerate(zip(a, b, strict=True)) if not math.isnan(x - y)]
    sums: dict[int, float] = {}
    for difference, place in pairs:
        group = place if groups is None else groups[place]
        sums[group] = sums.get(group, 0.0) + difference
    seen = abs(math.fsum(sums.values()))
    signs = list(product((1, -1), repeat=len(sums)))
    large = sum(
        abs(math.fsum(sign * value for sign, value in zip(row, sums.values(), strict=True))) >= seen for row in signs
    )
    return large / len(signs)


def test_three_wins_of_three() -> None:
    """Eight sign changes; only +++ and --- are as far from 0 as what was seen: p = 2/8."""
    assert paired_permutation(np.array([0.5, 0.6, 0.7]), np.array([0.4, 0.4, 0.4]), rng()) == 0.25


def test_a_unit_that_does_not_differ_changes_nothing() -> None:
    a, b = np.array([0.5, 0.6, 0.7, 0.1, 0.2]), np.array([0.4, 0.4, 0.4, 0.1, 0.2])
    assert paired_permutation(a, b, rng()) == 0.25


def test_equal_systems_have_p_1() -> None:
    same = np.array([0.1, 0.2, 0.3])
    assert paired_permutation(same, same, rng()) == 1.0
    assert paired_bootstrap(same, same, rng()) == (0.0, 0.0, 0.0)


SCORES = st.integers(0, 64).map(lambda number: number / 64)  # so that sums are exact and ties are ties


@quick
@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=7), st.booleans())
def test_the_exact_p_is_that_of_the_slow_twin(pairs: list[tuple[float, float]], grouped: bool) -> None:
    a, b = ([pair[side] for pair in pairs] for side in (0, 1))
    groups = [n // 2 for n in range(len(pairs))] if grouped else None
    got = paired_permutation(np.array(a), np.array(b), rng(), groups=None if groups is None else np.array(groups))
    assert got == slow_permutation(a, b, groups)


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_the_sides_may_change(pairs: list[tuple[float, float]]) -> None:
    a, b = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    p = paired_permutation(a, b, rng(), 200)
    assert p == paired_permutation(b, a, rng(), 200) and 0 < p <= 1
    one, other = paired_bootstrap(a, b, rng(), 100), paired_bootstrap(b, a, rng(), 100)
    assert one == pytest.approx((-other[0], -other[2], -other[1]), abs=1e-12, nan_ok=True)


def test_drawn_and_exact_p_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    data = rng(1)
    a, b = data.random(12), data.random(12)
    exact = paired_permutation(a, b, rng())
    monkeypatch.setattr(significance, "EXACT", 0)
    assert paired_permutation(a, b, rng(), 20_000) == pytest.approx(exact, abs=0.015)


def test_a_drawn_p_is_never_0() -> None:
    """All of 100 units better: not one of 999 swaps comes near, p = (1 + 0) / (1 + 999)."""
    a = rng().random(100)
    assert paired_permutation(a + 1, a, rng(), 999) == 1 / 1000


def test_units_that_one_system_lacks_are_left_out() -> None:
    a, b = np.array([0.5, math.nan, 0.6, 0.7, 0.9]), np.array([0.4, 0.1, 0.4, 0.4, math.nan])
    kept = [0, 2, 3]
    assert paired_permutation(a, b, rng()) == 0.25
    difference, low, high = paired_bootstrap(a, b, rng())
    assert difference == pytest.approx(0.2) and low == pytest.approx(0.1) and high == pytest.approx(0.3)
    assert (low, high) == pytest.approx(bootstrap((a - b)[kept], rng()), abs=0.03)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, 1.0]])
def test_without_numbers_there_is_no_p(values: list[float]) -> None:
    assert math.isnan(paired_permutation(np.array(values), np.zeros(len(values)), rng()))


def test_frames_of_one_video_change_sides_together() -> None:
    """Two videos of three frames, all better by 0.1: with videos the smallest p is 2/4, not 2/64."""
    a, b, groups = np.full(6, 0.6), np.full(6, 0.5), np.array([0, 0, 0, 1, 1, 1])
    assert paired_permutation(a, b, rng(), groups=groups) == 0.5
    assert paired_permutation(a, b, rng()) == 2 / 64


def test_false_alarms_are_as_rare_as_p_says() -> None:
    """400 pairs of equally good systems: p <= 0.05 about 20 times."""
    data = rng(4)
    alarms = sum(paired_permutation(data.random(30), data.random(30), data, 400) <= 0.05 for _ in range(400))
    assert 8 <= alarms <= 34


def test_a_small_true_difference_is_found_by_pairing() -> None:
    """Videos differ by far more than systems do; paired, a gain of 0.02 on every one of 200 stands out."""
    data = rng(5)
    hard = data.random(200)
    a, b = hard + 0.02 + 0.02 * data.standard_normal(200), hard
    difference, low, high = paired_bootstrap(a, b, rng())
    assert paired_permutation(a, b, rng()) < 0.001 and 0.01 < low < difference < high < 0.03


def iou(totals: Array) -> Array:
    """Of totals (..., 2): intersection, union."""
    return np.asarray(totals[..., 0] / totals[..., 1])


def slow_swap(a: Array, b: Array) -> float:
    def gap(first: list[Array], second: list[Array]) -> float:
        return abs(float(iou(np.sum(first, axis=0))) - float(iou(np.sum(second, axis=0))))

    seen = gap(list(a), list(b))
    ways = list(product((False, True), repeat=len(a)))
    large = 0
    for way in ways:
        first = [y if swap else x for x, y, swap in zip(a, b, way, strict=True)]
        second = [x if swap else y for x, y, swap in zip(a, b, way, strict=True)]
        large += gap(first, second) >= seen - 1e-12
    return large / len(ways)


def test_swapped_counts_of_two_samples_by_hand() -> None:
    """a: 3/4 and 3/4, b: 1/4 and 1/4 of the pixels. IoU 6/8 against 2/8; after one swap 4/8 each. p = 2/4."""
    a, b = np.array([[3, 4], [3, 4]]), np.array([[1, 4], [1, 4]])
    assert swap_test(iou, a, b, rng()) == 0.5


@quick
@given(st.lists(st.tuples(*[st.integers(0, 50)] * 4), min_size=1, max_size=6))
def test_swapped_counts_are_those_of_the_slow_twin(rows: list[tuple[int, int, int, int]]) -> None:
    a, b = (np.array([[min(row[k], row[k + 1]), 1 + row[k] + row[k + 1]] for row in rows]) for k in (0, 2))
    p = swap_test(iou, a, b, rng())
    assert p == slow_swap(a, b)
    assert p == swap_test(iou, b, a, rng())


def test_swapping_values_is_the_sign_test() -> None:
    data = rng(6)
    a, b = data.random(40), data.random(40)
    means = swap_test(lambda totals: totals[:, 0] / 40, a[:, None], b[:, None], rng(), 5000)
    assert means == pytest.approx(paired_permutation(a, b, rng(), 5000), abs=0.03)


def test_a_number_that_is_not_there_can_not_be_tested() -> None:
    nothing = np.array([[0, 0]])
    with np.errstate(invalid="ignore"):
        assert math.isnan(swap_test(iou, nothing, np.array([[1, 2]]), rng()))


def test_memory_bound_pieces_give_the_same_p(monkeypatch: pytest.MonkeyPatch) -> None:
    data = rng(7)
    counts = data.integers(0, 100, (2, 8, 3, 5)).astype(float)

    def statistic(totals: Array) -> Array:
        return np.asarray(totals[:, 0].sum(axis=-1) / totals.sum(axis=(1, 2)))

    whole = swap_test(statistic, counts[0], counts[1], rng())
    monkeypatch.setattr(significance, "CELLS", 64)
    assert swap_test(statistic, counts[0], counts[1], rng()) == whole


def test_wrong_shapes_are_told() -> None:
    with pytest.raises(ValueError, match=r"of one length, found \(3,\) and \(2,\)"):
        paired_bootstrap(np.zeros(3), np.zeros(2), rng())
    with pytest.raises(ValueError, match=r"found \(3, 2\) and \(2, 2\)"):
        swap_test(iou, np.zeros((3, 2)), np.zeros((2, 2)), rng())


def test_holm_by_hand() -> None:
    """0.01 x 4 = 0.04, 0.02 x 3 = 0.06, 0.03 x 2 = 0.06, 0.04 x 1 = 0.04 but not below 0.06."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()
    with_nothing = holm([0.01, math.nan])
    assert with_nothing[0] == 0.01 and math.isnan(with_nothing[1])


def test_mean_and_deviation_by_hand() -> None:
    """1, 2, 3: deviation sqrt((1 + 0 + 1) / 2) = 1."""
    assert mean_and_deviation([1.0, 2.0, 3.0]) == (2.0, 1.0)
    one = mean_and_deviation([0.5])
    assert one[0] == 0.5 and math.isnan(one[1])
    assert all(math.isnan(number) for number in mean_and_deviation([]))
    assert math.isnan(mean_and_deviation([0.5, math.nan])[0])
