"""Table 1 and Fig. 2: numbers that can be counted by hand in ``mini_avsbench``, and those of the published tables."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mini_avsbench import write_avss, write_ms3, write_s4

from avsbench_tools.mask_sizes import objects_of
from avsbench_tools.published import published_categories, published_counts
from avsbench_tools.stats import stats_of, stats_svg, stats_text
from evaluators.errors import DataError

METADATA = Path(__file__).parents[2] / "shared" / "data" / "avsbench" / "metadata.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three subsets; only read."""
    place = tmp_path_factory.mktemp("avsbench")
    write_s4(place)
    write_ms3(place)
    write_avss(place)
    return place


def test_videos_categories_and_annotated_frames_of_each_setting(folder: Path) -> None:
    stats = stats_of(folder, "")
    assert list(stats["settings"]) == ["s4", "ms3", "v1s", "v1m", "v2"]
    s4, ms3, v2 = (stats["settings"][name] for name in ("s4", "ms3", "v2"))
    assert s4["videos"] == {"train": 1, "val": 1, "test": 2}
    assert s4["annotated_frames"] == {"train": 1, "val": 5, "test": 10}  # of a training video only the first
    assert s4["categories"] == {"cat_meowing": {"val": 1, "test": 1}, "dog_barking": {"train": 1, "test": 1}}
    assert ms3["annotated_frames"] == {"train": 5, "val": 5, "test": 10}
    assert ms3["categories"] == {} and ms3["classes"] is None
    assert v2["seconds"] == {"10": 2}
    assert v2["categories_per_video"] == {"0": 1, "1": 1}  # a tank off the screen, a wolf
    assert stats["settings"]["v1m"]["categories"] == {"guitar": {"test": 1}, "man": {"test": 1}}
    assert stats["sets"]["avss"]["videos"] == {"train": 1, "val": 1, "test": 3}
    assert json.loads(json.dumps(stats)) == stats


def test_sizes_and_places_of_the_blocks(folder: Path) -> None:
    masks = stats_of(folder, "s4")["settings"]["s4"]["masks"]
    assert masks["found"] == {"train": 1, "val": 5, "test": 10}
    assert (masks["looked_at"], masks["objects"], masks["empty"], masks["unreadable"]) == (16, 16, 0, 0)
    # 4 x 3 of 16 x 12 pixels is 6.25 %
    assert {name: count for name, count in masks["area_share"].items() if count} == {"5% to 10%": 16}
    # middles at (3 + frame) / 16: 0.19, 0.25, 0.31, 0.375, 0.44; of the training video the first
    assert {name: count for name, count in masks["position"].items() if count} == {
        "0.1 to 0.2": 4, "0.2 to 0.3": 3, "0.3 to 0.4": 6, "0.4 to 0.5": 3,
    }  # fmt: skip


def test_few_masks_are_taken_evenly(folder: Path) -> None:
    masks = stats_of(folder, "s4", looked_at=3)["settings"]["s4"]["masks"]
    assert (sum(masks["found"].values()), masks["looked_at"], masks["objects"]) == (16, 3, 3)
    # of 1 + 5 + 5 + 5 the first, the sixth, the eleventh: a first and two fifth frames
    assert {name: count for name, count in masks["position"].items() if count} == {"0.1 to 0.2": 1, "0.4 to 0.5": 2}
    assert "looked at 3, evenly taken" in stats_text(stats_of(folder, "s4", looked_at=3))


def test_damaged_masks_are_counted_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "Single-source", tmp_path / "Single-source")
    masks = sorted((tmp_path / "Single-source").rglob("gt_masks/**/*.png"))
    masks[0].write_bytes(b"no PNG")
    masks[1].unlink()
    stats = stats_of(tmp_path, "")["settings"]["s4"]["masks"]
    assert (sum(stats["found"].values()), stats["unreadable"], stats["objects"]) == (15, 1, 14)


