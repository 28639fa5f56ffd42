"""Published weights into our modules: reads the file, renames its tensors by a key map, and loads all of them or none.

A checkpoint that doesn't fit is an error that names what doesn't fit, never a silent half. What a module publishes
about itself is one ``KeyMap`` (``OFFICIAL_KEYS`` in a system's module), what came of it an ``ImportReport``.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from evaluators.errors import DataError
from evaluators.pickles import plain

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".tar", ".ckpt")
_WRAPPINGS = ("state_dict", "model", "model_state_dict")  # what training scripts call the weights in what they save


@dataclass(frozen=True)
class KeyMap:
    """From the names in a published file to ours.

    rules: (pattern, ours), each applied in turn by ``re.sub``. Where ours is a tuple of n names, the tensor is cut into
        n equal parts along its first axis (queries, keys and values that we hold apart).
    dropped: (pattern, reason): tensors whose official name begins so have no place with us. Asked before the rules.
    parts: (prefix, our prefix, map): names that begin with ``prefix`` after the rules go through a part's map;
        the first that fits.
    lacking: patterns of the beginnings of our names that a file may lack; they stay as they were built.
    """

    rules: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, str, KeyMap], ...] = ()
    lacking: tuple[str, ...] = ()

    def translate(self, name: str) -> tuple[tuple[str, ...], str]:
        """Our names for an official one, and "": or no names, and the reason why it is dropped."""
        for pattern, reason in self.dropped:
            if re.match(pattern, name):
                return (), reason
        names: tuple[str, ...] = (name,)
        for pattern, ours in self.rules:
            names = tuple(new for old in names for new in _substitute(pattern, ours, old))
        inner = [self._in_part(new) for new in names]
        return tuple(own for owns, _ in inner for own in owns), next((reason for _, reason in inner if reason), "")

    def _in_part(self, name: str) -> tuple[tuple[str, ...], str]:
        for prefix, own_prefix, part in self.parts:
            if name.startswith(prefix):
                names, reason = part.translate(name[len(prefix) :])
                return tuple(own_prefix + new for new in names), reason
        return (name,), ""

    def may_lack(self, own: str) -> bool:
        """Whether a file is complete without this tensor of ours."""
        if any(re.match(pattern, own) for pattern in self.lacking):
            return True
        return any(own.startswith(prefix) and part.may_lack(own[len(prefix) :]) for _, prefix, part in self.parts)


def _substitute(pattern: str, ours: str | tuple[str, ...], name: str) -> tuple[str, ...]:
    if isinstance(ours, str):
        return (re.sub(pattern, ours, name),)
    return tuple(re.sub(pattern, one, name) for one in ours) if re.search(pattern, name) else (name,)


@dataclass(frozen=True)
class ImportReport:
    """What became of a file's tensors. ``missing``: ours that the file lacks. After an import: those that it may lack,
    and ``unexpected`` is empty."""

    loaded: tuple[str, ...]
    dropped: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def import_official(module: nn.Module, file: Path | str, key_map: KeyMap) -> ImportReport:
    """Load a published file into ``module``, whole or not at all.

    Raises ``DataError``: those of ``read_tensors``, ``weights-mismatch`` (unknown or missing tensors),
    ``weights-shape`` and ``weights-not-finite``.
    """
    report, found = plan_import(module, read_tensors(file), key_map, file)
    require_complete(report, key_map, file)
    load_found(module, found, file)
    return report


def import_weights(system: nn.Module, file: Path | str) -> ImportReport:
    """``import_official`` with the ``OFFICIAL_KEYS`` of the system's module.

    Raises ``DataError`` ``no-official-weights`` where it has none.
    """
    key_map = getattr(sys.modules[type(system).__module__], "OFFICIAL_KEYS", None)
    if key_map is None:
        raise DataError("no-official-weights", type(system).__name__, "no published weights are known for this system")
    return import_official(system, file, key_map)


def plan_import(
    module: nn.Module, tensors: Mapping[str, Tensor], key_map: KeyMap, where: object
) -> tuple[ImportReport, dict[str, Tensor]]:
    """What an import would do, and the tensors by our names. Nothing is loaded: ``module`` may be on the meta device."""
    own = module.state_dict()
    found: dict[str, Tensor] = {}
    dropped, unexpected = [], []
    for name, tensor in tensors.items():
        names, reason = key_map.translate(name)
        if reason:
            dropped.append((name, reason))
        elif any(new not in own for new in names):
            unexpected.append(name)
        else:
            for new, piece in zip(names, _cut(tensor, len(names), name, where), strict=True):
                if new in found:
                    raise DataError(
                        "weights-mismatch", where, f"{name} is {new}, which another tensor of the file is too"
                    )
                found[new] = piece
    missing = tuple(name for name in own if name not in found)
    return ImportReport(tuple(found), tuple(dropped), missing, tuple(unexpected)), found


def _cut(tensor: Tensor, parts: int, name: str, where: object) -> Sequence[Tensor]:
    if parts == 1:
        return (tensor,)
    if tensor.dim() == 0 or tensor.shape[0] % parts:
        raise DataError(
            "weights-shape",
            where,
            f"{name} is {tuple(tensor.shape)}, expected {parts} equal parts along its first axis",
        )
    return tensor.chunk(parts)


def require_complete(report: ImportReport, key_map: KeyMap, where: object) -> None:
    """``DataError`` ``weights-mismatch`` if the file has unknown tensors or lacks some that it must have."""
    lost = [name for name in report.missing if not (name.endswith("num_batches_tracked") or key_map.may_lack(name))]
    if not (lost or report.unexpected):
        return
    told = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for names, what in ((report.unexpected, "unknown tensors"), (lost, "missing ones"))
        if names
    ]
    raise DataError(
        "weights-mismatch", where, f"{' and '.join(told)}: these weights are of another model or of other options"
    )


def load_found(module: nn.Module, found: Mapping[str, Tensor], where: object) -> None:
    """Copy tensors into ``module`` once all of them fit."""
    own = module.state_dict()
    for name, tensor in found.items():
        expected = own[name]
        if tensor.shape != expected.shape or tensor.is_floating_point() != expected.is_floating_point():
            raise DataError("weights-shape", where, f"{name} is {_form(tensor)}, expected {_form(expected)}")
        if not torch.isfinite(tensor).all():
            raise DataError(
                "weights-not-finite", where, f"{name} holds values that aren't finite: damaged, get it again"
            )
    module.load_state_dict(dict(found), strict=False)


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def read_tensors(file: Path | str) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of what ``torch.save`` wrote (.pth, .pt, .bin, .tar, .ckpt), on the CPU.

    Nothing in the file is run: ``torch.load`` with ``weights_only``, and that from torch 2.10 on only. Weights under
    ``state_dict`` or ``model`` are taken out, the prefix ``module.`` of a parallel wrapper is stripped.
    Raises ``DataError``: ``missing-file``, ``weights-format``, ``unsafe-weights``, ``old-torch``, ``weights-unreadable``.
    """
    path = Path(file)
    if not path.is_file():
        raise DataError("missing-file", path, "no such file, expected weights")
    if not path.name.endswith(SUFFIXES):
        raise DataError("weights-format", path, f"unknown kind of file, expected one of {', '.join(SUFFIXES)}")
    tensors = _tensors_in(_read_safetensors(path) if path.suffix == ".safetensors" else _read_saved(path), path)
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise DataError("weights-unreadable", path, f"{_line(error)}: damaged, or no .safetensors file") from error


