"""Which picture of a film is taken, how it is resized, and what is heard of its sound."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_films import at_rate, write_film

from avsbench_tools.media import film_seconds, read_audio, second_frames, take_audio, take_frames
from avsbench_tools.resizing import Pixels, resized
from evaluators.errors import DataError

CLIPS = Path(__file__).parents[2] / "shared" / "data" / "vggsound" / "clips"
real = pytest.mark.skipif(not CLIPS.is_dir(), reason="no real clips here")


def greys(pixels: Pixels) -> list[int]:
    return [int(picture[-1, -1, 0]) for picture in pixels]


def reason(path: Path, read: object) -> str:
    assert callable(read)
    with pytest.raises(DataError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert caught.value.where == str(path)
    return caught.value.reason


def test_the_sixteenth_of_sixteen_pictures_of_each_second(tmp_path: Path) -> None:
    """At 25 a second: int(15 / 16 * 25) = 23, then int(25 + 23.4375) = 48, and so on."""
    film = write_film(tmp_path / "a.mkv", at_rate(25, 125), fps=25)
    assert greys(second_frames(film, 5)) == [23, 48, 73, 98, 123]
    film = write_film(tmp_path / "b.mkv", at_rate(10, 30))
    assert greys(second_frames(film, 3)) == [9, 19, 29]


def test_rates_that_are_not_whole_count_as_the_nearest(tmp_path: Path) -> None:
    """29.97 counts as 30: pictures 28, 58, 88, although 88 comes 2.94 s after the first."""
    film = write_film(tmp_path / "a.mkv", at_rate(30000 / 1001, 90), fps=Fraction(30000, 1001))
    assert greys(second_frames(film, 3)) == [28, 58, 88]


def test_past_the_end_the_last_picture(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", at_rate(10, 25))
    pixels, found = take_frames(film, 5)
    assert (greys(pixels), found) == ([9, 19, 24, 24, 24], 2)
    film = write_film(tmp_path / "b.mkv", at_rate(10, 1))
    pixels, found = take_frames(film, 2)
    assert (greys(pixels), found) == ([0, 0], 0)


def test_a_film_of_varying_rate_counts_by_time(tmp_path: Path) -> None:
    """Pictures 0 to 9 in the first second; then picture 9 stands until 10 comes at 2.5 s, and index 19 is still picture 9."""
    film = write_film(tmp_path / "a.mkv", [*at_rate(10, 10), *(2.5 + time for time in at_rate(10, 10))])
    assert greys(second_frames(film, 3)) == [9, 9, 14]


def test_a_cut_begins_at_its_second(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", at_rate(10, 60))
    pixels, found = take_frames(film, 3, start_seconds=2.0)
    assert (greys(pixels), found) == ([29, 39, 49], 3)
    pixels, found = take_frames(film, 2, start_seconds=5.0)
    assert (greys(pixels), found) == ([59, 59], 1)
    assert reason(film, lambda path: take_frames(path, 2, start_seconds=9.0)) == "video-ends-before"


def test_fewer_seconds_are_the_first_of_more(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", at_rate(12, 60), fps=12)
    whole = second_frames(film, 5)
    for seconds in range(1, 6):
        np.testing.assert_array_equal(second_frames(film, seconds), whole[:seconds])


def test_a_turned_camera_is_turned_back(tmp_path: Path) -> None:
    """The white row at the top lies at a side when the film's matrix says a quarter turn."""
    import av

    film = tmp_path / "a.mp4"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 48, "yuv420p", 4_000_000
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:16] = 255
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    straight = second_frames(film, 1)[0]
    assert straight.shape == (48, 64, 3)
    one = 1 << 16
    plain, turned = (struct.pack(">9i", *matrix) for matrix in (
        (one, 0, 0, 0, one, 0, 0, 0, 1 << 30), (0, one, 0, -one, 0, 0, 48 * one, 0, 1 << 30)
    ))  # fmt: skip
    head, box, rest = film.read_bytes().partition(b"tkhd")
    film.write_bytes(head + box + rest.replace(plain, turned, 1))
    upright = second_frames(film, 1)[0]  # shown a quarter to the right: the top comes to the right
    np.testing.assert_array_equal(upright, np.rot90(straight, -1))
    assert upright.shape == (64, 48, 3)
    assert upright[:, -8:].mean() > 230 > 20 > upright[:, :8].mean()


def test_resizing_by_hand() -> None:
    """From 2 to 4: places -1/4, 1/4, 3/4, 5/4; weights of a quarter are 512 of 2048."""
    row = np.array([[[0], [100]]], np.uint8)
    assert resized(row, (1, 4))[0, :, 0].tolist() == [0, 25, 75, 100]
    assert resized(row.transpose(1, 0, 2), (4, 1))[:, 0, 0].tolist() == [0, 25, 75, 100]
    square = np.array([[[10], [20]], [[30], [45]]], np.uint8)
    assert resized(square, (1, 1))[0, 0, 0] == 26  # (10 + 20 + 30 + 45) / 4 = 26.25


