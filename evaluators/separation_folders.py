"""Scores folders of separated sounds: ``PREDS/<mixture>/<source>.wav`` against ``GT/<mixture>/<source>.wav``.

A ``mixture.wav`` beside the references is no source: it is scored as the estimate of every source, which is what a model
that does nothing gives. Channels are averaged.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .engines import Engine, finished
from .errors import DataError
from .gt_reading import names_in
from .intervals import bootstrap
from .progress import Progress
from .separation import SeparationScores, bss_eval_sources, separation_measures
from .tables import Cell, Number, Style, Table

MIXTURE = "mixture.wav"
LARGEST = 1 << 28  # bytes of one file
MEASURES = ("SDR", "SIR", "SAR", "SI-SDR")

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Separated:
    """One mixture's scores, or what is wrong with its files."""

    id: str
    sources: tuple[str, ...]
    scores: SeparationScores | None = None
    mixture: SeparationScores | None = None  # the mixture taken as every estimate, where there is one
    problems: tuple[DataError, ...] = ()


def score_separation(preds: Path, gt: Path, silent: str, engine: Engine, progress: Progress) -> list[Separated]:
    """Scores of every mixture of ``gt``, by id. ``silent``: error or skip, see :func:`bss_eval_sources`.

    Raises ``DataError`` ``not-a-folder``, ``empty-folder``; what is wrong with single files is in the results.
    """
    for folder in (preds, gt):
        if not folder.is_dir():
            raise DataError("not-a-folder", folder, "found no folder, expected <mixture>/<source>.wav in it")
    names = sorted(name for name in names_in(gt) if (gt / name).is_dir())
    if not names:
        raise DataError("empty-folder", gt, "found no folders, expected one for each mixture with <source>.wav in it")
    strange = sorted(name for name in names_in(preds) - set(names) if (preds / name).is_dir())
    found = [
        Separated(name, (), problems=(DataError("pred-extra", name, "is no mixture of the gt; remove it"),))
        for name in strange
    ]
    with progress.stage("score", len(names)) as advance:
        for outcome in engine.run(partial(_scored, preds, gt, silent), names):
            found.append(finished(outcome))
            advance()
    return sorted(found, key=lambda one: one.id)


def _scored(preds: Path, gt: Path, silent: str, name: str) -> Separated:
    listed = {file for file in names_in(gt / name) if file.endswith(".wav")}
    sources = tuple(sorted(file.removesuffix(".wav") for file in listed - {MIXTURE}))
    try:
        if not sources:
            raise DataError("gt-incomplete", gt / name, "found no source, expected <source>.wav; add them")
        reference, rate = _stacked(gt / name, sources, "gt")
        estimate, other = _stacked(preds / name, sources, "pred")
        if rate != other or reference.shape != estimate.shape:
            told = f"{estimate.shape[1]} samples at {other} Hz, the gt has {reference.shape[1]} at {rate} Hz"
            raise DataError("pred-length", preds / name, f"found {told}; cut or resample one of them")
        scores = _bss(reference, estimate, silent, name)
        mixture = None
        if MIXTURE in listed:
            whole, _ = _stacked(gt / name, ("mixture",), "gt")
            if whole.shape[1] == reference.shape[1]:
                mixture = _bss(reference, np.repeat(whole, len(sources), axis=0), silent, name)
    except DataError as error:
        return Separated(name, sources, problems=(error,))
    return Separated(name, sources, scores, mixture)


def _bss(reference: Array, estimate: Array, silent: str, name: str) -> SeparationScores:
    try:
        return bss_eval_sources(reference, estimate, silent=silent)
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError("separation", name, str(error)) from error


def _stacked(folder: Path, sources: Sequence[str], whose: str) -> tuple[Array, int]:
    """All sources as (sources, samples), and their rate."""
    read = [read_wav(folder / f"{source}.wav", whose) for source in sources]
    kinds = {(rate, len(sound)) for sound, rate in read}
    if len(kinds) > 1:
        told = ", ".join(f"{length} samples at {rate} Hz" for rate, length in sorted(kinds))
        raise DataError(f"{whose}-length", folder, f"its sources differ: {told}; cut or resample them")
    return np.stack([sound for sound, _ in read]), read[0][1]


def read_wav(path: Path, whose: str) -> tuple[Array, int]:
    """Samples of a wav, float64 (samples,), the mean of its channels, and its rate. Integers keep their scale.

    Raises ``DataError`` ``<whose>-missing``, ``-unreadable``, ``-too-large``.
    """
    from scipy.io import wavfile

    try:
        if os.path.getsize(path) > LARGEST:
            raise DataError(f"{whose}-too-large", path, f"over {LARGEST >> 20} MiB; cut it")
        with warnings.catch_warnings():
            warnings.simplefilter("error", wavfile.WavFileWarning)
            warnings.filterwarnings("ignore", message="Chunk .non-data. not understood")
            rate, sound = wavfile.read(path)
    except FileNotFoundError:
        raise DataError(f"{whose}-missing", path, "is not there; expected a wav for each source of the gt") from None
    except DataError:
        raise
    except Exception as error:  # scipy raises nearly everything for damaged files
        told = " ".join(str(error).split())
        raise DataError(f"{whose}-unreadable", path, f"is no wav that can be read ({told}); write it again") from None
    mono = sound.astype(np.float64) if sound.ndim == 1 else sound.mean(axis=1, dtype=np.float64)
    if not len(mono):
        raise DataError(f"{whose}-unreadable", path, "holds no samples; write it again")
    return mono, int(rate)


def separation_table(found: Sequence[Separated], seed: int) -> Table:
    """Means over mixtures with 95 % intervals over mixtures, the mixture itself below, where there is one."""
    rows = [("predictions", *_numbers([one.scores for one in found if one.scores], seed))]
    unseparated = [one.mixture for one in found if one.mixture]
    rows += [("mixture itself", *_numbers(unseparated, seed))] if unseparated else []
    skipped = [one for one in found if one.scores and one.scores.skipped]
    notes = [
        "dB; BSS Eval version 3 (mir_eval), estimate k against reference k, 512 taps; mean over sources, then mixtures"
    ]
    notes += [f"{len(skipped)} mixtures were skipped, a source is silent: {skipped[0].id} ..."] if skipped else []
    notes += ["not every mixture has a mixture.wav of the same length"] if 0 < len(unseparated) < len(found) else []
    styles = {name: Style(percent=False, digits=2, better="high") for name in MEASURES}
    return Table(("", *MEASURES, "mixtures"), tuple(rows), "Sound separation", tuple(notes), styles)


def _numbers(scores: Sequence[SeparationScores], seed: int) -> tuple[Number | int, ...]:
    kept = [one for one in scores if not one.skipped]
    means = separation_measures(scores)
    cells: list[Number | int] = []
    for name, own in zip(MEASURES, ("sdr", "sir", "sar", "si_sdr"), strict=True):
        values = np.array([np.mean(getattr(one, own)) for one in kept])
        low, high = bootstrap(values, np.random.default_rng(seed))
        cells.append(Number(means[name], low, high))
    return (*cells, len(kept))


def rows_table(found: Sequence[Separated]) -> Table:
    """A row for each source of each mixture, every digit."""
    rows: list[tuple[Cell, ...]] = [
        (one.id, source, *(float(getattr(one.scores, own)[place]) for own in ("sdr", "sir", "sar", "si_sdr")))
        for one in found
        if one.scores
        for place, source in enumerate(one.sources)
    ]
    return Table(("mixture", "source", *MEASURES), tuple(rows))
