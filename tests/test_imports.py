"""Who may import whom: `evaluators` is the floor, the other three stand on it and meet on disk only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("evaluators", "vpo_builder", "avsbench_tools", "models")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OWNERS = {  # a library and the modules that may know it
    "pycocotools": {"segmentation.py", "coco_json.py"},
    "soundfile": {"audio_files.py"},
    "soxr": {"audio_files.py"},
    "av": {"audio_files.py", "media.py", "film.py"},
    "click": {"cli.py"},
}


def imports(path: Path) -> set[str]:
    """Top-level names that a module imports, and `.name` for siblings."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f".{node.module}"} if node.level else {(node.module or "").split(".")[0]}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_meet_only_in_evaluators(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = {package} if package == "evaluators" else {package, "evaluators"}
    assert imports(path) & set(PACKAGES) <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "evaluators").rglob("*.py")), ids=lambda path: path.name)
def test_evaluators_needs_no_torch_and_no_audio(path: Path) -> None:
    assert not imports(path) & {"torch", "pycocotools", "soundfile", "soxr", "pydub", "av"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_libraries_have_one_importer(path: Path) -> None:
    wrong = {name for name in imports(path) & set(OWNERS) if path.name not in OWNERS[name]}
    assert not wrong
    assert ".cli" not in imports(path), "nobody imports a cli.py"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_unsafe_reading(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"pickle\.load|yaml\.load|shell=True|(?<![.\w])(?:eval|exec)\(|LOAD_TRUNCATED", text)


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, vpo_builder.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not set(loaded) & {
        "numpy",
        "PIL",
        "pycocotools",
        "soundfile",
        "av",
        "rich",
        "msgspec",
        "torch",
        "pandas",
        "scipy",
    }
