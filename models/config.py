"""What a run is: frozen records, a TOML file, and changes such as ``optim.rate=1e-4``; unknown keys and wrong types are errors.

[model]                  which network, of which parts
[model.options]          the network's own settings (see ``avs-train show MODEL``)
[data]                   where the samples are, and what is made of them
[optim]                  how parameters move
[optim.parts.visual]     and those of one part of the network (a name of ``System.parameter_groups``)
[loop]                   how long, how many at once, what is best
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from evaluators.errors import DataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Record = TypeVar("Record")
Scalar = bool | int | float | str


def _one_of(*values: str) -> Any:
    return field(default=values[0], metadata={"choices": values})


def _at_least(low: float, default: Any, high: float | None = None) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True)
class ModelConfig:
    """A network. What differs here makes another network: weights of one don't load into the other."""

    name: str = "tpavi"  # of the registry
    visual: str = "tiny"  # picture encoder
    audio: str = "tiny"  # sound encoder; not built where channels is 0
    channels: int = _at_least(0, 1, 2)  # of sound: 0 deaf (a control), 1 mono, 2 left and right
    classes: int = _at_least(0, 0)  # 1: sounding or not; 0: the data's categories where it has them, else 1
    position: str = _one_of("none", "coord", "key")  # how a fusion learns where a pixel is
    stereo: str = _one_of("plain", "level", "level+phase")  # features beside each channel's own
    output_stride: int = 32
    deep_stem: bool = False
    visual_weights: str = ""  # "" random, a file, or a name
    audio_weights: str = ""
    start_weights: str = ""  # a run's folder, or a weights file of one: all of its weights, over those of the encoders
    audio_missing: str = _one_of("repeat", "zeros")  # VGGish's examples beyond the end of the sound
    options: Mapping[str, Any] = field(default_factory=dict)  # of the network, checked by the registry


@dataclass(frozen=True)
class DataConfig:
    """Samples of a dataset folder."""

    dir: str = ""
    settings: tuple[str, ...] = ()  # () all: ss, ms, msmi of VPO; v1s, v1m, v2 of AVSBench-semantic
    train_split: str = "train"
    val_split: str = "val"
    size: int = _at_least(32, 224)  # pixels, square
    seconds: float = _at_least(0.1, 3.0)  # of sound
    flip: float = _at_least(0, 0.0, 1)  # chance to mirror picture and sound
    scales: tuple[float, ...] = ()  # one is drawn, then a square is cut out; () brings the whole picture to the square
    middle: bool = False  # train on the middle square of each picture, instead of scales or the whole
    jitter: tuple[float, ...] = ()  # strength of brightness, contrast, saturation, hue
    follow: bool = True  # the sound's place follows the crop; False as CAVP's code
    pad_frames: int = _at_least(0, 0)  # videos of fewer frames are filled up to this number; 0 as they are
    instances: str = ""  # maps of instances: "" none, own those of `vpo build`, else a folder; see instances.py
    workers: int = _at_least(0, 2)  # processes that load, for each training process


@dataclass(frozen=True)
class PartConfig:
    """What is different for one part of the network; None as for the others."""

    kind: str = field(default="", metadata={"choices": ("", "adam", "adamw", "sgd")})
    rate: float | None = _at_least(0, None)
    weight_decay: float | None = _at_least(0, None)
    decay: str = field(default="", metadata={"choices": ("", "all", "weights")})
    schedule: str = field(default="", metadata={"choices": ("", "constant", "poly", "cosine", "onecycle")})
    frozen_epochs: float = _at_least(0, 0.0)  # rate 0 in the first epochs


