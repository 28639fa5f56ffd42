"""`avsbench convert` on tiny official folders: what stands after it, damaged input, a run that is stopped, and the user's slips."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_files import png, raw_png
from mini_avsbench import write_avss, write_ms3, write_s4
from PIL import Image

from avsbench_tools import carry_out, conversion_state
from avsbench_tools.cli import main
from avsbench_tools.conversions import Conversion, Done
from avsbench_tools.convert import convert
from avsbench_tools.outcome import Outcome
from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.files import link_or_copy
from evaluators.ground_truth import Selection, open_ground_truth
from evaluators.masks import decode_gt
from evaluators.progress import Progress
from evaluators.videos import open_videos

VOC = bytes(channel for index in range(256) for channel in voc_colour(index))
WRITERS = {"s4": write_s4, "ms3": write_ms3, "avss": write_avss}
METADATA = "vid,uid,s_min,s_sec,a_obj,split,label\n" + "".join(
    f"{uid},{uid},0,0,{objects},test,v1m\n"
    for uid, objects in (
        ("multiA_0", "dog"),
        ("multiA_1", "man_guitar"),
        ("multiB", "piano"),
        ("multiB_0", "background"),
    )
)


def run(src: Path, dst: Path, form: str, *, workers: int = 1, **options: object) -> Outcome:
    return convert(src, dst, replace(Conversion(form), **options), workers=workers, progress=Progress())  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, bytes]:
    """Bytes of each file, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def reasons(outcome: Outcome) -> set[tuple[str, str]]:
    return {(rejection.item, rejection.reason) for rejection in outcome.rejected}


def warned(outcome: Outcome) -> set[tuple[str, str]]:
    return {(found.item, found.reason) for found in outcome.rejections if found.warning}


def gt_pixels(folder: Path, split: str = "test") -> dict[tuple[str, int], np.ndarray]:
    """Every annotated frame's mask, as the scorer reads it."""
    gt = open_ground_truth(folder, Selection(split))
    return {
        (sample.id, frame.number): decode_gt((gt.root / frame.mask_file).read_bytes(), frame.mask_file, gt)
        for sample in gt.samples
        for frame in sample.frames
    }


