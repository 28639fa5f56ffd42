from __future__ import annotations

from pathlib import Path

import pytest

from evaluators.errors import DataError
from vpo_builder.journal import WORK, Journal, read_build


def reason(folder: Path, build: str = "a") -> str:
    with pytest.raises(DataError) as caught:
        Journal(folder, build, {})
    return caught.value.reason


def test_what_was_recorded_is_known_to_the_next_run(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", "a", {}) as journal:
        journal.record("clips", "x", {"peak": 0.5})
    with Journal(tmp_path / "out", "a", {}) as journal:
        assert journal.done("clips") == {"x": {"peak": 0.5}} and journal.done("images") == {}


def test_a_line_cut_off_by_a_kill_is_forgotten(tmp_path: Path) -> None:
    with Journal(tmp_path, "a", {}) as journal:
        journal.record("clips", "x", 1)
    with open(tmp_path / WORK / "journal.jsonl", "ab") as stream:
        stream.write(b'{"kind": "clips", "key": "y", "val')
    with Journal(tmp_path, "a", {}) as journal:
        assert journal.done("clips") == {"x": 1}
        journal.record("clips", "z", 2)
    with Journal(tmp_path, "a", {}) as journal:
        assert journal.done("clips") == {"x": 1, "z": 2}


def test_names_that_are_no_unicode_survive(tmp_path: Path) -> None:
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    with Journal(tmp_path, "a", {}) as journal:
        journal.record("clips", name, name)
    with Journal(tmp_path, "a", {}) as journal:
        assert journal.done("clips") == {name: name}


def test_a_second_build_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    with Journal(tmp_path, "a", {}):
        assert reason(tmp_path) == "busy"
    with Journal(tmp_path, "a", {}):
        pass


def test_an_unfinished_build_with_other_settings_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, "a", {}):
        pass
    assert reason(tmp_path, "b") == "other-build"


def test_a_folder_with_foreign_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert reason(tmp_path) == "not-empty"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_complete_build_leaves_no_work_folder(tmp_path: Path) -> None:
    with Journal(tmp_path, "a", {}) as journal:
        journal.record("clips", "x", 1)
        journal.discard()
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    with Journal(tmp_path, "a", {}) as journal:
        journal.record("clips", "x", 1)
    (tmp_path / "VPO").mkdir()
    (tmp_path / "VPO" / ".mask.png.4711.tmp").write_bytes(b"half")
    with Journal(tmp_path, "a", {}):
        assert list((tmp_path / "VPO").iterdir()) == []


def test_shards_work_side_by_side_and_learn_from_each_other(tmp_path: Path) -> None:
    with Journal(tmp_path, "a", {"seed": 1}, "1/2") as one, Journal(tmp_path, "a", {"seed": 1}, "2/2") as two:
        one.record("clips", "x", 1)
        assert two.done("clips") == {}
        two.reload()
        two.record("clips", "y", 2)
        assert two.done("clips") == {"x": 1, "y": 2}
        with pytest.raises(DataError, match="busy"):
            Journal(tmp_path, "a", {}, "2/2")
        assert reason(tmp_path, "a") == "busy", "a whole build waits for all shards"
    with Journal(tmp_path, "a", {"seed": 1}) as whole:
        assert whole.done("clips") == {"x": 1, "y": 2}
    assert read_build(tmp_path) == ("a", {"seed": 1})
