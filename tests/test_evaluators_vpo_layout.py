"""VPO, by the manifest of `vpo build` and by the official tables alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluators.categories import vpo_categories
from evaluators.dataset import DATASET, MANIFEST, Sample, read_manifest, write_info, write_manifest
from evaluators.errors import DataError
from evaluators.ground_truth import LABELS, GroundTruth, GtFrame, Selection, open_ground_truth
from evaluators.vpo import CSV_COLUMNS, SETTINGS, csv_file, prediction_names

NUMBER = "000000000004"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, make_toy_dataset: Callable[..., Any]) -> Path:
    """A dataset folder in which VPO-MSMI also has the sample of VPO-MS, whose mask stands in VPO-MS, under the builder's ids."""
    folder, samples, _ = make_toy_dataset(tmp_path_factory.mktemp("vpo") / "toy", "render")
    renamed = [replace(sample, id=built_id(sample)) for sample in samples]
    shared = replace(
        next(s for s in renamed if s.setting == "ms" and s.split == "test"), id=f"msmi_{NUMBER}", setting="msmi"
    )
    write_manifest(folder / MANIFEST, [*renamed, shared])
    rows = [line for line in (folder / csv_file("ms")).read_text().splitlines() if line.startswith("4,")]
    with open(folder / csv_file("msmi"), "a") as stream:
        stream.writelines(f"{row}\n" for row in rows)
    for sounds in ("mixtures", "vggsound_bench"):
        shutil.rmtree(folder / sounds)
    return Path(folder)


@pytest.fixture
def toy(tmp_path: Path, whole: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "toy"))


def built_id(sample: Sample) -> str:
    annotation = f"_{sample.sources[0].instance.annotation_id:012d}" if sample.setting == "ss" else ""
    return f"{sample.setting}_{sample.picture.id:012d}{annotation}"


def by_id(gt: GroundTruth) -> dict[str, Any]:
    return {sample.id: sample for sample in gt.samples}


def test_a_built_set_by_hand(toy: Path) -> None:
    gt = open_ground_truth(toy)
    assert (gt.layout, gt.kind, gt.variant, gt.variants) == ("vpo", LABELS, "base", ())
    assert list(by_id(gt)) == [f"ms_{NUMBER}", "msmi_000000000002", f"msmi_{NUMBER}", "ss_000000000006_000000000601"]
    assert gt.categories == ("background", *vpo_categories().names)
    assert len(gt.values) == 23 and gt.values[0] == 0 and gt.values[255] == 255
    assert {gt.values[stored] for stored in (5, 94, 18, 24)} == {1, 2, 9, 21}  # airplane, baby, dog, zebra
    single, several = by_id(gt)["ss_000000000006_000000000601"], by_id(gt)[f"ms_{NUMBER}"]
    assert (single.setting, single.category, single.sources, single.truth) == ("ss", "car", 1, "base")
    assert (several.category, several.sources, several.names, several.padded_frames) == ("", 2, (), 0)
    assert single.audio_file == "mixtures/ss-000000000006.wav"
    stem = "000000000006_000000000601"
    assert single.frames == (
        GtFrame(
            0,
            f"VPO/VPO-SS/mask/car/{stem}.png",
            "VPO/VPO-SS/data/car/000000000006.jpg",
            (
                f"VPO/VPO-SS/mask/car/{stem}",
                f"VPO-SS/mask/car/{stem}",
                f"ss/ss_{stem}",
                f"ss_{stem}",
                f"VPO-SS/{stem}",
                f"ss/{stem}",
                stem,
            ),
        ),
    )


def test_a_picture_of_two_settings_is_told_apart_by_the_setting(toy: Path) -> None:
    both = by_id(open_ground_truth(toy))
    ms, msmi = both[f"ms_{NUMBER}"].frames[0], both[f"msmi_{NUMBER}"].frames[0]
    assert ms.mask_file == msmi.mask_file == f"VPO/VPO-MS/mask/{NUMBER}.png"
    own = (f"VPO-MS/mask/{NUMBER}", f"ms/ms_{NUMBER}", f"ms_{NUMBER}", f"VPO-MS/{NUMBER}", f"ms/{NUMBER}")
    one_mask = (f"VPO/VPO-MS/mask/{NUMBER}", NUMBER)  # a prediction by these names serves both
    assert ms.names == (one_mask[0], *own, one_mask[1])
    assert msmi.names == tuple(
        name if name in one_mask else name.replace("MS", "MSMI").replace("ms", "msmi") for name in ms.names
    )
    alone = by_id(open_ground_truth(toy, Selection("", ("msmi",))))[f"msmi_{NUMBER}"].frames[0]
    assert {f"VPO/VPO-MS/mask/{NUMBER}", NUMBER} <= set(alone.names)


def test_settings_are_chosen(toy: Path) -> None:
    assert {s.setting for s in open_ground_truth(toy, Selection("", ("ss", "ms"))).samples} == {"ss", "ms"}
    with pytest.raises(DataError, match=r"split 'val'; there is test/ms 1, test/msmi 2, test/ss 1, train/ms 1, "):
        open_ground_truth(toy, Selection("val"))


