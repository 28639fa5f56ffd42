"""`avsbench logmels`: published pickles rewritten, and log-mels of every form read as the same array."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from avsbench_tools import logmel_files
from avsbench_tools.cli import main
from avsbench_tools.logmel_files import FORMS, rewrite
from avsbench_tools.outcome import Outcome
from evaluators.errors import DataError
from evaluators.log_mels import decode_log_mel, encode_log_mel, read_log_mel
from evaluators.progress import Progress
from evaluators.tensors import encode_tensor

Array = np.ndarray[Any, np.dtype[Any]]


def log_mel(examples: int = 5, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((examples, 1, 96, 64)).astype(np.float32)


def published(folder: Path, names: dict[str, Any]) -> Path:
    """Files by name: arrays as torch pickles them, bytes as they are."""
    for name, value in names.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else encode_tensor(value))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reasons(outcome: Outcome) -> dict[str, str]:
    return {rejection.item: rejection.reason for rejection in outcome.rejections}


@pytest.mark.parametrize("form", FORMS)
def test_every_pickle_goes_to_the_same_place_with_the_same_numbers(tmp_path: Path, form: str) -> None:
    names = ["train/dog/-abc.pkl", "train/dog/_x.pkl", "test/a.pkl"]
    src = published(tmp_path / "src", {name: log_mel(seed=n) for n, name in enumerate(names)})
    published(src, {"notes.txt": b"", ".hidden.pkl": b"", ".git/a.pkl": b""})
    outcome = rewrite(src, tmp_path / "dst", form, Progress())
    assert (outcome.done, outcome.already, outcome.rejections) == (3, 0, ())
    assert set(contents(tmp_path / "dst")) == {name.replace(".pkl", f".{form}") for name in names}
    for name in names:
        found = read_log_mel(tmp_path / "dst" / name.replace(".pkl", f".{form}"))
        assert found.dtype == np.float32 and np.array_equal(found, read_log_mel(src / name))


def test_safetensors_by_hand(tmp_path: Path) -> None:
    data = encode_log_mel(log_mel(), "safetensors")
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0
    assert json.loads(data[8 : 8 + length]) == {
        "log_mel": {"dtype": "F32", "shape": [5, 1, 96, 64], "data_offsets": [0, 5 * 96 * 64 * 4]}
    }
    assert data[8 + length :] == log_mel().tobytes()


def test_npy_is_what_numpy_reads(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(encode_log_mel(log_mel(), "npy"))
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), log_mel())


def test_one_file(tmp_path: Path) -> None:
    src = published(tmp_path, {"deep/a.pkl": log_mel()})
    assert rewrite(src / "deep/a.pkl", tmp_path / "dst", "npy", Progress()).done == 1
    assert list(contents(tmp_path / "dst")) == ["a.npy"]


def test_each_unusable_file_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = log_mel()
    bad[0, 0, 0, 0] = np.nan
    names = {
        "unsafe-pickle": b"cposix\nsystem\n(S'id'\ntR.",
        "pickle-damaged": encode_tensor(log_mel())[:5000],
        "no-tensor": pickle.dumps({"abc": "dog"}),
        "log-mel-nonfinite": bad,
        "log-mel-shape": log_mel()[:, 0],
    }
    src = published(tmp_path / "src", {f"{reason}.pkl": value for reason, value in names.items()})
    published(
        src, {"empty.pkl": b"", "good.pkl": log_mel(), "none.pkl": log_mel(0), "int.pkl": pickle.dumps(np.ones(3, int))}
    )
    published(src, {"over.pkl": pickle.dumps(np.full((5, 1, 96, 64), 1e300))})
    (src / "folder.pkl").mkdir()
    (src / "nowhere.pkl").symlink_to(tmp_path / "nowhere")
    os.mkfifo(src / "pipe.pkl")
    outcome = rewrite(src, tmp_path / "dst", "npy", Progress())
    expected = {f"{reason}.pkl": reason for reason in names}
    expected |= {"empty.pkl": "pickle-damaged", "none.pkl": "log-mel-shape", "int.pkl": "log-mel-shape"}
    expected |= {"over.pkl": "log-mel-nonfinite", "nowhere.pkl": "unreadable", "pipe.pkl": "not-a-file"}
    assert reasons(outcome) == expected and outcome.done == 1
    assert list(contents(tmp_path / "dst")) == ["good.npy"]


@pytest.mark.parametrize(
    ("examples", "reason"), [(3, "log-mel-short"), (5, None), (7, "log-mel-short"), (10, None), (11, "log-mel-long")]
)
def test_another_length_is_kept_and_told(tmp_path: Path, examples: int, reason: str | None) -> None:
    src = published(tmp_path / "src", {"a.pkl": log_mel(examples)})
    for done in (1, 0):  # the second time it is there, and told again
        outcome = rewrite(src, tmp_path / "dst", "npy", Progress())
        assert outcome.done == done and not outcome.rejected
        assert reasons(outcome) == ({"a.pkl": reason} if reason else {})
    assert read_log_mel(tmp_path / "dst/a.npy").shape == (examples, 1, 96, 64)


def test_floats_of_other_widths_become_float32() -> None:
    for kind in (np.float16, np.float64, ">f4"):
        values = np.arange(96 * 64).reshape(1, 1, 96, 64).astype(kind)
        found = decode_log_mel(pickle.dumps(values), "a.pkl")
        assert found.dtype == np.dtype("=f4") and np.array_equal(found, values)


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src = published(tmp_path / "src", {f"{n % 2}/{n}.pkl": log_mel(3 if n == 1 else 5, n) for n in range(6)})
    whole = rewrite(src, tmp_path / "whole", "npy", Progress())
    for stop in range(6):
        dst = tmp_path / f"part{stop}"
        with monkeypatch.context() as patch:
            patch.setattr(logmel_files, "encode_log_mel", stopping(stop))
            with pytest.raises(KeyboardInterrupt):
                rewrite(src, dst, "npy", Progress())
        assert len(contents(dst)) == stop
        published(dst, {"0/.0.npy.999.tmp": b"half"})  # of a killed one
        (dst / "1").mkdir(exist_ok=True)
        (dst / "1" / "5.npy").write_bytes(b"something else")
        published(dst, {".mine.tmp": b""})
        outcome = rewrite(src, dst, "npy", Progress())
        assert outcome.rejections == whole.rejections and outcome.done + outcome.already == 6
        assert contents(dst) == {**contents(tmp_path / "whole"), ".mine.tmp": b""}


def stopping(after: int) -> Callable[[Array, str], bytes]:
    calls = iter(range(after))

    def encode(values: Array, form: str) -> bytes:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return encode_log_mel(values, form)

    return encode


def test_links_are_followed_and_no_folder_is_entered_twice(tmp_path: Path) -> None:
    src = published(tmp_path / "src", {"train/a.pkl": log_mel()})
    published(tmp_path / "elsewhere", {"b.pkl": log_mel()})
    (src / "val").symlink_to(tmp_path / "elsewhere")
    (src / "train/up").symlink_to(src)
    assert rewrite(src, tmp_path / "dst", "npy", Progress()).done == 2
    assert set(contents(tmp_path / "dst")) == {"train/a.npy", "val/b.npy"}


@pytest.mark.parametrize(
    ("src", "dst", "form", "reason"),
    [
        ("nope", "dst", "npy", "not-a-folder"),
        ("notes.txt", "dst", "npy", "not-a-folder"),
        ("a.pkl", "b.npy", "npy", "not-a-folder"),
        ("a.pkl", "notes.txt", "npy", "not-a-folder"),
        ("empty", "dst", "npy", "empty-folder"),
        ("a.pkl", "dst", "pkl", "bad-option"),
    ],
)
def test_wrong_arguments(tmp_path: Path, src: str, dst: str, form: str, reason: str) -> None:
    published(tmp_path, {"a.pkl": log_mel(), "notes.txt": b""})
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        rewrite(tmp_path / src, tmp_path / dst, form, Progress())
    assert caught.value.reason == reason
    assert not (tmp_path / "dst").exists()


def test_damaged_files_of_the_other_forms() -> None:
    npy, safe = (encode_log_mel(log_mel(), form) for form in FORMS)
    header = b'{"log_mel":{"dtype":"F32","shape":[5,1,96,64],"data_offsets":[0,122880]}}'
    for data, name, reason in (
        (npy[:-1], "a.npy", "log-mel-unreadable"),
        (npy.replace(b"<f4", b"|O8"), "a.npy", "log-mel-dtype"),
        (b"", "a.npy", "log-mel-unreadable"),
        (safe[:-1], "a.safetensors", "safetensors-damaged"),
        (safe[:40], "a.safetensors", "safetensors-damaged"),
        (b"\xff" * 8 + safe[8:], "a.safetensors", "safetensors-damaged"),
        (struct.pack("<Q", 4) + b"[{}]", "a.safetensors", "safetensors-damaged"),
        (struct.pack("<Q", 2) + b"{}", "a.safetensors", "no-tensor"),
        (struct.pack("<Q", 100_000) + b"[" * 100_000, "a.safetensors", "safetensors-damaged"),
        (struct.pack("<Q", len(header)) + header.replace(b"0,122880", b"4,122884") + bytes(122880), "a.safetensors", "safetensors-damaged"),
        (struct.pack("<Q", len(header)) + header.replace(b"F32", b"I32") + bytes(122880), "a.safetensors", "no-tensor"),
        (safe, "a.wav", "log-mel-form"),
        (safe, "a.pkl", "pickle-damaged"),
    ):  # fmt: skip
        with pytest.raises(DataError) as caught:
            decode_log_mel(data, name)
        assert caught.value.reason == reason and "\n" not in str(caught.value)


def test_programming_errors_tell_shapes() -> None:
    with pytest.raises(ValueError, match=r"found \(5, 96, 64\) float32, expected \(examples, 1, 96, 64\) float32"):
        encode_log_mel(log_mel()[:, 0], "npy")
    with pytest.raises(ValueError, match="found form 'wav', expected pkl, npy, safetensors"):
        encode_log_mel(log_mel(), "wav")


def test_the_command(tmp_path: Path) -> None:
    src = published(
        tmp_path / "src", {"a.pkl": log_mel(), "b.pkl": b"cposix\nsystem\n(S'id'\ntR.", "c.pkl": log_mel(3)}
    )
    ran = CliRunner().invoke(main, ["logmels", str(src), str(tmp_path / "dst"), "--to", "safetensors"])
    assert ran.exit_code == 1
    assert "2 log-mels written, 1 rejected" in ran.output and "b.pkl: asks for posix.system" in ran.output
    assert set(contents(tmp_path / "dst")) == {"a.safetensors", "c.safetensors", "rejected.jsonl", "warnings.jsonl"}
    (src / "b.pkl").unlink()
    ran = CliRunner().invoke(main, ["logmels", str(src), str(tmp_path / "dst"), "--to", "safetensors", "--quiet"])
    assert (ran.exit_code, ran.output) == (0, "")
    assert set(contents(tmp_path / "dst")) == {"a.safetensors", "c.safetensors", "warnings.jsonl"}
