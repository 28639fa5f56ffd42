"""Predictions: what `avs-eval` reads, the numbers that validation finds, resumed to the same bytes, and every misuse in a line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mini_avsbench import write_ms3
from PIL import Image
from toy_system import toy_batch

from evaluators.engines import Engine
from evaluators.errors import DataError
from evaluators.evaluate import Options, evaluate
from evaluators.ground_truth import GtFrame, GtSample
from evaluators.masks import read_label_map
from evaluators.progress import Progress
from models import checkpoint, predict, registry
from models.checkpoint import Card
from models.config import Config, make_config, merged, to_tables
from models.jobs import settled, shown_data, training_list, whole
from models.predict import Request, targets, write_predictions
from models.registry import Entry, build_system
from models.runs import claim, load_run
from models.validate import Truth, as_map, open_truth, score_samples

CPU = torch.device("cpu")
TABLES: dict[str, Any] = {
    "model": {"name": "toy"},
    "data": {"size": 32, "seconds": 0.1, "workers": 0},
    "loop": {"epochs": 1, "batch": 2},
}


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entry = Entry("toy_system", "ToyOptions", "build_toy", "a toy", "nowhere")
    monkeypatch.setitem(registry.SYSTEMS, "toy", entry)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_run(folder: Path, data: Path, **changes: Any) -> Config:
    """A run whose network was never trained, but says something of everything."""
    config = make_config(merged(merged(TABLES, changes), {"data": {"dir": str(data)}}))
    listing = training_list(config)
    config = settled(config, listing)
    torch.manual_seed(0)
    system = build_system(config.model, config.model.classes)
    with torch.no_grad():
        system.head.weight.mul_(10)  # type: ignore[union-attr,operator]
    claim(folder, config)
    card = Card(to_tables(config), config.model.classes, listing.categories, listing.digest, "avs", "J")
    checkpoint.write_weights(folder / "last/model.safetensors", system, card)
    return config


def avs_eval(preds: Path, gt: Path, protocol: str, kind: str = "auto") -> dict[str, float]:
    """What `avs-eval PREDS GT` says."""
    found = evaluate(preds, gt, Options((protocol,), kind=kind), Engine(1), Progress(), "now").result
    return dict(found.protocols[0].measures)


def validated(run: Path, data: Path, protocol: str) -> dict[str, float]:
    """What the loop would find on that data's test split."""
    config, system, _, _ = load_run(run)
    truth = open_truth(data, "test")
    from models.listing import list_items

    samples = shown_data(config, list_items(data, "test"))
    shares = []
    for rank in range(2):
        shares.append(score_samples(system.eval(), whole(samples, 2, 0, rank, 2), truth, protocol, CPU))
    shares[0].merge(shares[1])
    return shares[0].compute()[protocol]


@pytest.mark.parametrize(
    ("classes", "kind", "protocol"), [(0, "auto", "cavp-vpo"), (0, "auto", "avs"), (1, "soft", "avs")]
)
def test_validation_is_what_avs_eval_says_of_the_files(
    toy_dataset: tuple[Path, Any, Any], tmp_path: Path, classes: int, kind: str, protocol: str
) -> None:
    data = toy_dataset[0]
    make_run(tmp_path / "run", data, model={"classes": classes})
    predict.predict(tmp_path / "run", Request(data, tmp_path / "preds", device="cpu"), Progress())
    theirs = avs_eval(tmp_path / "preds", data, protocol, kind)
    ours = validated(tmp_path / "run", data, protocol)
    assert ours == pytest.approx(theirs, nan_ok=True)
    assert max(value for value in ours.values() if np.isfinite(value)) > 0


def test_videos_too(tmp_path: Path) -> None:
    """MS3: five frames each, masks of two values."""
    data = write_ms3(tmp_path / "data")
    make_run(tmp_path / "run", data)
    told = predict.predict(tmp_path / "run", Request(data, tmp_path / "preds", device="cpu"), Progress())
    assert told == f"avs-eval {tmp_path / 'preds'} {data} --kind soft"
    ours = validated(tmp_path / "run", data, "avsbench-object")
    assert ours == pytest.approx(avs_eval(tmp_path / "preds", data, "avsbench-object", "soft"), nan_ok=True)
    assert len(list((tmp_path / "preds").rglob("*.png"))) == 10


