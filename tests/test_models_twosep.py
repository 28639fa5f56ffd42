"""TwoSep: instance maps beside the picture, sound added to what is seen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from mini_avsbench import write_s4
from PIL import Image
from torch import Tensor, nn

from evaluators.errors import DataError
from models.backbones import build_backbone
from models.batch import Batch
from models.cli import main
from models.listing import list_items
from models.losses import segmentation_loss
from models.sound_encoder import SoundEncoder
from models.twosep import TwoSep, TwosepOptions, build_twosep, instance_maps

torch.set_num_threads(1)


class Ear(SoundEncoder):
    """The level of each channel in each frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels, self.width, self.weights_note = channels, 4, "random weights"
        self.layer = nn.Linear(channels, 4)

    def tokens(self, sound: Tensor, frames: int) -> Tensor:
        levels = sound.view(len(sound), self.channels, frames, -1).square().mean(3)
        heard: Tensor = self.layer(levels.transpose(1, 2))
        return heard


def system(*, classes: int = 1, channels: int = 1, awake: bool = True, **options: object) -> TwoSep:
    """``awake``: the weights for instance maps, which begin as 0, are drawn."""
    torch.manual_seed(0)
    made = build_twosep(
        TwosepOptions(**{"width": 8, **options}),  # type: ignore[arg-type]
        visual=build_backbone("tiny"),
        audio=Ear(channels) if channels else None,
        classes=classes,
    )
    if awake:
        nn.init.normal_(made.instances.weight)
    return made


def batch(maps: int = 2, classes: int = 1, channels: int = 1) -> Batch:
    """Two videos of two frames, 32 x 32; the first map is of the left half, the second of the top."""
    generator = torch.Generator().manual_seed(1)
    image = torch.zeros(2, 2, 3 + maps, 32, 32)
    image[:, :, :3] = torch.randn(2, 2, 3, 32, 32, generator=generator)
    image[:, :, 3, :, :16] = 1
    image[:, :, 4:5, :16] = 1
    return Batch(
        image=image,
        sound=torch.randn(2, channels, 40, generator=generator),
        target=torch.randint(0, max(classes, 2), (2, 2, 32, 32), generator=generator),
        annotated=torch.ones(2, 2, dtype=torch.bool),
        sounding=torch.zeros(2, max(classes, 2), dtype=torch.bool),
        ids=("a", "b"),
    )


def test_instance_maps_change_what_is_seen_in_any_order_and_number() -> None:
    made, one = system().eval(), batch()
    picture, maps = one.image[:, :, :3], one.image[:, :, 3:]
    with torch.no_grad():
        seen = made(one.image, one.sound)
        assert torch.equal(seen, made.segment(picture, maps, one.sound))
        assert torch.equal(seen, made.segment(picture, maps.flip(2), one.sound))
        filled = torch.cat((maps, torch.zeros(2, 2, 5, 32, 32)), 2)
        assert torch.equal(seen, made.segment(picture, filled, one.sound))
        assert not torch.allclose(seen, made.segment(picture, maps[:, :, :1], one.sound))


def test_at_first_it_sees_the_picture_alone() -> None:
    made, one = system(awake=False).eval(), batch()
    with torch.no_grad():
        assert torch.equal(made(one.image, one.sound), made.network(one.image[:, :, :3], one.sound))


def test_with_sound_and_without() -> None:
    one = batch()
    for sound, changed in ((True, True), (False, False)):
        made = system(sound=sound).eval()
        with torch.no_grad():
            assert torch.equal(made(one.image, one.sound), made(one.image, 3 * one.sound)) != changed


@pytest.mark.parametrize(
    "options",
    [{}, {"classes": 4, "channels": 2, "position": "coord"}, {"channels": 0}, {"sound": False}],
    ids=str,
)
def test_gradients_reach_every_parameter(options: dict[str, object]) -> None:
    made = system(awake=False, **options)  # type: ignore[arg-type]
    one = batch(classes=made.classes, channels=made.channels or 1)
    losses = made.training_loss(one, torch.Generator())
    torch.autograd.backward([losses.total])
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    grouped = [id(p) for group in made.parameter_groups().values() for p in group]
    assert sorted(grouped) == sorted(id(p) for p in made.parameters()), "each parameter in one group, once"
    assert list(losses.parts) == ["segmentation"]


def test_the_background_may_weigh_less() -> None:
    made, one = system(background=0.25).eval(), batch()
    with torch.no_grad():
        logits, found = made(one.image, one.sound), made.training_loss(one, torch.Generator()).total
    assert found == segmentation_loss(logits, one.target, one.annotated, 0.25)
    assert not torch.isclose(found, segmentation_loss(logits, one.target, one.annotated))


def test_pictures_without_maps_are_told() -> None:
    with pytest.raises(DataError, match="3 channels of a picture, expected 3 and at least one instance map") as error:
        system()(batch().image[:, :, :3], batch().sound)
    assert error.value.reason == "no-instance-maps"


@pytest.mark.parametrize("options", [{"position": "key"}, {"position": "coord", "sound": False}], ids=str)
def test_a_position_without_a_place_is_told(options: dict[str, object]) -> None:
    with pytest.raises(DataError, match="position") as error:
        system(**options)  # type: ignore[arg-type]
    assert error.value.reason == "model-options"


def test_numbers_become_maps() -> None:
    numbers = torch.tensor([[0, 1, 1], [3, 0, 2]])
    maps = instance_maps(numbers, 2)
    assert maps.tolist() == [[[0, 1, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 1]]]
    assert instance_maps(numbers[None, None]).shape == (1, 1, 20, 2, 3)


