"""The named rules that turn counts into numbers, as a table of data (``data/protocols.toml``).

A name may carry changed settings: ``avsbench-object:batch=4`` is that row with another batch. The version goes up when a
number that a row gives changes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from .errors import DataError
from .fscore import BETAS2
from .thresholds import CUTS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# families: what is counted, and which function folds it (see evaluators.scoring)
FRAMES, OBJECT, ROBUST, NULL, GT_FRAMES = "frames", "object", "robust", "null", "frames-with-gt"
SEMANTIC, CONFUSION, DAVIS, SALIENCY, LOCALIZATION = "semantic", "confusion", "davis", "saliency", "localization"
CHOICES: Mapping[str, tuple[Any, ...]] = {  # of settings that can't be any number
    "cut": CUTS,
    "beta2": BETAS2,
    "map": ("probability", "2*l1-l0"),
    "background": (True, False, "drop last", "drop first"),
    "absent": ("zero", "skip"),
    "frames": ("all", "multi-source"),
    "task": ("semi-supervised", "unsupervised"),
    "rule": ("ez-vsl", "lvs"),
}


@dataclass(frozen=True)
class Protocol:
    """A rule with a name and a version."""

    name: str
    family: str
    rule: Mapping[str, Any]  # the settings of the family's function
    text: str  # the rule in words
    source: str  # paper or repository, commit, file
    needs: str = ""  # what predictions or gt must be for it: labels, soft, or logits of two channels
    version: int = 1


@cache
def protocols() -> Mapping[str, Protocol]:
    """All rows by name, in the order of the table."""
    text = resources.files(__package__).joinpath("data/protocols.toml").read_text(encoding="utf-8")
    return {name: Protocol(name, **row) for name, row in tomllib.loads(text).items()}


def find_protocol(text: str) -> Protocol:
    """The row called ``name``, or ``name:setting=value,...`` with changed settings. Raises ``DataError`` ``bad-protocol``."""
    name, _, changes = text.partition(":")
    if name not in protocols():
        near = get_close_matches(name, protocols(), 1)
        hint = f"; did you mean {near[0]}?" if near else "; `avs-eval protocols` lists them"
        raise DataError("bad-protocol", f"--protocol {text}", f"there is no protocol {name!r}{hint}")
    protocol = protocols()[name]
    rule = dict(protocol.rule)
    for change in filter(None, changes.split(",")):
        setting, _, value = change.partition("=")
        if setting not in rule:
            known = ", ".join(rule) or "none"
            raise DataError("bad-protocol", f"--protocol {text}", f"{name} has no setting {setting!r}; it has: {known}")
        rule[setting] = _value(setting, rule[setting], value, text)
    return replace(protocol, name=text, rule=rule) if changes else protocol


def _value(setting: str, old: Any, text: str, where: str) -> Any:
    """``text`` as a value like ``old``."""
    try:
        value = {"true": True, "false": False}[text.lower()] if isinstance(old, bool) else type(old)(text)
    except (KeyError, ValueError):
        raise DataError("bad-protocol", f"--protocol {where}", f"{text!r} should be a value like {old!r}") from None
    choices = [choice for choice in CHOICES.get(setting, ()) if type(choice) is type(old)]
    if choices and value not in choices:
        known = ", ".join(map(str, choices))
        raise DataError("bad-protocol", f"--protocol {where}", f"{setting} is one of {known}; found {text}")
    if type(old) is int and value < 1:
        raise DataError("bad-protocol", f"--protocol {where}", f"{setting} should be 1 or more; found {text}")
    return value
