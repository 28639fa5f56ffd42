from __future__ import annotations

import time
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from made_files import GREYS, VOC, ground_truth, png, raw_png
from PIL import Image

from evaluators.categories import Category, CategoryTable, voc_colour, vpo_categories
from evaluators.errors import DataError
from evaluators.masks import (
    PALETTE,
    RGB,
    brightness,
    decode_gt,
    decode_png,
    encode_label_map,
    labels_of_colours,
    png_palette,
    read_label_map,
    write_label_map,
)

MASKS, LABEL_MAPS = ground_truth("mask"), ground_truth("labels")
AVSS = ground_truth("labels", colours={voc_colour(index): index for index in range(71)})


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 255)))
def test_a_label_map_comes_back_as_it_was(labels: np.ndarray) -> None:
    with Image.open(BytesIO(encode_label_map(labels))) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.array(image), labels)


def test_the_colours_are_those_of_pascal_voc() -> None:
    assert [voc_colour(index) for index in (0, 1, 2, 3, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (128, 128, 0),
        (224, 224, 192),
    ]


def test_grey_pngs_are_read_and_rgb_ones_refused(tmp_path: Path) -> None:
    labels = np.array([[0, 18], [255, 3]], np.uint8)
    Image.fromarray(labels).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "grey.png"), labels)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "rgb.png")
    with pytest.raises(DataError, match="mask-mode"):
        read_label_map(tmp_path / "rgb.png")


def test_what_is_no_png_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"a\.png: not a readable PNG"):
        read_label_map(tmp_path / "a.png")


def test_only_label_maps_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_label_map(tmp_path / "a.png", np.zeros((2, 2), np.int64))  # type: ignore[arg-type]


def test_the_table_of_vpo() -> None:
    table = vpo_categories()
    assert len(table) == 21 and table.names == tuple(sorted(table.names))
    assert [table[name].mask_id for name in ("male", "female", "baby", "dog")] == [92, 93, 94, 18]
    assert table.by_mask_id(5).name == "airplane"


def test_a_table_with_a_name_or_id_twice_is_refused() -> None:
    with pytest.raises(DataError, match="duplicate-category"):
        CategoryTable([Category(1, "dog", 18), Category(2, "cat", 18)])
    with pytest.raises(DataError, match="bad-category"):
        CategoryTable([Category(1, "dog", 255)])


@pytest.mark.parametrize(
    ("data", "form", "values"),
    [
        (png([[0, 1], [128, 255]]), "8-bit", [[0, 1], [128, 255]]),
        (png(np.array([[0, 300], [1, 65535]], np.uint16)), "16-bit", [[0, 300], [1, 65535]]),  # case 72: not 1, not 255
        (png(np.array([[False, True]])), "1-bit", [[0, 1]]),
        (png([[0, 1], [7, 255]], VOC), PALETTE, [[0, 1], [7, 255]]),  # case 71: the index 1, not the luminance 38
        (png([[0, 1]], GREYS), PALETTE, [[0, 1]]),
        (raw_png(4, 1, 2, 0, b"\0\x1b"), "2-bit", [[0, 1, 2, 3]]),  # Pillow gives 0, 85, 170, 255
        (raw_png(2, 1, 4, 0, b"\0\x1f"), "4-bit", [[1, 15]]),
        (png([[[1, 2, 3]]]), RGB, [[[1, 2, 3]]]),
        (png([[[1, 2, 3, 255]]]), RGB, [[[1, 2, 3]]]),
        (png([[[7, 255]]]), "8-bit", [[7]]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_png_gives_the_numbers_that_it_stores(data: bytes, form: str, values: Any) -> None:
    got, its_form = decode_png(data, "a.png", "pred")
    assert its_form == form and got.tolist() == values
    assert got.dtype == (np.uint16 if form == "16-bit" else np.uint8)


@pytest.mark.parametrize(
    "data",
    [
        png([[[255, 0, 0, 128]]]),
        png([[[0, 0, 0, 255], [0, 0, 0, 0]]]),  # case 73: the mask stands in alpha alone
        png([[[7, 0]]]),
        raw_png(1, 1, 16, 2, b"\0" + bytes(6)),
        raw_png(1, 1, 16, 4, b"\0" + bytes(4)),
    ],
    ids=("half", "alpha only", "grey", "16-bit RGB", "16-bit grey and alpha"),
)
def test_alpha_and_deep_colours_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match=r"pred-mode"):
        decode_png(data, "a.png", "pred")


def refusal(data: bytes, whose: str = "pred") -> DataError:
    start = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            decode_png(data, "a.png", whose)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - start < 1 and "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (8000, 8000), (50_000_001, 1)])
def test_a_small_file_with_a_giant_header(size: tuple[int, int]) -> None:
    assert refusal(raw_png(*size, 8, 0, b"\0")).reason == "pred-too-large"
    assert refusal(raw_png(*size, 8, 2, b"\0"), "gt").reason == "gt-too-large"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not found</html>",
        png([[1]])[:20],
        png(np.arange(10_000).reshape(100, 100) % 251)[:200],
        raw_png(0, 5, 8, 0, b""),
        raw_png(7000, 7000, 8, 0, bytes(7001)),
        raw_png(5, 5, 3, 0, b"\0" * 30),
        raw_png(5, 5, 8, 9, b"\0" * 30),
        png([[1]]).replace(b"IDAT", b"IDAX"),
        b"\xff\xd8\xff\xe0JFIF named .png",
    ],
    ids=(
        "empty",
        "html",
        "header cut",
        "cut",
        "no pixels",
        "more than it can hold",
        "3 bits",
        "colour type 9",
        "no data",
        "jpeg",
    ),
)
def test_what_is_no_whole_png(data: bytes) -> None:
    assert refusal(data).reason == "pred-unreadable"


