from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.errors import DataError
from evaluators.listening import CHANGES, Listening, listen
from evaluators.listening_pairs import fingerprints
from evaluators.listening_report import listening_figure, listening_json, listening_table
from evaluators.protocols import find_protocol
from evaluators.results import Folder, ProtocolResult, Result
from evaluators.tables import to_text

NAN = math.nan
IDS = ("a", "b", "c", "d")


def _row(name: str, ids: Sequence[str], values: Mapping[str, Sequence[float]]) -> ProtocolResult:
    protocol = find_protocol(name)
    return ProtocolResult(
        name, protocol.version, protocol.family, protocol.rule, "", "",
        measures={measure: float(np.nanmean(column)) for measure, column in values.items()},
        units=tuple(ids), values=values,
    )  # fmt: skip


def _result(
    j: Sequence[float], area: Sequence[float], ids: Sequence[str] = IDS, name: str = "run", empty: bool = False
) -> Result:
    values = {"J": list(j), "F": [value / 2 for value in j], "FDR": [1 - value for value in j], "pred area": list(area)}
    return Result(
        name, "avs-eval 0", "", Folder("p", "soft", len(ids), f"hash of {name} {j}"), Folder("g", "mask", len(ids), "g"), {},
        {"frames": len(ids), "empty gt frames": len(ids) if empty else 0}, (), (), tuple(ids), (_row("avs", ids, values),),
    )  # fmt: skip


BASE = _result([1, 0.5, 0.5, 0], [0.2, 0.1, 0.1, 0])


def _many(n: int) -> tuple[str, ...]:
    return tuple(f"s{number:03d}" for number in range(n))


def test_a_fall_is_the_mean_of_the_paired_differences() -> None:
    heard = listen(BASE, {"mirrored": _result([0.5, 0.5, 0, 0], [0.2, 0.1, 0.1, 0])}).variants[0]
    j = heard.measures["J"]
    assert (j.base.value, j.score.value, j.fall.value) == (0.5, 0.25, 0.25)
    assert 0 <= j.fall.low <= 0.25 <= j.fall.high <= 0.5
    assert heard.measures["F"].fall.value == 0.125
    assert heard.area.fall.value == 0
    assert heard.unchanged == 2  # b and d
    assert heard.silent == 1  # d


def test_only_samples_that_both_have_count_whatever_their_order() -> None:
    variant = _result([0.25, 1, 0.75], [0, 0.2, 0], ids=("x", "a", "c"))
    listening = listen(BASE, {"swapped": variant})
    heard = listening.variants[0]
    assert (heard.samples, heard.left_out) == (2, 2)
    assert heard.measures["J"].base.value == 0.75  # a and c: 1, 0.5
    assert heard.measures["J"].fall.value == -0.125  # 0 and -0.25
    assert heard.silent == 1
    assert any("2 samples of the base are not in it" in line for line in listening.warnings)
    assert listening.base.samples == 4


def test_a_measure_that_is_not_defined_on_one_side_is_left_out_on_both() -> None:
    base, variant = (_result([1, 1, 1, 1], [0.1] * 4) for _ in range(2))
    base.protocols[0].values["FDR"][:] = [0.5, NAN, 0.25, 0]  # type: ignore[index]
    variant.protocols[0].values["FDR"][:] = [1, 0.5, 0.75, NAN]  # type: ignore[index]
    fdr = listen(base, {"noise": variant}, measures=["FDR"]).variants[0].measures["FDR"]
    assert (fdr.base.value, fdr.score.value, fdr.fall.value) == (0.375, 0.875, -0.5)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), min_size=1, max_size=30, unique_by=lambda row: row[0]),
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), min_size=1, max_size=30, unique_by=lambda row: row[0]),
)
@settings(max_examples=40)
def test_a_slow_twin_agrees(before: list[tuple[int, float]], after: list[tuple[int, float]]) -> None:
    base, variant = (
        _result([value for _, value in rows], [0.1] * len(rows), ids=[f"s{n}" for n, _ in rows])
        for rows in (before, after)
    )
    total, count = 0.0, 0
    for n, value in before:
        for m, other in after:
            if n == m:
                total += value - other
                count += 1
    if not count:
        with pytest.raises(DataError, match="listen-samples"):
            listen(base, {"noise": variant})
        return
    heard = listen(base, {"noise": variant}).variants[0]
    assert heard.samples == count
    assert heard.measures["J"].fall.value == pytest.approx(total / count, abs=1e-12)


