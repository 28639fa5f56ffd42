"""The gallery of videos as HTML: pure functions from cards to text. All that comes from data passes ``escaped``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluators import pages
from evaluators.overlays import COLOURS
from evaluators.pages import HALF, Menu, escaped

PER_SECOND = 30  # columns of a waveform
TALLEST = 4 / 3  # height over width of a frame's place; what is taller gets narrower


@dataclass(frozen=True)
class Shot:
    """A frame: the addresses of picture and overlay, "" where there is none, the picture's size, and what has to be said of it."""

    photo: str
    overlay: str
    width: int
    height: int
    annotated: bool
    said: str = ""


@dataclass(frozen=True)
class Chip:
    """A category, and the number of its colour; -1 where no mask shows which pixels are its."""

    name: str
    colour: int


@dataclass(frozen=True)
class Card:
    """One video on the page. ``heights``: of the waveform, PER_SECOND a second, as many seconds as there are shots."""

    id: str
    setting: str
    split: str
    shots: tuple[Shot, ...]
    chips: tuple[Chip, ...]
    sound: str  # address, or ""
    heights: Sequence[int]
    notes: tuple[str, ...] = ()


def page(title: str, facts: Sequence[str], cards: Sequence[Card]) -> str:
    """The whole ``index.html``."""
    return f"""{pages.start(f"{title} · gallery", title, facts, "gallery")}
{_filters(cards)}
<main id="cards">
{"".join(_card(card) for card in cards)}</main>
{pages.NONE_FITS}
<footer>Filled: what sounds when the frame is taken, at the end of its second. Hatched: not scored. Below the frames the sound of the same seconds.<br>
<kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>space</kbd> play · <kbd>o</kbd> masks · <kbd>/</kbd> search</footer>
</html>
"""


def shape_rules(cards: Iterable[Card]) -> str:
    """One CSS rule per frame size and per number of seconds, so that cards have their shape before a picture is loaded."""
    cards = list(cards)
    sizes = sorted({(shot.width, shot.height) for card in cards for shot in card.shots})
    rules = [f".seconds-{count} {{ --seconds: {count}; }}\n" for count in sorted({len(card.shots) for card in cards})]
    for width, height in sizes:
        share = min(1.0, TALLEST * width / height)
        rules.append(
            f".stage.{pages.size_class(width, height)} {{ aspect-ratio: {width} / {height}; width: {share:.2%}; }}\n"
        )
    return "".join(rules)


def _filters(cards: Sequence[Card]) -> str:
    menus = [
        Menu("setting", "All settings", Counter(card.setting for card in cards), str.upper),
        Menu("split", "All splits", Counter(card.split for card in cards)),
        Menu("category", "All categories", Counter(name for card in cards for name in _names(card))),
    ]
    return pages.filters(menus, len(cards))


def _names(card: Card) -> list[str]:
    return [chip.name for chip in card.chips]


def _card(card: Card) -> str:
    play = pages.PLAY if card.sound else ""
    sound = f'<audio controls preload="none" src="{card.sound}"></audio>\n' if card.sound else ""
    wave = pages.wave(len(card.heights), 1, f'<path class="l" d="{pages.wave_path(card.heights, HALF)}"/>')
    notes = "".join(f"<p>{escaped(note)}</p>" for note in card.notes)
    return f"""<article class="card" tabindex="-1" data-id="{escaped(card.id)}" data-setting="{escaped(card.setting)}" \
data-split="{escaped(card.split)}" data-category="{pages.listed(_names(card))}">
<section class="sound" data-seconds="{len(card.shots)}">
<h2>{play}<span>{pages.tags(card.setting.upper(), card.split)}</span>{"".join(map(_chip, card.chips))}<code>{escaped(card.id)}</code></h2>
<div class="strip"><div class="seconds-{len(card.shots)}">
<div class="frames">{"".join(_shot(shot, second) for second, shot in enumerate(card.shots, 1))}</div>
{wave if card.heights else ""}
</div></div>
{sound}</section>
{f'<div class="notes">{notes}</div>' if notes else ""}</article>
"""


def _chip(chip: Chip) -> str:
    if chip.colour < 0:
        return f'<b class="chip">{escaped(chip.name)}</b>'
    return f'<b class="chip c{chip.colour % len(COLOURS)}"><i></i>{escaped(chip.name)}</b>'


def _shot(shot: Shot, second: int) -> str:
    """A frame with the end of its second below."""
    picture = pages.stage(shot.photo, shot.overlay, f"second {second}", shot.width, shot.height)
    said = f"<em>{escaped(shot.said)}</em> " if shot.said else ""
    styles = " ".join(["bare"] * (not shot.annotated) + ["missing"] * (not shot.photo))
    attribute = f' class="{styles}"' if styles else ""
    return f"<figure{attribute}>{picture}<figcaption>{said}<span>{second} s</span></figcaption></figure>\n"
