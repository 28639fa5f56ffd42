"""Measures that need the pixels themselves, not counts: DAVIS, saliency and localization. Imported only when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .categories import VOID
from .errors import DataError
from .outcome import Array, Outcome, nanmean
from .protocols import DAVIS, LOCALIZATION, SALIENCY, Protocol

FAMILIES = {DAVIS, SALIENCY, LOCALIZATION}


def observe(pred: Array, gt: Array, protocols: Sequence[Protocol], *, full: float = 255) -> dict[str, Any]:
    """The fields of ``SampleCounts`` that the protocols need, of frames (frames, height, width)."""
    families = {protocol.family for protocol in protocols}
    fields: dict[str, Any] = {}
    if DAVIS in families:
        from .boundary import score_sequence

        tasks = {row.rule["task"] for row in protocols if row.family == DAVIS}
        labels = [_labels(maps, full) for maps in (pred, gt)]
        fields["sequences"] = {task: _scored(score_sequence, *labels, task) for task in sorted(tasks)}
    if SALIENCY in families:
        from .saliency import score_image

        fields["images"] = [
            score_image(_as_byte_or_float(one, full), (truth > 0) & (truth != VOID))
            for one, truth in zip(pred, gt, strict=True)
        ]
    if LOCALIZATION in families:
        from .localization import ciou, threshold_half

        rules = {row.rule["rule"] for row in protocols if row.family == LOCALIZATION}
        fields["heat"] = {
            rule: np.array(
                [
                    ciou(threshold_half(_probability(one, full), rule), _weights(truth))
                    for one, truth in zip(pred, gt, strict=True)
                ]
            )
            for rule in sorted(rules)
        }
    return fields


def _scored(function: Any, *arguments: Any) -> Any:
    """The function's value, or the error of a sample that the official code can't score either."""
    try:
        return function(*arguments)
    except DataError as error:
        return error


def _labels(maps: Array, full: float) -> Array:
    """uint8 label maps; soft masks are cut at p > 0.5."""
    if maps.dtype == np.bool_:
        return maps.astype(np.uint8)
    if maps.dtype.kind == "f":
        return (maps > 0.5).astype(np.uint8)
    return maps.astype(np.uint8) if maps.dtype != np.uint16 else (maps > full / 2).astype(np.uint8)


def _as_byte_or_float(soft: Array, full: float) -> Array:
    return soft if soft.dtype == np.uint8 else _probability(soft, full)


def _probability(soft: Array, full: float) -> Array:
    if soft.dtype == np.bool_ or soft.dtype.kind == "f":
        return soft.astype(np.float32)
    scaled: Array = soft.astype(np.float32) / np.float32(full)
    return scaled


def _weights(gt: Array) -> Array:
    return gt.astype(np.float32) if gt.dtype.kind in "fb" else ((gt > 0) & (gt != VOID)).astype(np.float32)


def fold_sequences(ids: Sequence[str], samples: Sequence[Mapping[str, Any]], rule: Mapping[str, Any]) -> Outcome:
    """DAVIS: means over the objects of all samples."""
    from .boundary import davis_measures, statistics

    scores = [sample[rule["task"]] for sample in samples]
    errors = [(id, score) for id, score in zip(ids, scores, strict=True) if isinstance(score, DataError)]
    if errors:
        first = f"{errors[0][0]}: {errors[0][1].message}"
        raise ValueError(f"the official code ends at {len(errors)} of {len(ids)} samples; the first is {first}")
    units = tuple(f"{id}:{number}" for id, one in zip(ids, scores, strict=True) for number in one.objects)
    rows = [[statistics(values)[0] for values in table] for one in scores for table in (one.j, one.f)]
    j, f = (np.array([value for row in rows[start::2] for value in row], np.float64) for start in (0, 1))
    return Outcome(davis_measures(scores), units, {"J": j, "F": f, "J&F": (j + f) / 2})


def fold_images(ids: Sequence[str], samples: Sequence[Sequence[Any]], rule: Mapping[str, Any]) -> Outcome:
    """Saliency: means over the frames of all samples; F and E curves are averaged before their maximum is taken."""
    from .saliency import saliency_measures

    images = [image for sample in samples for image in sample]
    units = tuple(f"{id}:{number}" for id, sample in zip(ids, samples, strict=True) for number in range(len(sample)))
    names = {"MAE": "mae", "S": "s", "weighted F": "weighted_f", "adaptive F": "adaptive_f", "adaptive E": "adaptive_e"}
    values = {name: np.array([getattr(image, field) for image in images]) for name, field in names.items()}
    return Outcome(saliency_measures(images), units, values)


def fold_heat(ids: Sequence[str], samples: Sequence[Mapping[str, Array]], rule: Mapping[str, Any]) -> Outcome:
    """Localization: share of frames with cIoU >= 0.5, and AUC."""
    from .localization import localization_measures

    cious = np.concatenate([sample[rule["rule"]] for sample in samples])
    units = tuple(
        f"{id}:{number}" for id, sample in zip(ids, samples, strict=True) for number in range(len(sample[rule["rule"]]))
    )
    values = {"cIoU": (cious >= 0.5).astype(np.float64), "mean cIoU": cious}
    measures = dict(localization_measures(cious, rule["rule"]))
    measures.setdefault("mean cIoU", nanmean(cious))
    return Outcome(measures, units, values)
