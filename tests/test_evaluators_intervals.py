"""The bootstrap: against a slow twin, against what can be worked out, and by how often it holds the truth."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators import intervals
from evaluators.intervals import bootstrap, bootstrap_all, bootstrap_statistic, sample_groups, weights

quick = settings(max_examples=50)

Array = np.ndarray[Any, np.dtype[Any]]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def slow_bootstrap(values: list[float], resamples: int, groups: list[int] | None = None) -> tuple[float, float]:
    """The same drawings, one unit at a time: all units of a drawn group, their mean without NaN, sorted, two quantiles."""
    groups = list(range(len(values))) if groups is None else groups
    names = sorted(set(groups))
    drawn = rng().integers(0, len(names), (resamples, len(names))).tolist()
    means = []
    for draw in drawn:
        picked = [value for name in draw for value, group in zip(values, groups, strict=True) if group == name]
        known = [value for value in picked if not math.isnan(value)]
        if known:
            means.append(sum(known) / len(known))
    means.sort()

    def quantile(share: float) -> float:
        place = share * (len(means) - 1)
        below = math.floor(place)
        above = min(below + 1, len(means) - 1)
        return means[below] + (means[above] - means[below]) * (place - below)

    return quantile(0.025), quantile(0.975)


def test_the_interval_is_that_of_the_slow_twin() -> None:
    values = [0.1, 0.9, math.nan, 0.4, 0.4, 1.0, 0.0]
    assert bootstrap(np.array(values), rng(), 500) == pytest.approx(slow_bootstrap(values, 500), abs=1e-12)
    groups = [0, 0, 1, 1, 2, 3, 3]
    expected = slow_bootstrap(values, 500, groups)
    assert bootstrap(np.array(values), rng(), 500, np.array(groups)) == pytest.approx(expected, abs=1e-12)


def test_two_units_can_be_drawn_in_four_ways() -> None:
    """0 and 1: means 0, 1/2, 1/2, 1, so a quarter of the draws lies at either end and the interval is 0 to 1."""
    assert bootstrap(np.array([0.0, 1.0]), rng()) == (0.0, 1.0)
    drawn = np.concatenate(list(weights(2, rng(), 2000)))
    assert drawn.sum(axis=1).tolist() == [2.0] * 2000
    assert (drawn[:, 0] == 1).mean() == pytest.approx(0.5, abs=0.04)


def test_a_normal_mean_has_the_known_width() -> None:
    """1,000 units of deviation 1: the mean is known to 1.96 / sqrt(1000) = 0.062."""
    values = rng(1).standard_normal(1000)
    low, high = bootstrap(values, rng(), 4000)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / math.sqrt(1000), rel=0.05)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.005)


def test_how_often_the_truth_is_inside() -> None:
    """200 test sets of 100 videos whose scores have the mean 2/3 (beta 2, 1): of 95 % intervals, 90 to 98 in a hundred hold it."""
    data = rng(2)
    inside = 0
    for _ in range(200):
        low, high = bootstrap(data.beta(2, 1, 100), data, 500)
        inside += low <= 2 / 3 <= high
    assert 0.90 <= inside / 200 <= 0.98


def test_frames_of_one_video_must_be_drawn_together() -> None:
    """100 videos of 10 equal frames: by frames the interval would be sqrt(10) times too narrow and miss most truths."""
    data = rng(3)
    inside = {"frames": 0, "videos": 0}
    groups = np.repeat(np.arange(100), 10)
    for _ in range(100):
        frames = np.repeat(data.random(100), 10)
        for what, by in (("frames", None), ("videos", groups)):
            low, high = bootstrap(frames, data, 200, by)
            inside[what] += low <= 0.5 <= high
    assert inside["videos"] >= 88 and inside["frames"] <= 65


@pytest.mark.parametrize("values", [[], [0.5], [math.nan, 0.5], [math.nan] * 3, [math.inf, 0.5, 0.5]])
def test_without_two_numbers_there_is_no_interval(values: list[float]) -> None:
    assert all(math.isnan(end) for end in bootstrap(np.array(values), rng()))


def test_one_group_gives_no_interval() -> None:
    assert all(math.isnan(end) for end in bootstrap(np.array([0.1, 0.9]), rng(), groups=np.array([0, 0])))


def test_what_is_always_the_same_has_no_width() -> None:
    assert bootstrap(np.array([0.25] * 5), rng()) == (0.25, 0.25)
    assert bootstrap(np.array([0.25] * 5 + [math.nan]), rng()) == (0.25, 0.25)


@quick
@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.floats(-5, 5), st.floats(0.1, 5))
def test_moving_and_stretching_the_values_moves_and_stretches_the_interval(
    values: list[float], shift: float, factor: float
) -> None:
    low, high = bootstrap(np.array(values), rng(), 50)
    moved = bootstrap(np.array(values) * factor + shift, rng(), 50)
    assert moved == pytest.approx((low * factor + shift, high * factor + shift), abs=1e-9)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_a_statistic_of_weighted_counts() -> None:
    """IoU of summed counts: inter 1, 3 and union 2, 4. Draws: (1,1) 1/2, (1,2) 4/6, (2,2) 3/4; the ends have a quarter each."""
    inter, union = np.array([1.0, 3.0]), np.array([2.0, 4.0])
    assert bootstrap_statistic(lambda drawn: drawn @ inter / (drawn @ union), 2, rng()) == (0.5, 0.75)


def test_draws_without_a_number_are_left_out() -> None:
    def statistic(drawn: Array) -> Array:
        return np.where(drawn[:, 0] == 0, np.nan, drawn[:, 0])

    assert bootstrap_statistic(statistic, 2, rng()) == (1.0, 2.0)
    assert all(math.isnan(end) for end in bootstrap_statistic(lambda drawn: drawn[:, 0] * np.nan, 2, rng()))


def test_several_numbers_from_the_same_draws() -> None:
    first, second = np.array([0.0, 0.5, 1.0]), np.array([1.0, 1.0, 3.0])
    both = bootstrap_all({"a": lambda drawn: drawn @ first / 3, "b": lambda drawn: drawn @ second / 3}, 3, rng())
    assert both == {"a": bootstrap(first, rng()), "b": pytest.approx(bootstrap(second, rng()))}


def test_neither_the_size_of_the_pieces_nor_the_global_generator_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    values = rng(5).random(37)
    whole = bootstrap(values, rng(), 300)
    monkeypatch.setattr(intervals, "CELLS", 100)
    np.random.seed(1)
    assert bootstrap(values, rng(), 300) == whole
    assert bootstrap(values, rng(1), 300) != whole


def test_memory_is_flat_in_the_number_of_draws() -> None:
    values = rng().random(5000)
    tracemalloc.start()
    bootstrap(values, rng(), 1500)  # whole: 60 MB of weights, and as much again for the drawing
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


def test_units_and_their_samples() -> None:
    samples = ("a", "b", "c", "c:1")
    assert sample_groups(("a", "c", "c:1"), samples).tolist() == [0, 1, 2]  # samples may have such names
    assert sample_groups(("b:0", "b:1", "a:0"), samples).tolist() == [0, 0, 1]  # frames
    assert sample_groups(("a+b", "c:1"), samples).tolist() == [0, 1]  # batches
    assert sample_groups((), samples).tolist() == []


def test_wrong_shapes_are_told() -> None:
    with pytest.raises(ValueError, match=r"one shape, found \(3,\) and \(2,\)"):
        bootstrap(np.zeros(3), rng(), groups=np.zeros(2, int))
