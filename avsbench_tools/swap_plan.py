"""Which clip each video gets: drawn from a seed, the same for any number of workers, and pure.

A video gets a clip of its own category. Training videos get clips of VGGSound's train split, videos of val and test those of its
test split, so that no clip is heard on both sides. A recording that is a video of the set itself is never given to that video
(it would be its own sound again), nor to a video of another split, and to others only when nothing else is left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.clip_tables import parse_clip_name
from evaluators.clips import ClipRecord
from evaluators.rejections import Rejection
from evaluators.videos import Video

from .conversions import refusal
from .official import SINGLE
from .s4_categories import s4_categories

TRAIN, HELD_OUT = "train", "test"
Wanted = dict[str, tuple[Video, str]]  # videos by id, each with its category in S4's words
Splits = Mapping[str, frozenset[str]]  # of the set's videos by recording


@dataclass(frozen=True)
class Heard:
    """A clip that can be used, and what of it is heard."""

    clip: ClipRecord
    start_sample: int  # of the excerpt, at 16 kHz
    sha256: str  # of the clip's file


@dataclass(frozen=True)
class Swap:
    """One line of the plan: which clip a video gets."""

    video: str
    split: str
    category: str  # in S4's words
    clip: str
    label: str  # of the clip, VGGSound's
    clip_split: str
    file: str  # relative to the clip folder
    start_sample: int  # of the excerpt, at 16 kHz
    sha256: str  # of the clip's file


@dataclass(frozen=True)
class Pool:
    """The videos of one category on one side, and the clips that they may have, both in a drawn order."""

    category: str
    side: str  # TRAIN or HELD_OUT
    videos: tuple[Video, ...]
    clips: tuple[ClipRecord, ...]


def single_sources(videos: Iterable[Video]) -> tuple[Wanted, list[Rejection]]:
    """The single-source videos by id, each with its category in S4's words, and the others as rejections."""
    by_word = {category.sounding: name for name, category in s4_categories().items()}
    wanted: Wanted = {}
    rejections = []
    for video in videos:
        name = video.category if video.setting == "s4" else by_word.get("".join(video.sounding[:1]), "")
        problem = _problem(video, name)
        if not problem and video.id in wanted:
            problem = "duplicate-video", "stands in the table twice; the first line is used, remove the other"
        if problem:
            rejections.append(refusal(video, *problem))
        else:
            wanted[video.id] = (video, name)
    return wanted, rejections


def _problem(video: Video, category: str) -> tuple[str, str] | None:
    """Reason and message where the sound of a video can't be replaced."""
    if len(video.sounding) > 1 or video.setting == "v1m":
        words = ", ".join(video.sounding) or "which ones isn't known"
        return "several-sources", f"several objects sound in it ({words}); one clip can't stand for them"
    if video.setting not in ("s4", SINGLE):
        return "other-setting", f"is of {video.setting}; the experiment is on S4's videos, {SINGLE} here"
    if category not in s4_categories():
        found = video.category or " and ".join(video.sounding) or "nothing that is a category"
        return "no-label", f"the table names {found}, which stands for no label of VGGSound; correct the table"
    return None


def side(split: str) -> str:
    """The split of VGGSound whose clips go to videos of ``split``."""
    return TRAIN if split == TRAIN else HELD_OUT


def recording(video_id: str) -> str:
    """The id on the web of a video called ``<id>_<start ms>_<end ms>``; other names are ids of their own."""
    name = parse_clip_name(video_id)
    if name:
        return name[0]
    parts = video_id.rsplit("_", 2)
    return parts[0] if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal() else video_id


def splits_of(videos: Iterable[Video]) -> Splits:
    """The splits in which each recording stands."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for video in videos:
        found[recording(video.id)].add(video.split)
    return {name: frozenset(splits) for name, splits in found.items()}


def allowed(video: Video, clip: ClipRecord, splits: Splits) -> bool:
    """Whether a clip is neither the video's own recording nor one of another split."""
    own = splits.get(clip.video_id)
    return own is None or (own == {video.split} and clip.video_id != recording(video.id))


def draw_pools(
    categories: Sequence[str],
    wanted: Iterable[tuple[Video, str]],
    clips: Iterable[ClipRecord],
    splits: Splits,
    seed: int,
) -> list[Pool]:
    """A pool for each of ``categories`` and side that has videos. ``wanted``: videos with their category.

    Each pool is drawn with a generator of its own, ``default_rng([seed, number of the category, 0 train or 1 held out])``.
    """
    videos_of: defaultdict[tuple[str, str], list[Video]] = defaultdict(list)
    clips_of: defaultdict[tuple[str, str], list[ClipRecord]] = defaultdict(list)
    for video, category in wanted:
        videos_of[category, side(video.split)].append(video)
    for clip in clips:
        if clip.official_split:
            clips_of[clip.category, side(clip.official_split)].append(clip)
    pools = []
    for number, category in enumerate(categories):
        for which, name in enumerate((TRAIN, HELD_OUT)):
            videos, those = videos_of[category, name], clips_of[category, name]
            if videos:
                rng = np.random.default_rng([seed, number, which])
                drawn = [those[place] for place in rng.permutation(len(those))]
                fit = [clip for clip in drawn if any(allowed(video, clip, splits) for video in videos)]
                fit.sort(key=lambda clip: clip.video_id in splits)  # strangers first, else in the drawn order
                order = rng.permutation(len(videos))
                pools.append(Pool(category, name, tuple([videos[place] for place in order]), tuple(fit)))
    return pools


def give(videos: Sequence[Video], clips: Sequence[Heard], splits: Splits) -> dict[str, Heard]:
    """A clip for each video by id, each clip used as often as the others or once more, as far as what is allowed lets it.

    Videos that may have none of the clips are left out.
    """
    given: dict[str, tuple[Video, Heard]] = {}
    uses: Counter[str] = Counter()
    for video in videos:
        open_to_it = [heard for heard in clips if allowed(video, heard.clip, splits)]
        if not open_to_it:
            continue
        mine = _least_used(open_to_it, uses)
        idle = _least_used(clips, uses)
        if uses[idle.clip.id] < uses[mine.clip.id]:  # one that it may not have, but another may, who hands on its own
            for other, theirs in given.values():
                if allowed(other, idle.clip, splits) and allowed(video, theirs.clip, splits):
                    given[other.id], mine = (other, idle), theirs
                    break
        given[video.id] = (video, mine)
        uses = Counter(heard.clip.id for _, heard in given.values())
    return {name: heard for name, (_, heard) in given.items()}


def _least_used(clips: Sequence[Heard], uses: Counter[str]) -> Heard:
    return min(clips, key=lambda heard: uses[heard.clip.id])


def swaps(pool: Pool, clips: Sequence[Heard], splits: Splits) -> list[Swap]:
    """The lines of the plan for a pool."""
    given = give(pool.videos, clips, splits)
    return [
        Swap(
            video=video.id,
            split=video.split,
            category=pool.category,
            clip=heard.clip.id,
            label=heard.clip.label,
            clip_split=heard.clip.official_split,
            file=heard.clip.file,
            start_sample=heard.start_sample,
            sha256=heard.sha256,
        )
        for video in pool.videos
        if (heard := given.get(video.id))
    ]
