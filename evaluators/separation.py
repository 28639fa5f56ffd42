"""Sound separation: SDR, SIR and SAR (BSS Eval version 3, through mir_eval), and SI-SDR. All in dB, higher is better.

An estimate is split into target (the reference through a filter of 512 taps), interference (what filters of the other
references add) and artifacts (the rest): SDR = 10 log10(|target|^2 / |interference + artifacts|^2),
SIR = 10 log10(|target|^2 / |interference|^2), SAR = 10 log10(|target + interference|^2 / |artifacts|^2).
Vincent, Gribonval and Fevotte, "Performance Measurement in Blind Audio Source Separation", IEEE TASLP 14(4), 2006.

Source: ``mir_eval.separation.bss_eval_sources`` (0.8) without permutation, as Sound-of-Pixels 4535034, co-separation
ed1f830 and DeepAVFusion 2768e7f call it. Signals are (sources, samples) at any sample rate and level, the reference
first as in mir_eval; a published number also depends on the rate (11025 or 16000 Hz) through the filter's length.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import DataError

QUIET = 1e-5  # sum of |x| up to which Sound-of-Pixels drops a mixture
ERROR, SKIP = SILENT = ("error", "skip")

Array = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class SeparationScores:
    """The sources of one mixture, each (sources,) in dB, in the references' order."""

    sdr: Floats
    sir: Floats
    sar: Floats
    si_sdr: Floats
    order: tuple[int, ...]  # the estimate that is compared with each reference
    skipped: str = ""  # why the mixture doesn't count; then all numbers are NaN


def bss_eval_sources(
    reference: Array, estimate: Array, *, silent: str = ERROR, best_order: bool = False
) -> SeparationScores:
    """SDR, SIR, SAR and SI-SDR of one mixture; ``reference`` and ``estimate`` (sources, samples), or (samples,) for one.

    Estimate k belongs to reference k: swapped estimates score far lower. ``best_order`` tries all orders first, as the
    original toolbox does, and takes that of the largest mean SIR. To score the mixture itself as a baseline, repeat it as
    the estimate of every source. A level or a short delay costs nearly nothing, except in SI-SDR.

    ``silent``: a source that is 0 throughout is an error ("error"), or, as in Sound-of-Pixels, the mixture is skipped
    where any sum of |x| is at most 1e-5 ("skip"). Raises ValueError for silence, other shapes, types, NaN and references
    that can't be told apart; ``DataError`` ``missing-package`` without mir_eval.
    """
    if silent not in SILENT:
        raise ValueError(f"silent is one of {', '.join(SILENT)}, found {silent!r}")
    reference, estimate = _signals(reference, estimate)
    quiet = _quiet(reference, estimate, QUIET if silent == SKIP else 0.0)
    if quiet and silent == ERROR:
        raise ValueError(f"{quiet}, expected sound in every source; leave it out, or skip such mixtures: silent='skip'")
    if quiet:
        nothing = np.full(len(reference), np.nan)
        return SeparationScores(nothing, nothing, nothing, nothing, tuple(range(len(reference))), quiet)
    sdr, sir, sar, order = _official_scores(reference, estimate, best_order)
    pairs = zip(reference, estimate[order], strict=True)
    return SeparationScores(sdr, sir, sar, np.array([si_sdr(*pair) for pair in pairs]), tuple(order.tolist()))


def _signals(reference: Array, estimate: Array) -> tuple[Floats, Floats]:
    """Both as float64 (sources, samples). Raises ValueError."""
    signals = [np.atleast_2d(reference), np.atleast_2d(estimate)]
    found = f"reference {np.shape(reference)} and estimate {np.shape(estimate)}"
    if signals[0].shape != signals[1].shape or signals[0].ndim != 2 or not signals[0].size:
        raise ValueError(f"found {found}, expected one shape (sources, samples); is one of them transposed or cut?")
    sources, samples = signals[0].shape
    if sources > samples:
        raise ValueError(f"found {found}, {sources} sources of {samples} samples; transpose both to (sources, samples)")
    for name, signal in zip(("reference", "estimate"), signals, strict=True):
        if signal.dtype.kind not in "fiu" or not np.isfinite(signal).all():
            raise ValueError(f"the {name} must be finite real numbers, found {signal.dtype} or NaN or infinity in it")
    return signals[0].astype(np.float64), signals[1].astype(np.float64)


