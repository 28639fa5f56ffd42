from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluators.dataset import DATASET, MANIFEST, read_info, read_manifest, sample_from_json, sample_to_json
from evaluators.errors import DataError


def test_a_sample_comes_back_as_it_was(toy_dataset: Any) -> None:
    _, samples, _ = toy_dataset
    for sample in samples:
        assert sample_from_json(sample_to_json(sample)) == sample


def test_manifest_and_info_come_back(toy_dataset: Any) -> None:
    folder, samples, info = toy_dataset
    assert list(read_manifest(folder / MANIFEST)) == list(samples)
    assert read_info(folder) == info


@pytest.mark.parametrize("line", ["", "{}", "[1]", '{"id": ', '{"id": "a", "surprise": 1}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / MANIFEST).write_text(line + "\n")
    with pytest.raises(DataError, match=r"manifest\.jsonl:1: not a sample"):
        list(read_manifest(tmp_path / MANIFEST))


def test_a_folder_that_is_no_dataset_is_named(tmp_path: Path, toy_dataset: Any) -> None:
    with pytest.raises(DataError, match=r"dataset\.json: no readable dataset.json"):
        read_info(tmp_path)
    row = json.loads((toy_dataset[0] / DATASET).read_text())
    (tmp_path / DATASET).write_text(json.dumps({**row, "format": 99}))
    with pytest.raises(DataError, match="format 99, this version reads format 1"):
        read_info(tmp_path)
