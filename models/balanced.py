"""Weights of samples by which rare categories are trained on as often as common ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from evaluators.errors import DataError

from .listing import Listing
from .sampling import Shares


def balanced_weights(categories: Sequence[Sequence[int]]) -> Shares:
    """How often each sample should be drawn: float64 (samples,), sums to 1.

    As if first a category were drawn, all alike, and then one of its samples, all alike: a sample with the categories C has
    w = (1 / number of categories) * sum over c in C of 1 / (samples with c). Samples in which nothing sounds are a category
    of their own. categories: of each sample, in any order; one that is named twice counts once.
    """
    if not categories:
        raise ValueError("no samples, expected the categories of at least one")
    groups = [set(found) or {0} for found in categories]  # 0, the background, stands for nothing that sounds
    counts = Counter(category for group in groups for category in group)
    weights = [sum(1 / counts[category] for category in group) for group in groups]
    return np.array(weights, np.float64) / len(counts)


def listing_weights(listing: Listing) -> Shares:
    """``balanced_weights`` of a split. Raises ``DataError`` ``unknown-categories`` where only the masks tell them."""
    heard = [item.sounding for item in listing.items]
    unknown = next((item.id for item in listing.items if item.sounding is None), None)
    if unknown is not None:
        found = "its table doesn't tell which categories sound, expected so for balanced sampling"
        raise DataError("unknown-categories", unknown, f"{found}; set loop.balanced=false")
    return balanced_weights([found for found in heard if found is not None])