@dataclass(frozen=True)
class OptimConfig:
    """Optimizers: one for each kind that occurs."""

    kind: str = _one_of("adam", "adamw", "sgd")
    rate: float = _at_least(0, 1e-4)
    weight_decay: float = _at_least(0, 0.0)
    decay: str = _one_of("all", "weights")  # weights: not of biases and norms
    momentum: float = _at_least(0, 0.9, 1)  # of sgd
    schedule: str = _one_of("constant", "poly", "cosine", "onecycle")
    power: float = _at_least(0, 0.9)  # of poly
    warmup: int = _at_least(0, 0)  # steps in which the rate grows from 0
    clip: float = _at_least(0, 0.0)  # largest norm of the gradient; 0 no limit
    parts: Mapping[str, PartConfig] = field(default_factory=dict)


@dataclass(frozen=True)
class LoopConfig:
    """A step is one change of the parameters, by ``batch`` samples over all processes."""

    epochs: int = _at_least(0, 0)
    steps: int = _at_least(0, 0)  # instead of epochs
    batch: int = _at_least(1, 4)
    accumulate: int = _at_least(1, 1)  # parts that a process takes its share of a batch in
    precision: str = _one_of("fp32", "bf16")
    channels_last: bool = False
    compile: bool = False
    sync_bn: bool = False  # statistics of BatchNorm over all processes; on GPUs only
    balanced: bool = False  # draw samples such that rare categories come as often
    seed: int = _at_least(0, 0)
    validate_every: int = _at_least(0, 1)  # epochs; 0 never, and then there is no best
    save_every: int = _at_least(0, 0)  # steps; 0 at the ends of epochs only
    protocol: str = "avs"  # of `avs-eval protocols`
    measure: str = "J"  # largest is best
    patience: int = _at_least(0, 0)  # validations without a better one, after which it stops; 0 never


@dataclass(frozen=True)
class Config:
    """All of it; ``source`` says where the numbers come from."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    source: str = ""


def read_toml(path: Path | str) -> dict[str, Any]:
    """The tables of a file. Raises ``DataError`` ``bad-config``."""
    try:
        with open(path, "rb") as stream:
            return tomllib.load(stream)
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise DataError("bad-config", path, f"can't be read as TOML ({_line(error)})") from error


def make_config(tables: Mapping[str, Any], where: object = "config") -> Config:
    """A config from plain tables. Raises ``DataError`` ``bad-config`` with the key that is wrong."""
    config = make_record(Config, tables, where)
    loop, data = config.loop, config.data
    if (loop.epochs > 0) == (loop.steps > 0):
        found = f"found epochs {loop.epochs} and steps {loop.steps}"
        raise DataError("bad-config", f"{where}: loop", f"{found}, expected one of the two to be above 0")
    if "test" in (data.train_split, data.val_split) or data.train_split == data.val_split:
        found = f"train on {data.train_split!r} and choose by {data.val_split!r}"
        remedy = (
            "the test split is for `avs-train predict` at the end, and the best is chosen on samples not trained on"
        )
        raise DataError("bad-config", f"{where}: data", f"{found}; {remedy}")
    if len(data.jitter) not in (0, 4):
        raise DataError("bad-config", f"{where}: data.jitter", f"found {len(data.jitter)} numbers, expected 4")
    return config


def make_record(kind: type[Record], values: Any, where: object) -> Record:
    """A frozen record from a table: known keys, right types, values in range."""
    if not isinstance(values, Mapping):
        raise DataError("bad-config", where, f"found {values!r}, expected a table")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    given = {}
    for name, value in values.items():
        if name not in known:
            raise DataError("bad-config", f"{where}: {name}", f"no such key; there are {', '.join(known)}")
        given[name] = checked(hints[name], value, f"{where}: {name}")
        _check_range(given[name], known[name].metadata, f"{where}: {name}")
    return kind(**given)


def checked(kind: Any, value: Any, where: str) -> Any:
    """The value as the type that a field has; a whole number will do for a float, a list for a tuple."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and type(None) in inner:
            return None
        return checked(next(one for one in inner if one is not type(None)), value, where)
    if origin is Literal:
        if value not in inner:
            raise DataError("bad-config", where, f"found {value!r}, expected one of {', '.join(map(str, inner))}")
        return value
    if is_dataclass(kind):
        return make_record(kind, value, where)  # type: ignore[arg-type]
    if origin is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise DataError("bad-config", where, f"found {value!r}, expected a list")
        if inner[-1] is not Ellipsis and len(inner) != len(value):
            raise DataError("bad-config", where, f"found {len(value)} values, expected {len(inner)}")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(checked(one, item, where) for one, item in zip(kinds, value, strict=True))
    if origin is not None:  # a mapping by name
        if not isinstance(value, Mapping):
            raise DataError("bad-config", where, f"found {value!r}, expected a table")
        return {
            str(name): item if inner[1] is Any else checked(inner[1], item, f"{where}.{name}")
            for name, item in value.items()
        }
    if kind is float and type(value) is int:
        value = float(value)
    if kind is not Any and type(value) is not kind:
        raise DataError("bad-config", where, f"found {value!r}, expected {getattr(kind, '__name__', kind)}")
    return value


