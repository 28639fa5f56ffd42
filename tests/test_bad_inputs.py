"""Bad input through the `vpo build` command: each case of the catalogue alone, and all that can be rejected at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_inputs import CASES, Case, SmallWorld, make_small_world
from click.testing import CliRunner
from PIL import Image

from evaluators.dataset import DATASET, MANIFEST, Sample, read_manifest
from evaluators.masks import read_label_map
from evaluators.vpo import clip_file
from vpo_builder.audio_files import read_wav16
from vpo_builder.cli import main
from vpo_builder.verify import verify

BASE = ("--seconds", "2", "--gallery", "0", "--workers", "1")
COUNTS = re.compile(r"scan +(\d+) images and (\d+) clips are usable")


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


def vpo(*arguments: str, apart: bool = False) -> Ran:
    """Run `vpo`, in this process or in one of its own; nothing may come up as a traceback."""
    if apart:
        done = subprocess.run([sys.executable, "-m", "vpo_builder.cli", *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode >= 0, f"died of signal {-done.returncode}"
        ran = Ran(done.returncode, done.stdout, done.stderr)
    else:
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        ran = Ran(result.exit_code, result.stdout, result.stderr)
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran


def build(world: SmallWorld, out: Path, *flags: str, apart: bool = False) -> Ran:
    return vpo("build", "--out", str(out), *world.flags(), *BASE, *flags, apart=apart)


def the_line(ran: Ran) -> str:
    """The one line of an error."""
    assert re.fullmatch(r"vpo: [^\n]+: [^\n]+ \[[a-z0-9-]+\]\n", ran.stderr), ran.stderr
    return ran.stderr


def rows(out: Path, name: str = "rejected.jsonl") -> list[tuple[str, str]]:
    """Item and reason of each line."""
    return [(row["item"], row["reason"]) for row in map(json.loads, (out / name).read_text(encoding="utf-8").splitlines())]


def plan_of(out: Path) -> list[Any]:
    """What is paired with what."""
    return [(s.id, s.split, [(x.instance.annotation_id, x.clip.id) for x in s.sources]) for s in read_manifest(out / MANIFEST)]


def sample_with(out: Path, world: SmallWorld) -> tuple[Sample, Path]:
    """The sample that uses the good clip, and the clip's file in the dataset."""
    name = Path(world.clip).stem
    return next((s, out / clip_file(name)) for s in read_manifest(out / MANIFEST) for x in s.sources if x.clip.id == name)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallWorld, Path, Ran]:
    """The undamaged world, and what is built from it."""
    folder = tmp_path_factory.mktemp("good")
    world, out = make_small_world(folder / "world"), folder / "out"
    ran = build(world, out)
    assert ran.code == 0 and rows(out) == [] and rows(out, "warnings.jsonl") == [] and verify(out) == []
    samples = [s for s in read_manifest(out / MANIFEST) if s.split == "train"]
    single, double = (next(s for s in samples if s.multi_instance == kind) for kind in (False, True))
    clip = next(x.clip for x in single.sources if not x.clip.id.startswith("-"))
    world.image, world.sounding, world.crowded = single.picture.id, tuple(x.instance.annotation_id for x in single.sources), double.picture.id
    world.clip, world.label = clip.file, clip.label
    return world, out, ran


def check_rejected(case: Case, items: Sequence[str], out: Path, good_out: Path) -> None:
    found = rows(out)
    for item in items:
        assert [reason for name, reason in found if name == item and reason.startswith(case.reason)], (item, case.reason, found)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["rejected"] == Counter(reason for _, reason in found)
    assert case.flags or (out / MANIFEST).read_bytes() == (good_out / MANIFEST).read_bytes()
    assert verify(out) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.outcome == "reject"], ids=lambda case: case.name)
def test_a_bad_item_is_rejected_and_nothing_else_changes(case: Case, good: tuple[SmallWorld, Path, Ran], tmp_path: Path) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    items = case.damage(world)
    strict = build(world, out, *case.flags, "--strict", apart=case.crashes)
    assert strict.code == 1 and "[rejected]" in the_line(strict)
    assert not (out / DATASET).exists() and {item for item, _ in rows(out)} >= set(items)
    ran = build(world, out, *case.flags, apart=case.crashes)
    assert ran.code == 0 and ran.stderr == ""
    assert re.search(rf"rejected: .*{len(items)} {case.reason}", ran.stdout)
    check_rejected(case, items, out, good[1])


