"""Rows find their files in every naming form; rows that can't be trusted are told and cost no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evaluators import clips
from evaluators.clip_tables import ClipRow
from evaluators.clips import ClipRecord, find_clips, read_id_list
from evaluators.errors import DataError
from evaluators.rejections import Rejection

CATEGORIES = {"dog barking": "dog", "dog howling": "dog", "cat purring": "cat"}
ID = "-0pJqpNjft4"


def put(folder: Path, *names: str) -> None:
    """Files whose content is their name, so that no two are alike."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def row(
    line: int = 1,
    label: str = "dog barking",
    file: str | None = None,
    video: str | None = None,
    start: float = 0,
    split: str = "",
) -> ClipRow:
    return ClipRow(line, (label,), file, video, start, split)


def find(folder: Path, *rows: ClipRow) -> tuple[list[ClipRecord], list[Rejection]]:
    return find_clips(rows, folder, CATEGORIES.get)[:2]


def reasons(rejections: list[Rejection]) -> list[tuple[str, str]]:
    return [(r.item, r.reason) for r in rejections]


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"{ID}_000267.{suffix}"
            for suffix in ("wav", "flac", "ogg", "mp3", "m4a", "mp4", "webm", "mkv", "mov", "WAV")
        ),
        f"{ID}_267000_277000.mp4",
        f"train/dog barking/{ID}_000267.mp4",
        f"scratch/shared/hchen/VGGSound_final/video/{ID}_000267.mp4",
        f"{ID}.wav",
    ],
)
def test_naming_forms(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, "other_000001.wav")
    records, rejections = find(tmp_path, row(video=ID, start=267))
    assert not rejections
    assert records == [ClipRecord(f"{ID}_000267", ID, 267, "dog barking", "dog", name, "")]


def test_wav_comes_first_and_the_table_wins(tmp_path: Path) -> None:
    put(tmp_path, f"{ID}_000001.mp4", f"{ID}_000001.flac", f"{ID}_000001.wav")
    assert find(tmp_path, row(video=ID, start=1))[0][0].file == f"{ID}_000001.wav"
    assert find(tmp_path, row(file=f"{ID}_000001.mp4"))[0][0].file == f"{ID}_000001.mp4"


def test_a_named_file_may_lie_deeper_or_have_another_suffix(tmp_path: Path) -> None:
    put(tmp_path, "audio/a.wav", "dog/b.wav", "cat/b.wav")
    assert find(tmp_path, row(file="a.mp4"))[0][0].file == "audio/a.wav"
    assert find(tmp_path, row(file="dog/b.flac"))[0][0].file == "dog/b.wav"
    assert reasons(find(tmp_path, row(file="cow/b.wav"))[1]) == [("cow/b.wav", "clip-missing")]


def test_the_folder_of_the_label_is_preferred(tmp_path: Path) -> None:
    put(tmp_path, "a/cat purring/1.wav", "b/dog barking/1.wav")
    records, _ = find(tmp_path, row(1, "cat purring", "1.wav"), row(2, "dog barking", "1.wav"))
    assert {record.category: record.file for record in records} == {
        "cat": "a/cat purring/1.wav",
        "dog": "b/dog barking/1.wav",
    }
    assert len({record.video_id for record in records}) == 2, "two recordings of one name are two videos"


def test_missing_clips_are_counted_and_other_labels_ignored(tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    rows = [row(1, file="a.wav"), row(2, video=ID, start=5), row(3, "harp", "gone.wav")]
    records, rejections, coverage = find_clips(rows, tmp_path, CATEGORIES.get)
    assert reasons(rejections) == [(f"{ID}_000005", "clip-missing")]
    assert (len(records), coverage.rows, coverage.other_labels, coverage.missing) == (1, 3, 1, 1)
    assert coverage.by_category == {"dog": (1, 2)}


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "a/../../b.wav", "C:\\x.wav", "CON.wav", "a\0.wav"])
def test_names_that_leave_the_folder(tmp_path: Path, name: str) -> None:
    put(tmp_path / "clips", "a.wav")
    put(tmp_path, "secret.wav")
    records, rejections = find(tmp_path / "clips", row(file=name), row(2, file="a.wav"))
    assert [r.reason for r in rejections] == ["unsafe-path"]
    assert len(records) == 1


