"""What the numbers in prediction files mean: the kind, found from the files or told, and printed either way.

The guess is one decision for a whole folder, from a spread of its files; a file that contradicts it is an error when it is
decoded, never read in another way.

| gt | file | is taken as |
|---|---|---|
| mask | two values, 0/1 or 0/largest; RGB black and another; bool | mask |
| mask | other grey, integers, a palette of greys | soft: v / largest |
| mask | other palette | labels: every index but 0 sounds |
| labels | grey, palette, integers, floats without fractions | labels: indices, or the values of the dataset's own files |
| labels | 1-bit, bool, only 0 and 255 | mask |
| labels | RGB | labels, by colour |
| both | floats in [0, 1] | soft; with a channel per category, the largest one's index |
| both | other floats | logits: sigmoid of 1 channel, softmax of 2, argmax of a channel per category |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .categories import BACKGROUND, VOID, voc_colour
from .masks import PALETTE, RGB
from .seen import Seen, Stored, look, see

if TYPE_CHECKING:
    from .ground_truth import GroundTruth

MASK, SOFT, LOGITS, LABELS = "mask", "soft", "logits", "labels"
KINDS = (MASK, SOFT, LOGITS, LABELS)


@dataclass(frozen=True)
class Reading:
    """How every file of a folder is read."""

    kind: str  # MASK: something or nothing; SOFT: probability; LOGITS: before sigmoid or softmax; LABELS: category
    encoding: str  # of the files: "8-bit", "16-bit", "1-bit", "palette", "grey palette", "RGB", "float32 .npy", ...
    full: float = 255.0  # the stored value that means 1, for SOFT and MASK (1, 255, 65535); 0: 1 and 255 both do
    classes: int = 0  # channels of LOGITS and of per-class SOFT; 0 where there are none
    values: Mapping[int, int] = field(default_factory=dict)  # stored label to index; empty: the same
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()  # what was assumed and which flag changes it, a line each
    top: int = VOID  # the largest label that a file may hold, besides void
    channel: int = -1  # of two, the one that is scored; -1: there is one, or all are kept

    def describe(self) -> tuple[str, ...]:
        """What was understood, a line each."""
        return (f"predictions: {_MEANINGS[self.kind](self)}", *self.remarks)


def _mask_text(reading: Reading) -> str:
    values = f"0 and {reading.full:g}" if reading.full else "0 and 1 or 0 and 255"
    return f"masks ({reading.encoding}), {'black and another colour' if reading.encoding == RGB else values}"


def _soft_text(reading: Reading) -> str:
    if reading.classes:
        return f"probabilities of {reading.classes} categories ({reading.encoding}), the index of the largest"
    which = f", channel {reading.channel}" if reading.channel >= 0 else ""
    scale = "" if reading.full == 1 else f" = v / {reading.full:g}"
    return f"soft masks ({reading.encoding}){which}, p{scale}, sounding where p > 0.5"


def _logits_text(reading: Reading) -> str:
    rules = {0: "sigmoid", 2: "softmax of 2 channels, the second is sounding"}
    rule = rules.get(reading.classes, f"argmax of {reading.classes} channels")
    return f"logits ({reading.encoding}), {rule}"


def _labels_text(reading: Reading) -> str:
    rule = f"category indices 0 to {reading.top}" if reading.top < VOID else "every value but 0 is sounding"
    if reading.colours:
        rule = f"by {len(reading.colours)} colours"
    elif reading.values:
        rule = "the values of the dataset's own masks"
    return f"label maps ({reading.encoding}), {rule}"


_MEANINGS = {MASK: _mask_text, SOFT: _soft_text, LOGITS: _logits_text, LABELS: _labels_text}


def probe(root: Path | str, files: Sequence[str], gt: GroundTruth, told: str = "auto", labels: str = "auto") -> Reading:
    """How the prediction files of a folder are to be read: :func:`guess_reading` of a spread of them."""
    return guess_reading(look(root, files), gt, told, labels)


def guess_reading(samples: Sequence[Stored], gt: GroundTruth, told: str = "auto", labels: str = "auto") -> Reading:
    """The reading of a folder, from ``arrays.stored`` of some of its files; see the table above.

    ``told``: a kind that the user names, or "auto"; ``labels``: "index" or "stored" where integers are category indices or
    the values of the dataset's own files, or "auto". Never fails: where files differ, the commonest form is taken.
    """
    seen = see(samples)
    if seen is None:
        return Reading(MASK if told == "auto" else told, "no readable file")
    if seen.form == RGB:
        reading = _of_colours(gt, told, labels)
    elif seen.floats:
        reading = _of_floats(seen, gt, told, labels)
    else:
        reading = _of_integers(seen, gt, told, labels)
    if not seen.others:
        return reading
    remark = f"files differ: some are {seen.form}, others {', '.join(seen.others)}; all are read as the first"
    return replace(reading, remarks=(*reading.remarks, remark))


def _taken(kind: str, *others: str) -> str:
    return f"taken as {kind}; " + " or ".join(f"--kind {other}" for other in others) + " changes that"


def _of_integers(seen: Seen, gt: GroundTruth, told: str, labels: str) -> Reading:
    """Grey and palette PNG, and arrays of integers or bool."""
    kind = _kind_of_integers(seen, gt) if told == "auto" else told
    if kind == LABELS:
        return _of_labels(seen, gt, told, labels)
    if kind == MASK:
        return _of_masks(seen, gt, told)
    remarks = [_taken("soft masks", MASK, LABELS)] if told == "auto" else []
    if kind == SOFT and seen.high <= seen.full / 2:
        remarks.append(f"no value above {seen.high:g} was seen, where {seen.full} is 1: nothing sounds; check --kind")
    return Reading(kind, seen.form, seen.full, remarks=tuple(remarks))


def _kind_of_integers(seen: Seen, gt: GroundTruth) -> str:
    if gt.kind == LABELS:
        return MASK if seen.bools or VOID in seen.values <= {0, VOID} else LABELS
    if seen.values and any(seen.values <= {0, top} for top in (1, 255, seen.full)):
        return MASK
    return LABELS if seen.form == PALETTE else SOFT


def _of_masks(seen: Seen, gt: GroundTruth, told: str) -> Reading:
    values = sorted(seen.values - {0})
    full = values[0] if len(values) == 1 else 0 if values in ([], [1, 255]) else seen.full
    remarks = [_taken("masks", LABELS)] if gt.kind == LABELS and told == "auto" else []
    if not values:
        remarks.append("only 0 was seen in the files looked at: nothing sounds there")
    return Reading(MASK, seen.form, full, remarks=tuple(remarks))


def _of_labels(seen: Seen, gt: GroundTruth, told: str, labels: str) -> Reading:
    if gt.kind != LABELS:
        remark = "taken as label maps, whose every value but 0 sounds; --kind mask or --kind soft changes that"
        return Reading(LABELS, seen.form, remarks=(remark,))
    found, count = seen.values - {VOID}, len(gt.categories)
    as_index = all(0 <= value < (count or VOID) for value in found)
    as_stored = bool(gt.values) and all(value in gt.values for value in found)
    remarks = []
    if told == "auto" and found <= {0, 1}:
        remarks.append(_taken("labels, though only 0 and 1 were seen", MASK))
    if (gt.values and labels == "stored") or (labels == "auto" and as_stored and not as_index):
        remarks += ["taken as the values of the dataset's own masks; --labels index changes that"] * (labels == "auto")
        values = {**gt.values, VOID: VOID}
        return Reading(LABELS, seen.form, values=values, top=max(gt.values.keys() - {VOID}), remarks=tuple(remarks))
    if labels == "auto" and as_index and as_stored and any(gt.values[value] != value for value in found):
        some = ", ".join(str(value) for value in sorted(found)[:10])
        remarks.append(f"the labels seen ({some}) could be category indices or values of the dataset's own masks")
        remarks.append("taken as category indices; --labels stored changes that")
    return Reading(LABELS, seen.form, top=count - 1 if count else VOID, remarks=tuple(remarks))


def _of_colours(gt: GroundTruth, told: str, labels: str) -> Reading:
    kind = told if told != "auto" else LABELS if gt.kind == LABELS else MASK
    if kind != LABELS:
        return Reading(kind, RGB)
    if gt.colours:
        return Reading(LABELS, RGB, colours=gt.colours, top=len(gt.categories) - 1, remarks=(_taken("labels", MASK),))
    stored = gt.values if labels == "stored" else {}
    indices = stored or {index: index for index in range(len(gt.categories) or VOID)}
    colours = {voc_colour(value): index for value, index in {BACKGROUND: BACKGROUND, **indices, VOID: VOID}.items()}
    remark = "colours are those of PASCAL VOC for " + ("the dataset's own values" if stored else "category indices")
    return Reading(LABELS, RGB, colours=colours, remarks=(remark, _taken("labels", MASK)))


def _of_floats(seen: Seen, gt: GroundTruth, told: str, labels: str) -> Reading:
    channels = _channels(seen, gt)
    probable = seen.low >= 0 and seen.high <= 1
    if told == LABELS or (told == "auto" and gt.kind == LABELS and seen.values and not probable):
        if not channels:
            return _of_labels(seen, gt, told, labels)
        told = "auto"
    if told == MASK:
        return _of_masks(seen, gt, told)
    kind = told if told != "auto" else SOFT if probable else LOGITS
    remarks = []
    if told == "auto":
        what = "probabilities" if kind == SOFT else "logits"
        remarks.append(
            f"values of {seen.low:.4g} to {seen.high:.4g}: " + _taken(what, LOGITS if kind == SOFT else SOFT)
        )
    if kind == LOGITS and seen.low >= 0:
        remarks.append("no value below 0 was seen, so all may sound; are these logits? (--kind)")
    if gt.kind == LABELS and not channels:
        remarks.append("there is no channel per category: only what sounds is scored, not its category")
    if kind == SOFT and channels == 2 and gt.kind != LABELS:
        remarks.append("of two channels the second is taken as the probability of sounding")
        return Reading(SOFT, seen.form, 1, channel=1, remarks=tuple(remarks))
    return Reading(kind, seen.form, 1, classes=channels, remarks=tuple(remarks))


def _channels(seen: Seen, gt: GroundTruth) -> int:
    """Channels of class scores: one per category, or two for a gt of masks; 0 where there are none.

    A shape of three is (channels, height, width) where the first length fits; two frames of a video, where the gt has
    samples of two frames, are no channels.
    """
    wanted = len(gt.categories) if gt.kind == LABELS else 2
    pairs = wanted == 2 and any(len(sample.frames) == 2 for sample in gt.samples)
    fits = [shape[-3] == wanted and (len(shape) == 4 or not pairs) for shape in seen.shapes if len(shape) > 2]
    return wanted if wanted > 1 and any(fits) else 0
