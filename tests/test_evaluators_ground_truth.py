"""What holds for the ground truth of every layout, and which folders are refused, with what words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mini_avsbench import write_avss, write_ms3, write_s4
from PIL import Image

from evaluators import plain
from evaluators.errors import DataError
from evaluators.ground_truth import LABELS, MASK, GroundTruth, GtFrame, GtSample, Selection, open_ground_truth
from evaluators.gt_reading import path_ends, safe, settled, some
from evaluators.masks import decode_gt

KINDS = {"vpo": LABELS, "s4": MASK, "ms3": MASK, "avss": LABELS, "plain": MASK}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, toy_dataset: Any) -> dict[str, Path]:
    """A folder of each layout."""
    folder = tmp_path_factory.mktemp("sets")
    s4 = write_s4(folder)
    return {
        "vpo": toy_dataset[0],
        "s4": s4,
        "ms3": write_ms3(folder),
        "avss": write_avss(folder),
        "plain": s4 / "s4_data/gt_masks/test",
    }


@pytest.mark.parametrize("layout", KINDS)
def test_every_layout_is_recognised_and_read_the_same_way(folders: dict[str, Path], layout: str) -> None:
    gt = open_ground_truth(folders[layout])
    assert (gt.layout, gt.kind, gt.root) == (layout, KINDS[layout], folders[layout])
    told = open_ground_truth(str(folders[layout]), layout=layout, kind=KINDS[layout])
    assert told == replace(gt, remarks=told.remarks) and len(told.remarks) == len(gt.remarks)
    ids = [sample.id for sample in gt.samples]
    assert len(ids) > 1 and ids == sorted(set(ids))
    for sample in gt.samples:
        assert [frame.number for frame in sample.frames] == list(range(len(sample.frames)))
        for frame in sample.frames:
            assert frame.names
            found = decode_gt((gt.root / frame.mask_file).read_bytes(), frame.mask_file, gt)
            assert set(found.ravel().tolist()) <= (set(gt.values) or set(range(max(len(gt.categories), 2))) | {255})
            assert not frame.image_file or (gt.root / frame.image_file).is_file()
        assert not sample.audio_file or (gt.root / sample.audio_file).is_file()
    assert gt.remarks and all("\n" not in line for line in gt.remarks)


@pytest.mark.parametrize("layout", KINDS)
def test_no_name_belongs_to_two_samples(folders: dict[str, Path], layout: str) -> None:
    counts = Counter(
        name
        for sample in open_ground_truth(folders[layout]).samples
        for name in {*sample.names, *(name for frame in sample.frames for name in frame.names)}
    )
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("layout", ["vpo", "s4", "ms3", "avss"])
def test_the_test_split_is_taken_unless_told(folders: dict[str, Path], layout: str) -> None:
    gt = open_ground_truth(folders[layout])
    assert {sample.split for sample in gt.samples} == {"test"}
    assert open_ground_truth(folders[layout], Selection("test")) == gt
    train = open_ground_truth(folders[layout], Selection("train"))
    assert {sample.split for sample in train.samples} == {"train"}
    assert not {sample.id for sample in gt.samples} & {sample.id for sample in train.samples}


@pytest.mark.parametrize("layout", ["vpo", "s4", "ms3", "avss"])
def test_an_unknown_part_is_told_with_what_there_is(folders: dict[str, Path], layout: str) -> None:
    with pytest.raises(DataError, match=r"nothing to score of split 'validate'; there is .*test/.* \d.*bad-selection"):
        open_ground_truth(folders[layout], Selection("validate"))
    with pytest.raises(DataError, match=r"setting 'v3'; there is test/.*bad-selection"):
        open_ground_truth(folders[layout], Selection("", ("v3",)))
    known = open_ground_truth(folders[layout]).samples[0].setting
    with pytest.raises(DataError, match=rf"setting '{known} v3'; there is"):
        open_ground_truth(folders[layout], Selection("", (known, "v3")))


@pytest.mark.parametrize("layout", ["vpo", "s4", "ms3", "avss"])
def test_opening_a_dataset_decodes_nothing(
    folders: dict[str, Path], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Image, "open")
    assert open_ground_truth(folders[layout]).samples


@pytest.mark.parametrize("layout", ["s4", "ms3", "avss"])
def test_litter_of_file_managers_is_no_file(tmp_path: Path, layout: str) -> None:
    write = {"s4": write_s4, "ms3": write_ms3, "avss": write_avss}[layout]
    place = write(tmp_path)
    before = open_ground_truth(place)
    for folder in [path for path in place.rglob("*") if path.is_dir()]:
        for name in (".DS_Store", "Thumbs.db", "._1.png", "notes.txt"):
            (folder / name).touch()
    assert open_ground_truth(place) == before


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty" / ".hidden").mkdir(parents=True)
    with pytest.raises(DataError, match=r"No such file.*expected a dataset or a folder of masks \[not-a-folder\]"):
        open_ground_truth(tmp_path / "missing")
    with pytest.raises(DataError, match="not-a-folder"):
        open_ground_truth(tmp_path / "file")
    with pytest.raises(DataError, match="empty-folder"):
        open_ground_truth(tmp_path / "empty")
    (tmp_path / "empty" / "mask.jpg").touch()
    with pytest.raises(DataError, match=r"found mask.jpg, expected masks as PNG.*no-masks"):
        open_ground_truth(tmp_path / "empty")


def test_layouts_and_kinds_that_do_not_fit(folders: dict[str, Path]) -> None:
    with pytest.raises(
        DataError, match=r"no layout 's5'; there are vpo, videos, avss, s4, ms3, plain \[unknown-layout\]"
    ):
        open_ground_truth(folders["s4"], layout="s5")
    with pytest.raises(DataError, match=r"no folder of the layout avss.*unknown-layout"):
        open_ground_truth(folders["s4"], layout="avss")
    with pytest.raises(DataError, match=r"s4 holds mask; labels can be told of plain folders only \[bad-option\]"):
        open_ground_truth(folders["s4"], kind="labels")
    with pytest.raises(DataError, match=r"no kind 'soft' of gt.*bad-option"):
        open_ground_truth(folders["plain"], kind="soft")


def test_a_folder_of_several_sets_asks_which(folders: dict[str, Path]) -> None:
    above = folders["s4"].parent
    with pytest.raises(DataError, match=r"holds avss and s4 and ms3; give one of its folders, or --layout"):
        open_ground_truth(above)
    for layout in ("s4", "ms3", "avss"):
        whole, part = open_ground_truth(above, layout=layout), open_ground_truth(folders[layout])
        assert [sample.id for sample in whole.samples] == [sample.id for sample in part.samples]
        first = whole.samples[0].frames[0]
        assert (above / first.mask_file).samefile(part.root / part.samples[0].frames[0].mask_file)


def sample(id: str, frame_names: tuple[str, ...], names: tuple[str, ...] = ()) -> GtSample:
    frames = (GtFrame(0, f"{id}.png", names=frame_names), GtFrame(1, f"{id}.png", names=frame_names))
    return GtSample(id, frames, names=names)


def test_a_shared_name_is_taken_from_both() -> None:
    found = settled([sample("b", ("x/b_{}", "b_{}", "_{}")), sample("a", ("a_{}", "_{}"), ("b_{}",))], Path())
    assert [one.id for one in found] == ["a", "b"]
    assert [[frame.names for frame in one.frames] for one in found] == [[("a_{}",)] * 2, [("x/b_{}",)] * 2]
    assert found[0].names == ()


@given(st.lists(st.lists(st.sampled_from("pqrstuv"), max_size=4), max_size=6))
def test_names_stay_exactly_where_one_sample_has_them(lists: list[list[str]]) -> None:
    samples = [sample(str(place), tuple(names[:2]), tuple(names[2:])) for place, names in enumerate(lists)]
    for one, names in zip(settled(samples, Path()), lists, strict=True):
        others = [name for place, other in enumerate(lists) if str(place) != one.id for name in other]
        assert one.frames[0].names == one.frames[1].names == tuple(name for name in names[:2] if name not in others)
        assert one.names == tuple(name for name in names[2:] if name not in others)


def test_a_sample_stands_once_and_has_no_braces() -> None:
    with pytest.raises(DataError, match=r"found twice: a; .*duplicate-sample"):
        settled([sample("a", ()), sample("b", ()), sample("a", ())], Path())
    with pytest.raises(DataError, match=r"found \{\} in a\{\}b, .*odd-name"):
        settled([sample("a{}b", ())], Path())


def test_small_steps() -> None:
    assert path_ends("a/b/c") == ("a/b/c", "b/c", "c")
    assert some(["a", "b"]) == "a, b"
    assert some(list(map(str, range(22)))).endswith("18, 19 and 2 more")
    assert plain.recognises(Path(__file__).parent) is False


@pytest.mark.parametrize("name", ["../a", "a/../b", "/a", "a\\..\\b", "a//b", "C:/a", "a\nb", "", "a/.", "~/a"])
def test_names_from_tables_stay_inside(name: str) -> None:
    with pytest.raises(DataError, match="unsafe-path"):
        safe(Path("root"), name)


@pytest.mark.parametrize("name", ["-x_0_5000", "v1s/a b/c.mp4_1.png", "ä/ö", "a'b"])
def test_names_from_tables_may_be_odd(name: str) -> None:
    assert safe(Path("root"), name) == name


def test_an_equal_ground_truth_is_found_whatever_the_order_on_disk(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    before = [open_ground_truth(folder) for folder in folders.values()]
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listdir(path)[::-1])
    after: list[GroundTruth] = [open_ground_truth(folder) for folder in folders.values()]
    assert after == before