def test_variants_are_read_as_sets_of_their_own(toy: Path, toy_dataset: Any) -> None:
    write_info(toy, replace(toy_dataset[2], variants=("silence",)))
    assert open_ground_truth(toy).variants == ("silence",)
    place = toy / "variants" / "silence"
    place.mkdir(parents=True)
    silent = [replace(sample, truth="empty", variant="silence") for sample in read_manifest(toy / MANIFEST)]
    write_manifest(place / MANIFEST, silent)
    write_info(place, replace(toy_dataset[2], variant="silence"))
    with pytest.raises(DataError, match=rf"3 mask files are missing: VPO/VPO-MS/mask/{NUMBER}.png, .*gt-incomplete"):
        open_ground_truth(place)
    shutil.copytree(toy / "VPO", place / "VPO")
    gt = open_ground_truth(place)
    assert (gt.variant, gt.variants, gt.layout) == ("silence", (), "vpo")
    assert {sample.truth for sample in gt.samples} == {"empty"}


def test_missing_masks_are_named_at_once(toy: Path) -> None:
    (toy / f"VPO/VPO-MS/mask/{NUMBER}.png").unlink()
    shutil.rmtree(toy / "VPO/VPO-SS/mask/car")
    with pytest.raises(
        DataError, match=rf"2 mask files are missing: VPO/VPO-MS/mask/{NUMBER}.png, VPO/VPO-SS/mask/car/"
    ):
        open_ground_truth(toy)


def test_only_lines_of_the_split_are_parsed_but_half_a_line_is_found(toy: Path) -> None:
    before, path = open_ground_truth(toy), toy / MANIFEST
    text = path.read_text()
    path.write_text('{"split":"train", damaged}\n' + text)
    assert open_ground_truth(toy) == before
    path.write_text(text.replace('"split":"test"', '"split" : "test"'))
    assert open_ground_truth(toy) == before
    path.write_text(text + '{"id":"ss_1","sett')
    with pytest.raises(DataError, match=rf"{MANIFEST}:8: not a sample .*manifest-unreadable"):
        open_ground_truth(toy)


@pytest.mark.parametrize(
    "line",
    [
        '"test"', '["test"]', '{"split": "test"}', '{"split": "test", "setting": 3}', "[" * 50_000 + '"test"',
        '{"split": "test", "setting": "ms", "id": "a"}', '{"test": \udcff}',
    ],
)  # fmt: skip
def test_damaged_lines_are_told(toy: Path, line: str) -> None:
    (toy / MANIFEST).write_bytes((line + "\n").encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match="manifest-unreadable") as caught:
        open_ground_truth(toy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"mask_file": "../../etc/passwd"}, {"mask_file": "/etc/passwd"}, {"image_file": "a/../../b.jpg"},
        {"mixture_file": "C:\\a.wav"}, {"mask_file": 3}, {"id": None}, {"sources": [{}]}, {"sources": 3},
        {"mask_file": ""}, {"sources": [{"instance": {"category": ["a"]}}]},
    ],
)  # fmt: skip
def test_hostile_samples_are_refused(toy: Path, change: dict[str, Any]) -> None:
    row = json.loads((toy / MANIFEST).read_text().splitlines()[-1])
    (toy / MANIFEST).write_text(json.dumps({**row, **change}) + "\n")
    with pytest.raises(DataError, match=r"unsafe-path|manifest-unreadable|gt-incomplete"):
        open_ground_truth(toy)


def test_some_categories_keep_the_indices_of_all(toy: Path, toy_dataset: Any) -> None:
    """`vpo build --labels` with four of VPO's categories and one of its own, the 22nd: label maps fit those of all 21."""
    info, whole = toy_dataset[2], open_ground_truth(toy)
    chosen = [row for row in info.categories if row[0] in (6, 9, 18)]
    write_info(toy, replace(info, categories=(*chosen, (23, "whale", 99))))
    some = open_ground_truth(toy)
    assert some.categories == (*whole.categories, "unused 22", "whale")
    assert {value: whole.values[value] for _, _, value in chosen} | {0: 0, 99: 23, 255: 255} == dict(some.values)


def test_an_unfinished_or_damaged_set_is_told(toy: Path, toy_dataset: Any) -> None:
    info = toy_dataset[2]
    write_info(toy, replace(info, categories=((1, "dog", 18), (1, "cat", 17))))
    with pytest.raises(DataError, match=r"two categories have one index.*bad-category"):
        open_ground_truth(toy)
    for text in ("[" * 50_000, (toy / DATASET).read_text().replace("18", "1e999", 1)):
        (toy / DATASET).write_text(text)
        with pytest.raises(DataError, match=r"nested too deeply or has numbers without end.*not-a-dataset"):
            open_ground_truth(toy)
    (toy / DATASET).unlink()
    with pytest.raises(DataError, match=r"no readable dataset.json.*not-a-dataset"):
        open_ground_truth(toy)


