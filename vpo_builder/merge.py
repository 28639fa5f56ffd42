"""Put the parts of a sharded build together: the result has the same bytes as a build in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluators.dataset import DatasetInfo
from evaluators.errors import DataError
from evaluators.files import link_or_copy

from .build import Written, complete, read_plan, unrendered
from .configfile import make_settings
from .journal import Journal, read_journal
from .labels import read_labels
from .progress import Progress
from .scan import CLIPS


def merge(parts: Sequence[Path], out: Path, progress: Progress) -> DatasetInfo:
    """Merge finished parts of one build into ``out``, a new folder.

    Raises ``DataError``: ``not-a-part``, ``other-build`` for parts of different builds, ``missing-part``.
    """
    journals = [read_journal(part) for part in parts]
    for part, rows in zip(parts, journals, strict=True):
        if "part" not in rows:
            raise DataError("not-a-part", part, "holds no finished part of a sharded build; run `vpo build --shard i/n` there to its end")
    builds = [next(iter(rows["part"].values())) for rows in journals]
    plans = [read_plan(part) for part in parts]
    for part, found, plan in zip(parts, builds, plans, strict=True):
        if found["build"] != builds[0]["build"] or plan != plans[0]:
            raise DataError("other-build", part, f"is a part of another build than {parts[0]}; give the parts of one")
    done = {key: receipt for rows in journals for key, receipt in rows.get("sample", {}).items()}
    settings = make_settings({**builds[0]["settings"], "out": str(out)})
    missing = unrendered(plans[0], done)
    if missing:
        raise DataError("missing-part", parts[0], f"{len(missing)} samples are in none of the {len(parts)} parts; give all parts")
    with Journal(out, builds[0]["build"]) as journal:
        _gather(parts, out, plans[0], done, progress)
        for key, receipt in done.items():
            journal.record("sample", key, receipt)
        return complete(plans[0], settings, builds[0]["build"], read_labels(settings.labels, settings.more_labels), journal, progress)


def _gather(parts: Sequence[Path], out: Path, plan: Written, done: dict[str, Any], progress: Progress) -> None:
    """Link every rendered file and every decoded clip of the parts into the new folder."""
    names = {(f"variants/{variant}/" if variant else "") + path for key, receipt in done.items() for variant in [key.partition(":")[0]] for path in receipt["files"]}
    clips = {f"{CLIPS}/{source.clip.id}.wav" for rows in plan.folders().values() for group in rows.values() for s in group for source in s.sources}
    with progress.stage("merge", len(names) + len(clips)) as advance:
        for name in sorted(names | clips):
            found = next((part / name for part in parts if (part / name).exists()), None)
            if found is None:
                raise DataError("missing-file", name, "is in none of the parts; build that part again")
            link_or_copy(found, out / name)
            advance()
