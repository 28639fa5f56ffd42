"""Sound source localization: cIoU of the strongest half of a heatmap, and what EZ-VSL, LVS and SLAVC make of it.

cIoU weighs the gt pixels: sum(b g) / (sum(g) + sum(b [g = 0])) for a binary mask b and a gt map g of weights 0 to 1.
Senocak et al., "Learning to Localize Sound Source in Visual Scenes", CVPR 2018. What papers print as "cIoU" is the share
of images whose cIoU is at least 0.5 (EZ-VSL's code calls it AP50).

Source: EZ-VSL 95ff5bf (utils.py, test.py, datasets.py); LVS = Localizing-Visual-Sounds-the-Hard-Way 8fe8cbb (test.py,
utils.py); SLAVC 05b429c (utils.py, ``EvaluatorFull``). The official codes score 224 x 224 pixels, one image per batch;
here any size is fine. All results are float64, 0 (worst) to 1, NaN where there is nothing to average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

EZ_VSL, LVS = RULES = ("ez-vsl", "lvs")
FLICKR, VGGSS = BOX_RULES = ("flickr", "vggss")
STEPS = np.array([0.05 * step for step in range(21)])  # 0.05 * 3 is 0.15000000000000002: a cIoU of 0.15 fails it
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 144**2), "huge": (144**2, 10000**2)}
SUBSETS = ("all", "visible", *SIZES)
ANY_CONFIDENCE = -1000.0  # SLAVC's cut for "whatever the confidence"

Array = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def bounding_boxes_to_map(boxes: Array, size: tuple[int, int], rule: str) -> Floats:
    """The gt map of one image, float64 (height, width) = ``size``, from boxes xmin, ymin, xmax, ymax, int (n, 4).

    A box covers xmin <= x < xmax and ymin <= y < ymax, in pixels; the part outside the image is cut off. ``rule`` "flickr"
    (Flickr-SoundNet, several annotators): boxes on a pixel / 2, at most 1. "vggss" (VGG-SS): 1 in any box.
    """
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in "iu":
        raise ValueError(f"boxes must be int (n, 4), found {boxes.dtype} {boxes.shape}")
    _check_rule(rule, BOX_RULES)
    count = np.zeros(size)
    for xmin, ymin, xmax, ymax in boxes.clip(0).tolist():
        count[ymin:ymax, xmin:xmax] += 1
    return np.minimum(count / 2, 1) if rule == FLICKR else (count > 0).astype(np.float64)


def threshold_half(heatmap: Array, rule: str) -> Array:
    """The stronger half of the pixels, bool (height, width), in the float type of ``heatmap`` as rounding decides ties.

    The cut is the value at place pixels // 2 of the sorted map, after (h - min) / (max - min), which a constant map skips.
    "ez-vsl": at or above the cut, so of a constant map all. "lvs": p = 1 - normalised(-h); above the cut, or p >= 1,
    which the official code leaves as it finds it: of a constant map all where h >= 0, else none.
    """
    _check_rule(rule, RULES)
    soft = _as_float(heatmap)
    soft = _stretched(soft) if rule == EZ_VSL else 1 - _stretched(-soft)
    half = soft.size // 2
    cut = np.partition(soft, half, axis=None)[half]
    chosen: Array = soft >= cut if rule == EZ_VSL else (soft > cut) | (soft >= 1)
    return chosen


def _as_float(heatmap: Array) -> Array:
    if heatmap.ndim != 2 or not heatmap.size or heatmap.dtype.kind not in "fbiu":
        raise ValueError(f"a heatmap is numbers (height, width), not empty, found {heatmap.dtype} {heatmap.shape}")
    soft = heatmap if heatmap.dtype in (np.float32, np.float64) else heatmap.astype(np.float32)
    if not np.isfinite(soft).all():
        raise ValueError(
            f"a heatmap must be finite, found {np.count_nonzero(~np.isfinite(soft))} NaN or infinite pixels"
        )
    return soft


def _stretched(soft: Array) -> Array:
    least, most = soft.min(), soft.max()
    stretched: Array = (soft - least) / (most - least) if most - least != 0 else soft
    return stretched


def ciou(binary: Array, gt_map: Array) -> float:
    """sum(b g) / (sum(g) + sum(b [g = 0])): b bool, g bool or float 0 to 1, both (height, width).

    0 where the gt is empty or nothing of it is hit; NaN where both are empty, which counts as a failure.
    """
    gt_map = np.asarray(gt_map)
    if binary.dtype != np.bool_ or binary.shape != gt_map.shape or binary.ndim != 2 or not binary.size:
        found = f"{binary.dtype} {binary.shape} and {gt_map.dtype} {gt_map.shape}"
        raise ValueError(f"expected a bool mask (height, width), not empty, and a gt map of its shape, found {found}")
    weights = gt_map.astype(np.float64)
    if not (weights.min() >= 0 and weights.max() <= 1):
        raise ValueError(f"a gt map has weights 0 to 1, found {weights.min():g} to {weights.max():g}")
    hit, outside = float(weights[binary].sum()), np.count_nonzero(binary & (weights == 0))
    below = float(weights.sum()) + outside
    return hit / below if below else float("nan")


def success(cious: Array, threshold: float = 0.5, strict: bool = False) -> float:
    """Share of images whose cIoU is at least ``threshold``; above it if ``strict`` (SLAVC's running print)."""
    values = np.asarray(cious, np.float64)
    passed = values > threshold if strict else values >= threshold
    return float(passed.mean()) if len(values) else float("nan")


def auc(cious: Array) -> float:
    """Area under the success curve at thresholds 0.05 i, i = 0 to 20, by trapezoids.

    The thresholds are float products: those for 0.15, 0.3, 0.35, 0.6 and 0.7 lie just above, so such a cIoU fails its own.
    """
    shares = np.array([success(cious, step) for step in STEPS])
    return float((np.diff(STEPS) * (shares[1:] + shares[:-1]) / 2).sum())


def localization_measures(cious: Array, rule: str) -> dict[str, float]:
    """What EZ-VSL ("cIoU", "mean cIoU", "AUC") or LVS ("cIoU", "AUC") prints, from the cIoU of each image (images,)."""
    _check_rule(rule, RULES)
    values = np.asarray(cious, np.float64)
    measures = {"cIoU": success(values), "AUC": auc(values)}
    if rule == EZ_VSL:
        measures["mean cIoU"] = float(values.mean()) if len(values) else float("nan")
    return measures


@dataclass(frozen=True, eq=False)
class Detections:
    """Images of which some show no sounding object, as SLAVC scores them; all (images,)."""

    ciou: Array
    confidence: Array  # that something sounds: SLAVC takes the mean of the heatmap's strongest quarter
    gt_area: Array  # sum of the gt map, pixels of a 224 x 224 image
    objects: Array  # boxes in the gt; 0 where nothing that is seen sounds

    def __post_init__(self) -> None:
        columns = [np.asarray(column) for column in (self.ciou, self.confidence, self.gt_area, self.objects)]
        if any(column.ndim != 1 or len(column) != len(columns[0]) for column in columns):
            found = ", ".join(str(column.shape) for column in columns)
            raise ValueError(f"ciou, confidence, gt_area and objects must be (images,), found {found}")
        if not np.isfinite(columns[1]).all():
            raise ValueError("confidence must be finite, found NaN or infinity")
        for name, column in zip(("ciou", "confidence", "gt_area", "objects"), columns, strict=True):
            object.__setattr__(self, name, column)

    def subset(self, name: str) -> Detections:
        """ "all", "visible" (with an object), or those of a size: "small", "medium", "large", "huge"."""
        _check_rule(name, SUBSETS)
        kept = self.objects >= 0 if name == "all" else self.objects > 0
        if name in SIZES:
            least, most = SIZES[name]
            kept &= (self.gt_area >= least) & (self.gt_area < most)
        return Detections(self.ciou[kept], self.confidence[kept], self.gt_area[kept], self.objects[kept])


def precision_recall(images: Detections, confidence: float, threshold: float = 0.5) -> tuple[float, float]:
    """TP / (TP + FP) and TP / (TP + FN) at one confidence, each 1 where its denominator is 0.

    At or above ``confidence`` an image is right (TP) where it has an object and cIoU >= ``threshold``, else wrong (FP);
    below, one with an object is missed (FN). An object found in the wrong place is no FN, so it doesn't lower recall.
    """
    told = images.confidence >= confidence
    visible = images.objects > 0
    right = np.count_nonzero(told & visible & (images.ciou >= threshold))
    wrong, missed = np.count_nonzero(told) - right, np.count_nonzero(visible & ~told)
    precision = right / (right + wrong) if right + wrong else 1.0
    recall = right / (right + missed) if right + missed else 1.0
    return precision, recall


def average_precision(images: Detections, threshold: float = 0.5) -> float:
    """Sum of (largest precision from here on) x (next recall - recall), from high to low confidence.

    The cuts are every (n // 200)-th confidence, the highest left out, and the sum starts at the recall of the first cut:
    perfect results of n images score 1 - 2 / n (n at most 399), and up to two images 0.
    """
    skip = max(1, len(images.ciou) // 200)
    cuts = np.sort(images.confidence)[:-1][::-skip]
    if len(cuts) < 2:
        return 0.0
    precision, recall = np.array([precision_recall(images, cut, threshold) for cut in cuts]).T
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best[:-1] * np.diff(recall)).sum())