# ------------------------------------------------------------------------------------------------------ avs-train

SMALL = ["--tiny", "--device", "cpu", "--steps", "2", "--set", "data.size=32", "--set", "data.seconds=0.5"]
SMALL += ["--set", "loop.batch=2", "--set", "model.options.width=8"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def refused(*arguments: object) -> str:
    """The one line that a call says, for what its user has to mend."""
    result = call(*arguments)
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
    return result.output


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def emptied(folder: Path) -> None:
    """Make all maps of a dataset say that there is nothing."""
    for path in folder.glob("VPO/*/instances/**/*.png"):
        Image.fromarray(np.zeros((240, 320), np.uint8)).save(path)


@pytest.fixture
def world(make_toy_dataset: Any, tmp_path: Path) -> Path:
    """A toy dataset with a sample to validate on, and a variant in which all maps are empty."""
    folder: Path = make_toy_dataset(tmp_path / "world", "render", ("mirrored",))[0]
    shutil.copytree(folder / "VPO", folder / "variants/mirrored/VPO")
    for manifest in (folder / "manifest.jsonl", folder / "variants/mirrored/manifest.jsonl"):
        rows = [json.loads(line) for line in manifest.read_text().splitlines()]
        rows[4]["split"] = "val"
        manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_fit_validates_and_predict_sees_the_maps_of_each_variant(world: Path, tmp_path: Path) -> None:
    """Soft masks of a network that hears nothing; the variant's pictures are the base's, so only its maps can make a difference."""
    run, preds = tmp_path / "run", tmp_path / "preds"
    fit = [
        "fit",
        "twosep",
        "--data",
        world,
        "--out",
        run,
        *SMALL,
        "--set",
        "model.channels=0",
        "--set",
        "model.classes=1",
    ]
    fit += ["--set", "optim.schedule=constant", "--set", "optim.rate=0.02"]
    assert call(*fit).exit_code == 0
    assert (run / "best/model.safetensors").is_file() and (run / "validation.csv").is_file()
    assert 'instances = "own"' in (run / "config.toml").read_text()
    predict = ["predict", run, "--data", world, "--variants", "all", "--device", "cpu", "--checkpoint", "last"]
    assert call(*predict, "--out", preds / "same").exit_code == 0
    emptied(world / "variants/mirrored")
    assert call(*predict, "--out", preds / "emptied").exit_code == 0
    assert files(preds / "same/base") == files(preds / "same/mirrored") == files(preds / "emptied/base")
    assert files(preds / "emptied/mirrored") != files(preds / "same/mirrored")


def test_s4_takes_a_folder_of_maps_and_says_so(tmp_path: Path) -> None:
    data, maps = write_s4(tmp_path / "data"), tmp_path / "maps"
    fit = ["fit", "twosep", "--data", data, "--out", tmp_path / "run", *SMALL, "--set", "loop.batch=1", "--quiet"]
    assert "give --set data.instances=FOLDER" in refused(*fit)
    assert "give --set data.instances=FOLDER" in refused(*fit, "--set", "data.instances=own")
    assert not (tmp_path / "run").exists(), "told before training"
    for split in ("train", "val", "test"):
        for item in list_items(data, split).items:
            for frame in item.frames:
                (maps / frame.image_file).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.ones((12, 16), np.uint8)).save(maps / frame.image_file)
    assert call(*fit, "--set", f"data.instances={maps}").exit_code == 0
    moved = maps.rename(tmp_path / "moved")
    assert call(*fit, "--set", f"data.instances={moved}").exit_code == 0, "the same run, which was at its end"
    predict = ["predict", tmp_path / "run", "--data", data, "--out", tmp_path / "preds", "--device", "cpu"]
    assert "instance maps are missing" in call(*predict).output, "they lay elsewhere in training"
    assert call(*predict, "--instances", moved).exit_code == 0
    assert files(tmp_path / "preds")
    Image.fromarray(np.eye(12, 16, dtype=np.uint8)).save(next(moved.rglob("test/**/*.png")))
    assert "other-predictions" in refused(*predict, "--instances", moved)
    Image.fromarray(np.eye(12, 16, dtype=np.uint8)).save(next(moved.rglob("train/**/*.png")))
    assert "other-dataset" in call(*fit, "--set", f"data.instances={moved}").output


def test_models_of_colours_alone_take_no_maps(world: Path, tmp_path: Path) -> None:
    fit = ["fit", "tpavi", "--data", world, "--out", tmp_path / "run", *SMALL, "--quiet"]
    assert "tpavi takes the 3 colours alone; leave it out [bad-config]" in refused(*fit, "--set", "data.instances=own")
    assert call(*fit).exit_code == 0
    predict = ["predict", tmp_path / "run", "--data", world, "--out", tmp_path / "preds", "--instances", "own"]
    assert "takes the 3 colours alone" in refused(*predict)


def test_a_world_without_a_map_is_told_before_training(world: Path, tmp_path: Path) -> None:
    next(world.glob("VPO/VPO-MSMI/instances/*1.png")).unlink()
    result = call("fit", "twosep", "--data", world, "--out", tmp_path / "run", *SMALL)
    assert result.output.count("\n") == 1 and "VPO/VPO-MSMI/instances/000000000001.png" in result.output
    assert result.exit_code == 1 and not (tmp_path / "run").exists()
