"""`avsbench inspect`: nothing to find in complete sets, and every damage under its own name."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from inspection_cases import SECONDS, WRITERS, write_complete, write_wav
from PIL import Image

from avsbench_tools.cli import main
from avsbench_tools.findings import Finding
from avsbench_tools.inspection import Inspection, inspect_folder
from avsbench_tools.inspection_report import to_json, to_text
from evaluators.errors import DataError
from evaluators.masks import read_label_map, write_label_map
from evaluators.tensors import encode_tensor
from evaluators.videos import open_videos, write_videos

DOG, CAT = "_dogC_5000_10000", "catD_2000_7000"  # S4's test videos
MASKS = "Single-source/s4_data/gt_masks"
FRAMES = "Single-source/s4_data/visual_frames"
LOG_MELS = "Single-source/s4_data/audio_log_mel"
TABLE = "Single-source/s4_meta_data.csv"
V1M, V1S = "AVSS/v1m/multiB_0", "AVSS/v1s/_dogC_5000_10000"


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("complete")
    with pytest.MonkeyPatch.context() as patch:
        for name in WRITERS:
            write_complete(name, folder, patch)
        yield folder


@pytest.fixture
def copy(complete: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(complete, tmp_path / "copy"))


def found(folder: Path) -> dict[str, list[Finding]]:
    """Findings by reason."""
    reasons: dict[str, list[Finding]] = {}
    for one in inspect_folder(folder, workers=1).findings:
        reasons.setdefault(one.reason, []).append(one)
    return reasons


def only(folder: Path, reason: str) -> Finding:
    """The one finding that there is."""
    findings = found(folder)
    assert {name: len(these) for name, these in findings.items()} == {reason: 1}
    return findings[reason][0]


def counts(inspection: Inspection) -> dict[str, tuple[int, dict[str, tuple[int, int]]]]:
    return {part.name: (part.found, part.files) for holding in inspection.holdings for part in holding.parts}


def test_nothing_to_find_in_complete_sets(complete: Path) -> None:
    inspection = inspect_folder(complete, workers=1)
    assert [holding.name for holding in inspection.holdings] == ["s4", "ms3", "avss"]
    assert (inspection.findings, inspection.notes) == ((), ())
    assert counts(inspection)["s4/train"] == (
        1,
        {"frames": (5, 5), "masks": (1, 1), "audio": (1, 1), "log-mels": (1, 1)},
    )
    assert counts(inspection)["v2/val"] == (1, {"frames": (10, 10), "masks": (10, 10), "audio": (1, 1)})
    assert to_text(inspection).endswith("\n\ncomplete: everything that the tables list is there")


@pytest.mark.parametrize(
    ("inner", "names"),
    [
        ("Single-source", ["s4"]),
        ("Single-source/s4_data", ["s4"]),
        ("Multi-sources", ["ms3"]),
        ("AVSS", ["avss"]),
        ("..", ["s4", "ms3", "avss"]),
    ],
)
def test_sets_are_found_from_wherever_one_stands(copy: Path, inner: str, names: list[str]) -> None:
    assert [holding.name for holding in inspect_folder(copy / inner, workers=1).holdings] == names


def test_the_table_shows_what_is_there_listed_and_published(copy: Path) -> None:
    (copy / FRAMES / f"test/dog_barking/{DOG}/{DOG}_2.png").unlink()
    rows = [line.split() for line in to_text(inspect_folder(copy / "Single-source", workers=1)).splitlines()[1:6]]
    assert rows == [
        ["videos", "listed", "published", "frames", "masks", "audio", "log-mels"],
        ["s4", "train", "1", "1", "3,452", "5", "1", "1", "1"],
        ["s4", "val", "1", "1", "740", "5", "5", "1", "1"],
        ["s4", "test", "2", "2", "740", "9/10", "10", "2", "2"],
        ["all", "4", "4", "4,932", "19/20", "16", "4", "4"],
    ]


def test_a_video_of_which_nothing_is_there_is_told_once(copy: Path) -> None:
    shutil.rmtree(copy / V1M)
    assert only(copy, "video-missing").message == "1 of 1 videos of v1m/test are not there"


def test_what_a_video_lacks_is_told_by_kind(copy: Path) -> None:
    (copy / "Single-source/s4_data/audio_wav/test/dog_barking" / f"{DOG}.wav").unlink()
    shutil.rmtree(copy / V1S / "frames")
    (copy / MASKS / f"test/dog_barking/{DOG}/{DOG}_5.png").unlink()
    (copy / LOG_MELS / f"test/cat_meowing/{CAT}.pkl").unlink()
    findings = found(copy)
    assert {reason: [one.names for one in these] for reason, these in findings.items()} == {
        "audio-missing": [(DOG,)],
        "frame-missing": [(DOG,)],
        "mask-missing": [(f"{MASKS}/test/dog_barking/{DOG}/{DOG}_5.png",)],
        "log-mel-missing": [(CAT,)],
    }
    assert findings["audio-missing"][0].message == "1 of 2 videos of s4/test have no audio"


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("audio_wav", "audio-missing"), ("audio_log_mel", "log-mel-missing"), ("visual_frames", "frame-missing")],
)
def test_half_a_set_is_one_finding(copy: Path, folder: str, reason: str) -> None:
    shutil.rmtree(copy / "Single-source/s4_data" / folder)
    assert only(copy, reason).message.startswith("none of 4 videos of s4 has ")


def test_masks_alone_are_a_set_too(copy: Path) -> None:
    for folder in ("audio_wav", "audio_log_mel", "visual_frames"):
        shutil.rmtree(copy / "Multi-sources/ms3_data" / folder)
    assert set(found(copy / "Multi-sources")) == {"audio-missing", "log-mel-missing", "frame-missing"}


def renumber(folder: Path, pattern: str, change: Callable[[str], str]) -> None:
    for path in sorted(folder.glob(pattern)):
        path.rename(path.with_name(change(path.name)))


def from_zero(name: str) -> str:
    head, number = name.removesuffix(".png").rsplit("_", 1)
    return f"{head}_{int(number) - 1}.png"


def test_frames_counted_from_0_are_told_as_that(copy: Path) -> None:
    renumber(copy / FRAMES, "*/*/*/*.png", from_zero)
    one = only(copy, "mis-numbered")
    assert one.message == "frames of 4 videos of s4 have numbers 0 to 4, expected 1 to 5"
    assert one.names[0] == f"{FRAMES}/train/dog_barking/-dogA_1000_6000"


def test_names_without_mp4_are_told_as_that(copy: Path) -> None:
    renumber(copy / "Multi-sources/ms3_data/visual_frames", "*/*.png", lambda name: name.replace(".mp4", ""))
    text = "frames of 4 videos of ms3 have names without .mp4, expected <video>.mp4_<number>"
    assert only(copy, "misnamed").message == text


def test_numbers_with_leading_zeros_are_told_as_that(copy: Path) -> None:
    renumber(copy / V1M / "frames", "*.jpg", lambda name: f"0000{name}")
    text = "frames of 1 videos of avss have numbers with leading zeros (00000), expected 0"
    assert only(copy, "mis-numbered").message == text


def test_a_frame_too_many_is_extra(copy: Path) -> None:
    place = copy / MASKS / f"test/dog_barking/{DOG}"
    shutil.copy(place / f"{DOG}_5.png", place / f"{DOG}_6.png")
    assert only(copy, "extra-file").names == (f"{MASKS}/test/dog_barking/{DOG}/{DOG}_6.png",)


def test_further_masks_of_a_training_video_are_a_note(copy: Path) -> None:
    place = copy / MASKS / "train/dog_barking/-dogA_1000_6000"
    shutil.copy(place / "-dogA_1000_6000_1.png", place / "-dogA_1000_6000_2.png")
    inspection = inspect_folder(copy, workers=1)
    assert [one.reason for one in (*inspection.findings, *inspection.notes)] == ["more-masks"]
    assert inspection.findings == ()


def test_folders_that_no_row_names(copy: Path) -> None:
    shutil.copytree(copy / V1M, copy / "AVSS/v1m/unlisted")
    assert only(copy, "extra-folder").names == ("AVSS/v1m/unlisted",)


def test_hidden_files_are_counted_and_no_finding(copy: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "._a.png", "._b.png"):
        (copy / V1M / "labels_semantic" / name).write_bytes(b"x")
    inspection = inspect_folder(copy, workers=1)
    assert inspection.findings == ()
    assert inspection.ignored == {".DS_Store": 1, "._*": 2, "Thumbs.db": 1}
    assert "4 hidden files and folders were ignored" in to_text(inspection)


def test_a_split_folder_of_another_name(copy: Path) -> None:
    (copy / FRAMES / "val").rename(copy / FRAMES / "validate")
    findings = found(copy)
    assert set(findings) == {"misnamed-folder", "frame-missing"}
    assert findings["misnamed-folder"][0].names == (f"{FRAMES}/validate (expected val)",)


def test_files_without_a_byte(copy: Path) -> None:
    (copy / V1M / "audio.wav").write_bytes(b"")
    (copy / V1M / "labels_semantic/0.png").write_bytes(b"")
    names = {name for one in found(copy)["empty-file"] for name in one.names}
    assert names == {f"{V1M}/audio.wav", f"{V1M}/labels_semantic/0.png"}


def test_a_table_in_another_dialect_is_fine(copy: Path) -> None:
    text = (copy / TABLE).read_text().replace(",", ";").replace("\n", "\r\n")
    (copy / TABLE).write_text("\ufeff" + text)
    assert found(copy) == {}


def test_bad_rows_are_told_and_the_rest_is_looked_at(copy: Path) -> None:
    with open(copy / TABLE, "a") as stream:
        stream.write(f"short\n../x,0,dog_barking,test\n{DOG},5,dog_barking,train\n")
    inspection = inspect_folder(copy, workers=1)
    assert {one.reason: one.names for one in inspection.findings} == {
        "csv-row": ("line 6",),
        "unsafe-path": ("line 7",),
        "duplicate-row": (f"{DOG} (line 8 repeats line 4 as train, there as test)",),
    }
    assert counts(inspection)["s4/test"][0] == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "csv-unreadable"),
        (b"name\n", "csv-columns"),
        (b"name,start,category,split\n\xff\xfe,0,a,test\n", "csv-unreadable"),
    ],
)
def test_a_table_that_cant_be_read_leaves_the_other_sets(copy: Path, content: bytes, reason: str) -> None:
    (copy / TABLE).write_bytes(content)
    assert only(copy, reason).where.endswith("s4_meta_data.csv")
    assert counts(inspect_folder(copy, workers=1))["ms3/test"][0] == 2


def test_without_the_tables_the_files_are_counted(copy: Path) -> None:
    (copy / TABLE).unlink()
    (copy / "AVSS/metadata.csv").unlink()
    messages = [one.message for one in found(copy)["table-missing"]]
    assert messages[0].startswith(f"s4_meta_data.csv is not there; files: 16 in {MASKS}, 20 in {FRAMES}")
    assert messages[1].startswith("there is no metadata.csv; files: ")


@pytest.mark.parametrize(("written", "meant"), [("validate", "val"), ("Val", "val"), ("validation", "val")])
def test_a_split_by_another_name_is_told_with_what_it_means(copy: Path, written: str, meant: str) -> None:
    (copy / TABLE).write_text((copy / TABLE).read_text().replace(",val", f",{written}"))
    text = f"rows of the split '{written}', which probably means {meant}: 1; expected train, val or test"
    assert only(copy, "unknown-split").message == text


def test_a_video_on_the_web_in_two_splits_is_a_leak(copy: Path) -> None:
    lines = (copy / "AVSS/metadata.csv").read_text()
    (copy / "AVSS/metadata.csv").write_text(
        f"{lines}x,abcdefghijk_0,0,0,dog,train,v1m\nx,abcdefghijk_1,0,0,dog,test,v1m\n"
    )
    assert found(copy)["leak"][0].names == ("abcdefghijk (train, test)",)


def test_words_of_a_obj(copy: Path) -> None:
    table = copy / "AVSS/metadata.csv"
    table.write_text(table.read_text().replace("man_guitar", "g uitar_dragon_off-the-screen"))
    inspection = inspect_folder(copy, workers=1)
    assert {one.reason: one.message for one in inspection.findings} == {
        "misspelt-category": "rows with 'g uitar' in a_obj, which is taken for guitar: 1",
        "unknown-category": "words in a_obj that are no category: dragon (1)",
    }
    assert [(one.reason, one.names) for one in inspection.notes] == [("off-the-screen", ("multiB_0",))]


def mask_file(copy: Path, number: int = 1) -> Path:
    return copy / MASKS / f"test/dog_barking/{DOG}/{DOG}_{number}.png"


def stored(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def zero_one(path: Path) -> None:
    Image.fromarray((stored(path) > 0).astype(np.uint8)).save(path)


def voc_palette(path: Path) -> None:
    write_label_map(path, (stored(path) > 0).astype(np.uint8))


def soft(path: Path) -> None:
    Image.fromarray(np.tile(np.arange(224, dtype=np.uint8), (224, 1))).save(path)


def see_through(path: Path) -> None:
    image = Image.open(path).convert("RGBA")
    image.putalpha(Image.fromarray(stored(path)))
    image.save(path)


def dark_red(path: Path) -> None:
    colours = np.zeros((224, 224, 3), np.uint8)
    colours[stored(path) > 0] = (128, 0, 0)
    Image.fromarray(colours).save(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def clear(path: Path) -> None:
    Image.fromarray(np.zeros((224, 224), np.uint8)).save(path)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (zero_one, "mask-zero-one"),
        (voc_palette, "mask-encoding"),
        (dark_red, "mask-encoding"),
        (soft, "mask-soft"),
        (see_through, "mask-mode"),
        (cut, "mask-unreadable"),
        (clear, "mask-empty"),
    ],
)
def test_each_fault_of_a_mask_has_its_name(copy: Path, damage: Callable[[Path], None], reason: str) -> None:
    damage(mask_file(copy))
    one = only(copy, reason)
    assert len(one.names) == 1
    assert one.names[0].startswith(mask_file(copy).relative_to(copy).as_posix())


def test_forms_that_the_official_loader_reads_right_are_fine(copy: Path) -> None:
    for number, mode in enumerate(("1", "RGB", "P", "L"), 1):
        path = mask_file(copy, number)
        Image.open(path).convert(mode).save(path)
        assert (stored(path) > 0).any()
    assert found(copy) == {}


def test_ms3_is_read_by_another_mode_than_s4(copy: Path) -> None:
    """Mode P of a black and white RGB picture gives places in another palette: 0 and 215 or the like, not 255."""
    path = copy / "Multi-sources/ms3_data/gt_masks/test/multiB/multiB_1.png"
    Image.open(path).convert("RGB").save(path)
    assert only(copy, "mask-encoding").message == "masks that hold colours in place of grey 0 and 255: 1"


def test_sizes(copy: Path) -> None:
    Image.open(mask_file(copy)).resize((100, 80), Image.Resampling.NEAREST).save(mask_file(copy))
    Image.new("RGB", (30, 20)).save(copy / V1M / "frames/3.jpg")
    names = {reason: [name for one in these for name in one.names] for reason, these in found(copy).items()}
    assert names == {
        "mask-size": [
            f"{MASKS}/test/dog_barking/{DOG}/{DOG}_1.png (100 x 80, 224 x 224)",
            f"{V1M}/labels_semantic/3.png (224 x 224, 30 x 20)",
        ],
        "not-224": [f"{DOG} (100 x 80)"],
        "frame-sizes": [f"{V1M}/frames/3.jpg (30 x 20, 224 x 224)"],
    }


def test_frames_that_are_cut_off_or_no_pictures(copy: Path) -> None:
    path = copy / V1M / "frames/4.jpg"
    path.write_bytes(path.read_bytes()[:-100])
    (copy / V1M / "frames/2.jpg").write_bytes(b"hello")
    names = [one.names for one in found(copy)["frame-unreadable"]]
    assert names == [(f"{V1M}/frames/2.jpg",), (f"{V1M}/frames/4.jpg",)]


def test_stray_and_unlisted_categories(copy: Path) -> None:
    path = copy / V1S / "labels_semantic/0.png"
    labels = read_label_map(path)
    labels[100, 100:108] = 4  # baby, 8 pixels, as in a thread of users
    write_label_map(path, labels)
    shutil.rmtree(copy / V1S / "labels_rgb")
    assert only(copy, "stray-category").names == (f"{V1S}/labels_semantic/0.png (baby, 8 pixels)",)
    labels[50:100] = 4
    write_label_map(path, labels)
    assert only(copy, "unlisted-category").names == (f"{V1S}/labels_semantic/0.png (baby, 11,208 pixels)",)
    labels[50:100] = 99
    write_label_map(path, labels)
    assert set(found(copy)) == {"label-range"}


def test_colours_off_the_palette_and_maps_that_differ(copy: Path) -> None:
    path = copy / V1M / "labels_rgb/3.png"
    colours = stored(path).copy()
    colours[50, 1:8] = (1, 2, 3)
    Image.fromarray(colours).save(path)
    assert only(copy, "stray-colours").names == (f"{V1M}/labels_semantic/3.png (7 pixels)",)
    colours[50:100] = (1, 2, 3)
    Image.fromarray(colours).save(path)
    assert only(copy, "off-palette").names[0].startswith(f"{V1M}/labels_rgb/3.png (11,200 of 50,176 pixels (22.32%)")
    colours[50:100] = (0, 128, 0)  # airplane
    Image.fromarray(colours).save(path)
    assert set(found(copy)) == {"labels-differ"}


def test_sounds(copy: Path) -> None:
    write_wav(copy / V1M / "audio.wav", SECONDS, rate=44_100)
    write_wav(copy / V1S / "audio.wav", 3)
    path = copy / "AVSS/v2/wolfF_0_10000/audio.wav"
    path.write_bytes(path.read_bytes()[:2000])
    (copy / "AVSS/v1s/dogA_1000_6000/audio.wav").write_bytes(b"ID3 and so on, which is no wav")
    write_wav(copy / f"Single-source/s4_data/audio_wav/test/dog_barking/{DOG}.wav", SECONDS, channels=2)
    inspection = inspect_folder(copy, workers=1)
    assert {one.reason: one.names[0] for one in inspection.findings} == {
        "audio-rate": f"{V1M}/audio.wav (44,100 Hz)",
        "audio-length": f"{V1S}/audio.wav (3.0 s, 5 frames)",
        "audio-truncated": "AVSS/v2/wolfF_0_10000/audio.wav (318,044 bytes are missing)",
        "audio-unreadable": "AVSS/v1s/dogA_1000_6000/audio.wav (it doesn't begin as a wav)",
    }
    assert [one.message for one in inspection.notes] == ["sounds of 2 channels: 1"]


class Command:
    """Pickles as a call of the system's shell."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo ran > ran",)


