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
    written(open_videos(write_s4(tmp_path)), tmp_path / "out", ("test",))
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
    write_label_map(place / "v1m/multiB_0/labels_semantic/0.png", labels)
    outcome = written(open_videos(place), tmp_path / "out", ("test",))
    found = content(tmp_path / "out/instances_test.json")
    image = next(image["id"] for image in found["images"] if image["file_name"] == "v1m/multiB_0/frames/0.jpg")
    there = {a["category_id"]: a["bbox"] for a in found["annotations"] if a["image_id"] == image}
    assert there == {names.index("man"): [1, 4, 4, 3], names.index("guitar"): [7, 4, 4, 3]}
    assert reasons(outcome) == [("video", "multiB_0", "void-pixels")]
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


def test_what_cannot_be_used_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    place = write_s4(tmp_path)
    masks = place / "s4_data/gt_masks/test/cat_meowing/catD_2000_7000"
    images = place / "s4_data/visual_frames/test"
    (masks / "catD_2000_7000_1.png").write_bytes(b"")
    (masks / "catD_2000_7000_2.png").unlink()
    Image.new("L", (12, 16)).save(masks / "catD_2000_7000_3.png")
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(12, 16)).save(masks / "catD_2000_7000_4.png")
    (images / "cat_meowing/catD_2000_7000/catD_2000_7000_5.png").write_bytes(b"no picture")
    shutil.rmtree(images / "dog_barking")
    outcome = written(open_videos(place), tmp_path / "out", ("test",))
    inner = "test/cat_meowing/catD_2000_7000/catD_2000_7000"
    assert reasons(outcome) == [
        ("video", "_dogC_5000_10000", "video-missing"),
        ("mask", f"s4_data/gt_masks/{inner}_1.png", "gt-unreadable"),
        ("mask", f"s4_data/gt_masks/{inner}_2.png", "mask-missing"),
        ("mask", f"s4_data/gt_masks/{inner}_3.png", "size-mismatch"),
        ("mask", f"s4_data/gt_masks/{inner}_4.png", "gt-soft"),
        ("frame", f"s4_data/visual_frames/{inner}_5.png", "image-unreadable"),
    ]
    assert outcome.rejections[3].message.startswith("the mask is 12 x 16, its frame 16 x 12")
    assert (outcome.done, len(outcome.rejected)) == (1, 6)
    found = content(tmp_path / "out/instances_test.json")
    assert [image["annotated"] for image in found["images"]] == [False] * 4
    assert [video["name"] for video in found["videos"]] == ["catD_2000_7000"]


def test_odd_labels_are_told(tmp_path: Path) -> None:
    place = write_avss(tmp_path)
    folder = place / "v2/wolfF_0_10000/labels_semantic"
    cat, wolf = avss_categories().index("cat"), avss_categories().index("wolf")
    strange = block(0, 0, wolf)
    strange[0, :8] = cat
    write_label_map(folder / "3.png", strange)
    write_label_map(folder / "5.png", block(0, 0, 71))
    outcome = written(open_videos(place), tmp_path / "out", ("val",))
    assert reasons(outcome) == [
        ("mask", "v2/wolfF_0_10000/labels_semantic/5.png", "unknown-label"),
        ("video", "wolfF_0_10000", "stray-category"),
    ]
    assert outcome.rejections[1].message == "8 pixels are cat, the table names wolf"
    assert [rejection.warning for rejection in outcome.rejections] == [False, True]


def test_stray_values_of_a_mask_and_colours_off_the_palette_are_counted(tmp_path: Path) -> None:
    s4, avss = write_s4(tmp_path), write_avss(tmp_path)
    mask = np.zeros((50, 50), np.uint8)
    mask[:9], mask[20, :2] = 255, 7
    for folder in ("gt_masks", "visual_frames"):
        Image.fromarray(mask).save(s4 / f"s4_data/{folder}/val/cat_meowing/catB_0_5000/catB_0_5000_1.png")
    outcome = written(open_videos(s4), tmp_path / "s4", ("val",))
    assert [rejection.message.split(";")[0] for rejection in outcome.rejections] == [
        "2 of 2,500 pixels have none of a mask's values"
    ]
    for video in (
        "v1s/dogA_1000_6000",
        "v1s/_dogC_5000_10000",
        "v1m/multiB_0",
        "v2/tankE_60000_70000",
        "v2/wolfF_0_10000",
    ):
        shutil.rmtree(avss / video / "labels_semantic")
    colours = np.zeros((50, 50, 3), np.uint8)
    colours[7, :2] = (1, 2, 3)
    Image.fromarray(colours).save(avss / "v2/wolfF_0_10000/labels_rgb/0.png")
    Image.fromarray(colours).save(avss / "v2/wolfF_0_10000/frames/0.jpg")
    outcome = written(open_videos(avss), tmp_path / "avss", ("val",))
    assert reasons(outcome) == [("mask", "v2/wolfF_0_10000/labels_rgb/0.png", "stray-values")]
    assert len(content(tmp_path / "avss/instances_val.json")["annotations"]) == 9


def test_names_that_lead_out_of_the_folder_and_pipes_are_not_opened(tmp_path: Path) -> None:
    place = write_ms3(tmp_path)
    videos = open_videos(place)
    first = videos.videos[0]
    out = replace(first.frames[0], image_file="../secret.png")
    os.remove(place / first.frames[1].mask_file)
    os.mkfifo(place / first.frames[1].mask_file)
    odd = replace(videos, videos=(replace(first, frames=(out, *first.frames[1:])), *videos.videos[1:], first))
    outcome = written(odd, tmp_path / "out", ("train",))
    assert [reason for _, _, reason in reasons(outcome)] == ["duplicate-video", "unsafe-path", "mask-missing"]


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
