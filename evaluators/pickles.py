"""Pickles read as data, by a machine that can do nothing else.

A pickle is a program for a stack machine. Python's own machine imports what the program names and calls it, so that a file can
run anything. This one knows the opcodes that data is made of. A name stays a name, and a call looks its name up in a table
of builders that the caller gives; every other name, call and object is refused. What reading may cost is counted
(:class:`Budget`), and nothing that a file made is compared, hashed or walked through but short text: small files can make
values for which that takes for ever, or goes deeper than the stack of C does.

Opcodes: CPython, Lib/pickletools.py, protocols 0 to 5.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

from .errors import DataError

Builder = Callable[..., Any]
STEP = 128  # bytes that a step may take
_LAST_MEMO, _LONGEST_KEY = 1 << 22, 100
_AS_GIVEN = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: Mapping[str, type] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}  # items of a set aren't hashed
_WIDTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = frozenset({"PROTO", "FRAME", "STOP"})
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})


@dataclass
class Budget:
    """The bytes that reading the file ``where`` may still take."""

    where: str
    left: int

    def spend(self, count: int) -> None:
        """Raises ``DataError`` ``pickle-too-large``."""
        self.left -= count
        if self.left < 0:
            found = "takes more memory to read than a log-mel does"
            raise DataError("pickle-too-large", self.where, f"{found}; is this the right file?")


@dataclass(frozen=True)
class Name:
    """What a pickle calls a class or a function."""

    text: str  # module.name


class Made:
    """What a builder made and a pickle may complete."""

    def complete(self, state: Any) -> None:
        """Take the state that the pickle gives (opcode BUILD)."""
        raise NotImplementedError


class Machine:
    """Reads pickles out of one file.

    ``builders``: what stands for each name that may be called; ``names``: those that may only be mentioned; ``stored``: what
    stands for a persistent id. Raises ``DataError`` ``unsafe-pickle``, ``pickle-too-large``, and for damaged pickles anything.
    """

    def __init__(
        self,
        budget: Budget,
        builders: Mapping[str, Builder] = {},
        names: Collection[str] = (),
        stored: Callable[[Any], Any] | None = None,
    ) -> None:
        self._budget, self._builders, self._names, self._stored = budget, builders, names, stored
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []  # the stack below each mark
        self._memo: dict[int, Any] = {}
        self._actions: dict[str, Callable[[], object]] = {
            "MARK": self._mark,
            "POP": lambda: self._pop() if self._stack else self._items(),
            "POP_MARK": self._items,
            "DUP": lambda: self._stack.append(self._stack[-1]),
            "LIST": lambda: self._push(self._items()),
            "FROZENSET": lambda: self._push(self._items()),
            "TUPLE": lambda: self._push(tuple(self._items())),
            "DICT": self._dict,
            "APPEND": lambda: self._extend([self._pop()]),
            "APPENDS": lambda: self._extend(self._items()),
            "ADDITEMS": lambda: self._extend(self._items()),
            "SETITEM": lambda: self._set(self._last(2)),
            "SETITEMS": lambda: self._set(self._items()),
            "MEMOIZE": lambda: self._keep(len(self._memo)),
            "STACK_GLOBAL": lambda: self._name(".".join(self._last(2))),
            "REDUCE": self._call,
            "BUILD": self._complete,
            "BINPERSID": self._persistent,
        }

    def read(self, stream: BinaryIO) -> Any:
        """The value of the pickle that begins here; the stream then stands after it."""
        self._stack, self._marked, self._memo = [], [], {}
        for opcode, argument, _ in pickletools.genops(stream):
            self._budget.spend(STEP)
            self._step(opcode.name, argument)
        return self._pop()

    def _step(self, opcode: str, argument: Any) -> None:
        if opcode in _AS_GIVEN:
            self._push(argument)
        elif opcode in _CONSTANTS:
            self._push(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            self._push(_EMPTY[opcode]())
        elif opcode in _WIDTHS:
            self._push(tuple(self._last(_WIDTHS[opcode])))
        elif opcode in _PUT:
            self._keep(argument)
        elif opcode in _GET:
            self._push(self._memo[argument])
        elif opcode == "GLOBAL":
            self._name(argument.replace(" ", ".", 1))
        elif opcode in self._actions:
            self._actions[opcode]()
        elif opcode not in _NOTHING:
            self._refuse_opcode(opcode, argument)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        return self._stack.pop()

    def _last(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ValueError("the stack is empty")
        found = self._stack[-count:]
        del self._stack[-count:]
        return found

    def _mark(self) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _items(self) -> list[Any]:
        """What was pushed since the last mark."""
        found, self._stack = self._stack, self._marked.pop()
        return found

    def _keep(self, index: int) -> None:
        if not 0 <= index < _LAST_MEMO:
            raise ValueError("a memo has a number that no pickler gives")
        self._memo[index] = self._stack[-1]

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise ValueError(f"appends to a {type(target).__name__}")
        target += items

    def _dict(self) -> None:
        items = self._items()
        self._push({})
        self._set(items)

    def _set(self, items: list[Any]) -> None:
        """Entries under other keys than short text are left out: nothing looks for them."""
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise ValueError(f"sets items of a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str) and len(key) <= _LONGEST_KEY:
                target[key] = value

    def _name(self, text: str) -> None:
        if text not in self._builders and text not in self._names:
            self._refuse(f"asks for {plain(text)}")
        self._push(Name(text))

    def _call(self) -> None:
        function, arguments = self._last(2)
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            called = plain(function.text) if isinstance(function, Name) else f"a {type(function).__name__}"
            self._refuse(f"calls {called} with a {type(arguments).__name__}")
        if function.text not in self._builders:
            self._refuse(f"calls {plain(function.text)}")
        self._push(self._builders[function.text](*arguments))

    def _complete(self) -> None:
        state, target = self._pop(), self._stack[-1]
        if not isinstance(target, Made):
            self._refuse(f"sets the insides of a {type(target).__name__} (opcode BUILD)")
        target.complete(state)

    def _persistent(self) -> None:
        if self._stored is None:
            self._refuse("has a persistent id where none belongs")
        self._push(self._stored(self._pop()))

    def _refuse_opcode(self, opcode: str, argument: Any) -> NoReturn:
        if opcode == "INST":
            self._refuse(f"asks for an object of {plain(argument.replace(' ', '.', 1))}")
        if opcode.startswith("EXT"):
            self._refuse(f"asks for number {argument} of Python's extension registry")
        if opcode == "PERSID":
            self._refuse("has a persistent id where none belongs")
        if opcode in ("NEXT_BUFFER", "READONLY_BUFFER"):
            raise ValueError("its numbers were stored elsewhere")
        self._refuse(f"makes objects of its own (opcode {opcode})")

    def _refuse(self, found: str) -> NoReturn:
        why = "which no tensor needs and which could run a program"
        advice = "nothing was run; don't read this file with pickle, get it from a source that you trust"
        raise DataError("unsafe-pickle", self._budget.where, f"{found}, {why}; {advice}")


def plain(text: str) -> str:
    """Text of a file, fit for a line of a message."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:80]) + ("..." if len(text) > 80 else "")
