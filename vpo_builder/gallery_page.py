"""The gallery as HTML: pure functions from cards to text. All that comes from data passes ``escaped`` or ``quote``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from evaluators import pages
from evaluators.dataset import DatasetInfo, Instance, Sample
from evaluators.overlays import COLOURS
from evaluators.pages import HALF, Menu, escaped, size_class

_DIGITS = "0123456789abcdefghij"  # one per height 0..HALF - 1
_PIN = 5.0  # percent of the image's width that a pin takes

Envelope = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Sound:
    """What is heard with a sample: the base's sound or that of a variant."""

    sample: Sample
    url: str
    envelope: Envelope  # (2, columns), 0..1
    levels: tuple[float, float]  # dBFS
    seconds: float


@dataclass(frozen=True)
class Card:
    """One sample on the page."""

    number: int
    sample: Sample
    overlay: str  # url
    middles: tuple[tuple[float, float], ...]  # x and y of each source, shares of the image
    sounds: tuple[Sound, ...]  # the base's first


def page(info: DatasetInfo, cards: Sequence[Card], total: int) -> str:
    """The whole ``index.html``."""
    facts = [
        f"{len(cards):,} of {total:,} samples",
        f"seed {info.seed}",
        f"{info.audio} audio",
        f"avskit {info.version}",
    ]
    return f"""{pages.start(f"{info.name} · gallery", info.name, facts, "gallery")}
{_filters(cards)}
<main id="cards">
{"".join(_card(card) for card in cards)}</main>
{pages.NONE_FITS}
<footer>Filled: sounds. Dashed: silent. Hatched: ignored. Numbers below an image stand where each source is heard.<br>
<kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>space</kbd> play · <kbd>o</kbd> masks · <kbd>/</kbd> search</footer>
</html>
"""


def size_rules(samples: Iterable[Sample]) -> str:
    """One CSS rule per image size, so that cards have their shape before an image is loaded."""
    sizes = sorted({(int(sample.picture.width), int(sample.picture.height)) for sample in samples})
    return "".join(
        f".{size_class(w, h)} {{ width: min(100%, {75 * w / h:.2f}cqw); }}\n.stage.{size_class(w, h)} {{ aspect-ratio: {w} / {h}; }}\n"
        for w, h in sizes
    )


def _filters(cards: Sequence[Card]) -> str:
    samples = [card.sample for card in cards]
    menus = [
        Menu("setting", "All settings", Counter(sample.setting for sample in samples), str.upper),
        Menu("split", "All splits", Counter(sample.split for sample in samples)),
        Menu("category", "All categories", Counter(name for sample in samples for name in sample.categories)),
        Menu("sources", "Any number of sources", Counter(str(len(sample.sources)) for sample in samples), _sources),
    ]
    return pages.filters(menus, len(cards))


def _sources(count: str) -> str:
    return "1 source" if count == "1" else f"{count} sources"


def _card(card: Card) -> str:
    sample, picture = card.sample, card.sample.picture
    size = size_class(picture.width, picture.height)
    alt = ", ".join(source.instance.category for source in sample.sources) or "image"
    photo = f"../{quote(sample.image_file)}"
    return f"""<article class="card" tabindex="-1" data-id="{escaped(sample.id)}" data-setting="{
        escaped(sample.setting)
    }" \
data-split="{escaped(sample.split)}" data-sources="{len(sample.sources)}" data-category="{
        pages.listed(sample.categories)
    }">
<h2><span>{pages.tags(sample.setting.upper(), sample.split)}</span> <code>{escaped(sample.id)}</code></h2>
<div class="frame">{pages.stage(photo, card.overlay, alt, picture.width, picture.height, _badges(card))}</div>
{"".join(_sound(sound, size, number) for number, sound in enumerate(card.sounds))}{_variant_buttons(card)}
<ul class="sources">
{
        "".join(
            _source(number, source.instance.category, source.clip.label, source.clip.id, source.clip.licence)
            for number, source in enumerate(sample.sources)
        )
    }</ul>
{_silent(sample)}<p class="origin">{_origin(sample)}</p>
</article>
"""


def _badges(card: Card) -> str:
    """Numbers on the objects that sound."""
    marks = "".join(_mark(number, f"{100 * x:.1f}%", f"{100 * y:.1f}%") for number, (x, y) in enumerate(card.middles))
    return f'<svg class="badges" aria-hidden="true">{marks}</svg>'


def _mark(number: int, x: str, y: str) -> str:
    return f'<circle class="{_colour(number)}" cx="{x}" cy="{y}" r="8.5"/><text x="{x}" y="{y}" dy=".35em">{number + 1}</text>'


