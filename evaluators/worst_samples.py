"""The worst samples of a run, read again to be shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .activations import as_labels, as_probability
from .categories import VOID
from .errors import DataError
from .evaluate import Run
from .files import inside
from .ground_truth import LABELS as LABEL_GT
from .kinds import LABELS, LOGITS, SOFT
from .outcome import Array
from .pairing import Pair
from .results import ProtocolResult
from .sample_files import Sources, read_pair
from .scoring import mapped
from .worst import WorstEntry, WorstFrame, read_image, write_worst


def write_worst_samples(out: Path, run: Run, number: int) -> Path:
    """Write the page of the ``number`` samples with the lowest first measure; return its ``index.html``.

    Raises ``DataError`` ``bad-option`` where no protocol has a number for each sample.
    """
    chosen = next(
        (one for one in run.result.protocols if one.values and set(one.units) <= set(run.result.samples)), None
    )
    if chosen is None:
        raise DataError("bad-option", "--worst", "no chosen protocol has a number for each sample; add --protocol avs")
    measure = next(iter(chosen.values))
    scores = np.array(chosen.values[measure])
    order = np.argsort(np.where(np.isnan(scores), np.inf, scores), kind="stable")[:number]
    pairs = {pair.sample.id: pair for pair in run.pairing.pairs}
    entries = (_entry(run.sources, pairs[chosen.units[place]], chosen, int(place)) for place in order)
    facts = [
        f"{len(order)} of {len(scores):,} samples, lowest {measure} of {chosen.name} v{chosen.version} first",
        run.result.tool,
    ]
    return write_worst(out, entries, f"{run.result.name}: worst samples", facts)


def _entry(sources: Sources, pair: Pair, chosen: ProtocolResult, place: int) -> WorstEntry:
    measures = {name: float(values[place]) for name, values in chosen.values.items()}
    found = read_pair(sources, pair)
    labels = sources.gt.kind == LABEL_GT and (sources.reading.kind == LABELS or sources.reading.classes > 2)
    frames = []
    for number, (pred, gt, _) in enumerate(frame for frame in found.frames if frame[2]):
        name = pair.sample.frames[number].image_file if len(found.frames) == len(pair.sample.frames) else ""
        frames.append(WorstFrame(_gt(sources, gt, labels), _pred(sources, pred, labels), _image(sources, name)))
    audio = pair.sample.audio_file
    sound = inside(sources.gt.root, audio) if audio else None
    return WorstEntry(
        pair.sample.id,
        measures,
        tuple(frames),
        sources.gt.categories if labels else (),
        full=sources.reading.full if sources.reading.kind == SOFT else 0.0,
        audio_file=sound if sound is not None and sound.is_file() else None,
        facts=tuple(_facts(pair)),
    )


def _facts(pair: Pair) -> Iterator[str]:
    sample = pair.sample
    if sample.setting:
        yield sample.setting
    if sample.category:
        yield sample.category
    if sample.sources is not None:
        yield f"{sample.sources} source{'' if sample.sources == 1 else 's'}"


def _gt(sources: Sources, gt: Array, labels: bool) -> Array:
    if labels:
        return mapped(gt, sources.gt.values)
    truth: Array = (gt != 0) & (gt != VOID)
    return truth


def _pred(sources: Sources, pred: Array, labels: bool) -> Array:
    reading = sources.reading
    if labels:
        shown = pred if reading.kind == LABELS else as_labels(pred[None])[0]
        return mapped(np.where(shown == VOID, 0, shown).astype(np.uint8), reading.values)
    if reading.kind == LOGITS:
        probability: Array = as_probability(pred[None])[0]
        return probability
    if reading.kind == LABELS:
        sounding: Array = pred != 0
        return sounding
    return pred


def _image(sources: Sources, name: str) -> Array | None:
    """The frame's picture; None where the layout names none or it can't be read: the page shows the masks alone."""
    if not name:
        return None
    try:
        return read_image(inside(sources.gt.root, name))
    except (DataError, OSError):
        return None
