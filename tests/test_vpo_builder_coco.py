"""The index of COCO files: what is kept, and cases 29 to 39 of the catalogue of bad input."""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluators.errors import DataError
from vpo_builder.coco import CocoIndex, read_coco
from vpo_builder.labels import read_labels

SHARED = Path(__file__).parents[2] / "shared/data"
POLYGON = [[1.5, 2, 30, 2, 30, 40]]
CATEGORIES = [
    {"id": 1, "name": "person"},
    {"id": 18, "name": "dog"},
    {"id": 7, "name": "train"},
    {"id": 90, "name": "Cell Phone"},
]
Content = dict[str, Any]


def image(number: int, **more: Any) -> Content:
    return {"id": number, "file_name": f"{number:012d}.jpg", "width": 64, "height": 48, **more}


def annotation(number: int, image_id: int, category_id: int = 18, **more: Any) -> Content:
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "iscrowd": 0,
        "segmentation": POLYGON,
        "area": 1.0,
        **more,
    }


def content(images: list[Content] | None = None, annotations: list[Content] | None = None, **more: Any) -> Content:
    first = image(1, license=3, coco_url="http://images.cocodataset.org/val2017/1.jpg", flickr_url="http://flickr/1")
    images = [first, image(2), image(3)] if images is None else images
    if annotations is None:
        annotations = [annotation(12, 1), annotation(11, 1, 1), annotation(13, 2, 7), annotation(14, 3, 90, iscrowd=1)]
    return {
        "licenses": [{"id": 3, "name": "CC"}],
        "images": images,
        "annotations": annotations,
        "categories": CATEGORIES,
        **more,
    }


def read(
    folder: Path,
    *files: Content | str | bytes,
    names: tuple[str, ...] = ("a.json", "b.json"),
    captions: Any = (),
    roots: tuple[str, ...] = ("images",),
) -> CocoIndex:
    paths = [folder / name for name in names[: len(files)]]
    caption_paths = [folder / f"captions{number}.json" for number, _ in enumerate(captions)]
    for path, file in zip([*paths, *caption_paths], [*files, *captions], strict=True):
        path.write_bytes(
            file if isinstance(file, bytes) else (file if isinstance(file, str) else json.dumps(file)).encode()
        )
    return read_coco(paths, [folder / root for root in roots], caption_paths, read_labels())


def ids(index: CocoIndex) -> list[int]:
    return [record.id for record in index.images]


def test_only_images_with_known_categories_are_kept(tmp_path: Path) -> None:
    index = read(tmp_path, content())
    assert ids(index) == [1, 3]  # image 2 shows a train only
    first, second = index.images
    assert [(a.id, a.category, a.crowd) for a in first.annotations] == [(12, "dog", False), (11, "person", False)]
    assert json.loads(first.annotations[0].segmentation) == POLYGON
    assert (first.file, first.width, first.height, first.root) == ("000000000001.jpg", 64, 48, 0)
    assert (first.licence, first.url, first.page, first.official_split) == (
        "CC",
        "http://images.cocodataset.org/val2017/1.jpg",
        "http://flickr/1",
        "val",
    )
    assert [(a.category, a.crowd) for a in second.annotations] == [("cell phone", True)]
    assert (second.licence, second.url, second.page, second.official_split) == ("", "", "", "")
    assert index.counts == {"images": 3, "annotations": 4}
    assert index.rejections == ()
    assert pickle.loads(pickle.dumps(first)) == first  # noqa: S301 - our own bytes: records travel to workers


@pytest.mark.parametrize(
    ("name", "split"),
    [("instances_train2017.json", "train"), ("x_val2014.json", "val"), ("mine.json", ""), ("training.json", "")],
)
def test_split_from_the_name_of_the_file(tmp_path: Path, name: str, split: str) -> None:
    assert read(tmp_path, content([image(1)], [annotation(1, 1)]), names=(name,)).images[0].official_split == split


def test_categories_go_by_name(tmp_path: Path) -> None:
    file = content(
        [image(1)], [annotation(1, 1, 0)], categories=[{"id": 0, "name": "Dog"}, {"id": 18, "name": "chair"}]
    )
    assert read(tmp_path, file).images[0].annotations[0].category == "dog"


