"""What is seen in image k of the sample world: who is in it, and where they stand.

Everything of image k depends on the seed and k alone. Every 21 images in a row each star a different category,
and of every 8 images four repeat no category (one object, or two to four), and four show one twice or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .draws import generator
from .world_painting import Pixels, Place, Placed, draw_background, draw_shadow, draw_thing, extent
from .world_silhouettes import shape_names

CATEGORIES, OTHERS = shape_names("category"), shape_names("other")
PERSONS = ("male", "female", "baby")
FLYING = ("airplane", "bird", "kite", "sports ball")
HERDS = ("bird", "car", "cow", "elephant", "female", "horse", "male", "sheep", "zebra")
OUTDOORS = ("tree", "fir", "bush", "rock", "mushroom", "post", "lamp")
INDOORS = NARROW = ("post", "lamp")
PLANS = ("several", "pair", "several", "mixed", "one", "mixed", "several", "mixed")


@dataclass(frozen=True)
class Seen:
    """One object, or a herd drawn as one, with the part of it that nothing hides."""

    name: str  # a silhouette: "male" where COCO says person
    mask: np.ndarray[Any, np.dtype[np.bool_]]  # (height, width)
    herd: bool = False


@dataclass(frozen=True)
class Scene:
    """A picture and what can be seen in it, from the back to the front."""

    pixels: Pixels  # uint8 (height, width, 3)
    seen: tuple[Seen, ...]
    place: str  # meadow, street, ...


@dataclass(frozen=True)
class Cast:
    """Who takes part in a scene."""

    names: tuple[str, ...]  # objects of the 21 categories
    tiny: tuple[str, ...] = ()
    herd: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # of other COCO categories


def choose_cast(seed: int, number: int) -> Cast:
    """The cast of image ``number`` (from 0)."""
    rng = generator(seed, "world cast", number)
    order = generator(seed, "world stars", number // len(CATEGORIES)).permutation(CATEGORIES)
    star = str(order[number % len(CATEGORIES)])
    plan = PLANS[number % len(PLANS)]
    if plan == "one":
        names = [star]
    elif plan == "pair":
        extra = int(rng.integers(1, 3))
        names = [star, *(str(rng.choice(PERSONS)) if star in PERSONS else star for _ in range(extra))]
    else:
        names = [star, *_company(rng, star, int(rng.integers(1, 4 if plan == "several" else 3)))]
    if plan == "mixed":
        repeated = next(name for name in names if name not in PERSONS)
        names += [repeated] * int(rng.integers(1, 3))
    absent = [name for name in CATEGORIES if name not in names and name not in PERSONS]
    tiny = (str(rng.choice(absent)),) if rng.random() < 0.07 else ()
    herd = (str(rng.choice(HERDS)),) if plan in ("pair", "mixed") and rng.random() < 0.14 else ()
    others = rng.permutation(OTHERS)[: rng.choice(3, p=(0.45, 0.35, 0.2))]
    return Cast(tuple(names), tiny, herd, tuple(map(str, others)))


def _company(rng: np.random.Generator, star: str, count: int) -> list[str]:
    """Other categories, each once, at most one person in all."""
    names: list[str] = []
    for name in map(str, rng.permutation(CATEGORIES)):
        persons = sum(other in PERSONS for other in (star, *names))
        if len(names) < count and name != star and not (name in PERSONS and persons):
            names.append(name)
    return names


def draw_scene(seed: int, number: int) -> Scene:
    """Image ``number`` (from 0), painted from the back to the front; who is wholly hidden is not in ``seen``."""
    cast = choose_cast(seed, number)
    rng = generator(seed, "world scene", number)
    width, height = (int(side) for side in rng.integers((320, 240), (481, 361)))
    place = Place(
        str(rng.choice(("meadow", "beach", "street", "room", "desert", "snow", "night"))),
        width,
        height,
        float(rng.uniform(0.42, 0.62)),
    )
    pixels = draw_background(rng, place)
    owner = np.full((height, width), -1)
    placed = _arrange(rng, place, cast)
    for index, things in enumerate(placed):
        for thing in things:
            if thing.name not in FLYING:
                draw_shadow(pixels, thing)
            owner[draw_thing(rng, pixels, thing)] = index
    seen = []
    for index, things in enumerate(placed):
        mask = owner == index
        if things[0].name in CATEGORIES or things[0].name in OTHERS:
            seen += [Seen(things[0].name, mask, len(things) > 1)] if mask.any() else []
    return Scene(np.rint(np.clip(pixels, 0, 255)).astype(np.uint8), tuple(seen), place.name)


def _arrange(rng: np.random.Generator, place: Place, cast: Cast) -> list[tuple[Placed, ...]]:
    """Everything in a scene, the farthest first; things of one tuple are one herd."""
    groups: list[tuple[Placed, ...]] = []
    count = len(cast.names)
    slots = rng.permutation(count)
    largest = 0.16 if count < 3 else 0.1 if count < 5 else 0.07
    for name, slot in zip(cast.names, slots, strict=True):
        share = np.exp(rng.uniform(np.log(0.03), np.log(largest)))
        x = (slot + 0.5 + rng.uniform(-0.25, 0.25)) / count
        groups.append((_put(rng, place, name, x, share, widest=min(0.8, 1.6 / count)),))
    for name in cast.others:
        groups.append((_put(rng, place, name, rng.uniform(0.05, 0.95), rng.uniform(0.015, 0.05)),))
    for name in cast.tiny:
        groups.append((_put(rng, place, name, rng.uniform(0.1, 0.9), rng.uniform(0.001, 0.004)),))
    for name in rng.choice(INDOORS if place.name == "room" else OUTDOORS, rng.integers(1, 4)):
        share = rng.uniform(0.01, 0.04) * (0.3 if name in NARROW else 1.0)
        groups.append((_put(rng, place, str(name), rng.uniform(0, 1), share),))
    groups.sort(key=lambda group: group[0].base)
    return [tuple(_herd(rng, place, name)) for name in cast.herd] + groups


def _put(rng: np.random.Generator, place: Place, name: str, x: float, share: float, widest: float = 0.5) -> Placed:
    """One thing at ``x`` (0..1) that covers ``share`` of the image, made smaller where it would not fit."""
    thing = Placed(
        name,
        0,
        0,
        float(np.sqrt(share * place.width * place.height)),
        float(rng.normal(0, 5)),
        bool(rng.random() < 0.5),
    )
    wide, high = extent(thing)
    thing = thing.scaled(min(1.0, widest * place.width / wide, 0.8 * place.height / high))
    wide, high = extent(thing)
    ground = place.height * place.horizon
    base = rng.uniform(ground + 0.25 * (place.height - ground), 0.98 * place.height)
    if name in FLYING and rng.random() < 0.8:
        base = rng.uniform(high, max(high + 1, ground))
    x = float(np.clip(x * place.width, 0.46 * wide, place.width - 0.46 * wide))
    return thing.moved(x, float(max(base, 0.95 * high)) - high / 2)


def _herd(rng: np.random.Generator, place: Place, name: str) -> list[Placed]:
    """Six to ten of a kind, small, side by side on the horizon."""
    count = int(rng.integers(6, 11))
    size = float(np.sqrt(rng.uniform(0.003, 0.006) * place.width * place.height))
    flip = bool(rng.random() < 0.5)
    left = rng.uniform(0.05, 0.3) * place.width
    herd = [Placed(name, 0, 0, size * rng.uniform(0.85, 1.1), float(rng.normal(0, 3)), flip) for _ in range(count)]
    for index, thing in enumerate(herd):
        wide, high = extent(thing)
        left += 0.42 * wide
        herd[index] = thing.moved(left, place.height * (place.horizon + rng.uniform(0.04, 0.1)) - high / 2)
        left += 0.42 * wide
    return herd
