"""The named rules that turn counts into one number, as a table of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """A rule with a name and a version. The version goes up when a number that it gives changes."""

    name: str
    version: int
    family: str  # which records it needs, and which function folds them
    rule: Mapping[str, Any]  # the settings of that function
    measures: tuple[str, ...]
    text: str  # the rule in words, one or two sentences
    source: str  # paper or repository, commit, file
