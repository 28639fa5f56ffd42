"""What sounds in a video, in AVSBench-semantic's words: from its own table, from S4's category, or for MS3 from metadata.csv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from evaluators import avss
from evaluators.annotation_tables import read_table
from evaluators.errors import DataError
from evaluators.videos import Video

from .official import SEVERAL
from .s4_categories import s4_categories

Names = Mapping[str, tuple[str, ...]]  # by video


def metadata_table(path: Path) -> Path:
    """AVSBench-semantic's metadata.csv, given itself or by its folder. Raises ``DataError`` ``no-such-file``."""
    path = path / avss.TABLE if path.is_dir() else path
    if not path.is_file():
        raise DataError("no-such-file", path, f"is not there, expected AVSBench-semantic's {avss.TABLE}")
    return path


def read_sounding(path: Path) -> Names:
    """What sounds in each v1m video of AVSBench-semantic's table; those are MS3's.

    Raises ``DataError`` ``no-such-file``, ``csv-...``.
    """
    path = metadata_table(path)
    known = frozenset(avss.avss_categories()[1:])
    rows = read_table(path, avss.COLUMNS).rows
    return {uid: avss.sounding_of(objects, known) for uid, label, _, objects, *_ in rows if label == SEVERAL}


def named_videos(videos: Iterable[Video], metadata: Names) -> tuple[Video, ...]:
    """The videos with ``sounding`` where it can be known."""
    return tuple(replace(video, sounding=video.sounding or _of(video, metadata)) for video in videos)


def _of(video: Video, metadata: Names) -> tuple[str, ...]:
    if video.setting == "s4" and video.category in s4_categories():
        return (s4_categories()[video.category].sounding,)
    return metadata.get(video.id, ()) if video.setting == "ms3" else ()


def only_category(video: Video) -> tuple[int, str]:
    """Index of the one category that a binary mask shows, or 0 and the reason why it isn't known."""
    if len(video.sounding) == 1:
        return avss.avss_categories().index(video.sounding[0]), ""
    if video.sounding:
        return 0, f"{' and '.join(video.sounding)} sound, and a mask doesn't say which of its pixels is which"
    if video.setting == "s4":
        return 0, f"{video.category!r} is none of the 23 categories of S4; mend the table"
    return 0, "the table doesn't say what sounds; give AVSBench-semantic's metadata.csv with --metadata"