def _check_range(value: Any, limits: Mapping[str, Any], where: str) -> None:
    choices, low, high = (limits.get(key) for key in ("choices", "low", "high"))
    if choices and value not in choices:
        raise DataError("bad-config", where, f"found {value!r}, expected one of {', '.join(filter(None, choices))}")
    if value is None:
        return
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise DataError(
            "bad-config",
            where,
            f"found {value}, expected {f'{low} to {high}' if high is not None else f'{low} or more'}",
        )


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` over it, table by table."""
    found = dict(base)
    for name, value in changes.items():
        old = found.get(name)
        found[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def change(tables: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """:func:`merged` for a config: where ``over`` gives a number of steps, that of epochs goes, and the other way round."""
    loop = over.get("loop", {})
    if isinstance(loop, Mapping) and ("steps" in loop) != ("epochs" in loop):
        over = merged({"loop": {"epochs" if "steps" in loop else "steps": 0}}, over)
    return merged(tables, over)


def parse_change(text: str) -> dict[str, Any]:
    """``optim.rate=1e-4`` as nested tables. A value is read as TOML (``true``, ``3``, ``[1, 2]``), else taken as text."""
    path, equals, value = text.partition("=")
    names = path.strip().split(".")
    if not equals or not all(names):
        raise DataError(
            "bad-config", f"--set {text}", "expected a key with its tables and a value, such as optim.rate=1e-4"
        )
    found: Any
    try:
        found = tomllib.loads(f"value = {value}")["value"]
    except ValueError:
        found = value.strip()
    for name in reversed(names):
        found = {name: found}
    return dict(found)


def to_tables(record: Any) -> dict[str, Any]:
    """Plain tables of a record, fit for TOML and JSON; what is None is left out."""
    found: dict[str, Any] = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if value is not None:
            found[one.name] = _plain(value)
    return found


def identity(config: Config) -> dict[str, Any]:
    """The tables without what changes no result: where data and instance maps lie, and how many processes load them."""
    tables = to_tables(config)
    tables["data"] = {name: value for name, value in tables["data"].items() if name not in ("dir", "workers")}
    if config.data.instances not in ("", "own"):
        tables["data"]["instances"] = "folder"  # whose maps those are, the listing's digest knows
    return tables


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_tables(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def to_toml(config: Config) -> bytes:
    """The file of a run; reading it gives the same config."""
    import tomli_w

    return tomli_w.dumps(to_tables(config)).encode("utf-8")


def differences(mine: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Each key that differs: ``optim.rate 0.1, not 0.2``."""
    for name in (*mine, *(name for name in theirs if name not in mine)):
        here, there = mine.get(name), theirs.get(name)
        if isinstance(here, Mapping) and isinstance(there, Mapping):
            yield from differences(here, there, f"{prefix}{name}.")
        elif here != there:
            yield f"{prefix}{name} {_shown(here)}, not {_shown(there)}"


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def default_of(one: Any) -> Any:
    """The default of a field of a record."""
    return one.default if one.default is not MISSING else one.default_factory()