def _fallen(name: str, fall: float, spread: float = 0.2) -> Listening:
    ids = _many(60)
    j = np.full(60, 0.6)
    change = fall + spread * np.tile([1.0, -1.0], 30)
    base = _result(j.tolist(), [0.1] * 60, ids)
    return listen(base, {name: _result((j - change).tolist(), [0.1] * 60, ids, name)})


@pytest.mark.parametrize(
    ("name", "fall", "words"),
    [
        ("mirrored", 0.21, "J falls by 21.0 (16.0 to 26.0): the sound's side is used"),
        ("wrong-side", 0.0, ": no use of the sound's side is seen"),
        ("swapped", 0.2, ": it matters which recording of a category is heard"),
        ("swapped", 0.01, ": any recording of the category does as well"),
        ("silence", 0.3, ": the sound is used"),
        ("noise", 0.02, ": it doesn't matter what sounds"),
        ("mirrored", -0.3, "J rises by 30.0 (25.0 to 35.0): the change is noticed, but J is better under it"),
        ("reversed", 0.3, ": the sound is used"),
    ],
)
def test_the_line_says_what_the_interval_allows(name: str, fall: float, words: str) -> None:
    says = _fallen(name, fall).variants[0].says
    assert words.partition(":")[2] in says
    assert says.startswith("J does not change, it falls by") == (abs(fall) < 0.05)
    # the ends are drawn, near what a normal distribution gives: 1.96 * 0.2 / sqrt(60) = 0.05
    assert _numbers(says)[: len(_numbers(words))] == pytest.approx(_numbers(words), abs=0.7)


def test_a_fall_that_no_table_shows_is_none() -> None:
    steady = _fallen("mirrored", 0.0004, spread=0.0).variants[0]
    assert steady.measures["J"].fall.low == pytest.approx(0.0004)  # without 0
    assert steady.says.startswith("J does not change, it falls by 0.0 (0.0 to 0.0): no use of the sound's side is seen")
    assert (
        "falls by 0.1 (0.1 to 0.1): the sound's side is used"
        in _fallen("mirrored", 0.0006, spread=0.0).variants[0].says
    )


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[0-9]+\.[0-9]", text)]


def test_a_measure_for_which_less_is_better_falls_the_other_way() -> None:
    ids = _many(40)
    good, bad = _result([0.9] * 40, [0.1] * 40, ids), _result([0.4, 0.5] * 20, [0.1] * 40, ids)  # FDR 0.1 and 0.55
    says = listen(good, {"mirrored": bad}, measures=["FDR"]).variants[0].says
    assert says.startswith("FDR rises by 45.0 (") and says.endswith("the sound's side is used")


def test_the_same_predictions_are_told_loudly() -> None:
    listening = listen(BASE, {"silence": BASE})
    heard = listening.variants[0]
    assert heard.unchanged == 4
    assert heard.says == "no sample's numbers change: the prediction ignores the sound"
    assert any("THE PREDICTIONS ARE THE BASE'S" in line for line in listening.warnings)


def test_against_an_empty_gt_the_predicted_area_is_judged() -> None:
    ids = _many(40)
    base = _result([0.5] * 40, [0.1] * 40, ids)
    quiet = _result([1, 0] * 20, [0, 0.02] * 20, ids, empty=True)
    heard = listen(base, {"silence": quiet}).variants[0]
    assert heard.empty_gt and math.isnan(heard.measures["J"].fall.value)
    assert heard.area.fall.value == pytest.approx(0.09)
    assert heard.silent == 20
    assert heard.says == "predicted area falls from 10.0 % to 1.0 %, nothing in 20 of 40 samples: the sound is used"
    deaf = _result([0] * 40, [0.09, 0.11] * 20, ids, empty=True)
    says = listen(base, {"noise": deaf}).variants[0].says
    assert says.endswith("nothing in 0 of 40 samples: it doesn't matter what sounds")
    assert "does not change, from 10.0 % to 10.0 %" in says


