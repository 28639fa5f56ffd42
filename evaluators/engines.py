"""Where work runs: in this process, in local processes, or on a Ray cluster. The results don't depend on it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context, parent_process
from threading import Thread, current_thread, main_thread
from types import TracebackType
from typing import Any, Generic, TypeVar

from .errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")
Running = dict[Future[list[Result]], tuple[Sequence[Item], int]]  # what each worker has, and how often that killed one
CHUNK = 8
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT_BYTES = 1 << 28
ATTEMPTS = 3  # runs of one item alone before its worker's death is laid to it


@dataclass(frozen=True)
class Lost:
    """The outcome of an item whose worker process died each time."""

    attempts: int


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """An item and what came of it."""

    item: Item
    result: Result | Lost


def finished(outcome: Outcome[Item, Result]) -> Result:
    """The result of an item that has to have one. Raises ``DataError`` ``worker-lost``."""
    if isinstance(outcome.result, Lost):
        raise DataError(
            "worker-lost",
            outcome.item,
            "killed its worker process each time; is there enough memory? run again to go on",
        )
    return outcome.result


class Engine:
    """Runs tasks on ``workers`` processes (as many as cores by default). Use as a context manager."""

    def __init__(
        self,
        workers: int | None = 1,
        kind: str = "local",
        *,
        warm_up: str = "",
        start: str = "spawn",
        chunk: int = CHUNK,
    ) -> None:
        """``kind`` is ``local`` or ``ray``; ``warm_up`` a module that workers import first; ``start`` how processes
        start (``fork`` is fastest, and only for a program that has no threads); ``chunk`` the items handed out at once.
        """
        self.kind, self._warm_up, self._start, self._chunk = kind, warm_up, start, chunk
        self._asked = workers
        self._workers = workers or os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Engine:
        if self._workers == 1:
            _keep_memory()
        elif self.kind == "local":
            with _deaf_to_ctrl_c():  # the workers start here, while the caller still reads its tables
                for _ in range(self._workers):
                    self._open().submit(_ready, self._warm_up)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Item, Result]]:
        """``function`` on every item, in any order. It must be a module-level function or a partial of one.

        An exception in ``function`` ends the run; a worker that dies is replaced and its items are tried again.
        """
        if self.kind == "ray":
            yield from _ray(function, items, self._asked)
        elif self._workers == 1 or len(items) < 2:
            for item in items:
                yield Outcome(item, function(item))
        else:
            yield from self._in_pool(function, items)

    def _in_pool(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Item, Result]]:
        waiting = deque(_chunks(items, self._chunk))
        running: Running[Result, Item] = {}
        while waiting or running:
            pool = self._open()
            try:
                # a suspect of an earlier death runs with nothing beside it, so that only it can be blamed
                alone = bool(waiting) and waiting[0][1] > 0
                while waiting and len(running) < (1 if alone else 2 * self._workers) and (alone or waiting[0][1] == 0):
                    with _deaf_to_ctrl_c():  # it may start a worker
                        future = pool.submit(_chunk, function, waiting[0][0])
                    running[future] = waiting.popleft()
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield from _outcomes(running[future][0], future.result())
                    del running[future]
            except BrokenProcessPool:
                yield from _after_death(running, waiting)
                running = {}
                self._close()

    def _open(self) -> ProcessPoolExecutor:
        self._pool = self._pool or ProcessPoolExecutor(self._workers, get_context(self._start), _start_worker)
        return self._pool

    def _close(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _keep_memory() -> None:
    """Keep freed memory for the next item: giving megabytes back to the system and faulting them in again doubles the time of mixing."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc
        if mallopt:
            mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
            mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile ignore Ctrl-C from their first moment: it is for the parent to handle."""
    if current_thread() is not main_thread():  # where it isn't heard either
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _start_worker() -> None:
    """A worker ends with its parent, even one that was killed."""
    _keep_memory()
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _ready(module: str) -> None:
    """The first task of a worker: import what the others need."""
    if module:
        import_module(module)


def _chunk(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[tuple[Sequence[Item], int]]:
    return ((items[start : start + size], 0) for start in range(0, len(items), size))


def _after_death(
    running: Running[Result, Item], waiting: deque[tuple[Sequence[Item], int]]
) -> Iterator[Outcome[Item, Result]]:
    """Hand out what had finished, and queue the rest item by item, each with its number of deaths."""
    blamed = len(running) == 1
    for future, (part, deaths) in running.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            yield from _outcomes(part, future.result())
        elif len(part) == 1 and deaths >= ATTEMPTS and blamed:
            yield Outcome(part[0], Lost(deaths))
        else:
            waiting.extendleft(([item], deaths + 1) for item in reversed(part))


def _outcomes(items: Sequence[Item], results: list[Result]) -> Iterator[Outcome[Item, Result]]:
    for item, result in zip(items, results, strict=True):
        yield Outcome(item, result)


def _ray(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None
) -> Iterator[Outcome[Item, Result]]:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise DataError(
            "missing-package", "--engine ray", "Ray is not installed; run: pip install 'avskit[ray]'"
        ) from error
    ray.init(
        num_cpus=workers,
        ignore_reinit_error=True,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )
    remote = ray.remote(max_retries=ATTEMPTS)(_chunk)
    shared = ray.put(function)
    waiting = deque(_chunks(items))
    running: dict[Any, Sequence[Item]] = {}
    limit = 4 * int(ray.cluster_resources().get("CPU", 1))
    while waiting or running:
        while waiting and len(running) < limit:
            part, _ = waiting.popleft()
            running[remote.remote(shared, part)] = part
        finished, _ = ray.wait(list(running), num_returns=1)
        for reference in finished:
            part = running.pop(reference)
            try:
                yield from _outcomes(part, ray.get(reference))
            except ray.exceptions.WorkerCrashedError:
                if len(part) == 1:
                    yield Outcome(part[0], Lost(ATTEMPTS))
                else:
                    waiting.extend(([item], 1) for item in part)
