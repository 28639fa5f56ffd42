"""Rare categories are drawn as often as common ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.errors import DataError
from models.balanced import balanced_weights, listing_weights
from models.listing import Item
from models.sampling import EpochSampler


def test_three_cats_and_a_dog() -> None:
    assert balanced_weights([(1,), (1,), (1,), (2,)]).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_silence_is_a_category_of_its_own() -> None:
    assert balanced_weights([(), (), (5,)]).tolist() == pytest.approx([1 / 4, 1 / 4, 1 / 2])


def test_a_sample_of_two_categories_is_drawn_for_both() -> None:
    weights = balanced_weights([(1,), (1, 2), (2,), (2,)])
    assert weights.tolist() == pytest.approx([1 / 4, 1 / 4 + 1 / 6, 1 / 6, 1 / 6])


@given(st.lists(st.lists(st.integers(1, 6), max_size=4), min_size=1, max_size=30))
def test_weights_are_those_of_drawing_a_category_and_then_a_sample_of_it(samples: list[list[int]]) -> None:
    groups = [set(found) or {0} for found in samples]
    known = sorted(set().union(*groups))
    expected = np.zeros(len(samples))
    for category in known:
        members = [number for number, group in enumerate(groups) if category in group]
        for number in members:
            expected[number] += 1 / len(known) / len(members)
    weights = balanced_weights(samples)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    assert weights.sum() == pytest.approx(1) and weights.min() > 0


def test_the_sampler_draws_a_rare_category_half_of_the_time() -> None:
    categories = [(1,)] * 990 + [(2,)] * 10
    sampler = EpochSampler(1000, 0, weights=balanced_weights(categories))
    rare = sum(index >= 990 for _, index in sampler)
    assert 430 < rare < 570  # 500 expected, deviation 16


@dataclass(frozen=True)
class Items:
    """As much of a listing as is asked for."""

    items: tuple[Item, ...]


def test_a_listing_whose_table_lacks_categories_is_told() -> None:
    known, unknown = Item("a", "ss", "train", (), sounding=(1,)), Item("b", "v2", "train", ())
    assert listing_weights(Items((known, known))).tolist() == [0.5, 0.5]  # type: ignore[arg-type]
    with pytest.raises(DataError, match="table") as caught:
        listing_weights(Items((known, unknown)))  # type: ignore[arg-type]
    assert caught.value.reason == "unknown-categories" and "\n" not in str(caught.value)


def test_no_samples_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one"):
        balanced_weights([])
