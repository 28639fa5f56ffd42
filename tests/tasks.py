"""Tasks for tests of the engines; worker processes must be able to import them."""

from __future__ import annotations

import os
import time
from pathlib import Path


def square(number: int) -> int:
    return number * number


def deadly(number: int, always: frozenset[int], once: Path) -> int:
    """Kills its process for the numbers in ``always``, and for 5 the first time."""
    if number in always or (number == 5 and not once.exists()):
        once.touch()
        os._exit(9)
    return number


def slow(number: int, started: Path) -> int:
    """Leaves its process id in the folder ``started`` and takes a minute."""
    (started / str(os.getpid())).touch()
    time.sleep(60)
    return number
