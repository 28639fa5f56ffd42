"""What the numbers in prediction files mean: the kind, found from the files or told, and printed either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MASK, SOFT, LOGITS, LABELS = "mask", "soft", "logits", "labels"
KINDS = (MASK, SOFT, LOGITS, LABELS)


@dataclass(frozen=True)
class Reading:
    """How every file of a folder is read."""

    kind: str  # MASK: something or nothing; SOFT: probability; LOGITS: before sigmoid or softmax; LABELS: category index
    encoding: str  # "8-bit", "16-bit", "0/1", "0/255", "palette", "RGB by palette", "float32 .npy", ...
    full: float = 255.0  # the stored value that means 1, for SOFT and MASK (255, 65535, 1)
    classes: int = 0  # channels of LOGITS and of per-class SOFT; 0 where there are none
    values: Mapping[int, int] = field(default_factory=dict)  # stored label to index; empty: the same
    colours: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    numbering: int = 0  # number of the first frame in the file names, 0 or 1
    remarks: tuple[str, ...] = ()  # what was assumed and which flag changes it, a line each
