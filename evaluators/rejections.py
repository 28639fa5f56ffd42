"""What is not used, and why: one record for each item, listed in a file beside the result."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

REJECTED, WARNINGS = "rejected.jsonl", "warnings.jsonl"


@dataclass(frozen=True)
class Rejection:
    """One item that is not used, or (``warning``) is used and worth a look."""

    kind: str  # image, annotation, clip, row, file, video, frame, mask
    item: str  # file, "image 139 annotation 1774", "clips.csv line 3"
    reason: str  # code, such as image-truncated
    message: str
    warning: bool = False


def rejection_lines(rejections: Iterable[Rejection], *, warning: bool) -> str:
    """One JSON object a line: kind, item, reason, message."""
    rows = ({k: v for k, v in asdict(r).items() if k != "warning"} for r in rejections if r.warning == warning)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
