"""Measures of salient object detection on one soft map: MAE, S-measure, weighted F, F and E-measure.

Source: PySODMetrics 1.6.2, ac5b1fc (py_sod_metrics/sod_metrics.py, utils.py, ``normalize=True``), whose numbers these are.
``pred`` is float64 (height, width) in [0, 1] and ``gt`` bool of the same shape; :func:`prepare` makes them. All measures are
dimensionless; 1 is best, but 0 for MAE. EPS stands where the official formulas have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .histograms import level_histogram

BETA2 = 0.3  # beta squared of F; the weighted F has 1
EPS = float(np.spacing(1))
LEVELS = 256

Array = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class ImageScores:
    """All measures of one image; a curve's first value is at the highest threshold, 255."""

    mae: float
    s: float
    weighted_f: float
    adaptive_f: float
    adaptive_e: float
    f_curve: Floats  # (256,)
    e_curve: Floats  # (256,)


def score_image(pred: Array, gt: Array, *, official_quadrants: bool = True) -> ImageScores:
    """All measures of one prediction (height, width): ``uint8``, float in [0, 1] or bool; ``gt`` ``uint8`` (> 128) or bool.

    ``official_quadrants``: see :func:`s_measure`. Raises ValueError for other shapes, types and values.
    """
    pred, gt = prepare(pred, gt)
    hits, areas = counts_above_levels(pred, gt)
    chosen = pred >= adaptive_threshold(pred)
    hit, area = np.array([[(chosen & gt).sum()], [chosen.sum()]])
    pixels = int(gt.sum())
    return ImageScores(
        mae(pred, gt),
        s_measure(pred, gt, official_quadrants=official_quadrants),
        weighted_f(pred, gt),
        float(f_measure(hit, area, pixels)[0]),
        float(e_measure(hit, area, pixels, gt.size)[0]),
        f_measure(hits, areas, pixels),
        e_measure(hits, areas, pixels, gt.size),
    )


def saliency_measures(images: Sequence[ImageScores]) -> dict[str, float]:
    """Means over images; mean and max F and E are those of the mean curve, so one threshold holds for all images."""

    def mean(name: str) -> Floats:
        return np.asarray(np.mean([getattr(image, name) for image in images], axis=0))

    if not images:
        nan, curve = float("nan"), np.full(LEVELS, np.nan)
        images = [ImageScores(nan, nan, nan, nan, nan, curve, curve)]
    f_curve, e_curve = mean("f_curve"), mean("e_curve")
    measures = {
        "MAE": mean("mae"),
        "S": mean("s"),
        "weighted F": mean("weighted_f"),
        "adaptive F": mean("adaptive_f"),
        "mean F": f_curve.mean(),
        "max F": f_curve.max(),
        "adaptive E": mean("adaptive_e"),
        "mean E": e_curve.mean(),
        "max E": e_curve.max(),
    }
    return {name: float(value) for name, value in measures.items()}


def prepare(pred: Array, gt: Array) -> tuple[Floats, Array]:
    """pred / 255 if ``uint8``, then (p - min) / (max - min) unless constant, float64; gt > 128, or bool as it is.

    A ``uint8`` gt of 0 and 1 is therefore empty, and 8-bit maps should come as ``uint8``: their 256 levels are then exact.
    """
    if pred.shape != gt.shape or pred.ndim != 2 or not pred.size:
        found = f"{pred.shape} and {gt.shape}"
        raise ValueError(f"pred and gt must have one shape (height, width), not empty, found {found}")
    if gt.dtype not in (np.bool_, np.uint8) or not (pred.dtype in (np.bool_, np.uint8) or pred.dtype.kind == "f"):
        found = f"{pred.dtype} and {gt.dtype}"
        raise ValueError(f"pred must be uint8, float or bool and gt uint8 or bool, found {found}")
    truth = np.ascontiguousarray(gt if gt.dtype == np.bool_ else gt > 128)
    if pred.dtype == np.uint8:  # all 256 values once, by the operations that each pixel would see
        values = _stretch(np.arange(LEVELS) / 255, int(pred.min()) / 255, int(pred.max()) / 255)
        return values[np.ascontiguousarray(pred)], truth
    soft = np.ascontiguousarray(pred, np.float64)
    least, most = float(soft.min()), float(soft.max())
    if not (least >= 0 and most <= 1):
        raise ValueError(f"a float pred must lie in 0 to 1 without NaN, found {least:g} to {most:g}")
    return _stretch(soft, least, most), truth


