"""Small hand-made material for tests of the plan: no files, only records."""

from __future__ import annotations

from collections.abc import Sequence

from evaluators.dataset import Clip, Instance, Picture
from vpo_builder.material import Candidate, UsableClip


def instance(
    annotation_id: int, category: str, *, area: int = 5000, side: int = 80, position: float = 0.25
) -> Instance:
    """An object in a 400 x 200 image; its mask is not looked at by the plan."""
    return Instance(annotation_id, category, "", area, (0, 0, side, side), position)


def candidate(
    image_id: int,
    categories: Sequence[str],
    *,
    split: str = "",
    tiny: Sequence[str] = (),
    blocked: Sequence[str] = (),
    crowds: int = 0,
    unlabelled: Sequence[int] = (),
) -> Candidate:
    """An image with one object for each name, those in ``tiny`` too small to sound; annotation ids are image id * 100 + number."""
    objects = [instance(image_id * 100 + n, name) for n, name in enumerate(categories)]
    objects += [instance(image_id * 100 + 50 + n, name, area=10, side=4) for n, name in enumerate(tiny)]
    picture = Picture(image_id, f"{image_id:012d}.jpg", 0, 400, 200, f"hash of {image_id}")
    return Candidate(picture, split, tuple(objects), tuple(unlabelled), ("rle",) * crowds, tuple(blocked))


def clip(video_id: str, category: str, *, start: int = 0, label: str = "", split: str = "") -> UsableClip:
    """A usable clip of a category."""
    name = f"{video_id}_{start:06d}"
    found = Clip(name, video_id, float(start), label or category, f"{name}.wav", f"hash of {name}")
    return UsableClip(found, category, split, 10.0, 0.5, 0.1, None)


def clips(category: str, count: int, *, split: str = "") -> list[UsableClip]:
    """``count`` clips of different videos."""
    return [clip(f"{category[:5]:_<5}{split[:2]:_<2}{n:04d}", category, split=split) for n in range(count)]
