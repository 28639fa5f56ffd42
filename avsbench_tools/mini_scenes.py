"""Scenes of the mini AVSBench: who is seen where, who sounds when; decided first, with all random numbers, then painted.

Scene ``number`` of a setting and split depends on the seed and that number alone, so a larger mini begins with the smaller one.

s4: one thing sounds all 5 seconds; up to two others are seen and silent.
ms3: two or three things sound, each for a part of the 5 seconds, so that the mask changes; in every third video two of one
category; in every sixth nothing sounds in the middle.
v2, 10 seconds, in turn: one thing; two; one that stops; one, and a sound off the screen; two of one category, one after the
other; only a sound off the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluators.avss import NO_CATEGORY

from .mini_places import GROUND
from .mini_shapes import shapes
from .s4_categories import s4_categories

SETTINGS = ("s4", "ms3", "v2")
SPLITS = ("train", "val", "test")
SECONDS = {"s4": 5, "ms3": 5, "v2": 10}
RATES = (15, 24, 25)  # pictures a second
SIZES = ((320, 240), (320, 240), (384, 216), (240, 320))  # width, height
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KINDS = ("one", "two", "stops", "off-screen too", "same", "off-screen")  # of v2
Rng = np.random.Generator


@dataclass(frozen=True)
class Actor:
    """One thing in the picture."""

    category: str
    active: tuple[bool, ...]  # whether it sounds, a second each
    colour: str
    height: float  # of its drawing's grid, in pixels
    x: float  # of the point that it is placed by, in pixels
    y: float
    mirrored: bool
    sway: float  # how far it goes to the left and to the right, in pixels
    sway_seconds: float
    phase: float  # of the sway, in radians


@dataclass(frozen=True)
class Scene:
    """One film."""

    id: str
    setting: str  # s4, ms3, v2
    split: str
    start_seconds: int | None  # in the video on the web; ms3's table has none
    seconds: int
    rate: int  # pictures a second
    width: int
    height: int
    place: str
    actors: tuple[Actor, ...]  # from the back to the front
    off_screen: str  # category of a sound whose thing isn't seen, or ""
    key: tuple[int, ...]  # seeds what is drawn afterwards: background and sound

    @property
    def sounding(self) -> tuple[str, ...]:
        """As a_obj names it: what sounds and is seen, then ``off-the-screen``."""
        seen = dict.fromkeys(actor.category for actor in self.actors if any(actor.active))
        return (*seen, NO_CATEGORY) if self.off_screen else tuple(seen)

    @property
    def category(self) -> str:
        """S4's word for what sounds; "" in other settings."""
        words = {category.sounding: category.name for category in s4_categories().values()}
        return words[self.sounding[0]] if self.setting == "s4" else ""


@dataclass(frozen=True)
class _Role:
    """What a scene asks for: a category, when it sounds."""

    category: str
    active: tuple[bool, ...]


def plan_scenes(videos: int, seed: int) -> list[Scene]:
    """All scenes of a mini: ``videos`` of each setting and split."""
    return [
        plan_scene(seed, setting, split, number) for setting in SETTINGS for split in SPLITS for number in range(videos)
    ]


def plan_scene(seed: int, setting: str, split: str, number: int) -> Scene:
    """Scene ``number`` (from 0) of a setting and split."""
    key = (seed, SETTINGS.index(setting), SPLITS.index(split), number)
    rng = np.random.default_rng([*key, 0])
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    start = None if setting == "ms3" else int(rng.integers(0, 6 if setting == "s4" else 300))
    place, roles, off_screen = _cast(rng, seed, setting, number)
    if rng.random() < 0.7 and len(roles) < 3:
        roles = [*roles, *_silent(rng, place, roles, 2 if setting == "s4" else 1)]
    return Scene(
        id=_video_id(key, start),
        setting=setting,
        split=split,
        start_seconds=start,
        seconds=SECONDS[setting],
        rate=RATES[int(rng.integers(len(RATES)))],
        width=width,
        height=height,
        place=place,
        actors=_placed(rng, roles, place, width, height),
        off_screen=off_screen,
        key=key,
    )


