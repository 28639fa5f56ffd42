"""What the official layouts promise, and dataset folders of videos: written, read back, scored from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mini_avsbench import write_avss, write_ms3, write_s4

from evaluators.errors import DataError
from evaluators.ground_truth import open_ground_truth
from evaluators.videos import VideoSet, find_videos, open_videos, read_videos, write_videos

WRITERS = {"s4": write_s4, "ms3": write_ms3, "avss": write_avss}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_everything_that_the_layout_promises_is_there(write: Callable[[Path], Path], tmp_path: Path) -> None:
    found = open_videos(write(tmp_path))
    for video in found.videos:
        assert [frame.number for frame in video.frames] == list(range(10 if video.setting == "v2" else 5))
        files = [video.audio_file, *video.masks, *(frame.image_file for frame in video.frames)]
        assert all((found.root / file).is_file() for file in files)


def test_only_the_first_frame_of_a_single_source_training_video_is_annotated(tmp_path: Path) -> None:
    for video in (*open_videos(write_s4(tmp_path)).videos, *open_videos(write_avss(tmp_path)).videos):
        assert len(video.masks) == (1 if video.split == "train" else len(video.frames))


def test_what_the_tables_say_of_a_video(tmp_path: Path) -> None:
    s4 = {video.id: video for video in open_videos(write_s4(tmp_path)).videos}
    assert (s4["catB_0_5000"].category, s4["catB_0_5000"].split) == ("cat_meowing", "val")
    assert (s4["_dogC_5000_10000"].start_seconds, s4["_dogC_5000_10000"].sounding) == (5.0, ())
    assert s4["catB_0_5000"].log_mel_file == "s4_data/audio_log_mel/val/cat_meowing/catB_0_5000.pkl"
    avss = {video.id: video for video in open_videos(write_avss(tmp_path)).videos}
    assert avss["multiB_0"].sounding == ("man", "guitar")
    assert (avss["tankE_60000_70000"].start_seconds, avss["tankE_60000_70000"].sounding) == (60.0, ())
    assert (avss["wolfF_0_10000"].category, avss["wolfF_0_10000"].sounding) == ("wolf", ("wolf",))


def test_several_sets_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    for write in WRITERS.values():
        write(tmp_path)
    assert [found.name for found in find_videos(tmp_path)] == ["s4", "ms3", "avss"]
    with pytest.raises(DataError, match=r"holds s4 and ms3 and avss; choose one with --subset .which-set"):
        open_videos(tmp_path)
    assert open_videos(tmp_path, "ms3").name == "ms3"
    with pytest.raises(DataError, match=r"found s4 and ms3 and avss, expected vpo.*unknown-layout"):
        open_videos(tmp_path, "vpo")
    with pytest.raises(DataError, match=r"found no table beside masks.*unknown-layout"):
        open_videos(tmp_path / "AVSS" / "v1s")


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_manifest_by_reference_is_scored_as_the_folder_itself(write: Callable[[Path], Path], tmp_path: Path) -> None:
    source = write(tmp_path / "from")
    found = open_videos(source)
    write_videos(tmp_path / "to", found, "0.1.0")
    assert read_videos(tmp_path / "to") == replace(
        found, root=source, table=tmp_path / "to" / "manifest.jsonl", remarks=()
    )
    gt, again = open_ground_truth(source), open_ground_truth(tmp_path / "to")
    assert again == replace(gt, remarks=again.remarks)


def test_a_manifest_of_files_beside_it_moves_with_its_folder(tmp_path: Path) -> None:
    source = write_s4(tmp_path)
    write_videos(source, open_videos(source), "0")
    assert json.loads((source / "dataset.json").read_text())["root"] == "."
    moved = source.rename(tmp_path / "moved")
    assert open_ground_truth(moved).root == moved


def written(tmp_path: Path) -> tuple[Path, VideoSet]:
    found = open_videos(write_ms3(tmp_path))
    write_videos(tmp_path / "to", found, "0")
    return tmp_path / "to", found


def test_damaged_manifests_are_told_with_their_line(tmp_path: Path) -> None:
    folder, _ = written(tmp_path)
    manifest = folder / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    for bad in ("{}\n", "[]\n", "{", lines[1][:50], lines[1].replace('"id"', '"it"')):
        manifest.write_text(lines[0] + bad)
        with pytest.raises(DataError, match=r"manifest.jsonl:2: is no video .*manifest-unreadable"):
            read_videos(folder)
    manifest.unlink()
    with pytest.raises(DataError, match=r"can't be read .No such file.*manifest-unreadable"):
        read_videos(folder)
    info = json.loads((folder / "dataset.json").read_text())
    for change in ({"format": 9}, {"kind": "soft"}, {"colours": [[1]]}, {"root": None}, {"categories": 1}):
        (folder / "dataset.json").write_text(json.dumps(info | change))
        with pytest.raises(DataError, match=r"no readable dataset.json .*not-a-dataset"):
            read_videos(folder)


def test_a_manifest_leads_to_no_file_outside_of_its_root(tmp_path: Path) -> None:
    folder, _ = written(tmp_path)
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("ms3_data/gt_masks/test/multiB/", "../../secret/"))
    with pytest.raises(DataError, match=r"unsafe-path"):
        open_ground_truth(folder)


def test_masks_that_went_away_are_named(tmp_path: Path) -> None:
    folder, found = written(tmp_path)
    (found.root / "ms3_data/gt_masks/test/multiB/multiB_2.png").unlink()
    with pytest.raises(DataError, match=r"1 mask files are missing: .*multiB_2.png; .*gt-incomplete"):
        open_ground_truth(folder)
    found.root.rename(tmp_path / "away")
    with pytest.raises(DataError, match=r"the folder that the manifest refers to is not there.*gt-incomplete"):
        open_ground_truth(folder)