def _stretch(values: Floats, least: float, most: float) -> Floats:
    return (values - least) / (most - least) if most != least else values


def adaptive_threshold(pred: Floats) -> float:
    """Twice the mean, at most 1; pixels at or above it are chosen. 0 for a pred of zeros, which chooses all pixels."""
    return min(2 * float(pred.mean()), 1.0)


def counts_above_levels(pred: Floats, gt: Array) -> tuple[Floats, Floats]:
    """Pixels of the gt, and of the image, whose level uint8(255 p) is at least 255, 254, ..., 0: two (256,)."""
    areas, hits = level_histogram((pred * 255).astype(np.uint8), gt, LEVELS)
    return hits[::-1].cumsum(), areas[::-1].cumsum()


def mae(pred: Floats, gt: Array) -> float:
    """Mean absolute error, mean |p - g|. Perazzi et al., "Saliency Filters", CVPR 2012."""
    return float(np.abs(pred - gt).mean())


def f_measure(hits: Array, areas: Array, gt_pixels: int) -> Floats:
    """F = (1 + 0.3) P R / (0.3 P + R), P = hit / area, R = hit / gt; 0 without hit. Achanta et al., CVPR 2009.

    ``hits`` and ``areas``: chosen pixels in the gt and in the image, at each threshold. A gt without pixels scores 0.
    """
    precision, recall = hits / np.maximum(areas, 1), hits / max(gt_pixels, 1)
    f: Floats = (1 + BETA2) * precision * recall / np.where(hits > 0, BETA2 * precision + recall, 1)
    return f


def e_measure(hits: Array, areas: Array, gt_pixels: int, pixels: int) -> Floats:
    """E = sum of ((2 a b / (a^2 + b^2 + EPS) + 1)^2 / 4) over pixels / (pixels - 1 + EPS). Fan et al., IJCAI 2018.

    a is chosen (1 or 0) minus its mean over the image, b the gt minus its mean. A gt without pixels adds up what is not
    chosen, a gt of all pixels what is. The divisor makes a perfect map score above 1, and one pixel 4.5e15.
    """
    divisor = pixels - 1 + EPS
    if gt_pixels == 0:
        return np.asarray((pixels - areas) / divisor)
    if gt_pixels == pixels:
        return np.asarray(areas / divisor)
    total = np.zeros(len(hits))
    chosen_mean, gt_mean = areas / pixels, gt_pixels / pixels
    parts = ((1, 1, hits), (1, 0, areas - hits), (0, 1, gt_pixels - hits), (0, 0, pixels - areas - gt_pixels + hits))
    for chosen, truth, count in parts:
        a, b = chosen - chosen_mean, truth - gt_mean
        total += (2 * a * b / (a**2 + b**2 + EPS) + 1) ** 2 / 4 * count
    return total / divisor


def s_measure(pred: Floats, gt: Array, *, official_quadrants: bool = True) -> float:
    """S = max(0, (object score + region score) / 2), Fan et al., "Structure-measure", ICCV 2017.

    1 - mean p for a gt without pixels, mean p for a gt of all pixels. The region score cuts the image at the gt's centre of
    mass; where that leaves a part empty (gt in the last row or column) the official number is NaN, though the part's
    weight is 0. ``official_quadrants=False`` leaves such parts out.
    """
    if not gt.any():
        return float(1 - pred.mean())
    if gt.all():
        return float(pred.mean())
    share = gt.mean()
    objects = _object_score(pred[gt]) * share + _object_score(1 - pred[~gt]) * (1 - share)
    return float(np.maximum(0, objects * 0.5 + _region_score(pred, gt, official_quadrants) * 0.5))


