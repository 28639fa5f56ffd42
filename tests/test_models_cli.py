"""`avs-train` as its users see it: help at once, one line for what is wrong, and fit, predict, avs-eval in a row."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from mini_avsbench import write_avss, write_ms3, write_s4
from safetensors.torch import load_file

from models import recipes, registry
from models.cli import main
from models.official_weights import ImportReport
from models.recipes import kind_of
from models.registry import Entry

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "numpy", "transformers", "accelerate", "PIL", "scipy"}
WIDER = ["--set", "model.options.hidden=5"]
FAST = ["--device", "cpu", "--quiet", "--set", "loop.validate_every=0"]


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entry = Entry("toy_system", "ToyOptions", "build_toy", "a toy", "nowhere")
    tables = {
        "model": {"name": "toy"},
        "data": {"size": 32, "seconds": 0.1, "workers": 0},
        "loop": {"epochs": 1, "batch": 2},
    }
    monkeypatch.setitem(registry.SYSTEMS, "toy", entry)
    monkeypatch.setattr(recipes, "_ROWS", {**recipes._ROWS, ("toy", "vpo"): {"source": "this test"}})
    monkeypatch.setattr(recipes, "_BASES", {**recipes._BASES, "toy": tables})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def refused(*arguments: object) -> str:
    """The one line that a call says; its exit code is 2, for what its user has to mend."""
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert result.output.count("\n") == 1, result.output
    assert result.output.startswith("avs-train: ")
    return result.output


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["predict", "--help"], ["list"], ["--version"]])
def test_help_and_list_load_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys\nfrom models.cli import main\ntry: main({arguments!r})\nexcept SystemExit: pass\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = {name.split(".")[0] for name in output.splitlines()[-1].split()}
    assert not loaded & (HEAVY if "list" not in arguments else {"torch", "transformers", "accelerate"})


def test_list_names_each_model_with_its_recipes() -> None:
    output = call("list").output
    assert all(
        name in output for name in ("tpavi", "twosep", "cavp", "avsegformer", "ECCV 2022", "recipes: s4 ms3 vpo")
    )


@pytest.mark.parametrize("model", ["tpavi", "twosep", "cavp", "avsegformer"])
def test_show_tells_parts_parameters_recipe_and_source(model: str) -> None:
    output = call("show", model, "--tiny").output
    assert ("network.visual" in output) == (model == "twosep")  # a network in a network is opened
    assert all(
        word in output
        for word in ("source ", "parameters, M", "visual", "TinyBackbone", "in all", "[loop]", "batch = 16")
    )


def test_show_counts_the_published_sizes_without_building() -> None:
    """TPAVI with ResNet-50: 68.158 M and VGGish's 72.141 M (reference: 68.16 of the official parameters get gradients)."""
    output = call("show", "tpavi", "--on", "s4").output
    total = next(line for line in output.splitlines() if line.startswith("in all"))
    assert float(total.split()[3]) == pytest.approx(68.158 + 72.141, abs=0.01)