def _colour(number: int) -> str:
    return f"c{number % len(COLOURS)}"


def _sound(sound: Sound, size: str, number: int) -> str:
    """Position line, player and waveforms of one sound; those of variants are hidden at first and drawn when asked for."""
    heights = pages.heights(sound.envelope)
    if number == 0:
        waves = "".join(
            f'<path class="{side}" d="{pages.wave_path(row, middle)}"/>'
            for side, row, middle in zip("lr", heights, (HALF, 3 * HALF), strict=True)
        )
        coded = ""
    else:
        waves = '<path class="l"/><path class="r"/>'
        coded = ' data-wave="' + " ".join("".join(_DIGITS[height] for height in row) for row in heights) + '"'
    left, right = (f"{level:.1f} dB" if level > -100 else "silent" for level in sound.levels)
    variant = sound.sample.variant
    hidden = " hidden" if number else ""
    return f"""<section class="sound" data-variant="{escaped(variant)}"{hidden}>
{_rail(sound.sample, size)}
<div class="player">{pages.PLAY}
{pages.wave(len(heights[0]), 2, waves, coded)}
<div class="levels"><span title="Level of the left channel, full scale 0 dB">L <b>{left}</b></span>\
<time>{sound.seconds:.1f} s</time><span title="Level of the right channel, full scale 0 dB">R <b>{right}</b></span></div>
<audio controls preload="none" src="{sound.url}"></audio></div>
{_heard(sound.sample) if number else ""}</section>
"""


def _rail(sample: Sample, size: str) -> str:
    """The line from left to right with a pin for each source, pins that would touch one below the other."""
    lanes: list[float] = []  # where the last pin of each lane stands
    pins = []
    for number, source in sorted(enumerate(sample.sources), key=lambda item: item[1].position):
        x = min(max(100 * source.position, _PIN / 2), 100 - _PIN / 2)
        lane = next((n for n, last in enumerate(lanes) if x - last > _PIN), len(lanes))
        lanes[lane : lane + 1] = [x]
        title = f"<title>{escaped(source.instance.category)} at {source.position:.3f}</title>"
        pins.append(f"<g>{title}{_mark(number, f'{x:.1f}%', str(12 + 20 * lane))}</g>")
    height = 24 + 20 * max(0, len(lanes) - 1)
    ticks = "".join(f'<line x1="{x}%" x2="{x}%" y1="8" y2="16"/>' for x in (0, 25, 50, 75, 100))
    return (
        f'<div class="place {size}"><svg class="rail" height="{height}" role="img" aria-label="Where each source is heard">'
        f'<line x1="0" x2="100%" y1="12" y2="12"/>{ticks}{"".join(pins)}</svg></div>'
    )


def _heard(sample: Sample) -> str:
    names = ", ".join(f"{source.clip.label} ({source.clip.id})" for source in sample.sources) or "no clip"
    truth = " Nothing that is seen sounds." if sample.truth == "empty" else ""
    return f'<p class="heard">Heard: {escaped(names)}.{truth}</p>\n'


def _variant_buttons(card: Card) -> str:
    if len(card.sounds) < 2:
        return ""
    names = [sound.sample.variant for sound in card.sounds]
    buttons = "".join(
        f'<button type="button" value="{escaped(name)}" aria-pressed="{str(not n).lower()}">{escaped(name)}</button>'
        for n, name in enumerate(names)
    )
    return f'<div class="variants" role="group" aria-label="Variants">{buttons}</div>'


def _source(number: int, category: str, label: str, clip: str, licence: str) -> str:
    return (
        f'<li><b class="chip {_colour(number)}"><i>{number + 1}</i>{escaped(category)}</b> '
        f"<span>{escaped(label)}<br><code>{escaped(clip)}</code>{' · ' + escaped(licence) if licence else ''}</span></li>\n"
    )


def _silent(sample: Sample) -> str:
    if not sample.silent:
        return ""
    return f'<p class="silent"><span>Silent</span> {_names(sample.silent)}</p>\n'


def _names(instances: Sequence[Instance]) -> str:
    counts = Counter(instance.category for instance in instances)
    return " ".join(
        f"<b>{escaped(name)}{f' × {count}' if count > 1 else ''}</b>" for name, count in sorted(counts.items())
    )


def _origin(sample: Sample) -> str:
    picture = sample.picture
    name = escaped(f"image {picture.id}")
    if urlsplit(picture.page).scheme in ("http", "https"):
        name = f'<a href="{escaped(picture.page)}" target="_blank" rel="noopener noreferrer">{name}</a>'
    return f"{name}{' · ' + escaped(picture.licence) if picture.licence else ''}"
