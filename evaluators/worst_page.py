"""The page of the worst samples as HTML: pure functions from cards to text. All that comes from data passes ``escaped``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .categories import VOID
from .pages import escaped, start
from .worst_picture import AGREED, FALSE, IGNORED, MISSED, MISTAKEN, NOTHING, Counts, area_counts


@dataclass(frozen=True)
class Picture:
    """One frame: addresses of overlay and photo ("" without one), and the size at which it is shown."""

    overlay: str
    photo: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Card:
    """One sample on the page."""

    number: int
    id: str
    measures: Mapping[str, float]
    pictures: Sequence[Picture]
    counts: Counts  # pixels by gt and prediction, (256, 256)
    categories: Sequence[str]  # name by index
    sound: str  # address, or ""
    facts: Sequence[str]


def page(title: str, facts: Sequence[str], cards: Sequence[Card]) -> str:
    """The whole ``index.html``."""
    return f"""{start(title, title, facts, "worst")}
{_legend(cards)}
<main id="cards">
{"".join(_card(card) for card in cards) or '<p class="none">No samples.</p>'}</main>
<footer><kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>space</kbd> play · <kbd>o</kbd> areas on and off, for the photo as it is</footer>
</html>
"""


def verdict(counts: Counts, categories: Sequence[str]) -> str:
    """What went wrong, in a few words, from pixel counts by gt and prediction (256, 256)."""
    _, agreed, missed, false, mistaken, _ = area_counts(counts)
    in_gt, in_pred, overlap = agreed + missed + mistaken, agreed + false + mistaken, agreed + mistaken
    if not in_gt:
        return "Predicted where nothing sounds" if in_pred else "Nothing sounds, nothing predicted"
    if not in_pred:
        return "Nothing predicted"
    if not overlap:
        return "Predicted elsewhere"
    if 2 * mistaken > overlap:
        return f"Another category: {_mistake(counts, categories)}"
    if not missed and not false and not mistaken:
        return "Every pixel right"
    if 2 * missed > in_gt:
        return f"Misses {_share(missed, in_gt)} of what sounds"
    if 2 * false > in_pred:
        return f"{_share(false, in_pred)} of the prediction is false"
    return f"Misses {_share(missed, in_gt)}, {_share(false, in_pred)} of the prediction is false"


def _mistake(counts: Counts, categories: Sequence[str]) -> str:
    """The commonest pair of different categories."""
    wrong = counts.copy()
    wrong[0], wrong[:, 0], wrong[VOID], wrong[:, VOID] = 0, 0, 0, 0
    np.fill_diagonal(wrong, 0)
    gt, pred = divmod(int(wrong.argmax()), 256)
    return f"{_name(gt, categories)} taken for {_name(pred, categories)}"


def _name(index: int, categories: Sequence[str]) -> str:
    return categories[index] if index < len(categories) else f"category {index}"


def _share(part: int, whole: int) -> str:
    """Whole percents; only nothing is 0 % and only all is 100 %."""
    percent = round(100 * part / whole) if whole else 0
    if part and not percent:
        return "under 1 %"
    return "over 99 %" if percent == 100 and part < whole else f"{percent} %"


def _legend(cards: Sequence[Card]) -> str:
    found = [sum(counts) for counts in zip(*(area_counts(card.counts) for card in cards), strict=True)]
    entries = [
        ("agreed", "right"),
        ("missed", "missed: sounds, not predicted"),
        ("false", "false: predicted, does not sound"),
    ]
    if found and found[MISTAKEN]:
        entries.append(("mistaken", "both: another category"))
    if found and found[IGNORED]:
        entries.append(("ignored", "ignored"))
    items = "".join(f'<li><i class="{style}"></i>{text}</li>' for style, text in entries)
    lines = '<li><i class="gt"></i>outline of the gt</li><li><i class="pred"></i>of the prediction</li>'
    return f"""<div id="bar">
