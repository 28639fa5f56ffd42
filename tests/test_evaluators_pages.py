"""What all pages share: head, menus, waveforms, overlays, and the choice of what is shown."""

from __future__ import annotations

import re

import numpy as np

from evaluators.overlays import COLOURS, draw_regions
from evaluators.pages import HALF, Menu, assets, envelope, escaped, filters, heights, listed, start, wave_path
from evaluators.spread import Part, spread


def test_a_page_allows_nothing_but_its_own_files() -> None:
    text = start("<t>", "<h>", ["<f>", "g"], "worst")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("default-src") == "'none'" and set(rules.values()) == {"'self'", "'none'"}
    assert 'href="worst.css"' in text and 'src="worst.js" defer' in text
    assert "<title>&lt;t&gt;</title>" in text and "<h1>&lt;h&gt;</h1>\n<p>&lt;f&gt; · g</p>" in text


def test_text_is_escaped_and_what_utf8_cannot_hold_is_replaced() -> None:
    assert escaped("\"'<&>\ud800") == "&quot;&#x27;&lt;&amp;&gt;?"
    assert listed(["a", "b<"]) == "|a|b&lt;|"


def test_menus_and_waveforms_of_all_pages() -> None:
    text = filters([Menu("split", "All splits", {"b<": 2, "a": 1}, str.upper)], 3)
    assert re.findall(r'<option value="(.*?)">(.*?)</option>', text) == [
        ("", "All splits"),
        ("a", "A (1)"),
        ("b&lt;", "B&lt; (2)"),
    ]
    pcm = np.zeros((40, 2), np.int16)
    pcm[0:10, 0], pcm[30:, 1] = 16384, -32768
    assert envelope(pcm, 4).tolist() == [[0.5, 0, 0, 0], [0, 0, 0, 1]]
    assert heights(envelope(pcm, 4))[1] == [0, 0, 0, HALF - 1]
    assert wave_path([0, 19], 20) == "M0.5 19.5v1M1.5 1v38"


def test_items_take_turns_by_their_parts() -> None:
    items = ["dog1", "dog2", "dog3", "wolf1", "test"]
    part = {item: Part("s", "test" if item == "test" else "train", (item[:3],)) for item in items}
    assert spread(items, part.__getitem__, 2) == ["wolf1", "test"]  # the rarest first
    assert spread(items, part.__getitem__, 3) == ["dog1", "wolf1", "test"]
    assert spread(items, part.__getitem__, 99) == items and spread(items, part.__getitem__, 0) == []


def test_styles_have_the_colours_of_the_overlays() -> None:
    css = assets("gallery.css")
    for number, colour in enumerate(COLOURS):
        assert f".c{number} {{ fill: {colour}; }}" in css and f".c{number} i {{ background: {colour}; }}" in css


def test_regions_are_filled_in_their_number_and_void_is_hatched() -> None:
    region, void = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    region[5:20, 5:20], void[25:, 25:] = True, True
    seen = np.array(draw_regions([(region, 9)], void).convert("RGBA"))
    assert seen[24, 24].tolist() == [*bytes.fromhex(COLOURS[1][1:]), 97]  # 0.38 of 255
    assert {tuple(pixel) for pixel in seen[56:74, 56:74].reshape(-1, 4).tolist()} == {
        (0, 0, 0, 100),
        (255, 255, 255, 170),
    }
    assert seen[2, 70].tolist() == [0, 0, 0, 0]
