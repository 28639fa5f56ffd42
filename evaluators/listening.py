"""Does a model listen? One result on a dataset, one on each of its counterfactual variants, and what changes between them.

========== ============================================== ================================================
variant    what is heard                                  a model that listens
========== ============================================== ================================================
mirrored   each source at the mirrored place              falls, if it uses the side that a sound comes from
wrong-side each source at the far edge of the other side  falls, if it uses the side that a sound comes from
swapped    another clip of the same category              keeps its score
silence    nothing                                        predicts nothing
noise      noise at each source's place                   predicts nothing
off-screen clips of categories that the image lacks       predicts nothing
========== ============================================== ================================================

All comparisons are paired: the same samples on both sides, what either side lacks left out. A fall is base minus variant,
with the 95 % bootstrap interval of the paired difference. Under the last three nothing that is seen sounds. Where they were
scored against their own, empty, gt, J is 1 for an empty prediction and 0 for any other: a number that can't be set against
the base's, so the predicted area is judged. Where they were scored against the base's gt, J falls as under the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .errors import DataError
from .listening_pairs import (
    AREA,
    AVS,
    UNKNOWN,
    UNPAIRED,
    Estimate,
    Paired,
    fingerprints,
    pair_measure,
    protocol_of,
)
from .results import Result

LOWER_IS_BETTER = frozenset({"FDR", "FPR", "S", "MAE", "J decay", "F decay"})
FEW = 20  # samples, below which intervals are too narrow
LEAST = 0.0005  # a change that shows in a table: smaller ones say nothing, even where their interval is without 0


@dataclass(frozen=True)
class Change:
    """What a variant does to the sound, and what it shows of a model that falls and of one that doesn't."""

    group: str
    heard: str
    falls: str
    keeps: str


_SIDE = ("the sound's side is used", "no use of the sound's side is seen")
_EDGE = ("the side is used, or so much level between the channels is strange to the model (see mirrored)", _SIDE[1])
_SOUND = ("the sound is used", "the prediction ignores the sound")
_WHAT = ("it matters what sounds", "it doesn't matter what sounds")
_SAME = ("it matters which recording of a category is heard", "any recording of the category does as well")
_MOVED, _ANOTHER, _NOTHING = "sound moved", "another recording", "nothing that is seen sounds"
CHANGES: Mapping[str, Change] = {
    "mirrored": Change(_MOVED, "each source at the mirrored place", *_SIDE),
    "wrong-side": Change(_MOVED, "each source at the far edge of the other side", *_EDGE),
    "swapped": Change(_ANOTHER, "another clip of the same category", *_SAME),
    "silence": Change(_NOTHING, "nothing", *_SOUND),
    "noise": Change(_NOTHING, "noise at each source's place", *_WHAT),
    "off-screen": Change(_NOTHING, "clips of categories that the image lacks", *_WHAT),
}
_OTHER = Change("other changes", "", *_SOUND)
_ORDER = list(CHANGES)


@dataclass(frozen=True)
class Heard:
    """What one variant shows; the base is one that changes nothing."""

    name: str
    samples: int  # that the variant shares with the base
    left_out: int = 0  # samples of the base that the variant lacks
    empty_gt: bool = False  # no frame of its gt has a sounding pixel, and the base's has
    measures: Mapping[str, Paired] = field(default_factory=dict)  # falls are NaN where ``empty_gt``
    area: Paired = UNPAIRED  # share of the pixels predicted as sounding, mean over samples
    silent: int | None = None  # samples in which nothing is predicted; None where the result doesn't tell
    unchanged: int | None = None  # samples whose every number is the base's
    agreement: Estimate = UNKNOWN  # J of its predictions against those on the base
    says: str = ""  # in a line

    @property
    def change(self) -> Change:
        """What is done to the sound."""
        return CHANGES.get(self.name, _OTHER)


@dataclass(frozen=True)
class Listening:
    """The audio-sensitivity report. The first of ``measures`` is the one that is judged."""

    name: str
    protocol: str
    measures: tuple[str, ...]
    base: Heard
    variants: tuple[Heard, ...]  # in the order of the table above, then by name
    warnings: tuple[str, ...] = ()


def listen(
    base: Result,
    variants: Mapping[str, Result],
    *,
    protocol: str = AVS,
    measures: Sequence[str] = ("J", "F"),
    agreements: Mapping[str, Result] | None = None,
    seed: int = 0,
) -> Listening:
    """Compare each variant with the base, by measures that are means over samples or come from one confusion matrix.

    ``agreements``: by variant, its predictions scored with ``avs`` against the base's predictions as if those were the gt.
    Raises ``DataError``: ``listen-protocol`` where a result lacks the protocol or has another rule, ``listen-measure``,
    ``listen-samples`` where base and variant share none.
    """
    if not measures:
        raise ValueError("measures is empty; name one at least, the first is judged")
    names = sorted(variants, key=lambda name: (_ORDER.index(name) if name in CHANGES else len(CHANGES), name))
    made = [_heard(name, base, variants[name], protocol, measures, seed) for name in names]
    found = agreements or {}
    made = [replace(one, agreement=_agreement(found[one.name], seed)) if one.name in found else one for one in made]
    return Listening(
        base.name,
        protocol,
        tuple(measures),
        replace(_heard("base", base, base, protocol, measures, seed), says=""),
        tuple(made),
        tuple(line for one in made for line in _warnings(base, variants[one.name], one)),
    )


