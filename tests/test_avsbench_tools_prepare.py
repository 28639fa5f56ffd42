"""`avsbench prepare`: what is written where, what is found, what is told, and that a stopped run goes on to the same bytes."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from made_films import RATE, at_rate, write_film
from PIL import Image

from avsbench_tools.cli import main
from avsbench_tools.logmel import log_mel
from avsbench_tools.media import read_audio, second_frames
from avsbench_tools.prepare import Preparation, prepare
from avsbench_tools.prepare_journal import remove_leftovers
from avsbench_tools.raw_videos import find_raw_videos
from avsbench_tools.video_tables import read_listed
from evaluators.avss import placed
from evaluators.errors import DataError
from evaluators.progress import Progress
from evaluators.tensors import read_tensor
from evaluators.videos import Video, open_videos

S4_HEADER = ("name", "start", "category", "split")
S4_ROWS = (
    ("-dogAAAAAAAA_1000_6000", "1", "dog_barking", "train"),
    ("catBBBBBBBB_0_5000", "0", "cat_meowing", "val"),
    ("_dogCCCCCCC_5000_10000", "5", "dog_barking", "test"),
)
AVSS_HEADER = ("vid", "uid", "s_min", "s_sec", "a_obj", "split", "label")
AVSS_ROWS = (
    ("dogAAAAAAAA", "dogAAAAAAAA_1000_6000", "0", "1", "dog", "train", "v1s"),
    ("tankEEEEEEE", "tankEEEEEEE_60000_70000", "1", "0", "tank_off-the-screen", "test", "v2"),
)


def noise(seconds: float, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.random.default_rng(seed).integers(-9000, 9000, round(seconds * RATE)).astype(np.int16)


def film(path: Path, seconds: int = 5, sound_seconds: float | None = None) -> Path:
    return write_film(path, at_rate(10, 10 * seconds), noise(sound_seconds or seconds, len(path.name)))


def table(path: Path, rows: Sequence[Sequence[str]] = S4_ROWS, header: Sequence[str] = S4_HEADER) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return path


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The official raw_videos of S4."""
    for name, _, category, split in S4_ROWS:
        film(tmp_path / f"raw_videos/{split}/{category}/{name}.mp4")
    return tmp_path / "raw_videos"


