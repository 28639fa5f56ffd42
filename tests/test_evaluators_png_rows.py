"""The short way through PNGs gives Pillow's pixels, or nothing."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from evaluators.png_rows import decode_rows


def png(rows: list[bytes], width: int, *, colour: int = 3, interlace: int = 0, extra: bytes = b"") -> bytes:
    """A PNG of given filtered rows, each with its filter byte."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, len(rows), 8, colour, 0, 0, interlace)
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    packed = zlib.compress(b"".join(rows) + extra)
    middle = len(packed) // 2
    data = chunk(b"IDAT", packed[:middle]) + chunk(b"IDAT", packed[middle:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + data + chunk(b"IEND", b"")


def pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


def test_rows_by_hand() -> None:
    data = png([bytes([0, 10, 20, 30]), bytes([0, 5, 1, 255])], 3)
    rows = decode_rows(data, 3, 2)
    assert rows is not None
    assert rows.tolist() == [[10, 20, 30], [5, 1, 255]] == pillow(data).tolist()


def test_filtered_rows_by_hand() -> None:
    rows = [bytes([2, 10, 20, 30]), bytes([1, 5, 1, 255]), bytes([2, 1, 0, 251]), bytes([2, 0, 1, 0])]
    expected = [[10, 20, 30], [5, 6, 5], [6, 6, 0], [6, 7, 0]]  # from above nothing, from the left, twice from above
    assert decoded(png(rows, 3), 3, 4) == expected == pillow(png(rows, 3)).tolist()
    rows[3] = bytes([4, 1, 1, 3])  # Paeth: of left, above and corner 0 6 0, 7 6 6, 8 0 6 it takes above, left, above
    assert decoded(png(rows, 3), 3, 4) == [*expected[:3], [7, 8, 3]] == pillow(png(rows, 3)).tolist()


def decoded(data: bytes, width: int, height: int) -> list[list[int]]:
    rows = decode_rows(data, width, height)
    assert rows is not None
    found: list[list[int]] = rows.tolist()
    return found


@pytest.mark.parametrize("highest", (0, 2, 4))
@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 30), st.sampled_from((0, 3)))
def test_pillow_agrees(highest: int, seed: int, height: int, width: int, colour: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [rng.integers(highest + 1, dtype=np.uint8).tobytes() + rng.bytes(width) for _ in range(height)]
    data = png(rows, width, colour=colour)
    found = decode_rows(data, width, height)
    assert found is not None and np.array_equal(found, pillow(data))


def test_a_large_map_is_handed_to_pillow_in_several_blocks() -> None:
    rng = np.random.default_rng(0)
    data = png([b"\4" + rng.bytes(700) for _ in range(300)], 700, colour=0)
    assert np.array_equal(np.array(decoded(data, 700, 300)), pillow(data))


def test_rows_of_no_known_filter_are_left_to_pillow() -> None:
    rows = [bytes([5 if n == 19 else 0, 1, 2]) for n in range(20)]
    assert decode_rows(png(rows, 2), 2, 20) is None


@settings(max_examples=200)
@given(st.integers(0, 2**32))
def test_damaged_files_give_pillows_pixels_or_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(png([bytes([0]) + rng.bytes(9) for _ in range(9)], 9))
    for _ in range(rng.integers(1, 4)):
        data[rng.integers(33, len(data))] = rng.integers(256)
    found = decode_rows(bytes(data[: rng.integers(40, len(data) + 1)]), 9, 9)
    assert found is None or found.shape == (9, 9)


def test_what_is_unusual_is_left_to_pillow() -> None:
    rows = [bytes([0, 1, 2])] * 2
    assert decode_rows(png(rows, 2, interlace=1), 2, 2) is None
    assert decode_rows(png(rows, 2, colour=4), 2, 2) is None
    assert decode_rows(png(rows, 2, extra=b"more"), 2, 2) is None
    assert decode_rows(png(rows[:1], 2), 2, 2) is None
    assert decode_rows(png(rows, 2)[:-20], 2, 2) is None
    sixteen = BytesIO()
    Image.fromarray(np.ones((2, 2), np.uint16)).save(sixteen, "PNG")
    assert decode_rows(sixteen.getvalue(), 2, 2) is None
