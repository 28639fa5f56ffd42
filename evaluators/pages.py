"""What the pages to look at share: their head and its policy, escaping, filters, pictures under overlays, waveforms.

Pure functions from values to HTML. A page is static and works from ``file://``: ``index.html`` with one style and one script
beside it, put together from the files in ``data``. All that comes from data passes :func:`escaped` or ``urllib.parse.quote``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

import numpy as np

# No script, style, image or sound but the files beside the page and in the dataset folder; nothing inline, nothing remote.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'"
HALF = 20  # height of half a waveform, in drawing units
PLAY = '<button type="button" class="play" aria-label="Play"></button>'
NONE_FITS = (
    '<p id="none" hidden>No sample fits these filters. <button type="button" id="reset">Clear filters</button></p>'
)

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Menu:
    """A filter: cards whose ``data-<name>`` is the chosen value, or is a list ``|a|b|`` that has it."""

    name: str
    every: str  # said where nothing is chosen
    counts: Mapping[str, int]  # cards of each value
    label: Callable[[str], str] = str


def escaped(value: object) -> str:
    """A value as text of a page or of an attribute; what UTF-8 can't hold is replaced."""
    return escape(str(value).encode("utf-8", "replace").decode(), quote=True)


def start(title: str, heading: str, facts: Sequence[str], name: str) -> str:
    """All of a page down to its header; ``<name>.css`` and ``<name>.js`` stand beside it."""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{escaped(title)}</title>
<link rel="stylesheet" href="{name}.css">
<script src="{name}.js" defer></script>
<header>
<h1>{escaped(heading)}</h1>
<p>{" · ".join(escaped(fact) for fact in facts)}</p>
</header>"""


def assets(*names: str, package: str = "evaluators") -> str:
    """Style or script files of a package's ``data``, one after the other."""
    data = resources.files(package).joinpath("data")
    return "".join(data.joinpath(name).read_text("utf-8") for name in names)


def filters(menus: Sequence[Menu], cards: int) -> str:
    """The bar of filters: search by id, menus, masks on and off, the number of cards that fit."""
    parts = []
    for menu in menus:
        options = "".join(
            f'<option value="{escaped(value)}">{escaped(menu.label(value))} ({count})</option>'
            for value, count in sorted(menu.counts.items())
        )
        first = escaped(menu.every)
        parts.append(
            f'<select id="{menu.name}" aria-label="{first}"><option value="">{first}</option>{options}</select>'
        )
    return f"""<form id="filters" autocomplete="off">
<input id="search" type="search" placeholder="Find an id" aria-label="Find an id" spellcheck="false">
{chr(10).join(parts)}
<label><input id="overlays" type="checkbox" checked> Masks</label>
<output id="count">{cards} of {cards}</output>
</form>"""


def listed(names: Sequence[str]) -> str:
    """Several values of one ``data-`` attribute."""
    return escaped("|" + "|".join(names) + "|")


def tags(setting: str, split: str) -> str:
    """Setting and split, as they stand on a card."""
    style = split if split in ("train", "val", "test") else ""
    return f'<span class="setting">{escaped(setting)}</span> <span class="split {style}">{escaped(split)}</span>'


def size_class(width: int, height: int) -> str:
    """The class of pictures of one size; a style of its own gives them their shape before they are loaded."""
    return f"size-{int(width)}x{int(height)}"


def stage(photo: str, overlay: str, alt: str, width: int, height: int, above: str = "") -> str:
    """A picture under its overlay, either of them an address or "", both stretched over one box of the picture's shape."""
    under = (
        f'<img class="photo" src="{photo}" alt="{escaped(alt)}" loading="lazy" decoding="async" width="{int(width)}" height="{int(height)}">\n'
        if photo
        else ""
    )
    over = f'<img class="overlay" src="{overlay}" alt="" loading="lazy" decoding="async">\n' if overlay else ""
    return f"""<div class="stage {size_class(width, height)}">
{under}{over}{above}
</div>"""


def envelope(pcm: Array, columns: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Peak of each of ``columns`` pieces of a sound of integers (samples, channels), float64 (channels, columns).

    The loudest of all channels is 1; silence is 0.
    """
    pieces = np.array_split(np.abs(pcm.astype(np.int32)), columns)
    silent = np.zeros(pcm.shape[1], np.int32)
    peaks = np.array(
        [piece.max(axis=0) if len(piece) else silent for piece in pieces], np.float64
    ).T  # (columns, channels) -> (channels, columns)
    scaled: np.ndarray[Any, np.dtype[np.float64]] = peaks / max(peaks.max(), 1.0)
    return scaled


def heights(peaks: Array) -> list[list[int]]:
    """Whole drawing units, 0 to HALF - 1, of an envelope."""
    rows: list[list[int]] = np.rint(peaks * (HALF - 1)).astype(int).tolist()
    return rows


def wave_path(row: Sequence[int], middle: int) -> str:
    """Path of upright strokes, one a column, around ``middle``; at least a dot, so that silence is a line."""
    return "".join(f"M{x}.5 {middle - max(height, 0.5):g}v{2 * max(height, 0.5):g}" for x, height in enumerate(row))


def wave(columns: int, channels: int, paths: str, attributes: str = "") -> str:
    """The box of a waveform, over which the script moves a line."""
    return (
        f'<div class="wave"><svg viewBox="0 0 {columns} {2 * HALF * channels}" preserveAspectRatio="none" '
        f'aria-hidden="true"{attributes}>{paths}</svg><i></i></div>'
    )
