"""What the documentation shows is what the code gives."""

from __future__ import annotations

import doctest
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_worked_examples() -> None:
    failed, tried = doctest.testfile(str(DOCS / "protocols.md"), module_relative=False)
    assert tried > 30 and not failed