def f1_curve(images: Detections, threshold: float = 0.5) -> Floats:
    """2 P R / (P + R), 0 where both are 0, at every (n // 10)-th confidence from low to high, (cuts,)."""
    cuts = np.sort(images.confidence)[:: max(1, len(images.ciou) // 10)]
    pairs = [precision_recall(images, cut, threshold) for cut in cuts]
    return np.array([2 * r * p / (r + p) if r + p > 0 else 0.0 for p, r in pairs])


def slavc_measures(images: Detections, thresholds: Sequence[float] = (0.5, 0.75)) -> dict[str, float]:
    """SLAVC's table: "Precision-all@50" and so on for Precision, max F1, AP, AUC, each subset and threshold.

    Precision takes every image as a detection. The official table prints all of :func:`f1_curve`, the paper its largest.
    AUC is over images with an object and the same at each threshold. NaN for a subset without images.
    """
    measures = {}
    for threshold in thresholds:
        for name in SUBSETS:
            part, where = images.subset(name), f"{name}@{int(threshold * 100)}"
            some = len(part.ciou) > 0
            measures[f"Precision-{where}"] = precision_recall(part, ANY_CONFIDENCE, threshold)[0] if some else np.nan
            measures[f"max F1-{where}"] = float(f1_curve(part, threshold).max()) if some else np.nan
            measures[f"AP-{where}"] = average_precision(part, threshold) if some else np.nan
            measures[f"AUC-{where}"] = auc(part.ciou[part.objects > 0])
    return measures


def _check_rule(rule: str, rules: tuple[str, ...]) -> None:
    if rule not in rules:
        raise ValueError(f"found {rule!r}, expected one of {', '.join(rules)}")