def test_scored_against_the_bases_gt_both_are_told() -> None:
    ids = _many(40)
    quiet = _result([0, 0.1] * 20, [0, 0.02] * 20, ids)
    says = listen(_result([0.5] * 40, [0.1] * 40, ids), {"silence": quiet}).variants[0].says
    assert says.startswith("J falls by 45.0 (")
    assert says.endswith("the sound is used; predicted area falls from 10.0 % to 1.0 %, nothing in 20 of 40 samples")


def test_one_sample_has_no_interval() -> None:
    one = _result([0.5], [0.1], ["a"])
    heard = listen(one, {"mirrored": _result([0.25], [0.1], ["a"])}).variants[0]
    assert math.isnan(heard.measures["J"].fall.low)
    assert heard.says == "J falls by 25.0: too few samples to say more"


def _labelled(confusions: Mapping[str, Sequence[tuple[int, int, int]]]) -> Result:
    row = replace(
        _row("cavp-vpo", (), {}), rule={**find_protocol("cavp-vpo").rule, "classes": 2}, measures={"mIoU": 0.0}
    )
    return replace(_result([1] * 2, [0.5] * 2, ("a", "b")), protocols=(row,), confusions=confusions)


def test_measures_of_one_confusion_matrix_are_paired_by_sample() -> None:
    base = _labelled({"a": [(0, 0, 8), (1, 1, 8)], "b": [(0, 0, 8), (1, 1, 8)]})
    variant = _labelled({"a": [(0, 0, 8), (1, 0, 8)], "b": [(0, 0, 8), (1, 1, 8)]})
    heard = listen(base, {"noise": variant}, protocol="cavp-vpo", measures=["mIoU"]).variants[0]
    # background 16 of 24, category 1 8 of 16: (2 / 3 + 1 / 2) / 2
    assert heard.measures["mIoU"].base.value == pytest.approx(1)
    assert heard.measures["mIoU"].score.value == pytest.approx(7 / 12)
    assert heard.measures["mIoU"].fall.value == pytest.approx(5 / 12)
    assert (heard.unchanged, heard.silent) == (1, None)


def test_fingerprints_tell_predictions_apart_with_and_without_their_gt() -> None:
    here = _labelled({"a": [(0, 0, 8), (1, 1, 8)], "b": [(0, 0, 16)]})
    there = _labelled({"a": [(0, 0, 8), (0, 1, 8)], "b": [(0, 0, 15), (0, 1, 1)]})  # a: the same prediction, another gt
    with_gt, without = (
        [fingerprints(result, with_gt=with_gt) for result in (here, there)] for with_gt in (True, False)
    )
    assert with_gt[0]["a"] != with_gt[1]["a"] and with_gt[0]["b"] != with_gt[1]["b"]
    assert without[0]["a"] == without[1]["a"] and without[0]["b"] != without[1]["b"]


def test_agreement_is_j_against_the_predictions_on_the_base() -> None:
    listening = listen(BASE, {"noise": BASE, "silence": BASE}, agreements={"noise": _result([1, 0.5, 1, 1], [0.1] * 4)})
    silence, noise = listening.variants
    assert noise.agreement.value == 0.875
    assert math.isnan(silence.agreement.value)


def test_variants_stand_in_the_order_of_the_table() -> None:
    names = ["zzz", "silence", "abc", "mirrored", "off-screen"]
    assert [one.name for one in listen(BASE, dict.fromkeys(names, BASE)).variants] == [
        "mirrored", "silence", "off-screen", "abc", "zzz",
    ]  # fmt: skip


def test_what_can_not_be_compared_is_refused() -> None:
    row = BASE.protocols[0]
    with pytest.raises(DataError, match=r"has no numbers of protocol davis-semi, has avs.*listen-protocol"):
        listen(BASE, {"noise": BASE}, protocol="davis-semi")
    other = replace(BASE, protocols=(replace(row, version=row.version + 1),))
    with pytest.raises(DataError, match="another version or rule"):
        listen(BASE, {"noise": other})
    with pytest.raises(DataError, match=r"S can't be paired sample by sample; those that can: J, F, FDR, pred area"):
        listen(BASE, {"noise": BASE}, measures=["S"])
    with pytest.raises(DataError, match="shares no sample"):
        listen(BASE, {"noise": _result([1], [0], ["other"])})
    with pytest.raises(ValueError, match="measures is empty"):
        listen(BASE, {}, measures=[])


