"""Samples and batches: what is in them, and that workers, processes and resuming change nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mini_avsbench
import numpy as np
import pytest
import torch
from PIL import Image
from small_world import png_header

from evaluators.categories import vpo_categories
from evaluators.errors import DataError
from evaluators.masks import read_label_map, write_label_map
from models.augment import VPO_AUGMENT, Augment
from models.batch import IMAGE_DEVIATION, IMAGE_MEAN, VOID, Batch
from models.data import AvsData, EpochSampler, View, collate, make_loader
from models.instances import with_instances
from models.listing import Listing, list_items
from models.sounds import mix, read_window

Toy = tuple[Path, list[Any], Any]
Make = Callable[..., Toy]
WHOLE = View(size=0, channels=2, classes=22)  # everything as it is stored
DOG = vpo_categories()["dog"].index


@pytest.fixture(scope="module")
def listing(toy_dataset: Toy) -> Listing:
    return list_items(toy_dataset[0], "train")


def sample(data: AvsData, name: str, epoch: int = 0) -> Any:
    return data[epoch, next(number for number, item in enumerate(data.listing.items) if item.id.startswith(name))]


def same(first: Any, second: Any) -> bool:
    keys = first.keys() if isinstance(first, dict) else vars(first)
    get = (lambda part, key: part[key]) if isinstance(first, dict) else getattr
    return all(
        torch.equal(get(first, key), get(second, key))
        if isinstance(get(first, key), torch.Tensor)
        else get(first, key) == get(second, key)
        for key in keys
    )


def test_a_sample_as_it_is_stored(listing: Listing) -> None:
    found = sample(AvsData(listing, WHOLE), "msmi")
    assert {key: (tuple(part.shape), part.dtype) for key, part in found.items() if key != "id"} == {
        "image": ((1, 3, 240, 320), torch.float32),
        "sound": ((2, 48_000), torch.float32),
        "target": ((1, 240, 320), torch.int64),
        "annotated": ((1,), torch.bool),
        "sounding": ((22,), torch.bool),
    }
    frame = next(item for item in listing.items if item.id == found["id"]).frames[0]
    colours = np.asarray(Image.open(listing.root / frame.image_file))[100, 200] / 255
    expected = [
        (value - mean) / deviation for value, mean, deviation in zip(colours, IMAGE_MEAN, IMAGE_DEVIATION, strict=True)
    ]
    assert found["image"][0, :, 100, 200].tolist() == pytest.approx(expected, abs=1e-5)
    stored = read_label_map(listing.root / frame.mask_file)  # COCO's ids: 18 is dog
    assert torch.equal(found["target"][0], torch.from_numpy(np.where(stored == 18, DOG, stored)).long())
    assert found["sounding"].nonzero().flatten().tolist() == [DOG]


def test_the_sound_is_mixed_from_clips_and_positions(listing: Listing) -> None:
    item = next(item for item in listing.items if item.setting == "msmi")
    clips = [read_window(listing.root / voice.file, 48_000, "centre") for voice in item.voices]
    found = sample(AvsData(listing, WHOLE), "msmi")["sound"].numpy()
    assert np.array_equal(found, mix(clips, [60 / 320, 245 / 320]))
    mono = sample(AvsData(listing, replace(WHOLE, channels=1)), "msmi")["sound"].numpy()
    assert np.allclose(mono, found.sum(0, keepdims=True), atol=1e-6)  # L + R = s
    assert sample(AvsData(listing, replace(WHOLE, channels=0)), "msmi")["sound"].shape == (0, 48_000)


def test_a_rendered_mixture_sounds_as_its_sources(listing: Listing, make_toy_dataset: Make, tmp_path: Path) -> None:
    rendered = list_items(make_toy_dataset(tmp_path, "render")[0], "train")
    for channels in (1, 2):
        for name in ("msmi", "ms-", "ss"):
            there, mixed = (
                sample(AvsData(data, replace(WHOLE, channels=channels)), name)["sound"] for data in (rendered, listing)
            )
            assert (there - mixed).abs().max() < 3 / 32_768  # the toy cuts off what 16 bits don't hold


@pytest.mark.parametrize("classes", [1, 2])
def test_binary_targets_are_whatever_sounds(classes: int, listing: Listing, toy_dataset: Toy) -> None:
    many = sample(AvsData(listing, WHOLE), "msmi")["target"]
    found = sample(AvsData(listing, replace(WHOLE, classes=classes)), "msmi")
    assert torch.equal(found["target"], many.clamp(max=1))
    assert found["sounding"].tolist() == [False, True][:classes]
    tested = AvsData(list_items(toy_dataset[0], "test"), replace(WHOLE, classes=classes))
    assert sample(tested, "msmi")["target"].unique().tolist() == [0, 1, VOID]


def test_a_mirrored_sample_is_mirrored_in_every_part(listing: Listing) -> None:
    plain = sample(AvsData(listing, replace(WHOLE, size=64, augment=Augment(flip=0))), "msmi")
    for position in ("keep", "follow"):
        view = replace(WHOLE, size=64, augment=Augment(flip=1), position=position)
        mirrored = sample(AvsData(listing, view), "msmi")
        assert torch.equal(mirrored["sound"], plain["sound"].flip(0))  # bit for bit
        assert (mirrored["image"] - plain["image"].flip(-1)).abs().max() < 1e-6
        assert (mirrored["target"] != plain["target"].flip(-1)).float().mean() < 0.02  # nearest pixels at ties
    item = next(item for item in listing.items if item.setting == "msmi")
    clips = [read_window(listing.root / voice.file, 48_000, "centre") for voice in item.voices]
    assert np.array_equal(mirrored["sound"].numpy(), mix(clips, [1 - position for position in item.positions]))


def test_a_mirrored_mixture_has_its_channels_swapped(make_toy_dataset: Make, tmp_path: Path) -> None:
    rendered = list_items(make_toy_dataset(tmp_path, "render")[0], "train")
    view = replace(WHOLE, size=32, augment=Augment(flip=1))
    there, mirrored = (sample(AvsData(rendered, one), "ss")["sound"] for one in (WHOLE, view))
    assert torch.equal(mirrored, there.flip(0)) and not torch.equal(mirrored, there)


def test_sounds_follow_the_crop_or_keep_their_place(listing: Listing) -> None:
    view = replace(WHOLE, size=100, augment=Augment(flip=0, scales=(1.0,)), position="follow")
    follow, keep = AvsData(listing, view), AvsData(listing, replace(view, position="keep"))
    whole = sample(AvsData(listing, WHOLE), "ss")["sound"]
    heard = set()
    for epoch in range(8):
        there, kept = sample(follow, "ss", epoch), sample(keep, "ss", epoch)
        assert torch.equal(kept["sound"], whole) and torch.equal(kept["target"], there["target"])
        columns = (there["target"][0] == DOG).any(0).nonzero().flatten()
        level = there["sound"].abs().amax(1)
        share = float(level[1] / level.sum())  # p of L = (1 - p) s, R = p s
        heard.add(share)
        if len(columns) == 70:  # all of the dog is seen, columns 240 to 310
            assert share == pytest.approx((float(columns.float().mean()) + 0.5) / 100, abs=0.01)
    assert len(heard) > 2


def test_a_mixture_can_not_follow_a_crop(make_toy_dataset: Make, tmp_path: Path) -> None:
    rendered = list_items(make_toy_dataset(tmp_path, "render")[0], "train")
    view = View(size=64, channels=2, augment=VPO_AUGMENT, position="follow")
    with pytest.raises(DataError, match=r"mixed already; choose position keep.*position-follow"):
        AvsData(rendered, view)
    for change in ({"channels": 1}, {"position": "keep"}, {"augment": Augment()}):  # where nothing has to follow
        assert len(AvsData(rendered, replace(view, **change))[0]["image"]) == 1


def test_what_is_drawn_depends_on_seed_epoch_and_index_alone(listing: Listing) -> None:
    view = replace(WHOLE, size=48, augment=VPO_AUGMENT)
    data = AvsData(listing, view, seed=7)
    state = torch.get_rng_state(), np.random.get_state()[1]
    first = [data[3, index] for index in (0, 1, 2)]
    data.set_epoch(3)
    again = [data[index] for index in (2, 0, 1)]
    assert all(same(first[place], part) for part, place in zip(again, (2, 0, 1), strict=True))
    assert not same(data[4, 0], first[0]) and not same(AvsData(listing, view, seed=8)[3, 0], first[0])
    assert torch.equal(state[0], torch.get_rng_state()) and np.array_equal(state[1], np.random.get_state()[1])


def test_frames_without_a_mask_are_void(tmp_path: Path) -> None:
    found = AvsData(list_items(mini_avsbench.write_s4(tmp_path), "train"), View(size=12, channels=2, seconds=5))[0]
    assert found["image"].shape == (5, 3, 12, 12) and found["sound"].shape == (2, 80_000)
    assert found["annotated"].tolist() == [True, False, False, False, False]
    assert found["target"][0].unique().tolist() == [0, 1] and (found["target"][1:] == VOID).all()
    assert found["sounding"].tolist() == [False]


def test_short_videos_are_filled_up(tmp_path: Path) -> None:
    listing = list_items(mini_avsbench.write_avss(tmp_path), "test")
    view = View(size=0, classes=71, seconds=10)
    with pytest.raises(
        DataError, match=r"has 5 frames, .* has 10; fill them up with pad_frames.*frames-differ|10 frames"
    ):
        collate([AvsData(listing, view)[index] for index in range(3)])
    for label in (0, VOID):
        data = AvsData(listing, replace(view, pad_frames=10, pad_label=label))
        batch = collate([data[index] for index in range(3)])
        short = batch.ids.index("multiB_0")
        assert batch.image.shape == (3, 10, 3, 12, 16)
        assert batch.annotated[short].tolist() == 5 * [True] + 5 * [False]
        assert (batch.target[short, 5:] == label).all() and not batch.image[short, 5:].any()
    names = listing.categories
    tank = batch.sounding[batch.ids.index("tankE_60000_70000")]  # by its masks, as the table names more than is seen
    assert tank.nonzero().flatten().tolist() == [names.index("tank")]


def shown_instances(listing: Listing, source: str, name: str = "msmi", **change: Any) -> Any:
    data = AvsData(with_instances(listing, source), replace(WHOLE, instances=True, **change))
    return sample(data, name)["image"][:, 3]


def maps_beside(listing: Listing, folder: Path, values: Any) -> str:
    """A folder with a map for each picture: ``values(frame, height, width)``."""
    for frame in (frame for item in listing.items for frame in item.frames):
        with Image.open(listing.root / frame.image_file) as picture:
            height, width = picture.height, picture.width
        path = (folder / frame.image_file).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values(frame, height, width)).save(path)
    return str(folder)


def test_the_fourth_plane_is_any_instance_silent_ones_too(copy: Path) -> None:
    """Two dogs that sound, a silent cat between them; 255, a crowd, is none."""
    listing = list_items(copy, "train")
    file = copy / next(item for item in listing.items if item.setting == "msmi").instance_files[0]
    numbers = read_label_map(file).copy()
    assert set(np.unique(numbers)) == {0, 1, 2, 3}
    numbers[:9, :9] = 255
    write_label_map(file, numbers)
    plane = shown_instances(listing, "own")
    assert plane.dtype == torch.float32 and plane.shape == (1, 240, 320)
    assert np.array_equal(plane[0].numpy(), np.isin(numbers, (1, 2, 3)))
    colours = sample(AvsData(listing, WHOLE), "msmi")["image"]
    there = sample(AvsData(with_instances(listing, "own"), replace(WHOLE, instances=True)), "msmi")["image"]
    assert torch.equal(there[:, :3], colours) and there.shape[1] == 4


@pytest.mark.parametrize(
    ("dtype", "value", "found"),
    [(np.uint8, 255, 1), (np.uint8, 7, 1), (np.uint16, 256, 1), (np.bool_, 1, 1), (np.uint8, 0, 0)],
)
def test_a_folder_of_maps_may_hold_any_numbers(
    dtype: Any, value: int, found: int, listing: Listing, tmp_path: Path
) -> None:
    folder = maps_beside(listing, tmp_path, lambda frame, height, width: np.full((height, width), value, dtype))
    assert shown_instances(listing, folder).unique().tolist() == [found]


def test_instances_move_as_the_labels_do(listing: Listing, tmp_path: Path) -> None:
    """Maps made of the masks: the plane is the target, mirrored, scaled and cut, and 0 where the square is filled up."""
    folder = maps_beside(listing, tmp_path, lambda frame, height, width: read_label_map(listing.root / frame.mask_file))
    view = replace(WHOLE, size=200, augment=VPO_AUGMENT, instances=True)
    data = AvsData(with_instances(listing, folder), view, seed=2)
    seen = set()
    for epoch in range(12):
        for index in range(len(data)):
            parts = data[epoch, index]
            plane, target = parts["image"][0, 3], parts["target"][0]
            assert torch.equal(plane, ((target > 0) & (target != VOID)).float())
            seen |= set(target.unique().tolist())
    assert {0, VOID, DOG} <= seen


def test_frames_that_fill_up_hold_no_instance(tmp_path: Path) -> None:
    listing = list_items(mini_avsbench.write_avss(tmp_path / "data"), "test")
    folder = maps_beside(listing, tmp_path / "maps", lambda frame, height, width: np.ones((height, width), np.uint8))
    view = View(size=0, classes=71, seconds=10, pad_frames=10, instances=True)
    data = AvsData(with_instances(listing, folder), view)
    batch = collate([data[index] for index in range(3)])
    short = batch.ids.index("multiB_0")
    assert batch.image.shape == (3, 10, 4, 12, 16)
    assert batch.image[short, :, 3].amax((1, 2)).tolist() == 5 * [1] + 5 * [0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda path: path.unlink(), "instances-missing"),
        (lambda path: write_label_map(path, np.zeros((9, 9), np.uint8)), "size-mismatch"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "instances-unreadable"),
        (lambda path: path.write_bytes(png_header(60_000, 60_000)), "instances-too-large"),
        (lambda path: Image.new("RGB", (320, 240)).save(path), "instances-mode"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "instances-unreadable"),
    ],
)
def test_damaged_maps_are_told_by_name(change: Any, code: str, copy: Path) -> None:
    listing = with_instances(list_items(copy, "train", ["ss"]), "own")
    name = listing.items[0].instance_files[0]
    change(copy / name)
    with pytest.raises(DataError, match=f"{Path(name).name}: .*{code}") as told:
        AvsData(listing, replace(WHOLE, instances=True))[0]
    assert "\n" not in str(told.value)


@pytest.fixture
def copy(toy_dataset: Toy, tmp_path: Path) -> Path:
    """A toy dataset of one's own."""
    shutil.copytree(toy_dataset[0], tmp_path / "toy")
    return tmp_path / "toy"


