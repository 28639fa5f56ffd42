"""Counts of AVSBench as its paper has them: Table 1 (videos, splits, annotated frames) and Fig. 2 (videos per category).

Classes, videos and annotated frames are those that the set's table promises; masks that are there are looked at too.

Source: AVSBench paper (Zhou et al., ECCV 2022), Sec. 3.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluators.bars import Panel, bars, category_table, draw_figure, split_text
from evaluators.distributions import SPLITS, by_category, by_split, imbalance
from evaluators.errors import DataError
from evaluators.videos import Video, VideoSet, find_videos, open_videos

from .mask_sizes import mask_sizes
from .published import published_categories, published_counts

Stats = dict[str, Any]  # JSON-able; keys below

LOOKED_AT = 500  # masks of a setting, evenly taken from those that are there
PUBLISHED_CLASSES = {"s4": 23, "ms3": 23}  # Table 1


def stats_of(folder: Path, subset: str, looked_at: int = LOOKED_AT) -> Stats:
    """Everything that is counted, JSON-able: ``sets``, ``videos``, ``annotated_frames``, ``settings`` (by setting), ``remarks``.

    Of all sets in the folder, or of ``subset`` (s4, ms3, avss). Per setting: ``classes``, ``videos`` and ``annotated_frames`` by
    split, ``published`` (the same as the paper or the released table says it), videos by category and split, imbalance, categories
    per video, seconds per video, and ``masks``. Raises ``DataError`` ``not-a-folder``, ``unknown-layout`` and those of damaged tables.
    """
    sets = sets_of(folder, subset)
    settings: dict[str, Stats] = {}
    remarks = [remark for videos in sets for remark in videos.remarks]
    for videos in sets:
        for setting in dict.fromkeys(video.setting for video in videos.videos):
            chosen = [video for video in videos.videos if video.setting == setting]
            settings[setting] = _setting_stats(setting, chosen, videos, looked_at)
            remarks += _odd_splits(setting, chosen)
    return {
        "sets": {videos.name: _set_stats(videos) for videos in sets},
        "videos": sum(len(videos.videos) for videos in sets),
        "annotated_frames": sum(sum(counts["annotated_frames"].values()) for counts in settings.values()),
        "settings": dict(sorted(settings.items(), key=lambda item: _ORDER.get(item[0], 9))),
        "remarks": remarks,
    }


def sets_of(folder: Path, subset: str) -> list[VideoSet]:
    """The set of ``subset``, or all in a folder. Raises ``DataError`` ``not-a-folder``, ``unknown-layout``."""
    if not folder.is_dir():
        raise DataError("not-a-folder", folder, "is no folder, expected one of AVSBench; check the path")
    sets = [] if subset else list(find_videos(folder))
    return sets or [open_videos(folder, subset)]


def _set_stats(videos: VideoSet) -> Stats:
    """What Table 1 says of a set, over all its settings."""
    names = {name for video in videos.videos for name in categories_of(video)}
    return {
        "settings": list(dict.fromkeys(video.setting for video in videos.videos)),
        "classes": len(names) or None,
        "videos": by_split(video.split for video in videos.videos),
        "annotated_frames": by_split(video.split for video in videos.videos for _ in video.masks),
    }


_ORDER = {setting: place for place, setting in enumerate(("s4", "ms3", "v1s", "v1m", "v2"))}


def _setting_stats(setting: str, videos: Sequence[Video], of: VideoSet, looked_at: int) -> Stats:
    categories = by_category((name, video.split) for video in videos for name in categories_of(video))
    return {
        "classes": len(categories) or None,
        "videos": by_split(video.split for video in videos),
        "annotated_frames": by_split(video.split for video in videos for _ in video.masks),
        "published": _published(setting),
        "categories": categories,
        "imbalance": imbalance({name: sum(counts.values()) for name, counts in categories.items()}),
        "categories_per_video": _counted(len(categories_of(video)) for video in videos),
        "seconds": _counted(len(video.frames) for video in videos),
        "masks": mask_sizes(videos, of, looked_at),
    }


def categories_of(video: Video) -> tuple[str, ...]:
    """What a video counts for: in S4 its category, in AVSBench-semantic each category that sounds; () where unknown."""
    if video.category and (video.setting == "s4" or not video.sounding):
        return (video.category,)
    return video.sounding


def _counted(numbers: Iterable[int]) -> dict[str, int]:
    return {str(number): count for number, count in sorted(Counter(numbers).items())}


def _odd_splits(setting: str, videos: Sequence[Video]) -> Iterator[str]:
    odd = Counter(video.split for video in videos if video.split not in SPLITS)
    if odd:
        named = ", ".join(f"{split!a} {count:,}" for split, count in sorted(odd.items())[:5])
        yield f"{sum(odd.values()):,} videos of {setting} are in splits other than {', '.join(SPLITS)}, and not counted: {named}"


def _published(setting: str) -> Stats | None:
    """The counts of the paper or of the released table, as those of a setting; None where there are none."""
    rows = [published_counts()[setting, split] for split in SPLITS if (setting, split) in published_counts()]
    if not rows:
        return None
    return {
        "classes": PUBLISHED_CLASSES.get(setting),
        "videos": {row.split: row.videos for row in rows},
        "annotated_frames": {row.split: row.masks for row in rows if row.masks is not None},
        "categories": dict(published_categories()) if setting == "s4" else {},
        "source": rows[0].source,
    }


# --- text and figure


def stats_text(stats: Stats) -> str:
    """The counts as tables with bars, for a terminal at least 80 columns wide."""
    heading = f"AVSBench {', '.join(stats['sets']).upper()}: {stats['videos']:,} videos, {stats['annotated_frames']:,} annotated frames"
    parts = [heading, *stats["remarks"][:10]]
    return "\n\n".join(
        [
            "\n".join(parts),
            _table(stats),
            *map(_setting_text, *zip(*stats["settings"].items(), strict=True)),
        ]
    )


def _table(stats: Stats) -> str:
    """Table 1 of the paper, below each row the published one."""
    settings: Mapping[str, Stats] = stats["settings"]
    lines = [f"{'Table 1':12}{'classes':>9}{'videos':>9}  {'train/val/test':18}{'annotated frames':>16}"]
    for setting, counts in settings.items():
        lines.append(_row(setting, counts))
        published = counts["published"]
        if published:
            lines.append(f"{_row('  published', published)}  {'as here' if _same(counts, published) else 'differs'}")
    lines += [_row(f"all of {name}", counts) for name, counts in stats["sets"].items() if len(counts["settings"]) > 1]
    sources = dict.fromkeys(counts["published"]["source"] for counts in settings.values() if counts["published"])
    return "\n".join([*lines, *(f"Published: {source}" for source in sources)])


def _row(name: str, counts: Stats) -> str:
    videos, frames = counts["videos"], counts["annotated_frames"]
    splits = "/".join(f"{videos.get(split, 0):,}" for split in SPLITS)
    classes = "–" if counts["classes"] is None else str(counts["classes"])
    annotated = f"{sum(frames.values()):,}" if frames else "–"
    return f"{name:12}{classes:>9}{sum(videos.values()):>9,}  {splits:18}{annotated:>16}"


def _same(counts: Stats, published: Stats) -> bool:
    """Whether all that was published is so here; what either doesn't know is no difference."""
    return all(
        not published[key] or not counts[key] or published[key] == counts[key]
        for key in ("classes", "videos", "annotated_frames")
    )