<ul class="legend">{items}{lines}</ul>
<label><input id="areas" type="checkbox" checked autocomplete="off"> Areas</label>
</div>"""


def _card(card: Card) -> str:
    said = verdict(card.counts, card.categories)
    many = " many" if len(card.pictures) > 1 else ""
    frames = "".join(_frame(picture, place, len(card.pictures), said) for place, picture in enumerate(card.pictures, 1))
    sound = f'<audio controls preload="none" src="{escaped(card.sound)}"></audio>\n' if card.sound else ""
    facts = "".join(f" · {escaped(fact)}" for fact in card.facts)
    return f"""<article class="card{many}" tabindex="-1" data-id="{escaped(card.id)}">
<h2><b>{card.number}</b> {escaped(said)}</h2>
<div class="frames">{frames}</div>
{_bar(card.counts)}
<dl class="measures">{"".join(_measure(name, value) for name, value in card.measures.items())}</dl>
{_categories(card)}
{sound}<p class="origin"><code>{escaped(card.id)}</code>{facts}</p>
</article>
"""


def _frame(picture: Picture, place: int, number: int, said: str) -> str:
    size = f'width="{int(picture.width)}" height="{int(picture.height)}" loading="lazy"'
    overlay = f'<img class="overlay" src="{escaped(picture.overlay)}" alt="{escaped(said)}" {size}>'
    style = "stage" if picture.photo else "stage bare"
    photo = f'<img class="photo" src="{escaped(picture.photo)}" alt="" {size}>' if picture.photo else ""
    caption = f"<figcaption>{place} of {number}</figcaption>" if number > 1 else ""
    return f'<figure><div class="{style}">{photo}{overlay}</div>{caption}</figure>\n'


def _bar(counts: Counts) -> str:
    """All that sounds or is predicted, in one line: right, missed, another category, false."""
    areas = area_counts(counts)
    total, left, parts = sum(areas) - areas[NOTHING] - areas[IGNORED], 0.0, []
    for area, style in ((AGREED, "agreed"), (MISSED, "missed"), (MISTAKEN, "mistaken"), (FALSE, "false")):
        width = 100 * areas[area] / total if total else 0.0
        if width:
            title = f"<title>{_share(areas[area], total)} {style}</title>"
            parts.append(f'<rect class="{style}" x="{left:.2f}" width="{width:.2f}" height="4">{title}</rect>')
        left += width
    return f'<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'


def _measure(name: str, value: float) -> str:
    """Shares in percent, everything else as it is."""
    if not math.isfinite(value):
        text = "–" if math.isnan(value) else f"{value}"
    else:
        text = f"{100 * value:.1f} <small>%</small>" if 0 <= value <= 1 else f"{value:.4g}"
    return f"<div><dt>{escaped(name)}</dt><dd>{text}</dd></div>"


def _categories(card: Card) -> str:
    """How much of each category is in gt and prediction, and its J; all frames together."""
    known = card.counts[:VOID]
    in_gt, in_pred, both = known.sum(axis=1), known.sum(axis=0), np.diagonal(known)
    rows = []
    for index in sorted(range(1, VOID), key=lambda index: (-int(in_gt[index]), -int(in_pred[index]), index)):
        gt, pred, hit = int(in_gt[index]), int(in_pred[index]), int(both[index])
        if gt or pred:
            style = "agreed" if gt and pred else "missed" if gt else "false"
            cells = (
                _share(gt, int(known.sum())),
                _share(pred, int(known.sum())),
                f"{100 * hit / (gt + pred - hit):.1f}",
            )
            numbers = "".join(f"<td>{cell}</td>" for cell in cells)
            rows.append(
                f'<tr><th scope="row"><i class="{style}"></i>{escaped(_name(index, card.categories))}</th>{numbers}</tr>'
            )
    if not rows:
        return ""
    head = '<th scope="col"></th><th scope="col">gt</th><th scope="col">predicted</th><th scope="col">J</th>'
    return f'<table class="categories"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