IMAGE, MASK = "VPO/VPO-SS/data/dog/000000000005.jpg", "VPO/VPO-SS/mask/dog/000000000005_000000000501.png"
CLIP = "vggsound_bench/VGGSound/audios/video50_000000.wav"


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        (IMAGE, lambda path: path.write_bytes(path.read_bytes()[:-900]), "image-unreadable"),
        (IMAGE, lambda path: path.write_bytes(b"GIF89a" + bytes(99)), "image-unreadable"),
        (IMAGE, lambda path: path.unlink(), "image-missing"),
        (IMAGE, lambda path: path.write_bytes(png_header(9000, 9000)), "image-too-large"),
        (IMAGE, lambda path: path.write_bytes(png_header(60_000, 60_000)), "image-unreadable"),
        (IMAGE, lambda path: (path.unlink(), os.mkfifo(path)), "image-unreadable"),
        (MASK, lambda path: write_label_map(path, np.zeros((9, 9), np.uint8)), "size-mismatch"),
        (MASK, lambda path: path.write_bytes(path.read_bytes()[:-40]), "gt-unreadable"),
        (MASK, lambda path: write_label_map(path, np.full((240, 320), 99, np.uint8)), "gt-range"),
        (CLIP, lambda path: path.write_bytes(path.read_bytes()[:99]), "audio-truncated"),
        (CLIP, lambda path: path.unlink(), "not-a-file"),
    ],
)
def test_damaged_files_are_told_by_name(name: str, change: Any, code: str, copy: Path) -> None:
    data = AvsData(list_items(copy, "train", ["ss"]), WHOLE)
    change(copy / name)
    with pytest.raises(DataError, match=f"{Path(name).name}: .*{code}") as told:
        data[0]
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": 5},
        {"size": -1},
        {"size": 0, "augment": Augment()},
        {"channels": 3},
        {"seconds": 0},
        {"pad_label": 7},
        {"instances": True},
    ],
)
def test_views_that_do_not_fit_are_refused(change: Any, listing: Listing) -> None:
    with pytest.raises(ValueError, match="expected"):
        AvsData(listing, replace(WHOLE, **change))


