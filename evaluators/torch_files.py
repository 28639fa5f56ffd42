"""What ``torch.save`` writes, read without torch: the zip form of torch 1.6 and later, and the legacy form before it.

Both hold a pickle in which a persistent id stands for each storage: ``("storage", type, key, place, count)``, in the legacy form
with a sixth entry for views. In the zip form the numbers stand in ``<archive>/data/<key>``, uncompressed, in the byte
order that ``<archive>/byteorder`` tells. In the legacy form they follow the pickle and the list of keys, each storage with its
count before it, always little-endian.

Source: torch/serialization.py ``_save``, ``_load``, ``_legacy_save``, ``_legacy_load``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from .errors import DataError
from .pickles import Budget, Builder, Machine, Name

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the legacy form
VERSION = 1001  # the second
LARGEST = 1 << 26  # of a storage, in numbers
BFLOAT16 = "bf2"  # all others are numpy's codes
_CODES = {
    "Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": BFLOAT16, "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1",
    "Byte": "u1", "Bool": "b1",
}  # fmt: skip
UNTYPED = {"torch.storage.UntypedStorage": "u1", "torch.UntypedStorage": "u1"}
STORAGES: Mapping[str, str] = {
    f"{module}.{name}Storage": code for module in ("torch", "torch.cuda") for name, code in _CODES.items()
} | UNTYPED
_MOST_MEMBERS, _LONGEST_KEY = 1000, 64
_ZIP, _ZIP_ENTRY = b"PK\x03\x04", b"PK\x01\x02"


@dataclass(eq=False)
class Storage:
    """Numbers in a row, as bytes."""

    code: str
    count: int
    content: bytes | bytearray = b""
    order: str = "<"

    @property
    def size(self) -> int:
        """Bytes that the numbers take."""
        return self.count * int(self.code[-1])


def is_zip(data: bytes | bytearray) -> bool:
    """Whether this is the zip form."""
    return data[:4] == _ZIP


def whole(value: Any) -> int:
    """A count or a place in a storage. Raises ``ValueError`` where a file has anything else there."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise ValueError(f"a {type(value).__name__} stands where a count below {LARGEST} belongs")
    return value


def read_zip(
    data: bytes | bytearray, budget: Budget, builders: Mapping[str, Builder], names: Collection[str] = ()
) -> Any:
    """The saved value, its storages filled. Raises ``DataError``, and for damaged files anything."""
    if data.count(_ZIP_ENTRY) > _MOST_MEMBERS:
        raise DataError(
            "pickle-too-large", budget.where, f"is a zip file of over {_MOST_MEMBERS} members; is it right?"
        )
    with zipfile.ZipFile(BytesIO(data)) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise ValueError(f"a zip file with {len(pickles)} members data.pkl is none of torch.save")
        read = partial(_member, archive, budget, pickles[0].removesuffix("data.pkl"))
        order = ">" if "byteorder" in _in(archive, pickles[0]) and read("byteorder").strip() == b"big" else "<"
        storages: dict[str, Storage] = {}
        root = _machine(budget, builders, names, storages, 5).read(BytesIO(read("data.pkl")))
        for key, storage in storages.items():
            storage.order = order
            _fill(storage, read(f"data/{key}"))
    return root


def read_legacy(stream: BinaryIO, budget: Budget, builders: Mapping[str, Builder], names: Collection[str] = ()) -> Any:
    """The saved value after the magic number, its storages filled. Raises ``DataError``, and for damaged files anything."""
    if Machine(budget).read(stream) != VERSION:
        raise ValueError(f"the second pickle of torch.save is not {VERSION}")
    Machine(budget).read(stream)  # facts about the machine, none of which matters
    storages: dict[str, Storage] = {}
    root = _machine(budget, builders, names, storages, 6).read(stream)
    keys = Machine(budget).read(stream)
    if (
        not isinstance(keys, list)
        or len(keys) != len(storages)
        or not all(isinstance(key, str) and key in storages for key in keys)
    ):
        raise ValueError("the list of storages is not that of the pickle")
    for key in keys:
        storage = storages[key]
        if int.from_bytes(stream.read(8), "little") != storage.count:
            raise ValueError("the count before a storage is not that of the pickle")
        _fill(storage, stream.read(storage.size))
    return root


def _machine(
    budget: Budget, builders: Mapping[str, Builder], names: Collection[str], storages: dict[str, Storage], width: int
) -> Machine:
    return Machine(budget, builders, {*names, *STORAGES}, partial(_storage, storages, width))


def _storage(storages: dict[str, Storage], width: int, id: Any) -> Storage:
    """The storage that a persistent id stands for; it is filled later."""
    if not isinstance(id, tuple) or len(id) != width or id[0] != "storage" or any(rest is not None for rest in id[5:]):
        raise ValueError("a persistent id is not that of a storage")
    kind, key = id[1:3]
    if not isinstance(kind, Name) or kind.text not in STORAGES or not isinstance(key, str) or len(key) > _LONGEST_KEY:
        raise ValueError("a persistent id is not that of a storage")
    return storages.setdefault(key, Storage(STORAGES[kind.text], whole(id[4])))


def _fill(storage: Storage, content: bytes) -> None:
    if len(content) < storage.size:
        raise ValueError(f"is cut off: a storage has {len(content)} bytes of {storage.size}")
    storage.content = content


def _in(archive: zipfile.ZipFile, pickle: str) -> set[str]:
    folder = pickle.removesuffix("data.pkl")
    return {name.removeprefix(folder) for name in archive.namelist() if name.startswith(folder)}


def _member(archive: zipfile.ZipFile, budget: Budget, folder: str, name: str) -> bytes:
    info = archive.getinfo(folder + name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError("a member of the zip file is compressed, which torch.save doesn't do")
    budget.spend(info.file_size)
    return archive.read(info)
