from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from evaluators.distributions import imbalance
from vpo_builder.stats import compute_stats, distribution_svg, stats_text


@pytest.fixture
def stats(toy_dataset: Any) -> dict[str, Any]:
    _, samples, info = toy_dataset
    return compute_stats(samples, info)


def test_samples_and_sources_are_counted_by_setting_and_split(stats: dict[str, Any]) -> None:
    msmi = stats["settings"]["msmi"]
    assert msmi["samples"] == {"train": 1, "test": 1}
    assert msmi["sources"] == {"train": 2, "test": 2}
    assert msmi["categories"]["dog"] == {"train": 2}
    assert msmi["categories"]["zebra"] == {}
    assert msmi["sources_per_sample"] == {"2": 2}
    assert stats["settings"]["ms"]["sources_per_sample"] == {"1": 1, "2": 1}
    assert (stats["samples"], stats["images"], stats["clips"], stats["videos"]) == (6, 6, 9, 9)


def test_silent_objects_and_ignored_regions_are_counted(stats: dict[str, Any]) -> None:
    assert stats["settings"]["msmi"]["silent"] == {"cat": 1}
    assert stats["settings"]["ms"]["silent"] == {"car": 1}
    assert stats["settings"]["msmi"]["ignored_regions"] == 1


def test_each_image_and_clip_licence_counts_once(stats: dict[str, Any]) -> None:
    assert stats["image_licences"] == {"Attribution License": 3, "No known copyright restrictions": 3}
    assert stats["clip_licences"] == {"CC BY 4.0": 9}


def test_imbalance_is_a_ratio_of_the_categories_that_occur() -> None:
    assert imbalance({"female": 1860, "zebra": 149, "cow": 0}) == {
        "ratio": 1860 / 149,
        "most": "female",
        "least": "zebra",
    }
    assert imbalance({"cat": 2, "dog": 2}) == {"ratio": 1.0, "most": "cat", "least": "dog"}
    assert imbalance({"cat": 0}) is None


def test_histograms_hold_every_source(stats: dict[str, Any]) -> None:
    ss = stats["settings"]["ss"]
    # the dog covers 70 x 120 and the car 200 x 110 of 320 x 240 pixels (boxes): 11 % and 29 %
    assert {name: count for name, count in ss["area_share"].items() if count} == {"10% to 20%": 1, "20% to 50%": 1}
    # their middles: 275 / 320 = 0.86 and 160 / 320 = 0.5
    assert {name: count for name, count in ss["position"].items() if count} == {"0.5 to 0.6": 1, "0.8 to 0.9": 1}


def test_a_source_at_the_right_edge_is_in_the_last_tenth(toy_dataset: Any) -> None:
    _, samples, info = toy_dataset
    edge = replace(samples[4], sources=(replace(samples[4].sources[0], position=1.0),))
    assert compute_stats([edge], info)["settings"]["ss"]["position"]["0.9 to 1.0"] == 1


def test_clip_reuse_and_scaled_mixtures_are_seen(toy_dataset: Any) -> None:
    _, samples, info = toy_dataset
    first = samples[0].sources[0]
    again = replace(
        samples[0], mix_gain=0.5, sources=(first, replace(samples[0].sources[1], clip=replace(first.clip, gain=0.25)))
    )
    counts = compute_stats([again], info)["settings"]["msmi"]
    assert counts["clip_uses"] == {"2": 1}
    assert counts["scaled_mixtures"] == 1
    assert counts["gain"] == {"least": 0.25, "most": 1.0}


def test_stats_survive_json(stats: dict[str, Any]) -> None:
    assert json.loads(json.dumps(stats)) == stats


def test_text_shows_bars_in_proportion(stats: dict[str, Any]) -> None:
    text = stats_text(stats)
    msmi = text[text.index("MSMI") :].splitlines()
    dog, car = (next(line for line in msmi if line.startswith(name)) for name in ("dog", "car"))
    assert dog.split()[1:4] == ["2", "0", "2"]
    assert (dog.count("█"), car.count("█")) == (30, 15)
    assert "Imbalance 2.00 (dog over female)" in text


def test_stats_of_nothing_are_zeros(toy_dataset: Any) -> None:
    info = toy_dataset[2]
    stats = compute_stats([], info)
    assert stats["settings"]["ms"]["imbalance"] is None
    assert "0 samples" in stats_text(stats)
    ElementTree.fromstring(distribution_svg(stats))


def test_figure_has_a_bar_for_each_category_and_split_and_the_sum_beside_it(stats: dict[str, Any]) -> None:
    svg = ElementTree.fromstring(distribution_svg(stats))
    space = "{http://www.w3.org/2000/svg}"
    widths = [
        float(bar.get("width", 0))
        for bar in svg.iter(f"{space}rect")
        if bar.get("class") == "train" and bar.get("rx") is None
    ]
    assert sorted(widths) == [210.0, 210.0, 210.0]  # dog of ss, bird of ms, dog of msmi: each the most frequent
    words = [text.text for text in svg.iter(f"{space}text")]
    assert words.count("dog") == 3
    assert "4 sources, imbalance 2.00" in words


def test_the_bars_of_a_category_follow_each_other(toy_dataset: Any) -> None:
    _, samples, info = toy_dataset
    dog = replace(samples[4], split="test")
    svg = ElementTree.fromstring(distribution_svg(compute_stats([samples[4], dog, dog], info)))
    bars = {bar.get("class"): bar for bar in svg.iter("{http://www.w3.org/2000/svg}rect") if bar.get("rx") is None}
    assert (bars["train"].get("width"), bars["test"].get("width")) == ("70.00", "140.00")
    assert float(bars["test"].get("x", 0)) == float(bars["train"].get("x", 0)) + 70


def test_figure_escapes_names(toy_dataset: Any) -> None:
    _, samples, info = toy_dataset
    evil = replace(info, name="<script>", categories=((1, "<script>", 1),))
    assert "<script" not in distribution_svg(compute_stats(samples, evil))
