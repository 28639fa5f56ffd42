"""COCO JSON of the three subsets: what pycocotools reads is what the masks hold, to the bit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mini_avsbench import block, write_avss, write_ms3, write_s4
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from avsbench_tools.coco_json import _annotations, coco_categories, write_coco
from avsbench_tools.outcome import Outcome
from evaluators.avss import avss_categories
from evaluators.errors import DataError
from evaluators.masks import write_label_map
from evaluators.progress import Progress
from evaluators.videos import VideoSet, open_videos, write_videos

WRITERS = {"s4": write_s4, "ms3": write_ms3, "avss": write_avss}
Json = dict[str, Any]


def written(videos: VideoSet, dst: Path, splits: tuple[str, ...] = (), workers: int = 1) -> Outcome:
    return write_coco(videos, dst, splits=splits, workers=workers, progress=Progress())


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def content(path: Path) -> Json:
    found: Json = json.loads(path.read_bytes())
    return found


def reasons(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(rejection.kind, rejection.item, rejection.reason) for rejection in outcome.rejections]


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_pycocotools_gives_back_every_mask_to_the_bit(write: Callable[[Path], Path], tmp_path: Path) -> None:
    videos = open_videos(write(tmp_path))
    outcome = written(videos, tmp_path / "out")
    assert (outcome.done, outcome.rejections) == (len(videos.videos), ())
    masks = {frame.image_file: frame.mask_file for video in videos.videos for frame in video.frames}
    seen = set()
    for path in (tmp_path / "out").iterdir():
        coco = COCO(path)
        for image in coco.imgs.values():
            mask = masks[image["file_name"]]
            assert image["annotated"] == bool(mask)
            decoded = np.zeros((image["height"], image["width"]), np.uint8)
            for annotation in coco.imgToAnns[image["id"]]:
                value = annotation["category_id"] if videos.name == "avss" else 255
                decoded[coco.annToMask(annotation) > 0] = value
            stored = np.asarray(Image.open(videos.root / mask)) if mask else np.zeros((12, 16))
            assert (decoded == stored).all()
            seen.add(image["file_name"])
    assert seen == set(masks)


def test_what_a_file_says(tmp_path: Path) -> None:
    outcome = written(open_videos(write_s4(tmp_path)), tmp_path / "out", ("test",))
    assert outcome.lines[1] == "instances_test.json: 2 videos, 10 frames, 10 of them annotated, 10 annotations"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["instances_test.json"]
    found = content(tmp_path / "out/instances_test.json")
    assert list(found) == ["info", "licenses", "categories", "images", "videos", "annotations"]
    assert [(video["id"], video["name"], video["category"]) for video in found["videos"]] == [
        (1, "_dogC_5000_10000", "dog_barking"),
        (2, "catD_2000_7000", "cat_meowing"),
    ]
    assert found["images"][5] == {
        "id": 6,
        "video_id": 2,
        "file_name": "s4_data/visual_frames/test/cat_meowing/catD_2000_7000/catD_2000_7000_1.png",
        "width": 16,
        "height": 12,
        "frame_index": 0,
        "seconds": 1,
        "annotated": True,
    }
    named = {category["id"]: category["name"] for category in found["categories"]}
    annotation = found["annotations"][5]  # rows 5 to 7, columns 1 to 4
    assert (annotation["image_id"], named[annotation["category_id"]]) == (6, "cat_meowing")
    assert (annotation["area"], annotation["bbox"], annotation["iscrowd"]) == (12, [1, 5, 4, 3], 0)


def test_categories_of_each_set(tmp_path: Path) -> None:
    sets = {name: coco_categories(open_videos(write(tmp_path / name))) for name, write in WRITERS.items()}
    assert len(sets["s4"]) == 23
    assert sets["s4"][0] == {"id": 1, "name": "ambulance_siren", "supercategory": "emergency-car"}
    assert sets["ms3"] == [{"id": 1, "name": "sounding object", "supercategory": ""}]
    assert {category["id"]: category["name"] for category in sets["avss"]} == dict(enumerate(avss_categories()[1:], 1))


def test_two_categories_of_one_frame_are_two_annotations_and_void_is_none(tmp_path: Path) -> None:
    place = write_avss(tmp_path)
    names = avss_categories()
    labels = np.maximum(block(2, 0, names.index("man")), np.roll(block(2, 0, names.index("guitar")), 6, axis=1))
    labels[11, 3:5] = 255
    shutil.rmtree(place / "v1m/multiB_0/labels_rgb")
    write_label_map(place / "v1m/multiB_0/labels_semantic/0.png", labels)
    outcome = written(open_videos(place), tmp_path / "out", ("test",))
    found = content(tmp_path / "out/instances_test.json")
    image = next(image["id"] for image in found["images"] if image["file_name"] == "v1m/multiB_0/frames/0.jpg")
    there = {a["category_id"]: a["bbox"] for a in found["annotations"] if a["image_id"] == image}
    assert there == {names.index("man"): [1, 4, 4, 3], names.index("guitar"): [7, 4, 4, 3]}
    assert reasons(outcome) == [("video", "v1m/multiB_0", "void-pixels")]
    assert outcome.rejections[0].warning


def test_an_annotated_frame_in_which_nothing_sounds_has_no_annotation(tmp_path: Path) -> None:
    place = write_ms3(tmp_path)
    Image.new("L", (16, 12)).save(place / "ms3_data/gt_masks/test/multiB/multiB_3.png")
    written(open_videos(place), tmp_path / "out", ("test",))
    found = content(tmp_path / "out/instances_test.json")
    assert found["images"][2]["annotated"] is True
    assert [annotation["image_id"] for annotation in found["annotations"][:4]] == [1, 2, 4, 5]


def test_the_same_bytes_for_any_number_of_workers_and_a_second_time(tmp_path: Path) -> None:
    videos = open_videos(write_avss(tmp_path))
    twenty = replace(
        videos, videos=tuple(replace(video, id=f"{video.id}{n}") for n in range(20) for video in videos.videos)
    )
    for name, workers in (("one", 1), ("three", 3), ("one", 1)):
        written(twenty, tmp_path / name, workers=workers)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "three").iterdir())
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "three" / n).read_bytes() for n in files)


def test_a_dataset_folder_by_reference_gives_the_same_bytes(tmp_path: Path) -> None:
    videos = open_videos(write_s4(tmp_path))
    write_videos(tmp_path / "manifest", videos, "0")
    written(videos, tmp_path / "one")
    written(open_videos(tmp_path / "manifest"), tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda mask, image: mask.write_bytes(b""), "mask-empty"),
        (lambda mask, image: mask.write_bytes(mask.read_bytes()[:60]), "mask-unreadable"),
        (lambda mask, image: mask.unlink(), "mask-count"),
        (lambda mask, image: Image.new("L", (12, 16)).save(mask), "size-mismatch"),
        (lambda mask, image: Image.fromarray(np.arange(192, dtype=np.uint8).reshape(12, 16)).save(mask), "mask-soft"),
        (lambda mask, image: image.write_bytes(b"no picture"), "frame-unreadable"),
        (lambda mask, image: image.write_bytes(image.read_bytes()[:48]), "frame-truncated"),
        (lambda mask, image: image.unlink(), "frame-count"),
        (lambda mask, image: Image.new("L", (16, 12)).save(mask.with_name("catD_2000_7000_6.png")), "mask-count"),
        (lambda mask, image: pipe(mask), "mask-unreadable"),
    ],
)
def test_a_video_that_cannot_be_used_is_told_and_the_rest_goes_on(
    damage: Callable[[Path, Path], Any], reason: str, tmp_path: Path
) -> None:
    place = write_s4(tmp_path)
    inner = "test/cat_meowing/catD_2000_7000/catD_2000_7000_2.png"
    damage(place / "s4_data/gt_masks" / inner, place / "s4_data/visual_frames" / inner)
    outcome = written(open_videos(place), tmp_path / "out", ("test",))
    assert reasons(outcome) == [("video", "s4/catD_2000_7000", reason)]
    assert "catD_2000_7000" in outcome.rejections[0].message
    assert (outcome.done, len(outcome.rejected)) == (1, 1)
    found = content(tmp_path / "out/instances_test.json")
    assert [video["name"] for video in found["videos"]] == ["_dogC_5000_10000"]
    assert [image["id"] for image in found["images"]] == [1, 2, 3, 4, 5]


def test_odd_labels_are_told(tmp_path: Path) -> None:
    place = write_avss(tmp_path)
    for folder in place.rglob("labels_rgb"):
        shutil.rmtree(folder)
    folder = place / "v2/wolfF_0_10000"
    cat, wolf = avss_categories().index("cat"), avss_categories().index("wolf")
    strange = np.zeros((200, 300), np.uint8)
    strange[:50], strange[100, :8] = wolf, cat
    write_label_map(folder / "labels_semantic/3.png", strange)
    Image.fromarray(strange).save(folder / "frames/3.jpg")
    outcome = written(open_videos(place), tmp_path / "out", ("val",))
    assert reasons(outcome) == [("video", "v2/wolfF_0_10000", "stray-category")]
    assert outcome.rejections[0].message == "8 pixels are cat, which the table doesn't name"
    assert outcome.rejections[0].warning
    found = content(tmp_path / "out/instances_val.json")
    assert [a["area"] for a in found["annotations"] if a["image_id"] == 4] == [8, 15_000]
    write_label_map(folder / "labels_semantic/5.png", block(0, 0, 71))
    outcome = written(open_videos(place), tmp_path / "out", ("val",))
    assert reasons(outcome) == [("video", "v2/wolfF_0_10000", "label-range")]
    assert content(tmp_path / "out/instances_val.json")["images"] == []


def test_colours_off_the_palette_are_counted(tmp_path: Path) -> None:
    place = write_avss(tmp_path)
    for folder in place.rglob("labels_semantic"):
        shutil.rmtree(folder)
    colours = np.zeros((50, 50, 3), np.uint8)
    colours[7, :2] = (1, 2, 3)
    Image.fromarray(colours).save(place / "v2/wolfF_0_10000/labels_rgb/0.png")
    Image.fromarray(colours).save(place / "v2/wolfF_0_10000/frames/0.jpg")
    outcome = written(open_videos(place), tmp_path / "out", ("val",))
    assert reasons(outcome) == [("video", "v2/wolfF_0_10000", "stray-colours")]
    assert outcome.rejections[0].message.startswith("2 pixels had a colour of no category")
    assert len(content(tmp_path / "out/instances_val.json")["annotations"]) == 9


def test_masks_beyond_the_first_of_a_training_video_are_told(tmp_path: Path) -> None:
    place = write_s4(tmp_path)
    folder = place / "s4_data/gt_masks/train/dog_barking/-dogA_1000_6000"
    shutil.copy(folder / "-dogA_1000_6000_1.png", folder / "-dogA_1000_6000_2.png")
    outcome = written(open_videos(place), tmp_path / "out", ("train",))
    assert [rejection.message for rejection in outcome.rejections] == [
        "1 masks of frames that count as not annotated were left out"
    ]


def test_names_that_lead_out_of_the_folder_are_not_opened(tmp_path: Path) -> None:
    videos = open_videos(write_ms3(tmp_path))
    first = videos.videos[0]
    out = replace(first.frames[0], image_file="../secret.png")
    odd = replace(videos, videos=(replace(first, frames=(out, *first.frames[1:])),), table=tmp_path / "manifest.jsonl")
    outcome = written(odd, tmp_path / "out", ("train",))
    assert reasons(outcome) == [("video", "ms3/multiA_0", "unsafe-path")]


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no video is of split 'vali'; there is train 1, val 1, test 2"):
        written(open_videos(write_s4(tmp_path)), tmp_path / "out", ("train", "vali"))
    assert not (tmp_path / "out").exists()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_any_label_map_comes_back(height: int, width: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, (height, width)).astype(np.uint8)
    decoded = np.zeros_like(labels)
    for annotation in _annotations(labels, None):
        there = labels == annotation["category_id"]
        rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        assert (annotation["area"], annotation["bbox"]) == (there.sum(), box)
        decoded[coco_mask.decode(annotation["segmentation"]) > 0] = annotation["category_id"]
    assert (decoded == labels).all()


SLOW_RUN = """
import sys, time
from dataclasses import replace
from pathlib import Path
from avsbench_tools import coco_json
from evaluators.progress import Progress
from evaluators.videos import open_videos
real = coco_json._add
def slow(*given):
    time.sleep(0.1)
    print("one", flush=True)
    return real(*given)
coco_json._add = slow
coco_json.write_coco(open_videos(sys.argv[1]), Path(sys.argv[2]), splits=("test",), workers=1, progress=Progress())
"""


def test_a_killed_run_leaves_nothing_under_the_name_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    place = write_ms3(tmp_path)
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", SLOW_RUN, place, out], stdout=subprocess.PIPE) as run:
        assert run.stdout
        run.stdout.readline()
        run.send_signal(signal.SIGKILL)
    assert [name.partition(".json")[0] for name in os.listdir(out)] == [".instances_test"]
    written(open_videos(place), out, ("test",))
    written(open_videos(place), tmp_path / "other", ("test",))
    assert os.listdir(out) == ["instances_test.json"]
    assert (out / "instances_test.json").read_bytes() == (tmp_path / "other/instances_test.json").read_bytes()
