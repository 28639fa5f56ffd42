"""What five papers printed: their tables of segmentation and separation results as rows (``data/published.csv``).

Numbers stand as printed, also where two papers differ on the same run; ``note`` says where. Columns of differences and of
other tasks (the separation paper's Table 2) are left out. A method has one name in all papers: the baseline of AVSBench,
there "AVS", is "TPAVI". An ablation is told in the method's name, so a row named "CAVP" alone is the full method.

A printed number was computed by its authors' code on their predictions: it stands beside a rescored one only if ``protocol``
and ``dataset`` are the same, and even then ``note`` (resolution, mono audio) may set it apart.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

PERCENT, SHARE, DECIBEL = UNITS = ("%", "1", "dB")


@dataclass(frozen=True)
class Published:
    """One number of one table."""

    paper: str  # "CAVP, CVPR 2024"
    table: str  # "Table 3"
    method: str
    backbone: str  # as printed; "" where the table doesn't say
    dataset: str  # S4, MS3, AVSS, AVSS single-source, AVSS multi-source, VPO-SS, VPO-MS, VPO-MSMI, MUSIC, ...
    measure: str  # as our protocols name it: J, F, J&F, mIoU, F0.3, FDR, SDR, SIR, SAR
    value: float  # in ``unit``
    protocol: str  # the rule that the paper says it follows, "unknown" where it doesn't
    note: str = ""
    unit: str = SHARE
    category: str = ""  # of the per-category tables; "" for a whole dataset
    printed: str = ""  # the number with the digits of the paper

    @property
    def score(self) -> float:
        """The value as our measures give it: percentages as shares of 1, decibel as they are."""
        return self.value / 100 if self.unit == PERCENT else self.value


def published_rows(
    dataset: str | None = None, protocol: str | None = None, *, per_category: bool = False
) -> tuple[Published, ...]:
    """The rows of a dataset (in any letter case) and a protocol, in the order of papers and tables; none where none fits.

    ``per_category``: those of single categories in place of those of whole datasets.
    """
    return tuple(
        row
        for row in _rows()
        if (dataset is None or row.dataset.lower() == dataset.lower())
        and (protocol is None or row.protocol == protocol)
        and bool(row.category) == per_category
    )


@cache
def _rows() -> tuple[Published, ...]:
    text = resources.files(__package__).joinpath("data/published.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Published(**{**row, "value": float(row["value"]), "printed": row["value"]}) for row in rows)  # type: ignore[arg-type]
