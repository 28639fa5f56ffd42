from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from evaluators.errors import DataError
from vpo_builder.configfile import make_settings, read_config
from vpo_builder.finish import config
from vpo_builder.settings import Settings


def test_settings_come_back_from_their_frozen_copy(tmp_path: Path) -> None:
    import tomli_w

    settings = Settings(
        split="all", seed=7, coco_json=("a.json", "b.json"), limit=5, audio="render", pan="head", variants=("noise",)
    )
    (tmp_path / "config.toml").write_text(tomli_w.dumps(config(settings)))
    assert make_settings(read_config(tmp_path / "config.toml")).content() == settings.content()


def test_every_setting_but_those_of_the_run_is_in_the_copy() -> None:
    absent = {f.name for f in dataclasses.fields(Settings)} - set(Settings().content())
    assert absent == {"out", "workers", "engine", "shard", "strict", "quiet"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"splitt": "ms"}, "splitt: no such setting"),
        ({"split": "mx"}, "expected one of ss, ms, msmi, all"),
        ({"seed": "1"}, "expected int"),
        ({"seed": True}, "expected int"),
        ({"seed": -1}, "expected 0 to any"),
        ({"keep_probability": 1.5}, "expected 0.0 to 1.0"),
        ({"keep_probability": float("nan")}, "expected 0.0 to 1.0"),
        ({"coco_json": "a.json"}, "expected a list"),
        ({"shard": "0/2"}, "expected i/n"),
        ({"shard": "3/2"}, "expected i/n"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        make_settings(values, "build.toml")


def test_a_whole_number_is_fine_where_a_fraction_is_meant() -> None:
    assert make_settings({"seconds": 5}).seconds == 5.0


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "build.toml").write_text("split = ")
    with pytest.raises(DataError, match=r"build.toml: can't be read as TOML"):
        read_config(tmp_path / "build.toml")