def test_fit_predict_and_the_command_for_avs_eval(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    data, run, preds = toy_dataset[0], tmp_path / "run", tmp_path / "preds"
    fit = ["fit", "toy", "--data", data, "--out", run, "--steps", "2", "--seed", "3", *FAST]
    assert call(*fit).exit_code == 0
    assert sorted(path.name for path in run.iterdir()) == ["config.toml", "last", "log.csv", "run.json", "speed.csv"]
    written = (run / "config.toml").read_text()
    assert all(line in written for line in ("steps = 2", "epochs = 0", "seed = 3", "classes = 22", "hidden = 4"))
    assert call(*fit).exit_code == 0
    assert "has loop.seed 3, not 4" in refused(*fit, "--seed", "4")
    result = call("predict", run, "--data", data, "--out", preds, "--device", "cpu")
    assert result.exit_code == 0
    assert f"avs-eval {preds} {data}" in result.output.replace("\n", "")
    assert len(list(preds.rglob("*.png"))) == 3


def test_a_config_of_a_run_makes_the_same_run(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    data = toy_dataset[0]
    for run, more in (("a", ["--set", "optim.rate=0.05"]), ("b", ["--config", tmp_path / "a/config.toml"])):
        assert call("fit", "toy", "--data", data, "--out", tmp_path / run, *FAST, *more).exit_code == 0
    for name in ("config.toml", "log.csv", "last/model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "optim.rat=1"], "optim: rat: no such key; there are kind"),
        (["--set", "model.options.hiden=1"], "model.options: hiden: no such key; there are hidden"),
        (["--set", "model.options.hidden=many"], "found 'many', expected int"),
        (["--set", "optim.parts.neck.rate=1"], "the network has no such part, it has visual, audio, head"),
        (["--set", "model.classes=7"], "found 7, the data has 22 categories"),
        (["--set", "model.name=cavp"], "found 'cavp', but asked for toy"),
        (["--set", "model.stereo=level"], "level is of two channels, found 1"),
        (["--set", "data.val_split=test"], "the test split is for"),
        (["--set", "loop.batch=3", "--set", "loop.accumulate=2"], "expected a multiple of 2"),
        (["--set", "loop.validate_every=1"], "vpo build --val-fraction 0.1"),
        (["--set", "rate"], "expected a key with its tables and a value"),
    ],
)
def test_what_is_wrong_is_one_line(
    toy_dataset: tuple[Path, Any, Any], tmp_path: Path, arguments: list[str], words: str
) -> None:
    assert words in refused("fit", "toy", "--data", toy_dataset[0], "--out", tmp_path / "run", *FAST, *arguments)


def test_fine_tuning_begins_where_another_run_ended(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    """At rate 0 nothing moves: the weights are still the other run's, of its folder or of its file; without --start they aren't."""
    data, weights = toy_dataset[0], "last/model.safetensors"
    assert call("fit", "toy", "--data", data, "--out", tmp_path / "a", *FAST, "--set", "optim.rate=0.05").exit_code == 0
    still = ["--seed", 1, "--set", "optim.rate=0", "--set", "optim.kind=sgd"]
    for run, start in (("b", ["--start", tmp_path / "a"]), ("c", ["--start", tmp_path / "a" / weights]), ("d", [])):
        assert call("fit", "toy", "--data", data, "--out", tmp_path / run, *FAST, *still, *start).exit_code == 0
    first, *others = (load_file(tmp_path / run / weights) for run in "abcd")
    trained = [name for name in first if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    same = [all(torch.equal(first[name], other[name]) for name in trained) for other in others]
    assert same == [True, True, False]
    assert f'start_weights = "{tmp_path / "a"}"' in (tmp_path / "b/config.toml").read_text()
    wrong = call("fit", "toy", "--data", data, "--out", tmp_path / "e", *FAST, "--start", tmp_path / "a", *WIDER)
    assert wrong.exit_code == 1 and "audio.bias is (4,) float32, expected (5,) float32 [weights-shape]" in wrong.output
    empty = call("fit", "toy", "--data", data, "--out", tmp_path / "f", *FAST, "--start", data)
    assert empty.exit_code == 1 and "no-checkpoint" in empty.output


def test_no_data_tells_how_to_make_some() -> None:
    assert "vpo build --split all --val-fraction 0.2" in refused("fit", "toy")


def test_workers_change_no_byte_of_the_weights(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    for workers in (0, 1):
        more = ["--set", f"data.workers={workers}", "--set", "data.flip=0.5"]
        assert (
            call("fit", "toy", "--data", toy_dataset[0], "--out", tmp_path / str(workers), *FAST, *more).exit_code == 0
        )
    for name in ("log.csv", "last/model.safetensors", "last/training.safetensors"):
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes()
    assert (
        b"toy0" not in (tmp_path / "0/last/model.safetensors").read_bytes()[:20_000]
    )  # nor does it tell where data lay


def test_an_unknown_model_tells_the_nearest(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    assert "did you mean tpavi?" in refused("fit", "tpavy", "--data", toy_dataset[0])
    assert "there is none; there are" in refused("fit", "twosep", "--data", write_avss(tmp_path))


def test_a_folder_of_something_else_is_not_taken_for_a_run(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert "take another --out" in refused("fit", "toy", "--data", toy_dataset[0], "--out", tmp_path, *FAST)
    assert "give a folder that `avs-train fit` wrote" in refused(
        "predict", tmp_path, "--data", toy_dataset[0], "--out", tmp_path / "p"
    )


def test_a_run_that_saved_nothing_may_change(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    """A mistake in the settings that shows late doesn't block the folder."""
    fit = ["fit", "toy", "--data", toy_dataset[0], "--out", tmp_path / "run", *FAST]
    assert "has no such part" in refused(*fit, "--set", "optim.parts.neck.rate=1")
    assert call(*fit).exit_code == 0


def test_published_weights_that_are_none_are_refused(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(b"import os")
    result = call("import", "tpavi", file, "--data", toy_dataset[0], "--out", tmp_path / "run", "--tiny")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_import_leaves_no_sound_encoder_random(
    toy_dataset: tuple[Path, Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The official file of TPAVI holds no VGGish; whoever lacks it is told, and gets no run that hears nothing."""
    file = tmp_path / "w.pth"
    file.touch()
    words = ["import", "tpavi", file, "--data", toy_dataset[0], "--tiny", "--out", tmp_path / "run"]
    for lacking, code, told in (("audio.", 1, "holds no weights of the sound encoder"), ("nothing", 0, "into")):
        monkeypatch.setattr(
            "models.runs.import_weights",
            lambda system, file, prefix=lacking: ImportReport(
                (), (), tuple(name for name in system.state_dict() if name.startswith(prefix)), ()
            ),
        )
        result = call(*words)
        assert result.exit_code == code and told in result.output, result.output
        assert (tmp_path / "run").exists() == (code == 0)


def test_the_kind_of_a_dataset(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    assert kind_of(toy_dataset[0]) == "vpo"
    for write, kind in ((write_s4, "s4"), (write_ms3, "ms3"), (write_avss, "avss")):
        assert kind_of(write(tmp_path / kind)) == kind


def test_without_torch_the_commands_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "weights.pth").touch()
    for words in (
        ["fit", "cavp", "--data", str(tmp_path)],
        ["show", "cavp"],
        ["predict", str(tmp_path), "--data", str(tmp_path), "--out", "p"],
        ["import", "cavp", str(tmp_path / "weights.pth"), "--out", "r", "--data", str(tmp_path)],
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 2 and "torch and transformers and accelerate" in result.output, result.output
        assert "pip install 'avskit[train]' [missing-package]" in result.output
