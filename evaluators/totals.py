"""Counts of samples to what is reported: each protocol's numbers with intervals, groups, categories and trivial predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from .counts import LabelCounts, objects_of_labels
from .ground_truth import GroundTruth, GtSample
from .intervals import bootstrap_all, group_sums, sample_groups
from .outcome import Array, Outcome, Statistic, ratio
from .protocols import DAVIS, LOCALIZATION, SALIENCY, SEMANTIC, Protocol
from .results import Numbers, ProtocolResult
from .score import Scored
from .scoring import SampleCounts, fold

RESAMPLES = 1000
SIZES = (("small", 32**2), ("medium", 96**2), ("large", 144**2), ("huge", 224**2))  # pixels of 224 x 224, as in SLAVC
WITHOUT_BASELINES = {DAVIS, SALIENCY, LOCALIZATION}


def protocol_results(
    protocols: Sequence[Protocol], scored: Sequence[Scored], gt: GroundTruth, by: Sequence[str], seed: int
) -> tuple[ProtocolResult, ...]:
    """What the protocols say of the samples, in their order; ``missing`` says why where one can't say anything.

    Rows of one family and one rule differ in name only and are computed once.
    """
    ids, counts = [one.id for one in scored], [one.counts for one in scored if one.counts is not None]
    kinds = {_kind(row): row for row in protocols}
    outcomes: dict[tuple[str, ...], Outcome | str] = {}
    for kind, row in kinds.items():
        try:
            outcomes[kind] = _folded(row, ids, counts, gt)
        except ValueError as error:
            outcomes[kind] = str(error)
    folded = {kind: outcome for kind, outcome in outcomes.items() if isinstance(outcome, Outcome)}
    intervals = dict(zip(folded, _intervals(list(folded.values()), ids, seed), strict=True))
    made = {kind: _result(kinds[kind], outcome, intervals[kind], scored, gt, by) for kind, outcome in folded.items()}
    return tuple(
        replace(
            made[_kind(row)] if _kind(row) in made else _empty(row, str(outcomes[_kind(row)])),
            name=row.name, version=row.version, text=row.text, source=row.source,
        )
        for row in protocols
    )  # fmt: skip


def _kind(protocol: Protocol) -> tuple[str, ...]:
    return protocol.family, protocol.needs, repr(protocol.rule)


def _empty(row: Protocol, missing: str = "") -> ProtocolResult:
    return ProtocolResult(row.name, row.version, row.family, row.rule, row.text, row.source, {}, missing=missing)


def _result(
    protocol: Protocol,
    outcome: Outcome,
    intervals: Mapping[str, tuple[float, float]],
    scored: Sequence[Scored],
    gt: GroundTruth,
    by: Sequence[str],
) -> ProtocolResult:
    per_class = {_category(gt, index): dict(numbers) for index, numbers in outcome.per_class.items()}
    return replace(
        _empty(protocol),
        measures=dict(outcome.measures),
        intervals=intervals,
        per_class=per_class,
        groups={
            f"by {key}": per_class if key == "class" and gt.categories else _groups(protocol, scored, gt, key)
            for key in by
        },
        baselines=_baselines(protocol, scored),
        units=outcome.units,
        values={name: values.tolist() for name, values in outcome.values.items()},
        note=outcome.note,
    )


def with_objects(scored: Sequence[Scored]) -> list[Scored]:
    """The same samples with sounding-or-not counts beside all counts of labels, made for all of them at once."""
    completed = iter(_completed([one.counts for one in scored if one.counts is not None]))
    result = [replace(one, counts=next(completed) if one.counts else None, baselines={}) for one in scored]
    for name in dict.fromkeys(name for one in scored for name in one.baselines):
        having = [number for number, one in enumerate(scored) if name in one.baselines]
        for number, made in zip(having, _completed([scored[n].baselines[name] for n in having]), strict=True):
            result[number].baselines[name] = made
    return result


def _completed(counts: Sequence[SampleCounts]) -> list[SampleCounts]:
    labels = [one.labels for one in counts if one.objects is None and one.labels is not None]
    made = iter(objects_of_labels(labels) if labels else ())
    return [one if one.objects is not None else replace(one, objects=next(made)) for one in counts]


def _folded(protocol: Protocol, ids: Sequence[str], counts: Sequence[SampleCounts], gt: GroundTruth) -> Outcome:
    """The fold. Raises ValueError where the files can't give what the protocol needs."""
    if protocol.needs == "labels" and any(one.labels is None for one in counts):
        raise ValueError("it needs a gt and predictions of categories")
    if protocol.family == SEMANTIC and protocol.rule["padding"]:
        added = {sample.id: sample.padded_frames for sample in gt.samples}
        without = sum(added.get(id, 0) > (~one.as_labels().valid).sum() for id, one in zip(ids, counts, strict=True))
        if without:
            raise ValueError(
                f"it scores the frames that the official loader adds, and {without} of {len(ids)} videos have no "
                f"predictions for them; combo-semantic leaves them out"
            )
    return fold(protocol, ids, counts)


