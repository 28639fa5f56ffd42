from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from evaluators.categories import Category, CategoryTable, voc_colour, vpo_categories
from evaluators.errors import DataError
from evaluators.masks import encode_label_map, read_label_map, write_label_map


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 255)))
def test_a_label_map_comes_back_as_it_was(labels: np.ndarray) -> None:
    from io import BytesIO

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
