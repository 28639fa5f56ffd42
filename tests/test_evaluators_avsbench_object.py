"""S4 and MS3: names, numbers, splits, and what a damaged copy is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mini_avsbench import MS3, S4, write_ms3, write_s4

from evaluators import ms3, s4
from evaluators.errors import DataError
from evaluators.ground_truth import GtFrame, Selection, open_ground_truth


def test_s4_by_hand(tmp_path: Path) -> None:
    gt = open_ground_truth(write_s4(tmp_path))
    assert [sample.id for sample in gt.samples] == ["_dogC_5000_10000", "catD_2000_7000"]
    dog = gt.samples[0]
    assert (dog.split, dog.setting, dog.category, dog.sources, dog.padded_frames) == ("test", "s4", "dog_barking", 1, 0)
    inner = "test/dog_barking/_dogC_5000_10000"
    assert dog.audio_file == f"s4_data/audio_wav/{inner}.wav"
    assert dog.names == (inner, "dog_barking/_dogC_5000_10000", "_dogC_5000_10000")
    assert len(dog.frames) == 5
    assert dog.frames[4] == GtFrame(
        4,
        f"s4_data/gt_masks/{inner}/_dogC_5000_10000_5.png",
        f"s4_data/visual_frames/{inner}/_dogC_5000_10000_5.png",
        (
            "test/dog_barking/_dogC_5000_10000/_dogC_5000_10000_{}",
            "dog_barking/_dogC_5000_10000/_dogC_5000_10000_{}",
            "_dogC_5000_10000/_dogC_5000_10000_{}",
            "_dogC_5000_10000_{}",
            "_dogC_5000_10000/{}",
        ),
    )
    assert gt.remarks == ("gt: 2 samples, split test, s4",)


def test_ms3_by_hand(tmp_path: Path) -> None:
    gt = open_ground_truth(write_ms3(tmp_path))
    assert [sample.id for sample in gt.samples] == ["multiB", "multiB_0"]
    first = gt.samples[0]
    assert (first.setting, first.category, first.sources) == ("ms3", "", None)
    assert first.audio_file == "ms3_data/audio_wav/test/multiB.wav"
    assert first.frames[0] == GtFrame(
        0,
        "ms3_data/gt_masks/test/multiB/multiB_1.png",
        "ms3_data/visual_frames/multiB/multiB.mp4_1.png",
        (
            "test/multiB/multiB_{}",
            "multiB/multiB_{}",
            "multiB_{}",
            "multiB/multiB.mp4_{}",
            "multiB.mp4_{}",
            "multiB/{}",
        ),
    )


def test_a_training_video_of_s4_has_one_mask_and_one_of_ms3_five(tmp_path: Path) -> None:
    s4_train = open_ground_truth(write_s4(tmp_path), Selection("train"))
    assert [len(sample.frames) for sample in s4_train.samples] == [1]
    shutil.copy(
        tmp_path / "Single-source" / s4_train.samples[0].frames[0].mask_file,
        tmp_path / "Single-source/s4_data/gt_masks/train/dog_barking/-dogA_1000_6000/-dogA_1000_6000_2.png",
    )
    assert open_ground_truth(tmp_path / "Single-source", Selection("train")) == s4_train  # more is not looked at
    assert [len(sample.frames) for sample in open_ground_truth(write_ms3(tmp_path), Selection("train")).samples] == [5]


@pytest.mark.parametrize(("reader", "write"), [(s4, write_s4), (ms3, write_ms3)])
def test_a_subset_is_found_from_above_and_from_within(
    tmp_path: Path, reader: object, write: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path)  # type: ignore[operator]
    data = next(path for path in place.iterdir() if path.is_dir())
    found = [open_ground_truth(folder) for folder in (tmp_path, place, data)]
    monkeypatch.chdir(data)
    found.append(open_ground_truth("."))
    for gt in found:
        assert [sample.id for sample in gt.samples] == [sample.id for sample in found[0].samples]
        for sample in gt.samples:
            files = [frame.mask_file for frame in sample.frames] + [frame.image_file for frame in sample.frames]
            assert all((gt.root / name).is_file() for name in [*files, sample.audio_file])
    assert not reader.recognises(tmp_path / "none")  # type: ignore[attr-defined]


def test_ms3_masks_may_stand_without_a_folder_for_the_split(tmp_path: Path) -> None:
    masks = write_ms3(tmp_path) / "ms3_data" / "gt_masks"
    for split in ("train", "val", "test"):
        for video in list((masks / split).iterdir()):
            video.rename(masks / video.name)
    gt = open_ground_truth(tmp_path / "Multi-sources")
    assert gt.samples[0].frames[0].mask_file == "ms3_data/gt_masks/multiB/multiB_1.png"


def test_frames_and_sounds_may_be_elsewhere(tmp_path: Path) -> None:
    place = write_s4(tmp_path)
    shutil.rmtree(place / "s4_data" / "visual_frames")
    shutil.rmtree(place / "s4_data" / "audio_wav")
    sample = open_ground_truth(place).samples[0]
    assert (sample.audio_file, sample.frames[0].image_file) == ("", "")


def test_all_missing_and_needless_masks_are_named_at_once(tmp_path: Path) -> None:
    place = write_s4(tmp_path)
    masks = place / "s4_data/gt_masks/test"
    video, other = masks / "dog_barking/_dogC_5000_10000", masks / "cat_meowing/catD_2000_7000"
    (video / "_dogC_5000_10000_3.png").unlink()
    (video / "_dogC_5000_10000_5.png").unlink()
    (other / "catD_2000_7000_1.png").rename(other / "catD_2000_7000_6.png")
    (other / "catD_2000_7000_0.png.bak").touch()
    (other / "catD_2000_7000_mean.png").touch()
    with pytest.raises(DataError) as caught:
        open_ground_truth(place)
    folder = "s4_data/gt_masks/test"
    assert str(caught.value) == (
        f"{place}: 3 mask files are missing: {folder}/dog_barking/_dogC_5000_10000/_dogC_5000_10000_3.png, "
        f"{folder}/dog_barking/_dogC_5000_10000/_dogC_5000_10000_5.png, "
        f"{folder}/cat_meowing/catD_2000_7000/catD_2000_7000_1.png; "
        f"1 are more than expected: {folder}/cat_meowing/catD_2000_7000/catD_2000_7000_6.png; "
        "complete or mend the dataset [gt-incomplete]"
    )


def test_a_needless_mask_is_named_too(tmp_path: Path) -> None:
    (write_ms3(tmp_path) / "ms3_data/gt_masks/test/multiB/multiB_0.png").touch()
    with pytest.raises(DataError, match=r": 1 are more than expected: \S+/multiB_0.png; complete"):
        open_ground_truth(tmp_path)


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    shutil.rmtree(write_ms3(tmp_path) / "ms3_data/gt_masks/test/multiB")
    with pytest.raises(
        DataError, match=r"5 mask files are missing: Multi-sources/ms3_data/gt_masks/test/multiB/multiB_1.png, "
    ):
        open_ground_truth(tmp_path)


def test_other_headers_separators_and_cases_of_splits(tmp_path: Path) -> None:
    place = write_s4(tmp_path)
    before, table = open_ground_truth(place), place / "s4_meta_data.csv"
    text = table.read_text()
    table.write_bytes(("\ufeff" + text.replace(",", ";").replace("\n", "\r\n")).encode())
    assert open_ground_truth(place) == before
    table.write_text(text.replace("name,start,category", "a,b,c"))
    again = open_ground_truth(place)
    assert again.samples == before.samples and len(again.remarks) == 3
    table.write_text(text.replace("test", "Test"))
    with pytest.raises(DataError, match=r"split 'test'; there is Test/s4 2, train/s4 1, val/s4 1; choose"):
        open_ground_truth(place)


def test_hostile_and_doubled_rows(tmp_path: Path) -> None:
    place = write_s4(tmp_path)
    table = place / "s4_meta_data.csv"
    text = table.read_text()
    table.write_text(text + "../../../etc,0,dog_barking,test\n")
    with pytest.raises(DataError, match="unsafe-path"):
        open_ground_truth(place)
    table.write_text(text + f"{S4[2][0]},0,dog_barking,test\n")
    with pytest.raises(DataError, match=rf"found twice: {S4[2][0]}; .*duplicate-sample"):
        open_ground_truth(place)


def test_a_subset_without_its_table_says_which(tmp_path: Path) -> None:
    place = write_ms3(tmp_path)
    (place / "ms3_meta_data.csv").unlink()
    with pytest.raises(DataError, match=r"ms3_meta_data.csv: can't be read"):
        open_ground_truth(place)
    assert len(MS3) == 4