def _read_saved(path: Path) -> Any:
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 10):
        raise DataError(
            "old-torch",
            path,
            f"torch {torch.__version__} doesn't read foreign {path.suffix} files safely: install torch 2.10 or later, or use .safetensors",
        )
    try:
        if _is_compressed(path):
            raise DataError(
                "unsafe-weights", path, "it is compressed, which torch.save never does: get it from its publisher"
            )
        return torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # a hostile or damaged pickle can end in almost any of them
        raise _unreadable(error, path) from error


def _is_compressed(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())


def _unreadable(error: Exception, path: Path) -> DataError:
    if called := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return DataError(
            "unsafe-weights",
            path,
            f"it calls {called[1]} when read, so it may run code: if you trust it, save its tensors as .safetensors",
        )
    line = "not what torch.save writes of tensors" if isinstance(error, UnpicklingError) else _line(error)
    return DataError("weights-unreadable", path, f"{line}: damaged, or no file of weights")


def _tensors_in(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, dict) and not any(isinstance(value, Tensor) for value in content.values()):
        content = next((content[key] for key in _WRAPPINGS if isinstance(content.get(key), dict)), content)
    if not isinstance(content, dict) or not content:
        raise DataError("weights-format", path, f"a {type(content).__name__}, expected named tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not name.isprintable():
            raise DataError("weights-format", path, f"a tensor is called {plain(repr(name))}, expected a name")
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
            raise DataError(
                "weights-format", path, f"{plain(name)} is a {type(value).__name__}, expected a dense tensor"
            )
    return dict(content)


def _line(error: BaseException) -> str:
    return plain((str(error).strip() or type(error).__name__).splitlines()[0])
