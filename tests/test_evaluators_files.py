from __future__ import annotations

import os
from pathlib import Path

import pytest

from evaluators.errors import DataError
from evaluators.files import atomic_write, inside, link_or_copy, sha256_file, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "a.txt") as stream:
        stream.write(b"half of the n")
        raise RuntimeError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_folders_are_made_and_leftovers_of_this_process_replaced(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / f".a.txt.{os.getpid()}.tmp").write_text("left by an earlier process of the same number")
    write_text(tmp_path / "new" / "a.txt", "text")
    write_text(tmp_path / "newer" / "b.txt", "text")
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a.txt", "b.txt"]


def test_writing_never_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "a.txt").symlink_to(tmp_path / "precious")
    write_text(tmp_path / "a.txt", "text")
    assert (tmp_path / "precious").read_text() == "precious" and not (tmp_path / "a.txt").is_symlink()


@pytest.mark.parametrize("mode", ["link", "copy", "symlink"])
def test_links_and_copies_hold_the_same_bytes(tmp_path: Path, mode: str) -> None:
    (tmp_path / "a").write_bytes(b"picture")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for _ in range(2):  # again over what is there
        link_or_copy(tmp_path / "link", tmp_path / "out" / "b", mode=mode)
    assert (tmp_path / "out" / "b").read_bytes() == b"picture"
    assert (tmp_path / "out" / "b").is_symlink() == (mode == "symlink")
    assert ((tmp_path / "out" / "b").stat().st_ino == (tmp_path / "a").stat().st_ino) == (mode != "copy")
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_sha256_of_the_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_file(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("name", ["a.jpg", "train2017/a.jpg", "-a.jpg", "a b.jpg", "ä.jpg", "..a.jpg"])
def test_plain_names_are_fine(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/../b",
        "/etc/passwd",
        "C:/a",
        "C:\\a",
        "\\\\host\\a",
        "a\\..\\b",
        "a//b",
        "a\0b",
        "a\nb",
        "CON",
        "nul.jpg",
        "x" * 201,
        "~/a",
    ],
)
def test_names_that_leave_the_folder_or_are_no_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="unsafe-path"):
        inside(tmp_path, name)