def test_the_palette_of_a_png() -> None:
    assert png_palette(png([[0, 1]], VOC)) == VOC
    assert png_palette(png([[0, 1]])) == b""


def test_brightness_is_0_where_a_pixel_is_black_only() -> None:
    assert brightness(np.uint8([[[0, 0, 0], [0, 0, 1], [9, 3, 2]]])).tolist() == [[0, 1, 9]]


ONES = [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    "data",
    [
        png(ONES),  # case 62: the S4 loader sees nothing here
        png(np.array(ONES) * 255),
        png(np.array(ONES) * 100),
        png(np.array(ONES, bool)),
        png(np.array(ONES, np.uint16) * 65535),
        png(ONES, VOC),
        png(np.array(ONES) * 255, GREYS),
        png(np.array(ONES)[..., None] * np.array([255, 255, 255])),  # the MS3 loader reads 225 / 255 here
        png(np.array(ONES)[..., None] * np.array([0, 64, 128])),
        png(np.array(ONES)[..., None] * np.array([255, 255, 255, 0]) + np.array([0, 0, 0, 255])),
        raw_png(2, 2, 4, 0, b"\0\x0f\0\xf0"),
    ],
    ids=("0/1", "0/255", "0/100", "1-bit", "16-bit", "palette", "greys", "RGB", "colour", "RGBA", "4-bit"),
)
def test_a_gt_mask_in_any_form(data: bytes) -> None:
    got = decode_gt(data, "a.png", MASKS)
    assert got.tolist() == ONES and got.dtype == np.uint8


@pytest.mark.parametrize("value", [0, 1, 7, 255])
def test_a_gt_mask_of_one_value(value: int) -> None:
    assert decode_gt(png(np.full((3, 2), value)), "a.png", MASKS).tolist() == [[int(value > 0)] * 2] * 3


def test_a_soft_gt_mask_is_refused_and_a_few_stray_pixels_count_from_the_half_up() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[:50] = 255
    mask[0, :5], mask[99, :5] = 128, 127  # 10 of 10,000 pixels
    got = decode_gt(png(mask), "a.png", MASKS)
    assert got[0].all() and got.sum() == 5000
    mask[99, 5] = 1
    with pytest.raises(DataError, match=r"11 of 10000 pixels lie between 0 and 255.*gt-soft"):
        decode_gt(png(mask), "a.png", MASKS)


@pytest.mark.parametrize("palette", [b"", VOC, GREYS])
def test_gt_labels_are_the_stored_values(palette: bytes) -> None:
    labels = np.array([[0, 18, 92], [5, 255, 1]])
    assert decode_gt(png(labels, palette), "a.png", LABEL_MAPS).tolist() == labels.tolist()


def test_gt_labels_of_16_bits() -> None:
    assert decode_gt(png(np.array([[0, 255]], np.uint16)), "a.png", LABEL_MAPS).tolist() == [[0, 255]]
    with pytest.raises(DataError, match=r"label 300.*gt-range"):
        decode_gt(png(np.array([[0, 300]], np.uint16)), "a.png", LABEL_MAPS)


def test_gt_labels_by_colour() -> None:
    labels = np.random.default_rng(0).integers(0, 71, (9, 11))
    colours = np.array([voc_colour(index) for index in range(71)])[labels]
    assert decode_gt(png(colours), "a.png", AVSS).tolist() == labels.tolist()
    with pytest.raises(DataError, match="gt-mode"):
        decode_gt(png(colours), "a.png", LABEL_MAPS)


@settings(max_examples=50)
@given(arrays(np.uint8, (4, 5), elements=st.integers(0, 3)))
def test_labels_by_colour_twin(labels: Any) -> None:
    colours = {(0, 0, 0): 0, (9, 0, 0): 5, (0, 0, 9): 255, (0, 9, 0): 1}
    pixels = np.array([[list(colours)[label] for label in row] for row in labels], np.uint8)
    expected = [[list(colours.values())[label] for label in row] for row in labels]
    assert labels_of_colours(pixels, colours, "a.png", "gt").tolist() == expected


def test_colours_of_no_category() -> None:
    """Case 63: up to 0.1 % become background, as in the official loader; more are an error with their number."""
    pixels = np.zeros((100, 100, 3))
    pixels[:50] = voc_colour(70)
    pixels[0, :10] = 1
    got = decode_gt(png(pixels), "a.png", AVSS)
    assert (got[0] == [0] * 10 + [70] * 90).all() and (got == 70).sum() == 4990
    pixels[0, 10] = 1
    with pytest.raises(DataError, match=r"11 of 10000 pixels .* #010101.*gt-palette"):
        decode_gt(png(pixels), "a.png", AVSS)


@settings(max_examples=150)
@given(st.data())
def test_changed_bytes_give_an_array_or_a_data_error(data: Any) -> None:
    images = (
        png(ONES),
        png(ONES, VOC),
        png(np.ones((5, 5, 4)) * 255),
        png(np.ones((3, 3), np.uint16)),
        png(np.eye(9) > 0),
    )
    whole = images[data.draw(st.integers(0, 4))]
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # with a header that passes its checksum
        header = bytes(changed[:29])
        changed[29:33] = zlib.crc32(header[12:]).to_bytes(4, "big")
    try:
        assert decode_gt(bytes(changed), "a.png", MASKS).ndim == 2
    except DataError as error:
        assert error.reason.startswith("gt-")
