"""Clip tables of every form become the same rows, and a bad line costs that line only."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluators.clip_tables import ClipRow, parse_clip_name, read_clip_table, stem
from evaluators.errors import DataError

SHARED = Path(__file__).parents[2] / "shared/data"


def table(folder: Path, text: str, name: str = "clips.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def rows_of(folder: Path, text: str, name: str = "clips.csv") -> list[ClipRow]:
    rows, rejections = read_clip_table(table(folder, text, name))
    assert not rejections
    return rows


def test_vggsound_has_no_header_and_commas_in_labels(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, '-0pJqpNjft4,267,cow lowing,test\n3qesirWAGt4,20,"race car, auto racing",train\n')
    assert rows[0] == ClipRow(1, ("cow lowing",), None, "-0pJqpNjft4", 267.0, "test")
    assert rows[1].labels == ("race car, auto racing",)
    assert rows[1].official_split == "train"


def test_the_test_list_of_vggsound_is_test(tmp_path: Path) -> None:
    text = 'glLQrEijrKg_000300.mp4,dog barking\n-0pJqpNjft4_000267.mp4,"male speech, man speaking"\n'
    rows = rows_of(tmp_path, text, "test.csv")
    assert rows[0] == ClipRow(1, ("dog barking",), None, "glLQrEijrKg", 300.0, "test")
    assert rows[1].labels == ("male speech, man speaking",)
    assert {row.official_split for row in rows_of(tmp_path, text, "train.csv")} == {"train"}


def test_a_headless_list_of_other_files_has_no_split(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "a/rex.wav,dog barking\n") == [ClipRow(1, ("dog barking",), "a/rex.wav")]


def test_audioset_has_comments_and_several_labels(tmp_path: Path) -> None:
    head = "# Segments csv created Sun Mar  5\n# num_ytids=2\n# YTID, start_seconds, end_seconds, positive_labels\n"
    text = head + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n'
    assert rows_of(tmp_path, text) == [ClipRow(4, ("/m/09x0r", "/t/dd00088"), None, "--PJHxphWEs", 30.0)]


def test_esc50_takes_its_id_from_the_recording(tmp_path: Path) -> None:
    text = "filename,fold,target,category,esc10,src_file,take\n1-100032-A-0.wav,1,0,dog,True,100032,A\n"
    assert rows_of(tmp_path, text) == [ClipRow(2, ("dog",), "1-100032-A-0.wav", "100032")]


@pytest.mark.parametrize("header", ["file,label", "Filename,Category", "path,class", "label,file"])
def test_a_header_may_use_any_alias_in_any_order(tmp_path: Path, header: str) -> None:
    line = "dog barking,rex.wav" if header.startswith("label") else "rex.wav,dog barking"
    assert rows_of(tmp_path, f"{header}\n{line}\n") == [ClipRow(2, ("dog barking",), "rex.wav")]


def test_all_columns_of_a_header(tmp_path: Path) -> None:
    text = "youtube_id,start_time,label,set,license\n000030,7.5,dog barking,Validation,CC BY 4.0\n"
    assert rows_of(tmp_path, text) == [ClipRow(2, ("dog barking",), None, "000030", 7.5, "val", "CC BY 4.0")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiter_line_end_and_byte_order_mark_do_not_matter(
    tmp_path: Path, delimiter: str, end: str, mark: str
) -> None:
    lines = [["file", "label", "id"], ["000030", "nan", "None"], ["b.wav", '"race car, auto racing"', "x"]]
    rows = rows_of(tmp_path, mark + end.join(delimiter.join(line) for line in lines) + end)
    assert rows[0] == ClipRow(2, ("nan",), "000030", "None")
    assert rows[1].labels == ("race car, auto racing",)


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("Training", "train"), ("TEST", "test"), ("testing", "test"), ("valid", "val"), ("", "")],
)
def test_split_names(tmp_path: Path, name: str, split: str) -> None:
    assert rows_of(tmp_path, f"file,label,split\na.wav,dog,{name}\n")[0].official_split == split


def test_unknown_splits_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dev, holdout") as error:
        read_clip_table(table(tmp_path, "file,label,split\na.wav,dog,holdout\nb.wav,dog,dev\nc.wav,dog,train\n"))
    assert error.value.reason == "unknown-split"


@pytest.mark.parametrize(
    "text", ["", "file,colour\na.wav,red\n", "label,start\ndog,1\n", "one\ntwo\n", "a,b,c\nd,e,f\n"]
)
def test_a_table_of_no_known_form_tells_what_was_expected(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="expected id,start,label,split") as error:
        read_clip_table(table(tmp_path, text))
    assert error.value.reason == "table-columns"
    assert "\n" not in str(error.value)


def test_a_bad_row_costs_that_row(tmp_path: Path) -> None:
    bad = ["bbbbbbbbbbb,late,dog,train", 'ccccccccccc,3,"dog,train']
    bad += [
        "ddddddddddd,4,race car, auto racing,train",
        "eeeeeeeeeee,-1,dog,train",
        "fffffffffff,6,,train",
        'hhhhhhhhhhh,8,dog,"test',
    ]
    text = "\n".join(["aaaaaaaaaaa,1,dog,train", *bad, "", "ggggggggggg,7,dog,test"])
    rows, rejections = read_clip_table(table(tmp_path, text))
    assert [row.line for row in rows] == [1, 9]
    assert [(r.item, r.reason) for r in rejections] == [(f"clips.csv line {n}", "bad-row") for n in range(2, 8)]


def test_what_is_no_text_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_bytes(b"\xff\xfe\x00\x01")
    for path in (tmp_path / "clips.csv", tmp_path / "none.csv"):
        with pytest.raises(DataError) as error:
            read_clip_table(path)
        assert error.value.reason == "table-unreadable"


def test_names_of_clips() -> None:
    assert parse_clip_name("x/-0pJqpNjft4_000267.mp4") == ("-0pJqpNjft4", 267.0)
    assert parse_clip_name("_aldtLqTVYI_1000_11000") == ("_aldtLqTVYI", 1.0)
    assert parse_clip_name("ab_12345678_000030.wav") == ("ab_12345678", 30.0)
    assert parse_clip_name("rex.wav") is None
    assert stem("a/Louise_01.m4a_0.wav") == "Louise_01.m4a_0"
    assert stem("v1.5") == "v1.5"


def test_ids_in_file_names_are_seen(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "file,label\n-0pJqpNjft4_000267.wav,cow\n")[0].video_id == "-0pJqpNjft4"


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data")
@pytest.mark.parametrize(
    ("name", "count", "split"),
    [
        ("audio/clips.csv", 120, ""),
        ("vggsound/test.csv", 15_446, "test"),
        ("vggsound/vggsound_test_rows.csv", 15_446, "test"),
    ],
)
def test_real_tables(name: str, count: int, split: str) -> None:
    rows, rejections = read_clip_table(SHARED / name)
    assert (len(rows), len(rejections)) == (count, 0)
    assert {row.official_split for row in rows} == {split}
