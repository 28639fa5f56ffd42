"""The experiment that VPO rests on: AVSBench's single-source videos with the sound of other recordings of their category.

AVS-M-SS of the VPO paper (CAVP, CVPR 2024, section 5, "Effectiveness of Visual Post-production"): the sound of each video of
AVSBench-Object (SS) is replaced by a sample of the same category from VGGSound, and a model that is trained and tested on the
result scores as on the original. Of AVSBench-semantic the same videos are v1s.

DST is a folder in the official layout of its source, so that the official loaders and avs-eval read it as that: frames and masks
are hard links to those of SRC (copies where the file systems differ), the wav is new, and for S4 the log-mel. Beside them:
``swaps.jsonl``, the plan, written before any sound; ``swap.json``, from what it was drawn; ``rejected.jsonl`` and ``warnings.jsonl``.
How clips are drawn stands in ``swap_plan``, what is heard of them in ``swap_clips``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.engines import Engine, finished
from evaluators.errors import DataError
from evaluators.files import sha256_file, write_text
from evaluators.ground_truth import MASK
from evaluators.progress import Progress
from evaluators.rejections import WARNINGS, Rejection
from evaluators.videos import VideoSet, open_videos

from .conversions import refusal
from .official import write_tables
from .outcome import Outcome, write_rejections
from .s4_categories import s4_categories
from .swap_clips import SECONDS, available_clips, usable_clips
from .swap_plan import Swap, Wanted, draw_pools, side, single_sources, splits_of, swaps
from .swap_render import Studio, render, swapped_video

FORMAT = 1
PLAN, FACTS = "swaps.jsonl", "swap.json"
ASKED = ("format", "subset", "seed", "videos_sha256", "clips_sha256")  # what has to be the same to go on


def swap(
    src: Path,
    dst: Path,
    clips: Path,
    clip_dir: Path,
    *,
    subset: str,
    seed: int,
    workers: int | None,
    progress: Progress,
) -> Outcome:
    """Replace the sound of each single-source video of ``src`` in ``dst``; the same command again goes on.

    Rejected videos: ``several-sources``, ``no-label`` (no category with a label of VGGSound), ``other-setting``, ``no-clip``,
    ``duplicate-video``, ``file-missing``, ``clip-missing``, ``clip-changed``. Clips that aren't used are warnings.
    Raises ``DataError``: those of reading the tables, ``bad-option``, ``nested-folders``, ``not-empty``, ``other-swap``.
    """
    videos = _opened(src, subset)
    if seed < 0:
        raise DataError("bad-option", "--seed", f"found {seed}, expected 0 or more")
    _check_place({src, videos.root}, dst)
    facts = _facts(dst, videos, seed, clips)
    wanted, unwanted = single_sources(videos.videos)
    with Engine(workers, warm_up=__name__) as engine:
        if not (dst / PLAN).exists():
            drawn, warnings = _drawn(videos, wanted, clips, clip_dir, seed, engine, progress)
            write_text(dst / FACTS, _json(facts), durable=True)
            write_rejections(dst, warnings)
            write_text(dst / PLAN, "".join(f"{json.dumps(asdict(line))}\n" for line in drawn), durable=True)
        for left in dst.rglob(".*.tmp"):  # of writers that were killed
            left.unlink(missing_ok=True)
        plan, warnings = _read_plan(dst, wanted)
        rejections = [*unwanted, *_without_clip(wanted, plan), *warnings]
        studio = Studio(videos.root, dst, clip_dir)
        swapped, already = _rendered(plan, wanted, studio, engine, progress, rejections)
    done = {line.video for line in swapped}
    there = [swapped_video(video) for name, (video, _) in wanted.items() if name in done]
    write_tables(dst, videos.name, there, videos.categories)
    rejections.sort(key=lambda rejection: (rejection.kind == "clip", rejection.reason, rejection.item))
    _end(dst, facts, swapped, rejections)
    return Outcome("videos", len(done) - already, already, tuple(rejections), tuple(_lines(dst, videos, swapped)))


def _opened(src: Path, subset: str) -> VideoSet:
    videos = open_videos(src, subset)
    if videos.name == "ms3":
        message = "videos of MS3 have several sources and no category; give S4 or AVSBench-semantic"
        raise DataError("bad-option", "--subset", message)
    if videos.name == "s4" and videos.kind != MASK:
        raise DataError("unknown-layout", src, "holds label maps of S4, which is no official layout; give the original")
    return videos


def _check_place(sources: Iterable[Path], dst: Path) -> None:
    """Raise ``DataError`` ``nested-folders`` where one folder lies in the other, ``not-empty`` where DST holds something else."""
    there = dst.resolve()
    for source in sources:
        if source.resolve().is_relative_to(there) or there.is_relative_to(source.resolve()):
            raise DataError("nested-folders", dst, f"and {source} lie in each other; give a folder of its own")
    try:
        names = sorted(os.listdir(dst))
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise DataError("not-a-folder", dst, "is a file, expected a new folder for the result") from error
    if FACTS not in names and any(not name.startswith(f".{FACTS}.") for name in names):
        raise DataError("not-empty", dst, f"holds {names[0]!r} and no {FACTS}; give an empty or new folder")


def _facts(dst: Path, videos: VideoSet, seed: int, clips: Path) -> dict[str, Any]:
    """What the plan is drawn from. Raises ``DataError`` ``other-swap`` where DST has a plan that was drawn from something else."""
    try:
        clips_sha256 = sha256_file(clips)
    except OSError as error:
        raise DataError("table-unreadable", clips, f"can't be read ({error.strerror}); give a csv file") from error
    asked = dict(zip(ASKED, (FORMAT, videos.name, seed, sha256_file(videos.table), clips_sha256), strict=True))
    facts = {**asked, "version": version("avskit"), "numpy": np.__version__}
    if not (dst / PLAN).exists():
        return facts
    try:
        found = json.loads((dst / FACTS).read_text(encoding="utf-8"))
        differing = [name for name in ASKED if found[name] != asked[name]]
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError("other-swap", dst / FACTS, f"can't be read ({error!r}); give a new folder") from error
    if differing:
        told = ", ".join(f"{name} {found[name]} there, {asked[name]} now" for name in differing)
        raise DataError("other-swap", dst, f"was begun with other arguments: {told}; give a new folder")
    return {name: found[name] for name in facts if name in found}


def _drawn(
    videos: VideoSet, wanted: Wanted, table: Path, clip_dir: Path, seed: int, engine: Engine, progress: Progress
) -> tuple[list[Swap], list[Rejection]]:
    """Which video gets which clip, in the order of the table, and warnings about clips that aren't used."""
    known = s4_categories()
    labels = {known[category].vggsound: category for _, category in wanted.values()}
    clips, warnings, line = available_clips(table, clip_dir, labels)
    progress.line(line)
    splits = splits_of(videos.videos)
    pools = draw_pools(sorted(known), wanted.values(), clips, splits, seed)
    usable, unheard = usable_clips(pools, clip_dir, engine, progress)
    drawn = {line.video: line for pool, heard in zip(pools, usable, strict=True) for line in swaps(pool, heard, splits)}
    return [drawn[name] for name in wanted if name in drawn], [*warnings, *unheard]


