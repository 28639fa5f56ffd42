"""What an inspection says: a table of what is there, then what is wrong, then what is worth knowing; and all of it as JSON."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from .findings import NAMED, Finding, some
from .holdings import KINDS, MANIFEST, TABLE_ONLY, WITHOUT_TABLE
from .inspection import Inspected, Inspection
from .listing import Part
from .published import published_categories, published_counts

TITLES = {
    "s4": "S4 (AVSBench-object, single source)",
    "ms3": "MS3 (AVSBench-object, multiple sources)",
    "avss": "AVSS (AVSBench-semantic)",
    "vpo": "VPO",
    "vggsound": "VGGSound",
}
FORM = 1
MARGIN = "  "


def to_text(inspection: Inspection) -> str:
    """Lines for the terminal."""
    blocks = [_holding(inspected) for inspected in inspection.holdings]
    if inspection.findings:
        blocks.append(_findings("findings", inspection.findings))
    if inspection.notes:
        blocks.append(_findings("worth knowing", inspection.notes))
    blocks.append(_end(inspection))
    return "\n\n".join(blocks)


def _holding(inspected: Inspected) -> str:
    form = {
        MANIFEST: ", a dataset folder of ours",
        TABLE_ONLY: ", its table alone",
        WITHOUT_TABLE: ", without a table",
    }.get(inspected.form, "")
    several = ", " in inspected.table
    where = f"{inspected.root}: {inspected.table}" if several else os.path.normpath(inspected.root / inspected.table)
    title = f"{TITLES[inspected.name]}{form}: {where}"
    if not inspected.parts:
        return title
    return "\n".join([title, *_table(inspected), *_categories(inspected.parts, inspected.unit)])


def _table(inspected: Inspected) -> Iterator[str]:
    """A row for each setting and split, and one for all."""
    alone = inspected.form == TABLE_ONLY
    kinds = () if alone or inspected.unit == "clips" else tuple(k for k in KINDS if _has(inspected.parts, k))
    head = ["", *(() if alone else (inspected.unit,)), "listed", "published", *kinds]
    rows = [head, *(_row(part, kinds, alone=alone) for part in inspected.parts)]
    if len(inspected.parts) > 1:
        rows.append(["all", *_sums(inspected.parts, kinds, alone=alone)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        line = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        yield MARGIN + "  ".join(line).rstrip()


def _has(parts: Iterable[Part], kind: str) -> bool:
    return any(kind in part.files for part in parts)


def _row(part: Part, kinds: Sequence[str], *, alone: bool) -> list[str]:
    published = published_counts().get((part.setting, part.split))
    counts = [f"{part.listed:,}", f"{published.videos:,}" if published else "-"]
    files = [_of(*part.files.get(kind, (0, 0))) for kind in kinds]
    return [part.name.replace("/", " "), *(() if alone else (f"{part.found:,}",)), *counts, *files]


def _sums(parts: Sequence[Part], kinds: Sequence[str], *, alone: bool) -> list[str]:
    published = [published_counts().get((part.setting, part.split)) for part in parts]
    known = [count.videos for count in published if count]
    counts = [f"{sum(part.listed for part in parts):,}", f"{sum(known):,}" if len(known) == len(parts) else "-"]
    files = [part.files for part in parts]
    sums = [_of(*(sum(one.get(kind, (0, 0))[place] for one in files) for place in (0, 1))) for kind in kinds]
    return [*(() if alone else (f"{sum(part.found for part in parts):,}",)), *counts, *sums]


def _of(found: int, expected: int) -> str:
    if not expected:
        return "-"
    return f"{found:,}" if found == expected else f"{found:,}/{expected:,}"


def _categories(parts: Sequence[Part], unit: str) -> Iterator[str]:
    """How many categories, and the rarest and the most frequent of all that the table lists."""
    counts = Counter[str]()
    for part in parts:
        counts.update(part.categories)
    if counts:
        (most, many), *_ = counts.most_common()
        if len(counts) == 1:
            yield f"{MARGIN}1 category, {most} ({many:,} {unit})"
            return
        few = min(counts, key=lambda name: (counts[name], name))
        yield f"{MARGIN}{len(counts):,} categories, from {few} ({counts[few]:,}) to {most} ({many:,} {unit})"


def _findings(title: str, findings: Sequence[Finding]) -> str:
    """Findings by reason, in the order in which each first came; the remedy of a reason once."""
    lines = [title]
    for reason in dict.fromkeys(one.reason for one in findings):
        these = [one for one in findings if one.reason == reason]
        lines.append(f"{MARGIN}{reason}: {these[0].remedy}" if these[0].remedy else f"{MARGIN}{reason}")
        lines += [f"{MARGIN * 2}{_line(one)}" for one in these[:NAMED]]
        if len(these) > NAMED:
            lines.append(f"{MARGIN * 2}and {len(these) - NAMED:,} more of these, in --json")
    return "\n".join(lines)


def _line(one: Finding) -> str:
    where = "" if one.where in one.message else f"{one.where}: "
    names = f" [{some(one.names)}]" if one.names else ""
    return _plain(f"{where}{one.message}{names}")


def _plain(text: str) -> str:
    """One line without letters that could move a terminal's cursor: names of files are anybody's."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _whole(forms: set[str]) -> str:
    return "the tables are in order" if forms <= {TABLE_ONLY} else "complete: everything that the tables list is there"


def _end(inspection: Inspection) -> str:
    """The last line: complete, or how much there is to mend; and what was not looked at."""
    ignored = sum(inspection.ignored.values())
    kinds = some(list(inspection.ignored))
    tail = [f"{ignored:,} hidden files and folders were ignored ({kinds})"] if ignored else []
    if not inspection.masks and any(one.form != TABLE_ONLY for one in inspection.holdings):
        tail.append("files were not opened (--no-masks)")
    count = len(inspection.findings)
    whole = _whole({one.form for one in inspection.holdings})
    return "; ".join([f"{count:,} finding{'s' if count > 1 else ''}" if count else whole, *tail])


def to_json(inspection: Inspection) -> str:
    """Everything, with all names."""
    document = {
        "format": FORM,
        "folder": str(inspection.folder),
        "complete": not inspection.findings,
        "files_opened": inspection.masks,
        "datasets": [_dataset(inspected) for inspected in inspection.holdings],
        "findings": [_record(one) for one in inspection.findings],
        "notes": [_record(one) for one in inspection.notes],
        "ignored": dict(inspection.ignored),
    }
    return json.dumps(document, indent=1) + "\n"


def _record(one: Finding) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "note"} | {"count": len(one.names)}


def _dataset(inspected: Inspected) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": inspected.name,
        "root": str(inspected.root),
        "table": inspected.table,
        "form": inspected.form,
        "unit": inspected.unit,
        "parts": [_part(part) for part in inspected.parts],
    }
    if inspected.name == "s4":
        document["published_categories"] = dict(published_categories())
    return document


def _part(part: Part) -> dict[str, Any]:
    published = published_counts().get((part.setting, part.split))
    return {
        "setting": part.setting,
        "split": part.split,
        "listed": part.listed,
        "found": part.found,
        "published": published.videos if published else None,
        "published_masks": published.masks if published else None,
        "source": published.source if published else "",
        "files": {kind: {"found": found, "expected": expected} for kind, (found, expected) in part.files.items()},
        "categories": {
            name: {"listed": count, "found": part.found_categories[name]}
            for name, count in sorted(part.categories.items())
        },
    }
