from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.charts import WIDTH, Mark, Panel, Row, Series, draw_rows

SVG = "{http://www.w3.org/2000/svg}"


def _draw(*panels: Panel, rows: int = 2, note: str = "") -> ElementTree.Element:
    return ElementTree.fromstring(draw_rows("title", [Row(f"row {n}") for n in range(rows)], panels, note))


def _found(tree: ElementTree.Element, tag: str, style: str) -> list[dict[str, str]]:
    return [each.attrib for each in tree.iter(SVG + tag) if style in each.get("class", "").split()]


def _texts(tree: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in tree.iter(SVG + "text")]


def _grid(tree: ElementTree.Element) -> dict[float, float]:
    """Places across of the numbers under the axis."""
    return {
        float(each.text): float(each.attrib["x"])  # type: ignore[arg-type]
        for each in tree.iter(SVG + "text")
        if each.get("text-anchor") == "middle"
    }


def test_bars_are_as_long_as_their_values() -> None:
    tree = _draw(Panel("p", (Series((Mark(10), Mark(40))),), bars=True))
    short, long = (float(bar["width"]) for bar in _found(tree, "rect", "bar"))
    assert long == pytest.approx(4 * short, abs=0.02)
    ticks = _grid(tree)
    assert long == pytest.approx(ticks[40] - ticks[0], abs=0.02)


def test_bars_below_zero_end_at_zero() -> None:
    tree = _draw(Panel("p", (Series((Mark(-5), Mark(5))),), bars=True))
    below, above = _found(tree, "rect", "bar")
    zero = _grid(tree)[0]
    assert float(below["x"]) + float(below["width"]) == pytest.approx(zero, abs=0.02)
    assert float(above["x"]) == pytest.approx(zero, abs=0.02)


def test_dots_stand_at_their_values_with_their_intervals() -> None:
    tree = _draw(Panel("p", (Series((Mark(20, 10, 40), Mark(0))),), reference=40))
    ticks = _grid(tree)
    dots = _found(tree, "circle", "mark")
    assert float(dots[0]["cx"]) == pytest.approx(ticks[20], abs=0.02)
    assert float(dots[1]["cx"]) == pytest.approx(ticks[0], abs=0.02)
    line, low, high = _found(tree, "line", "interval")  # the second dot has none
    assert (float(line["x1"]), float(line["x2"])) == pytest.approx((ticks[0] / 2 + ticks[20] / 2, ticks[40]), abs=0.02)
    assert float(low["x1"]) == float(line["x1"]) and float(high["x1"]) == float(line["x2"])
    changes = _found(tree, "line", "change")
    assert {float(change["x1"]) for change in changes} == {float(_found(tree, "line", "reference")[0]["x1"])}


def test_hollow_marks_are_not_tied_to_the_reference() -> None:
    rows = [Row("a"), Row("b", heading="group")]
    panel = Panel("p", (Series((Mark(1), Mark(2, hollow=True))),), reference=1.5)
    tree = ElementTree.fromstring(draw_rows("title", rows, [panel]))
    assert len(_found(tree, "line", "reference")) == 1  # of the group with the filled one
    assert len(_found(tree, "line", "change")) == 1
    assert "group" in _texts(tree)


def test_what_has_no_value_is_left_out_and_the_axis_still_stands() -> None:
    tree = _draw(Panel("p", (Series((Mark(math.nan, text="none"), None)),)))
    assert not _found(tree, "circle", "mark")
    assert "none" in _texts(tree)
    assert len(_grid(tree)) >= 2


def test_ticks_are_multiples_of_one_two_or_five() -> None:
    tree = _draw(Panel("p", (Series((Mark(0), Mark(30))),)))
    assert list(_grid(tree)) == [0, 5, 10, 15, 20, 25, 30]


def test_series_differ_in_shape_and_stand_in_the_legend() -> None:
    one = Series((Mark(1), Mark(2)), "J")
    tree = _draw(Panel("p", (one, Series((Mark(1), Mark(2)), "F"), Series((Mark(1), Mark(2)), "FDR"))))
    assert [len(_found(tree, tag, "mark")) for tag in ("circle", "rect", "path")] == [
        3,
        3,
        3,
    ]  # two rows and the legend
    assert {"J", "F", "FDR"} <= set(_texts(tree))


def test_names_are_text_whatever_they_hold() -> None:
    evil = '</text><script>alert("1")</script>\x00\x1b\ud800&'
    text = draw_rows(evil, [Row(evil, evil)], [Panel(evil, (Series((Mark(1, text=evil),), evil),))], evil)
    tree = ElementTree.fromstring(text.encode())
    assert not list(tree.iter(SVG + "script")) and not list(tree.iter("script"))
    shown = '</text><script>alert("1")</script>' + 3 * "\N{REPLACEMENT CHARACTER}" + "&"
    assert _texts(tree).count(shown) >= 4
    assert not re.search(r"href|url\(|@import|<image|<script", text)


def test_a_series_has_one_mark_a_row() -> None:
    with pytest.raises(ValueError, match=r"'p', series 'J': 1 marks for 2 rows"):
        _draw(Panel("p", (Series((Mark(1),), "J"),)))


@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from([math.nan, 0.0, 37.5]),
)
def test_everything_lies_inside_the_drawing(values: list[float], bars: bool, reference: float) -> None:
    marks = tuple(Mark(value, value - 1, value + 2, f"{value:.1f}") for value in values)
    tree = _draw(
        Panel("p", (Series(marks),), bars=bars, reference=reference), Panel("q", (Series(marks),)), rows=len(values)
    )
    height = float(tree.attrib["height"])
    for tag, names in (("circle", ("cx",)), ("line", ("x1", "x2")), ("text", ("x",)), ("rect", ("x",))):
        for each in tree.iter(SVG + tag):
            assert all(-1 <= float(each.get(name, 0)) <= WIDTH + 1 for name in names)
    assert all(float(each.attrib["y"]) <= height for each in tree.iter(SVG + "text"))


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9))
def test_ticks_cover_the_values_in_few_round_steps(low: float, size: float) -> None:
    tree = _draw(Panel("p", (Series((Mark(low), Mark(low + size))),)))
    ticks = sorted(_grid(tree))
    assert 2 <= len(ticks) <= 20
    room = 1e-5 * max(abs(low), abs(low + size), size)  # labels are rounded to six digits
    assert ticks[0] <= low + room and ticks[-1] >= low + size - room
