"""The VPO paper's experiment: which clip each video gets, what is written, and that a stopped run ends in the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import wave
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_avsbench import write_avss, write_ms3, write_s4

from avsbench_tools.logmel import log_mel
from avsbench_tools.outcome import Outcome
from avsbench_tools.swap_audio import swap
from avsbench_tools.swap_plan import Heard, allowed, draw_pools, give, recording, side, splits_of
from avsbench_tools.tensors import read_tensor
from evaluators.clips import ClipRecord
from evaluators.errors import DataError
from evaluators.ground_truth import Selection, open_ground_truth
from evaluators.progress import Progress
from evaluators.videos import Video, open_videos, write_videos

RATE = 16_000
CLIPS = (  # id, label, split, seconds, level
    ("trainDog001", "dog barking", "train", 10, 8000),
    ("testDog0001", "dog barking", "test", 10, 8000),
    ("_dogC", "dog barking", "test", 10, 8000),  # a recording that is a video of S4's test split
    ("testCat0001", "cat meowing", "test", 10, 8000),
    ("testCat0002", "cat meowing", "test", 10, 8000),
    ("hushCat0003", "cat meowing", "test", 10, 30),
    ("tinyCat0004", "cat meowing", "test", 4, 8000),
    ("piano000001", "playing piano", "test", 10, 8000),
)
VGGSOUND = Path(__file__).parents[2] / "shared/data/vggsound"


def ramp(seconds: float, level: int) -> Any:
    """A tone whose samples tell where in the clip they stand, int16 (samples,)."""
    place = np.arange(int(seconds * RATE))
    return (level * np.sin(place / 20) * (1 + place / len(place)) / 2).astype("<i2")


def write_clip(path: Path, samples: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes(samples.tobytes())


def read_wav(path: Path) -> Any:
    with wave.open(str(path), "rb") as stream:
        assert (stream.getnchannels(), stream.getsampwidth(), stream.getframerate()) == (1, 2, RATE)
        return np.frombuffer(stream.readframes(stream.getnframes()), "<i2")


def write_clips(folder: Path, clips: Iterable[tuple[str, str, str, float, int]] = CLIPS) -> Path:
    """``folder/clips`` and the table ``folder/vggsound.csv``."""
    rows = []
    for number, (name, label, split, seconds, level) in enumerate(clips):
        write_clip(folder / f"clips/{name}_000010.wav", ramp(seconds, level + number))
        rows.append(f'{name},10,"{label}",{split}\n')
    (folder / "vggsound.csv").write_text("".join(rows))
    return folder / "vggsound.csv"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """S4, MS3 and AVSS beside clips; only read by tests."""
    folder = tmp_path_factory.mktemp("swap")
    for write in (write_s4, write_ms3, write_avss):
        write(folder)
    write_clips(folder)
    return folder


def swapped(world: Path, dst: Path, src: str = "Single-source", seed: int = 0, workers: int = 1) -> Outcome:
    table, clips = world / "vggsound.csv", world / "clips"
    return swap(world / src, dst, table, clips, subset="", seed=seed, workers=workers, progress=Progress())


def plan(dst: Path) -> dict[str, dict[str, Any]]:
    return {row["video"]: row for row in map(json.loads, (dst / "swaps.jsonl").read_text().splitlines())}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def reasons(outcome: Outcome) -> list[tuple[str, str]]:
    """Videos by their id; they are told as ``<setting>/<id>``."""
    return [(rejection.item.rpartition("/")[2], rejection.reason) for rejection in outcome.rejections]


def test_each_video_has_the_middle_of_a_clip_of_its_category(world: Path, tmp_path: Path) -> None:
    outcome = swapped(world, tmp_path / "out")
    assert (outcome.done, outcome.already, outcome.rejected) == (4, 0, ())
    lines = plan(tmp_path / "out")
    assert {name: (line["label"], line["clip_split"]) for name, line in lines.items()} == {
        "-dogA_1000_6000": ("dog barking", "train"),
        "catB_0_5000": ("cat meowing", "test"),
        "_dogC_5000_10000": ("dog barking", "test"),
        "catD_2000_7000": ("cat meowing", "test"),
    }
    for video in open_videos(tmp_path / "out").videos:
        line = lines[video.id]
        clip = read_wav(world / "clips" / line["file"])
        sound = read_wav(tmp_path / "out" / video.audio_file)
        assert line["start_sample"] == 40_000  # 2.5 s of 10
        assert (sound == clip[40_000:120_000]).all()
        stored = read_tensor((tmp_path / "out" / video.log_mel_file).read_bytes(), "")
        assert stored.shape == (5, 1, 96, 64)
        assert stored.dtype == np.float32
        assert (stored == log_mel(sound)).all()


def test_a_video_never_gets_its_own_recording(world: Path, tmp_path: Path) -> None:
    for seed in range(3):
        swapped(world, tmp_path / str(seed), seed=seed)
        assert plan(tmp_path / str(seed))["_dogC_5000_10000"]["clip"] == "testDog0001_000010"


def test_cats_share_clips_evenly(world: Path, tmp_path: Path) -> None:
    swapped(world, tmp_path / "out")
    lines = plan(tmp_path / "out")
    assert {lines["catB_0_5000"]["clip"], lines["catD_2000_7000"]["clip"]} == {
        "testCat0001_000010",
        "testCat0002_000010",
    }


def test_silent_and_short_clips_are_not_used_and_told(world: Path, tmp_path: Path) -> None:
    seen: set[tuple[str, str]] = set()
    for seed in range(4):  # a clip is listened to only where its turn comes
        outcome = swapped(world, tmp_path / str(seed), seed=seed)
        assert all(rejection.warning for rejection in outcome.rejections)
        seen |= set(reasons(outcome))
    assert seen == {("hushCat0003_000010.wav", "audio-silent"), ("tinyCat0004_000010.wav", "audio-too-short")}


def test_the_result_is_read_as_s4_with_the_same_frames_and_masks(world: Path, tmp_path: Path) -> None:
    swapped(world, tmp_path / "out")
    for split in ("train", "val", "test"):
        ours, theirs = (
            open_ground_truth(folder, Selection(split)) for folder in (tmp_path / "out", world / "Single-source")
        )
        assert ours.layout == "s4"
        assert ours.samples == theirs.samples
        for sample in ours.samples:
            for file in (name for frame in sample.frames for name in (frame.mask_file, frame.image_file)):
                assert os.path.samefile(tmp_path / "out" / file, world / "Single-source" / file)
    assert (tmp_path / "out/s4_meta_data.csv").read_bytes() == (world / "Single-source/s4_meta_data.csv").read_bytes()


def test_videos_of_avss_that_are_those_of_s4(world: Path, tmp_path: Path) -> None:
    outcome = swapped(world, tmp_path / "out", "AVSS")
    assert reasons(replace(outcome, rejections=outcome.rejected)) == [
        ("tankE_60000_70000", "other-setting"),
        ("wolfF_0_10000", "other-setting"),
        ("multiB_0", "several-sources"),
    ]
    assert outcome.rejected[0].item == "v2/tankE_60000_70000"
    videos = open_videos(tmp_path / "out")
    assert [(video.id, video.setting) for video in videos.videos] == [
        ("dogA_1000_6000", "v1s"),
        ("_dogC_5000_10000", "v1s"),
    ]
    there = tree(tmp_path / "out")
    assert len(read_wav(tmp_path / "out/v1s/dogA_1000_6000/audio.wav")) == 5 * RATE
    for name, content in tree(world / "AVSS/v1s").items():
        assert (there[f"v1s/{name}"] == content) is not name.endswith(".wav")
    assert [sample.id for sample in open_ground_truth(tmp_path / "out").samples] == ["_dogC_5000_10000"]


def test_avss_with_masks_in_colours_only(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "AVSS", tmp_path / "AVSS")
    for folder in tmp_path.rglob("labels_semantic"):
        shutil.rmtree(folder)
    swapped(world, tmp_path / "out", str(tmp_path / "AVSS"))
    names = {name.split("/")[2] for name in tree(tmp_path / "out") if name.startswith("v1s/")}
    assert names == {"audio.wav", "frames", "labels_rgb"}


def test_a_dataset_folder_by_reference_gives_the_same(world: Path, tmp_path: Path) -> None:
    write_videos(tmp_path / "manifest", open_videos(world / "Single-source"), "0")
    swapped(world, tmp_path / "one")
    swapped(world, tmp_path / "two", str(tmp_path / "manifest"))
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert {name for name in one if one[name] != two.get(name)} == {"swap.json"}  # it names the table's hash
    assert one.keys() == two.keys()


def test_a_second_run_does_nothing_and_tells_the_same(world: Path, tmp_path: Path) -> None:
    first = swapped(world, tmp_path / "out", "AVSS")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}
    bytes_before = tree(tmp_path / "out")
    second = swapped(world, tmp_path / "out", "AVSS")
    assert (second.done, second.already, second.rejections) == (0, 2, first.rejections)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")} == before
    assert tree(tmp_path / "out") == bytes_before


def test_the_same_bytes_for_any_number_of_workers(world: Path, tmp_path: Path) -> None:
    swapped(world, tmp_path / "one")
    swapped(world, tmp_path / "three", workers=3)
    assert tree(tmp_path / "one") == tree(tmp_path / "three")


KILLED = """
import os, signal, sys
from pathlib import Path
from evaluators import files
from evaluators.progress import Progress
from avsbench_tools.swap_audio import swap
real, left = os.replace, int(sys.argv[1])
def replace(source, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.replace = replace
src, dst, table, clips = map(Path, sys.argv[2:])
swap(src, dst, table, clips, subset="", seed=0, workers=1, progress=Progress())
"""


@pytest.mark.parametrize("writes", [1, 3, 20])
def test_a_killed_run_goes_on_to_the_same_bytes(writes: int, world: Path, tmp_path: Path) -> None:
    arguments = [world / "Single-source", tmp_path / "out", world / "vggsound.csv", world / "clips"]
    run = subprocess.run([sys.executable, "-c", KILLED, str(writes), *arguments], check=False)
    assert run.returncode == -signal.SIGKILL
    swapped(world, tmp_path / "out")
    swapped(world, tmp_path / "whole")
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_another_seed_needs_another_folder(world: Path, tmp_path: Path) -> None:
    swapped(world, tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(DataError, match=r"begun with other arguments: seed 0 there, 1 now.*other-swap"):
        swapped(world, tmp_path / "out", seed=1)
    assert tree(tmp_path / "out") == before


def test_what_is_refused_before_anything_is_written(world: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("mine")
    with pytest.raises(DataError, match="not-empty"):
        swapped(world, tmp_path / "full")
    with pytest.raises(DataError, match="MS3 have several sources"):
        swapped(world, tmp_path / "out", "Multi-sources")
    with pytest.raises(DataError, match="choose one with --subset"):
        swapped(world, tmp_path / "out", ".")
    for nested in (world / "Single-source/out", world):
        with pytest.raises(DataError, match="nested-folders"):
            swapped(world, nested)
    with pytest.raises(DataError, match="expected 0 or more"):
        swapped(world, tmp_path / "out", seed=-1)
    for table, clips, reason in (("none.csv", "clips", "table-unreadable"), ("vggsound.csv", "none", "not-a-folder")):
        with pytest.raises(DataError) as caught:
            swap(world / "Single-source", tmp_path / "out", world / table, world / clips,
                 subset="", seed=0, workers=1, progress=Progress())  # fmt: skip
        assert caught.value.reason == reason
    assert not (tmp_path / "out").exists()
    assert os.listdir(tmp_path / "full") == ["letter.txt"]


def test_a_table_without_splits_is_refused(world: Path, tmp_path: Path) -> None:
    write_clips(tmp_path)
    (tmp_path / "vggsound.csv").write_text("id,start,label\ntestDog0001,10,dog barking\n")
    (tmp_path / "Single-source").symlink_to(world / "Single-source")
    with pytest.raises(DataError, match=r"whether it is train or test.*no-split"):
        swapped(tmp_path, tmp_path / "out")


def test_videos_that_get_no_clip_and_clips_that_change(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "Single-source", tmp_path / "Single-source")
    write_clips(tmp_path, [clip for clip in CLIPS if clip[2] == "test"])
    first = swapped(tmp_path, tmp_path / "out")
    assert reasons(replace(first, rejections=first.rejected)) == [("-dogA_1000_6000", "no-clip")]
    assert "'dog barking' of VGGSound's train split" in first.rejected[0].message
    assert [video.id for video in open_videos(tmp_path / "out").videos] == [
        "catB_0_5000",
        "_dogC_5000_10000",
        "catD_2000_7000",
    ]
    line = plan(tmp_path / "out")["_dogC_5000_10000"]
    os.remove(tmp_path / "out/s4_data/audio_wav/test/dog_barking/_dogC_5000_10000.wav")
    write_clip(tmp_path / "clips" / line["file"], ramp(10, 500))
    second = swapped(tmp_path, tmp_path / "out")
    assert reasons(replace(second, rejections=second.rejected)) == [
        ("_dogC_5000_10000", "clip-changed"),
        ("-dogA_1000_6000", "no-clip"),
    ]
    assert (second.done, second.already) == (0, 2)
    assert [video.id for video in open_videos(tmp_path / "out").videos] == ["catB_0_5000", "catD_2000_7000"]


def test_an_incomplete_video_a_second_line_and_an_unknown_category(world: Path, tmp_path: Path) -> None:
    place = tmp_path / "Single-source"
    shutil.copytree(world / "Single-source", place)
    os.remove(place / "s4_data/gt_masks/val/cat_meowing/catB_0_5000/catB_0_5000_4.png")
    with open(place / "s4_meta_data.csv", "a") as table:
        table.write("_dogC_5000_10000,5,dog_barking,test\nodd_0_5000,0,sea_shanty,test\n")
    outcome = swapped(world, tmp_path / "out", str(place))
    assert reasons(replace(outcome, rejections=outcome.rejected)) == [
        ("_dogC_5000_10000", "duplicate-video"),
        ("catB_0_5000", "file-missing"),
        ("odd_0_5000", "no-label"),
    ]
    assert not list((tmp_path / "out").rglob("*catB*"))
    assert json.loads((tmp_path / "out/swap.json").read_text())["rejected"] == {
        "duplicate-video": 1,
        "file-missing": 1,
        "no-label": 1,
    }


def test_a_damaged_plan_is_refused(world: Path, tmp_path: Path) -> None:
    swapped(world, tmp_path / "out")
    for text in (
        "[]\n",
        '{"video": "x"}\n',
        '{"video"',
        json.dumps({**plan(tmp_path / "out")["catB_0_5000"], "video": "x"}),
    ):
        (tmp_path / "out/swaps.jsonl").write_text(text)
        with pytest.raises(DataError, match="other-swap"):
            swapped(world, tmp_path / "out")


def test_real_clips(tmp_path: Path) -> None:
    """A dog of VGGSound's test split, by the official name of its file; and pianos for nobody."""
    if not VGGSOUND.is_dir():
        pytest.skip("needs the clips")
    write_s4(tmp_path)
    table = tmp_path / "table.csv"
    table.write_text("3qesirWAGt4,20,dog barking,test\nM1pPtg6a_g8,230,playing piano,test\n")
    outcome = swap(
        tmp_path / "Single-source", tmp_path / "out", table, VGGSOUND / "clips",
        subset="s4", seed=0, workers=1, progress=Progress(),
    )  # fmt: skip
    assert [video.id for video in open_videos(tmp_path / "out").videos] == ["_dogC_5000_10000"]
    assert {rejection.reason for rejection in outcome.rejected} == {"no-clip"}
    sound = read_wav(tmp_path / "out/s4_data/audio_wav/test/dog_barking/_dogC_5000_10000.wav")
    assert len(sound) == 5 * RATE
    assert np.abs(sound.astype(int)).max() > 1000


# ---------------------------------------------------------------------------------------------------------- the plan


def video(name: str, split: str = "train") -> Video:
    return Video(name, "s4", split, (), "dog_barking")


def clip(name: str, split: str = "train") -> ClipRecord:
    return ClipRecord(f"{name}_000000", name, 0.0, "dog barking", "dog_barking", f"{name}.wav", split)


def test_names_of_recordings() -> None:
    assert recording("-5CC5nNVqtE_10000_15000") == "-5CC5nNVqtE"
    assert recording("-5CC5nNVqtE_000010") == "-5CC5nNVqtE"
    assert recording("a_b_0_5000") == "a_b"
    assert recording("other") == "other"
    assert [side(split) for split in ("train", "val", "test")] == ["train", "test", "test"]


def test_recordings_of_another_split_are_never_given_and_those_of_the_own_come_last() -> None:
    videos = [video("A_0_5000"), video("B_0_5000"), video("C_0_5000", "test")]
    splits = splits_of(videos)
    assert not allowed(videos[0], clip("A"), splits)
    assert allowed(videos[0], clip("B"), splits)
    assert not allowed(videos[0], clip("C"), splits)
    wanted = [(video, "dog_barking") for video in videos[:2]]
    for seed in range(20):
        (pool,) = draw_pools(["dog_barking"], wanted, map(clip, "ABCxy"), splits, seed)
        assert {clip.video_id for clip in pool.clips[:2]} == {"x", "y"}
        assert {clip.video_id for clip in pool.clips} == set("ABxy")


def test_a_pool_does_not_depend_on_other_categories_and_changes_with_the_seed() -> None:
    wanted = [(video(f"v{number}_0_5000"), "dog_barking") for number in range(6)]
    clips = [clip(f"c{number}") for number in range(30)]
    (alone,) = draw_pools(["cat_meowing", "dog_barking"], wanted, clips, splits_of([]), 7)
    cat = (replace(video("cat_0_5000"), category="cat_meowing"), "cat_meowing")
    _, beside = draw_pools(["cat_meowing", "dog_barking"], [*wanted, cat], clips, splits_of([]), 7)
    assert alone == beside
    (seeded,) = draw_pools(["cat_meowing", "dog_barking"], wanted, clips, splits_of([]), 8)
    (placed,) = draw_pools(["dog_barking", "cat_meowing"], wanted, clips, splits_of([]), 7)
    assert len({alone.clips, seeded.clips, placed.clips}) == 3


def test_the_one_clip_that_a_video_may_not_have_goes_to_another() -> None:
    videos = [video(f"{name}_0_5000") for name in "ABC"]
    given = give(videos, [Heard(clip(name), 0, "") for name in "ABC"], splits_of(videos))
    assert {name: heard.clip.video_id for name, heard in given.items()} in (
        {"A_0_5000": "B", "B_0_5000": "C", "C_0_5000": "A"},
        {"A_0_5000": "C", "B_0_5000": "A", "C_0_5000": "B"},
    )


@settings(max_examples=60)
@given(st.integers(1, 25), st.integers(1, 12), st.integers(0, 12))
def test_uses_differ_by_one_at_most_where_nothing_is_forbidden(videos: int, clips: int, own: int) -> None:
    those = [video(f"v{number}_0_5000") for number in range(videos)]
    heard = [Heard(clip(f"c{number}" if number >= own else f"v{number}"), 0, "") for number in range(clips)]
    splits = splits_of(those)
    given = give(those, heard, splits)
    assert all(recording(name) != chosen.clip.video_id for name, chosen in given.items())
    if clips > 1:
        assert len(given) == videos
        uses = Counter(chosen.clip.id for chosen in given.values())
        counts = [uses[chosen.clip.id] for chosen in heard]
        assert max(counts) - min(counts) <= 1
