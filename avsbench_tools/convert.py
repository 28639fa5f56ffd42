"""The flow of ``avsbench convert``: a set of videos, a plan for each, files, and last the tables, which list only what is there.

Each form is a module of the same shape: ``plan(video, source, wanted)`` gives a :class:`Plan` or the reason why there is none,
``finish(dst, source, videos, wanted)`` writes the tables. A video is brought over whole or not at all.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from evaluators.engines import Engine, Lost
from evaluators.errors import DataError
from evaluators.files import sha256_file
from evaluators.progress import Progress
from evaluators.rejections import Rejection
from evaluators.videos import Video, VideoSet, open_videos

from .carry_out import Work, carry_out, mask_files
from .conversion_state import State
from .conversions import Conversion, Done, Plan, item_of, refusal
from .outcome import Outcome
from .sounding import metadata_table, named_videos, read_sounding
from .source_masks import MaskSource

__all__ = ["Conversion", "convert"]

SPLITS = ("train", "val", "test")
MISSING = {"audio_file": "audio-missing", "log_mel_file": "log-mel-missing"}


@dataclass(frozen=True)
class _Run:
    source: VideoSet
    dst: Path
    wanted: Conversion
    state: State
    workers: int | None
    progress: Progress


def convert(src: Path, dst: Path, wanted: Conversion, *, workers: int | None, progress: Progress) -> Outcome:
    """Bring the set of videos in ``src`` into another form, in ``dst``; the same call again goes on where it was stopped.

    Rejections are of one video each: ``video-missing``, ``frame-...``, ``mask-...``, ``audio-...``, ``log-mel-...``, ``unsafe-pickle``, ``size-mismatch``,
    ``off-palette``, ``label-range``, ``labels-differ``, ``no-category``, ``unknown-split``, ``duplicate-video``, ``unsafe-path``.
    Raises ``DataError``: ``not-a-folder``, ``nested-folders``, ``not-empty``, ``other-conversion``, ``busy``, ``bad-selection``,
    ``empty-split``, those of :func:`evaluators.videos.open_videos` and of ``metadata``.
    """
    if not src.is_dir():
        raise DataError("not-a-folder", src, "is no folder, expected one of AVSBench")
    source = open_videos(src, wanted.subset)
    _check_apart(dst, {src, source.root})
    names = read_sounding(wanted.metadata) if wanted.metadata else {}
    videos, refused = _chosen(named_videos(source.videos, names), wanted.splits, source.table)
    for line in source.remarks:
        progress.line(line)
    source = replace(source, videos=videos)
    with State(dst, _arguments(src, source, wanted)) as state:
        run = _Run(source, dst, wanted, state, workers, progress)
        outcome = _to_coco(run) if wanted.form == "coco" else _to_files(run)
    return replace(outcome, rejections=(*refused, *outcome.rejections))


def _to_files(run: _Run) -> Outcome:
    """Plan all videos, carry out what isn't done, then write the tables of what is there."""
    form: Any = import_module(f".to_{run.wanted.form}", __package__)
    planned = [form.plan(video, run.source, run.wanted) for video in run.source.videos]
    plans = [plan for plan in planned if isinstance(plan, Plan)]
    results = {plan.item: run.state.done[plan.item] for plan in plans if _stands(plan, run)}
    already = len(results)
    results |= _carried_out([plan for plan in plans if plan.item not in results], run)
    done = [plan for plan in plans if results[plan.item].rejection is None]
    lines = []
    if done:
        present = [_present(plan.target, results[plan.item]) for plan in done]
        lines.append(form.finish(run.dst, run.source, present, run.wanted))
        run.state.finish(plan.item for plan in done)
    refused = [plan for plan in planned if not isinstance(plan, Plan)]
    told = _told(plans, results, run.source.table)
    return Outcome("videos", len(done) - already, already, (*refused, *told), tuple(lines))


def _to_coco(run: _Run) -> Outcome:
    from .coco_json import write_coco

    wanted = run.wanted
    outcome = write_coco(run.source, run.dst, splits=wanted.splits, workers=run.workers, progress=run.progress)
    run.state.finish(())
    return outcome


