"""TwoSep: instance maps beside the picture, sound added to what is seen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from evaluators.errors import DataError
from models.backbones import build_backbone
from models.batch import Batch
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
