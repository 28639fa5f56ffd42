"""The leaderboard: order, seeds, paired tests, and all the reasons not to compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.boards import better
from evaluators.compare import Comparison, compare, comparison_rows, comparison_tables
from evaluators.detection import confusion_matrix, confusion_measures
from evaluators.errors import DataError
from evaluators.evidence import evidence
from evaluators.intervals import bootstrap
from evaluators.outcome import nanmean
from evaluators.protocols import find_protocol
from evaluators.results import Folder, ProtocolResult, Result, read_result, write_result
from evaluators.scoring import Scorer, fold
from evaluators.significance import paired_bootstrap, paired_permutation
from evaluators.tables import to_csv, to_latex, to_markdown, to_text

IDS = ("a", "b", "c", "d")
GOOD, FAIR = (0.9, 0.8, 0.7, 0.6), (0.8, 0.7, 0.6, 0.3)  # means 0.75 and 0.6; differences 0.1, 0.1, 0.1, 0.3


def row(
    values: Mapping[str, Sequence[float]], units: Sequence[str] = IDS, name: str = "avs", **changes: Any
) -> ProtocolResult:
    protocol = find_protocol(name)
    measures = {measure: nanmean(np.array(column, float)) for measure, column in values.items()}
    made = ProtocolResult(
        name, protocol.version, protocol.family, protocol.rule, protocol.text, protocol.source, measures,
        units=tuple(units), values=values,
    )  # fmt: skip
    return replace(made, **changes)


def result(name: str, *rows: ProtocolResult, samples: Sequence[str] = IDS, **changes: Any) -> Result:
    folder = Folder("gt", "labels", len(samples), "gt of " + " ".join(samples), (), "vpo")
    preds = replace(folder, path=name, sha256=name)
    made = Result(name, "avs-eval 0.1.0", "", preds, folder, {}, {}, (), (), tuple(samples), rows)
    return replace(made, **changes)


def run(name: str, values: Sequence[float], **changes: Any) -> Result:
    return result(name, row({"J": values}), **changes)


def confused(name: str, counts: Mapping[str, Sequence[tuple[int, int, int]]], **rule: Any) -> Result:
    """A run of ``cavp-vpo`` from rows gt, pred, pixels by sample."""
    protocol = find_protocol("cavp-vpo")
    settings = {**protocol.rule, "classes": 3, **rule}
    matrix = sum(confusion_matrix(np.array(rows), 3) for rows in counts.values())
    measures = {key: float(value) for key, value in confusion_measures(np.asarray(matrix), settings).items()}
    made = row({}, (), "cavp-vpo", measures=measures, rule=settings)
    return result(name, made, samples=tuple(counts), confusions=counts)


def only_board(comparison: Comparison) -> Any:
    assert len(comparison.boards) == 1
    return comparison.boards[0]


def test_rows_stand_best_first_and_are_tested_against_the_best() -> None:
    board = only_board(compare([run("fair", FAIR), run("good", GOOD)], published=False))
    assert [each.name for each in board.rows] == ["good", "fair"] and board.reference == "good"
    assert [each.scores["J"].value for each in board.rows] == pytest.approx([0.75, 0.6])
    found = board.rows[1].difference
    assert board.rows[0].difference is None
    assert (
        found.value == pytest.approx(-0.15) and found.low == pytest.approx(-0.25) and found.high == pytest.approx(-0.1)
    )
    assert found.p == 2 / 16 and found.units == 4  # only all or no signs changed are as far from 0
    assert board.made_of == {"J": "mean over 4 samples"} and board.problems == ()


def test_less_is_better_for_errors() -> None:
    runs = [result(name, row({"FDR": values})) for name, values in (("a", GOOD), ("b", FAIR))]
    assert [each.name for each in only_board(compare(runs, published=False)).rows] == ["b", "a"]
    assert better("S", "null") == "low" and better("S", "saliency") == "high" and better("pred area", "frames") == ""


def test_what_has_no_number_stands_last_and_what_is_no_quality_keeps_its_order() -> None:
    runs = [run("nothing", (math.nan,) * 4), run("fair", FAIR), run("good", GOOD)]
    assert [each.name for each in only_board(compare(runs, published=False)).rows] == ["good", "fair", "nothing"]
    areas = [result(name, row({"pred area": values})) for name, values in (("less", FAIR), ("more", GOOD))]
    assert [each.name for each in only_board(compare(areas, published=False)).rows] == ["less", "more"]


def test_the_measure_and_the_row_to_test_against_can_be_chosen() -> None:
    runs = [result("a", row({"J": GOOD, "F": FAIR})), result("b", row({"J": FAIR, "F": GOOD}))]
    board = only_board(compare(runs, measure="F", published=False))
    assert (board.measure, board.reference) == ("F", "b")
    board = only_board(compare(runs, against="b", published=False))
    assert [each.name for each in board.rows] == ["a", "b"] and board.reference == "b"
    assert board.rows[0].difference.value == pytest.approx(0.15)


def test_stored_intervals_are_taken_and_missing_ones_drawn() -> None:
    stored = result("stored", row({"J": GOOD}, intervals={"J": (0.1, 0.9)}))
    board = only_board(compare([stored, run("drawn", FAIR)], published=False))
    assert (board.rows[0].scores["J"].low, board.rows[0].scores["J"].high) == (0.1, 0.9)
    drawn = board.rows[1].scores["J"]
    assert (drawn.low, drawn.high) == pytest.approx(bootstrap(np.array(FAIR), np.random.default_rng(0)), abs=0.03)


def test_seeds_of_one_system_are_one_row() -> None:
    """0.75 and 0.60: mean 0.675, deviation 0.15 / sqrt(2); the test takes each sample's mean over the seeds."""
    runs = [run("net@seed1", GOOD), run("net@seed2", FAIR), run("base", (0.1, 0.1, 0.1, 0.1))]
    comparison = compare(runs, published=False)
    net, base = only_board(comparison).rows
    assert (net.name, net.runs, base.name, base.runs) == ("net", 2, "base", 1)
    assert net.scores["J"].value == pytest.approx(0.675) and net.scores["J"].deviation == pytest.approx(
        0.15 / math.sqrt(2)
    )
    assert math.isnan(base.scores["J"].deviation)
    assert base.difference.value == pytest.approx(-0.575) and base.difference.p == 2 / 16
    mean = (np.array(GOOD) + np.array(FAIR)) / 2
    assert base.difference.p == paired_permutation(mean, np.full(4, 0.1), np.random.default_rng(0))
    other_way = only_board(compare(runs, published=False, against="base")).rows[0]
    assert other_way.difference.value == pytest.approx(0.575)
    assert any("over 2 runs: net@seed1, net@seed2" in remark for remark in comparison.remarks)