def run(videos: Path, listed: Path, dst: Path, *options: str) -> Result:
    arguments = ["prepare", str(videos), str(listed), str(dst), "--workers", "1", *options]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def picture(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as image:
        return np.asarray(image)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def reasons(folder: Path, name: str = "rejected.jsonl") -> dict[str, str]:
    path = folder / name
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {row["item"]: row["reason"] for row in rows}


def test_the_official_layout_of_s4(tmp_path: Path, raw: Path) -> None:
    result = run(raw, table(tmp_path / "s4_meta_data.csv"), tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "3 videos written" in result.output
    dst = tmp_path / "out"
    assert (dst / "s4_meta_data.csv").read_bytes() == (tmp_path / "s4_meta_data.csv").read_bytes()
    name, data = "-dogAAAAAAAA_1000_6000", dst / "s4_data"
    source = raw / f"train/dog_barking/{name}.mp4"
    frames = [data / f"visual_frames/train/dog_barking/{name}/{name}_{k}.png" for k in range(1, 6)]
    np.testing.assert_array_equal([picture(frame) for frame in frames], second_frames(source, 5, (224, 224)))
    with wave.open(str(data / f"audio_wav/train/dog_barking/{name}.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 80_000)
        np.testing.assert_array_equal(np.frombuffer(file.readframes(80_000), "<i2"), read_audio(source, 5))
    tensor = read_tensor((data / f"audio_log_mel/train/dog_barking/{name}.pkl").read_bytes(), name)
    np.testing.assert_array_equal(tensor, log_mel(read_audio(source, 5)))
    lines = [json.loads(line) for line in (dst / "prepared.jsonl").read_text().splitlines()]
    assert [Path(line["audio_file"]).stem for line in lines[1:]] == [
        row[0] for row in S4_ROWS
    ]  # in the order of the table
    assert sum(path.is_file() for path in dst.rglob("*")) == 3 * 7 + 2  # 5 frames, wav, log-mel; csv, prepared.jsonl


def test_the_readers_of_the_layout_find_everything(tmp_path: Path, raw: Path) -> None:
    run(raw, table(tmp_path / "t.csv"), tmp_path / "out")
    found = open_videos(tmp_path / "out", "s4")
    assert [video.id for video in found.videos] == [row[0] for row in S4_ROWS]
    for video in found.videos:
        for file in (*(frame.image_file for frame in video.frames), video.audio_file, video.log_mel_file):
            assert (found.root / file).is_file(), file


def test_the_official_layout_of_ms3(tmp_path: Path) -> None:
    """``.mp4`` stands within the names of the frames, and the split only in the paths of sounds."""
    film(tmp_path / "raw/multiA_0.mp4")
    film(tmp_path / "raw/multiB.mkv")
    rows = [("multiA_0", "train"), ("multiB", "test")]
    result = run(tmp_path / "raw", table(tmp_path / "ms3_meta_data.csv", rows, ("video_id", "split")), tmp_path / "out")
    assert result.exit_code == 0, result.output
    names = content(tmp_path / "out")
    assert "ms3_data/visual_frames/multiA_0/multiA_0.mp4_5.png" in names
    assert "ms3_data/audio_wav/test/multiB.wav" in names
    assert names["ms3_meta_data.csv"] == b"video_id,split\nmultiA_0,train\nmultiB,test\n"


def test_the_official_layout_of_avss(tmp_path: Path) -> None:
    """v1s has 5 frames and v2 has 10, counted from 0, as jpg; the words of a_obj stay as they are."""
    film(tmp_path / "raw/dogAAAAAAAA_1000_6000.mp4")
    film(tmp_path / "raw/tankEEEEEEE_60000_70000.mp4", 10)
    result = run(tmp_path / "raw", table(tmp_path / "m.csv", AVSS_ROWS, AVSS_HEADER), tmp_path / "out")
    assert result.exit_code == 0, result.output
    dst = tmp_path / "out"
    assert (dst / "metadata.csv").read_text() == (tmp_path / "m.csv").read_text()
    assert len(json.loads((dst / "label2idx.json").read_text())) == 71
    assert sorted(os.listdir(dst / "v1s/dogAAAAAAAA_1000_6000/frames")) == [f"{k}.jpg" for k in range(5)]
    assert len(os.listdir(dst / "v2/tankEEEEEEE_60000_70000/frames")) == 10
    assert picture(dst / "v2/tankEEEEEEE_60000_70000/frames/9.jpg").shape == (224, 224, 3)
    with wave.open(str(dst / "v2/tankEEEEEEE_60000_70000/audio.wav")) as file:
        assert file.getnframes() == 160_000


@pytest.mark.parametrize(
    ("options", "size", "suffix"),
    [
        (("--size", "original", "--log-mel", "npy"), (12, 16), ".npy"),
        (("--size", "32", "--log-mel", "none"), (32, 32), ""),
    ],
)
def test_sizes_and_forms(
    tmp_path: Path, raw: Path, options: tuple[str, ...], size: tuple[int, int], suffix: str
) -> None:
    run(raw, table(tmp_path / "t.csv"), tmp_path / "out", *options)
    assert {picture(path).shape for path in (tmp_path / "out").rglob("*.png")} == {(*size, 3)}
    written = sorted((tmp_path / "out/s4_data").glob("audio_log_mel/*/*/*"))
    assert [path.suffix for path in written] == [suffix] * (3 if suffix else 0)
    for path in written:
        assert np.load(path).shape == (5, 1, 96, 64)


@pytest.mark.parametrize("size", ["225.5", "0", "15", "4097", "-224", "", "big", "٢٢٤", "9" * 30])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(DataError, match="expected original or a whole number from 16 to 4096") as caught:
        Preparation(size)
    assert caught.value.reason == "bad-option"


def test_what_is_missing_short_or_no_film(tmp_path: Path, raw: Path) -> None:
    rows = [*S4_ROWS, ("brief_0_5000", "0", "dog_barking", "test")]
    rows += [("page_0_5000", "0", "dog_barking", "test"), ("mute_0_5000", "0", "dog_barking", "test")]
    rows += [("still_0_5000", "0", "dog_barking", "test"), ("gone_0_5000", "0", "dog_barking", "test")]
    film(raw / "brief_0_5000.mp4", 3)
    (raw / "page_0_5000.mp4").write_text("<title>Sorry</title>")
    write_film(raw / "mute_0_5000.mp4", at_rate(10, 50))
    write_film(raw / "still_0_5000.mp4", at_rate(10, 50), noise(5) * 0)
    result = run(raw, table(tmp_path / "t.csv", rows), tmp_path / "out")
    assert result.exit_code == 1
    dst = tmp_path / "out"
    assert list(reasons(dst).items()) == [  # in the order of the table
        ("page_0_5000", "video-unreadable"),
        ("mute_0_5000", "no-audio"),
        ("gone_0_5000", "video-missing"),
    ]
    told = [json.loads(line) for line in (dst / "warnings.jsonl").read_text().splitlines()]
    assert [(row["item"], row["reason"]) for row in told] == [
        ("brief_0_5000", "video-short"),
        ("brief_0_5000", "audio-short"),
        ("still_0_5000", "audio-silent"),
    ]
    listed = [line.split(",")[0] for line in (dst / "s4_meta_data.csv").read_text().splitlines()[1:]]
    assert listed == [row[0] for row in S4_ROWS] + ["brief_0_5000", "still_0_5000"]
    assert "rejected video-missing: 1" in result.output
    assert not list(dst.rglob("*mute*"))
    log = read_tensor((dst / "s4_data/audio_log_mel/test/dog_barking/brief_0_5000.pkl").read_bytes(), "")
    np.testing.assert_array_equal(log[3:], [log[2], log[2]])
    with wave.open(str(dst / "s4_data/audio_wav/test/dog_barking/brief_0_5000.wav")) as file:
        assert file.getnframes() == 80_000
        heard = np.frombuffer(file.readframes(80_000), "<i2")
    assert heard[:48_000].any()
    assert not heard[48_000:].any()
    last = [(dst / f"s4_data/visual_frames/test/dog_barking/brief_0_5000/brief_0_5000_{k}.png") for k in (3, 4, 5)]
    assert len({path.read_bytes() for path in last}) == 1


def test_a_second_run_leaves_all_as_it_is(tmp_path: Path, raw: Path) -> None:
    listed, dst = table(tmp_path / "t.csv"), tmp_path / "out"
    run(raw, listed, dst)
    before, times = content(dst), {path: path.stat().st_mtime_ns for path in dst.rglob("*.png")}
    result = run(raw, listed, dst)
    assert "0 videos written, 3 were there" in result.output
    assert (content(dst), {path: path.stat().st_mtime_ns for path in dst.rglob("*.png")}) == (before, times)


def test_what_was_deleted_or_came_anew_is_made_again(tmp_path: Path, raw: Path) -> None:
    listed, dst = table(tmp_path / "t.csv"), tmp_path / "out"
    run(raw, listed, dst)
    before = content(dst)
    next(dst.rglob("*_3.png")).unlink()
    assert "1 videos written, 2 were there" in run(raw, listed, dst).output
    assert content(dst) == before
    source = film(raw / "val/cat_meowing/catBBBBBBBB_0_5000.mp4", 4)
    assert "1 videos written, 2 were there" in run(raw, listed, dst).output
    assert reasons(dst, "warnings.jsonl") == {"catBBBBBBBB_0_5000": "audio-short"}
    source.write_bytes(b"broken")
    assert (
        "2 were there, 1 rejected" in run(raw, listed, dst).output
    )  # what was made of the earlier file is no longer listed
    assert reasons(dst) == {"catBBBBBBBB_0_5000": "video-unreadable"}
    assert "catBBBB" not in (dst / "s4_meta_data.csv").read_text()


def test_what_was_deleted_and_can_not_be_made_again(tmp_path: Path, raw: Path) -> None:
    """The journal knows the file, but a frame is gone and the file no longer decodes, at the same size and time."""
    listed, dst = table(tmp_path / "t.csv"), tmp_path / "out"
    run(raw, listed, dst)
    source = raw / "val/cat_meowing/catBBBBBBBB_0_5000.mp4"
    facts = source.stat()
    source.write_bytes(bytes(facts.st_size))
    os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    next(dst.rglob("catBBBBBBBB_0_5000_3.png")).unlink()
    assert "0 videos written, 2 were there, 1 rejected" in run(raw, listed, dst).output
    assert "catBBBB" not in (dst / "s4_meta_data.csv").read_text()


def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path, raw: Path) -> None:
    listed = table(tmp_path / "t.csv", [*S4_ROWS, ("gone", "0", "dog_barking", "test")])
    for workers in (1, 2):
        prepare(raw, listed, tmp_path / f"out{workers}", Preparation(), workers=workers, progress=Progress())
    assert content(tmp_path / "out1") == content(tmp_path / "out2")


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    rows = [(f"video{n:02}", "0", "dog_barking", "train") for n in range(12)]
    for row in rows:
        film(tmp_path / f"raw/{row[0]}.mp4")
    listed = table(tmp_path / "t.csv", rows)
    assert run(tmp_path / "raw", listed, tmp_path / "whole").exit_code == 0
    chance, dst = random.Random(0), tmp_path / "out"
    command = [Path(sys.executable).with_name("avsbench"), "prepare", tmp_path / "raw", listed, dst, "--workers", "1"]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (dst / "prepared.jsonl").exists():
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    (dst / "s4_data/audio_wav/train/dog_barking").mkdir(parents=True, exist_ok=True)
    (dst / "s4_data/audio_wav/train/dog_barking/.video11.wav.123.tmp").write_bytes(b"half")
    with open(dst / "prepared.jsonl", "ab") as stream:
        stream.write(b'{"audio_file":"s4_da')
    (dst / "s4_data/visual_frames/train/dog_barking/video11/video11_1.png").unlink(missing_ok=True)
    assert run(tmp_path / "raw", listed, dst).exit_code == 0
    assert content(dst) == content(tmp_path / "whole")


def test_only_leftovers_of_its_own_files_are_removed(tmp_path: Path) -> None:
    for name in (".a.png.12.tmp", ".b.png.12.tmp", ".a.png.tmp", "a.png"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, ["a.png", "nowhere/a.png"])
    assert sorted(os.listdir(tmp_path)) == [".a.png.tmp", ".b.png.12.tmp", "a.png"]


def test_other_settings_and_files_of_others_are_left_alone(tmp_path: Path, raw: Path) -> None:
    listed, dst = table(tmp_path / "t.csv"), tmp_path / "out"
    run(raw, listed, dst)
    before = content(dst)
    result = run(raw, listed, dst, "--size", "original")
    assert result.exit_code == 2
    assert "was prepared with size 224; give the same, or a new folder [bad-option]" in result.stderr
    assert content(dst) == before
    (dst / "prepared.jsonl").unlink()  # as if someone else had made it
    result = run(raw, listed, dst)
    assert (result.exit_code, "which this command didn't write" in result.stderr) == (2, True)
    (dst / "prepared.jsonl").write_text("nonsense\n")
    assert "[journal-unreadable]" in run(raw, listed, dst).stderr


def test_in_place_beside_masks_and_the_table(tmp_path: Path, raw: Path) -> None:
    """DST may be Single-source itself, with its csv, raw_videos and gt_masks; the csv stays the user's."""
    place = tmp_path / "Single-source"
    place.mkdir()
    raw.rename(place / "raw_videos")
    listed = table(place / "s4_meta_data.csv", [*S4_ROWS, ("gone", "0", "dog_barking", "test")])
    (place / "s4_data/gt_masks").mkdir(parents=True)
    before = listed.read_bytes()
    for expected in ("3 videos written, 1 rejected", "0 videos written, 3 were there, 1 rejected"):
        assert expected in run(place / "raw_videos", listed, place).output
    assert listed.read_bytes() == before


def video(uid: str, setting: str) -> Video:
    return placed(uid, setting, "test")


def test_names_that_videos_go_by(tmp_path: Path) -> None:
    names = (
        "a/abcdefghijk_1000_6000.MP4",
        "b/-bcdefghijk_000030.webm",
        "c/-cdefghijkl.mkv",
        "a/two.mp4",
        "test/two.mkv",
    )
    names += (
        "defghijklmn_000004.mp4",
        "defghijklmn_000020.mp4",
        "x/._abcdefghijk_1000_6000.mp4",
        "efghijklmno_000030.mp4",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a/loop").symlink_to(tmp_path)
    raw = find_raw_videos(tmp_path)

    def found(uid: str, setting: str) -> tuple[str, float]:
        raw_video = raw.find(video(uid, setting))
        return raw_video.file, raw_video.start_seconds

    assert found("abcdefghijk_1000_6000", "v1s") == ("a/abcdefghijk_1000_6000.MP4", 0)
    assert found("-bcdefghijk_2000_7000", "v1s") == ("b/-bcdefghijk_000030.webm", 2)  # in VGGSound's clip
    assert found("-bcdefghijk_30000_40000", "v2") == ("b/-bcdefghijk_000030.webm", 0)  # the clip itself
    assert found("-cdefghijkl_60000_70000", "v2") == ("c/-cdefghijkl.mkv", 60)  # of the whole video
    assert found("two", "v1m") == ("test/two.mkv", 0)  # in the folder of its split
    for uid, setting, reason in (
        ("defghijklmn_2000_7000", "v1s", "video-ambiguous"),
        ("efghijklmno_31000_41000", "v2", "video-missing"),  # not all of it is in the clip
        ("-cdefghijkl_1", "v1m", "video-missing"),
        ("-CDEFGHIJKL_60000_70000", "v2", "video-missing"),  # ids tell case
    ):
        with pytest.raises(DataError) as caught:
            raw.find(video(uid, setting))
        assert caught.value.reason == reason


def test_a_part_is_cut_out_of_a_longer_file(tmp_path: Path) -> None:
    film(tmp_path / "raw/-bcdefghijk_000030.mp4", 10)
    film(tmp_path / "raw/cdefghijklm.mp4", 20)
    rows = [
        ("-bcdefghijk_2000_7000", "2", "dog_barking", "train"),
        ("cdefghijklm_2000_7000", "2", "dog_barking", "val"),
    ]
    result = run(tmp_path / "raw", table(tmp_path / "t.csv", rows), tmp_path / "out", "--size", "original")
    assert "1 were cut out of longer files" in result.output
    assert reasons(tmp_path / "out") == {"cdefghijklm_2000_7000": "video-unplaced"}  # 20 s is no clip of VGGSound
    frames = sorted((tmp_path / "out").rglob("*.png"))
    assert [int(picture(frame)[-1, -1, 0]) for frame in frames] == [29, 39, 49, 59, 69]
    with wave.open(str(next((tmp_path / "out").rglob("*.wav")))) as file:
        heard = np.frombuffer(file.readframes(80_000), "<i2")
    np.testing.assert_array_equal(heard, read_audio(tmp_path / "raw/-bcdefghijk_000030.mp4")[32_000:112_000])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,start,category,split\n" + "v,0,dog,validate\nw,0,dog,Train\n", "unknown-split"),
        ("name,start,category,split\n", "csv-empty"),
        ("", "csv-unreadable"),
        ("name,start,split\nv,0,train\n", "csv-columns"),
        ("uid,s_min,s_sec,a_obj,split\nv,0,0,dog,train\n", "csv-columns"),
        ("vid,uid,s_min,s_sec,a_obj,split,label\nv,v,0,0,dog,train,v3\n", "unknown-setting"),
        ("name,start,category,split\nv,0\n", "csv-row"),
        ("name,start,category,split\nv,0,dog,train\nv,0,dog,train\n", "duplicate-sample"),
        ("name,start,category,split\n../../v,0,dog,train\n", "unsafe-path"),
        ("video_id,split\n/etc/v,train\n", "unsafe-path"),
        ("name\nv\n", "csv-columns"),
    ],
)
def test_bad_tables_are_one_line_and_nothing_is_written(tmp_path: Path, raw: Path, text: str, reason: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    result = run(raw, tmp_path / "t.csv", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"avsbench: {tmp_path}") or reason == "unsafe-path"
    assert result.stderr.endswith(f"[{reason}]\n")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffname,start,category,split\r\nv,3,dog,train\r\n",
        "name;start;category;split\nv;3;dog;train\n",
        "note,split,category,start,name\nx,train,dog,3,v\n",
        "clip,second,class,part\nv,3,dog,train\n",
        "v,3,dog,train\n",
    ],
)
def test_odd_tables_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    listed = read_listed(tmp_path / "t.csv")
    one = listed.videos[0]
    assert (listed.name, one.id, one.category, one.split) == ("s4", "v", "dog", "train")
    assert one.start_seconds == (3 if "start" in text else None)


def test_what_is_no_folder_is_told(tmp_path: Path, raw: Path) -> None:
    listed = table(tmp_path / "t.csv")
    assert "[not-a-folder]" in run(tmp_path / "nowhere", listed, tmp_path / "out").stderr
    assert "[not-a-folder]" in run(raw, listed, listed).stderr
    assert "[csv-unreadable]" in run(raw, raw, tmp_path / "out").stderr
    assert "[csv-unreadable]" in run(raw, tmp_path / "nothing.csv", tmp_path / "out").stderr
    assert not (tmp_path / "out").exists()