def _without_clip(wanted: Wanted, plan: Iterable[Swap]) -> Iterator[Rejection]:
    planned = {line.video for line in plan}
    for name, (video, category) in wanted.items():
        if name not in planned:
            label = s4_categories()[category].vggsound
            message = f"no clip of {label!r} of VGGSound's {side(video.split)} split can be used for it; get more"
            yield refusal(video, "no-clip", message)


def _read_plan(dst: Path, wanted: Wanted) -> tuple[list[Swap], list[Rejection]]:
    """The plan, and the warnings of when it was made. Raises ``DataError`` ``other-swap`` where they are damaged."""
    try:
        plan = [Swap(**row) for row in _rows(dst / PLAN)]
        warnings = (
            [Rejection(**row, warning=True) for row in _rows(dst / WARNINGS)] if (dst / WARNINGS).exists() else []
        )
        strangers = [line.video for line in plan if line.video not in wanted]
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise DataError("other-swap", dst / PLAN, f"can't be read ({error!r}); give a new folder") from error
    if strangers:
        raise DataError(
            "other-swap", dst / PLAN, f"names {strangers[0]!r}, which isn't to be swapped; give a new folder"
        )
    return plan, warnings


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _rendered(
    plan: Sequence[Swap],
    wanted: Wanted,
    studio: Studio,
    engine: Engine,
    progress: Progress,
    rejections: list[Rejection],
) -> tuple[list[Swap], int]:
    """Render the plan: the lines whose videos are there now, and how many were before; others are added to the rejections."""
    done: dict[str, bool] = {}
    with progress.stage("videos", len(plan)) as advance:
        for outcome in engine.run(partial(render, studio), [(line, wanted[line.video][0]) for line in plan]):
            result = finished(outcome)
            if isinstance(result, Rejection):
                rejections.append(result)
            else:
                done[outcome.item[0].video] = result
            advance()
    return [line for line in plan if line.video in done], sum(done.values())


def _end(dst: Path, facts: Mapping[str, Any], swapped: Sequence[Swap], rejections: Sequence[Rejection]) -> None:
    uses = Counter(line.clip for line in swapped)
    counts = {
        "excerpt": f"the middle {SECONDS} s of a clip's first 10 s",
        "videos": dict(sorted(Counter(line.split for line in swapped).items())),
        "categories": dict(sorted(Counter(line.category for line in swapped).items())),
        "clips": len(uses),
        "uses_of_a_clip": [min(uses.values(), default=0), max(uses.values(), default=0)],
        "rejected": dict(sorted(Counter(r.reason for r in rejections if not r.warning).items())),
        "plan_sha256": sha256_file(dst / PLAN),
    }
    write_text(dst / FACTS, _json({**facts, **counts}), durable=True)


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, indent=1) + "\n"


def _lines(dst: Path, videos: VideoSet, swapped: Sequence[Swap]) -> Iterable[str]:
    uses = Counter(line.clip for line in swapped)
    if uses:
        low, high = min(uses.values()), max(uses.values())
        yield (
            f"{len(uses):,} clips, each for {low if low == high else f'{low} to {high}'} videos: of VGGSound's train split for "
            f"train, of its test split for val and test; which is in {PLAN}"
        )
        yield f"avs-eval and the official loaders read {dst} as {videos.name}"