def test_log_mels(copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    hostile, short, other = (
        copy / LOG_MELS / name
        for name in (
            f"test/cat_meowing/{CAT}.pkl",
            f"test/dog_barking/{DOG}.pkl",
            "val/cat_meowing/catB_0_5000.pkl",
        )
    )
    hostile.write_bytes(pickle.dumps(Command()))
    short.write_bytes(encode_tensor(np.zeros((3, 1, 96, 64), np.float32)))
    np.save(other.with_suffix(".npy"), np.zeros((SECONDS, 1, 96, 64), np.float32))
    other.unlink()  # replaced by the other form, which is as good
    findings = found(copy)
    assert set(findings) == {"unsafe-pickle", "log-mel-length"}
    assert findings["log-mel-length"][0].names == (f"{LOG_MELS}/test/dog_barking/{DOG}.pkl (3, 1, 96, 64)",)
    assert not (tmp_path / "ran").exists()


def test_any_number_of_workers_tells_the_same(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avsbench_tools.inspection.ALONE", 0)
    for number in range(1, 5):
        zero_one(mask_file(copy, number))
    soft(copy / MASKS / "train/dog_barking/-dogA_1000_6000/-dogA_1000_6000_1.png")
    single = inspect_folder(copy, workers=1)
    assert [one.reason for one in single.findings] == ["mask-soft", "mask-zero-one"]  # in the order of the table
    assert to_json(single) == to_json(inspect_folder(copy, workers=2))


def test_without_masks_nothing_is_opened(copy: Path) -> None:
    zero_one(mask_file(copy))
    inspection = inspect_folder(copy, masks=False)
    assert inspection.findings == ()
    assert to_text(inspection).endswith("files were not opened (--no-masks)")


def test_the_json_has_every_name(copy: Path) -> None:
    for path in (copy / V1M / "frames").iterdir():
        path.write_bytes(b"no picture")
    document = json.loads(to_json(inspect_folder(copy, workers=1)))
    assert document["complete"] is False
    assert [len(one["names"]) for one in document["findings"]] == [5]
    train = document["datasets"][0]["parts"][0]
    assert (train["published"], train["published_masks"], train["source"]) == (3452, 3452, "AVSBench paper, Table 1")
    assert train["categories"] == {"dog_barking": {"listed": 1, "found": 1}}


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere", "not-a-folder"), ("empty", "empty-folder"), ("other", "unknown-layout"), ("v1s", "unknown-layout")],
)
def test_folders_that_hold_nothing_known(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("other", "v1s"):
        (tmp_path / folder / "pictures").mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        inspect_folder(tmp_path / name)
    assert caught.value.reason == reason
    assert ("above this one" in str(caught.value)) == (name == "v1s")


def test_the_command(complete: Path, copy: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(main, ["inspect", str(complete), "--workers", "1"]).exit_code == 0
    (copy / V1M / "audio.wav").unlink()
    bad = run(main, ["inspect", str(copy), "--json", str(tmp_path / "found.json"), "--workers", "1"])
    assert bad.exit_code == 1
    assert "audio-missing" in bad.output
    assert json.loads((tmp_path / "found.json").read_text())["findings"][0]["names"] == ["multiB_0"]
    quiet = run(main, ["inspect", str(copy), "--quiet", "--workers", "1"])
    assert (quiet.exit_code, quiet.output) == (1, "")


def test_names_that_are_no_plain_text_are_told_plainly(copy: Path) -> None:
    place = copy / V1M / "frames"
    (place / "\x1b[2J.jpg").write_bytes(b"x")
    with open(bytes(place) + b"/\xff.jpg", "wb") as stream:
        stream.write(b"x")
    inspection = inspect_folder(copy, workers=1)
    text = to_text(inspection)
    assert "\x1b" not in text
    assert r"frames/\x1b[2J.jpg" in text
    assert r"frames/\udcff.jpg" in text
    assert len(json.loads(to_json(inspection).encode())["findings"][0]["names"]) == 2


def test_pipes_and_links_to_nowhere_count_as_missing(copy: Path) -> None:
    for name in ("audio.wav", "frames/1.jpg", "labels_semantic/1.png"):
        (copy / V1M / name).unlink()
        os.mkfifo(copy / V1M / name)
    (copy / LOG_MELS / f"test/cat_meowing/{CAT}.pkl").unlink()
    (copy / LOG_MELS / f"test/cat_meowing/{CAT}.pkl").symlink_to("nowhere")
    findings = found(copy)
    assert set(findings) == {"audio-missing", "frame-missing", "mask-missing", "mask-unreadable", "log-mel-missing"}


def test_a_folder_that_cant_be_listed_is_told(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("multiB_0/frames"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (one,) = found(copy)["unreadable-folder"]
    assert one.names == (f"{copy}/{V1M}/frames (Permission denied)",)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"frames/', '"../frames/', ""),
        ("s4_data/visual_frames", "../visual_frames", "unsafe-path"),
        ('"image_file":"', '"image_file":7,"other":"', "manifest-unreadable"),
        ('"id":', '"name":', "manifest-unreadable"),
        ("{", "", "manifest-unreadable"),
    ],
)
def test_a_damaged_manifest(copy: Path, tmp_path: Path, old: str, new: str, reason: str) -> None:
    write_videos(tmp_path / "set", open_videos(copy / "Single-source"), "0")
    assert found(tmp_path / "set") == {}
    path = tmp_path / "set/manifest.jsonl"
    path.write_text(path.read_text().replace(old, new, 1))
    assert set(found(tmp_path / "set")) == ({reason} if reason else set())


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("meta.csv", "name,start,category,split\na_0_5,0,dog_barking,test\n", "s4"),
        ("meta.csv", "video_id,split\na_0,test\n", "ms3"),
        ("meta.csv", "vid,uid,s_min,s_sec,a_obj,split,label\na,a_0_5000,0,0,dog,test,v1s\n", "avss"),
        ("vggsound.csv", "abcdefghijk,12,dog barking,train\n", "vggsound"),
    ],
)
def test_a_table_alone(tmp_path: Path, name: str, content: str, expected: str) -> None:
    (tmp_path / name).write_text(content)
    for path in (tmp_path, tmp_path / name):
        inspection = inspect_folder(path)
        (holding,) = inspection.holdings
        assert (holding.name, holding.form, holding.parts[0].listed) == (expected, "table", 1)
        assert inspection.findings == ()
        assert to_text(inspection).endswith("the tables are in order")


def test_a_dataset_of_ours_needs_no_official_table(copy: Path) -> None:
    videos = open_videos(copy / "AVSS")
    (copy / "AVSS/metadata.csv").unlink()
    write_videos(copy / "AVSS", videos, "0")
    assert found(copy / "AVSS") == {}


def test_another_table_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "meta.csv").write_text("colour,price\nred,3\n")
    with pytest.raises(DataError, match="unknown-layout"):
        inspect_folder(tmp_path / "meta.csv")
