"""The shapes of the sample world: what can be seen in it, as polygons, ovals, smooth outlines and strokes.

A shape is a text, a part a line, on a grid of about 100 x 100 with y downwards; animals and vehicles look left.

    blob x,y x,y ...       smooth closed outline through the points
    poly x,y x,y ...       polygon
    oval x,y rx,ry         ellipse
    line w x,y x,y ...     stroke of width w with round ends

A part adds to the silhouette; after ``cut`` it is taken away again; after ``mark`` it is only painted on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Points = np.ndarray[Any, np.dtype[np.float64]]  # (points, 2): x, y


@dataclass(frozen=True)
class Part:
    """One polygon (``width`` 0) or stroke of a silhouette, in units where the whole silhouette covers an area of 1."""

    role: str  # add, cut, mark
    points: Points
    width: float


# What a category looks like. The three persons share the COCO category person.
CATEGORIES = {
    "airplane": """
        blob 1,52 6,46 18,43 50,42 82,42 98,38 97,46 84,54 50,57 18,58 6,57
        poly 78,44 89,18 98,18 95,44
        poly 36,53 58,53 84,86 73,86
        poly 40,44 56,44 70,16 62,16
        poly 82,49 91,49 99,62 93,62
        mark poly 5,48 13,45 15,49 6,51
        mark oval 26,48 2,2.2
        mark oval 34,48 2,2.2
        mark oval 42,48 2,2.2
        mark oval 50,48 2,2.2
        mark oval 58,48 2,2.2
        mark oval 66,48 2,2.2
        mark poly 84,32 88,22 96,22 95,32""",
    "bird": """
        blob 7,46 11,38 20,34 30,39 48,46 70,50 97,44 99,52 94,60 72,62 50,66 28,60 14,54
        poly 9,41 -5,47 10,50
        blob 32,50 40,26 58,8 78,0 80,6 70,24 64,54
        poly 28,46 24,24 32,6 37,6 46,46
        mark oval 16,42 2.2,2.2
        mark line 2 48,46 60,26 74,8
        mark line 2 55,50 63,36 71,22
        mark line 2 78,55 94,50
        mark line 2 78,58 92,56""",
    "bus": """
        blob 3,16 30,12 70,12 97,15 99,45 98,74 50,76 2,74 1,45
        oval 22,76 10,10
        oval 78,76 10,10
        mark poly 6,22 22,22 22,44 5,44
        mark poly 26,22 40,22 40,42 26,42
        mark poly 44,22 58,22 58,42 44,42
        mark poly 62,22 76,22 76,42 62,42
        mark poly 81,22 93,22 93,68 81,68
        mark line 2.5 5,54 76,54
        mark oval 22,76 5,5
        mark oval 78,76 5,5""",
    "car": """
        blob 1,58 5,48 24,44 37,28 52,25 68,28 82,44 96,48 99,58 97,66 50,68 3,66
        oval 24,67 11,11
        oval 76,67 11,11
        mark poly 30,45 40,32 51,31 51,45
        mark poly 55,45 55,31 66,32 76,45
        mark oval 24,67 5.5,5.5
        mark oval 76,67 5.5,5.5
        mark oval 6,53 2.5,3
        mark line 1.5 58,51 64,51""",
    "cat": """
        blob 46,38 60,44 72,62 76,84 70,97 50,98 30,97 32,78 36,58
        blob 40,14 54,18 59,28 54,39 40,43 26,39 21,28 26,18
        poly 22,26 21,3 38,16
        poly 58,26 59,3 42,16
        line 7 68,93 88,92 94,76 88,62 92,52
        mark oval 33,27 2.4,3.4
        mark oval 47,27 2.4,3.4
        mark poly 37,33 43,33 40,36
        mark line 1.2 30,34 18,32
        mark line 1.2 30,36 19,38
        mark line 1.2 50,34 62,32
        mark line 1.2 50,36 61,38
        mark line 1.8 42,70 42,94
        mark line 1.8 52,70 52,94""",
    "cell phone": """
        blob 29,3 50,2 71,3 73,6 73,50 73,94 71,97 50,98 29,97 27,94 27,50 27,6
        mark poly 31,12 69,12 69,82 31,82
        mark oval 50,90 4,4
        mark line 2 44,7 56,7""",
    "cow": """
        poly 26,32 40,29 90,30 95,36 95,64 88,70 36,70 28,62
        blob 2,52 7,42 12,32 22,27 31,32 30,46 20,56 8,60
        line 4 14,31 7,24 9,14
        line 4 24,29 30,22 27,12
        line 6 28,36 38,33
        oval 70,71 9,7
        line 9 34,66 34,95
        line 8 45,66 45,95
        line 8 80,66 80,95
        line 9 90,66 90,95
        line 3.5 93,34 100,48 99,72
        oval 99,75 3,6
        mark oval 17,40 2.2,2.2
        mark oval 8,53 3.5,2.5
        mark blob 44,32 58,33 60,44 50,50 42,44
        mark blob 70,46 84,42 88,56 76,62""",
    "dog": """
        blob 32,46 46,43 66,45 82,44 86,54 80,66 60,65 46,70 34,66 28,56
        blob 2,42 5,36 16,33 21,25 33,24 40,36 42,54 32,62 22,52 8,47
        blob 29,23 38,25 45,40 42,50 35,46 32,34
        line 7 34,62 32,93 28,94
        line 7 44,64 45,93 41,94
        line 10 76,60 81,76
        line 7 81,76 77,93 72,94
        line 7 70,62 66,78 67,93 62,94
        line 5.5 82,49 92,40 95,24 91,16
        mark oval 21,34 2.2,2.2
        mark oval 4,39 2.8,2.8
        mark line 1.8 32,26 35,44 41,48
        mark line 1.5 6,45 15,47""",
    "elephant": """
        blob 34,22 58,12 84,18 96,36 95,58 90,72 66,68 40,72 28,56
        blob 14,40 14,26 24,16 36,16 44,28 42,48 30,58 18,54
        line 11 17,42 10,58 8,70
        line 8 8,70 8,80 14,86 20,83
        poly 20,52 7,62 4,58 16,46
        line 15 44,64 44,90
        line 13 60,62 60,90
        line 15 86,62 86,90
        line 3 94,36 100,50 99,60
        mark line 2 34,22 46,24 50,38 44,54 36,46
        mark oval 21,33 2.2,2.2
        mark line 1.6 39,95 49,95
        mark line 1.6 81,95 91,95""",
    "horse": """
        blob 34,44 58,46 82,40 92,50 86,63 60,62 42,66 31,58
        poly 31,60 22,34 20,22 30,13 40,22 52,47
        blob 20,18 29,13 31,24 24,33 12,42 5,42 3,36 10,28
        poly 22,18 24,4 30,14
        blob 28,10 39,12 48,24 56,40 54,48 46,44 38,28
        blob 86,42 95,40 101,52 101,72 96,86 93,72 91,56
        line 7 37,60 36,78 37,96
        line 6.5 42,62 26,68 24,82
        line 10 82,58 88,72
        line 6.5 88,72 84,84 87,96
        line 6.5 75,60 72,78 64,95
        mark oval 21,23 2,2
        mark oval 7,38 1.5,1.5
        mark line 1.6 32,14 42,26 50,42
        mark line 1.6 95,46 97,60 96,76""",
    "keyboard": """
        blob 6,33 50,32 94,33 98,50 100,66 97,68 50,68 3,68 0,66 2,50
        mark line 4.5 11,40 89,40
        mark line 4.5 9,48 91,48
        mark line 4.5 7,56 93,56
        mark line 4.5 10,63.5 22,63.5
        mark line 4.5 30,63.5 70,63.5
        mark line 4.5 78,63.5 90,63.5""",
    "motorcycle": """
        oval 18,72 18,18
        cut oval 18,72 10,10
        oval 82,72 18,18
        cut oval 82,72 10,10
        oval 18,72 4,4
        oval 82,72 4,4
        line 4.5 18,72 32,38 28,26
        line 4.5 28,26 38,22
        blob 33,44 40,34 54,34 62,42 58,52 40,54
        blob 56,42 76,40 94,32 98,36 86,48 64,52
        poly 38,52 66,50 62,80 42,80
        line 4 56,66 82,72
        line 6 52,80 74,84 98,80
        oval 28,38 6,6
        mark oval 28,38 3,3
        mark line 2 42,60 60,60
        mark line 2 43,66 60,66
        mark line 2 43,72 60,72
        mark line 2 40,43 54,41""",
    "mouse": """
        blob 50,99 33,94 25,78 27,56 36,42 50,38 64,42 73,56 75,78 67,94
        line 4 50,40 49,28 60,22 66,12 58,2
        mark line 2 27,62 73,62
        mark line 2 50,39 50,61
        mark oval 50,50 3.6,6""",
    "sheep": """
        oval 52,50 28,20
        oval 30,42 13,12
        oval 43,33 13,12
        oval 60,32 13,12
        oval 75,39 13,12
        oval 82,53 12,12
        oval 73,66 13,11
        oval 54,70 13,11
        oval 36,66 13,11
        oval 26,55 11,12
        blob 14,32 22,36 24,48 19,60 12,63 6,58 6,44
        line 6 20,38 31,33
        line 6 38,74 38,96
        line 6 47,76 47,96
        line 6 66,74 66,96
        line 6 75,72 75,96
        oval 95,50 5,6
        mark oval 13,44 2,2
        mark line 1.8 38,46 43,42 48,46
        mark line 1.8 56,42 61,38 66,42
        mark line 1.8 64,56 69,52 74,56
        mark line 1.8 46,60 51,56 56,60""",
    "skateboard": """
        line 7 3,42 15,51 85,51 97,42
        poly 18,50 34,50 30,62 22,62
        poly 66,50 82,50 78,62 70,62
        oval 26,64 8,8
        oval 74,64 8,8
        mark oval 26,64 3.5,3.5
        mark oval 74,64 3.5,3.5
        mark line 1.8 16,50 84,50""",
    "sports ball": """
        oval 50,50 48,48
        mark poly 50,36 63,46 58,61 42,61 37,46
        mark poly 50,4 62,10 50,18 38,10
        mark poly 94,38 96,54 85,50 84,40
        mark poly 6,38 4,54 15,50 16,40
        mark poly 76,86 66,92 66,80 76,76
        mark poly 24,86 34,92 34,80 24,76
        mark line 1.8 50,36 50,18
        mark line 1.8 63,46 84,42
        mark line 1.8 37,46 16,42
        mark line 1.8 58,61 66,80
        mark line 1.8 42,61 34,80""",
    "tennis racket": """
        oval 50,28 23,28
        poly 32,46 68,46 55,66 45,66
        cut poly 44,57 56,57 50,64
        line 8 50,64 50,97
        mark line 1.3 36,12 36,44
        mark line 1.3 43,6 43,50
        mark line 1.3 50,4 50,52
        mark line 1.3 57,6 57,50
        mark line 1.3 64,12 64,44
        mark line 1.3 34,14 66,14
        mark line 1.3 31,22 69,22
        mark line 1.3 31,30 69,30
        mark line 1.3 32,38 68,38
        mark line 1.3 37,46 63,46
        mark line 2 47,84 53,80
        mark line 2 47,92 53,88""",
    "zebra": """
        blob 36,36 58,38 84,33 94,44 88,58 62,60 44,62 34,54
        poly 40,35 50,56 28,76 14,68 24,50
        blob 26,66 28,78 18,92 8,98 2,94 4,84 14,70
        poly 42,36 36,27 35,35 28,32 30,41 22,40 25,48 16,48 20,56 11,58 16,66 28,60
        poly 16,70 4,62 8,74
        line 3 92,40 100,54 99,68
        oval 99,72 3,6
        line 7 42,56 43,95
        line 6.5 51,56 53,95
        line 10 86,52 90,70
        line 6.5 90,70 87,82 88,95
        line 6.5 78,56 76,76 77,95
        mark oval 16,77 2,2
        mark oval 6,93 1.6,1.6
        mark line 1.8 40,38 30,52 20,66
        mark line 1.6 86,90 92,90
        mark line 1.6 40,90 46,90""",
    "male": """
        oval 50,10 9.5,10
        poly 40,4 60,4 60,-2 40,-2
        line 3 34,4 66,4
        poly 44,17 56,17 70,23 68,58 32,58 30,23
        line 8 31,27 20,42 22,58
        line 8 69,27 82,40 78,56
        line 12 40,58 36,94
        line 12 60,58 64,94
        line 6 36,95 27,96
        line 6 64,95 73,96
        mark oval 46,10 1.3,1.6
        mark oval 54,10 1.3,1.6
        mark line 1.2 46,15 50,16.5 54,15
        mark line 1.6 50,22 50,56
        mark line 2.4 33,57 67,57""",
    "female": """
        blob 50,0 61,4 64,16 68,32 60,32 40,32 32,32 36,16 39,4
        poly 41,24 59,24 61,42 82,80 18,80 39,42
        line 5.5 42,28 28,38 36,48
        line 5.5 58,28 72,38 78,52
        line 6 43,80 42,96 37,97
        line 6 57,80 58,96 63,97
        mark line 1.4 41,26 42,12 50,8 58,12 59,26
        mark oval 46.5,14 1.3,1.6
        mark oval 53.5,14 1.3,1.6
        mark line 1.2 47,19 50,20.5 53,19
        mark line 2.4 39,43 61,43
        mark line 1.6 26,72 74,72""",
    "baby": """
        blob 50,4 68,10 76,28 68,44 50,50 32,44 24,28 32,10
        blob 50,44 66,52 74,72 68,90 50,95 32,90 26,72 34,52
        oval 24,28 5,6
        oval 76,28 5,6
        line 10 34,56 18,54 8,42
        line 10 66,56 82,54 92,42
        line 14 36,86 18,92 10,88
        line 14 64,86 82,92 90,88
        line 3 50,6 54,-1 48,-3
        mark oval 41,26 2.4,3
        mark oval 59,26 2.4,3
        mark oval 50,38 5,3.5
        mark oval 50,74 1.8,1.8
        mark oval 50,62 1.8,1.8""",
}

# Annotated, and silent.
OTHERS = {
    "chair": """
        poly 24,4 34,4 34,56 24,56
        poly 24,6 70,6 70,16 24,16
        poly 62,4 72,4 72,52 62,52
        poly 24,28 70,28 70,36 24,36
        poly 14,52 84,52 84,62 14,62
        line 6 20,62 16,97
        line 6 78,62 82,97
        mark line 2 18,57 80,57""",
    "bottle": """
        blob 44,2 56,2 56,26 64,40 66,70 64,96 50,98 36,96 34,70 36,40 44,26
        mark poly 36,54 64,54 64,78 36,78
        mark line 2 44,8 56,8""",
    "potted plant": """
        poly 30,66 70,66 64,98 36,98
        line 4 50,68 50,40
        blob 50,48 34,40 22,22 26,10 42,22
        blob 50,48 66,40 80,26 78,12 60,22
        blob 50,42 40,22 50,-2 60,22
        blob 48,56 30,58 14,50 10,40 30,44
        blob 52,56 70,58 88,50 90,40 70,44
        mark line 2 31,72 69,72""",
    "umbrella": """
        blob 50,6 74,14 92,30 98,52 84,46 67,52 50,46 33,52 16,46 2,52 8,30 26,14
        line 3.5 50,4 50,88 56,96 63,92 63,86
        mark line 1.6 50,8 34,50
        mark line 1.6 50,8 66,50""",
    "cup": """
        poly 16,22 74,22 66,84 24,84
        oval 76,46 16,18
        cut oval 76,46 8,10
        poly 16,22 74,22 66,84 24,84
        mark line 3 20,32 70,32""",
    "traffic light": """
        poly 34,2 66,2 66,64 34,64
        line 7 50,62 50,98
        mark oval 50,13 8,8
        mark oval 50,33 8,8
        mark oval 50,53 8,8""",
    "boat": """
        poly 2,66 98,66 84,90 16,90
        poly 46,4 46,60 8,60
        poly 52,14 52,60 84,60
        line 3 49,2 49,68
        mark line 2 10,74 92,74""",
    "bench": """
        poly 4,24 96,24 96,36 4,36
        poly 4,54 96,54 96,64 4,64
        line 6 16,28 16,90
        line 6 84,28 84,90
        mark line 1.6 8,30 92,30""",
    "kite": """
        poly 40,2 74,30 48,66 12,30
        line 2.5 48,64 58,74 52,84 62,96
        mark line 2 40,4 48,64
        mark line 2 14,30 72,30""",
    "wine glass": """
        blob 28,4 50,3 72,4 74,26 66,44 50,50 34,44 26,26
        line 5 50,48 50,92
        line 6 30,95 70,95
        mark line 2 28,18 72,18""",
}

# Neither COCO's nor annotated; ``post`` and ``lamp`` are narrow and split what stands behind them.
CLUTTER = {
    "tree": """
        poly 44,52 56,52 58,98 42,98
        blob 50,2 70,10 80,28 74,46 58,56 40,56 24,46 20,28 30,10
        mark oval 40,28 5,5
        mark oval 58,22 5,5
        mark oval 56,42 5,5""",
    "fir": """
        poly 45,80 55,80 55,98 45,98
        poly 50,0 70,32 30,32
        poly 50,18 78,60 22,60
        poly 50,42 86,84 14,84""",
    "bush": """
        oval 28,70 24,24
        oval 52,56 28,28
        oval 76,70 22,24
        poly 8,72 94,72 90,92 12,92
        mark oval 40,60 4,4
        mark oval 60,74 4,4""",
    "rock": """
        blob 4,88 12,62 34,44 60,48 86,64 96,88 50,92
        mark line 2 34,56 46,66 42,78""",
    "mushroom": """
        blob 50,10 80,26 94,54 50,60 6,54 20,26
        poly 40,56 60,56 64,94 36,94
        mark oval 36,34 7,6
        mark oval 62,38 8,7""",
    "post": """
        line 7 50,2 50,98
        mark line 2 47,14 53,14""",
    "lamp": """
        line 5 50,20 50,98
        poly 38,2 62,2 56,22 44,22
        line 8 42,97 58,97
        mark oval 50,12 5,5""",
}


@cache
def silhouette(name: str) -> tuple[Part, ...]:
    """The parts of a shape, moved and scaled so that its box is centred on 0,0 and its filled area is 1.

    So an object's size can be drawn without telling what the object is.
    """
    text = (CATEGORIES | OTHERS | CLUTTER)[name]
    parts = [_part(line.split()) for line in text.strip().splitlines()]
    body = np.concatenate([part.points for part in parts if part.role == "add"])
    middle = (body.min(axis=0) + body.max(axis=0)) / 2
    scale = _filled_area(parts) ** -0.5
    return tuple(Part(part.role, (part.points - middle) * scale, part.width * scale) for part in parts)


def paint(draw: ImageDraw.ImageDraw, points: Points, width: float, value: int) -> None:
    """Fill a polygon, or draw a stroke with round ends and joints, into an 8-bit image."""
    corners = [(float(x), float(y)) for x, y in points]
    if not width:
        draw.polygon(corners, fill=value)
        return
    draw.line(corners, fill=value, width=max(1, round(width)))
    for x, y in corners:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=value)


def _part(words: list[str]) -> Part:
    role = words.pop(0) if words[0] in ("cut", "mark") else "add"
    kind = words.pop(0)
    width = float(words.pop(0)) if kind == "line" else 0.0
    points = np.array([[float(number) for number in word.split(",")] for word in words])
    if kind == "oval":
        angles = np.arange(48) * (2 * np.pi / 48)
        points = points[0] + points[1] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Part(role, _smooth(points) if kind == "blob" else points, width)


def _smooth(points: Points, steps: int = 8) -> Points:
    """A closed Catmull-Rom curve through the points."""
    before, start, end, after = (np.roll(points, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    t = (np.arange(steps) / steps)[None, :, None]
    curve = start + t / 2 * (end - before + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before)))
    return np.asarray(curve.reshape(-1, 2))


def _filled_area(parts: list[Part]) -> float:
    """Area of the silhouette in grid units, measured on a picture of it at 2 pixels a unit."""
    image = Image.new("L", (280, 280))
    draw = ImageDraw.Draw(image)
    for part in parts:
        if part.role != "mark":
            paint(draw, (part.points + 20) * 2, part.width * 2, int(part.role == "add"))
    return float(np.asarray(image).sum()) / 4