def _heard(name: str, base: Result, other: Result, protocol: str, measures: Sequence[str], seed: int) -> Heard:
    shared = set(base.samples) & set(other.samples)
    if not shared:
        raise DataError(
            "listen-samples", other.name, f"shares no sample with {base.name}; are both of one dataset and split?"
        )
    empty = _all_empty(other) and not _all_empty(base)
    pairs = {measure: pair_measure(base, other, protocol, measure, seed) for measure in measures}
    if empty:
        pairs = {measure: replace(pair, fall=UNKNOWN) for measure, pair in pairs.items()}
    known = all(any(row.name == AVS and AREA in row.values for row in one.protocols) for one in (base, other))
    mine, theirs = (fingerprints(one, with_gt=not empty) for one in (base, other))
    told = shared & mine.keys() & theirs.keys()
    heard = Heard(
        name,
        len(shared),
        len(base.samples) - len(shared),
        empty,
        pairs,
        pair_measure(base, other, AVS, AREA, seed) if known else UNPAIRED,
        _silent(other, shared) if known else None,
        sum(mine[id] == theirs[id] for id in told) if told == shared else None,
    )
    return replace(heard, says=_says(heard, measures[0]))


def _all_empty(result: Result) -> bool:
    """Whether no frame of the gt has a sounding pixel."""
    return 0 < result.counts.get("frames", 0) == result.counts.get("empty gt frames", 0)


def _silent(result: Result, ids: set[str]) -> int:
    row = protocol_of(result, AVS)
    return sum(1 for id, value in zip(row.units, row.values[AREA], strict=True) if id in ids and value == 0)


def _agreement(result: Result, seed: int) -> Estimate:
    return pair_measure(result, result, AVS, "J", seed).score


def _says(heard: Heard, measure: str) -> str:
    """What a variant shows, by whether the interval of the fall holds 0, and the fall is one to speak of."""
    if heard.unchanged == heard.samples:
        return f"no sample's numbers change: {heard.change.keeps}"
    area = _area(heard)
    if heard.empty_gt:
        if not area:
            return f"its gt is empty, and without protocol {AVS} there is no predicted area to judge"
        return f"{area}: {_shown(heard.area.fall, heard.change, 'more is predicted under it')}"
    fall = heard.measures[measure].fall
    if measure in LOWER_IS_BETTER:
        fall = Estimate(-fall.value, -fall.high, -fall.low)
    shown = _shown(fall, heard.change, f"{measure} is better under it")
    return f"{_moved(heard.measures[measure].fall, measure)}: {shown}" + (f"; {area}" if area else "")


def _shown(fall: Estimate, change: Change, otherwise: str) -> str:
    """``fall``: by how much it is worse under the variant."""
    if math.isnan(fall.low):
        return "too few samples to say more"
    if not _differs(fall):
        return change.keeps
    return change.falls if fall.value > 0 else f"the change is noticed, but {otherwise}"


def _differs(fall: Estimate) -> bool:
    return fall.differs and abs(fall.value) >= LEAST


def _moved(fall: Estimate, measure: str) -> str:
    """``J falls by 21.3 (19.0 to 23.4)``."""
    if round(100 * fall.value, 1) < 0:
        verb, fall = "rises", Estimate(-fall.value, -fall.high, -fall.low)
    else:
        verb = "falls"
    interval = f" ({_points(fall.low)} to {_points(fall.high)})"
    text = f"{verb} by {_points(fall.value)}{'' if math.isnan(fall.low) else interval}"
    return f"{measure} {text}" if _differs(fall) or math.isnan(fall.low) else f"{measure} does not change, it {text}"


def _area(heard: Heard) -> str:
    """How much is predicted where nothing that is seen sounds; "" under other variants, or where that isn't known."""
    if heard.silent is None or not (heard.empty_gt or heard.change.group == _NOTHING):
        return ""
    before, after = (f"{_points(one.value)} %" for one in (heard.area.base, heard.area.score))
    verb = ("falls" if heard.area.fall.value > 0 else "rises") if _differs(heard.area.fall) else "does not change,"
    return f"predicted area {verb} from {before} to {after}, nothing in {heard.silent} of {heard.samples} samples"


def _points(value: float) -> str:
    """A share as percentage points, with a true minus sign."""
    return f"{100 * value:.1f}".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def _warnings(base: Result, other: Result, heard: Heard) -> Iterator[str]:
    name = heard.name
    if other.preds.sha256 and other.preds.sha256 == base.preds.sha256:
        yield f"{name}: THE PREDICTIONS ARE THE BASE'S, byte for byte: was the model run again with this sound?"
    if name in CHANGES and other.variant not in ("base", name):
        yield f"{name}: its gt is that of the variant {other.variant}"
    if other.preds.kind != base.preds.kind:
        yield f"{name}: its predictions were read as {other.preds.kind}, the base's as {base.preds.kind}"
    if dict(other.flags) != dict(base.flags):
        yield f"{name}: scored with other flags than the base: {_flags(other)} and {_flags(base)}"
    if heard.left_out:
        some = "1 sample of the base is" if heard.left_out == 1 else f"{heard.left_out} samples of the base are"
        yield f"{name}: {some} not in it and left out on both sides"
    if heard.samples < FEW:
        yield f"{name}: {heard.samples} samples are too few to trust an interval"


def _flags(result: Result) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(result.flags.items())) or "none"
