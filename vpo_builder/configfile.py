"""The config file: TOML with one key per setting, checked like the flags."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluators.errors import DataError

from .settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_config(path: Path) -> dict[str, Any]:
    """Keys and values of a config file, fit to be given to :func:`make_settings`. Raises ``DataError`` ``bad-config``."""
    try:
        with open(path, "rb") as stream:
            return tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            "bad-config", path, f"can't be read as TOML ({error}); see config.toml of a built dataset for the form"
        ) from error


def make_settings(values: Mapping[str, Any], where: object = "settings") -> Settings:
    """Settings from plain values: lists for what may be repeated. Raises ``DataError`` ``bad-config`` naming the key."""
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    clean = {}
    for name, value in values.items():
        if name not in fields:
            raise DataError("bad-config", f"{where}: {name}", f"no such setting; there are {', '.join(fields)}")
        clean[name] = _checked(fields[name], value, f"{where}: {name}")
    _check_shard(clean.get("shard"))
    return Settings(**clean)


def kind(field: dataclasses.Field[Any]) -> type:
    """The type of one value of a setting: str, int, float or bool; of a repeatable one, that of its items."""
    words = str(field.type).replace(" | None", "")
    return {"str": str, "int": int, "float": float, "bool": bool, "tuple[str, ...]": str}[words]


def repeatable(field: dataclasses.Field[Any]) -> bool:
    """Whether a setting takes several values."""
    return str(field.type).startswith("tuple")


def _checked(field: dataclasses.Field[Any], value: Any, where: str) -> Any:
    if value is None and field.default is None:
        return None
    if not repeatable(field):
        return _checked_one(field, value, where)
    if not isinstance(value, list | tuple):
        raise DataError("bad-config", where, f"found {value!r}, expected a list")
    return tuple(_checked_one(field, item, where) for item in value)


def _checked_one(field: dataclasses.Field[Any], value: Any, where: str) -> Any:
    expected = kind(field)
    if expected is float and type(value) is int:
        value = float(value)
    if type(value) is not expected or (type(value) is str and "\0" in value):
        raise DataError("bad-config", where, f"found {value!r}, expected {expected.__name__}")
    choices, low, high = (field.metadata[key] for key in ("choices", "low", "high"))
    if choices and value not in choices:
        raise DataError("bad-config", where, f"found {value!r}, expected one of {', '.join(choices)}")
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise DataError("bad-config", where, f"found {value}, expected {low} to {high if high is not None else 'any'}")
    return value


def _check_shard(shard: str | None) -> None:
    if shard is None:
        return
    part, slash, parts = shard.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise DataError("bad-config", "--shard", f"found {shard!r}, expected i/n with i from 1 to n, such as 1/4")