def test_differing_flags_kinds_and_variants_are_told() -> None:
    odd = replace(BASE, flags={"missing": "zero"}, preds=replace(BASE.preds, kind="mask", sha256="x"), variant="noise")
    text = "\n".join(listen(BASE, {"silence": odd}).warnings)
    assert "missing=zero and none" in text and "read as mask, the base's as soft" in text
    assert "its gt is that of the variant noise" in text


def test_the_same_seed_gives_the_same_report() -> None:
    variant = _result([0.5, 0.5, 0, 0.3], [0.2, 0.1, 0.1, 0])
    once, again = (listening_json(listen(BASE, {"mirrored": variant}, seed=3)) for _ in range(2))
    assert once == again
    both = listen(BASE, {"mirrored": variant, "noise": BASE}, seed=3)
    assert both.variants[0] == listen(BASE, {"mirrored": variant}, seed=3).variants[0]  # others change nothing


def _full() -> Listening:
    ids = _many(40)
    base = _result([0.5] * 40, [0.1] * 40, ids, name="<b>&")
    variants = {name: _result([0.3, 0.4] * 20, [0.1] * 40, ids, name) for name in CHANGES}
    variants["silence"] = _result([1, 0] * 20, [0, 0.02] * 20, ids, "silence", empty=True)
    return listen(base, variants)


def test_the_table_holds_every_variant_and_its_line() -> None:
    table = listening_table(_full())
    assert table.columns == (
        "heard", "samples", "J", "J falls by", "F", "F falls by", "predicted area", "nothing predicted", "unchanged",
    )  # fmt: skip
    assert [row[0] for row in table.rows] == ["base", *CHANGES]
    text = to_text(table)
    assert re.search(r"mirrored +40 +35.0 +15.0 \(1[34]\.[0-9] to 1[567]\.[0-9]\)", text)
    assert "silence: predicted area falls from 10.0 % to 1.0 %" in text
    assert "the gt of silence is empty, where J is 100 % for an empty prediction and 0 for any other" in text
    assert "the gt of silence is empty, so its scores can't be set against the base's" in to_text(
        listening_table(replace(_full(), protocol="cavp-vpo"))
    )


def test_json_is_strict_and_complete() -> None:
    row = json.loads(listening_json(_full()), parse_constant=lambda word: pytest.fail(word))
    silence = next(one for one in row["variants"] if one["name"] == "silence")
    assert silence["measures"]["J"]["fall"]["value"] == "nan"
    assert silence["area"]["score"]["value"] == pytest.approx(0.01)
    assert silence["heard"] == "nothing" and silence["silent"] == 20


def test_the_figure_has_a_dot_and_a_bar_for_each() -> None:
    tree = ElementTree.fromstring(listening_figure(_full()))
    svg = "{http://www.w3.org/2000/svg}"
    styles = [each.get("class", "").split() for each in tree.iter()]
    assert sum("mark" in style and "bar" not in style for style in styles) == 7
    assert sum("hollow" in style for style in styles) == 1
    assert sum("bar" in style for style in styles) == 7
    texts = [each.text for each in tree.iter(svg + "text")]
    assert {"base", "off-screen", "Sound moved", "50.0", "35.0 (−15.0)", "10.0", "1.0"} <= set(texts)
    assert tree.findtext(svg + "title") == "Listening: <b>&"


def test_without_areas_the_figure_has_one_panel() -> None:
    variants = {"noise": _labelled({"a": [(1, 1, 16)]})}
    listening = listen(_labelled({"a": [(1, 1, 16)]}), variants, protocol="cavp-vpo", measures=["mIoU"])
    text = listening_figure(listening)
    assert "Predicted area" not in text and "mIoU (%)" in text
    assert listening_table(listening).columns == ("heard", "samples", "mIoU", "mIoU falls by")
