"""AVSBench-semantic: frames from 0, padding, indices or colours, the order of the categories."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from mini_avsbench import write_avss

from evaluators.avss import avss_categories, read_names, recognises, videos
from evaluators.errors import DataError
from evaluators.ground_truth import GtFrame, Selection, open_ground_truth
from evaluators.masks import decode_gt

METADATA = Path(__file__).parents[2] / "shared" / "data" / "avsbench" / "metadata.csv"


@pytest.fixture(scope="module")
def avss(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that is only read."""
    return write_avss(tmp_path_factory.mktemp("avss"))


def test_by_hand(avss: Path) -> None:
    gt = open_ground_truth(avss)
    rows = [(s.id, s.setting, len(s.frames), s.padded_frames, s.category, s.sources) for s in gt.samples]
    assert rows == [
        ("_dogC_5000_10000", "v1s", 5, 5, "dog", 1),
        ("multiB_0", "v1m", 5, 5, "", 2),
        ("tankE_60000_70000", "v2", 10, 0, "", None),  # something off the screen sounds too
    ]
    assert gt.samples[1].audio_file == "v1m/multiB_0/audio.wav"
    assert gt.samples[1].names == ("v1m/multiB_0", "multiB_0")
    assert gt.samples[1].frames[4] == GtFrame(
        4,
        "v1m/multiB_0/labels_semantic/4.png",
        "v1m/multiB_0/frames/4.jpg",
        (
            "v1m/multiB_0/labels_semantic/{}",
            "multiB_0/labels_semantic/{}",
            "v1m/multiB_0/{}",
            "multiB_0/{}",
            "multiB_0/multiB_0_{}",
            "multiB_0_{}",
        ),
    )
    assert gt.values == {}
    assert gt.remarks == ("gt: 3 samples, split test, v1m v1s v2", "1 videos have a sound from off the screen")


def test_sets_are_chosen(avss: Path) -> None:
    assert [s.setting for s in open_ground_truth(avss, Selection("", ("v2",))).samples] == ["v2"]
    assert [s.setting for s in open_ground_truth(avss, Selection("", ("v1s", "v2"))).samples] == ["v1s", "v2"]
    with pytest.raises(DataError, match=r"split 'val', setting 'v1s'; there is test/v1m 1, test/v1s 1, .*, val/v2 1"):
        open_ground_truth(avss, Selection("val", ("v1s",)))


def test_of_train_what_is_annotated_counts(avss: Path) -> None:
    train = open_ground_truth(avss, Selection("train")).samples[0]
    assert (len(train.frames), train.padded_frames) == (1, 9)


def test_a_test_video_has_all_its_masks(tmp_path: Path) -> None:
    place = write_avss(tmp_path)
    (place / "v1s/_dogC_5000_10000/labels_semantic/2.png").unlink()
    shutil.copy(*(place / f"v1m/multiB_0/labels_semantic/{k}.png" for k in (4, 5)))
    (place / "v1m/multiB_0/labels_semantic/05.png").touch()
    with pytest.raises(DataError, match=r"1 mask files are missing: v1s/\S+/2.png; 1 are more .*: v1m/\S+/5.png;"):
        open_ground_truth(place)


def test_colours_where_there_are_no_indices(tmp_path: Path) -> None:
    place = write_avss(tmp_path)
    indices = open_ground_truth(place)
    wanted = [
        decode_gt((place / f.mask_file).read_bytes(), f.mask_file, indices) for s in indices.samples for f in s.frames
    ]
    for folder in list(place.rglob("labels_semantic")):
        shutil.rmtree(folder)
    colours = open_ground_truth(place)
    files = [frame.mask_file for sample in colours.samples for frame in sample.frames]
    assert files[0] == "v1s/_dogC_5000_10000/labels_rgb/0.png"
    found = [decode_gt((place / name).read_bytes(), name, colours) for name in files]
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert sorted({value for labels in found for value in labels.ravel().tolist()}) == [0, 17, 41, 57]