@pytest.mark.parametrize("name", ["net@seed1", "net@1", "net@seed-1"])
def test_one_seed_alone_keeps_its_name(name: str) -> None:
    assert [each.name for each in only_board(compare([run(name, GOOD)], published=False)).rows] == [name]
    both = compare([run(name, GOOD), run("net@2", FAIR)], published=False)
    assert [each.name for each in only_board(both).rows] == ["net"]


def test_a_run_that_is_called_as_its_seeds_would_be_stays_apart() -> None:
    board = only_board(compare([run("net", GOOD), run("net@1", FAIR), run("net@2", FAIR)], published=False))
    assert [each.name for each in board.rows] == ["net", "net@1", "net@2"]


def test_groups_can_be_given() -> None:
    runs = [run("monday", GOOD), run("friday", FAIR), run("x@1", FAIR), run("x@2", FAIR)]
    board = only_board(compare(runs, groups={"net": ["monday", "friday"]}, published=False))
    assert [(each.name, each.runs) for each in board.rows] == [("net", 2), ("x@1", 1), ("x@2", 1)]
    with pytest.raises(DataError, match="bad-name"):
        compare(runs, groups={"net": ["sunday"]})


def test_runs_of_one_name_are_told_apart() -> None:
    board = only_board(compare([run("preds", GOOD), run("preds", FAIR), run("preds (1)", FAIR)], published=False))
    assert sorted(each.name for each in board.rows) == ["preds (1)", "preds (2)", "preds (3)"]


# reasons not to compare


def refused(one: Result, other: Result, words: str, lifted: bool) -> None:
    board = only_board(compare([one, other], published=False))
    assert any(words in problem and problem.endswith("not tested") for problem in board.problems), board.problems
    assert all(each.difference is None for each in board.rows)
    board = only_board(compare([one, other], published=False, common=True))
    assert any(words in problem for problem in board.problems)
    assert any(each.difference is not None for each in board.rows) == lifted