def _video_id(key: tuple[int, ...], start: int | None) -> str:
    """As YouTube's, some with - or _ first; with the milliseconds of an excerpt, or (ms3) a number where two are of one video."""
    seed, setting, split, number = key
    video = number - 1 if start is None and number % 3 == 2 else number
    rng = np.random.default_rng([seed, setting, split, video, 1])
    name = "".join(LETTERS[index] for index in rng.integers(0, len(LETTERS), 11))
    if video % 3 == 0:
        name = "-_"[video // 3 % 2] + name[1:]
    if start is not None:
        return f"{name}_{1000 * start}_{1000 * (start + SECONDS[SETTINGS[setting]])}"
    return f"{name}_{number - video}" if number % 3 else name


# ------------------------------------------------------------------------------------------------------- who sounds


def _cast(rng: Rng, seed: int, setting: str, number: int) -> tuple[str, list[_Role], str]:
    """The place, who sounds in it, and the category of a sound off the screen."""
    if setting == "s4":  # the same categories in every split
        names = sorted(category.sounding for category in s4_categories().values())
        category = str(np.random.default_rng([seed, 2]).permutation(names)[number % len(names)])
        return _place_of(rng, category), [_Role(category, (True,) * 5)], ""
    if setting == "ms3":
        return _cast_ms3(rng, number)
    return _cast_v2(rng, KINDS[number % len(KINDS)])


def _cast_ms3(rng: Rng, number: int) -> tuple[str, list[_Role], str]:
    short = number % 6 == 5
    place, names = _together(rng, 2 if short else 3, {category.sounding for category in s4_categories().values()})
    if number % 3 == 1:
        names = names[:1] * 2
    elif rng.random() < 0.5:
        names = names[:2]
    return place, [_Role(name, _part(rng, turn, short)) for turn, name in enumerate(names)], ""


def _part(rng: Rng, turn: int, short: bool) -> tuple[bool, ...]:
    """The seconds of 5 in which the first, second, third thing sounds: from the start, to the end, within."""
    length = 2 if short else int(rng.integers(2, 5 if turn < 2 else 4))
    start = (0, 5 - length, 1)[turn]
    return tuple(start <= second < start + length for second in range(5))


def _cast_v2(rng: Rng, kind: str) -> tuple[str, list[_Role], str]:
    place, (first, second) = _together(rng, 2, set(shapes()))
    always, stop = (True,) * 10, int(rng.integers(3, 8))
    early = tuple(number < stop for number in range(10))
    late = tuple(number >= stop for number in range(10))
    roles = {
        "one": [_Role(first, always)],
        "two": [_Role(first, always), _Role(second, always)],
        "stops": [_Role(first, early)],
        "off-screen too": [_Role(first, always)],
        "same": [_Role(first, early), _Role(first, late)],
        "off-screen": [_Role(first, (False,) * 10)],
    }
    return place, roles[kind], second if kind.startswith("off-screen") else ""


def _place_of(rng: Rng, category: str) -> str:
    places = shapes()[category].places
    return places[int(rng.integers(len(places)))]


def _together(rng: Rng, count: int, among: set[str]) -> tuple[str, list[str]]:
    """Different categories that are found in one place."""
    at = {place: [name for name in sorted(among) if place in shapes()[name].places] for place in GROUND}
    fitting = [place for place, names in at.items() if len(names) >= count]
    place = fitting[int(rng.integers(len(fitting)))]
    return place, [str(name) for name in rng.choice(at[place], count, replace=False)]


def _silent(rng: Rng, place: str, roles: Sequence[_Role], most: int) -> list[_Role]:
    """Things that are only seen, of categories that don't sound."""
    names = [name for name, shape in shapes().items() if place in shape.places]
    names = sorted(set(names) - {role.category for role in roles})
    count = min(int(rng.integers(1, most + 1)), len(names))
    return [_Role(str(name), (False,) * len(roles[0].active)) for name in rng.choice(names, count, replace=False)]


# ------------------------------------------------------------------------------------------------------ where it is


def _placed(rng: Rng, roles: Sequence[_Role], place: str, width: int, height: int) -> tuple[Actor, ...]:
    """Side by side in any order, what is silent smaller; those in front last."""
    slots = rng.permutation(len(roles))
    actors = [_actor(rng, role, int(slot), len(roles), width, height) for role, slot in zip(roles, slots, strict=True)]
    ground = GROUND[place] * height
    deep = [replace(actor, y=_line(rng, actor, ground, height)) for actor in actors]
    return tuple(sorted(deep, key=lambda actor: actor.y))


def _actor(rng: Rng, role: _Role, slot: int, slots: int, width: int, height: int) -> Actor:
    shape = shapes()[role.category]
    scale = rng.uniform(0.95, 1.15) if any(role.active) else rng.uniform(0.6, 0.8)
    scale *= 1.35 if slots == 1 else 1.15 if slots == 2 else 1.0
    return Actor(
        category=role.category,
        active=role.active,
        colour=shape.colours[int(rng.integers(len(shape.colours)))],
        height=shape.height * scale * min(width, height),
        x=width * (slot + 0.5 + rng.uniform(-0.12, 0.12)) / slots,
        y=0.0,
        mirrored=bool(rng.integers(2)),
        sway=rng.uniform(0.02, 0.08) * width,
        sway_seconds=rng.uniform(2.5, 6.0),
        phase=rng.uniform(0, 2 * np.pi),
    )


def _line(rng: Rng, actor: Actor, ground: float, height: int) -> float:
    if shapes()[actor.category].flies:
        return max(0.45 * actor.height, rng.uniform(0.18, 0.42) * height)
    return rng.uniform(ground + 0.35 * (height - ground), height - 8)
