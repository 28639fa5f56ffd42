"""Writes the page to look at and listen to AVSBench: the frames of each video in a row, their masks, the sound below."""

from __future__ import annotations

from pathlib import Path

from evaluators.errors import DataError
from evaluators.files import inside, write_text
from evaluators.pages import assets
from evaluators.progress import Progress
from evaluators.spread import Part, spread
from evaluators.videos import Video, VideoSet

from .gallery_card import make_card
from .gallery_page import page, shape_rules
from .stats import categories_of, sets_of


def write_gallery(folder: Path, dst: Path, subset: str, limit: int, progress: Progress | None = None) -> Path:
    """Write the page for at most ``limit`` videos into ``dst`` and return its ``index.html``. Same dataset, same bytes.

    Of all sets in the folder, or of ``subset`` (s4, ms3, avss); videos are taken in turn from each setting, split and category.
    The page is static and works from ``file://``: frames and sounds are the dataset's own, by relative path, or copies where no
    such path leads there (another drive). What is missing or damaged is told on its card.
    Raises ``DataError`` of damaged tables, ``unsafe-path``, ``nothing-to-show``.
    """
    sets = sets_of(folder, subset)
    everything = [(videos, video) for videos in sets for video in videos.videos]
    chosen = spread(everything, lambda item: Part(item[1].setting, item[1].split, categories_of(item[1])), limit)
    if not any(map(_is_there, chosen)):
        message = "found the table only, expected frames, masks or sounds beside it; complete the dataset"
        raise DataError("nothing-to-show", folder, message)
    dst.mkdir(parents=True, exist_ok=True)
    (dst / "index.html").unlink(missing_ok=True)  # a stopped run leaves no page
    for part in ("overlay", "media"):
        (dst / part).mkdir(parents=True, exist_ok=True)
        for stale in (dst / part).glob("[0-9]*.*"):
            stale.unlink()
    cards = []
    with (progress or Progress()).stage("videos", len(chosen)) as advance:
        for number, (videos, video) in enumerate(chosen, 1):
            cards.append(make_card(dst, number, videos, video))
            advance()
    style = assets("page.css", "gallery.css") + assets("gallery.css", package="avsbench_tools")
    write_text(dst / "gallery.css", style + shape_rules(cards))
    write_text(dst / "gallery.js", assets("gallery.js") + assets("gallery.js", package="avsbench_tools"))
    title = f"AVSBench {', '.join(videos.name.upper() for videos in sets)}"
    write_text(dst / "index.html", page(title, [f"{len(cards):,} of {len(everything):,} videos"], cards))
    return dst / "index.html"


def _is_there(item: tuple[VideoSet, Video]) -> bool:
    """Whether there is anything of a video to see or hear."""
    videos, video = item
    files = [video.audio_file, *(file for frame in video.frames for file in (frame.image_file, frame.mask_file))]
    return any(inside(videos.root, file).is_file() for file in files if file)
