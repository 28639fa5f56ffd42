"""Tables as they come: by name, by position, with other separators; and what is told of broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators import annotation_tables
from evaluators.annotation_tables import Column, Table, read_table
from evaluators.errors import DataError

COLUMNS = (
    Column(("name", "video_id"), 0),
    Column(("split",), 3),
    Column(("category",), 2),
    Column(("label",), 4, False),
)
ROWS = (("-a_0", "test", "dog", ""), ("b", "train", "cat", ""))
TEXT = "name,start,category,split\n-a_0,0,dog,test\nb,1,cat,train\n"


def read(folder: Path, content: str | bytes) -> Table:
    path = folder / "meta.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, COLUMNS)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        TEXT.replace(",", " , "),
        TEXT.replace("\n", "\n\n , \n"),
        TEXT.replace("name", "Video_ID").replace("split", "SPLIT"),
        TEXT.replace("\n", ",more\n"),
        TEXT.replace("dog", '"dog"'),
        "split,more,name,category\ntest,x,-a_0,dog\ntrain,x,b,cat\n",
        TEXT.rstrip("\n"),
    ],
)
def test_one_table_in_many_forms(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == Table(ROWS)


def test_columns_of_other_names_are_taken_by_position_and_told(tmp_path: Path) -> None:
    table = read(tmp_path, TEXT.replace("name", "vid").replace("category", "class"))
    assert table.rows == ROWS
    assert table.remarks == (
        "meta.csv has no column name; column 1 (vid) was taken",
        "meta.csv has no column category; column 3 (class) was taken",
    )


def test_a_table_without_header_loses_no_row(tmp_path: Path) -> None:
    table = read(tmp_path, TEXT.split("\n", 1)[1])
    assert table.rows == ROWS
    assert table.remarks == ("meta.csv has no header; its columns were taken by position",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty.*csv-unreadable"),
        ("\n\n", "is empty.*csv-unreadable"),
        ("name,split\na,test\n", r"found the columns name, split; expected one named category \[csv-columns\]"),
        ("name;a,b;c\n", "expected one named split"),
        ("category,start,more,split\n", "expected one named name"),  # its place holds another column
        (TEXT + "c,1\n", r"meta.csv:4: found 2 columns, expected at least 4 as in the header"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "is no csv in UTF-8.*csv-unreadable"),
        (TEXT + "x" * 200_000 + ",0,dog,test\n", "is no csv in UTF-8 .field larger than field limit.*csv-unreadable"),
    ],
)
def test_broken_tables_are_told_in_one_line(tmp_path: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_a_missing_and_a_huge_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"can't be read \(No such file.*csv-unreadable"):
        read_table(tmp_path / "none.csv", COLUMNS)
    monkeypatch.setattr(annotation_tables, "LIMIT", 10)
    with pytest.raises(DataError, match=r"found 56 bytes, at most 10 are read"):
        read(tmp_path, TEXT)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for data in (content, TEXT.encode() + content, content + TEXT.encode()):
        try:
            assert all(len(row) == len(COLUMNS) for row in read(folder, data).rows)
        except DataError as error:
            assert error.reason.startswith("csv-") and "\n" not in str(error)


def test_lines_that_are_no_rows_can_be_left_out_and_told(tmp_path: Path) -> None:
    faults: list[DataError] = []
    path = tmp_path / "meta.csv"
    path.write_text(TEXT.replace("b,1", "short,1\n\nb,1"))
    table = read_table(path, COLUMNS, faults)
    assert (table.rows, table.lines) == (ROWS, (2, 5))
    assert [(fault.reason, fault.where) for fault in faults] == [("csv-row", f"{path}:3")]
