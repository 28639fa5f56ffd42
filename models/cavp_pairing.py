"""Contrastive audio-visual pairing: pictures get sounds that may not be theirs, and pixels of both pairings are compared.

Chen et al., Unraveling Instance Associations (CVPR 2024), Sec. 4.2, Eq. 1 to 4. What the equations leave open is as in the
code (cyh-0/CAVP 96a6c34: loss/contrastive_aud.py and trainer/trainer_cavp_avss_image.py): how many pixels are
drawn, which mask a picture has with another sound (its own where both hear the same categories, else nothing), and which
sounds come from the bank. All choices are made on the CPU, from the generator: the same on any device.

Words: an item is a picture with its sound; heard, bool (items, categories), tells its categories, background first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .batch import VOID


@dataclass(frozen=True)
class Pairs:
    """The sounds that the pictures get in the second pairing."""

    source: Tensor  # int64 (items,): number of the item whose sound it is; items + k is sound k from the bank
    matched: Tensor  # bool (items,): the picture keeps its mask; else all of it is background
    counted: Tensor  # bool (items,): False where it isn't known which of the two holds
    banked: tuple[int, ...]  # category of each sound from the bank


@dataclass(frozen=True)
class Pixels:
    """Pixels that are compared."""

    index: Tensor  # int64 (n,): number in the flat (items, height, width); beyond it, and last, of the second pairing
    label: Tensor  # int64 (n,): category index, 0 background


def chosen_frames(annotated: Tensor, frames: str, generator: torch.Generator) -> Tensor:
    """Numbers of the frames to train on, in the flat (samples * frames): ``one`` annotated frame of each sample, or ``all``.

    A sample without annotation gives its first frame. annotated: bool (samples, frames) on the CPU.
    """
    samples, count = annotated.shape
    if frames == "all":
        kept = annotated.clone()
        kept[:, 0] |= ~annotated.any(1)
        return kept.flatten().nonzero().flatten()
    drawn = torch.rand(samples, count, generator=generator).masked_fill(~annotated, -1)
    return torch.arange(samples) * count + drawn.argmax(1)


def categories_in(labels: Tensor, categories: int) -> Tensor:
    """What is heard, by the masks, as the official code has it for videos: bool (items, categories).

    labels: integers (items, height, width) on the CPU.
    """
    counts = torch.stack([torch.bincount(one.flatten().long(), minlength=VOID + 1) for one in labels])
    heard = counts[:, :categories] > 0
    heard[:, 0] = False
    return heard


def pair_sounds(
    heard: Tensor, counts: Sequence[int], positives: float, generator: torch.Generator, *, exact: bool = False
) -> Pairs:
    """Permute the sounds (Eq. 1), and give some pictures that got a wrong one a right one from the bank.

    counts: sounds in the bank by category. positives: share of the wrong pairs that is made right, as far as the
    picture has one source and the bank a sound of its category (``ow_rate`` of the code, positive samples of Table 6).
    exact: only an item's own sound is right, and another one of the same categories doesn't count. For stereo sound,
    where the same category may sound from another side; the paper takes it for right.
    """
    items = len(heard)
    source = torch.randperm(items, generator=generator)
    same = (heard == heard[source]).all(1)
    if exact:
        own = source == torch.arange(items)
        return Pairs(source, own, own | ~same, ())
    matched, banked = same.clone(), list[int]()
    wrong = (~same).nonzero().flatten()
    chosen = wrong[torch.randperm(len(wrong), generator=generator)[: int(len(wrong) * positives)]]
    for item in chosen.tolist():
        categories = (heard[item, 1:].nonzero().flatten() + 1).tolist()
        if len(categories) == 1 and counts[categories[0]]:
            source[item], matched[item] = items + len(banked), True
            banked.append(categories[0])
    return Pairs(source, matched, torch.ones_like(same), tuple(banked))


def draw_pixels(labels: Tensor, pairs: Pairs | None, views: int, generator: torch.Generator) -> Pixels:
    """Pixels to compare, at random.

    ``views`` of each category that has so many among the labels, none of the others; and where there are any, as many of
    the background and of the objects in the second pairing, at most ``views`` of each. labels: integers (items, height,
    width) of the first pairing, VOID is never drawn. Without ``pairs`` only the first pairing.
    """
    flat = labels.flatten().long()
    indices, found = list[Tensor](), list[Tensor]()

    def take(places: Tensor, values: Tensor, count: int) -> None:
        order = torch.randperm(len(places), generator=generator)[:count]
        indices.append(places[order])
        found.append(values[order])

    objects = ((flat > 0) & (flat != VOID)).nonzero().flatten()
    for category in flat[objects].bincount().nonzero().flatten().tolist():
        places = (flat == category).nonzero().flatten()
        if len(places) >= views:
            take(places, flat[places], views)
    if not indices:
        return Pixels(flat[:0], flat[:0])
    ground = (flat == 0).nonzero().flatten()
    count = min(views, len(objects), len(ground))
    take(ground, flat[ground], count)
    if pairs is not None:
        item = objects // labels[0].numel()
        objects, item = objects[pairs.counted[item]], item[pairs.counted[item]]
        take(objects + len(flat), torch.where(pairs.matched[item], flat[objects], 0), count)
    return Pixels(torch.cat(indices), torch.cat(found))


def nearest(labels: Tensor, size: Sequence[int]) -> Tensor:
    """Labels (items, height, width) at another size, by nearest neighbour as torch's ``interpolate`` has it."""
    rows, columns = (torch.arange(new) * old // new for new, old in zip(size, labels.shape[1:], strict=True))
    return labels[:, rows][:, :, columns]


def pairing_loss(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Eq. 4, mean over anchors: -log of exp(z p / t) / (exp(z p / t) + sum over negatives of exp(z n / t)), mean over positives.

    Every pixel is an anchor; positives are the others of its label, negatives those of another one: easy ones, and hard
    ones, which are the same object with another sound, or the background of a picture that has the sound. An anchor
    without positives counts as 0. features: float (n, channels), made unit length here; labels: int64 (n,).
    """
    return _mean_over_positives(features, labels, temperature, negatives_only=True)


def supervised_contrast(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The same with all other pixels below the fraction, also the other positives.

    Khosla et al., Supervised Contrastive Learning (NeurIPS 2020), Eq. 2; the baseline SupCon of CAVP's Table 5.
    """
    return _mean_over_positives(features, labels, temperature, negatives_only=False)


def _mean_over_positives(features: Tensor, labels: Tensor, temperature: float, *, negatives_only: bool) -> Tensor:
    if features.dim() != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"features {tuple(features.shape)}, labels {tuple(labels.shape)}: expected (n, channels), (n)")
    if not len(labels):
        return features.sum()  # 0, with a gradient of 0
    with torch.autocast(features.device.type, enabled=False):
        unit = functional.normalize(features if features.dtype == torch.float64 else features.float(), dim=1)
        logits = unit @ unit.T / temperature  # (anchors, others)
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        same = labels[:, None] == labels
        positive = same & ~itself
        below = logits.masked_fill(same if negatives_only else itself, -torch.inf).logsumexp(1, keepdim=True)
        each = functional.softplus(below - logits) if negatives_only else below - logits
        total = torch.where(positive, each, 0).sum(1)
        return (total / positive.sum(1).clamp(min=1)).mean()