def test_folders_and_pipes_are_no_clips(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    os.mkfifo(tmp_path / "b.wav")
    (tmp_path / "c.wav").symlink_to(tmp_path / "nowhere.wav")
    rows = [row(n, file=f"{name}.wav") for n, name in enumerate("abc")]
    assert [r.reason for r in find(tmp_path, *rows)[1]] == ["not-a-file", "not-a-file", "clip-missing"]


def test_a_linked_folder_is_entered_once(tmp_path: Path) -> None:
    put(tmp_path / "data", "a.wav")
    put(tmp_path / "clips", "b.wav")
    (tmp_path / "clips/data").symlink_to(tmp_path / "data")
    (tmp_path / "data/loop").symlink_to(tmp_path / "data")
    records, _ = find(tmp_path / "clips", row(1, file="a.wav"), row(2, file="b.wav"))
    assert [record.file for record in records] == ["data/a.wav", "b.wav"]


def test_a_clip_listed_twice_is_one(tmp_path: Path) -> None:
    put(tmp_path, f"{ID}_000001.wav")
    rows = [row(1, video=ID, start=1), row(2, "dog howling", video=ID, start=1)]
    records, rejections, coverage = find_clips(rows, tmp_path, CATEGORIES.get)
    assert (len(records), len(rejections), coverage.listed_twice) == (1, 0, 1)


def test_labels_of_two_categories(tmp_path: Path) -> None:
    put(tmp_path, f"{ID}_000001.wav", "bbbbbbbbbbb_000002.wav", "a.wav")
    both = ClipRow(3, ("dog barking", "cat purring"), None, "bbbbbbbbbbb", 2)
    records, rejections = find(
        tmp_path, row(1, video=ID, start=1), row(2, "cat purring", video=ID, start=1), both, row(4, file="a.wav")
    )
    assert reasons(rejections) == [
        (f"{ID}_000001.wav", "ambiguous-label"),
        ("bbbbbbbbbbb_000002.wav", "ambiguous-label"),
    ]
    assert [record.file for record in records] == ["a.wav"]


def test_two_labels_of_one_category_are_fine(tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    records, rejections = find(tmp_path, ClipRow(1, ("speech", "dog howling", "dog barking"), "a.wav"))
    assert (records[0].label, rejections) == ("dog howling", [])


def test_same_bytes_under_two_names(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(b"x" * 9000)
    (tmp_path / "d.wav").write_bytes(b"x" * 8999 + b"y")
    for name in ("e.wav", "f.wav"):
        (tmp_path / name).write_bytes(b"")
    records, rejections = find(tmp_path, *(row(n, file=f"{name}.wav") for n, name in enumerate("cabdef")))
    assert reasons(rejections) == [("a.wav", "duplicate-clip"), ("b.wav", "duplicate-clip")]
    assert all("c.wav" in r.message for r in rejections)
    assert {record.file for record in records} == {"c.wav", "d.wav", "e.wav", "f.wav"}


def test_same_bytes_with_two_categories_are_both_out(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"same")
    (tmp_path / "b.wav").write_bytes(b"same")
    records, rejections = find(tmp_path, row(1, file="a.wav"), row(2, "cat purring", "b.wav"))
    assert (records, reasons(rejections)) == ([], [("a.wav", "ambiguous-label"), ("b.wav", "ambiguous-label")])


def test_files_of_other_sizes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.wav", "bb.wav")
    monkeypatch.setattr(clips, "sha256_file", lambda path: pytest.fail("hashed"))
    assert len(find(tmp_path, row(1, file="a.wav"), row(2, file="bb.wav"))[0]) == 2


def test_a_video_in_two_splits_stays_in_test(tmp_path: Path) -> None:
    put(tmp_path, f"{ID}_000001.wav", f"{ID}_000020.wav", "ccccccccccc_000001.wav")
    rows = [
        row(1, video=ID, start=1, split="train"),
        row(2, video=ID, start=20, split="test"),
        row(3, video="ccccccccccc", start=1, split="train"),
    ]
    records, rejections = find(tmp_path, *rows)
    assert reasons(rejections) == [(f"{ID}_000001.wav", "id-in-both-splits")]
    assert [(r.id, r.official_split) for r in records] == [(f"{ID}_000020", "test"), ("ccccccccccc_000001", "train")]


def test_ids_are_safe_and_distinct_and_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    put(tmp_path, "1.wav", "2.wav", "3.wav", "ä b.wav")
    rows = [row(1, file="1.wav", video="aBc", start=30), row(2, file="2.wav", video="abc", start=30.7)]
    rows += [row(3, file="3.wav", video="abc", start=30), row(4, file="ä b.wav")]
    records, _ = find(tmp_path, *rows)
    assert {record.file: record.id for record in records} == {
        "1.wav": "aBc_000030",
        "3.wav": "abc_000030_2",
        "2.wav": "abc_000030_3",
        "ä b.wav": "__b_000000",
    }
    assert find(tmp_path, *rows[::-1])[0] == records


def test_ids_that_differ_in_case_only(tmp_path: Path) -> None:
    put(tmp_path, "1.wav", "2.wav")
    records, _ = find(tmp_path, row(1, file="1.wav", video="abC"), row(2, file="2.wav", video="aBc"))
    assert [record.id for record in records] == ["aBc_000000", "abC_000000_2"]


def test_accents_may_be_coded_either_way(tmp_path: Path) -> None:
    put(tmp_path, "a\u0308.wav")
    assert len(find(tmp_path, row(file="ä.wav"))[0]) == 1


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        find_clips([], tmp_path / "none", CATEGORIES.get)
    assert error.value.reason == "not-a-folder"


def test_id_lists(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("\ufeff# mine\r\n-0pJqpNjft4\r\n\r\n000000000139.jpg\r\n", "utf-8")
    assert read_id_list(path) == {"-0pJqpNjft4", "000000000139"}
    path.write_text('glLQrEijrKg_000300.mp4,"race car, auto racing"\nx_000001.mp4,b\n', "utf-8")
    assert read_id_list(path) == {"glLQrEijrKg_000300", "x_000001"}
    path.write_text("id,label\nabc,d\n", "utf-8")
    assert read_id_list(path) == {"abc"}