def _category(gt: GroundTruth, index: str) -> str:
    number = int(index)
    return gt.categories[number] if number < len(gt.categories) else ("background", "sounding")[number]


def _intervals(outcomes: Sequence[Outcome], ids: Sequence[str], seed: int) -> list[dict[str, tuple[float, float]]]:
    """95 % percentile bootstrap over samples, or over the batches that a protocol is made of; the same draws for all."""
    statistics: dict[int, dict[str, Statistic]] = {}  # by number of units; the key says which outcome and measure
    for place, outcome in enumerate(outcomes):
        found = dict.fromkeys(outcome.statistics, len(ids))
        own = dict(outcome.statistics)
        if outcome.values:
            groups = sample_groups(outcome.units, ids)
            for name, values in outcome.values.items():
                sums, counts = group_sums(values, groups)
                own[name], found[name] = partial(_mean, sums=sums, counts=counts), len(sums)
        for name, units in found.items():
            statistics.setdefault(units, {})[f"{place} {name}"] = own[name]
    intervals: list[dict[str, tuple[float, float]]] = [{} for _ in outcomes]
    for units, named in statistics.items():
        for key, interval in bootstrap_all(named, units, np.random.default_rng(seed), RESAMPLES).items():
            number, _, name = key.partition(" ")
            intervals[int(number)][name] = interval
    return intervals


def _mean(weights: Array, sums: Array, counts: Array) -> Array:
    return ratio(weights @ sums, weights @ counts)


def _baselines(protocol: Protocol, scored: Sequence[Scored]) -> dict[str, Numbers]:
    """The same protocol on trivial predictions, for those that every sample could have."""
    if protocol.family in WITHOUT_BASELINES or protocol.rule.get("frames") == "multi-source" or not scored:
        return {}
    names = [name for name in scored[0].baselines if all(name in one.baselines for one in scored)]
    ids = [one.id for one in scored]
    return {name: _numbers(protocol, ids, [one.baselines[name] for one in scored]) for name in names}


def _numbers(protocol: Protocol, ids: Sequence[str], counts: Sequence[SampleCounts]) -> Numbers:
    try:
        return dict(fold(protocol, ids, counts).measures)
    except ValueError:
        return {}


def _groups(protocol: Protocol, scored: Sequence[Scored], gt: GroundTruth, key: str) -> dict[str, Numbers]:
    """The protocol on the samples of each group, with their number under "samples"."""
    samples = {sample.id: sample for sample in gt.samples}
    members: dict[str, list[Scored]] = {}
    for one in scored:
        members.setdefault(GROUPINGS[key](samples[one.id], one, gt), []).append(one)
    order = [name for name, _ in SIZES] if key == "size" else []
    names = sorted(members, key=lambda name: (order.index(name) if name in order else len(order), name))
    return {
        name: {
            **_numbers(
                protocol, [one.id for one in members[name]], [one.counts for one in members[name] if one.counts]
            ),
            "samples": len(members[name]),
        }
        for name in names
    }


def _by_class(sample: GtSample, scored: Scored, gt: GroundTruth) -> str:
    return sample.category or "unknown"


def _by_size(sample: GtSample, scored: Scored, gt: GroundTruth) -> str:
    """Mean share of the gt, as pixels of 224 x 224."""
    pixels = scored.gt_share * 224 * 224
    return "nothing" if pixels == 0 else next(name for name, most in SIZES if pixels <= most)


def _by_sources(sample: GtSample, scored: Scored, gt: GroundTruth) -> str:
    number = len(_indices(scored)) if sample.sources is None else sample.sources
    return f"{number} source{'' if number == 1 else 's'}"


def _indices(scored: Scored) -> list[int]:
    """Categories that the sample's gt has."""
    counts: LabelCounts | None = scored.counts.labels if scored.counts is not None else None
    if counts is None:
        return []
    found = np.unique(counts.rows[:, 1])
    return [int(index) for index in found if 0 < index < 255]


GROUPINGS: Mapping[str, Callable[[GtSample, Scored, GroundTruth], str]] = {
    "class": _by_class,
    "size": _by_size,
    "sources": _by_sources,
    "setting": lambda sample, scored, gt: sample.setting or "none",
    "split": lambda sample, scored, gt: sample.split or "none",
}