def same_pixels(one: dict[tuple[str, int], np.ndarray], other: dict[tuple[str, int], np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    ("name", "form", "copy"),
    [("s4", "labels", False), ("ms3", "manifest", True), ("avss", "object", False), ("avss", "semantic", True)],
)
def test_any_number_of_workers_and_a_second_run_give_the_same_bytes(
    name: str, form: str, copy: bool, tmp_path: Path
) -> None:
    source = WRITERS[name](tmp_path / "src")
    before = tree(source)
    first = run(source, tmp_path / "one", form, copy=copy)
    second = run(source, tmp_path / "two", form, copy=copy, workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert (first.done, first.rejections) == (second.done, second.rejections)
    again = run(source, tmp_path / "one", form, copy=copy)
    assert (again.done, again.already, again.rejections) == (0, first.done, first.rejections)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert tree(source) == before


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_the_scorer_reads_the_same_masks_from_a_manifest(name: str, copy: bool, tmp_path: Path) -> None:
    source = WRITERS[name](tmp_path / "src")
    run(source, tmp_path / "dst", "manifest", copy=copy)
    for split in ("train", "test"):
        assert same_pixels(gt_pixels(tmp_path / "dst", split), gt_pixels(source, split))
    assert (tmp_path / "dst" / "dataset.json").is_file()
    assert len(list((tmp_path / "dst").rglob("*.png"))) > 0 if copy else not list((tmp_path / "dst").rglob("*.png"))


def test_a_dataset_folder_is_converted_as_the_folder_that_it_came_from(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    run(source, tmp_path / "reference", "manifest")
    run(tmp_path / "reference", tmp_path / "copy", "manifest", copy=True)
    for form in ("labels", "semantic"):
        for place in (source, tmp_path / "reference", tmp_path / "copy"):
            run(place, tmp_path / f"{form}-{place.name}", form)
    for form in ("labels", "semantic"):
        for place in ("reference", "copy"):
            assert same_pixels(gt_pixels(tmp_path / f"{form}-{place}"), gt_pixels(tmp_path / f"{form}-AVSS"))


def test_own_files_are_not_those_of_the_source(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    run(source, tmp_path / "shared", "labels")
    run(source, tmp_path / "own", "labels", copy=True)
    shared, own = (tree(tmp_path / name) for name in ("shared", "own"))
    assert {k: v for k, v in shared.items() if k != "conversion.json"} == {
        k: v for k, v in own.items() if k != "conversion.json"
    }
    frame = "s4/catB_0_5000/frames/0.png"
    assert (tmp_path / "shared" / frame).stat().st_nlink == 2
    assert (tmp_path / "own" / frame).stat().st_nlink == 1


def test_only_the_chosen_splits_are_there(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    run(source, tmp_path / "dst", "manifest", splits=("val", "train"))
    assert {video.split for video in open_videos(tmp_path / "dst").videos} == {"train", "val"}
    with pytest.raises(
        DataError, match=r"no video has the split 'valid'; there is test 2, train 1, val 1 .bad-selection"
    ):
        run(source, tmp_path / "other", "manifest", splits=("valid",))
    assert not (tmp_path / "other").exists()


# -------------------------------------------------------------------------------------------------- one bad video


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])


def _colours(path: Path) -> None:
    values = np.asarray(Image.open(path)).copy()
    values[0, :3] = (1, 2, 3)  # of 192 pixels
    Image.fromarray(values).save(path)


def _remove(path: Path) -> None:
    path.unlink()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _with(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


SOFT = png(np.arange(192, dtype=np.uint8).reshape(12, 16))
DAMAGES: list[tuple[str, str, Callable[[Path], None]]] = [
    # mask files (of a video of 16 x 12)
    ("labels_semantic/2.png", "mask-count", _remove),
    ("labels_semantic/5.png", "mask-count", _with(png(np.zeros((12, 16))))),
    ("labels_semantic/2.png", "mask-unreadable", _truncate),
    ("labels_semantic/2.png", "mask-empty", _with(b"")),
    ("labels_semantic/2.png", "mask-unreadable", _with(b"<html>not found</html>")),
    ("labels_semantic/2.png", "mask-unreadable", _pipe),
    ("labels_semantic/2.png", "mask-too-large", _with(raw_png(20_000, 20_000, 8, 0, bytes(50)))),
    ("labels_semantic/2.png", "size-mismatch", _with(png(np.zeros((16, 12))))),
    ("labels_semantic/2.png", "label-range", _with(png(np.full((12, 16), 71)))),
    ("labels_rgb/2.png", "off-palette", _colours),
    ("labels_rgb/2.png", "labels-differ", _with(png(np.zeros((12, 16, 3))))),
    # frames
    ("frames/2.jpg", "frame-count", _remove),
    ("frames/7.jpg", "frame-count", _with(b"x")),
    ("frames/2.jpg", "frame-truncated", _truncate),
    ("frames/2.jpg", "frame-empty", _with(b"")),
    ("frames/2.jpg", "frame-unreadable", _with(b"GIF89a" + bytes(50))),
    ("frames/2.jpg", "frame-too-large", _with(raw_png(20_000, 20_000, 8, 2, bytes(50)))),
    ("frames/2.jpg", "frame-unreadable", _pipe),
    ("frames/2.jpg", "size-mismatch", _with(png(np.zeros((16, 12, 3))))),
    # sound
    ("audio.wav", "audio-truncated", _truncate),
    ("audio.wav", "audio-empty", _with(b"")),
    ("audio.wav", "audio-unreadable", _with(b"<html>not found</html>")),
]


@pytest.mark.parametrize(
    ("file", "reason", "damage", "form"),
    [(*damage, ("manifest", "labels")[number % 2]) for number, damage in enumerate(DAMAGES)],
    ids=[f"{f} {r}" for f, r, _ in DAMAGES],
)
def test_a_video_with_a_damaged_file_is_named_and_the_others_go_on(
    file: str, reason: str, damage: Callable[[Path], None], form: str, tmp_path: Path
) -> None:
    source = write_avss(tmp_path / "src")
    damage(source / "v1m" / "multiB_0" / file)
    outcome = run(source, tmp_path / "dst", form)
    assert reasons(outcome) == {("v1m/multiB_0", reason)}
    (rejected,) = outcome.rejected
    assert "v1m/multiB_0" in rejected.message
    assert "\n" not in rejected.message
    assert outcome.done == 4
    assert not (tmp_path / "dst" / "v1m").exists()
    assert "multiB_0" not in {video.id for video in open_videos(tmp_path / "dst").videos}


def test_a_video_of_which_nothing_is_there(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    shutil.rmtree(source / "v1m/multiB_0")
    outcome = run(source, tmp_path / "dst", "labels")
    assert (outcome.done, reasons(outcome)) == (4, {("v1m/multiB_0", "video-missing")})


def test_a_mended_video_is_taken_by_the_same_command(tmp_path: Path) -> None:
    good, source = write_avss(tmp_path / "good"), write_avss(tmp_path / "src")
    _truncate(source / "v1m/multiB_0/frames/2.jpg")
    assert run(source, tmp_path / "dst", "semantic").done == 4
    shutil.copyfile(good / "v1m/multiB_0/frames/2.jpg", source / "v1m/multiB_0/frames/2.jpg")
    outcome = run(source, tmp_path / "dst", "semantic")
    assert (outcome.done, outcome.already, outcome.rejected) == (1, 4, ())
    run(source, tmp_path / "at once", "semantic")
    assert tree(tmp_path / "dst") == tree(tmp_path / "at once")


def test_files_of_file_managers_are_no_masks(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    for folder in {path.parent for path in source.rglob("*.png")}:
        for name in (".DS_Store", "Thumbs.db", "._x_1.png", "desktop.ini"):
            (folder / name).write_bytes(b"x")
    outcome = run(source, tmp_path / "dst", "object")
    assert (outcome.done, outcome.rejected) == (4, ())
    assert not list((tmp_path / "dst").rglob("*.db"))


def test_masks_of_a_training_video_that_the_table_does_not_count_are_left_out(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    folder = source / "s4_data/gt_masks/train/dog_barking/-dogA_1000_6000"
    shutil.copyfile(folder / "-dogA_1000_6000_1.png", folder / "-dogA_1000_6000_2.png")
    outcome = run(source, tmp_path / "dst", "object")
    assert ("s4/-dogA_1000_6000", "extra-mask") in warned(outcome)
    assert len(list((tmp_path / "dst/Single-source/s4_data/gt_masks/train").rglob("*.png"))) == 1


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("0 and 1", lambda mask: png(mask)),
        ("0 and 255", lambda mask: png(mask * 255)),
        ("one bit", lambda mask: png(mask > 0)),
        ("palette", lambda mask: png(mask, bytes([0, 0, 0, 9, 90, 9]))),
        ("RGB", lambda mask: png(mask[..., None] * np.array([255, 255, 255]))),
        ("two colours", lambda mask: png(np.where(np.indices(mask.shape)[1][..., None] < 5, voc_colour(1), voc_colour(8)) * mask[..., None])),
        ("a palette of two objects", lambda mask: png(mask * np.where(np.indices(mask.shape)[1] < 5, 1, 8), VOC)),
        ("16 bits", lambda mask: png(mask.astype(np.uint16) * 65535)),
        ("opaque alpha", lambda mask: png(np.dstack([mask * 255] * 3 + [np.full_like(mask, 255)]))),
    ],
)  # fmt: skip
def test_binary_masks_of_any_encoding_become_0_and_255(
    encoding: str, content: Callable[[np.ndarray], bytes], tmp_path: Path
) -> None:
    source = write_ms3(tmp_path / "src")
    file = "ms3_data/gt_masks/test/multiB/multiB_3.png"
    mask = (np.asarray(Image.open(source / file)) > 0).astype(np.uint8)
    (source / file).write_bytes(content(mask))
    assert run(source, tmp_path / "dst", "object").rejected == ()
    with Image.open(tmp_path / "dst/Multi-sources" / file) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), mask * 255)
        np.testing.assert_array_equal(np.asarray(image.convert("1")), mask > 0)  # as the official loader of S4 opens it
        np.testing.assert_array_equal(np.asarray(image.convert("P")), mask * 255)  # as that of MS3


def test_a_soft_mask_is_no_ground_truth(tmp_path: Path) -> None:
    source = write_ms3(tmp_path / "src")
    (source / "ms3_data/gt_masks/test/multiB/multiB_3.png").write_bytes(SOFT)
    assert reasons(run(source, tmp_path / "dst", "object")) == {("ms3/multiB", "mask-soft")}


def test_tables_with_other_split_names(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    table = source / "s4_meta_data.csv"
    text = table.read_text()
    table.write_text(text.replace(",val", ",validate"))
    with pytest.raises(DataError, match=r"has test 2, train 1, validate 1, expected train, val and test.*empty-split"):
        run(source, tmp_path / "dst", "manifest")
    assert not (tmp_path / "dst").exists()
    for folder in ("gt_masks", "visual_frames", "audio_wav"):
        shutil.copytree(source / f"s4_data/{folder}/test", source / f"s4_data/{folder}/Test")
    table.write_text(text.replace("2,cat_meowing,test", "2,cat_meowing,Test"))
    outcome = run(source, tmp_path / "dst", "manifest")
    assert (outcome.done, reasons(outcome)) == (3, {("s4/catD_2000_7000", "unknown-split")})


def test_a_video_that_is_listed_twice_is_taken_once(tmp_path: Path) -> None:
    source = write_ms3(tmp_path / "src")
    with open(source / "ms3_meta_data.csv", "a") as stream:
        stream.write("multiB,test\n")
    outcome = run(source, tmp_path / "dst", "manifest")
    assert (outcome.done, reasons(outcome)) == (4, {("ms3/multiB", "duplicate-video")})
    assert len(gt_pixels(tmp_path / "dst")) == 10


@pytest.mark.parametrize(
    "change", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n"), lambda t: t.replace(",", ";")]
)
def test_tables_as_spreadsheets_write_them(change: Callable[[str], str], tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    run(source, tmp_path / "plain", "object")
    table = source / "s4_meta_data.csv"
    table.write_bytes(change(table.read_text()).encode())
    run(source, tmp_path / "changed", "object")
    names = {"conversion.json"}
    assert {k: v for k, v in tree(tmp_path / "plain").items() if k not in names} == {
        k: v for k, v in tree(tmp_path / "changed").items() if k not in names
    }


def test_a_manifest_that_leads_out_of_its_folder_is_not_followed(tmp_path: Path) -> None:
    run(write_s4(tmp_path / "src"), tmp_path / "ds", "manifest", copy=True)
    manifest = tmp_path / "ds/manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows[0]["frames"][0]["mask_file"] = "../../secret.png"
    rows[1]["audio_file"] = "/etc/passwd"
    rows[2]["id"] = "../../../../out"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for form in ("manifest", "labels", "object", "semantic"):
        outcome = run(tmp_path / "ds", tmp_path / "deep" / "er" / form, form, copy=form == "manifest")
        assert outcome.done == 1
        assert {reason for _, reason in reasons(outcome)} == {"unsafe-path"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "ds", "src"]


# ------------------------------------------------------------------------------------------------ stop and go on


@pytest.mark.parametrize("stop", range(0, 60, 13))
def test_a_run_that_is_stopped_anywhere_goes_on_to_the_same_bytes(
    stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_avss(tmp_path / "src")
    run(source, tmp_path / "whole", "semantic")
    calls = 0

    def failing(name: str) -> Callable[..., None]:
        whole = {"replace": os.replace, "link": link_or_copy}[name]

        def call(*arguments: object, **options: object) -> None:
            nonlocal calls
            calls += 1
            if calls > stop:
                raise KeyboardInterrupt
            whole(*arguments, **options)

        return call

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", failing("replace"))
        patch.setattr(carry_out, "link_or_copy", failing("link"))
        run(source, tmp_path / "dst", "semantic")
    assert not (tmp_path / "dst" / "metadata.csv").exists() or stop > 50  # nothing reads it as a dataset
    (tmp_path / "dst").mkdir(exist_ok=True)
    run(source, tmp_path / "dst", "semantic")
    assert tree(tmp_path / "dst") == tree(tmp_path / "whole")


def test_a_killed_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    run(source, tmp_path / "whole", "labels")
    run(source, tmp_path / "dst", "labels")
    shutil.rmtree(tmp_path / "dst" / "v2")
    (tmp_path / "dst/dataset.json").unlink()
    state = tmp_path / "dst" / conversion_state.STATE
    state.write_text(state.read_text().replace('"complete": true', '"complete": false'))
    (tmp_path / "dst/v1s").mkdir(exist_ok=True)
    (tmp_path / "dst/v1s/.0.png.4711.tmp").write_bytes(b"half")
    journal = tmp_path / "dst" / conversion_state.JOURNAL
    journal.write_text(journal.read_text()[:-9])  # a line that was cut off
    outcome = run(source, tmp_path / "dst", "labels")
    assert (outcome.done, outcome.already) == (2, 3)
    assert tree(tmp_path / "dst") == tree(tmp_path / "whole")


@pytest.mark.slow
def test_sigkill_at_any_moment(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    command = [sys.executable, "-m", "avsbench_tools.cli", "convert", str(source), "--to", "semantic", "--workers", "2"]
    code = "import sys; from avsbench_tools.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "convert", str(source), str(tmp_path / "dst"), "--to", "semantic"]
    for delay in np.linspace(0.2, 2.0, 8):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(float(delay))
        child.send_signal(signal.SIGKILL)
        child.wait()
    time.sleep(1)
    subprocess.run(command, check=True)
    run(source, tmp_path / "whole", "semantic")
    assert tree(tmp_path / "dst") == tree(tmp_path / "whole")


# ------------------------------------------------------------------------------------------------ the user's slips


def test_other_arguments_in_the_same_folder_are_told(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    run(source, tmp_path / "dst", "labels")
    before = tree(tmp_path / "dst")
    for options in ({"splits": ("val",)}, {"copy": True}, {"form": "object"}):
        wanted = replace(Conversion("labels"), **options)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=r"conversion with other arguments: (splits|copy|form) .*other-conversion"):
            convert(source, tmp_path / "dst", wanted, workers=1, progress=Progress())
    with open(source / "s4_meta_data.csv", "a") as stream:
        stream.write("\n")
    with pytest.raises(DataError, match=r"table bf1270e7..., not .*other-conversion"):
        run(source, tmp_path / "dst", "labels")
    assert tree(tmp_path / "dst") == before


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    (tmp_path / "dst").mkdir()
    (tmp_path / "dst" / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match=r"holds 'thesis.tex' and no conversion; give a new or empty folder .not-empty"):
        run(source, tmp_path / "dst", "manifest")
    with pytest.raises(DataError, match="not-a-folder"):
        run(source, tmp_path / "dst" / "thesis.tex", "manifest")
    assert tree(tmp_path / "dst") == {"thesis.tex": b"x"}


@pytest.mark.parametrize("dst", ["", "new", "..", "s4_data/gt_masks/out"])
def test_source_and_result_may_not_lie_in_each_other(dst: str, tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    before = tree(tmp_path)
    with pytest.raises(DataError, match=r"lie in each other.*nested-folders"):
        run(source, source / dst, "manifest")
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(DataError, match="nested-folders"):
        run(tmp_path / "link", source / dst, "manifest")
    (tmp_path / "link").unlink()
    assert tree(tmp_path) == before


def test_the_result_may_not_lie_in_the_folder_that_a_manifest_refers_to(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    run(source, tmp_path / "ds", "manifest")
    with pytest.raises(DataError, match="nested-folders"):
        run(tmp_path / "ds", source / "new", "manifest")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "voc"}, "there is no form 'voc'"),
        ({"form": "manifest", "nearest": True}, "--nearest.*give --copy too"),
        ({"form": "coco", "copy": True}, "--copy.*does nothing"),
        ({"form": "coco", "metadata": Path("x")}, "--metadata.*does nothing"),
    ],
)
def test_options_without_effect_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Conversion(**options)  # type: ignore[arg-type]


def test_the_journal_of_a_finished_run_is_in_the_order_of_the_table(tmp_path: Path) -> None:
    with conversion_state.State(tmp_path, {"form": "labels"}) as state:
        for item in ("s4/c", "s4/a", "s4/b"):
            state.record(Done(item))
        state.finish(("s4/a", "s4/b", "s4/c"))
    rows = [json.loads(line) for line in (tmp_path / conversion_state.JOURNAL).read_text().splitlines()]
    assert [row["video"] for row in rows] == ["s4/a", "s4/b", "s4/c"]


def test_two_runs_into_one_folder(tmp_path: Path) -> None:
    with (
        conversion_state.State(tmp_path / "dst", {"form": "labels"}),
        pytest.raises(DataError, match=r"another run converts into this folder.*busy"),
    ):
        conversion_state.State(tmp_path / "dst", {"form": "labels"})
    with conversion_state.State(tmp_path / "dst", {"form": "labels"}):
        pass


def test_the_command_tells_what_it_did(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    _truncate(source / "v2/wolfF_0_10000/frames/3.jpg")
    found = CliRunner().invoke(
        main, ["convert", str(source), str(tmp_path / "dst"), "--to", "manifest", "--workers", "1"]
    )
    assert found.exit_code == 1
    assert "4 videos written, 1 rejected" in found.output
    assert "frame-truncated: 1" in found.output
    (line,) = (tmp_path / "dst/rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["item"] == "v2/wolfF_0_10000"
    shutil.copyfile(source / "v2/wolfF_0_10000/frames/2.jpg", source / "v2/wolfF_0_10000/frames/3.jpg")
    found = CliRunner().invoke(
        main, ["convert", str(source), str(tmp_path / "dst"), "--to", "manifest", "--workers", "1"]
    )
    assert (found.exit_code, "1 videos written, 4 were there" in found.output) == (0, True)
    assert not (tmp_path / "dst/rejected.jsonl").exists()
    found = CliRunner().invoke(main, ["convert", str(source), str(tmp_path / "dst"), "--to", "labels"])
    assert found.exit_code == 2
    assert found.stderr.startswith("avsbench: ")


def test_nothing_is_written_where_nothing_can_be(tmp_path: Path) -> None:
    source = write_ms3(tmp_path / "src")
    outcome = run(source, tmp_path / "dst", "semantic")
    assert (outcome.done, len(outcome.rejected)) == (0, 4)
    assert sorted(tree(tmp_path / "dst")) == ["conversion.json", "conversion.jsonl"]


def test_csv_of_the_result_lists_only_what_is_there(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    _remove(source / "s4_data/visual_frames/test/cat_meowing/catD_2000_7000/catD_2000_7000_4.png")
    run(source, tmp_path / "dst", "object")
    with open(tmp_path / "dst/Single-source/s4_meta_data.csv", newline="") as stream:
        assert [row["name"] for row in csv.DictReader(stream)] == [
            "-dogA_1000_6000",
            "catB_0_5000",
            "_dogC_5000_10000",
        ]
