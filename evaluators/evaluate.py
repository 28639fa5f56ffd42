"""The flow of ``avs-eval``: folders in, one :class:`~evaluators.results.Result` out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import __version__
from .engines import Engine
from .errors import DataError
from .ground_truth import LABELS as LABEL_GT
from .ground_truth import GroundTruth, Selection, open_ground_truth
from .kinds import Reading, probe
from .pairing import Pair, Pairing, pair
from .predictions import PredictionFiles, list_predictions
from .progress import Progress
from .protocols import GT_FRAMES, NULL, OBJECT, ROBUST, Protocol, find_protocol, protocols
from .results import Folder, Result
from .sample_files import Leniency, Sources
from .score import Scored, count_pairs
from .scoring import for_categories
from .totals import protocol_results, with_objects

OF_OBJECTS = {OBJECT, ROBUST, NULL, GT_FRAMES}  # families that are of sounding or not
PLAIN = Selection(), Leniency()


@dataclass(frozen=True)
class Options:
    """What a run is asked for."""

    protocols: tuple[str, ...] = ("avs",)  # names, or ("all",)
    name: str = ""  # of the run
    kind: str = "auto"  # of the predictions
    labels: str = "auto"  # index, stored: what the integers of label maps are
    numbering: int | None = None  # of the predictions' first frame
    gt_kind: str = "auto"
    layout: str = "auto"
    selection: Selection = PLAIN[0]
    samples: frozenset[str] | None = None  # ids of those that are scored; None: all of the selection
    leniency: Leniency = PLAIN[1]
    extra: str = "error"  # error, ignore: predictions that no gt asks for
    by: tuple[str, ...] = ()
    seed: int = 0
    flags: Mapping[str, str] = field(default_factory=dict)  # as given, those that change what is scored


class Problems(Exception):
    """Everything that stands in the way of a score, at once."""

    def __init__(self, problems: Sequence[DataError]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)


@dataclass(frozen=True, eq=False)
class Run:
    """A result and what it was made from, for pages that show samples."""

    result: Result
    gt: GroundTruth
    pairing: Pairing
    reading: Reading
    sources: Sources


def evaluate(preds: Path, gt_folder: Path, options: Options, engine: Engine, progress: Progress, now: str) -> Run:
    """Score a folder of predictions. Raises :class:`Problems` with all that was found wrong, ``DataError`` for usage."""
    rows = chosen_protocols(options.protocols)
    gt = open_ground_truth(gt_folder, options.selection, layout=options.layout, kind=options.gt_kind)
    if options.samples is not None:
        gt = replace(gt, samples=tuple(sample for sample in gt.samples if sample.id in options.samples))
    files = list_predictions(preds)
    same = preds.resolve() == gt.root.resolve()
    pairing = _with_itself(gt) if same else pair(gt, files.files, options.numbering)
    wanted = [name for one in pairing.pairs for name in (*one.files, one.array_file) if name]
    reading = probe(preds, wanted or files.files, gt, options.kind, options.labels)
    sources = Sources(gt, preds, reading, options.leniency)
    categories = len(gt.categories) if gt.kind == LABEL_GT else 0
    rows = [for_categories(row, categories) for row in rows]
    scored = count_pairs(sources, rows, pairing.pairs, engine, progress)
    problems = [
        *([] if same else _of_names(files, pairing, options)),
        *(problem for one in scored for problem in one.problems),
    ]
    if problems:
        raise Problems(problems)
    kept = [one for one in scored if one.counts is not None]
    if not kept:
        raise DataError("nothing-scored", preds, "no frame was left to score; see --missing and --invalid")
    result = _result(rows, kept, scored, sources, pairing, files, options, now)
    return Run(result, gt, pairing, reading, sources)


def chosen_protocols(names: Sequence[str]) -> list[Protocol]:
    """The rows asked for, each once; "all" is every row. Raises ``DataError`` ``bad-protocol``."""
    wanted = [name for given in names for name in (protocols() if given == "all" else [given])]
    return [find_protocol(name) for name in dict.fromkeys(wanted)]


def _with_itself(gt: GroundTruth) -> Pairing:
    """Where the gt is scored against itself, its masks are the predictions; its other files are none gone astray."""
    pairs = tuple(Pair(sample, tuple(frame.mask_file for frame in sample.frames)) for sample in gt.samples)
    return Pairing(pairs, (), (), (), 0)


def _of_names(files: PredictionFiles, pairing: Pairing, options: Options) -> list[DataError]:
    found = [*files.problems, *pairing.ambiguous]
    if options.leniency.missing == "error":
        found += pairing.missing
    if options.extra == "error":
        found += pairing.extra
    return found


def _result(
    rows: Sequence[Protocol],
    kept: Sequence[Scored],
    scored: Sequence[Scored],
    sources: Sources,
    pairing: Pairing,
    files: PredictionFiles,
    options: Options,
    now: str,
) -> Result:
    """All numbers, and all that a reader must know of them."""
    gt, reading = sources.gt, sources.reading
    complete = with_objects(kept) if {row.family for row in rows} & OF_OBJECTS else kept
    counts = _counts(scored, kept, pairing)
    gt_hashes, pred_hashes = (
        [(name, digest) for one in scored for which, name, digest in one.hashes if which == w] for w in ("gt", "pred")
    )
    return Result(
        name=options.name or sources.preds.resolve().name,
        tool=f"avs-eval {__version__}",
        created=now,
        preds=Folder(str(sources.preds), reading.kind, len(pred_hashes), _digest(pred_hashes), reading.describe()),
        gt=Folder(str(gt.root), gt.kind, len(gt_hashes), _digest(gt_hashes), gt.remarks, gt.layout),
        flags=dict(options.flags),
        counts=counts,
        warnings=_warnings(sources, kept, gt_hashes, pred_hashes, files),
        categories=gt.categories,
        samples=tuple(sorted(one.id for one in kept)),
        protocols=protocol_results(rows, complete, gt, options.by, options.seed),
        confusions=_confusions(kept),
        variant=gt.variant,
    )


def _counts(scored: Sequence[Scored], kept: Sequence[Scored], pairing: Pairing) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in scored:
        total.update(one.tally)
    counts = {
        "samples": len(kept),
        "samples left out": len(scored) - len(kept),
        "extra predictions": len(pairing.extra),
    }
    return {**counts, **{name: total[name] for name in sorted(total)}}


def _digest(hashes: Sequence[tuple[str, bytes]]) -> str:
    lines = "".join(f"{digest.hex()}  {name}\n" for name, digest in sorted(set(hashes)))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _warnings(
    sources: Sources,
    kept: Sequence[Scored],
    gt_hashes: Sequence[tuple[str, bytes]],
    pred_hashes: Sequence[tuple[str, bytes]],
    files: PredictionFiles,
) -> tuple[str, ...]:
    found = []
    if sources.preds.resolve() == sources.gt.root.resolve():
        found.append("PREDICTIONS AND GROUND TRUTH ARE THE SAME FOLDER: this score says nothing")
    elif {digest for _, digest in pred_hashes} <= {digest for _, digest in gt_hashes} and pred_hashes:
        found.append("EVERY PREDICTION IS A COPY OF A GROUND TRUTH FILE, byte for byte: this score says nothing")
    elif all(one.perfect for one in kept):
        found.append("EVERY PREDICTION EQUALS ITS GROUND TRUTH, pixel for pixel: was the gt scored against itself?")
    if not any(one.gt_share > 0 for one in kept):
        found.append("NO GROUND TRUTH HAS A SOUNDING PIXEL: is this the right folder, and --gt-kind?")
    return tuple(found)


def _confusions(kept: Sequence[Scored]) -> dict[str, list[tuple[int, int, int]]]:
    """gt index, pred index, pixels of each sample, its frames added up; where there are categories."""
    result = {}
    for one in kept:
        if one.counts is not None and one.counts.labels is not None:
            labels = one.counts.labels
            rows = labels.rows[labels.valid[labels.rows[:, 0]], 1:]
            total: Counter[tuple[int, int]] = Counter()
            for gt, pred, pixels in rows.tolist():
                total[gt, pred] += pixels
            result[one.id] = [(gt, pred, pixels) for (gt, pred), pixels in sorted(total.items())]
    return result
