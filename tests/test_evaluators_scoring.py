"""Goldens of the official codes, and laws of the streaming scorer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.counts import count_labels, scale_and_levels
from evaluators.detection import class_measures, confusion_matrix, margins
from evaluators.fscore import precision_recall
from evaluators.histograms import label_histogram, level_histogram
from evaluators.scoring import Scorer
from evaluators.semantic import foreground_j, frame_means

GOLDENS = Path(__file__).parents[2] / "shared" / "goldens"
needs_goldens = pytest.mark.skipif(not GOLDENS.is_dir(), reason="the golden cases are not here")


def golden(case: str) -> tuple[Any, Any]:
    path = GOLDENS / f"{case}.json"
    if not path.exists():
        pytest.skip(f"{case} is not here")
    return np.load(GOLDENS / f"{case}.npz"), json.loads(path.read_text())["expected"]


def scored(protocol: str, preds: Any, gts: Any, **options: Any) -> dict[str, float]:
    scorer = Scorer(protocol, **options)
    for number, (pred, gt) in enumerate(zip(preds, gts, strict=True)):
        scorer.update(f"{number:04d}", pred, gt)
    return scorer.compute()[protocol]


@needs_goldens
@pytest.mark.parametrize("batch", (1, 2, 4))
@pytest.mark.parametrize("case", ("obj_soft_a", "obj_empty_a", "obj_u8_a", "obj_softgt_a"))
def test_object_goldens(case: str, batch: int) -> None:
    data, expected = golden(case)
    key = "avsbench_object" if batch == 1 else f"avsbench_object_batch{batch}"
    preds, gts = (data["pred_u8"], data["gt_u8"]) if case == "obj_u8_a" else (data["prob"], data["gt"])
    got = scored(f"avsbench-object:batch={batch}", preds, gts)
    exact = batch == 1  # five frames a batch: the order of float32 sums is known
    assert got["J"] == pytest.approx(expected[key]["J"], abs=0 if exact else 1e-6, rel=0)
    assert got["F"] == pytest.approx(expected[key]["F"], abs=0 if exact else 1e-6, rel=0)
    robust = scored(f"avsbench-robust:batch={batch}", preds, gts)
    assert robust["FPR"] == pytest.approx(expected[key]["fpr_robust"], abs=1e-6)


@needs_goldens
def test_logits_score_as_their_probabilities() -> None:
    data, expected = golden("obj_soft_a")
    one = scored("avsbench-object", data["logits"], data["gt"], kind="logits")
    two = scored("cavp-object", data["logits2"], data["gt"], kind="logits")
    stones = scored("steppingstones-object", data["logits2"], data["gt"], kind="logits")
    for got, key in (
        (one, "avsbench_object"),
        (two, "cavp_object"),
        (two, "combo_object"),
        (stones, "steppingstones_object"),
    ):
        assert (got["J"], got["F"]) == pytest.approx((expected[key]["J"], expected[key]["F"]), abs=1e-6)


@needs_goldens
@pytest.mark.parametrize("case", ("obj_soft_a", "obj_empty_a"))
def test_deepavfusion_golden(case: str) -> None:
    data, expected = golden(case)
    got = scored("deepavfusion", data["prob"], data["gt"])
    wanted = expected["deepavfusion_object"]
    for name, key in (("mIoU", "miou"), ("precision", "precision"), ("recall", "recall")):
        assert got[name] == pytest.approx(wanted[key], abs=1e-6)
        assert got[f"{name} foreground"] == pytest.approx(wanted[f"{key}_noBg"], abs=1e-6)
    assert got["F"] == pytest.approx(wanted["fscore"], abs=1e-6)


@needs_goldens
@pytest.mark.parametrize("batch", (1, 4))
def test_refavs_golden(batch: int) -> None:
    data, expected = golden("refavs_a")
    wanted = expected[f"refavs_batch{batch}"]
    got = scored(f"refavs:batch={batch}", data["prob"], data["gt"])
    assert (got["J"], got["F"]) == pytest.approx((wanted["J"], wanted["F"]), abs=1e-6)
    null = scored(f"refavs-null:batch={batch}", data["null_prob"], np.zeros_like(data["gt"]))
    assert null["S"] == pytest.approx(wanted["S_null"], abs=1e-6)


@needs_goldens
@pytest.mark.parametrize("case", ("obj_soft_a", "obj_empty_a", "obj_u8_a", "obj_softgt_a"))
def test_precision_and_recall_of_one_frame(case: str) -> None:
    data, expected = golden(case)
    pred, gt = (data["pred_u8"], data["gt_u8"] > 0) if case == "obj_u8_a" else (data["prob"], data["gt"])
    scale, levels = scale_and_levels(pred[0, 0])
    truth = gt[0, 0] if gt.dtype.kind == "f" else gt[0, 0] > 0
    above, hits = (counts[::-1].cumsum()[::-1] for counts in level_histogram(levels, truth, scale.size))
    precision, recall = precision_recall(above[scale.curve][None], hits[scale.curve][None], hits[:1], 1e-20)
    wanted = expected["eval_pr_video0_frame0"]
    np.testing.assert_allclose(precision[0], wanted["prec"], atol=1e-6)
    np.testing.assert_allclose(recall[0], wanted["recall"], atol=1e-6)


@needs_goldens
def test_semantic_goldens() -> None:
    data, expected = golden("avss71_a")
    keys = {
        "avsbench-semantic": "avsbench_semantic_official_with_padding",
        "combo-semantic": "avsbench_semantic_valid_frames_only",
    }
    for protocol, key in keys.items():
        for name, part in ((protocol, "drop_last"), (f"{protocol}:background=drop first", "drop_first")):
            scorer = Scorer(name, kind="labels", categories=71)
            for number, (pred, gt, valid) in enumerate(zip(data["pred"], data["gt"], data["valid"], strict=True)):
                scorer.update(str(number), pred, gt, valid=valid)
            got, wanted = scorer.compute()[name], expected[key]
            for measure, official in (("J", "miou"), ("F", "fscore")):
                assert got[measure] == pytest.approx(wanted[official], abs=1e-6)
                assert got[f"{measure} no background"] == pytest.approx(wanted[f"{official}_noBg_{part}"], abs=1e-6)
                assert got[f"{measure} present"] == pytest.approx(wanted[f"{official}_present_only"], abs=1e-6)


@needs_goldens
def test_side_numbers_of_semantic_golden() -> None:
    data, expected = golden("avss71_a")
    samples = [count_labels(zip(pred, gt, strict=True)) for pred, gt in zip(data["pred"], data["gt"], strict=True)]
    wanted = expected["avsbench_semantic_official_with_padding"]["per_frame_mean_over_nonzero_iou"]
    np.testing.assert_allclose(frame_means(samples, 71), wanted, atol=1e-6)
    for background, key in ((70, "avsbench_bg_is_last"), (0, "cavp_bg_is_0")):
        assert foreground_j(samples, background).mean() == pytest.approx(expected[f"calc_binary_miou_{key}"], abs=1e-6)


def test_side_numbers_by_hand() -> None:
    gt, pred = np.array([[[1, 1, 2, 0]]] * 2), np.array([[[1, 3, 3, 0]], [[0, 0, 0, 2]]])
    samples = [count_labels(zip(pred, gt, strict=True))]
    means = frame_means(samples, 4)  # first frame: background 1/1, category 1 has 1/2, 2 and 3 nothing in common
    assert means[0] == pytest.approx(0.75) and np.isnan(means[1])
    assert foreground_j(samples, 0).tolist() == pytest.approx([1, 0])


@needs_goldens
def test_scores_of_all_categories_golden() -> None:
    data, expected = golden("avss71_a")
    got = scored(
        "combo-semantic", data["logits_small"][:, None], data["logits_small_gt"][:, None], kind="logits", categories=71
    )
    assert (got["J"], got["F"]) == pytest.approx(
        (expected["logits_small"]["miou"], expected["logits_small"]["fscore"]), abs=1e-6
    )


def assert_confusion(got: dict[str, float], wanted: Any) -> None:
    for name, key in (("mIoU", "miou"), ("accuracy", "acc"), ("FDR", "fdr"), ("F1", "f1"), ("F0.3", "f03")):
        assert got[name] == pytest.approx(wanted[f"{key}_unrounded"], abs=1e-6)


@needs_goldens
def test_vpo_golden() -> None:
    data, expected = golden("vpo22_a")
    pairs = [(data[name], data[name.replace("pred", "gt")]) for name in sorted(data.files) if name.startswith("pred")]
    preds, gts = zip(*pairs, strict=True)
    assert_confusion(scored("cavp-vpo", preds, gts, kind="labels", categories=22), expected["cavp_vpo"])
    foreground = scored("cavp-vpo-foreground", preds, gts, kind="labels", categories=22)
    assert_confusion(foreground, expected["cavp_vpo_foreground_only"])


@needs_goldens
@pytest.mark.parametrize("case", ("vpo22_a", "avss71_a"))
def test_confusion_matrices_are_exact(case: str) -> None:
    data, expected = golden(case)
    if case == "vpo22_a":
        pairs = [(data[name], data[name.replace("pred", "gt")]) for name in data.files if name.startswith("pred")]
        key, classes = "cavp_vpo", 22
    else:
        pairs = [
            (pred[valid], gt[valid]) for pred, gt, valid in zip(data["pred"], data["gt"], data["valid"], strict=True)
        ]
        key, classes = "cavp_semantic_valid_frames_only", 71
    total = sum(confusion_matrix(label_histogram(pred, gt), classes) for pred, gt in pairs)
    wanted = np.array(expected[key]["confusion_rows_gt_cols_pred"])
    assert np.array_equal(total, wanted[:classes, :classes])
    assert wanted.sum() == total.sum(), "the official matrix of VPO has two more classes, which nothing has"
    iou = class_measures(margins(np.asarray(total)))["IoU"]
    np.testing.assert_allclose(iou, expected[key]["per_class_iou"], atol=1e-6)


@needs_goldens
def test_cavp_semantic_golden() -> None:
    data, expected = golden("avss71_a")
    for name, key in (
        ("cavp-vpo", "cavp_semantic_valid_frames_only"),
        ("cavp-semantic-multi", "cavp_semantic_multi_source_subset"),
    ):
        scorer = Scorer(name, kind="labels", categories=71)
        for number, (pred, gt, valid) in enumerate(zip(data["pred"], data["gt"], data["valid"], strict=True)):
            scorer.update(str(number), pred, gt, valid=valid)
        assert_confusion(scorer.compute()[name], expected[key])