def _quiet(reference: Floats, estimate: Floats, limit: float) -> str:
    """The first source whose sum of |x| is at most ``limit``, by name; "" where there is none."""
    for name, signal in (("reference", reference), ("estimate", estimate)):
        for number, total in enumerate(np.abs(signal).sum(axis=1)):
            if total <= limit:
                return f"{name} {number} of 0 to {len(signal) - 1} is silent"
    return ""


def _official_scores(reference: Floats, estimate: Floats, best_order: bool) -> tuple[Floats, Floats, Floats, Array]:
    try:
        from mir_eval.separation import bss_eval_sources as official
    except ImportError:
        raise DataError("missing-package", "mir_eval", "is needed; run: pip install 'avskit[separation]'") from None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*bss_eval_sources", category=FutureWarning)  # leaves in 0.9
        try:
            sdr, sir, sar, order = official(reference, estimate, best_order)
        except (AttributeError, np.linalg.LinAlgError):  # the first is how 0.8 fails to name the second under numpy 2
            raise ValueError("the references can't be told apart: one is a copy of another, or too quiet") from None
    return sdr, sir, sar, order


def si_sdr(reference: Array, estimate: Array, *, remove_mean: bool = False) -> float:
    """10 log10(|a s|^2 / |a s - e|^2) with a = (e . s) / |s|^2, for reference s and estimate e, both (samples,).

    Le Roux, Wisdom, Erdogan and Hershey, "SDR - half-baked or well done?", ICASSP 2019, Eq. 4 and 5; ``remove_mean`` takes
    each signal's mean off first, as many codes do. NaN for a silent reference (with ``remove_mean``: a constant one);
    else -inf for an estimate with nothing of the reference in it, silence too, and inf for the reference at any level
    (above 300 where rounding leaves a trace).
    """
    if np.ndim(reference) != 1:
        raise ValueError(f"found reference {np.shape(reference)}, expected one source (samples,)")
    (s,), (e,) = (_scaled(signal, remove_mean) for signal in _signals(reference, estimate))
    energy = float(s @ s)
    if energy == 0:
        return math.nan
    target = float(e @ s) / energy * s
    error = e - target
    above, below = float(target @ target), float(error @ error)
    if above == 0:
        return -math.inf
    return 10 * math.log10(above / below) if below else math.inf


def _scaled(signal: Floats, remove_mean: bool) -> Floats:
    """Peak 1, where there is any: the measure doesn't depend on level, but squares of very small numbers are 0."""
    if remove_mean:
        constant = signal.min() == signal.max()  # whose mean may differ from it by rounding
        signal = np.zeros_like(signal) if constant else signal - signal.mean()
    peak = np.abs(signal).max()
    return signal / peak if peak else signal


def separation_measures(mixtures: Iterable[SeparationScores]) -> dict[str, float]:
    """SDR, SIR, SAR and SI-SDR: mean over the sources of a mixture, then over mixtures; those skipped are counted only."""
    rows = list(mixtures)
    kept = [row for row in rows if not row.skipped]
    names = {"SDR": "sdr", "SIR": "sir", "SAR": "sar", "SI-SDR": "si_sdr"}
    measures = {}
    for name, field in names.items():
        means = [float(np.mean(getattr(row, field))) for row in kept]
        measures[name] = float(np.mean(means)) if means else math.nan
    return measures | {"mixtures": float(len(kept)), "skipped mixtures": float(len(rows) - len(kept))}
