"""How the commands tell what a user has to mend: one line on standard error, and an exit code."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeVar

from .errors import DataError
from .files import is_full

Command = TypeVar("Command", bound=Callable[..., Any])
FINDINGS, USAGE, DISK_FULL, STOPPED = 1, 2, 4, 130


def told(program: str, usage_reasons: Collection[str], after_stop: str) -> Callable[[Command], Command]:
    """Decorate a command of ``program`` so that bad input, a failing disk and Ctrl-C are one line and no traceback.

    ``usage_reasons``: the ``DataError`` reasons that are the user's flags, exit code 2; others are findings in the data,
    code 1. ``after_stop``: what to say after Ctrl-C.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                return command(*args, **kwargs)
            except DataError as error:
                _fail(program, error, usage_reasons)
            except BrokenPipeError:  # the reader of the output, such as `head`, has enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(FINDINGS)
            except OSError as error:
                reason, remedy = ("disk-full", "make room") if is_full(error) else ("system", "mend that")
                where = error.filename or kwargs.get("out") or "system"
                message = f"{error.strerror or error}; {remedy} and give the same command again"
                _fail(program, DataError(reason, where, message), usage_reasons)
            except KeyboardInterrupt:
                print(f"{program}: stopped; {after_stop}", file=sys.stderr)
                sys.exit(STOPPED)

        return wrapped  # type: ignore[return-value]

    return decorate


def _fail(program: str, error: DataError, usage_reasons: Collection[str]) -> NoReturn:
    print(f"{program}: {error}", file=sys.stderr)
    sys.exit(DISK_FULL if error.reason == "disk-full" else USAGE if error.reason in usage_reasons else FINDINGS)
