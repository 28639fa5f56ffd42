from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from tasks import deadly, square

from evaluators.engines import Engine, Lost, Outcome


def run(task: Callable[[int], int], items: Sequence[int], workers: int) -> list[Outcome[int, int]]:
    with Engine(workers) as engine:
        return list(engine.run(task, items))


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_comes_back_with_its_own_result(workers: int) -> None:
    outcomes = run(square, range(30), workers)
    assert sorted((outcome.item, outcome.result) for outcome in outcomes) == [(n, n * n) for n in range(30)]  # type: ignore[type-var]


def test_a_worker_that_died_is_replaced_and_its_items_tried_again(tmp_path: Path) -> None:
    task = partial(deadly, always=frozenset(), once=tmp_path / "died")
    assert sorted(outcome.result for outcome in run(task, range(20), 2)) == list(range(20))  # type: ignore[type-var]
    assert (tmp_path / "died").exists()


def test_an_item_that_kills_every_worker_is_given_up_and_the_rest_is_done(tmp_path: Path) -> None:
    task = partial(deadly, always=frozenset({3}), once=tmp_path / "died")
    outcomes = {outcome.item: outcome.result for outcome in run(task, range(12), 2)}
    assert isinstance(outcomes.pop(3), Lost)
    assert outcomes == {n: n for n in range(12) if n != 3}


def test_an_error_in_a_task_ends_the_run() -> None:
    with pytest.raises(TypeError):
        list(run(square, ["text", "more"], 2))  # type: ignore[list-item]


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from functools import partial; from pathlib import Path; from tasks import slow; from evaluators.engines import Engine\n"
        "with Engine(2) as engine: list(engine.run(partial(slow, started=Path(sys.argv[1])), range(20)))"
    )
    paths = os.pathsep.join(path or os.getcwd() for path in [str(Path(__file__).parent), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.DEVNULL
    )
    _until(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    workers = [int(path.name) for path in tmp_path.iterdir()]
    _until(lambda: not any(_lives(worker) for worker in workers))


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(process: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for doesn't."""
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


@pytest.mark.slow
def test_ray_gives_the_same_results() -> None:
    pytest.importorskip("ray")
    with Engine(2, "ray") as engine:
        outcomes = list(engine.run(square, range(30)))
    assert sorted((outcome.item, outcome.result) for outcome in outcomes) == [(n, n * n) for n in range(30)]  # type: ignore[type-var]
