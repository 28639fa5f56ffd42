"""Configs: what is refused and by which words, what is written reads back, and what the recipes say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.errors import DataError
from models.config import (
    Config,
    change,
    differences,
    identity,
    make_config,
    parse_change,
    read_toml,
    to_tables,
    to_toml,
)
from models.recipes import recipe, recipes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LENGTH = {"loop": {"epochs": 1}}


def parsed(content: bytes) -> dict[str, Any]:
    return tomllib.loads(content.decode())


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"optim": {"rat": 1.0}}, "optim: rat: no such key; there are kind, rate"),
        ({"optim": {"rate": "fast"}}, "optim: rate: found 'fast', expected float"),
        ({"optim": {"rate": -1.0}}, "found -1.0, expected 0 or more"),
        ({"optim": {"rate": True}}, "found True, expected float"),
        ({"optim": {"kind": "adagrad"}}, "found 'adagrad', expected one of adam, adamw, sgd"),
        ({"optim": {"parts": {"head": {"speed": 1}}}}, "parts.head: speed: no such key"),
        ({"model": {"channels": 3}}, "found 3, expected 0 to 2"),
        ({"model": 5}, "model: found 5, expected a table"),
        ({"loop": {"batch": 2.0}}, "found 2.0, expected int"),
        ({"loop": {"epochs": 0}}, "expected one of the two to be above 0"),
        ({"loop": {"epochs": 1, "steps": 1}}, "expected one of the two to be above 0"),
        ({"data": {"settings": "ss"}}, "found 'ss', expected a list"),
        ({"data": {"val_split": "test"}}, "the test split is for `avs-train predict`"),
        ({"data": {"train_split": "test"}}, "the test split is for `avs-train predict`"),
        ({"data": {"val_split": "train"}}, "the best is chosen on samples not trained on"),
        ({"data": {"jitter": [0.5]}}, "found 1 numbers, expected 4"),
    ],
)
def test_what_is_wrong_is_named(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        make_config(change(LENGTH, tables))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.reason == "bad-config"


def test_a_whole_number_is_a_rate() -> None:
    assert make_config(change(LENGTH, {"optim": {"rate": 1}})).optim.rate == 1.0


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("optim.rate=1e-4", {"optim": {"rate": 1e-4}}),
        ("loop.compile=true", {"loop": {"compile": True}}),
        ("data.scales=[0.5, 1]", {"data": {"scales": [0.5, 1]}}),
        ("model.visual=resnet50", {"model": {"visual": "resnet50"}}),
        ("model.visual_weights=a/b=c.pth", {"model": {"visual_weights": "a/b=c.pth"}}),
        ("optim.parts.head.rate=1", {"optim": {"parts": {"head": {"rate": 1}}}}),
    ],
)
def test_changes_are_read_as_toml_or_text(text: str, tables: dict[str, Any]) -> None:
    assert parse_change(text) == tables


@pytest.mark.parametrize("text", ["rate", "=1", "optim..rate=1", ""])
def test_a_change_needs_key_and_value(text: str) -> None:
    with pytest.raises(DataError, match="expected a key with its tables and a value"):
        parse_change(text)


def test_steps_take_the_place_of_epochs_and_back() -> None:
    by_steps = change(LENGTH, {"loop": {"steps": 7}})
    assert (by_steps["loop"]["epochs"], by_steps["loop"]["steps"]) == (0, 7)
    assert change(by_steps, {"loop": {"epochs": 2}})["loop"] == {"epochs": 2, "steps": 0}


@settings(max_examples=50)
@given(
    rate=st.floats(0, 1e6, allow_nan=False),
    name=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
    scales=st.lists(st.floats(0.1, 4), max_size=4),
    part=st.none() | st.floats(0, 1),
    width=st.integers(0, 2**40),
)
def test_what_is_written_reads_back(
    rate: float, name: str, scales: list[float], part: float | None, width: int
) -> None:
    parts = {"head": {} if part is None else {"rate": part}}
    model = {"visual_weights": name, "options": {"width": width, "stages": [1, 2], "name": name}}
    config = make_config(
        {**LENGTH, "optim": {"rate": rate, "parts": parts}, "data": {"scales": scales}, "model": model}
    )
    again = make_config(parsed(to_toml(config)))
    assert to_tables(again) == to_tables(config)
    assert not list(differences(to_tables(again), to_tables(config)))


def test_differences_name_the_key_and_both_values() -> None:
    mine, theirs = (to_tables(make_config(change(LENGTH, {"optim": {"rate": rate}}))) for rate in (0.1, 0.2))
    assert list(differences(mine, theirs)) == ["optim.rate 0.1, not 0.2"]
    assert list(differences({"a": {"b": 1}}, {"a": {}})) == ["a.b 1, not unset"]


def test_where_data_lies_is_no_part_of_what_a_run_is() -> None:
    """Nor where instance maps lie; but whether there are any, and whether they are the dataset's own, is."""
    places = ({"dir": "a", "workers": 0, "instances": "maps"}, {"dir": "b", "workers": 9, "instances": "/other/maps"})
    first, second = (identity(make_config(change(LENGTH, {"data": data}))) for data in places)
    assert first == second
    kinds = [identity(make_config(change(LENGTH, {"data": {"instances": kind}}))) for kind in ("", "own", "maps")]
    assert [list(differences(kinds[0], kind)) for kind in kinds[1:]] == [
        ["data.instances , not own"],
        ["data.instances , not folder"],
    ]


@pytest.mark.parametrize("content", [b"[loop\n", b"\xff", b"a = 1\na = 2\n", None])
def test_a_bad_file_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(DataError, match="can't be read as TOML") as caught:
        read_toml(tmp_path / "c.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tiny", [False, True])
@pytest.mark.parametrize(("model", "kind"), recipes())
def test_every_recipe_is_a_config_with_a_source(model: str, kind: str, tiny: bool) -> None:
    config = make_config(recipe(model, kind, tiny=tiny))
    assert isinstance(config, Config)
    assert config.model.name == model
    assert config.source
    assert (config.model.visual == "tiny") == tiny
    assert (config.loop.steps > 0) == tiny


def test_published_numbers() -> None:
    """A sample of what papers and code say: AVSBench's train.sh, CAVP's configs, AVSegFormer's configs."""
    tpavi, cavp, former = (
        make_config(recipe(*key)) for key in (("tpavi", "ms3"), ("cavp", "vpo"), ("avsegformer", "s4"))
    )
    assert (tpavi.optim.kind, tpavi.optim.rate, tpavi.loop.batch, tpavi.loop.epochs) == ("adam", 1e-4, 4, 30)
    assert (cavp.optim.kind, cavp.optim.rate, cavp.optim.weight_decay, cavp.loop.epochs) == ("sgd", 1e-3, 5e-4, 80)
    assert (cavp.optim.parts["audio"].kind, cavp.optim.parts["audio"].schedule) == ("adam", "constant")
    assert (cavp.data.size, cavp.model.output_stride, cavp.model.channels) == (512, 8, 2)
    assert (former.optim.kind, former.optim.rate, former.loop.batch) == ("adamw", 2e-5, 2)
    assert former.optim.parts["visual"].frozen_epochs == 5


def test_no_recipe_tells_which_there_are() -> None:
    with pytest.raises(DataError, match="there are tpavi on s4") as caught:
        recipe("twosep", "avss")
    assert caught.value.reason == "no-recipe"


def test_config_and_recipes_need_no_torch() -> None:
    code = "import sys, models.config, models.recipes, models.registry, models.cli; print('torch' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert found.stdout.strip() == "False"
