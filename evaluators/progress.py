"""What a long run tells: a live bar on a terminal, plain lines in a log, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Advance = Callable[[], None]
LOG_SECONDS = 10.0


class Progress:
    """Says lines and counts stages. This one is silent; see :class:`Log` and :class:`Terminal`."""

    def line(self, text: str) -> None:
        """Say one thing that stays on the screen."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Count ``total`` items; call the given function after each."""
        yield lambda: None


class Log(Progress):
    """Plain lines, for a log file: one every ten seconds, with speed and time left, and one at the end."""

    def line(self, text: str) -> None:
        print(text, flush=True)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        start = said = time.monotonic()
        done = 0

        def advance() -> None:
            nonlocal done, said
            done += 1
            now = time.monotonic()
            if now - said >= LOG_SECONDS:
                said = now
                speed = done / (now - start)
                self.line(f"{name:<8} {done}/{total}  {speed:.1f}/s  {(total - done) / speed:.0f} s left")

        yield advance
        if total:
            self.line(f"{name:<8} {done}/{total}  {time.monotonic() - start:.1f} s")


class Terminal(Progress):
    """A live bar with speed and time left."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Any = Console(highlight=False)

    def line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        from rich import progress

        columns = (
            progress.TextColumn("{task.description:<8}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[speed]}"),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
        )
        start = time.monotonic()
        with progress.Progress(*columns, console=self._console) as bar:
            task = bar.add_task(name, total=total, speed="")
            done = 0

            def advance() -> None:
                nonlocal done
                done += 1
                bar.update(task, advance=1, speed=f"{done / max(time.monotonic() - start, 1e-3):.1f}/s")

            yield advance


def for_screen(quiet: bool) -> Progress:
    """The progress that suits where standard output goes."""
    if quiet or sys.stdout is None:  # started without a terminal or a log
        return Progress()
    return Terminal() if sys.stdout.isatty() else Log()