def test_other_samples() -> None:
    fewer = result("fewer", row({"J": FAIR[:3]}, IDS[:3]), samples=IDS[:3])
    refused(run("all", GOOD), fewer, "different samples (4 and 3, 3 of them in both)", True)


def test_other_gt() -> None:
    other = run("other", FAIR)
    refused(run("one", GOOD), replace(other, gt=replace(other.gt, sha256="x")), "different gt files", False)


def test_other_version_rule_variant_and_flags() -> None:
    one = run("one", GOOD)
    refused(one, result("other", row({"J": FAIR}, version=2)), "versions 1 and 2 of avs", False)
    refused(one, result("other", row({"J": FAIR}, rule={"cut": 0.4})), "cut none and 0.4", False)
    refused(one, result("other", row({"J": FAIR}, family="object")), "family frames and object", False)
    refused(one, run("other", FAIR, variant="silence"), "variants base and silence", False)
    refused(one, run("other", FAIR, flags={"resize": "nearest"}), "resize none and nearest", True)


def test_flags_that_only_say_how_files_are_read_do_no_harm() -> None:
    board = only_board(compare([run("one", GOOD), run("other", FAIR, flags={"kind": "labels"})], published=False))
    assert board.problems == () and board.rows[1].difference is not None


def test_a_pair_that_can_be_tested_is_tested_beside_one_that_can_not() -> None:
    runs = [run("best", GOOD), run("same", FAIR), run("other", FAIR, flags={"missing": "zero"})]
    board = only_board(compare(runs, published=False))
    assert {each.name: each.difference is not None for each in board.rows} == {
        "best": False,
        "same": True,
        "other": False,
    }


def test_seeds_that_differ_among_themselves_are_told() -> None:
    runs = [run("net@1", GOOD), run("net@2", FAIR, variant="noise"), run("base", FAIR)]
    board = only_board(compare(runs, published=False, against="net"))
    assert any("net@1 and net@2: the variants" in problem for problem in board.problems)
    assert board.rows[1].difference is None


def test_common_samples_are_scored_again() -> None:
    """Of a, b and c: 0.8 and 0.7; sample d, which only one has, counts for neither."""
    fewer = result("fewer", row({"J": FAIR[:3]}, IDS[:3]), samples=IDS[:3])
    board = only_board(compare([run("all", GOOD), fewer], published=False, common=True))
    assert [each.scores["J"].value for each in board.rows] == pytest.approx([0.8, 0.7])
    assert board.common and [each.samples for each in board.rows] == [3, 3]
    assert board.rows[1].difference.units == 3 and board.rows[1].difference.value == pytest.approx(-0.1)
    same = only_board(compare([run("one", GOOD), run("other", FAIR)], published=False, common=True))
    assert not same.common and [each.samples for each in same.rows] == [4, 4]  # nothing to leave out


def test_what_the_common_samples_do_not_give_is_left_out_or_refused() -> None:
    first = row({"J": GOOD}, measures={"J": 0.75, "max F": 0.9})
    second = row({"J": FAIR[:3]}, IDS[:3], measures={"J": 0.7, "max F": 0.8})
    runs = [result("all", first), result("fewer", second, samples=IDS[:3])]
    board = only_board(compare(runs, published=False, common=True))
    assert list(board.made_of) == ["J"] and any("don't give them: max F" in note for note in board.notes)
    with pytest.raises(DataError, match="bad-measure"):
        compare(runs, published=False, common=True, measure="max F")
    nothing = result("nothing", row({"J": FAIR}, ("w", "x", "y", "z")), samples=("w", "x", "y", "z"))
    with pytest.raises(DataError, match="the common samples alone don't give any of its measures"):
        compare([run("all", GOOD), nothing], published=False, common=True)


def test_a_board_without_common_numbers_does_not_hide_the_others() -> None:
    batches = {"J": (0.5, 0.6)}
    one = result("one", row({"J": GOOD}), row(batches, ("a+b", "c+d"), "avsbench-object-b4"))
    rows = (row({"J": FAIR[:3]}, IDS[:3]), row(batches, ("a+c", "b"), "avsbench-object-b4"))
    comparison = compare([one, result("two", *rows, samples=IDS[:3])], published=False, common=True)
    assert [board.protocol for board in comparison.boards] == ["avs"]
    assert any(remark.startswith("avsbench-object-b4: left out") for remark in comparison.remarks)


