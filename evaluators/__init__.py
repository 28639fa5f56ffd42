"""The file contract of audio-visual segmentation data, its measures, and the scorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import DataError

if TYPE_CHECKING:
    from .dataset import DatasetInfo, Sample, Source, read_info, read_manifest
    from .protocols import Protocol, protocols
    from .scoring import Scorer

__all__ = [
    "DataError",
    "DatasetInfo",
    "Protocol",
    "Sample",
    "Scorer",
    "Source",
    "__version__",
    "protocols",
    "read_info",
    "read_manifest",
]
__version__ = "0.1.0"  # of the whole package set; setup.cfg takes it from here
_LATER = {
    **dict.fromkeys(("DatasetInfo", "Sample", "Source", "read_info", "read_manifest"), "dataset"),
    **{"Scorer": "scoring", "Protocol": "protocols", "protocols": "protocols"},
}  # imported when asked for, so that --help answers at once


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LATER[name]}", __name__), name)
