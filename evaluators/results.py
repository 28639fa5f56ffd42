"""The result of a scoring run: its records, and their JSON file. Everything that a reader needs to judge a number."""

from __future__ import annotations

import json
import math
import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from .errors import DataError
from .files import atomic_write

FORMAT = 1
LIMIT = 128 << 20  # bytes of a file; the largest public test set with every protocol stays below a tenth of it
WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_HINT = "give a file that `avs-eval --json` wrote"
Numbers = Mapping[str, float]  # measure to value; NaN where it is not defined


@dataclass(frozen=True)
class ProtocolResult:
    """What one protocol says."""

    name: str  # as asked for, with changed settings: ``avsbench-object:batch=4``
    version: int
    family: str
    rule: Mapping[str, Any]  # every setting of the protocol
    text: str  # the rule in words
    source: str
    measures: Numbers
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 95 %, by measure
    per_class: Mapping[str, Numbers] = field(default_factory=dict)  # category to measures
    groups: Mapping[str, Mapping[str, Numbers]] = field(default_factory=dict)  # "by size" -> "small" -> measures
    baselines: Mapping[str, Numbers] = field(default_factory=dict)  # "all foreground" -> measures
    units: tuple[str, ...] = ()  # ids of what ``values`` has one number for: samples, or batches of them ("a+b")
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)  # only measures that are a mean over units
    note: str = ""  # what a reader must know about this number
    missing: str = ""  # why the protocol couldn't be computed; then there are no measures


@dataclass(frozen=True)
class Folder:
    """One of the two folders that were compared."""

    path: str
    kind: str
    files: int
    sha256: str  # over the sorted lines "<hash of file>  <name>"
    understood: tuple[str, ...] = ()  # lines, as printed
    layout: str = ""


@dataclass(frozen=True)
class Result:
    """One scoring run."""

    name: str  # of the run: the predictions folder's name unless told
    tool: str  # "avs-eval 0.1.0"
    created: str  # UTC, ISO 8601
    preds: Folder
    gt: Folder
    flags: Mapping[str, str]  # only those that change what is scored
    counts: Mapping[str, int]  # samples, frames, empty gt frames, ..., predictions missing, resized, ...
    warnings: tuple[str, ...]
    categories: tuple[str, ...]
    samples: tuple[str, ...]  # ids, sorted
    protocols: tuple[ProtocolResult, ...]
    # gt index, pred index, pixels: per sample, all frames; where gt and preds are labels
    confusions: Mapping[str, Sequence[tuple[int, int, int]]] = field(default_factory=dict)
    variant: str = "base"
    format: int = FORMAT


def write_result(path: Path | str, result: Result) -> None:
    """Write a result as JSON, atomically. NaN and infinities are the strings "nan", "inf", "-inf"."""
    text = _lines(_plain(result), "") + "\n"
    with atomic_write(path) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))  # of an odd file name, as JSON's own escape \udc80


def _plain(value: Any) -> Any:
    """Records, mappings, sequences and numbers as what ``json`` writes."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(content) for key, content in value.items()}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _word(value)
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "tolist"):  # of numpy: array or scalar
        return _plain(value.tolist())
    kinds = set(map(type, value))
    if kinds <= {int, str}:
        return list(value)
    if kinds == {float}:
        return [number if math.isfinite(number) else _word(number) for number in value]
    return [_plain(content) for content in value]


def _word(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _lines(value: Any, indent: str) -> str:
    """JSON text: what holds further objects or lists a line each, numbers and words in one line."""
    nested = isinstance(value, dict) and any(isinstance(content, dict | list) for content in value.values())
    records = isinstance(value, list) and any(isinstance(content, dict) for content in value)
    if not nested and not records:
        return json.dumps(value, ensure_ascii=False)
    inner = f"{indent} "
    if nested:
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_lines(content, inner)}" for key, content in value.items()]
    else:
        parts = [_lines(content, inner) for content in value]
    opening, closing = "{}" if nested else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def read_result(path: Path | str) -> Result:
    """Read a result. Raises ``DataError`` ``result-unreadable`` for what isn't one, with what was found."""
    try:
        row = json.loads(_text(path), object_pairs_hook=_object, parse_constant=_constant)
        found = row.get("format") if isinstance(row, dict) else None
        if type(found) is not int or found != FORMAT:
            raise ValueError(f"found {_short(found)} as its format, this version reads format {FORMAT}")
        result: Result = _record(Result, row, "result")
        _check(result)
    except OSError as error:
        raise DataError("result-unreadable", path, f"can't be read ({error.strerror}); {_HINT}") from error
    except RecursionError:
        raise DataError("result-unreadable", path, f"is nested too deeply for a result; {_HINT}") from None
    except (ValueError, OverflowError) as error:
        raise DataError("result-unreadable", path, f"{error}; {_HINT}") from error
    return result