def test_numbers_that_do_not_give_what_the_file_says_are_not_tested() -> None:
    forged = result("forged", row({"J": GOOD}, measures={"J": 0.99}))
    board = only_board(compare([forged, run("honest", FAIR)], published=False))
    assert all(each.difference is None for each in board.rows)
    assert any("no numbers per sample in the file give its J: forged" in note for note in board.notes)


def test_units_of_frames_are_drawn_by_sample() -> None:
    units = tuple(f"{id}:{number}" for id in IDS for number in range(3))
    runs = [
        result(name, row({"F": np.repeat(values, 3).tolist()}, units, "deepavfusion"))
        for name, values in (("good", GOOD), ("fair", FAIR))
    ]
    board = only_board(compare(runs, published=False))
    by_sample = only_board(compare([run("good", GOOD), run("fair", FAIR)], published=False))
    assert board.made_of["F"] == "mean over 12 frames or objects"
    assert board.rows[1].difference.p == by_sample.rows[1].difference.p == 2 / 16
    assert board.rows[1].difference.units == 12


# measures of the whole dataset

RIGHT = {id: ((0, 0, 80), (1, 1, 15), (1, 0, 5)) for id in IDS}
WORSE = {id: ((0, 0, 70), (0, 1, 10), (1, 1, 12 - n), (1, 0, 8 + n)) for n, id in enumerate(IDS)}


def slow_miou(counts: Sequence[Sequence[tuple[int, int, int]]], classes: int) -> float:
    total = 0.0
    for index in range(classes):
        same = sum(pixels for rows in counts for gt, pred, pixels in rows if gt == pred == index)
        either = sum(pixels for rows in counts for gt, pred, pixels in rows if index in (gt, pred))
        total += same / either if either else 0.0
    return total / classes


def test_miou_of_two_runs_is_tested_by_swapping_counts() -> None:
    """mIoU of three categories, one of them nowhere. 16 swaps; p counted by a loop over all."""
    board = only_board(compare([confused("right", RIGHT), confused("worse", WORSE)], published=False))
    right, worse = (slow_miou(list(counts.values()), 3) for counts in (RIGHT, WORSE))
    assert [each.scores["mIoU"].value for each in board.rows] == pytest.approx([right, worse], abs=1e-9)
    found = board.rows[1].difference
    assert found.value == pytest.approx(worse - right) and found.low < found.value < found.high < 0
    large = 0
    for way in range(16):
        sides = [(RIGHT[id], WORSE[id])[:: -1 if way >> n & 1 else 1] for n, id in enumerate(IDS)]
        gap = slow_miou([side[0] for side in sides], 3) - slow_miou([side[1] for side in sides], 3)
        large += abs(gap) >= right - worse - 1e-12
    assert found.p == large / 16 == 2 / 16
    assert board.made_of["mIoU"] == "pixels of all 4 samples"


def test_miou_on_common_samples() -> None:
    fewer = {id: WORSE[id] for id in IDS[:2]}
    runs = [confused("right", RIGHT), confused("worse", fewer)]
    assert only_board(compare(runs, published=False)).rows[1].difference is None
    board = only_board(compare(runs, published=False, common=True))
    expected = [slow_miou([counts[id] for id in IDS[:2]], 3) for counts in (RIGHT, WORSE)]
    assert [each.scores["mIoU"].value for each in board.rows] == pytest.approx(expected, abs=1e-9)
    assert board.rows[1].difference.units == 2


def test_seeds_of_a_dataset_measure() -> None:
    runs = [confused("net@1", RIGHT), confused("net@2", WORSE), confused("base@1", WORSE), confused("base@2", WORSE)]
    board = only_board(compare(runs, published=False))
    means = [slow_miou(list(counts.values()), 3) for counts in (RIGHT, WORSE)]
    assert board.rows[0].scores["mIoU"].value == pytest.approx(sum(means) / 2)
    assert board.rows[1].difference.value == pytest.approx(means[1] - sum(means) / 2)
    assert 0 < board.rows[1].difference.p < 1
    uneven = only_board(compare(runs[:3], published=False))
    assert math.isnan(uneven.rows[1].difference.p) and uneven.rows[1].difference.high < 0
    assert any(
        "whole runs can't be swapped" in note for note in comparison_tables(compare(runs[:3], published=False))[0].notes
    )