@pytest.mark.parametrize("case", [case for case in CASES if case.outcome in ("warn", "accept")], ids=lambda case: case.name)
def test_an_odd_item_is_used(case: Case, good: tuple[SmallWorld, Path, Ran], tmp_path: Path) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    items = case.damage(world)
    ran = build(world, out, *case.flags, "--strict")
    assert ran.code == 0 and ran.stderr == "" and verify(out) == []
    assert COUNTS.search(ran.stdout)[0] == COUNTS.search(good[2].stdout)[0]  # type: ignore[index]
    assert rows(out) == []
    assert rows(out, "warnings.jsonl") == [(item, case.reason) for item in items if case.outcome == "warn"]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["warnings"] == ({case.reason: len(items)} if case.outcome == "warn" else {})
    assert (plan_of(out) == plan_of(good[1])) == case.same_plan
    CHECKS.get(case.name, lambda *_: None)(out, world, good[1])


@pytest.mark.parametrize("case", [case for case in CASES if case.outcome == "abort"], ids=lambda case: case.name)
def test_a_doubtful_file_stops_the_build(case: Case, good: tuple[SmallWorld, Path, Ran], tmp_path: Path) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    (file,) = case.damage(world)
    ran = build(world, out, *case.flags)
    assert ran.code in (1, 2)
    assert file in the_line(ran) and f"[{case.reason}]" in ran.stderr
    assert not (out / DATASET).exists() and not (out / MANIFEST).exists()


def test_all_bad_items_at_once_leave_the_good_ones_as_they_are(good: tuple[SmallWorld, Path, Ran], tmp_path: Path) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    cases = [case for case in CASES if case.outcome == "reject" and not case.flags]
    items = [(case, case.damage(world)) for case in cases]
    strict = build(world, out, "--strict", apart=True)
    assert strict.code == 1 and re.search(r"\d+ items are rejected", the_line(strict))
    ran = build(world, out, apart=True)
    assert ran.code == 0 and ran.stderr == ""
    for case, names in items:
        check_rejected(case, names, out, good[1])
    assert len(rows(out)) == sum(len(names) for _, names in items)


# ------------------------------------------------------------------------------------------------------ what odd items become


def _same_pixels_unturned(out: Path, world: SmallWorld, _: Path) -> None:
    sample = next(s for s in read_manifest(out / MANIFEST) if s.picture.id == world.image)
    with Image.open(out / sample.image_file) as image:
        assert not image.getexif() and image.size == (sample.picture.width, sample.picture.height)
        with Image.open(world.images / sample.picture.file) as original:
            np.testing.assert_array_equal(np.asarray(image), np.asarray(original))


def _no_link_in_the_dataset(out: Path, *_: Any) -> None:
    assert not [path for path in out.rglob("*") if path.is_symlink()]


def _crowd_is_to_be_ignored(out: Path, world: SmallWorld, good_out: Path) -> None:
    for folder, expected in ((out, 255), (good_out, 0)):
        sample = next(s for s in read_manifest(folder / MANIFEST) if s.picture.id == world.crowded)
        assert read_label_map(folder / sample.mask_file)[0, 0] == expected


def _same_sound(out: Path, world: SmallWorld, good_out: Path) -> None:
    np.testing.assert_array_equal(read_wav16(sample_with(out, world)[1]), read_wav16(sample_with(good_out, world)[1]))


def _looped(out: Path, world: SmallWorld, good_out: Path) -> None:
    sample, path = sample_with(out, world)
    pcm = read_wav16(path)
    assert sample.crop.short == "loop" and len(pcm) == 32_000
    np.testing.assert_array_equal(pcm, np.tile(read_wav16(sample_with(good_out, world)[1])[:8_000], 4))


def _padded(out: Path, world: SmallWorld, good_out: Path) -> None:
    sample, path = sample_with(out, world)
    pcm = read_wav16(path)
    assert sample.crop.short == "pad" and len(pcm) == 32_000 and not pcm[:12_000].any() and not pcm[20_000:].any()
    np.testing.assert_array_equal(pcm[12_000:20_000], read_wav16(sample_with(good_out, world)[1])[:8_000])


def _gain_is_recorded(out: Path, *_: Any) -> None:
    samples = list(read_manifest(out / MANIFEST))
    assert any(s.mix_gain < 1 for s in samples)
    for sample in samples:
        highest = int(np.abs(read_wav16(out / sample.mixture_file).astype(int)).max())
        assert highest <= 32_768 * 0.995
        assert sample.mix_gain == 1 or highest > 32_768 * 0.98


CHECKS = {
    "8 EXIF orientation 6": _same_pixels_unturned,
    "15 behind a link": _no_link_in_the_dataset,
    "29 a crowd": _crowd_is_to_be_ignored,
    "41 a stream's sizes": _same_sound,
    "48 stereo": _same_sound,
    "48b 5.1": _same_sound,
    "51 half a second, looped": _looped,
    "51b half a second, padded": _padded,
    "52 29 samples more": _same_sound,
    "58 a mixture over full scale": _gain_is_recorded,
}