def _setting_text(setting: str, counts: Stats) -> str:
    title = f"{setting.upper()}  videos {split_text(counts['videos'])}"
    parts = [title + "\n" + "─" * len(title)]
    if counts["categories"]:
        parts.append(category_table("Videos", counts["categories"]))
    else:
        parts.append("The table names no categories.")
    if counts["imbalance"]:
        parts.append("Imbalance {ratio:.2f} ({most} over {least})".format(**counts["imbalance"]))
    parts.append(_against_figure_2(counts))
    if counts["categories"]:
        parts.append(bars("Categories per video (0: none named)", counts["categories_per_video"]))
    parts += [bars("Seconds per video, one frame each", counts["seconds"]), _masks_text(counts["masks"])]
    return "\n\n".join(part for part in parts if part)


def _against_figure_2(counts: Stats) -> str:
    """Which categories have other numbers of videos than published; "" where nothing is published."""
    published = counts["published"]["categories"] if counts["published"] else {}
    here = {name: sum(by_split.values()) for name, by_split in counts["categories"].items()}
    other = [name for name in sorted(published | here) if here.get(name, 0) != published.get(name, 0)]
    if not published or not other:
        return "All categories have as many videos as published (Fig. 2)." if published else ""
    named = ", ".join(f"{name} {here.get(name, 0):,} ({published.get(name, 0):,})" for name in other[:5])
    return f"{len(other)} categories have other numbers of videos than published (Fig. 2): {named}{', ...' if other[5:] else ''}"


def _masks_text(masks: Stats) -> str:
    found = sum(masks["found"].values())
    if not found:
        return "No masks are here."
    whole = "all" if masks["looked_at"] == found else "evenly taken"
    lines = [
        f"Masks here: {split_text(masks['found'])}; looked at {masks['looked_at']:,}, {whole}: {masks['objects']:,} objects"
    ]
    lines += [f"{masks['empty']:,} of these are empty: nothing sounds"] if masks["empty"] else []
    lines += [f"{masks['unreadable']:,} of these can't be read; see avsbench inspect"] if masks["unreadable"] else []
    parts = [
        "\n".join(lines),
        bars("Share of the frame", masks["area_share"]),
        bars("Position, left to right", masks["position"]),
    ]
    return "\n\n".join(part for part in parts if part)


def stats_svg(stats: Stats) -> str:
    """Fig. 2 of the paper as SVG: videos per category, the most frequent first, bars split into train, val and test; a panel per
    setting."""
    panels = [
        Panel(setting.upper(), _note(counts), counts["categories"]) for setting, counts in stats["settings"].items()
    ]
    return draw_figure(
        f"AVSBench {', '.join(stats['sets']).upper()}: videos per category", "Videos per category", panels
    )


def _note(counts: Stats) -> str:
    ratio = counts["imbalance"]
    videos = f"{sum(counts['videos'].values()):,} videos"
    return f"{videos}, imbalance {ratio['ratio']:.2f}" if ratio else f"{videos}, no categories named"
