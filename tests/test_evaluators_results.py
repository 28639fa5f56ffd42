"""The result file: what is written comes back, and nothing else is taken for a result."""

from __future__ import annotations

import json
import math
import os
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators import results
from evaluators.errors import DataError
from evaluators.results import Folder, ProtocolResult, Result, read_result, write_result

quick = settings(max_examples=50)

FOLDER = Folder("preds", "labels", 2, "ab" * 32, ("8-bit labels",), "vpo")
ROW = ProtocolResult(
    "avs", 1, "frames", {"batch": 4, "cut": 0.5, "background": True, "map": "probability"}, "text", "source",
    {"J": 0.1, "F": math.nan, "SDR": math.inf}, {"J": (0.0, math.nan)}, {"dog": {"J": -math.inf}},
    {"by size": {"small": {"J": 1.0}}}, {"all foreground": {"J": 0.5}}, ("a", "b"), {"J": (0.0, 0.2), "F": (math.nan, 1.0)},
)  # fmt: skip
RESULT = Result(
    "run", "avs-eval 0.1.0", "2026-11-21T00:00:00+00:00", FOLDER, FOLDER, {"resize": "nearest"}, {"samples": 2},
    ("a warning",), ("background", "dog"), ("a", "b"), (ROW,), {"a": ((0, 0, 12), (255, 1, 4)), "b": ()},
)  # fmt: skip


def read_text(path: Path, text: str | bytes) -> Result:
    file = path / "result.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_result(file)


