"""Bars: their lengths, order and colours; and the counts that they show."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from evaluators.bars import Panel, bar, bars, category_table, draw_figure, split_text
from evaluators.distributions import area_histogram, by_category, by_split, position_histogram

CATEGORIES = {"cow": {}, "cat": {"train": 1}, "dog": {"train": 1, "test": 3}}


def test_a_bar_is_in_proportion_and_never_empty() -> None:
    assert bar(10, 10) == "█" * 30
    assert bar(5, 10) == "█" * 15
    assert bar(1, 100_000) == "▏"
    assert bar(0, 10) == ""


def test_the_most_frequent_category_comes_first_and_missing_ones_are_named() -> None:
    lines = category_table("Videos", CATEGORIES).splitlines()
    assert lines[0].split() == ["Videos", "train", "test", "all"]
    assert [line.split()[:4] for line in lines[1:3]] == [["dog", "1", "3", "4"], ["cat", "1", "0", "1"]]
    assert lines[3] == "None of cow."
    assert bars("Nothing", {"a": 0}) == ""
    assert split_text({"train": 1000, "test": 2}) == "1,002 (train 1,000, test 2)" and split_text({}) == "0"


def test_a_figure_has_a_panel_for_each_setting() -> None:
    text = draw_figure(
        "<all>", "Videos", [Panel("S4", "5 videos", CATEGORIES), Panel("\x00&", "", {"cat": {"val": 2}})]
    )
    svg = ElementTree.fromstring(text)
    found = [
        (rect.get("class"), float(rect.get("width", 0)))
        for rect in svg.iter("{http://www.w3.org/2000/svg}rect")
        if rect.get("rx") is None
    ]
    assert found == [("train", 52.5), ("test", 157.5), ("train", 52.5), ("val", 210.0)]  # dog, cat; cat
    assert "prefers-color-scheme:dark" in text and "&lt;all&gt;" in text


def test_splits_stand_in_their_order_and_others_are_left_out() -> None:
    assert list(by_split(["test", "train", "odd", "test"]).items()) == [("train", 1), ("test", 2)]
    pairs = [("dog", "test"), ("ant", "train"), ("dog", "odd")]
    assert by_category(pairs, ["cow", "dog"]) == {"cow": {}, "dog": {"test": 1}, "ant": {"train": 1}}


def test_edges_of_histograms() -> None:
    found = area_histogram([0.0, 0.01, 0.5, 1.0])
    assert {name: count for name, count in found.items() if count} == {"0% to 1%": 1, "1% to 2%": 1, "50% to 100%": 2}
    found = position_histogram([0.0, 0.1, 1.0])
    assert {name: count for name, count in found.items() if count} == {
        "0.0 to 0.1": 1,
        "0.1 to 0.2": 1,
        "0.9 to 1.0": 1,
    }


@given(st.lists(st.floats(0, 1)))
def test_histograms_hold_everything(values: list[float]) -> None:
    assert sum(area_histogram(values).values()) == sum(position_histogram(values).values()) == len(values)
