"""The official thresholds, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluators.thresholds import CURVE, CUTS, FINE, float_levels, float_scale, integer_scale, linspace


def test_first_and_last_threshold() -> None:
    assert linspace(CURVE)[0] == 0
    assert linspace(CURVE)[254] == 1, "1 - 1e-10 is 1 in float32: only p == 1 passes the last"
    assert linspace(CURVE)[127] == np.float32(0.5)


def test_where_numpy_rounds_another_way() -> None:
    other = np.linspace(0, 1, 255).astype(np.float32)
    assert np.flatnonzero(linspace(CURVE) != other).tolist() == [9, 13, 18, 26, 36, 52, 72, 104, 174, 238]


def test_integer_rule_of_8_bit_maps() -> None:
    scale = integer_scale(255)
    assert scale.curve.tolist() == [0, *range(2, 256)], "1 is never told from 0"
    assert scale.cuts.tolist() == [128, 103]


def test_binary_and_16_bit_maps() -> None:
    assert integer_scale(1).curve.tolist() == [0] + 254 * [1]
    assert integer_scale(1).cuts.tolist() == [1, 1]
    assert integer_scale(65535).cuts.tolist() == [32768, 26215]


@given(arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)))
def test_levels_pass_thresholds_as_the_values_do(probability: np.ndarray) -> None:
    scale, levels = float_scale(), float_levels(probability)
    for first, edges in ((scale.curve, linspace(CURVE)), (scale.fine, linspace(FINE))):
        for threshold, level in zip(edges, first, strict=True):
            assert ((levels >= level) == (probability >= threshold)).all()
    for cut, level in zip(CUTS, scale.cuts, strict=True):
        assert ((levels >= level) == (probability > np.float32(cut))).all()


@pytest.mark.parametrize("count", (CURVE, FINE))
def test_levels_at_the_thresholds_themselves(count: int) -> None:
    edges = linspace(count)
    below, above = np.nextafter(edges, np.float32(-1)), np.nextafter(edges, np.float32(2))
    first = float_scale().curve if count == CURVE else float_scale().fine
    for values, passes in ((edges, True), (np.maximum(below, 0), False), (np.minimum(above, 1), True)):
        inside = (values > 0) & (values < 1) & (edges > 0)
        assert ((float_levels(values) >= first) == passes)[inside].all()
