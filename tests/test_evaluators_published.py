"""The papers' numbers: rows picked by hand, every row against the papers' text, and what the tables say of each other."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from evaluators.published import UNITS, Published, published_rows

PAPERS = Path(__file__).parents[2] / "shared" / "papers"
FILES = {
    "AVSBench, ECCV 2022": "avsbench_tpavi.txt",
    "AUSS, 2023": "auss.txt",
    "CAVP, CVPR 2024": "cavp_vpo.txt",
    "WS-AVS, NeurIPS 2023": "wsavs.txt",
    "Rahman and Sigal, ICME 2021": "separation.txt",
}
PROTOCOLS = {"avsbench-object", "avsbench-semantic", "cavp-vpo", "cavp-semantic", "wsavs", "separation"}
ROWS = published_rows() + published_rows(per_category=True)


def one(paper: str, table: str, method: str, backbone: str, dataset: str, measure: str) -> str:
    found = [
        row.printed
        for row in published_rows(dataset)
        if (row.paper.split(",")[0], row.table, row.method, row.backbone, row.measure)
        == (paper, f"Table {table}", method, backbone, measure)
    ]
    assert len(found) == 1
    return found[0]


def test_rows_picked_by_hand() -> None:
    assert one("AVSBench", "3", "TPAVI", "ResNet50", "S4", "J") == ".728"
    assert one("AVSBench", "3", "TPAVI", "PVT-v2", "MS3", "F") == ".645"
    assert one("AVSBench", "3", "LVS", "", "MS3", "F") == ".330"
    assert one("AVSBench", "4", "TwoSep with audio", "ResNeXt101", "MS3", "J") == ".502"
    assert one("AVSBench", "7", "TPAVI, module at stage 3", "ResNet50", "MS3", "J") == ".430"
    assert one("AVSBench", "8", "TPAVI, pretrained on S4", "PVT-v2", "MS3", "J") == ".573"
    assert one("AUSS", "2", "AUSS", "Swin-base", "S4", "J") == "0.894"
    assert one("AUSS", "2", "LVS", "", "MS3", "F") == "0.310"  # AVSBench prints .330
    assert one("AUSS", "6", "AUSS, from scratch", "R101", "MS3", "F") == "0.610"
    assert one("CAVP", "1", "TPAVI", "D-ResNet50", "S4", "J&F") == "78.80"
    assert one("CAVP", "1", "CAVP", "D-ResNet50", "AVSS", "F") == "35.29"
    assert one("CAVP", "3", "AVSegFormer", "D-ResNet50", "AVSS multi-source", "FDR") == "43.16"
    assert one("CAVP", "4", "CAVP", "D-ResNet50", "vpo-msmi", "mIoU") == "60.36"
    assert one("CAVP", "8", "TPAVI, mono audio", "D-ResNet50", "VPO-MS", "F0.3") == "58.14"
    assert one("WS-AVS", "1", "WS-AVS", "ResNet50", "S4", "J") == "34.13"
    assert one("WS-AVS", "1", "EZ-VSL", "", "MS3", "F") == "27.31"
    assert one("Rahman and Sigal", "1", "Sound-of-Pixels, binary mask", "", "MUSIC", "SIR") == "12.25"
    assert one("Rahman and Sigal", "1", "CO-SEPARATION", "", "MUSIC", "SAR") == "11.3"


def test_rows_are_found_by_dataset_and_protocol() -> None:
    assert {row.dataset for row in published_rows(protocol="cavp-vpo")} == {"VPO-SS", "VPO-MS", "VPO-MSMI"}
    assert {row.protocol for row in published_rows("S4")} == {"avsbench-object", "cavp-semantic", "wsavs"}
    assert published_rows("s4", "wsavs") == tuple(row for row in published_rows("S4") if row.protocol == "wsavs")
    assert published_rows("S4", "no such rule") == published_rows("no such set") == ()
    assert not [row for row in published_rows() if row.category]
    assert len(published_rows(per_category=True)) == 3 * 3 * 71 + 3 * 6


def test_every_row_is_whole_and_in_range() -> None:
    limits = {"%": (0, 100), "1": (0, 1), "dB": (-20, 40)}
    for row in ROWS:
        least, most = limits[row.unit]
        assert row.unit in UNITS and least <= row.value <= most, row
        assert row.protocol in PROTOCOLS and row.paper in FILES and row.method and row.dataset and row.measure, row
        assert float(row.printed) == row.value and row.score == (row.value / 100 if row.unit == "%" else row.value)


def test_no_number_stands_twice() -> None:
    key = Counter((r.paper, r.table, r.method, r.backbone, r.dataset, r.measure, r.category) for r in ROWS)
    assert max(key.values()) == 1


def table_numbers(row: Published) -> Counter[str]:
    """All numbers but differences (+3.26) in the lines of a table, which end at an empty line or another caption."""
    lines = (PAPERS / FILES[row.paper]).read_text(encoding="utf-8").splitlines()
    caption = next(place for place, line in enumerate(lines) if re.match(rf"\s*{row.table}[.:]", line))
    above = row.paper.startswith("Rahman") and row.table == "Table 4"  # the only one that stands above its caption
    text = "\n".join(lines[:caption] if above else lines[caption + 1 :]).strip("\n")
    text = re.split(r"\n\n|\n\s*Table \d", text)[-1 if above else 0]
    return Counter(re.findall(r"(?<![\d.+−-])\d*\.\d+", text))


@pytest.mark.skipif(not PAPERS.exists(), reason="the papers are not here")
def test_the_numbers_of_each_table_are_those_of_the_paper() -> None:
    for example in {(row.paper, row.table): row for row in ROWS}.values():
        ours = Counter(r.printed for r in ROWS if (r.paper, r.table) == (example.paper, example.table))
        if (example.paper[:4], example.table) == ("AUSS", "Table 5"):
            ours["0.6"] = 2  # a threshold, in the names of two rows
        assert ours == table_numbers(example), (example.paper, example.table)


def average(table: int, method: str, undefined: int = 0) -> float:
    """Percent; the tables print 0 for what is not defined, so it is left out of the count only."""
    rows = [r.value for r in published_rows(per_category=True) if r.table == f"Table {table}" and r.method == method]
    assert len(rows) == 71
    return 100 * sum(rows) / (71 - undefined)


@pytest.mark.parametrize(("method", "no_f", "no_fdr"), [("AVSegFormer", 1, 2), ("TPAVI", 0, 1), ("CAVP", 1, 2)])
def test_the_per_category_tables_of_cavp_average_to_its_table_3(method: str, no_f: int, no_fdr: int) -> None:
    """So its rule can be read off the print: mIoU counts all 71 categories, F and FDR those where they are defined.

    The axe is never predicted (no FDR); the harmonica is in no gt, and only TPAVI predicts it (then F = 0 and FDR = 1).
    """
    whole = {m: float(one("CAVP", "3", method, "D-ResNet50", "AVSS", m)) for m in ("mIoU", "F0.3", "FDR")}
    assert average(9, method) == pytest.approx(whole["mIoU"], abs=0.015)
    assert average(10, method, no_f) == pytest.approx(whole["F0.3"], abs=0.015)
    assert average(11, method, no_fdr) == pytest.approx(whole["FDR"], abs=0.015)


def test_j_and_f_of_cavp_table_1_average_to_its_jf() -> None:
    rows = [row for row in published_rows() if row.paper.startswith("CAVP") and row.table == "Table 1"]
    table = {(row.method, row.dataset, row.measure): row.value for row in rows}
    for method, dataset, measure in table:
        if measure == "J&F":
            mean = (table[method, dataset, "J"] + table[method, dataset, "F"]) / 2
            assert table[method, dataset, "J&F"] == pytest.approx(mean, abs=0.011)


def test_papers_that_quote_avsbench_differ_in_two_numbers_only() -> None:
    """Notes tell both; all other quotations in AUSS's Table 2 are those of AVSBench's Table 3."""
    backbones = {"ResNet": "ResNet50", "Pvt-v2": "PVT-v2"}
    quoted = [row for row in published_rows() if (row.paper[:4], row.table) == ("AUSS", "Table 2")]
    differ = []
    for row in quoted:
        if row.method != "AUSS":
            original = one("AVSBench", "3", row.method, backbones.get(row.backbone, ""), row.dataset, row.measure)
            if float(original) != row.value:
                differ.append(
                    (row.method, row.dataset, row.measure, row.note.startswith(f"AVSBench prints {original}"))
                )
    assert differ == [("LVS", "MS3", "F", True), ("TPAVI", "MS3", "F", True)]