def test_label_maps_hold_indices_at_the_size_of_the_masks(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    data, samples, _ = toy_dataset
    make_run(tmp_path / "run", data)
    predict.predict(tmp_path / "run", Request(data, tmp_path / "preds", device="cpu"), Progress())
    files = sorted(path for path in (tmp_path / "preds").rglob("*.png"))
    assert len(files) == sum(sample.split == "test" for sample in samples)
    for path in files:
        assert read_label_map(path).shape == (240, 320)
        assert read_label_map(path).max() < 22
    assert len({path.read_bytes() for path in files}) == len(files)


def test_soft_maps_are_grey(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    make_run(tmp_path / "run", toy_dataset[0], model={"classes": 1})
    predict.predict(tmp_path / "run", Request(toy_dataset[0], tmp_path / "preds", device="cpu"), Progress())
    for path in (tmp_path / "preds").rglob("*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (320, 240))
            assert len(set(image.tobytes())) > 2


def test_as_map_by_hand() -> None:
    """Half as large, so each pixel is there twice; with one class 255 times the sigmoid, rounded."""
    logits = torch.tensor([[[0.0, 100.0]]])
    assert as_map(logits, (1, 2)).tolist() == [[128, 255]]
    assert as_map(torch.stack([logits[0], torch.full((1, 2), 50.0)]), (2, 2)).tolist() == [[1, 0], [1, 0]]


def test_variants_lie_beside_base(make_toy_dataset: Any, tmp_path: Path) -> None:
    data, _, _ = make_toy_dataset(tmp_path / "data", "render", ("mirrored", "silence"))
    for name in ("mirrored", "silence"):
        shutil.copytree(data / "VPO", data / "variants" / name / "VPO", dirs_exist_ok=True)
    make_run(tmp_path / "run", data, model={"channels": 2})
    request = Request(data, tmp_path / "preds", variants=("all",), device="cpu")
    told = predict.predict(tmp_path / "run", request, Progress())
    assert told == f"avs-eval listen {tmp_path / 'preds'} {data}"
    names = sorted(path.name for path in (tmp_path / "preds").iterdir())
    assert names == ["base", "mirrored", "silence"]
    files = [
        sorted(str(path.relative_to(tmp_path / "preds" / name)) for path in (tmp_path / "preds" / name).rglob("*.png"))
        for name in names
    ]
    assert files[0] == files[1] == files[2]
    assert files[0]
    changed = [
        name
        for name in names[1:]
        for file in files[0]
        if (tmp_path / "preds" / name / file).read_bytes() != (tmp_path / "preds/base" / file).read_bytes()
    ]
    assert "silence" in changed
    for name in names:
        assert avs_eval(tmp_path / "preds" / name, data, "avs")
    with pytest.raises(DataError, match="has no variant swapped; there are mirrored, silence"):
        predict.predict(tmp_path / "run", replace(request, variants=("swapped",)), Progress())


def test_a_stopped_prediction_goes_on_to_the_same_bytes(
    toy_dataset: tuple[Path, Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = toy_dataset[0]
    make_run(tmp_path / "run", data)
    predict.predict(tmp_path / "run", Request(data, tmp_path / "whole", device="cpu"), Progress())
    encode, left = predict.encode, [1]

    def stop(*args: Any) -> bytes:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return encode(*args)

    request = Request(data, tmp_path / "stopped", device="cpu")
    with monkeypatch.context() as patch:
        patch.setattr(predict, "encode", stop)
        with pytest.raises(KeyboardInterrupt):
            predict.predict(tmp_path / "run", request, Progress())
    assert len(list((tmp_path / "stopped").rglob("*.png"))) == 1
    assert not list((tmp_path / "stopped").rglob("*.tmp"))
    predict.predict(tmp_path / "run", request, Progress())
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


class Recorded:
    """A loader that says from where it was read."""

    batch_size = 2

    def __init__(self) -> None:
        self.sampler, self.start = self, -1

    def at(self, epoch: int, start: int) -> None:
        self.start = start

    def __iter__(self) -> Iterator[Any]:
        return iter(())


@pytest.mark.parametrize(("there", "start"), [(0, 0), (1, 0), (2, 2), (3, 3)])
def test_it_goes_on_with_a_whole_batch(
    toy_dataset: tuple[Path, Any, Any], tmp_path: Path, there: int, start: int
) -> None:
    """The batch that was stopped is done again as it was: a sample alone could give other last bits."""
    truth, loader = open_truth(toy_dataset[0], "test"), Recorded()
    ids = sorted(truth.samples)
    for id in ids[:there]:
        for one in targets(truth)[id]:
            (tmp_path / one.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / one.file).write_bytes(b"there")
    write_predictions(torch.nn.Identity(), loader, ids, truth, tmp_path, CPU, Progress())  # type: ignore[arg-type]
    assert loader.start == start


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_there_already_isnt_predicted_again(
    toy_dataset: tuple[Path, Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "run", toy_dataset[0])
    request = Request(toy_dataset[0], tmp_path / "preds", device="cpu")
    predict.predict(tmp_path / "run", request, Progress())
    monkeypatch.setattr(predict, "encode", None)
    predict.predict(tmp_path / "run", request, Progress())


def test_predictions_of_another_run_are_not_mixed(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    make_run(tmp_path / "run", toy_dataset[0])
    make_run(tmp_path / "other", toy_dataset[0], model={"channels": 0})
    request = Request(toy_dataset[0], tmp_path / "preds", device="cpu")
    predict.predict(tmp_path / "run", request, Progress())
    record = json.loads((tmp_path / "preds/run.json").read_text())
    assert (record["model"], record["split"], record["variant"]) == ("toy", "test", "base")
    with pytest.raises(DataError) as caught:
        predict.predict(tmp_path / "other", request, Progress())
    assert caught.value.reason == "other-predictions"
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("dear")
    with pytest.raises(DataError) as caught:
        predict.predict(tmp_path / "run", replace(request, out=tmp_path / "full"), Progress())
    assert caught.value.reason == "not-empty"


def test_other_categories_are_an_error(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    data = write_ms3(tmp_path / "data")
    make_run(tmp_path / "run", toy_dataset[0])
    with pytest.raises(DataError, match="index 1 is sounding, was airplane in the training data"):
        predict.predict(tmp_path / "run", Request(data, tmp_path / "preds", device="cpu"), Progress())


def test_a_checkpoint_that_isnt_the_configs_is_an_error(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    make_run(tmp_path / "run", toy_dataset[0])
    path = tmp_path / "run/config.toml"
    path.write_text(path.read_text().replace("hidden = 4", "hidden = 8"))
    with pytest.raises(DataError, match=r"model\.options\.hidden 4, not 8"):
        load_run(tmp_path / "run")


def test_no_run_no_checkpoint(tmp_path: Path, toy_dataset: tuple[Path, Any, Any]) -> None:
    with pytest.raises(DataError, match=r"holds no config\.toml"):
        load_run(tmp_path)
    make_run(tmp_path / "run", toy_dataset[0])
    with pytest.raises(DataError, match="holds no best/model"):
        load_run(tmp_path / "run", "best")


def sample(id: str, *names: str) -> GtSample:
    return GtSample(id, (GtFrame(0, f"{id}.png", names=names),))


def test_a_name_that_two_samples_share_is_not_taken(toy_dataset: tuple[Path, Any, Any]) -> None:
    """MS and MSMI of VPO may share a mask and differ in sound."""
    truth = open_truth(toy_dataset[0], "test")
    shared = Truth(truth.gt, {"ms-1": sample("ms-1", "mask/1", "ms/1"), "msmi-1": sample("msmi-1", "mask/1", "msmi/1")})
    assert [one.file for files in targets(shared).values() for one in files] == ["ms/1.png", "msmi/1.png"]
    with pytest.raises(DataError, match="has no name of its own"):
        targets(Truth(truth.gt, {"a": sample("a", "x"), "b": sample("b", "x")}))


def test_a_variant_of_other_samples_is_an_error(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    truth = open_truth(toy_dataset[0], "test")
    loader: Any = [toy_batch([1])]
    with pytest.raises(DataError) as caught:
        write_predictions(torch.nn.Identity(), loader, ["stranger"], truth, tmp_path, CPU, Progress())  # type: ignore[arg-type]
    assert caught.value.reason == "other-samples"


def test_a_name_that_leaves_the_folder_is_refused(toy_dataset: tuple[Path, Any, Any], tmp_path: Path) -> None:
    make_run(tmp_path / "run", toy_dataset[0])
    request = Request(toy_dataset[0], tmp_path / "preds", variants=("../..",), device="cpu")
    with pytest.raises(DataError, match="has no variant"):
        predict.predict(tmp_path / "run", request, Progress())
