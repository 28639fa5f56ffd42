"""Items of the folders of VPO and AVSBench: files, sounds, positions, categories."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mini_avsbench
import pytest

from evaluators.avss import avss_categories
from evaluators.categories import vpo_categories
from evaluators.errors import DataError
from evaluators.videos import open_videos, write_videos
from models.instances import with_instances
from models.listing import BINARY, Listing, Voice, list_items

Toy = tuple[Path, list[Any], Any]
Make = Callable[..., Toy]


def by_id(listing: Listing) -> dict[str, Any]:
    return {item.id: item for item in listing.items}


def test_a_built_folder_gives_clips_and_positions(toy_dataset: Toy) -> None:
    folder, samples, _ = toy_dataset
    found = list_items(folder, "train")
    assert (found.kind, found.panned, found.categories) == ("vpo", True, ("background", *vpo_categories().names))
    assert [item.id for item in found.items] == sorted(s.id for s in samples if s.split == "train")
    item = by_id(found)["msmi-000000000001"]  # two dogs, at the middle of columns 20 to 100 and 200 to 290 of 320
    assert item.positions == (60 / 320, 245 / 320)
    assert item.voices[0] == Voice("vggsound_bench/VGGSound/audios/video10_000000.wav", 60 / 320, 0, 160_000)
    assert item.sounding == (vpo_categories()["dog"].index,)
    (frame,) = item.frames
    assert frame.mask_file == "VPO/VPO-MSMI/mask/000000000001.png"
    assert all((found.root / name).is_file() for name in (frame.image_file, frame.mask_file, item.voices[0].file))


def test_settings_and_splits_are_chosen(toy_dataset: Toy) -> None:
    assert [item.id for item in list_items(toy_dataset[0], "test", ["ms", "ss"]).items] == [
        "ms-000000000004",
        "ss-000000000006",
    ]
    with pytest.raises(DataError, match=r"split 'val'.*there is test/ms 1, test/msmi 1.*bad-selection"):
        list_items(toy_dataset[0], "val")


def test_a_rendered_folder_gives_its_mixtures(make_toy_dataset: Make, tmp_path: Path) -> None:
    item = by_id(list_items(make_toy_dataset(tmp_path, "render")[0], "train"))["ms-000000000003"]
    assert (item.sound_file, item.voices) == ("mixtures/ms-000000000003.wav", ())


def test_variants_have_their_own_positions_and_truth(make_toy_dataset: Make, tmp_path: Path) -> None:
    folder, _, _ = make_toy_dataset(tmp_path, variants=("mirrored", "silence"))
    for name in ("mirrored", "silence"):
        shutil.copytree(folder / "VPO", folder / "variants" / name / "VPO")
    base, mirrored = (list_items(place, "train") for place in (folder, folder / "variants/mirrored"))
    for there, mirror in zip(base.items, mirrored.items, strict=True):
        assert mirror.positions == tuple(1 - position for position in there.positions)
        assert mirror.sounding == there.sounding
    silent = list_items(folder / "variants/silence", "train", truth="empty")
    assert all(item.sounding == () and not item.voices for item in silent.items)
    with pytest.raises(DataError, match=r"no sample of split 'train' has the truth 'base'.*bad-selection"):
        list_items(folder / "variants/silence", "train", truth="base")


def test_nothing_that_is_seen_sounds_where_the_truth_is_empty(make_toy_dataset: Make, tmp_path: Path) -> None:
    folder, _, _ = make_toy_dataset(tmp_path)
    changed(folder, lambda row: row.update(truth="empty"))  # as the variants noise and off-screen have it
    assert all(item.sounding == () and item.voices for item in list_items(folder, "train").items)


@pytest.fixture
def official(toy_dataset: Toy, tmp_path: Path) -> Path:
    """The toy dataset without what only we write."""
    for name in ("VPO", "vggsound_bench"):
        shutil.copytree(toy_dataset[0] / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("inner", ["", "VPO", "VPO/VPO-MSMI"])
def test_the_official_tables_say_the_same_as_our_manifest(inner: str, official: Path, toy_dataset: Toy) -> None:
    found = list_items(official / inner, "train", ["msmi"])
    (item,), (ours,) = found.items, list_items(toy_dataset[0], "train", ["msmi"]).items
    assert item.id == "msmi_000000000001"
    assert (item.positions, item.sounding) == (ours.positions, ours.sounding)
    assert [voice.file for voice in item.voices] == [voice.file for voice in ours.voices]
    assert (found.root / item.frames[0].image_file).is_file() and (found.sound_root / item.voices[0].file).is_file()


def test_rows_of_one_image_are_one_sample_but_in_ss(official: Path) -> None:
    table = official / "VPO/VPO-SS/vpo_ss_data_stereo.csv"
    row = table.read_text().splitlines()[1]
    table.write_text(table.read_text() + row.replace("501", "777") + "\n")
    shutil.copy(
        official / "VPO/VPO-SS/mask/dog/000000000005_000000000501.png",
        official / "VPO/VPO-SS/mask/dog/000000000005_000000000777.png",
    )
    assert [item.id for item in list_items(official, "train", ["ss"]).items] == [
        "ss_000000000005_000000000501",
        "ss_000000000005_000000000777",
    ]
    assert len(list_items(official, "test", ["ms"]).items[0].voices) == 2


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("0.859375", "1.5", "bad-position"),
        ("0.859375", "left", "csv-row"),
        ("0.859375", "nan", "csv-row|bad-position"),
        ("video50_000000", "../../../etc/passwd", "unsafe-path"),
        (",dog,", ",unicorn,", "gt-incomplete"),
        ("audio_pos", "audio", "csv-columns"),
    ],
)
def test_damaged_tables_are_told(old: str, new: str, code: str, official: Path) -> None:
    table = official / "VPO/VPO-SS/vpo_ss_data_stereo.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DataError, match=code):
        list_items(official, "train", ["ss"])


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    for row in rows:
        change(row)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: row["sources"][0].update(position=-0.1), "bad-position"),
        (lambda row: row["sources"][0]["clip"].update(id="../../../secret"), "unsafe-path"),
        (lambda row: row.update(image_file="/etc/passwd"), "unsafe-path"),
        (lambda row: row["sources"][0]["instance"].update(category="unicorn"), "bad-category"),
        (lambda row: row.update(pan_law="head"), "pan-law"),
        (lambda row: row.pop("crop"), "manifest-unreadable"),
    ],
    ids=["position", "clip", "image", "category", "law", "field"],
)
def test_damaged_manifests_are_told(change: Any, code: str, make_toy_dataset: Make, tmp_path: Path) -> None:
    folder, _, _ = make_toy_dataset(tmp_path)
    changed(folder, change)
    with pytest.raises(DataError, match=code):
        list_items(folder, "train")


def test_training_videos_of_s4_have_five_frames_and_one_mask(tmp_path: Path) -> None:
    found = list_items(mini_avsbench.write_s4(tmp_path), "train")
    (item,) = found.items
    assert (found.kind, found.panned, found.categories, item.sounding) == ("s4", False, BINARY, (1,))
    assert [bool(frame.mask_file) for frame in item.frames] == [True, False, False, False, False]
    assert item.frames[4].image_file.endswith("-dogA_1000_6000_5.png")
    assert (found.sound_root / item.sound_file).is_file()
    assert all(frame.mask_file for item in list_items(found.root, "test").items for frame in item.frames)


def test_videos_of_ms3_have_a_mask_for_each_frame(tmp_path: Path) -> None:
    (item,) = list_items(mini_avsbench.write_ms3(tmp_path), "train").items
    assert [frame.number for frame in item.frames if frame.mask_file] == [0, 1, 2, 3, 4]


def test_avss_tells_what_sounds_where_its_table_does(tmp_path: Path) -> None:
    found = list_items(mini_avsbench.write_avss(tmp_path), "test")
    names, items = avss_categories(), by_id(found)
    assert (found.kind, found.categories) == ("avss", names)
    assert items["multiB_0"].sounding == tuple(sorted((names.index("man"), names.index("guitar"))))
    assert items["tankE_60000_70000"].sounding is None  # something sounds off the screen, too
    assert len(items["tankE_60000_70000"].frames) == 10
    (train,) = list_items(found.root, "train", ["v1s"]).items
    assert [bool(frame.mask_file) for frame in train.frames] == [True] + 4 * [False]


def test_training_videos_have_the_masks_that_are_there(tmp_path: Path) -> None:
    place = mini_avsbench.write_avss(tmp_path)
    table = place / "metadata.csv"
    table.write_text(table.read_text().replace("wolf,val,v2", "wolf,train,v2"))
    for number in range(7, 10):
        (place / f"v2/wolfF_0_10000/labels_semantic/{number}.png").unlink()
    (item,) = list_items(place, "train", ["v2"]).items
    assert [bool(frame.mask_file) for frame in item.frames] == 7 * [True] + 3 * [False]


@pytest.mark.parametrize("name", ["s4", "ms3", "avss"])
def test_a_converted_folder_lists_the_same(name: str, tmp_path: Path) -> None:
    source = getattr(mini_avsbench, f"write_{name}")(tmp_path)
    write_videos(tmp_path / "converted", open_videos(source), "0")
    there, again = list_items(source, "train"), list_items(tmp_path / "converted", "train")
    assert (again.items, again.categories, again.kind) == (there.items, there.categories, there.kind)
    assert (again.root / again.items[0].frames[0].image_file).is_file()


def test_the_digest_is_that_of_the_manifest_or_table(toy_dataset: Toy, tmp_path: Path) -> None:
    folder = toy_dataset[0]
    expected = hashlib.sha256((folder / "manifest.jsonl").read_bytes()).hexdigest()
    assert list_items(folder, "train").digest == list_items(folder, "test").digest == expected
    place = mini_avsbench.write_s4(tmp_path)
    before = list_items(place, "train").digest
    table = place / "s4_meta_data.csv"
    table.write_text(table.read_text() + "\n")
    assert list_items(place, "train").digest not in ("", before)


def test_folders_of_masks_alone_are_refused(tmp_path: Path) -> None:
    for path in mini_avsbench.write_s4(tmp_path / "s4").rglob("gt_masks/test/*/*/*.png"):
        (tmp_path / "plain").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "plain" / path.name)
    with pytest.raises(DataError, match=r"found masks and no manifest or table.*unknown-layout"):
        list_items(tmp_path / "plain", "test")


# ------------------------------------------------------------------------------------------------- instance maps


def maps_folder(listing: Listing, folder: Path) -> Path:
    """A file of some bytes at the place of each map."""
    for frame in (frame for item in listing.items for frame in item.frames):
        path = (folder / frame.image_file).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a map")
    return folder


def test_a_built_folder_has_instance_maps_of_its_own(toy_dataset: Toy) -> None:
    plain = list_items(toy_dataset[0], "train")
    found = with_instances(plain, "own")
    assert by_id(found)["msmi-000000000001"].instance_files == ("VPO/VPO-MSMI/instances/000000000001.png",)
    assert (found.instances, found.digest, plain.instances) == ("own", plain.digest, "")


def test_variants_have_instance_maps_of_their_own(make_toy_dataset: Make, tmp_path: Path) -> None:
    folder, _, _ = make_toy_dataset(tmp_path, variants=("mirrored",))
    place = folder / "variants/mirrored"
    shutil.copytree(folder / "VPO", place / "VPO")
    listing = with_instances(list_items(place, "train"), "own")
    assert all((place / item.instance_files[0]).is_file() for item in listing.items)
    (place / listing.items[0].instance_files[0]).unlink()
    with pytest.raises(DataError, match=r"1 of 3 instance maps are missing: VPO/VPO-.*instances-missing"):
        with_instances(list_items(place, "train"), "own")


@pytest.mark.parametrize("write", ["write_s4", "write_ms3", "write_avss"])
def test_a_folder_has_a_map_for_each_picture(write: str, tmp_path: Path) -> None:
    plain = list_items(getattr(mini_avsbench, write)(tmp_path / "data"), "train")
    found = with_instances(plain, str(maps_folder(plain, tmp_path / "maps")))
    for item in found.items:
        assert [Path(name).with_suffix("") for name in item.instance_files] == [
            Path(frame.image_file).with_suffix("") for frame in item.frames
        ]
        assert all(name.endswith(".png") and (tmp_path / "maps" / name).is_file() for name in item.instance_files)


def test_missing_maps_are_told_by_name(tmp_path: Path) -> None:
    plain = list_items(mini_avsbench.write_s4(tmp_path / "data"), "train")
    folder = maps_folder(plain, tmp_path / "maps")
    frame = plain.items[0].frames[3].image_file
    (folder / frame).unlink()
    with pytest.raises(DataError, match=f"1 of 5 instance maps are missing: {frame};.*instances-missing") as told:
        with_instances(plain, str(folder))
    assert "\n" not in str(told.value)
    with pytest.raises(DataError, match="5 of 5 instance maps are missing"):
        with_instances(plain, str(tmp_path / "nowhere"))


def test_maps_of_another_detector_have_another_digest(tmp_path: Path) -> None:
    """Wherever they lie; so neither a run goes on with them, nor predictions of both are mixed."""
    plain = list_items(mini_avsbench.write_s4(tmp_path / "data"), "train")
    folder = maps_folder(plain, tmp_path / "maps")
    shutil.copytree(folder, tmp_path / "moved")
    first, moved = (with_instances(plain, str(place)).digest for place in (folder, tmp_path / "moved"))
    (folder / plain.items[0].frames[0].image_file).write_bytes(b"another map")
    assert first == moved != plain.digest
    assert with_instances(plain, str(folder)).digest not in (first, plain.digest)


def test_data_without_maps_of_its_own_tells_what_to_give(official: Path, tmp_path: Path) -> None:
    for listing in (list_items(official, "train"), list_items(mini_avsbench.write_s4(tmp_path / "s4"), "train")):
        with pytest.raises(DataError, match=r"--set data\.instances=FOLDER.*no-instance-maps"):
            with_instances(listing, "own")


def test_a_map_outside_the_dataset_is_refused(make_toy_dataset: Make, tmp_path: Path) -> None:
    folder, _, _ = make_toy_dataset(tmp_path)
    changed(folder, lambda row: row.update(instance_file="../../secret.png"))
    with pytest.raises(DataError, match="unsafe-path"):
        list_items(folder, "train")
