"""Pictures of a scene of the mini AVSBench, and the label maps that go with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.avss import avss_categories

from .mini_places import draw_place
from .mini_scenes import Actor, Scene
from .mini_shapes import Sprite, draw, shapes

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[np.uint8]]
Canvas = np.ndarray[Any, np.dtype[np.float32]]

TURN, STEP = 4.0, 2.0  # a thing that sounds rocks so many degrees, in such steps
ROCKS, HOPS = 3.1, 1.7  # a second
HOP = 0.05  # of its height
SHADOW = 0.3


class Painter:
    """Paints one scene; a picture is ``uint8`` (height, width, 3), a label map ``uint8`` (height, width)."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        rng = np.random.default_rng([*scene.key, 3])
        self._background = draw_place(scene.place, rng, scene.width, scene.height).astype(np.float32)
        self._sprites: dict[tuple[int, float], Sprite] = {}
        self._shadows: dict[int, Canvas] = {}

    def picture(self, index: int) -> Pixels:
        """Picture ``index``, from 0, at ``index / rate`` seconds."""
        canvas = self._background.copy()
        for number, actor in enumerate(self.scene.actors):
            sprite, x, y = self._posed(number, index)
            if not shapes()[actor.category].flies:
                self._shade(canvas, number, x)
            canvas_part, sprite_part = _overlap(canvas.shape, sprite.cover.shape, x + sprite.left, y + sprite.top)
            cover = sprite.cover[sprite_part][:, :, None]
            canvas[canvas_part] += (sprite.pixels[sprite_part] - canvas[canvas_part]) * cover
        return np.rint(canvas).astype(np.uint8)

    def labels(self, index: int) -> Labels:
        """Of picture ``index``: the pixels that a thing covers by half or more, where it is in front, of what sounds then."""
        found = np.zeros((self.scene.height, self.scene.width), np.uint8)
        for number, actor in enumerate(self.scene.actors):
            sprite, x, y = self._posed(number, index)
            canvas_part, sprite_part = _overlap(found.shape, sprite.cover.shape, x + sprite.left, y + sprite.top)
            label = avss_categories().index(actor.category) if self._sounds(actor, index) else 0
            found[canvas_part][sprite.cover[sprite_part] >= 0.5] = label
        return found

    def _sounds(self, actor: Actor, index: int) -> bool:
        return actor.active[index // self.scene.rate]

    def _shade(self, canvas: Canvas, number: int, x: int) -> None:
        """A soft shadow on the ground; no part of the mask."""
        actor = self.scene.actors[number]
        if number not in self._shadows:
            width = draw(shapes()[actor.category], actor.colour, actor.height).cover.shape[1]
            self._shadows[number] = _shadow(width)
        shadow = self._shadows[number]
        left, top = x - shadow.shape[1] // 2, round(actor.y) - shadow.shape[0] // 2
        canvas_part, shadow_part = _overlap(canvas.shape, shadow.shape, left, top)
        canvas[canvas_part] *= shadow[shadow_part]

    def _posed(self, number: int, index: int) -> tuple[Sprite, int, int]:
        """The drawing of an actor, and the pixel that it is placed by."""
        actor, seconds = self.scene.actors[number], index / self.scene.rate
        x = actor.x + actor.sway * np.sin(2 * np.pi * seconds / actor.sway_seconds + actor.phase)
        y, degrees = actor.y, 0.0
        if self._sounds(actor, index):
            degrees = STEP * round(TURN / STEP * float(np.sin(2 * np.pi * ROCKS * seconds + actor.phase)))
            y -= HOP * actor.height * abs(float(np.sin(np.pi * HOPS * seconds + actor.phase)))
        if (number, degrees) not in self._sprites:
            shape = shapes()[actor.category]
            self._sprites[number, degrees] = draw(shape, actor.colour, actor.height, degrees, actor.mirrored)
        return self._sprites[number, degrees], round(float(x)), round(y)


def _overlap(
    canvas: tuple[int, ...], thing: tuple[int, ...], left: int, top: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the canvas and the part of a thing on it that lie on each other, by their shapes (height, width, ...)."""
    low, high = max(0, top), max(0, min(canvas[0], top + thing[0]))
    first, last = max(0, left), max(0, min(canvas[1], left + thing[1]))
    return (slice(low, high), slice(first, last)), (
        slice(low - top, max(low, high) - top),
        slice(first - left, max(first, last) - left),
    )


def _shadow(width: int) -> Canvas:
    """What is left of the light, 0 to 1, below a thing: an oval, darkest in its middle."""
    across, down = max(4, round(0.46 * width)), max(3, round(0.09 * width))
    rows, columns = np.ogrid[-down : down + 1, -across : across + 1]
    distance = (rows / down) ** 2 + (columns / across) ** 2
    light: Canvas = (1 - SHADOW * np.clip(1.2 * (1 - distance), 0, 1))[:, :, None].astype(np.float32)
    return light
