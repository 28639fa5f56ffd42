"""Where writing fails: one line and exit code 4, nothing half-written, and the same command goes on to the same bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from small_world import SmallWorld, small_world

import vpo_builder.build
from evaluators.dataset import DATASET
from evaluators.wav_files import read_wav16
from vpo_builder.cli import main
from vpo_builder.journal import WORK
from vpo_builder.scan import CLIPS
from vpo_builder.verify import verify

FLAGS = ("--audio", "render", "--seconds", "2", "--gallery", "2", "--images", "copy")


def flags(world: SmallWorld, out: Path, workers: int = 1) -> list[str]:
    return ["build", "--out", str(out), *world.flags(), *FLAGS, "--workers", str(workers)]


def build(world: SmallWorld, out: Path, workers: int = 1) -> int:
    """Exit code of a build in this process; an error is one line that names the output folder and what to do."""
    result = CliRunner().invoke(main, flags(world, out, workers))
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    if result.exit_code:
        assert result.stderr.count("\n") == 1 and str(out) in result.stderr and result.stderr.endswith("[disk-full]\n")
        assert "make room" in result.stderr
    return result.exit_code


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def check_unfinished(out: Path, whole: dict[str, str]) -> None:
    """No dataset, no temporary file, and every file that stands is whole."""
    assert not (out / DATASET).exists()
    assert not list(out.rglob(".*.tmp"))
    assert {name: digest for name, digest in tree(out).items() if not name.startswith(WORK)}.items() <= whole.items()
    for clip in (out / CLIPS).glob("*"):
        assert len(read_wav16(clip)) == 32_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    return small_world(tmp_path_factory)


@pytest.fixture(scope="module")
def whole(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The undisturbed build."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert build(world, out) == 0 and verify(out) == []
    return tree(out)


# ------------------------------------------------------------------------------------------------------ a real disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[int], None]]]:
    """A small disk, and a function that sets its size in kilobytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", place], capture_output=True).returncode
    ):
        pytest.skip("needs the right to mount a disk")
    try:
        yield place, lambda size: subprocess.run(["mount", "-o", f"remount,size={size}k", place], check=True) and None
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_build_on_a_full_disk_goes_on_as_room_is_made(
    world: SmallWorld, whole: dict[str, str], disk: tuple[Path, Callable[[int], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room grows until the build is done; each time it stops somewhere else."""
    monkeypatch.setattr(
        vpo_builder.build, "MARGIN_BYTES", -(10**9)
    )  # the check before the start is not what is tested here
    place, resize = disk
    out, size, stages = place / "out", 8, set()
    while build(world, out):
        check_unfinished(out, whole)
        stages |= {path.name for path in out.iterdir()}
        size += 400 if 200 < size < 6_000 else 60
        assert size < 30_000
        resize(size)
    assert stages >= {WORK, "VPO", "manifest.jsonl", "gallery"}
    assert tree(out) == whole


def test_a_full_disk_is_seen_from_worker_processes_too(
    world: SmallWorld, whole: dict[str, str], disk: tuple[Path, Callable[[int], None]]
) -> None:
    place, resize = disk
    resize(2_000)
    assert build(world, place / "out", workers=2) == 4
    check_unfinished(place / "out", whole)
    resize(100_000)
    assert build(world, place / "out") == 0
    assert tree(place / "out") == whole


@pytest.mark.parametrize("limit", [100, 30_000, 70_000])
def test_a_limit_on_the_size_of_files_is_told_like_a_full_disk(
    world: SmallWorld, whole: dict[str, str], tmp_path: Path, limit: int
) -> None:
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    out = tmp_path / "out"
    command = [sys.executable, "-m", "vpo_builder.cli", *flags(world, out)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited)
    assert done.returncode == 4
    assert (
        done.stderr.count("\n") == 1 and done.stderr.startswith(f"vpo: {out}") and done.stderr.endswith("[disk-full]\n")
    )
    check_unfinished(out, whole)
    assert build(world, out) == 0
    assert tree(out) == whole


def test_too_little_room_is_seen_before_rendering(
    world: SmallWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vpo_builder.build, "MARGIN_BYTES", 10**18)
    assert build(world, tmp_path / "out") == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [WORK]


# ------------------------------------------------------------------------------------------------------ the N-th call fails


class Nth:
    """Stands for a function, and does something else at its N-th call (never for 0)."""

    def __init__(self, function: Callable[..., Any], number: int, otherwise: Callable[..., Any]) -> None:
        self.function, self.number, self.otherwise, self.calls = function, number, otherwise, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return (self.otherwise if self.calls == self.number else self.function)(*args, **kwargs)


def _raise(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _FullFile:
    """A file that takes half of the first bytes it is given."""

    def __init__(self, handle: int, mode: str) -> None:
        self.stream = open(handle, mode)  # noqa: SIM115

    def __enter__(self) -> _FullFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def write(self, content: Any) -> int:
        self.stream.write(bytes(content)[: len(content) // 2])
        self.stream.flush()
        _raise()
        return 0


FAILURES: dict[str, Callable[..., Any]] = {"replace": _raise, "fsync": _raise, "fdopen": _FullFile}


@pytest.fixture(scope="module")
def calls(world: SmallWorld, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often a whole build calls each of the functions that may fail."""
    with pytest.MonkeyPatch.context() as patch:
        counters = {name: Nth(getattr(os, name), 0, _raise) for name in FAILURES}
        for name, counter in counters.items():
            patch.setattr(os, name, counter)
        assert build(world, tmp_path_factory.mktemp("counted") / "out") == 0
    return {name: counter.calls for name, counter in counters.items()}


@pytest.mark.parametrize("name", FAILURES)
def test_whichever_call_fails_the_next_run_gives_the_same_bytes(
    world: SmallWorld,
    whole: dict[str, str],
    calls: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    last = calls[name]
    for number in sorted(
        {1, 2, 3, last // 4, last // 2, 3 * last // 4, last - 3, last - 2, last - 1, last} & set(range(1, last + 1))
    ):
        out = tmp_path / f"out{number}"
        with monkeypatch.context() as patch:
            patch.setattr(os, name, Nth(getattr(os, name), number, FAILURES[name]))
            assert build(world, out) == 4, number
        check_unfinished(out, whole)
        assert build(world, out) == 0
        assert tree(out) == whole, number


@pytest.mark.parametrize("share", [0.01, 0.5, 0.85, 1])
def test_a_process_that_dies_right_after_a_rename_is_resumed_to_the_same_bytes(
    world: SmallWorld, whole: dict[str, str], calls: dict[str, int], tmp_path: Path, share: float
) -> None:
    """The last rename puts dataset.json in place, and only the work folder is left to be removed."""
    code = (
        "import os, sys; from vpo_builder.cli import main\n"
        "number, rename = int(sys.argv.pop(1)), os.replace\n"
        "def replace(*names):\n"
        "    global number\n"
        "    number -= 1\n"
        "    rename(*names)\n"
        "    if not number: os._exit(137)\n"
        "os.replace = replace\n"
        "main()\n"
    )
    out, number = tmp_path / "out", max(1, round(share * calls["replace"]))
    assert (
        subprocess.run([sys.executable, "-c", code, str(number), *flags(world, out)], capture_output=True).returncode
        == 137
    )
    assert (out / WORK).exists() and (out / DATASET).exists() == (share == 1)
    assert build(world, out) == 0
    assert tree(out) == whole and not (out / WORK).exists()