def test_pictures_of_several_sizes_make_no_batch(copy: Path) -> None:
    Image.new("RGB", (32, 24)).save(copy / IMAGE)
    write_label_map(copy / MASK, np.zeros((24, 32), np.uint8))
    loader = make_loader(AvsData(list_items(copy, "train"), WHOLE), 3)
    with pytest.raises(DataError, match=r"give a size, or batches of one.*sizes-differ"):
        list(loader)


# ------------------------------------------------------------------------------------------------------ order


def order(**options: Any) -> list[int]:
    return [index for _, index in EpochSampler(10, 3, **options)]


def test_an_epoch_holds_each_sample_once_in_an_order_of_its_own() -> None:
    assert sorted(order(epoch=0)) == sorted(order(epoch=1)) == list(range(10))
    assert order(epoch=0) != order(epoch=1) and order(epoch=0) == order(epoch=0)
    assert order(shuffle=False) == list(range(10))
    assert [epoch for epoch, _ in EpochSampler(10, 3, epoch=4)] == 10 * [4]


def test_a_resumed_epoch_goes_on_where_it_stopped() -> None:
    for start in range(12):
        sampler = EpochSampler(10, 3)
        sampler.at(2, start)
        assert [index for _, index in sampler] == order(epoch=2)[start:]
        assert len(sampler) == max(0, 10 - start)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_each_step(world: int) -> None:
    parts = [order(rank=rank, world=world) for rank in range(world)]
    together = [index for step in zip(*parts, strict=True) for index in step]
    assert together == order()[: 10 // world * world]
    every = [index for rank in range(world) for index in order(rank=rank, world=world, even=False)]
    assert sorted(every) == list(range(10))
    assert order(rank=world - 1, world=world, start=2) == parts[-1][2:]


def test_weights_balance_the_draws() -> None:
    weights = [0.0, 1.0, 3.0]
    counts = np.zeros(3)
    for epoch in range(400):
        sampler = EpochSampler(3, 0, epoch, weights=weights)
        np.add.at(counts, [index for _, index in sampler], 1)
    assert counts[0] == 0 and counts.sum() == 1200 and 2.5 < counts[2] / counts[1] < 3.6
    for bad in ([1, 1], [1, 1, -1], [0, 0, 0], [1, 1, float("nan")]):
        with pytest.raises(ValueError, match="weights of shape"):
            EpochSampler(3, 0, weights=bad)


def test_batches_hold_the_samples_of_the_order(listing: Listing) -> None:
    data = AvsData(listing, replace(WHOLE, size=32, augment=VPO_AUGMENT), seed=1)
    loader = make_loader(data, 2, seed=5)
    state = torch.get_rng_state()
    loader.sampler.at(6)
    (batch,) = loader
    keys = list(EpochSampler(3, 5, 6))[:2]
    assert isinstance(batch, Batch) and same(batch, collate([data[key] for key in keys])) and len(loader) == 1
    whole = make_loader(data, 2, seed=5, shuffle=False, drop_last=False)
    assert [batch.ids for batch in whole] == [tuple(item.id for item in listing.items[:2]), (listing.items[2].id,)]
    assert torch.equal(state, torch.get_rng_state())


def test_workers_change_nothing_and_hand_errors_over(copy: Path) -> None:
    listing = list_items(copy, "train")
    data = AvsData(listing, replace(WHOLE, size=32, augment=VPO_AUGMENT), seed=1)
    alone, helped = (make_loader(data, 1, workers, 5) for workers in (0, 2))
    for epoch in (0, 1):
        for loader in (alone, helped):
            loader.sampler.at(epoch, start=epoch)
        pairs = list(zip(alone, helped, strict=True))
        assert len(pairs) == 3 - epoch and all(same(first, second) for first, second in pairs)
    (copy / IMAGE).unlink()
    for loader in (alone, helped):
        loader.sampler.at(2)
        with pytest.raises(DataError, match=r"000000000005\.jpg: is not there.*image-missing"):
            list(loader)