def _object_score(values: Floats) -> float:
    """2 m / (m^2 + 1 + s + EPS): m mean, s standard deviation (n - 1), 0 for one value."""
    mean = float(values.mean())
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + deviation + EPS)


def _region_score(pred: Floats, gt: Array, official_quadrants: bool) -> float:
    """SSIM of four parts, weighted by their areas; the cut lies behind the row and column of the gt's centre of mass."""
    height, width = gt.shape
    pixels = int(gt.sum())
    y = round(int(gt.sum(axis=1) @ np.arange(height)) / pixels) + 1
    x = round(int(gt.sum(axis=0) @ np.arange(width)) / pixels) + 1
    weights = [x * y / gt.size, y * (width - x) / gt.size, (height - y) * x / gt.size]
    weights.append(1 - sum(weights))
    parts = [(rows, columns) for rows in (slice(y), slice(y, None)) for columns in (slice(x), slice(x, None))]
    score = 0.0
    for part, weight in zip(parts, weights, strict=True):
        if gt[part].size:
            score += _ssim(pred[part], gt[part]) * weight
        elif official_quadrants:
            return float("nan")
    return score


def _ssim(pred: Floats, gt: Array) -> float:
    """4 x y cov / ((x^2 + y^2) (var_x + var_y) + EPS), x and y being means; 1 if both are 0, 0 if only the first is.

    The order of operations decides whether a constant part has variance 0, and with it between 0 and 1: it is the official one.
    """
    x, y = float(pred.mean()), float(gt.mean())
    from_x, from_y = pred - x, gt - y
    freedom = gt.size - 1 + EPS
    var_x, var_y, cov = (float(np.sum(one)) / freedom for one in (from_x**2, from_y**2, from_x * from_y))
    above, below = 4 * x * y * cov, (x**2 + y**2) * (var_x + var_y)
    if above != 0:
        return above / (below + EPS)
    return 1.0 if below == 0 else 0.0


def weighted_f(pred: Floats, gt: Array) -> float:
    """F with beta 1 of errors weighted by place, 0 for a gt without pixels. Margolin et al., CVPR 2014.

    In the gt an error counts as the smaller of itself and its Gaussian mean (7 x 7, sigma 5), for which each background
    pixel has the error of the nearest gt pixel. Outside it weighs 2 - 0.5^(distance / 5). Then with the error sums
    TP = gt - inside, R = 1 - inside / gt, P = TP / (TP + outside + EPS), F = 2 R P / (R + P + EPS).
    """
    if not gt.any():
        return 0.0
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(~gt, return_distances=False, return_indices=True)
    error = np.abs(pred - gt)
    inside = np.minimum(error, _blurred(error[rows, columns]))[gt]
    distance = np.sqrt((rows - np.arange(len(gt))[:, None]) ** 2 + (columns - np.arange(gt.shape[1])) ** 2)[~gt]
    outside = error[~gt] * (2 - np.exp(np.log(0.5) / 5 * distance))
    pixels, false_positive = int(gt.sum()), float(outside.sum())
    true_positive, recall = pixels - float(inside.sum()), 1 - float(inside.mean())
    precision = true_positive / (true_positive + false_positive + EPS)
    return 2 * recall * precision / (recall + precision + EPS)


def _blurred(error: Floats) -> Floats:
    """Mean under a Gaussian of 7 x 7 pixels and sigma 5, zeros beyond the image."""
    from scipy.ndimage import correlate1d

    weights = np.exp(-(np.arange(-3, 4) ** 2) / 50)
    weights /= weights.sum()
    for axis in (0, 1):
        error = correlate1d(error, weights, axis, mode="constant")
    return error