def rows_of(tmp_path: Path) -> dict[str, Any]:
    write_result(tmp_path / "good.json", RESULT)
    rows: dict[str, Any] = json.loads((tmp_path / "good.json").read_text())
    return rows


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", RESULT)
    back = read_result(tmp_path / "a.json")
    assert repr(back) == repr(RESULT)  # repr, since nan is not nan
    assert type(back.protocols[0].rule["background"]) is bool and type(back.protocols[0].rule["batch"]) is int
    write_result(tmp_path / "b.json", back)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_the_file_is_json_without_nan_and_can_be_read_by_people(tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", RESULT)
    text = (tmp_path / "a.json").read_text()

    def no_constants(word: str) -> None:
        raise AssertionError(word)

    rows = json.loads(text, parse_constant=no_constants)
    assert rows["protocols"][0]["measures"] == {"J": 0.1, "F": "nan", "SDR": "inf"}
    assert rows["protocols"][0]["per_class"]["dog"]["J"] == "-inf"
    lines = [line.strip() for line in text.splitlines()]
    assert '"J": [0.0, 0.2],' in lines  # numbers of one measure in one line
    assert '"a": [[0, 0, 12], [255, 1, 4]],' in lines


def test_numpy_numbers_are_written_as_numbers(tmp_path: Path) -> None:
    measures: Any = {"J": np.float32(0.5)}
    values: Any = {"J": np.array([0.25, np.nan])}
    pixels: Any = {"a": np.array([[0, 0, 12]])}
    counts: Any = {"n": np.int64(3)}
    row = replace(ROW, measures=measures, values=values, intervals={})
    write_result(tmp_path / "a.json", replace(RESULT, protocols=(row,), confusions=pixels, counts=counts))
    back = read_result(tmp_path / "a.json")
    assert (back.protocols[0].measures["J"], back.counts["n"], back.confusions["a"]) == (0.5, 3, ((0, 0, 12),))
    assert repr(back.protocols[0].values["J"]) == "(0.25, nan)"


def test_numbers_keep_every_bit(tmp_path: Path) -> None:
    numbers = [random.Random(0).random() for _ in range(100)] + [5e-324, 1 / 3, -0.0, 1.7976931348623157e308]
    row = replace(ROW, units=tuple(map(str, range(104))), values={"J": numbers})
    write_result(tmp_path / "a.json", replace(RESULT, protocols=(row,)))
    assert [number.hex() for number in read_result(tmp_path / "a.json").protocols[0].values["J"]] == [
        number.hex() for number in numbers
    ]


@quick
@given(st.text(st.characters(), max_size=20))
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / "name.json"
    write_result(path, replace(RESULT, name=name, samples=(name + "a", name + "b"), confusions={}))
    back = read_result(path)
    assert (back.name, back.samples) == (name, (name + "a", name + "b"))


def test_a_file_name_that_is_no_unicode_survives(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xc3\xa9")
    write_result(tmp_path / "a.json", replace(RESULT, name=name))
    assert read_result(tmp_path / "a.json").name == name
    (tmp_path / "a.json").read_bytes().decode("utf-8")


def test_keys_that_have_a_default_may_be_missing_and_a_byte_order_mark_may_be_there(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    del rows["confusions"], rows["variant"], rows["protocols"][0]["values"]
    back = read_text(tmp_path, b"\xef\xbb\xbf" + json.dumps(rows).encode())
    assert (back.confusions, back.variant, back.protocols[0].values) == ({}, "base", {})


CHANGES: list[tuple[list[Any], Any, str]] = [
    (["name"], 3, "result.name: found 3, expected text"),
    (["name"], None, "found None"),
    (["samples"], "ab", "result.samples: found 'ab', expected a list"),
    (["samples"], ["a", 2], r"samples\[1\]: found 2, expected text"),
    (["samples"], ["a", "a"], "a name stands twice"),
    (["counts", "samples"], 2.0, "expected a whole number"),
    (["counts", "samples"], True, "found True, expected a whole number"),
    (["counts", "samples"], 2**70, "expected a whole number"),
    (["flags"], [], "result.flags: found a list of 0, expected an object"),
    (["gt"], None, "result.gt: found None, expected an object"),
    (["gt", "files"], "many", "result.gt.files: found 'many'"),
    (["protocols"], {}, "expected a list"),
    (["protocols", 0, "measures", "J"], None, "found None, expected a number"),
    (["protocols", 0, "measures", "J"], "NaN", "found 'NaN', expected a number"),
    (["protocols", 0, "measures", "J"], "0.5", "found '0.5', expected a number"),
    (["protocols", 0, "measures", "J"], True, "found True"),
    (["protocols", 0, "measures", "J"], 10**400, "found 1000"),
    (["protocols", 0, "intervals", "J"], [0.1], "expected a list of 2"),
    (["protocols", 0, "values", "J"], [0.1], "1 values of 'J' for 2 units"),
    (["protocols", 0, "values", "J"], [0.1, [0.2]], "found a list of 1, expected a number"),
    (["protocols", 0, "rule", "batch"], [1], "expected a word or a number"),
    (["protocols", 0, "units"], ["a", "a"], "a unit twice"),
    (["confusions", "a"], [[0, 0]], "expected a list of 3"),
    (["confusions", "a"], [[0, 0, -1]], "below 0"),
    (["confusions", "a"], [[0, 0, 0.5]], "found 0.5, expected a whole number"),
    (["confusions"], {"c": []}, "'c' is not among the samples"),
    (["format"], 2, "found 2 as its format, this version reads format 1"),
    (["format"], True, "found True as its format"),
    (["format"], "1", "as its format"),
    (["extra"], 1, "unknown key 'extra'"),
    (["gt", "extra"], 1, "unknown key 'extra'"),
]


@pytest.mark.parametrize(("path", "value", "words"), CHANGES, ids=lambda each: str(each)[:40])
def test_wrong_contents_are_told_with_their_place(tmp_path: Path, path: list[Any], value: Any, words: str) -> None:
    rows = rows_of(tmp_path)
    place = rows
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DataError, match=words) as caught:
        read_text(tmp_path, json.dumps(rows))
    assert caught.value.reason == "result-unreadable" and "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "key", ["name", "tool", "created", "preds", "gt", "flags", "counts", "warnings", "samples", "protocols", "format"]
)
def test_missing_keys_are_named(tmp_path: Path, key: str) -> None:
    rows = rows_of(tmp_path)
    del rows[key]
    with pytest.raises(DataError, match="format" if key == "format" else f"the key '{key}' is missing"):
        read_text(tmp_path, json.dumps(rows))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b"{'name': 1}",
        b'{"format": 1',
        b'{"format": 1}{',
        b'{"format": 1, "format": 1}',
        b'{"format": NaN}',
        b'{"format": 1e999}',
        b'{"format": 1, "name": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b"9" * 5000,
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'{"a":[' * 1_000_000,
        b"<html>not found</html>",
        b"\x89PNG\r\n\x1a\n",
        b"PK\x03\x04",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_is_no_result_is_refused_in_one_line(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(DataError, match="result-unreadable") as caught:
        read_text(tmp_path, text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity"])
def test_only_the_words_stand_for_what_is_no_number(tmp_path: Path, number: str) -> None:
    text = json.dumps(rows_of(tmp_path)).replace("[0.0, 0.2]", f"[0.0, {number}]")
    assert number in text
    with pytest.raises(
        DataError, match="expected a number" if "999" in number else f"found {number}, which is no JSON"
    ):
        read_text(tmp_path, text)


def test_missing_files_folders_pipes_and_giants_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "giant", "wb") as stream:
        stream.truncate(200 << 20)
    start = time.monotonic()
    for name, words in (("none", "No such file"), (".", "no file"), ("pipe", "no file"), ("giant", "209715200 bytes")):
        with pytest.raises(DataError, match=words):
            read_result(tmp_path / name)
    assert time.monotonic() - start < 1


def test_many_keys_of_which_one_stands_twice_cost_no_time(tmp_path: Path) -> None:
    text = "{" + ", ".join(f'"k{n}": 0' for n in range(200_000)) + ', "k0": 0}'
    start = time.monotonic()
    with pytest.raises(DataError, match="'k0' stands twice"):
        read_text(tmp_path, text)
    assert time.monotonic() - start < 3


def test_damaged_files_never_give_anything_but_a_result_or_one_line(tmp_path: Path) -> None:
    write_result(tmp_path / "good.json", RESULT)
    good = (tmp_path / "good.json").read_bytes()
    draw = random.Random(0)
    refused = 0
    for _ in range(1500):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(bad))
            bad[place : place + draw.randint(0, 3)] = bytes(
                draw.choices(b'{}[]",:0123456789.eEna\x00\xff\\', k=draw.randint(0, 3))
            )
        try:
            assert isinstance(read_text(tmp_path, bytes(bad)), Result)
        except DataError as error:
            refused += 1
            assert error.reason == "result-unreadable" and "\n" not in str(error)
    assert refused > 500


def test_the_limit_holds_the_largest_test_set(tmp_path: Path) -> None:
    """20,000 samples (VPO's training set), 30 protocols of 3 measures: a number takes at most 25 bytes."""
    assert results.LIMIT > 20_000 * (30 * 3 * 25 + 30 * 50)
