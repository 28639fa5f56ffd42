"""Put the parts of a sharded build together: the result has the same bytes as a build in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluators.dataset import DatasetInfo
from evaluators.errors import DataError
from evaluators.files import link_or_copy
from evaluators.progress import Progress

from .build import build
from .configfile import make_settings
from .journal import WORK, read_build
from .sources import build_sha256


def merge(
    parts: Sequence[Path], out: Path | None, progress: Progress, workers: int | None = None
) -> DatasetInfo | None:
    """Complete a build from its shards: in the folder that they share, or in ``out`` from folders of their own.

    What shards in folders of their own couldn't do without each other (plan and render) is done here.
    Raises ``DataError``: ``not-a-part``, ``other-build`` for parts of different builds, ``missing-part``.
    """
    if out is None and len(parts) > 1:
        raise DataError(
            "bad-config", "--out", f"{len(parts)} folders can't become one without it; name the folder to write"
        )
    builds = [read_build(part) for part in parts]
    for part, (name, _) in zip(parts, builds, strict=True):
        if name != builds[0][0]:
            raise DataError("other-build", part, f"is a part of another build than {parts[0]}; give the parts of one")
    _check_parts(parts)
    folder = out or parts[0]
    settings = make_settings({**builds[0][1], "out": str(folder), "workers": workers})
    if build_sha256(settings) != builds[0][0]:
        raise DataError(
            "other-build", parts[0], "was built from json files or tables that have changed since; build again"
        )
    if out is not None:
        _gather(parts, out, progress)
    return build(settings, progress)


def _check_parts(parts: Sequence[Path]) -> None:
    """Every part from 1 to n has a journal in one of the folders."""
    found = {path.stem.removeprefix("journal-") for part in parts for path in (part / WORK).glob("journal-*.jsonl")}
    totals = {int(name.rpartition("-")[2]) for name in found}
    if len(totals) != 1:
        raise DataError(
            "not-a-part",
            parts[0],
            f"found shards of {sorted(totals) or 'no'} parts; give the folders of one `vpo build --shard i/n`",
        )
    (total,) = totals
    missing = [f"{number}/{total}" for number in range(1, total + 1) if f"{number}-of-{total}" not in found]
    if missing:
        raise DataError(
            "missing-part",
            parts[0],
            f"shard {', '.join(missing)} is in none of the folders; run it, or give its folder too",
        )


def _gather(parts: Sequence[Path], out: Path, progress: Progress) -> None:
    """Link all files of the parts into the new folder. Parts hold different files, or the same ones."""
    files = {
        str(path.relative_to(part)): path
        for part in parts
        for path in sorted(part.rglob("*"))
        if path.is_file() and not path.name.startswith("lock")
    }
    with progress.stage("merge", len(files)) as advance:
        for name, path in sorted(files.items()):
            if not (out / name).exists():
                link_or_copy(path, out / name)
            advance()