def test_categories_and_their_colours(avss: Path) -> None:
    gt = open_ground_truth(avss)
    assert gt.categories == avss_categories() and len(gt.categories) == 71
    assert [gt.categories[index] for index in (0, 1, 17, 41, 57, 70)] == [
        "background", "accordion", "dog", "man", "tank", "woman",
    ]  # fmt: skip
    # 70 = 1000110 in binary: red has bit 0 and 3 and 6, green 1 and 4, blue 2 and 5, from the highest down
    assert gt.colours[32, 128, 128] == 70 and gt.colours[0, 0, 0] == 0 and gt.colours[128, 0, 0] == 1
    assert len(gt.colours) == 71


@pytest.mark.skipif(not METADATA.is_file(), reason="the published table is not here")
def test_the_published_table(tmp_path: Path) -> None:
    with open(METADATA, newline="") as stream:
        rows = list(csv.DictReader(stream))
    named = {name for row in rows for name in row["a_obj"].split("_")}
    assert named - set(avss_categories()) == {"off-the-screen", "h orse"}
    assert set(avss_categories()) - named == {"background"} - named
    shutil.copy(METADATA, tmp_path)
    for row in rows:
        if (row["split"], row["label"]) == ("test", "v1m"):
            folder = tmp_path / "v1m" / row["uid"] / "labels_semantic"
            folder.mkdir(parents=True)
            for number in range(5):
                (folder / f"{number}.png").touch()
    gt = open_ground_truth(tmp_path, Selection("", ("v1m",)))
    assert len(gt.samples) == 64 and sum(sample.padded_frames for sample in gt.samples) == 320
    everything = 740 * 5 + 750 * 10
    with pytest.raises(DataError, match=rf"{everything:,} mask files .* and {everything - 20:,} more; complete"):
        open_ground_truth(tmp_path)


def test_names_of_objects_that_are_none_are_told(tmp_path: Path) -> None:
    table = write_avss(tmp_path) / "metadata.csv"
    table.write_text(table.read_text().replace("man_guitar", "man_h orse_hat"))
    gt = open_ground_truth(tmp_path)
    assert gt.samples[1].sources is None
    assert gt.remarks[1] == "metadata.csv names 'h orse' in a_obj, which is taken for horse"
    assert gt.remarks[2] == "metadata.csv names in a_obj what is no category: 'hat'"
    table.write_text(table.read_text().replace("_hat", ""))
    assert open_ground_truth(tmp_path).samples[1].sources == 2


def test_the_folders_own_names_win(tmp_path: Path) -> None:
    place = write_avss(tmp_path)
    names = ["background", *sorted(avss_categories()[1:], reverse=True)]
    for first in (0, 1):
        (place / "label2idx.json").write_text(json.dumps({name: n for n, name in enumerate(names, first)}))
        assert open_ground_truth(place).categories == tuple(names)
    (place / "label2idx.json").unlink()
    assert open_ground_truth(place).categories == avss_categories()


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", '{"background": "0"}', '{"background": 0, "dog": 2}', '{"dog": 0, "background": 1}',
        '{"background": 0, "dog": 1, "cat": 1}', '{"background": 2, "dog": 3}', "[" * 100_000, '{"background": true}',
        '{"background": 0, "dog": 1.0}',
    ],
)  # fmt: skip
def test_damaged_names_are_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "label2idx.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"expected \{\"background\": 0, .*bad-category"):
        read_names(path)


def test_hostile_rows(tmp_path: Path) -> None:
    table = write_avss(tmp_path) / "metadata.csv"
    table.write_text(table.read_text() + "x,../../x,0,0,dog,test,v2\n")
    with pytest.raises(DataError, match="unsafe-path"):
        open_ground_truth(tmp_path)


def test_the_table_alone_lists_its_videos_and_is_nothing_to_score(tmp_path: Path) -> None:
    table = (write_avss(tmp_path / "whole") / "metadata.csv").read_text()
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "metadata.csv").write_text(table)
    found = videos(tmp_path / "alone")
    assert found is not None and [video.id for video in found.videos][:2] == ["dogA_1000_6000", "_dogC_5000_10000"]
    assert not recognises(tmp_path / "alone")


def test_a_metadata_csv_of_others_is_no_table_of_avss(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("vid,uid,split,fid,exp\na,a_0_10000,train,1,the dog\n")
    assert videos(tmp_path) is None
