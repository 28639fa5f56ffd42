"""``avsbench inspect``: what a folder holds, against its tables and the published counts; see ``inspection_report`` for its text.

Recognised, listed and checked in three steps: ``recognition`` reads the tables, ``listing`` lists each folder once, and
``file_checks`` opens masks, the headers of frames and sounds, and log-mels, on several processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from evaluators.engines import Engine, finished
from evaluators.progress import Progress

from .disk import Disk
from .file_checks import look
from .findings import Finding, Seen, finding, grouped
from .holdings import MANIFEST, OFFICIAL, Holding
from .listing import Part, list_holding
from .recognition import find_holdings
from .table_checks import table_findings, without_doubles

ORDER = ("s4", "ms3", "v1s", "v1m", "v2", "ss", "ms", "msmi")
SPLITS = ("train", "val", "test")
ALONE = 100  # items for which starting processes takes longer than looking


@dataclass(frozen=True)
class Inspected:
    """One dataset of the folder."""

    name: str  # s4, ms3, avss, vpo, vggsound
    root: Path
    table: str
    form: str  # official, manifest, table, without table
    unit: str  # videos, samples, clips
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Inspection:
    """Everything that was found."""

    folder: Path
    holdings: tuple[Inspected, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]  # worth knowing, and no fault
    ignored: Mapping[str, int] = field(default_factory=dict)  # hidden files by name
    masks: bool = True  # whether files were opened


def inspect_folder(
    folder: Path, *, masks: bool = True, workers: int | None = None, progress: Progress | None = None
) -> Inspection:
    """Look at a folder, or at a table. ``masks``: open masks, sounds and log-mels too.

    Raises ``DataError``: ``not-a-folder``, ``empty-folder``, ``unreadable-folder``, ``unknown-layout``.
    """
    progress, disk = progress or Progress(), Disk()
    holdings, findings = find_holdings(Path(folder))
    inspected = []
    for holding in holdings:
        single, doubled = without_doubles(holding)
        findings += [*doubled, *table_findings(single)]
        parts, told = list_holding(single, disk)
        parts.sort(key=_place)
        findings += told
        if masks and single.form in (OFFICIAL, MANIFEST):
            findings += _looked_at(single, workers, progress)
        inspected.append(Inspected(single.name, single.root, single.table, single.form, single.unit, tuple(parts)))
    if disk.unreadable:
        text = f"{len(disk.unreadable):,} folders can't be listed"
        findings.append(finding("unreadable-folder", str(folder), text, sorted(disk.unreadable)))
    return Inspection(
        Path(folder),
        tuple(inspected),
        tuple(one for one in findings if not one.note),
        tuple(one for one in findings if one.note),
        dict(sorted(disk.ignored.items())),
        masks,
    )


def _place(part: Part) -> tuple[int, str, int, str]:
    """Settings in the order of the papers, splits from train to test."""
    setting = ORDER.index(part.setting) if part.setting in ORDER else len(ORDER)
    return setting, part.setting, SPLITS.index(part.split) if part.split in SPLITS else len(SPLITS), part.split


def _looked_at(holding: Holding, workers: int | None, progress: Progress) -> list[Finding]:
    """What the files hold, told in the order of the table for any number of workers."""
    places = {(item.setting, item.id): place for place, item in enumerate(holding.items)}
    seen: list[tuple[int, list[Seen]]] = []
    task = partial(look, replace(holding, items=()))
    with (
        Engine(1 if len(places) < ALONE else workers, warm_up=f"{__package__}.file_checks") as engine,
        progress.stage(holding.name, len(places)) as advance,
    ):
        for outcome in engine.run(task, holding.items):
            seen.append((places[outcome.item.setting, outcome.item.id], finished(outcome)))
            advance()
    seen.sort(key=lambda one: one[0])
    return grouped((one for _, these in seen for one in these), holding.name)
