"""Reading one image with its masks: cases 1 to 15 of the catalogue of bad input, and what becomes of each object."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
import warnings
import zlib
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from evaluators.dataset import Picture
from evaluators.rejections import Rejection
from vpo_builder.images import examine_image, strip_orientation
from vpo_builder.labels import read_labels
from vpo_builder.material import Annotation, Candidate, ImageRecord
from vpo_builder.segmentation import decode_rle

WIDTH, HEIGHT = 96, 64
LABELS = read_labels()
PIXELS = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def picture(
    mode: str = "RGB", form: str = "JPEG", size: tuple[int, int] = (WIDTH, HEIGHT), orientation: int = 0, **more: Any
) -> bytes:
    stream = BytesIO()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
        more["exif"] = exif
    Image.fromarray(PIXELS).convert(mode).resize(size).save(stream, form, **more)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def box(x: int, y: int, width: int, height: int) -> bytes:
    return json.dumps([[x, y, x + width, y, x + width, y + height, x, y + height]]).encode()


DOG = Annotation(5, "dog", False, box(10, 20, 30, 20))
GOOD = picture()


def record(*annotations: Annotation, file: str = "a.jpg", width: int = WIDTH, height: int = HEIGHT) -> ImageRecord:
    return ImageRecord(139, file, 2, width, height, "val", annotations or (DOG,), "CC", "http://url", "http://page")


def examine(
    folder: Path, data: bytes, *annotations: Annotation, persons: dict[int, tuple[str, str]] | None = None
) -> tuple[Candidate | None, tuple[Rejection, ...]]:
    (folder / "a.jpg").write_bytes(data)
    return examine_image(record(*annotations), folder, LABELS, persons or {})


def test_a_good_image(tmp_path: Path) -> None:
    candidate, rejections = examine(tmp_path, GOOD)
    assert rejections == () and candidate is not None
    digest = hashlib.sha256(GOOD).hexdigest()
    assert candidate.picture == Picture(
        139, "a.jpg", 2, 96, 64, digest, "CC", "http://url", "http://page", orientation=1
    )
    assert candidate.official_split == "val"
    (dog,) = candidate.instances
    assert (dog.annotation_id, dog.category, dog.area, dog.bbox, dog.index) == (5, "dog", 600, (10, 20, 30, 20), 0)
    assert decode_rle(dog.rle, HEIGHT, WIDTH)[20:40, 10:40].all()
    assert (candidate.unlabelled, candidate.ignore, candidate.blocked) == ((), (), ())


BAD: dict[str, tuple[bytes, str]] = {
    "cut at 60 percent": (GOOD[: len(GOOD) * 6 // 10], "image-truncated"),
    "without end marker": (GOOD[:-2], "image-truncated"),
    "png cut": (picture(form="PNG")[:4000], "image-truncated"),
    "cut in the header": (GOOD[:100], "image-truncated"),
    "empty": (b"", "empty-file"),
    "html": (b"<html><body>429 Too many requests</body></html>", "not-an-image"),
    "gif": (picture(form="GIF"), "not-an-image"),
    "webp": (picture(form="WEBP"), "not-an-image"),
    "eps": (picture(form="EPS"), "not-an-image"),
    "tiff": (picture(form="TIFF"), "not-an-image"),
    "two bytes": (b"\xff\xd8", "not-an-image"),
    "400 megapixels": (png_header(20_000, 20_000), "image-too-large"),
    "100 megapixels": (png_header(10_000, 10_000), "image-too-large"),
    "51 megapixels": (png_header(51_000, 1000), "image-too-large"),
    "one pixel": (picture(size=(1, 1)), "too-small"),
    "31 pixels high": (picture(size=(WIDTH, 31)), "too-small"),
    "another size": (picture(size=(WIDTH + 1, HEIGHT)), "size-mismatch"),
    "turned": (picture(size=(HEIGHT, WIDTH), orientation=6), "size-mismatch"),
    "png without pixels": (png_header(WIDTH, HEIGHT), "image-truncated"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_have_their_reason(tmp_path: Path, case: str) -> None:
    data, reason = BAD[case]
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        candidate, rejections = examine(tmp_path, data)
    assert candidate is None and leaked == []
    assert [(r.kind, r.item, r.reason, r.warning) for r in rejections] == [("image", "a.jpg", reason, False)]
    assert "\n" not in rejections[0].message and len(rejections[0].message) < 300


def test_messages_show_what_was_found(tmp_path: Path) -> None:
    assert "<html><body>429 " in examine(tmp_path, BAD["html"][0])[1][0].message
    assert "EXIF" in examine(tmp_path, BAD["turned"][0])[1][0].message
    assert "97 x 64" in examine(tmp_path, BAD["another size"][0])[1][0].message


def test_every_cut_is_found(tmp_path: Path) -> None:
    for length in range(2, len(GOOD), 97):
        candidate, rejections = examine(tmp_path, GOOD[:length])
        assert candidate is None and rejections[0].reason in ("image-truncated", "not-an-image"), length
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "no folder", "outside", "loop"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    file = {"no folder": "gone/a.jpg", "outside": "../a.jpg"}.get(kind, "a.jpg")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    candidate, (rejection,) = examine_image(record(file=file), tmp_path, LABELS, {})
    expected = {"folder": "not-a-file", "pipe": "not-a-file", "outside": "unsafe-path", "loop": "image-unreadable"}
    assert candidate is None and rejection.reason == expected.get(kind, "image-missing")


def test_a_link_out_of_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "elsewhere/b.jpg").write_bytes(GOOD)
    (tmp_path / "images/a.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    assert examine_image(record(), tmp_path / "images", LABELS, {})[0] is not None


@pytest.mark.parametrize(
    ("data", "remarks"),
    [
        (picture("L"), ["image-grey"]),
        (picture("CMYK"), ["image-cmyk"]),
        (picture(orientation=3), ["image-exif-rotated"]),
        (picture("L", orientation=6), ["image-grey", "image-exif-rotated"]),
        (picture(orientation=1), []),
        (picture(orientation=9), []),
        (picture(form="PNG"), []),
        (picture("P", form="PNG"), []),
        (picture("1", form="PNG"), ["image-grey"]),
        (GOOD[:300] + bytes([GOOD[300] ^ 1]) + GOOD[301:], []),  # a flipped bit decodes; only a checksum would tell
        (GOOD + b"\0" * 50, []),
    ],
)
def test_odd_files_are_used_with_a_remark(tmp_path: Path, data: bytes, remarks: list[str]) -> None:
    candidate, rejections = examine(tmp_path, data)
    assert candidate is not None
    assert [(r.reason, r.warning) for r in rejections] == [(reason, True) for reason in remarks]


def test_damaged_exif_turns_nothing(tmp_path: Path) -> None:
    data = picture(orientation=6)
    place = data.index(b"Exif\0\0") + 6
    candidate, _ = examine(tmp_path, data[:place] + b"\xff" * 12 + data[place + 12 :])
    assert candidate is not None and candidate.picture.orientation == 1


def test_strip_orientation_keeps_every_pixel(tmp_path: Path) -> None:
    data = picture(orientation=6, quality=90)
    stripped = strip_orientation(data)
    with Image.open(BytesIO(data)) as before, Image.open(BytesIO(stripped)) as after:
        assert before.getexif()[0x0112] == 6 and 0x0112 not in after.getexif()
        assert (np.array(before) == np.array(after)).all()
    assert strip_orientation(stripped) == stripped and strip_orientation(GOOD) == GOOD
    assert stripped[-1000:] == data[-1000:]
    assert examine(tmp_path, data)[0].picture.orientation == 6  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe1\xff\xffExif\0\0",
        b"\x89PNG\r\n",
        b"\xff\xd8\xff\xff\xff\xe1\x00\x08Exif\0\0\xff\xda",
    ],
)
def test_strip_orientation_of_anything_ends(data: bytes) -> None:
    assert len(strip_orientation(data)) <= len(data)


def test_crowds_are_ignored_and_block_their_category(tmp_path: Path) -> None:
    counts = [0, HEIGHT * 8, HEIGHT * (WIDTH - 8)]
    crowd = Annotation(6, "dog", True, json.dumps({"size": [HEIGHT, WIDTH], "counts": counts}).encode())
    candidate, rejections = examine(tmp_path, GOOD, crowd, DOG)
    assert candidate is not None and rejections == ()
    assert [i.annotation_id for i in candidate.instances] == [5]
    assert candidate.blocked == ("dog",)
    assert len(candidate.ignore) == 1 and decode_rle(candidate.ignore[0], HEIGHT, WIDTH)[:, :8].all()


def test_a_bad_mask_costs_its_annotation_and_blocks_its_category(tmp_path: Path) -> None:
    candidate, (rejection,) = examine(
        tmp_path, GOOD, DOG, Annotation(7, "cat", False, b"[[1,2,3]]"), Annotation(8, "cat", False, box(50, 5, 9, 9))
    )
    assert candidate is not None
    assert [i.annotation_id for i in candidate.instances] == [5, 8]
    assert candidate.blocked == ("cat",)
    assert (rejection.kind, rejection.item, rejection.reason) == ("annotation", "image 139 annotation 7", "polygon-odd")


def test_persons(tmp_path: Path) -> None:
    labelled, unknown = (
        Annotation(1, "person", False, box(0, 0, 9, 9)),
        Annotation(2, "person", False, box(20, 0, 9, 9)),
    )
    evidence = {1: ("female", "table persons.csv")}
    alone, _ = examine(tmp_path, GOOD, labelled, persons=evidence)
    assert alone is not None and alone.blocked == () and alone.unlabelled == ()
    assert [(i.category, i.evidence) for i in alone.instances] == [("female", "table persons.csv")]
    both, _ = examine(tmp_path, GOOD, DOG, unknown, labelled, persons=evidence)
    assert both is not None and both.unlabelled == (2,) and both.blocked == ("baby", "female", "male")
    assert [(i.annotation_id, i.category) for i in both.instances] == [(1, "female"), (5, "dog")]


@pytest.mark.parametrize(
    "other", [Annotation(3, "person", True, box(0, 0, 9, 9)), Annotation(3, "person", False, b"[]")]
)
def test_crowds_and_bad_masks_of_persons_block_all_kinds(tmp_path: Path, other: Annotation) -> None:
    candidate, _ = examine(tmp_path, GOOD, DOG, other, persons={3: ("male", "x")})
    assert candidate is not None and candidate.blocked == ("baby", "female", "male")
    assert [i.category for i in candidate.instances] == ["dog"]


def test_outline_over_the_edge_is_remarked(tmp_path: Path) -> None:
    candidate, (remark,) = examine(tmp_path, GOOD, Annotation(5, "dog", False, box(-4, 0, 20, 20)))
    assert candidate is not None and candidate.instances[0].area == 16 * 20
    assert (remark.reason, remark.warning) == ("polygon-clipped", True)


def test_all_bad_images_beside_one_good(tmp_path: Path) -> None:
    files = {f"{number}.jpg": data for number, (data, _) in enumerate(BAD.values())}
    for name, data in {**files, "good.jpg": GOOD}.items():
        (tmp_path / name).write_bytes(data)
    task = pickle.loads(pickle.dumps(partial(examine_image, root=tmp_path, labels=LABELS, person_labels={})))  # noqa: S301 - as a worker gets it
    results = [task(record(file=name)) for name in (*files, "missing.jpg", "good.jpg")]
    assert [candidate.picture.file for candidate, _ in results if candidate] == ["good.jpg"]
    assert [rejection.reason for _, found in results for rejection in found] == [
        *(reason for _, reason in BAD.values()),
        "image-missing",
    ]
    assert pickle.loads(pickle.dumps(results)) == results  # noqa: S301


def test_all_bad_masks_beside_one_good(tmp_path: Path) -> None:
    polygons = [
        b"[]",
        b"[[]]",
        b"[[1,2]]",
        b"[[1,2,3,4]]",
        b"[[1,1,5,1,5,5,1]]",
        b"[[null,1,5,1,5,5]]",
        b"[[1e9,1,5,1,5,5]]",
        b"[[900,900,905,900,905,905]]",
    ]
    runs = [
        b"",
        b"{}",
        b'{"size":[64,96],"counts":[5,5]}',
        b'{"size":[96,64],"counts":[6144]}',
        b'{"size":[64,96],"counts":"abc"}',
    ]
    bad = [*polygons, *runs]
    candidate, rejections = examine(
        tmp_path, GOOD, DOG, *(Annotation(100 + n, "cat", False, raw) for n, raw in enumerate(bad))
    )
    assert candidate is not None and [i.annotation_id for i in candidate.instances] == [5]
    assert [r.item for r in rejections] == [f"image 139 annotation {100 + n}" for n in range(len(bad))]
    assert candidate.blocked == ("cat",)
