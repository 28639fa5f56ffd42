"""From what a network puts out to probabilities and labels, in float32 as the official codes do it."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def sigmoid(logits: Array) -> Array:
    """1 / (1 + exp(-z)), computed in float64 and rounded once to float32; exact 0 and 1 for infinite logits."""
    with np.errstate(over="ignore"):
        return (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)


def as_probability(logits: Array) -> Array:
    """Probability of sounding, float32 (frames, height, width), from logits of that shape, or (frames, channels, height, width).

    One channel goes through the sigmoid; two are background and sounding, whose softmax is the sigmoid of their difference.
    Raises ValueError for more channels: those are categories.
    """
    if logits.ndim == 3:
        return sigmoid(logits)
    if logits.shape[1] == 1:
        return sigmoid(logits[:, 0])
    if logits.shape[1] == 2:
        return sigmoid(logits[:, 1] - logits[:, 0])
    raise ValueError(
        f"logits of {logits.shape[1]} channels are categories, not sounding or not: score them with a gt of labels"
    )


def steppingstones_map(logits: Array) -> Array | None:
    """sigmoid(2 * l1 - l0), the map that Stepping-Stones takes F from, float32; None unless there are two channels."""
    if logits.ndim != 4 or logits.shape[1] != 2:
        return None
    return sigmoid(2 * logits[:, 1] - logits[:, 0])


def as_labels(scores: Array) -> Array:
    """Index of the largest channel, the first of equals: (frames, channels, height, width) to (frames, height, width)."""
    labels: Array = scores.argmax(axis=1)
    return labels.astype(np.uint8) if scores.shape[1] <= 255 else labels