def _carried_out(plans: Sequence[Plan], run: _Run) -> dict[str, Done]:
    """What came of each plan. Only the journal knows the order in which they ended, until it is finished."""
    source, wanted, results = run.source, run.wanted, {}
    masks = MaskSource(source.root, source.kind, source.categories, source.colours, wanted.nearest)
    work = Work(masks, run.dst, source.table.suffix == ".csv", wanted.copy, wanted.refers)
    with (
        run.progress.stage("convert", len(plans)) as advance,
        Engine(run.workers, warm_up=carry_out.__module__, chunk=1) as engine,
    ):
        for outcome in engine.run(partial(carry_out, work=work), plans):
            plan, result = outcome.item, outcome.result
            if isinstance(result, Lost):
                why = "its files killed the worker process each time; is there enough memory?"
                result = Done(plan.item, refusal(plan.source, "worker-lost", why))
            elif result.rejection is None:
                run.state.record(result)
            results[plan.item] = result
            advance()
    return results


def _check_apart(dst: Path, sources: Iterable[Path]) -> None:
    """Raise ``DataError`` ``nested-folders`` where the result would lie in what is read, or the reverse."""
    to = Path(os.path.realpath(dst))
    for source in {Path(os.path.realpath(source)) for source in sources}:
        if to == source or to in source.parents or source in to.parents:
            raise DataError("nested-folders", dst, f"and {source} lie in each other; give a folder of its own")


def _chosen(videos: Sequence[Video], splits: Sequence[str], table: Path) -> tuple[tuple[Video, ...], list[Rejection]]:
    """Videos of the splits, each once; those of an unknown split and those that are listed again are refused.

    Raises ``DataError`` ``bad-selection`` for a split that no video has, ``empty-split`` where one goes by another name.
    """
    counts = Counter(video.split for video in videos)
    there = ", ".join(f"{split or 'none'} {count:,}" for split, count in sorted(counts.items())) or "no video"
    for split in splits:
        if split not in counts:
            raise DataError("bad-selection", table, f"no video has the split {split!r}; there is {there}")
    strange = sorted(split for split in counts if split not in SPLITS)
    empty = [split for split in SPLITS if not counts[split]]
    if (strange and empty) or not videos:
        message = f"the table has {there}, expected train, val and test; mend its column split"
        raise DataError("empty-split", table, message)
    kept: dict[str, Video] = {}
    refused = []
    for video in videos:
        if splits and video.split not in splits:
            continue
        if video.split not in SPLITS:
            refused.append(refusal(video, "unknown-split", f"split {video.split!r}, expected {', '.join(SPLITS)}"))
        elif kept.setdefault(item_of(video), video) is not video:
            refused.append(refusal(video, "duplicate-video", "is listed again; the first line was taken"))
    return tuple(kept.values()), refused


def _arguments(src: Path, source: VideoSet, wanted: Conversion) -> dict[str, Any]:
    """What has to be the same for a run to go on."""
    return {
        "format": 1,
        "form": wanted.form,
        "source": os.path.realpath(src),
        "subset": source.name,
        "table": sha256_file(source.table),
        "splits": sorted(set(wanted.splits)),
        "copy": wanted.copy,
        "metadata": sha256_file(metadata_table(wanted.metadata)) if wanted.metadata else "",
        "nearest": wanted.nearest,
    }


def _stands(plan: Plan, run: _Run) -> bool:
    """Whether a video is done and every file of it is there."""
    if plan.item not in run.state.done:
        return False
    root = run.source.root if run.wanted.refers else run.dst
    target = _present(plan.target, run.state.done[plan.item])
    files = [frame.image_file for frame in target.frames] + [target.audio_file, target.log_mel_file]
    files += [name for mask in target.masks for name in mask_files(plan, mask)]
    return all(os.path.isfile(root / file) for file in files if file)


def _present(video: Video, done: Done) -> Video:
    """The video with "" for the sound files that are not there."""
    return replace(
        video,
        audio_file="" if done.missing.get("audio_file") else video.audio_file,
        log_mel_file="" if done.missing.get("log_mel_file") else video.log_mel_file,
    )


def _told(plans: Sequence[Plan], results: dict[str, Done], table: Path) -> list[Rejection]:
    """Rejections and warnings in the order of the table; what all videos lack is told once."""
    found = [rejection for plan in plans if (rejection := results[plan.item].rejection) is not None]
    done = [plan for plan in plans if results[plan.item].rejection is None]
    for name, reason in MISSING.items():
        without = [plan for plan in done if results[plan.item].missing.get(name) and getattr(plan.target, name)]
        if without and len(without) == len(done):
            found.append(Rejection("file", str(table), reason, f"no video has its {reason[:-8]}", True))
        else:
            found += [refusal(plan.source, reason, getattr(plan.source, name), warning=True) for plan in without]
    return found + [warning for plan in done for warning in results[plan.item].warnings]