def test_captions_are_joined_in_order_and_once(tmp_path: Path) -> None:
    texts = [*((number, 1, f"caption {number}") for number in (9, 2, 5, 11, 3, 7)), (4, 777, "of another image")]
    captions = {"annotations": [{"id": number, "image_id": owner, "caption": text} for number, owner, text in texts]}
    index = read(tmp_path, content(), captions=[captions, captions])
    assert [record.captions for record in index.images] == [
        tuple(f"caption {number}" for number in (2, 3, 5, 7, 9, 11)),
        (),
    ]


def test_files_with_the_same_records_are_joined(tmp_path: Path) -> None:
    both = read(tmp_path, content(), content(), roots=("train", "val"))
    assert both.images == read(tmp_path, content()).images
    assert both.counts == {"images": 6, "annotations": 8, "repeated images": 2, "repeated annotations": 3}


def test_two_files_about_one_image(tmp_path: Path) -> None:
    index = read(
        tmp_path,
        content([image(1)], [annotation(1, 1)]),
        content([image(1), image(2)], [annotation(2, 1), annotation(3, 2)]),
        roots=("train", "val"),
    )
    assert [(record.id, record.root, [a.id for a in record.annotations]) for record in index.images] == [
        (1, 0, [1, 2]),
        (2, 1, [3]),
    ]


def test_one_folder_for_all_files(tmp_path: Path) -> None:
    index = read(tmp_path, content([image(1)], [annotation(1, 1)]), content([image(2)], [annotation(2, 2)]))
    assert [record.root for record in index.images] == [0, 0]
    with pytest.raises(DataError, match="image-folders"):
        read(tmp_path, content(), roots=("x", "y"))


def test_unknown_category_ids_are_counted(tmp_path: Path) -> None:
    index = read(
        tmp_path,
        content(annotations=[annotation(1, 1), annotation(2, 1, 500), annotation(3, 2, 500), annotation(4, 2, 501)]),
    )
    assert ids(index) == [1]
    assert index.counts == {"images": 3, "annotations": 4, "category id 500": 2, "category id 501": 1}


def test_annotation_without_its_image_is_rejected(tmp_path: Path) -> None:
    index = read(tmp_path, content(annotations=[annotation(1, 1), annotation(2, 777)]))
    assert ids(index) == [1]
    assert [(r.kind, r.item, r.reason) for r in index.rejections] == [
        ("annotation", "image 777 annotation 2", "unknown-image")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\x.jpg",
        "a\0.jpg",
        "CON",
        "con.jpg",
        "",
        "a//b.jpg",
        "~root/a.jpg",
        "é" * 150,
    ],
)
def test_unsafe_file_names_are_rejected(tmp_path: Path, name: str) -> None:
    index = read(tmp_path, content([image(1, file_name=name), image(2)], [annotation(1, 1), annotation(2, 2)]))
    assert ids(index) == [2]
    assert [r.reason for r in index.rejections] == ["unsafe-path"]
    assert "\0" not in index.rejections[0].item


def test_file_names_with_folders_are_fine(tmp_path: Path) -> None:
    assert (
        read(tmp_path, content([image(1, file_name="val2017/été 1.jpg")], [annotation(1, 1)])).images[0].file
        == "val2017/été 1.jpg"
    )


@pytest.mark.parametrize("size", [{"width": 0}, {"height": -5}])
def test_sizes_that_are_none_are_rejected(tmp_path: Path, size: Content) -> None:
    index = read(tmp_path, content([image(1, **size), image(2)], [annotation(1, 1), annotation(2, 2)]))
    assert (ids(index), [r.reason for r in index.rejections]) == ([2], ["bad-size"])


def test_one_file_under_two_ids_is_rejected(tmp_path: Path) -> None:
    images = [image(1, file_name="x.jpg"), image(2, file_name="x.jpg"), image(3)]
    index = read(tmp_path, content(images, [annotation(1, 1), annotation(2, 2), annotation(3, 3)]))
    assert (ids(index), [r.reason for r in index.rejections]) == ([3], ["duplicate-file", "duplicate-file"])


