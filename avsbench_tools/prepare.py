"""`avsbench prepare`: frames, 16 kHz wav and log-mel of each video that a table lists, in the official layout.

A video is written whole or not at all: first its files, each atomically, then its line in ``prepared.jsonl``. The csv comes last
and lists what is there. Masks are not made here: the published ``gt_masks`` or ``labels_rgb`` belong into the same folder.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from evaluators import avss
from evaluators.engines import Engine, Lost
from evaluators.errors import DataError
from evaluators.files import inside
from evaluators.progress import Progress
from evaluators.rejections import Rejection
from evaluators.videos import Video

from .official import SUBSETS, write_tables
from .outcome import Outcome
from .prepare_journal import Entry, Journal, remove_leftovers
from .prepare_video import Preparation, Task, files_of, prepared
from .raw_videos import RawVideos, find_raw_videos
from .video_tables import Listed, read_listed

__all__ = ["Preparation", "prepare"]


def prepare(
    videos: Path, table: Path, dst: Path, wanted: Preparation, *, workers: int | None = None, progress: Progress
) -> Outcome:
    """Prepare every video of the table that is in ``videos``; what an earlier run finished is left as it is.

    Rejected: ``video-missing``, ``video-ambiguous``, ``video-unplaced`` and what ``media`` raises. Warnings: ``video-short``,
    ``audio-short``, ``audio-silent``. Raises ``DataError`` for the table, ``not-a-folder``, ``not-empty``, ``bad-option``.
    """
    listed = read_listed(table)
    listed = replace(listed, videos=tuple(_with_log_mel(video, wanted.log_mel) for video in listed.videos))
    for line in listed.remarks:
        progress.line(line)
    raw = find_raw_videos(videos)
    journal = Journal(dst, {"set": listed.name, **asdict(wanted)})
    _check_ours(dst, table, listed, journal)
    tasks, rejections = _tasks(listed, raw, videos)
    todo = [task for task in tasks if not _finished(task, journal, dst)]
    if todo or not journal.is_new:
        journal.open(without={task.video.audio_file for task in todo})
        remove_leftovers(dst, [file for task in todo for file in files_of(task.video)])
        if todo:
            rejections += _run(todo, videos, dst, wanted, workers, progress, journal)
        journal.finish(video.audio_file for video in listed.videos)
    there = [task for task in tasks if _entry(task, journal) is not None]
    rejections += [Rejection(**told) for task in there for told in journal.entries[task.video.audio_file]["warnings"]]
    if there:
        _write_tables(dst, table, listed, [task.video for task in there])
    todo_names = {task.video.audio_file for task in todo}
    done = sum(task.video.audio_file in todo_names for task in there)
    order = {video.id: number for number, video in enumerate(listed.videos)}
    rejections.sort(key=lambda rejection: order.get(rejection.item, -1))
    return Outcome("videos", done, len(there) - done, tuple(rejections), tuple(_lines(dst, wanted, listed, there)))


def _with_log_mel(video: Video, form: str) -> Video:
    if form == "none":
        return replace(video, log_mel_file="")
    return replace(video, log_mel_file=video.log_mel_file and f"{video.log_mel_file.removesuffix('.pkl')}.{form}")


def _check_ours(dst: Path, table: Path, listed: Listed, journal: Journal) -> None:
    """Leave alone what this command didn't write."""
    if dst.exists() and not dst.is_dir():
        raise DataError("not-a-folder", dst, "is a file; give a folder to write into")
    if not journal.is_new:
        return
    files = [_table_file(dst, listed.name)] if not _is_same(_table_file(dst, listed.name), table) else []
    files += [inside(dst, file) for video in listed.videos for file in (video.frames[0].image_file, video.audio_file)]
    there = [file for file in files if os.path.lexists(file)]
    if there:
        message = f"has {there[0].relative_to(dst)}, which this command didn't write; give a new folder"
        raise DataError("not-empty", dst, message)


def _table_file(dst: Path, name: str) -> Path:
    return dst / (SUBSETS[name].csv_file if name in SUBSETS else avss.TABLE)


def _is_same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and os.path.samefile(path, other)


def _tasks(listed: Listed, raw: RawVideos, videos: Path) -> tuple[list[Task], list[Rejection]]:
    tasks, rejections = [], list(raw.rejections)
    for video in listed.videos:
        try:
            found = raw.find(video)
            facts = os.stat(videos / found.file)
            tasks.append(Task(video, found, (found.file, facts.st_size, facts.st_mtime_ns)))
        except DataError as error:
            rejections.append(Rejection("video", video.id, error.reason, error.message))
        except OSError as error:  # a link to nowhere
            message = f"{found.file} can't be opened ({error.strerror}); get it again"
            rejections.append(Rejection("video", video.id, "video-missing", message))
    return tasks, rejections


def _entry(task: Task, journal: Journal) -> Entry | None:
    """What the journal has of this video from this very file."""
    entry = journal.entries.get(task.video.audio_file)
    same = entry is not None and (*entry["source"], entry["start_seconds"]) == (*task.source, task.raw.start_seconds)
    return entry if same else None


def _finished(task: Task, journal: Journal, dst: Path) -> bool:
    return _entry(task, journal) is not None and all(_has_bytes(dst / file) for file in files_of(task.video))


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _run(
    todo: list[Task],
    videos: Path,
    dst: Path,
    wanted: Preparation,
    workers: int | None,
    progress: Progress,
    journal: Journal,
) -> list[Rejection]:
    rejections = []
    function = partial(prepared, videos=videos, dst=dst, wanted=wanted)
    with progress.stage("prepare", len(todo)) as advance, Engine(workers, warm_up=__name__, chunk=1) as engine:
        for outcome in engine.run(function, todo):
            result = outcome.result
            if isinstance(result, Lost):
                message = "killed its worker process each time; is there enough memory?"
                result = Rejection("video", outcome.item.video.id, "worker-lost", message)
            if isinstance(result, Rejection):
                rejections.append(result)
            else:
                journal.add(result)
            advance()
    return rejections


def _write_tables(dst: Path, table: Path, listed: Listed, videos: list[Video]) -> None:
    """The csv of what is there; a table that stands there already is the user's."""
    if _is_same(_table_file(dst, listed.name), table):
        return
    names = table.parent / avss.NAMES
    categories = avss.read_names(names) if listed.name == "avss" and names.is_file() else ()
    write_tables(dst, listed.name, videos, categories)


def _lines(dst: Path, wanted: Preparation, listed: Listed, there: list[Task]) -> list[str]:
    if not there:
        return []
    cut = sum(task.raw.start_seconds > 0 for task in there)
    size = "original size" if wanted.frame_size is None else f"{wanted.size} x {wanted.size}"
    sounds = "16 kHz wav" + (f", log-mel {wanted.log_mel}" if there[0].video.log_mel_file else "")
    lines = [f"{cut:,} were cut out of longer files"] if cut else []
    lines.append(f"frames {size}, {sounds}, in {dst}")
    folder = f"{SUBSETS[listed.name].data}/gt_masks" if listed.name in SUBSETS else "labels_rgb of each video"
    lines.append(f"masks are not made here: put the published {folder} beside them")
    if listed.name == "avss" and wanted.frame_size is not None:
        lines.append("published masks of avss have the sizes of the videos: --size original gives frames of the same")
    return lines
