from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vpo_builder.card import dataset_card
from vpo_builder.settings import Settings
from vpo_builder.stats import compute_stats

REAL = {
    "coco_json": ["/home/someone/coco/instances_val2017.json"],
    "clips": "C:\\data\\vggsound.csv",
    "seed": 3,
    "min_area": 0.01,
}


def _card(toy: Any, config: Any = REAL, rejected: Any = None) -> str:
    _, samples, info = toy
    return dataset_card(info, compute_stats(samples, info), config, rejected or {})


def test_the_header_is_what_hugging_face_reads(toy_dataset: Any) -> None:
    _, header, body = _card(toy_dataset).split("---\n", 2)
    assert header.splitlines()[:5] == [
        "license: other",
        "license_name: mixed",
        'pretty_name: "toy"',
        "task_categories:",
        "- image-segmentation",
    ]
    assert header.endswith("size_categories:\n- n<1K\n")
    assert body.lstrip().startswith("# toy\n")


def test_counts_licences_and_rejects_are_in_it(toy_dataset: Any) -> None:
    card = _card(toy_dataset, rejected={"image-truncated": 2, "audio-silent": 1500})
    assert "| VPO-MSMI | 1 | 1 | 4 | 1 | 2.00 (dog / female) |" in card
    assert "| Attribution License | 3 |" in card
    assert "| `image-truncated` | 2 |" in card
    assert "1,502 items were left out" in card
    assert "CC BY 4.0" in card
    assert "made by the sample world" not in card
    assert "Unraveling Instance Associations" in card


def test_paths_are_cut_to_file_names(toy_dataset: Any) -> None:
    card = _card(toy_dataset)
    assert "instances_val2017.json" in card
    assert "vggsound.csv" in card
    assert "someone" not in card
    assert "C:" not in card


def test_the_sample_world_names_no_collection_it_did_not_use(toy_dataset: Any) -> None:
    card = _card(toy_dataset, Settings().content())
    assert "Clips of VGGSound" not in card
    assert "made by the sample world" in card


def test_variants_are_named(toy_dataset: Any) -> None:
    folder, samples, info = toy_dataset
    assert "`variants/`: mirrored, silence." in _card(
        (folder, samples, replace(info, variants=("mirrored", "silence")))
    )
    assert "variants/" not in _card(toy_dataset)


def test_hostile_names_stay_in_their_cell(toy_dataset: Any) -> None:
    card = _card(toy_dataset, rejected={"a|b<script>\n# x": 1})
    assert "| `a\\|b&lt;script> # x` | 1 |" in card


def test_the_same_arguments_give_the_same_text(toy_dataset: Any) -> None:
    assert _card(toy_dataset) == _card(toy_dataset)


@pytest.mark.parametrize("audio", ["reference", "render"])
def test_the_examples_run(
    audio: str,
    make_toy_dataset: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("pandas")
    card = _card(make_toy_dataset(tmp_path, audio))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(blocks) == 2
    found: dict[str, Any] = {}
    for block in blocks:
        exec(block, found)
    assert found["sound"].shape == (160_000, 2)
    assert "dog 0.1875 " in capsys.readouterr().out  # (20 + 100) / 2 / 320