def test_nonfinite_numbers_cost_only_their_annotation(tmp_path: Path) -> None:
    rows = [annotation(1, 1, area="@"), annotation(2, 1, segmentation=[["@", 2, 3, 4, 5, 6]]), annotation(3, 1)]
    text = json.dumps(content([image(1, note='say "NaN", -Infinity')], rows))
    for literal in ("NaN", "Infinity", "-Infinity", "1e999"):
        index = read(tmp_path, text.replace('"@"', literal))
        assert [a.id for a in index.images[0].annotations] == [1, 2, 3]
        assert json.loads(index.images[0].annotations[2].segmentation) == POLYGON


def _broken(change: Callable[[Content], None]) -> Content:
    changed = copy.deepcopy(content())
    change(changed)
    return changed


def _set(key: str, number: int, **values: Any) -> Content:
    return _broken(lambda c: c[key][number].update(values))


GOOD = json.dumps(content())
BAD: dict[str, tuple[Content | str | bytes, str, str]] = {
    "image id twice": (_set("images", 1, id=1), "duplicate-id", "$.images[0] and $.images[1]"),
    "annotation id twice": (_set("annotations", 3, id=11), "duplicate-id", "$.annotations[1] and $.annotations[3]"),
    "category id twice": (_set("categories", 2, id=18), "duplicate-category", "$.categories[1] and $.categories[2]"),
    "category name twice": (_set("categories", 2, name=" DOG"), "duplicate-category", "dog"),
    "no known category": (
        content(categories=[{"id": 18, "name": "toaster"}, {"id": 1, "name": "chair"}]),
        "no-known-category",
        "toaster, chair",
    ),
    "no categories": (content(categories=[]), "no-known-category", "found none"),
    "id is a string": (_set("annotations", 3, id="7"), "json-type", "$.annotations[3].id"),
    "id is a float": (_set("annotations", 2, image_id=1.0), "json-type", "$.annotations[2].image_id"),
    "id is negative": (_set("images", 0, id=-1), "json-type", "$.images[0].id"),
    "id is huge": (_set("images", 0, id=2**53 + 1), "json-type", "$.images[0].id"),
    "id is larger than 64 bits": (_set("images", 0, id=10**40), "json-type", "$.images[0].id"),
    "id is true": (_set("images", 0, id=True), "json-type", "$.images[0].id"),
    "id is infinite": (GOOD.replace('"id": 11', '"id": 1e999'), "json-type", "$.annotations[1].id"),
    "id is NaN": (GOOD.replace('"id": 11', '"id": NaN'), "json-type", "$.annotations[1].id"),
    "file name is a number": (_set("images", 0, file_name=5), "json-type", "$.images[0].file_name"),
    "id is missing": (_broken(lambda c: c["annotations"][0].pop("id")), "json-type", "id"),
    "no annotations": (_broken(lambda c: c.pop("annotations")), "json-type", "annotations"),
    "annotations is an object": (content(annotations={}), "json-type", "$.annotations"),  # type: ignore[arg-type]
    "a list": ("[]", "json-type", "object"),
    "key twice in an annotation": (
        GOOD.replace('"image_id": 1,', '"image_id": 1, "image_id": 2,', 1),
        "duplicate-key",
        "image_id",
    ),
    "id twice in an annotation": (
        GOOD.replace('"id": 12,', '"id": 12, "id": 99,'),
        "duplicate-key",
        "'id' stands twice",
    ),
    "outline twice": (
        GOOD.replace('"segmentation":', '"segmentation": [], "segmentation":', 1),
        "duplicate-key",
        "with id 12",
    ),
    "crowd twice": (GOOD.replace('"iscrowd": 0', '"iscrowd": 1, "iscrowd": 0', 1), "duplicate-key", "iscrowd"),
    "size twice": (GOOD.replace('"width": 64', '"width": 64, "width": 32', 1), "duplicate-key", "width"),
    "list of images twice": (GOOD[:-1] + ', "images": []}', "duplicate-key", "images"),
    "list of annotations twice": (GOOD[:-1] + ', "annotations": []}', "duplicate-key", "annotations"),
    "cut": (GOOD[:300], "json-malformed", "byte 300"),
    "no json": ("<html>not found</html>", "json-malformed", "byte 0"),
    "comma": (GOOD.replace("}]", "},]", 1), "json-malformed", "byte"),
    "NaN and cut": (GOOD.replace("1.5", "NaN")[:-4], "json-malformed", "byte"),
    "more after it": (GOOD + GOOD, "json-malformed", "trailing"),
    "empty": ("", "json-malformed", "byte 0"),
    "blank": (" \n", "json-malformed", "byte 2"),
    "utf-16": (GOOD.encode("utf-16"), "json-malformed", "byte 0"),
    "gzip": (b"\x1f\x8b\x08\x00abc", "json-malformed", "gzip"),
    "nested outline": (GOOD.replace("[[1.5", "[" * 100_000 + "1.5", 1), "json-too-deep", "a.json"),
    "nested list elsewhere": ('{"info":' + "[" * 200_000 + "]" * 200_000 + "," + GOOD[1:], "json-too-deep", "a.json"),
}