def twin(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The rule of the docstring, pixel by pixel."""

    def place(index: int, old: int, new: int) -> tuple[int, int, int]:
        at = np.float32((index + 0.5) * (old / new) - 0.5)
        before = int(np.floor(at))
        part = at - np.float32(before)
        return before, round(float((np.float32(1) - part) * 2048)), round(float(part * 2048))

    height, width, channels = pixels.shape
    result = np.zeros((*size, channels), np.uint8)
    for y in range(size[0]):
        k, upper, lower = place(y, height, size[0])
        rows = [pixels[min(max(row, 0), height - 1)].astype(int) for row in (k, k + 1)]
        for x in range(size[1]):
            j, left, right = place(x, width, size[1])
            if j < 0:
                j, left, right = 0, 2048, 0
            if j >= width - 1:
                j, left, right = width - 1, 2048, 0
            sums = [row[j] * left + row[min(j + 1, width - 1)] * right for row in rows]
            result[y, x] = (((upper * (sums[0] >> 4)) >> 16) + ((lower * (sums[1] >> 4)) >> 16) + 2) >> 2
    return result


sides = st.integers(1, 19)


@settings(max_examples=40)
@given(sides, sides, sides, sides, st.integers(0, 2**32 - 1))
def test_resizing_against_its_slow_twin(height: int, width: int, new_height: int, new_width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_array_equal(resized(pixels, (new_height, new_width)), twin(pixels, (new_height, new_width)))


@pytest.mark.parametrize("shape", [(360, 540), (448, 448), (256, 454), (100, 120), (37, 1000), (1, 1), (672, 672)])
def test_resizing_is_that_of_opencv(shape: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    np.testing.assert_array_equal(resized(pixels, (224, 224)), cv2.resize(pixels, (224, 224)))


def test_resizing_refuses_other_arrays() -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(height, width, channels\), found float64 \(4, 4\)"):
        resized(np.zeros((4, 4)), (2, 2))


def test_frames_come_in_the_size_asked_for(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", at_rate(10, 20), size=(12, 30))
    original = second_frames(film, 2)
    assert original.shape == (2, 12, 30, 3)
    small = second_frames(film, 2, (5, 7))
    np.testing.assert_array_equal(small, [resized(picture, (5, 7)) for picture in original])


def test_sound_at_its_own_rate_is_left_as_it_is(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).integers(-9000, 9000, 24_000).astype(np.int16)
    film = write_film(tmp_path / "a.mkv", at_rate(10, 15), sound)
    np.testing.assert_array_equal(read_audio(film), sound)
    np.testing.assert_array_equal(read_audio(film, 1), sound[:16_000])
    np.testing.assert_array_equal(read_audio(film, 2), [*sound, *[0] * 8000])
    np.testing.assert_array_equal(take_audio(film, 2), sound)
    np.testing.assert_array_equal(take_audio(film, 0.25, start_seconds=0.125), sound[2000:6000])


def test_channels_are_averaged_and_other_rates_changed(tmp_path: Path) -> None:
    """A tone of 440 Hz at 48 kHz in one of two channels: half as loud, 440 Hz at 16 kHz."""
    tone = np.rint(16000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.int16)
    film = write_film(tmp_path / "a.mkv", sound=np.stack([tone, 0 * tone]), rate=48_000)
    heard = read_audio(film, 1)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert len(heard) == 16_000
    assert np.abs(heard - expected)[200:-200].max() < 20


def test_sound_cut_short_begins_and_ends_at_the_same_samples(tmp_path: Path) -> None:
    """Less of a sound is the beginning of more of it, also where its rate is changed."""
    noise = np.random.default_rng(1).integers(-9000, 9000, 88_200).astype(np.int16)
    film = write_film(tmp_path / "a.mkv", sound=noise, rate=44_100)
    whole = read_audio(film)
    assert len(whole) == 32_000  # 88,200 at 44.1 kHz are 2 s
    for seconds in (0.1, 0.5, 1.3):
        np.testing.assert_array_equal(read_audio(film, seconds), whole[: round(seconds * 16_000)])


def test_sound_files_are_read_too(tmp_path: Path) -> None:
    import wave

    path = tmp_path / "a.mp4"  # whatever its name
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.arange(1600, dtype="<i2").tobytes())
    np.testing.assert_array_equal(read_audio(path), np.arange(1600))
    assert reason(path, lambda path: second_frames(path, 1)) == "no-video"


def test_what_is_no_film_is_told(tmp_path: Path) -> None:
    silent = write_film(tmp_path / "silent.mkv", at_rate(10, 10))
    whole = write_film(tmp_path / "whole.mkv", at_rate(10, 10), np.zeros(16_000, np.int16)).read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"<!doctype html><title>404</title>",
        "list": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n",
        "cut": whole[: len(whole) // 2],
        "hollow": whole[:200] + b"\0" * (len(whole) - 200),
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()

    def video(path: Path) -> object:
        return second_frames(path, 1)

    found = {name: (reason(tmp_path / name, video), reason(tmp_path / name, read_audio)) for name in (
        "empty", "text", "list", "cut", "hollow", "folder", "absent"
    )}  # fmt: skip
    assert found == {
        "empty": ("video-unreadable", "audio-unreadable"),
        "text": ("video-unreadable", "audio-unreadable"),
        "list": ("video-unreadable", "audio-unreadable"),
        "cut": ("video-truncated", "audio-truncated"),
        "hollow": ("video-unreadable", "audio-unreadable"),
        "folder": ("not-a-file", "not-a-file"),
        "absent": ("not-a-file", "not-a-file"),
    }
    assert reason(silent, read_audio) == "no-audio"


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert reason(tmp_path / "pipe", read_audio) == "not-a-file"


def test_how_long_a_film_is(tmp_path: Path) -> None:
    assert film_seconds(write_film(tmp_path / "a.mkv", at_rate(10, 25))) == pytest.approx(2.5, abs=0.11)


@real
def test_real_clips_give_ten_seconds() -> None:
    """Ends of seconds of a real clip at 30 a second, against all of its pictures decoded in a row."""
    import av

    path = CLIPS / "M1pPtg6a_g8_000230.mp4"
    with av.open(str(path)) as container:
        every = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    np.testing.assert_array_equal(second_frames(path, 10), [every[30 * second + 28] for second in range(10)])
    np.testing.assert_array_equal(take_frames(path, 4, None, 3.0)[0], [every[30 * s + 28] for s in range(3, 7)])
    assert len(read_audio(path, 10)) == 160_000