def test_a_rule_that_chooses_frames_is_not_computed_from_counts_of_samples() -> None:
    runs = [confused("right", RIGHT, frames="multi-source"), confused("worse", WORSE, frames="multi-source")]
    board = only_board(compare(runs, published=False))
    assert board.rows[1].difference is None and board.made_of["mIoU"] == "the whole dataset at once"


@pytest.mark.parametrize("classes", [0, -1, 10**9, 2.0, "3", True])
def test_a_hostile_number_of_categories_costs_nothing(classes: Any) -> None:
    runs = [confused("right", RIGHT), confused("worse", WORSE)]
    runs = [replace(each, protocols=(replace(each.protocols[0], rule={"classes": classes}),)) for each in runs]
    assert only_board(compare(runs, published=False)).rows[1].difference is None


def test_counts_of_hostile_labels_are_left_out() -> None:
    odd = {id: (*rows, (255, 1, 7), (-1, 0, 7), (10**12, 0, 7), (0, -5, 7)) for id, rows in RIGHT.items()}
    board = only_board(compare([confused("odd", odd), confused("worse", WORSE)], published=False))
    assert board.rows[0].scores["mIoU"].value == pytest.approx(slow_miou(list(RIGHT.values()), 3), abs=1e-9)


def test_what_the_scorer_folds_is_what_the_evidence_gives() -> None:
    """Random label maps through the scorer: values and counts in a result give each measure that the fold gave."""
    draw = np.random.default_rng(0)
    scorer = Scorer(["avs", "avsbench-object-b4", "cavp-vpo", "cavp-vpo-foreground"], kind="labels", categories=22)
    ids = [f"v{number}" for number in range(9)]
    for id in ids:
        gt = draw.integers(0, 5, (2, 6, 6))
        gt[draw.random(gt.shape) < 0.1] = 255
        scorer.update(id, np.where(draw.random(gt.shape) < 0.6, np.minimum(gt, 21), draw.integers(0, 5, gt.shape)), gt)
    counts = [scorer.samples[id] for id in ids]
    rows = []
    for protocol in scorer.protocols:
        outcome = fold(protocol, ids, counts)
        rows.append(ProtocolResult(
            protocol.name, protocol.version, protocol.family, protocol.rule, "", "", outcome.measures,
            units=outcome.units, values={measure: column.tolist() for measure, column in outcome.values.items()},
        ))  # fmt: skip
    confusions = {
        id: [tuple(row[1:]) for row in one.as_labels().rows.tolist()] for id, one in zip(ids, counts, strict=True)
    }
    scored = result("run", *rows, samples=ids, confusions=confusions)
    seen = {each.name: evidence([(scored, each)]) for each in rows}
    assert all(found is not None for measures in seen.values() for found in measures.values())
    for each in rows:
        for measure, found in seen[each.name].items():
            assert found is not None and found.numbers() == pytest.approx(
                (each.measures[measure],), abs=1e-7, nan_ok=True
            )


# what is asked for and not there


def test_boards_of_all_shared_protocols() -> None:
    one = result("one", row({"J": GOOD}), row({"J": GOOD}, name="avsbench-object"), row({"J": GOOD}, name="wsavs"))
    two = result("two", row({"J": FAIR}, name="avsbench-object"), row({"J": FAIR}))
    comparison = compare([one, two], published=False)
    assert [board.protocol for board in comparison.boards] == ["avs", "avsbench-object"]
    assert "Left out, since not all results have it: wsavs" in comparison.remarks
    single = only_board(compare([one, two], protocol="wsavs", published=False))
    assert [each.name for each in single.rows] == ["one"]