def test_other_splits_are_told(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "Single-source", tmp_path / "Single-source")
    table = tmp_path / "Single-source" / "s4_meta_data.csv"
    table.write_text(table.read_text().replace(",val\n", ",validate\n"))
    stats = stats_of(tmp_path, "")
    assert stats["settings"]["s4"]["videos"] == {"train": 1, "test": 2}
    assert "1 videos of s4 are in splits other than train, val, test, and not counted: 'validate' 1" in stats["remarks"]


@given(arrays.arrays(np.uint8, (4, 6), elements=st.sampled_from([0, 1, 2, 254, 255])))
def test_objects_are_those_of_plain_loops(labels: np.ndarray) -> None:
    expected = []
    for label in range(1, 255):
        places = [column for row in labels.tolist() for column, found in enumerate(row) if found == label]
        if places:
            expected.append((len(places) / 24, sum(column + 0.5 for column in places) / len(places) / 6))
    np.testing.assert_allclose(np.array(list(objects_of(labels))), np.array(expected))


def test_the_published_table_stands_below_and_says_whether_it_differs(folder: Path) -> None:
    lines = stats_text(stats_of(folder, "s4")).splitlines()
    row = next(number for number, line in enumerate(lines) if line.startswith("s4 "))
    assert lines[row].split() == ["s4", "2", "4", "1/1/2", "16"]
    assert lines[row + 1].split() == ["published", "23", "4,932", "3,452/740/740", "10,852", "differs"]
    assert any(line.startswith("23 categories have other numbers of videos than published") for line in lines)


def test_a_whole_set_is_as_published(tmp_path: Path) -> None:
    rows = []
    splits = Counter({split: published_counts()["s4", split].videos for split in ("train", "val", "test")}).elements()
    names = Counter(dict(published_categories())).elements()
    rows = [(f"v{n}", 0, name, split) for n, (name, split) in enumerate(zip(names, splits, strict=True))]
    with open(tmp_path / "s4_meta_data.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([("name", "start", "category", "split"), *rows])
    text = stats_text(stats_of(tmp_path, ""))
    assert "published 23 4,932 3,452/740/740 10,852 as here" in " ".join(text.split())
    assert "All categories have as many videos as published (Fig. 2)." in text
    assert "No masks are here." in text


@pytest.mark.skipif(not METADATA.is_file(), reason="the real metadata.csv is not there")
def test_the_real_table_alone() -> None:
    stats = stats_of(METADATA.parent, "")
    assert stats["sets"]["avss"] | {"settings": None} == {
        "settings": None, "classes": 70,
        "videos": {"train": 8498, "val": 1304, "test": 1554},
        "annotated_frames": {"train": 3452 + 5 * 296 + 47500, "val": 5 * 804 + 5000, "test": 5 * 804 + 7500},
    }  # fmt: skip
    v1s = stats["settings"]["v1s"]
    assert sorted(sum(counts.values()) for counts in v1s["categories"].values()) == sorted(
        published_categories().values()
    )
    assert v1s["imbalance"] == {"ratio": 311 / 62, "most": "helicopter", "least": "wolf"}
    assert stats["settings"]["v2"]["categories_per_video"]["0"] == 27  # off the screen


def test_the_figure_has_a_bar_for_each_category_and_split(folder: Path) -> None:
    svg = ElementTree.fromstring(stats_svg(stats_of(folder, "")))
    space = "{http://www.w3.org/2000/svg}"
    bars = [bar.get("class") for bar in svg.iter(f"{space}rect") if bar.get("rx") is None]
    # cat val test, dog train test of s4; dog train test of v1s; guitar, man of v1m; wolf of v2
    assert Counter(bars) == {"train": 2, "val": 2, "test": 5}
    words = [text.text for text in svg.iter(f"{space}text")]
    assert words.count("dog_barking") == 1 and "4 videos, no categories named" in words


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    with open(tmp_path / "s4_meta_data.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([("name", "start", "category", "split"), ("v", 0, "<script>&", "train")])
    svg = stats_svg(stats_of(tmp_path, ""))
    assert "<script" not in svg and "&lt;script&gt;&amp;" in svg


def test_a_folder_of_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown-layout"):
        stats_of(tmp_path, "")
