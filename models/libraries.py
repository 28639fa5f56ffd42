"""Classes of transformers, or one plain line about what is wrong with the installation."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch

from evaluators.errors import DataError


def from_transformers(family: str, *names: str) -> tuple[Any, ...]:
    """Classes of ``transformers.models.<family>``. Raises ``DataError`` ``missing-package`` or ``broken-torchvision``.

    transformers asks only whether torchvision is installed: where that doesn't import, no model of transformers does.
    """
    try:
        found = importlib.import_module(f"transformers.models.{family}")
        return tuple(getattr(found, name) for name in names)
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise _installation_error(error) from error


def _installation_error(error: Exception) -> DataError:
    if importlib.util.find_spec("transformers") is None:
        return DataError("missing-package", "transformers", "not installed: pip install 'avskit[train]'")
    if importlib.util.find_spec("torchvision") is not None:
        try:
            importlib.import_module("torchvision")
        except Exception as broken:  # whatever its build raises: RuntimeError, OSError, ImportError
            return DataError(
                "broken-torchvision",
                "torchvision",
                f"it is installed but doesn't import beside torch {torch.__version__} ({_first_line(broken)}), and "
                "transformers can't load its models then: uninstall torchvision (avskit needs none) or install its matching build",
            )
    return DataError(
        "missing-package",
        "transformers",
        f"its models don't import ({_first_line(error)}): install transformers 5.17 or a later 5",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
