"""AVSBench-semantic's real table: its counts, its faults, and the category counts of S4 that follow from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from avsbench_tools.inspection import Inspection, inspect_folder
from avsbench_tools.inspection_report import to_text
from avsbench_tools.published import published_categories, published_counts
from avsbench_tools.s4_categories import s4_categories

DATA = Path(__file__).parents[2] / "shared" / "data" / "avsbench"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real table is not here")


@pytest.fixture(scope="module")
def real() -> Inspection:
    return inspect_folder(DATA / "metadata.csv")


def test_every_part_has_as_many_videos_as_published(real: Inspection) -> None:
    (avss,) = real.holdings
    listed = {(part.setting, part.split): part.listed for part in avss.parts}
    assert sum(listed.values()) == 11_356
    assert listed == {key: one.videos for key, one in published_counts().items() if key[0] in ("v1s", "v1m", "v2")}


def test_its_faults_are_told(real: Inspection) -> None:
    told = {one.reason: one for one in real.findings if one.reason != "leak"}
    assert told["misspelt-category"].names == ("zVfLHhs9uv8_3000_8000",)
    assert told["unknown-category"].message == "words in a_obj that are no category: background (5)"
    assert len(told) == 2
    (screen,) = real.notes
    assert (screen.reason, len(screen.names)) == ("off-the-screen", 27)


def test_videos_of_which_parts_stand_in_two_splits(real: Inspection) -> None:
    leaks = {one.where: one.names for one in real.findings if one.reason == "leak"}
    assert {where: len(names) for where, names in leaks.items()} == {"v1m": 56, "avss": 25}
    assert "0mqckt2Uca8 (train, test)" in leaks["v1m"]


def test_the_categories_of_s4_are_those_of_v1s(real: Inspection) -> None:
    counts = Counter[str]()
    for part in real.holdings[0].parts:
        counts += part.categories if part.setting == "v1s" else Counter()
    assert counts["horse"] == 192  # with one "h orse"
    expected = {s4_categories()[name].sounding: count for name, count in published_categories().items()}
    assert counts == expected


def test_the_text_is_short(real: Inspection) -> None:
    lines = to_text(real).splitlines()
    assert lines[0].startswith("AVSS (AVSBench-semantic), its table alone: ")
    assert len(lines) < 30


def test_other_tables_of_its_columns_are_read(real: Inspection) -> None:
    inspection = inspect_folder(DATA / "gavs_v3")
    assert [sum(part.listed for part in holding.parts) for holding in inspection.holdings][:4] == [5342, 4807, 535, 758]
    assert {one.reason for one in inspection.findings} >= {"unknown-split"}