@pytest.mark.parametrize("case", BAD)
def test_doubtful_files_are_refused(tmp_path: Path, case: str) -> None:
    file, reason, told = BAD[case]
    with pytest.raises(DataError) as caught:
        read(tmp_path, file)
    assert caught.value.reason == reason
    assert "a.json" in caught.value.where and told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert gc.isenabled()


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(DataError, match="json-unreadable"):
        read_coco([path], [tmp_path], [], read_labels())


def test_a_byte_order_mark_and_other_keys_are_fine(tmp_path: Path) -> None:
    more = content(info={"id": "x", "image_id": [], "text": '"id"'}, segment_info=[{"id": 1}], mine={"width": 1})
    assert read(tmp_path, b"\xef\xbb\xbf" + json.dumps(more).encode()).images == read(tmp_path, content()).images


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (content([image(1, width=65)], [annotation(50, 1)]), "image 1"),
        (content([image(1, file_name="COCO_val2014_000000000001.jpg")], [annotation(50, 1)]), "COCO_val2014"),
        (content([image(9)], [annotation(12, 9)]), "annotation 12"),
        (content([image(1)], [annotation(12, 1, segmentation=[[1, 1, 2, 2, 3, 3]])]), "annotation 12"),
        (content([image(1)], [annotation(12, 1, 1)]), "annotation 12"),
    ],
)
def test_records_that_differ_between_files_are_refused(tmp_path: Path, second: Content, told: str) -> None:
    with pytest.raises(DataError, match="duplicate-id") as caught:
        read(tmp_path, content(), second)
    assert "a.json" in str(caught.value) and "b.json" in str(caught.value) and told in str(caught.value)


def test_same_file_twice_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(GOOD)
    index = read_coco([tmp_path / "a.json"] * 2, [tmp_path / "x"] * 2, [], read_labels())
    assert ids(index) == [1, 3] and {record.root for record in index.images} == {0}


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("{", "json-malformed"),
        (GOOD, "json-type"),
        ({"annotations": [{"id": 1, "image_id": "1", "caption": ""}]}, "json-type"),
        ('{"annotations":[{"id":1,"image_id":1,"caption":"a","caption":"b"}]}', "duplicate-key"),
    ],
)
def test_bad_captions_files_are_refused(tmp_path: Path, file: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        read(tmp_path, content(), captions=[file])
    assert "captions0.json" in caught.value.where


def test_outlines_of_any_kind_stay_as_they_are(tmp_path: Path) -> None:
    kinds: list[Any] = [{"size": [48, 64], "counts": "abc"}, {"size": [48, 64], "counts": [3072]}, [], None, "x", 7]
    rows = [annotation(number, 1, segmentation=kind) for number, kind in enumerate(kinds)]
    del rows[3]["segmentation"]
    found = [a.segmentation for a in read(tmp_path, content([image(1)], rows)).images[0].annotations]
    assert found == [json.dumps(kind).encode() if number != 3 else b"" for number, kind in enumerate(kinds)]


@pytest.mark.skipif(not SHARED.exists(), reason="no real data here")
def test_real_files() -> None:
    folders = [SHARED / name for name in ("coco", "coco_panoptic", "coco_person")]
    files = [
        folders[0] / "instances.json",
        folders[1] / "instances_from_panoptic.json",
        folders[2] / "instances_person_only.json",
    ]
    index = read_coco(
        files,
        [folder / "images" for folder in folders],
        [folder / "captions.json" for folder in folders],
        read_labels(),
    )
    assert index.rejections == ()
    assert index.counts == {"images": 538, "annotations": 3956}
    assert {record.official_split for record in index.images} == {"train", "val"}
    assert all(record.licence and record.url for record in index.images)