def official(toy: Path) -> Path:
    for name in (DATASET, MANIFEST):
        (toy / name).unlink()
    return toy


def test_the_official_tables_alone_give_the_same(toy: Path) -> None:
    built = open_ground_truth(toy)
    found = open_ground_truth(official(toy))
    silent = tuple(replace(sample, audio_file="") for sample in built.samples)  # the official loaders mix
    assert found == replace(built, samples=silent)


@pytest.mark.parametrize("inner", ["VPO", "VPO/VPO-MSMI", "VPO/VPO-SS"])
def test_the_official_layout_is_found_from_within(toy: Path, inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = by_id(open_ground_truth(official(toy)))
    gt = open_ground_truth(toy / inner)
    assert gt.root == toy / "VPO"
    wanted = {"VPO": SETTINGS, "VPO/VPO-MSMI": ("msmi",), "VPO/VPO-SS": ("ss",)}[inner]
    assert list(by_id(gt)) == [id for id, sample in whole.items() if sample.setting in wanted]
    for sample in gt.samples:
        assert (gt.root / sample.frames[0].mask_file).samefile(toy / whole[sample.id].frames[0].mask_file)
        assert set(sample.frames[0].names) >= set(whole[sample.id].frames[0].names)
        assert inner != "VPO" or sample.frames[0].names == whole[sample.id].frames[0].names
    monkeypatch.chdir(toy / inner)
    assert list(by_id(open_ground_truth("."))) == list(by_id(gt))


def test_val_of_the_official_tables_is_their_test_set(toy: Path) -> None:
    before = open_ground_truth(official(toy))
    for setting in SETTINGS:
        path = toy / csv_file(setting)
        path.write_text(path.read_text().replace(",test,", ",val,"))
        path.rename(path.with_name(path.name.replace("_stereo", "")))
    after = open_ground_truth(toy)
    assert after.samples == before.samples
    assert after.remarks[1] == "split val of vpo_ss_data.csv is the test set, as the official loader has it"
    assert len(after.remarks) == 4


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("6,602,../../x,3,clip,0.5,test,0,label", "unsafe-path"),
        ("6.5,601,car,3,clip,0.5,test,0,label", r"found '6.5' as img_Id, expected a whole number.*csv-row"),
        ("6,,car,3,clip,0.5,test,0,label", r"found '' as ann_Ids"),
        ("7,701,car,3,clip,0.5,test,0,label", r"1 mask files are missing: VPO/VPO-SS/mask/car/000000000007_"),
        ("6,601", "csv-row"),
        ("6,601,car,3,clip,0.5,test,0,label", r"found twice: ss_000000000006_000000000601; .*duplicate-sample"),
    ],
)
def test_bad_rows_of_official_tables(toy: Path, row: str, told: str) -> None:
    with open(official(toy) / csv_file("ss"), "a") as stream:
        stream.write(row + "\n")
    with pytest.raises(DataError, match=told):
        open_ground_truth(toy)


def test_a_column_that_the_loaders_need(toy: Path) -> None:
    path = official(toy) / csv_file("ss")
    path.write_text(path.read_text().replace("cateName", "name"))
    with pytest.raises(DataError, match=r"found the columns img_id, .*; expected one named catename \[csv-columns\]"):
        open_ground_truth(toy)
    assert CSV_COLUMNS[2] == "cateName"


def test_the_other_layout_of_vpo_build_holds_indices(toy: Path, toy_dataset: Any) -> None:
    folder = "vpo_ms/" + NUMBER
    sample = next(s for s in read_manifest(toy / MANIFEST) if s.id == f"ms_{NUMBER}")
    (toy / folder / "labels_semantic").mkdir(parents=True)
    shutil.copy(toy / sample.mask_file, toy / folder / "labels_semantic/0.png")
    shutil.rmtree(toy / "VPO")
    write_manifest(toy / MANIFEST, [replace(sample, mask_file=f"{folder}/labels_semantic/0.png")])
    write_info(toy, replace(toy_dataset[2], layout="avss"))
    (toy / "metadata.csv").write_text("uid,label,split\n")  # an AVSS folder too, but the manifest says more
    (toy / "label2idx.json").write_text("{}")
    gt = open_ground_truth(toy)
    assert (gt.layout, gt.values, len(gt.categories)) == ("vpo", {}, 22)
    assert gt.samples[0].frames[0].names == (
        f"{folder}/labels_semantic/0", f"ms/ms_{NUMBER}", f"ms_{NUMBER}", folder, NUMBER,
    )  # fmt: skip


def test_names_of_predictions() -> None:
    assert prediction_names("ms", "VPO/VPO-MS/mask/1.png", "x") == (
        "VPO/VPO-MS/mask/1", "VPO-MS/mask/1", "ms/x", "x", "VPO-MS/1", "ms/1", "1",
    )  # fmt: skip
