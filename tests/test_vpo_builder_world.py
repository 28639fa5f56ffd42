"""The sample world on disk: COCO's and VGGSound's formats, the same bytes again, resuming."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from pycocotools import mask as coco_mask

from evaluators.engines import Engine
from evaluators.errors import DataError
from vpo_builder.world import World, clip_row, encode_clip, vggsound_labels, write_world

IMAGES, CLIPS = 20, 2


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_world(tmp_path_factory.mktemp("world"), images=IMAGES, clips_per_category=CLIPS)


def folder_of(world: World) -> Path:
    return world.clips.parents[1]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read(paths: tuple[Path, ...], key: str) -> list[Any]:
    return [row for path in paths for row in json.loads(path.read_text())[key]]


def test_coco_files_have_cocos_fields_and_split_one_image_in_five(world: World) -> None:
    for path, images, count in zip(world.coco_json, world.coco_images, (16, 4), strict=True):
        content = json.loads(path.read_text())
        assert set(content) == {"info", "licenses", "images", "annotations", "categories"}
        assert len(content["images"]) == len(list(images.iterdir())) == count
        for row in content["images"]:
            assert set(row) == {
                "license",
                "file_name",
                "coco_url",
                "height",
                "width",
                "date_captured",
                "flickr_url",
                "id",
            }
            assert row["file_name"] == f"{row['id']:012d}.jpg"
            assert f"/{images.name}/" in row["coco_url"]
            with Image.open(images / row["file_name"]) as image:
                assert (image.format, image.size) == ("JPEG", (row["width"], row["height"]))


def test_categories_are_cocos_eighty_with_the_gaps(world: World) -> None:
    rows = json.loads(world.coco_json[0].read_text())["categories"]
    ids = {row["id"]: row["name"] for row in rows}
    assert len(rows) == len(ids) == 80
    assert set(range(1, 91)) - set(ids) == {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert (ids[1], ids[18], ids[37], ids[77], ids[90]) == ("person", "dog", "sports ball", "cell phone", "toothbrush")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_area_and_box_are_those_of_the_mask_that_pycocotools_decodes(world: World) -> None:
    sizes = {row["id"]: (row["height"], row["width"]) for row in read(world.coco_json, "images")}
    annotations = read(world.coco_json, "annotations")
    assert len({row["id"] for row in annotations}) == len(annotations) > IMAGES
    for row in annotations:
        form = row["segmentation"]
        polygons = isinstance(form, list)
        runs = coco_mask.merge(coco_mask.frPyObjects(form, *sizes[row["image_id"]])) if polygons else form
        runs = coco_mask.frPyObjects(form, *form["size"]) if row["iscrowd"] else runs
        mask = coco_mask.decode(runs)
        rows, columns = np.nonzero(mask)
        assert row["area"] == mask.sum() > 0
        assert row["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def test_every_image_has_five_captions(world: World) -> None:
    captions = read(world.captions, "annotations")
    assert sorted(row["image_id"] for row in captions) == sorted([*range(1, IMAGES + 1)] * 5)
    assert all(row["caption"].endswith(".") and row["caption"][0].isupper() for row in captions)


def test_clip_table_and_files_agree(world: World) -> None:
    rows = list(csv.reader(world.clips.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 21 * CLIPS
    names = {f"{video}_{int(start):06d}" for video, start, _, _ in rows}
    assert names == {path.stem for path in world.clip_dir.iterdir()}
    for path in world.clip_dir.iterdir():
        samples, rate = soundfile.read(path, always_2d=True)
        middle = samples[int(3.5 * rate) : int(6.5 * rate)]
        assert len(samples) == 10 * rate
        assert (rate, samples.shape[1]) in ((16_000, 1), (44_100, 2))
        assert 0.3 < np.abs(samples).max() < 0.95
        assert np.abs(middle).max() > 0.05
        assert soundfile.info(path).subtype == "PCM_16"


def test_labels_with_commas_are_quoted(tmp_path: Path) -> None:
    world = write_world(tmp_path, images=0, clips_per_category=1)
    assert ',"female speech, woman speaking",train\n' in world.clips.read_text()


def test_clips_of_a_category_are_spread_over_labels_videos_and_splits() -> None:
    for category, labels in vggsound_labels().items():
        rows = [clip_row(0, category, labels, number) for number in range(12)]
        assert {row.split for row in rows[:4]} == {"train", "test"}
        assert {row.label for row in rows} == set(labels)
        assert len({row.video_id for row in rows}) == 10  # two videos give two clips each
        assert len({row.file for row in rows}) == 12
        splits = {(row.video_id, row.split) for row in rows}
        assert len(splits) == 10
        assert sum(split == "test" for _, split in splits) == 2
        assert all(len(row.video_id) == 11 for row in rows)


def test_some_videos_begin_with_a_dash_and_some_clips_are_flac_or_stereo() -> None:
    rows = [
        clip_row(0, category, labels, number) for category, labels in vggsound_labels().items() for number in range(12)
    ]
    assert all(row.video_id[0] in "-_" for row in rows if row.number == 5)
    assert {"-", "_"} <= {row.video_id[0] for row in rows}
    forms = [row.form for row in rows]
    assert 10 < forms.count("flac") < 60
    assert 2 < forms.count("stereo") < 20


@pytest.mark.parametrize(("form", "rate", "channels"), [("wav", 16_000, 1), ("flac", 16_000, 1), ("stereo", 44_100, 2)])
def test_a_clip_in_each_form_is_the_same_sound(form: str, rate: int, channels: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(160_000) / 16_000)
    samples, found = soundfile.read(io.BytesIO(encode_clip(tone, form)), always_2d=True)
    assert (found, samples.shape) == (rate, (10 * rate, channels))
    assert np.abs(samples[:-8, 0] - 0.5 * np.sin(2 * np.pi * 440 * np.arange(10 * rate - 8) / rate)).max() < 0.003
    assert np.allclose(samples[:, -1], samples[:, 0] * (0.7 if channels == 2 else 1), atol=1e-4)


def test_a_larger_world_begins_with_the_smaller_one(world: World, tmp_path: Path) -> None:
    small = write_world(tmp_path, images=6, clips_per_category=1)
    large, few = digests(folder_of(world)), digests(tmp_path)
    media = [name for name in few if name.endswith((".jpg", ".wav", ".flac"))]
    assert len(media) == 6 + 21
    assert all(few[name] == large[name] for name in media)
    all_rows = read(world.coco_json, "annotations")
    assert all(row in all_rows for row in read(small.coco_json, "annotations"))


def test_two_workers_write_the_same_world(tmp_path: Path) -> None:
    write_world(tmp_path / "one", images=4, clips_per_category=1)
    with Engine(2) as engine:
        write_world(tmp_path / "two", images=4, clips_per_category=1, engine=engine)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    one, two = (write_world(tmp_path / str(seed), images=1, clips_per_category=0, seed=seed) for seed in (0, 1))
    picture = "000000000001.jpg"
    assert (one.coco_images[0] / picture).read_bytes() != (two.coco_images[0] / picture).read_bytes()


def test_complete_world_is_left_alone_and_half_written_one_gets_the_same_bytes(tmp_path: Path) -> None:
    told: list[None] = []

    def write() -> World:
        return write_world(tmp_path, images=4, clips_per_category=1, advance=lambda: told.append(None))

    world = write()
    assert len(told) == 4 + 21  # images and clips
    before = digests(tmp_path)
    assert write() == world
    assert len(told) == 25
    (tmp_path / "world.json").write_text((tmp_path / "world.json").read_text().replace("true", "false"))
    world.coco_json[0].unlink()
    next(world.coco_images[0].iterdir()).unlink()
    next(world.clip_dir.iterdir()).unlink()
    (world.clip_dir / ".half.wav.1.tmp").write_bytes(b"half")
    assert digests(tmp_path) != before
    write()
    assert digests(tmp_path) == before


def test_world_of_other_arguments_is_refused_and_kept(tmp_path: Path) -> None:
    write_world(tmp_path, images=1, clips_per_category=0)
    before = digests(tmp_path)
    with pytest.raises(DataError, match="world-differs"):
        write_world(tmp_path, images=2, clips_per_category=0)
    assert digests(tmp_path) == before
    with pytest.raises(ValueError, match="0 or more"):
        write_world(tmp_path, images=-1)