def _text(path: Path | str) -> str:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is no file")
    if status.st_size > LIMIT:
        raise ValueError(f"has {status.st_size} bytes, a result has at most {LIMIT}")
    with open(path, "rb") as stream:
        return stream.read(LIMIT).decode("utf-8-sig")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {_short(twice)} stands twice in one object")
    return row


def _constant(word: str) -> None:
    text = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[word]
    raise ValueError(f'found {word}, which is no JSON; a result has the text "{text}" in its place')


def _short(value: Any) -> str:
    """What was found, in one short line of plain letters."""
    if isinstance(value, dict | list):
        return f"a list of {len(value)}" if isinstance(value, list) else f"an object with {len(value)} keys"
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _wrong(where: str, value: Any, expected: str) -> ValueError:
    return ValueError(f"{where}: found {_short(value)}, expected {expected}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _record(kind: Any, row: Any, where: str) -> Any:
    """A dataclass of ``kind`` from a JSON object; keys with a default may be missing, unknown ones may not be there."""
    if not isinstance(row, dict):
        raise _wrong(where, row, "an object")
    known = {each.name: each for each in fields(kind)}
    unknown = [key for key in row if key not in known]
    if unknown:
        raise ValueError(f"{where}: unknown key {_short(unknown[0])}; was it written by a newer version?")
    for name, each in known.items():
        if name not in row and each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"{where}: the key {name!r} is missing")
    hints = _hints(kind)
    return kind(**{key: _value(hints[key], value, f"{where}.{key}") for key, value in row.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    """A JSON value as ``kind``: the types that the records above use. Raises ValueError with place, found and expected."""
    if is_dataclass(kind):
        return _record(kind, value, where)
    if kind is float:
        return _number(value, where)
    if kind is Any:
        if not isinstance(value, str | int | float):
            raise _wrong(where, value, "a word or a number")
        return _number(value, where) if isinstance(value, float) else value
    if kind in (str, int):
        if type(value) is not kind or (kind is int and not -(2**63) <= value < 2**63):
            raise _wrong(where, value, "text" if kind is str else "a whole number")
        return value
    if get_origin(kind) is Mapping:
        if not isinstance(value, dict):
            raise _wrong(where, value, "an object")
        content = get_args(kind)[1]
        return {key: _value(content, item, f"{where}[{_short(key)}]") for key, item in value.items()}
    return _sequence(get_args(kind), value, where)


def _sequence(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    """A tuple from a JSON list: of any length (``Sequence[kind]``, ``tuple[kind, ...]``), or of the kinds in turn."""
    if not isinstance(value, list):
        raise _wrong(where, value, "a list")
    if len(kinds) == 1 or kinds[1] is Ellipsis:
        if kinds[0] is float and {type(item) for item in value} <= {float} and all(map(math.isfinite, value)):
            return tuple(value)  # the many
        return tuple(_value(kinds[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if len(value) != len(kinds):
        raise _wrong(where, value, f"a list of {len(kinds)}")
    return tuple(_value(kind, item, where) for kind, item in zip(kinds, value, strict=True))


def _number(value: Any, where: str) -> float:
    if isinstance(value, str) and value in WORDS:
        return WORDS[value]
    small = isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
    if not small or not math.isfinite(value):
        raise _wrong(where, value, 'a number, "nan", "inf" or "-inf"')
    return float(value)


def _check(result: Result) -> None:
    """What types can't say. Raises ValueError."""
    for what, names in (("samples", result.samples), ("protocols", [row.name for row in result.protocols])):
        if len(set(names)) < len(names):
            raise ValueError(f"result.{what}: a name stands twice")
    strange = sorted(result.confusions.keys() - set(result.samples))
    if strange:
        raise ValueError(f"result.confusions: {_short(strange[0])} is not among the samples")
    if any(not 0 <= pixels < 2**53 for rows in result.confusions.values() for _, _, pixels in rows):
        raise ValueError("result.confusions: a number of pixels is below 0 or beyond what a picture can hold")
    for row in result.protocols:
        if len(set(row.units)) < len(row.units):
            raise ValueError(f"result.protocols: {_short(row.name)} has a unit twice")
        for measure, values in row.values.items():
            if len(values) != len(row.units):
                place = f"{_short(row.name)} has {len(values)} values of {_short(measure)}"
                raise ValueError(f"result.protocols: {place} for {len(row.units)} units")