def test_protocols_that_could_not_be_computed_are_not_there() -> None:
    failed = row({}, (), measures={}, missing="it needs a gt of categories")
    with pytest.raises(DataError, match="no protocol is in all results"):
        compare([run("one", GOOD), result("two", failed)])


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"protocol": "x"}, "bad-protocol"), ({"measure": "x"}, "bad-measure"), ({"against": "x"}, "bad-name")],
)
def test_wrong_names_are_told_with_the_right_ones(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        compare([run("good", GOOD)], published=False, **options)
    assert any(word in str(caught.value) for word in ("avs", "J", "good")) and "\n" not in str(caught.value)


def test_nothing_to_compare() -> None:
    with pytest.raises(DataError, match="nothing-to-compare"):
        compare([])


def test_one_result_is_a_leaderboard_too() -> None:
    board = only_board(compare([run("good", GOOD)], published=False))
    assert board.rows[0].difference is None
    assert "J to" not in to_text(comparison_tables(compare([run("good", GOOD)], published=False))[0])


def test_warnings_of_runs_and_equal_predictions_are_repeated() -> None:
    one, two = run("one", GOOD, warnings=("all predictions equal the gt",)), run("two", GOOD, tool="avs-eval 0.2.0")
    two = replace(two, preds=replace(one.preds, kind="soft"))
    remarks = compare([one, two], published=False).remarks
    assert "one: all predictions equal the gt" in remarks
    assert "one and two: the same predictions, file by file" in remarks
    assert any("one labels, two soft" in remark for remark in remarks)
    assert any("one avs-eval 0.1.0, two avs-eval 0.2.0" in remark for remark in remarks)


# laws


def test_the_order_of_the_results_does_not_matter() -> None:
    runs = [run("good", GOOD), run("fair", FAIR), run("bad", (0.1, 0.5, 0.2, 0.3))]
    one, other = (only_board(compare(each, published=False)) for each in (runs, runs[::-1]))
    assert repr(one.rows) == repr(other.rows)  # repr, since nan is not nan


def test_a_difference_does_not_depend_on_who_else_is_compared_but_its_holm_p_does() -> None:
    runs = [run("good", GOOD), run("fair", FAIR), run("bad", (0.1, 0.5, 0.2, 0.3))]
    two, three = (only_board(compare(each, published=False)).rows[1].difference for each in (runs[:2], runs))
    assert replace(two, adjusted=0.0) == replace(three, adjusted=0.0)
    assert two.adjusted == two.p and three.adjusted == 2 * three.p


def test_the_seed_decides_the_draws() -> None:
    draw = np.random.default_rng(0)
    ids = tuple(f"{number:03d}" for number in range(50))
    runs = [result(name, row({"J": draw.random(50).tolist()}, ids), samples=ids) for name in "ab"]
    first, again, other = (
        only_board(compare(runs, seed=seed, published=False)).rows[1].difference for seed in (0, 0, 1)
    )
    assert first == again and first != other and first.value == other.value


def test_the_numbers_are_those_of_the_paired_functions() -> None:
    draw = np.random.default_rng(0)
    ids = tuple(f"{number:03d}" for number in range(60))
    a, b = draw.random(60) + 0.1, draw.random(60)
    runs = [result(name, row({"J": values.tolist()}, ids), samples=ids) for name, values in (("a", a), ("b", b))]
    found = only_board(compare(runs, published=False, against="b")).rows[0].difference
    difference, low, high = paired_bootstrap(a, b, np.random.default_rng(1))
    assert (found.value, found.low, found.high) == pytest.approx((difference, low, high), abs=0.01)
    assert found.p == pytest.approx(paired_permutation(a, b, np.random.default_rng(1)), abs=0.02)


# tables


def test_the_tables_say_what_a_reader_must_know() -> None:
    runs = [run("good", GOOD), run("fair", FAIR, flags={"missing": "skip"}), run("same", FAIR)]
    table = comparison_tables(compare(runs, published=False))[0]
    text = to_text(table)
    assert text.startswith("avs (version 1)\n")
    assert "WARNING: good and fair: scored with different flags: missing none and skip; not tested" in text
    assert "J: mean over 4 samples." in text and "two-sided p" in text and find_protocol("avs").source in text
    line = next(line for line in text.splitlines() if line.startswith("good"))
    assert not line.endswith("-")  # nothing stands where the reference would be tested against itself
    line = next(line for line in text.splitlines() if line.startswith("same"))
    assert "60.00" in line and "-15.00 (-25.00 to -10.00)" in line and "0.1250" in line
    line = next(line for line in text.splitlines() if line.startswith("fair"))
    assert line.split()[-2:] == ["-", "-"]
    assert r"\textbf{75.00" in to_latex(table) and "**75.00" in to_markdown(table)


def test_the_long_table_has_a_row_for_each_number() -> None:
    runs = [result(name, row({"J": values, "F": values})) for name, values in (("good", GOOD), ("fair", FAIR))]
    lines = to_csv(comparison_rows(compare(runs, published=False))).splitlines()
    assert len(lines) == 1 + 2 * 2
    good, fair = (next(line for line in lines if f'"J","{name}"' in line) for name in ("good", "fair"))
    assert '"avs",1,"J","good",1,4,0.75' in good and ',"good",-0.15' in fair


def s4(name: str, values: Sequence[float], **changes: Any) -> Result:
    made = result(name, row({"J": values, "F": values}, name="avsbench-object"), **changes)
    return replace(made, gt=replace(made.gt, layout="s4"))


def test_rows_of_papers_stand_below_and_are_marked() -> None:
    board = only_board(compare([s4("ours", GOOD)]))
    table = comparison_tables(compare([s4("ours", GOOD), s4("theirs", FAIR)]))[0]
    lines = to_text(table).splitlines()
    assert board.printed and len({(paper.name, paper.source) for paper in board.printed}) == len(board.printed)
    tpavi = next(line for line in lines if line.startswith("TPAVI (PVT-v2)"))
    assert "78.7 " in tpavi and "87.9 " in tpavi  # the digits of the paper, .787 and .879
    assert tpavi.endswith("as printed in AVSBench, ECCV 2022, Table 3, not rescored")
    assert lines.index(tpavi) > next(place for place, line in enumerate(lines) if line.startswith("theirs"))
    assert "textbf{75.00" in to_latex(table)  # the best of what was scored, though papers print more
    csv_row = next(
        line for line in to_csv(comparison_rows(compare([s4("ours", GOOD)]))).splitlines() if "TPAVI (PVT" in line
    )
    assert '"J","TPAVI (PVT-v2)",,,0.787,' in csv_row and "not rescored" in csv_row


def test_each_line_of_a_paper_stands_once_and_without_ablations() -> None:
    papers = only_board(compare([s4("ours", GOOD)])).printed
    assert [paper.source for paper in papers if paper.name.startswith("LVS")] == ["AVSBench, ECCV 2022, Table 3"]
    assert not [paper for paper in papers if "," in paper.name]
    assert len([paper for paper in papers if paper.name.startswith("TPAVI (PVT")]) == 1


def test_papers_are_asked_for_by_dataset_and_protocol() -> None:
    assert only_board(compare([s4("ours", GOOD)], published=False)).printed == ()
    plain = result("plain", row({"J": GOOD, "F": GOOD}, name="avsbench-object"))  # of no known dataset
    assert only_board(compare([plain])).printed == ()
    ms3 = only_board(compare([plain], dataset="MS3")).printed
    assert ms3 and ms3 != only_board(compare([s4("ours", GOOD)])).printed
    assert only_board(compare([run("ours", GOOD)], dataset="S4")).printed == ()  # avs is nobody's protocol
    assert only_board(compare([s4("ours", GOOD, flags={"setting": "x"})])).printed == ()


def test_vpo_has_a_dataset_for_each_setting() -> None:
    counts = {f"ms_{n:012d}": rows for n, rows in enumerate(RIGHT.values())}
    board = only_board(compare([confused("ours", counts)]))
    cavp = next(paper for paper in board.printed if paper.name.startswith("CAVP"))
    assert {measure: number.value for measure, number in cavp.scores.items()} == pytest.approx(
        {"mIoU": 0.6431, "F0.3": 0.7892, "FDR": 0.1867}
    )
    assert cavp.note == "original resolution" and cavp.source == "CAVP, CVPR 2024, Table 4"
    told = {f"{n:012d}": rows for n, rows in enumerate(RIGHT.values())}
    assert only_board(compare([replace(confused("ours", told), flags={"setting": "ms"})])).printed == board.printed
    both = counts | {"ss_1": RIGHT["a"]}
    assert only_board(compare([confused("ours", both)])).printed == ()


def test_names_that_mean_harm_stay_names() -> None:
    table = comparison_tables(compare([run("\x1b[2J|<b>", GOOD), run("=1+1\n", FAIR)], published=False))[0]
    for form in (to_text, to_markdown, to_latex, to_csv):
        text = form(table)
        assert "\x1b" not in text and "\n\n\n" not in text
    assert "\"'=1+1" in to_csv(table)


def test_results_that_were_written_and_read_compare_the_same(tmp_path: Path) -> None:
    runs = [
        confused("right", RIGHT),
        confused("worse", WORSE),
    ]
    for each in runs:
        write_result(tmp_path / f"{each.name}.json", each)
    back = [read_result(tmp_path / f"{each.name}.json") for each in runs]
    one, other = (only_board(compare(each, published=False)) for each in (back, runs))
    assert repr(one.rows) == repr(other.rows)
