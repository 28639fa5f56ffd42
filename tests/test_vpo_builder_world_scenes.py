"""The drawn half of the sample world: who is in the pictures, what the masks mean, that shape alone tells what it is."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from vpo_builder.draws import generator
from vpo_builder.world_annotations import bounding_box, outlines, run_lengths, segmentation
from vpo_builder.world_captions import write_captions
from vpo_builder.world_painting import Placed, draw_thing
from vpo_builder.world_scenes import CATEGORIES, PERSONS, Scene, Seen, choose_cast, draw_scene
from vpo_builder.world_silhouettes import shape_names, silhouette

SCENES = 100
WORDS = {"male": {"man", "guy"}, "female": {"woman", "lady"}, "baby": {"baby", "infant"}}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(0, number) for number in range(SCENES)]


# Everyone in the 240 images


def test_half_of_the_images_repeat_no_category_and_half_do() -> None:
    repeats, categories = [], []
    for number in range(240):
        counts = Counter("person" if name in PERSONS else name for name in choose_cast(0, number).names)
        repeats.append(max(counts.values()) > 1)
        categories.append(len(counts))
    assert repeats.count(True) == repeats.count(False) == 120
    assert sum(not again and 2 <= count <= 4 for again, count in zip(repeats, categories, strict=True)) == 90


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_category_is_in_ten_images_and_in_its_own_turn(seed: int) -> None:
    casts = [choose_cast(seed, number) for number in range(240)]
    counts = Counter(name for cast in casts for name in set(cast.names))
    assert set(counts) == set(CATEGORIES)
    assert min(counts.values()) >= 10
    assert {cast.names[0] for cast in casts[21:42]} == set(CATEGORIES)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_kind_of_person_is_the_only_one_in_enough_images(seed: int) -> None:
    casts = [choose_cast(seed, number) for number in range(240)]
    single = Counter(
        name
        for cast in casts
        for name in cast.names
        if name in PERSONS and sum(other in PERSONS for other in cast.names) == 1
    )
    assert all(single[name] >= 12 for name in PERSONS)


# Captions


def caption_words(names: list[str], number: int) -> list[set[str]]:
    scene = Scene(np.zeros((2, 2, 3), np.uint8), tuple(Seen(name, np.ones((2, 2), bool)) for name in names), "beach")
    return [set(re.findall("[a-z]+", text.lower())) for text in write_captions(generator(0, "test", number), scene)]


def test_captions_of_an_only_person_mostly_agree_sometimes_keep_quiet_or_contradict() -> None:
    manners: Counter[str] = Counter()
    for number in range(200):
        captions = caption_words(["female", "dog"], number)
        assert len(captions) == 5
        kinds = {kind for kind, words in WORDS.items() for caption in captions if caption & words}
        manners["agreeing" if kinds == {"female"} else "contradicting" if kinds else "neutral"] += 1
    assert manners["agreeing"] > 120
    assert min(manners["neutral"], manners["contradicting"]) > 10


def test_captions_name_what_is_seen_and_how_many() -> None:
    assert all({"two", "dogs"} <= words and words & {"bus"} for words in caption_words(["dog", "bus", "dog"], 0))
    assert all(
        {"sheep", "three"} <= words and not words & {"man", "woman", "baby", "person"}
        for words in caption_words(["sheep"] * 3, 1)
    )
    assert all(
        {"people"} & words or {"person"} & words or words & {"men", "guys"}
        for words in caption_words(["male", "male"], 2)
    )


# Masks


def decode(form: object, height: int, width: int) -> np.ndarray:
    if isinstance(form, dict) and isinstance(form["counts"], str):
        return coco_mask.decode(form).astype(bool)
    runs = coco_mask.frPyObjects(form, height, width)
    return coco_mask.decode(coco_mask.merge(runs) if isinstance(runs, list) else runs).astype(bool)


def test_outline_of_a_pixel_a_bar_and_a_ring() -> None:
    assert outlines(np.ones((1, 1), bool)) == [[(0, 0), (1, 0), (1, 1), (0, 1)]]
    assert outlines(np.array([[0, 1, 1]], bool)) == [[(1, 0), (3, 0), (3, 1), (1, 1)]]
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    assert outlines(ring) == [[(0, 0), (3, 0), (3, 3), (0, 3)], [(1, 1), (1, 2), (2, 2), (2, 1)]]
    assert len(outlines(np.eye(2, dtype=bool))) == 2


def test_run_lengths_count_down_the_columns_and_begin_with_zeros() -> None:
    assert run_lengths(np.array([[0, 1, 1], [0, 0, 1]], bool)) == [2, 1, 1, 2]
    assert run_lengths(np.array([[1, 0], [0, 0]], bool)) == [0, 1, 3]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
@pytest.mark.parametrize("seed", range(20))
def test_every_form_of_a_mask_is_decoded_to_its_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((13, 17)) < rng.uniform(0.05, 0.95)
    for thing, number in ((Seen("dog", mask), 0), (Seen("dog", mask), 7), (Seen("dog", mask, herd=True), 0)):
        assert np.array_equal(decode(segmentation(thing, number), 13, 17), mask)


def test_polygons_compressed_and_plain_run_lengths_all_occur(scenes: list[Scene]) -> None:
    forms: Counter[str] = Counter()
    for number, scene in enumerate(scenes):
        for index, thing in enumerate(scene.seen):
            form = segmentation(thing, 100 * number + index)
            forms["polygons" if isinstance(form, list) else type(form["counts"]).__name__] += 1
            forms["parts"] += isinstance(form, list) and len(form) > 1
    assert forms["polygons"] > forms["str"] > 10
    assert forms["list"] >= 3
    assert forms["parts"] > 10


def test_no_pixel_belongs_to_two_things(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert np.sum([thing.mask for thing in scene.seen], axis=0).max() <= 1


def test_mask_is_what_is_painted() -> None:
    pixels = np.full((120, 160, 3), -1000.0)
    mask = draw_thing(np.random.default_rng(0), pixels, Placed("dog", 80, 60, 50, 5, True))
    changed = pixels[:, :, 0] > -500  # half covered or more, give or take the colour
    assert 0.9 * 50**2 < mask.sum() < 1.1 * 50**2
    assert (mask != changed).sum() < 0.03 * mask.sum()


@pytest.mark.parametrize("name", [*shape_names("category"), *shape_names("other"), *shape_names("clutter")])
def test_every_shape_has_the_area_that_was_asked_for(name: str) -> None:
    pixels = np.zeros((700, 700, 3))
    mask = draw_thing(np.random.default_rng(0), pixels, Placed(name, 350, 350, 60, 0, False))
    assert 0.93 * 3600 < mask.sum() < 1.07 * 3600
    left, top, width, height = bounding_box(mask)
    assert abs(left + width / 2 - 350) < 2
    assert abs(top + height / 2 - 350) < 2
    assert any(part.role == "mark" for part in silhouette(name)) or name == "fir"


def test_most_objects_are_large_and_inside(scenes: list[Scene]) -> None:
    objects = [thing.mask for scene in scenes for thing in scene.seen if thing.name in CATEGORIES and not thing.herd]
    large = [mask for mask in objects if mask.mean() > 0.02 and max(bounding_box(mask)[2:]) > 40]
    assert len(objects) > len(large) > 0.85 * len(objects)
    assert all(240 <= mask.shape[0] <= 360 and 320 <= mask.shape[1] <= 480 for mask in objects)


# What can be learnt


def normalised(mask: np.ndarray) -> np.ndarray:
    """A mask in its box made square, 16 x 16, with the heavier side on the left."""
    left, top, width, height = bounding_box(mask)
    square = np.zeros((max(width, height),) * 2, np.uint8)
    y, x = (len(square) - height) // 2, (len(square) - width) // 2
    square[y : y + height, x : x + width] = 255 * mask[top : top + height, left : left + width]
    small = np.asarray(Image.fromarray(square).resize((16, 16), Image.Resampling.BOX)) / 255.0
    columns = np.arange(16) - 7.5
    middle = (small * columns).sum() / small.sum()
    return small if (small * (columns - middle) ** 3).sum() >= 0 else small[:, ::-1]


def nearest_centroid_score(features: np.ndarray, names: np.ndarray, train: np.ndarray) -> float:
    kinds = np.unique(names)
    centroids = np.stack([features[train & (names == kind)].mean(axis=0) for kind in kinds])
    nearest = ((features[~train][:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    return float((kinds[nearest] == names[~train]).mean())


def test_shape_tells_the_category_and_colour_does_not(scenes: list[Scene]) -> None:
    objects = [
        (number, thing, scene.pixels)
        for number, scene in enumerate(scenes)
        for thing in scene.seen
        if thing.name in CATEGORIES and not thing.herd and thing.mask.mean() > 0.02
    ]
    names = np.array([thing.name for _, thing, _ in objects])
    train = np.array([number % 2 == 0 for number, _, _ in objects])
    shapes = np.stack([normalised(thing.mask).ravel() for _, thing, _ in objects])
    colours = np.stack([pixels[thing.mask].mean(axis=0) for _, thing, pixels in objects])
    assert nearest_centroid_score(shapes, names, train) > 0.7
    assert nearest_centroid_score(colours, names, train) < 0.15
