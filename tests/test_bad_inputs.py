"""Bad input through the `vpo build` command: each case of the catalogue alone, and all that can be rejected at once."""

from __future__ import annotations

import errno
import json
import os
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
from bad_inputs import CASES, Case
from click.testing import CliRunner
from PIL import Image
from small_world import SmallWorld, put, small_world

from evaluators.dataset import DATASET, MANIFEST, Sample, read_manifest
from evaluators.masks import read_label_map
from evaluators.vpo import clip_file
from evaluators.wav_files import read_wav16
from vpo_builder.cli import main
from vpo_builder.journal import Journal
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
        done = subprocess.run(
            [sys.executable, "-m", "vpo_builder.cli", *arguments], capture_output=True, text=True, timeout=60
        )
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
    return [
        (row["item"], row["reason"]) for row in map(json.loads, (out / name).read_text(encoding="utf-8").splitlines())
    ]


def plan_of(out: Path) -> list[Any]:
    """What is paired with what."""
    return [
        (s.id, s.split, [(x.instance.annotation_id, x.clip.id) for x in s.sources])
        for s in read_manifest(out / MANIFEST)
    ]


def sample_with(out: Path, world: SmallWorld) -> tuple[Sample, Path]:
    """The sample that uses the good clip, and the clip's file in the dataset."""
    name = Path(world.clip).stem
    return next(
        (s, out / clip_file(name)) for s in read_manifest(out / MANIFEST) for x in s.sources if x.clip.id == name
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallWorld, Path, Ran]:
    """The undamaged world, and what is built from it."""
    folder = tmp_path_factory.mktemp("good")
    world, out = small_world(tmp_path_factory).copy(folder / "world"), folder / "out"
    ran = build(world, out)
    assert ran.code == 0 and rows(out) == [] and rows(out, "warnings.jsonl") == [] and verify(out) == []
    samples = [s for s in read_manifest(out / MANIFEST) if s.split == "train"]
    single, double = (next(s for s in samples if s.multi_instance == kind) for kind in (False, True))
    clip = next(x.clip for x in single.sources if not x.clip.id.startswith("-"))
    world.image, world.sounding, world.crowded = (
        single.picture.id,
        tuple(x.instance.annotation_id for x in single.sources),
        double.picture.id,
    )
    world.clip, world.label = clip.file, clip.label
    return world, out, ran


def check_rejected(case: Case, items: Sequence[str], out: Path, good_out: Path) -> None:
    found = rows(out)
    for item in items:
        assert [reason for name, reason in found if name == item and reason.startswith(case.reason)], (
            item,
            case.reason,
            found,
        )
    summary = json.loads((out / "summary.json").read_text())
    assert summary["rejected"] == Counter(reason for _, reason in found)
    assert case.flags or (out / MANIFEST).read_bytes() == (good_out / MANIFEST).read_bytes()
    assert verify(out) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.outcome == "reject"], ids=lambda case: case.name)
def test_a_bad_item_is_rejected_and_nothing_else_changes(
    case: Case, good: tuple[SmallWorld, Path, Ran], tmp_path: Path
) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    items = case.damage(world)
    strict = build(world, out, *case.flags, "--strict", apart=case.crashes)
    assert strict.code == 1 and "[rejected]" in the_line(strict)
    assert not (out / DATASET).exists() and {item for item, _ in rows(out)} >= set(items)
    ran = build(world, out, *case.flags)
    assert ran.code == 0 and ran.stderr == ""
    assert re.search(rf"rejected: .*{len(items)} {case.reason}", ran.stdout)
    check_rejected(case, items, out, good[1])


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome in ("warn", "accept")], ids=lambda case: case.name
)
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


def test_all_bad_items_at_once_leave_the_good_ones_as_they_are(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path
) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    cases = [case for case in CASES if case.outcome == "reject" and not case.flags]
    items = [(case, case.damage(world)) for case in cases]
    strict = build(world, out, "--strict", apart=True)
    assert strict.code == 1 and re.search(r"\d+ items are rejected", the_line(strict))
    ran = build(world, out, "--workers", "2", apart=True)
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


# ------------------------------------------------------------------------------------------------------ the state of a build


def test_a_file_that_was_mended_after_a_strict_build_is_used(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path
) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    broken = [world.clips / world.clip, world.images / f"{world.image:012d}.jpg"]
    contents = [path.read_bytes() for path in broken]
    for path, content in zip(broken, contents, strict=True):
        put(path, content[: len(content) // 2])
    assert build(world, out, "--strict").code == 1
    assert rows(out) == [(world.clip, "audio-truncated"), (broken[1].name, "image-truncated")]
    for path, content in zip(broken, contents, strict=True):
        put(path, content)
    assert build(world, out, "--strict").code == 0
    assert (out / MANIFEST).read_bytes() == (good[1] / MANIFEST).read_bytes() and rows(out) == [] and verify(out) == []


def test_a_journal_that_a_power_cut_damaged_is_read_up_to_there(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path
) -> None:
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    name = world.add_clip(b"")
    assert build(world, out, "--strict").code == 1
    journal = out / ".vpo/journal.jsonl"
    content = journal.read_bytes()
    journal.write_bytes(content[: len(content) // 2] + bytes(1000) + b"\n" + content[-200:])
    assert build(world, out).code == 0
    assert (
        rows(out) == [(name, "audio-unreadable")] and (out / MANIFEST).read_bytes() == (good[1] / MANIFEST).read_bytes()
    )


@pytest.mark.parametrize(
    "place", ["world/coco/train2017/out", "world/vggsound/audio", "world/coco/train2017", ".", "link/out"]
)
def test_an_output_folder_in_a_source_or_around_one_is_refused(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path, place: str
) -> None:
    world = good[0].copy(tmp_path / "world")
    (tmp_path / "link").symlink_to(world.images)
    before = sorted(tmp_path.rglob("*"))
    ran = build(world, tmp_path / place)
    assert ran.code == 2 and "[nested-folders]" in the_line(ran)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["a file", "a file/out", "full"])
def test_an_output_folder_that_cannot_be_one_is_refused(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path, place: str
) -> None:
    (tmp_path / "a file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    ran = build(good[0], tmp_path / place)
    assert ran.code in (1, 2) and str(tmp_path) in the_line(ran)
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "a file").read_text() == "mine"


def test_a_read_only_output_folder_is_told(good: tuple[SmallWorld, Path, Ran], tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", tmp_path], capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        for place in (tmp_path, tmp_path / "new/folder"):
            ran = build(good[0], place)
            assert ran.code == 1 and "can't be written" in the_line(ran) and str(tmp_path) in ran.stderr
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_second_process_in_one_folder_is_refused(good: tuple[SmallWorld, Path, Ran], tmp_path: Path) -> None:
    with Journal(tmp_path / "out", "a build", {}):
        ran = build(good[0], tmp_path / "out", apart=True)
    assert ran.code == 1 and "[busy]" in the_line(ran)


def test_another_seed_in_one_folder_is_refused(good: tuple[SmallWorld, Path, Ran]) -> None:
    before = (good[1] / MANIFEST).read_bytes()
    ran = build(good[0], good[1], "--seed", "1")
    assert ran.code == 2 and "[other-build]" in the_line(ran)
    assert (good[1] / MANIFEST).read_bytes() == before


def test_a_folder_that_cannot_be_read_hides_only_its_own_clips(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, out, scandir = good[0].copy(tmp_path / "world"), tmp_path / "out", os.scandir
    (world.clips / "lost+found").mkdir()

    def scan(place: str) -> Any:
        if str(place).endswith("lost+found"):
            raise PermissionError(errno.EACCES, "Permission denied", place)
        return scandir(place)

    monkeypatch.setattr("evaluators.clips.os.scandir", scan)
    ran = build(world, out, "--strict")
    assert ran.code == 0 and rows(out, "warnings.jsonl") == [("lost+found/", "folder-unreadable")]
    assert (out / MANIFEST).read_bytes() == (good[1] / MANIFEST).read_bytes()


def test_a_log_that_does_not_know_the_letters_of_a_name_gets_others(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ran = build(good[0], tmp_path / "\u00dcbung \u732b", apart=True)
    assert ran.code == 0 and "\\xdcbung \\u732b" in ran.stdout


# ------------------------------------------------------------------------------------------------------ hostile names and traps

NAMES = [
    "<img src=x onerror=alert(1)>.jpg",
    "a\"b'c&d.jpg",
    "-rf.jpg",
    "two words.jpg",
    "$(touch pwned);.jpg",
    "Übung 猫.jpg",
    "%2e%2e%2f.jpg",
    "in/.hidden",
]


def test_hostile_names_are_nothing_but_names(good: tuple[SmallWorld, Path, Ran], tmp_path: Path) -> None:
    """Image files, licences, links and clip files as an enemy would name them: the same plan, and nothing of it acts on the page."""
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"

    def rename(content: dict[str, Any]) -> None:
        content["licenses"] = [{"id": 1, "name": "<script>alert(1)</script>", "url": "javascript:alert(1)"}]
        for name, row in zip(NAMES, content["images"], strict=False):
            (world.images / name).parent.mkdir(exist_ok=True)
            (world.images / row["file_name"]).rename(world.images / name)
            row.update(file_name=name, flickr_url="javascript:alert(1)", coco_url="<b>train2017")

    world.edit(rename)
    lines = ["file,label,id"]
    for number, (line, name) in enumerate(zip(world.table.read_text().splitlines(), NAMES * 20, strict=False)):
        old = next(world.clips.glob(f"{line[:11]}*{int(line[12:].split(',')[0]):06d}.wav"))
        new = f"{number} {name.removesuffix('.jpg')}.wav" if number else "-rf.wav"
        (world.clips / new).parent.mkdir(exist_ok=True)
        old.rename(world.clips / new)
        label = line.split(",", 2)[2].rsplit(",", 1)[0].strip('"')
        lines.append(",".join(f'"{field}"' for field in (new.replace('"', '""'), label, f"<b>{number}/../..")))
    put(world.table, "\n".join(lines).encode())
    ran = build(world, out, "--gallery", "5", "--strict")
    assert ran.code == 0 and COUNTS.search(ran.stdout)[0] == COUNTS.search(good[2].stdout)[0]  # type: ignore[index]
    assert verify(out) == [] and not [path for path in tmp_path.rglob("*pwned*") if world.folder not in path.parents]
    samples = list(read_manifest(out / MANIFEST))
    assert {s.picture.file for s in samples} & set(NAMES) and any("<script>" in s.picture.licence for s in samples)
    assert all(re.fullmatch(r"[\w-]+", x.clip.id, re.ASCII) for s in samples for x in s.sources)
    for name in ("gallery/index.html", "README.md"):
        text = (out / name).read_text()
        assert (
            "<script>alert" not in text
            and "<img src=x" not in text
            and "javascript:" not in text
            and "<b>0" not in text
        )
    names = [str(path.relative_to(out)) for path in out.rglob("*")]
    assert [name for name in names if re.fullmatch(r"[\w ./-]+", name, re.ASCII)] == names


def test_names_that_python_and_spreadsheets_take_for_something_else_stay_text(
    good: tuple[SmallWorld, Path, Ran], tmp_path: Path
) -> None:
    """A table from a spreadsheet: byte order mark, semicolons, CRLF; ids such as 000030, nan and None."""
    world, out = good[0].copy(tmp_path / "world"), tmp_path / "out"
    ids = ["000030", "nan", "None", "1e5", "NULL", "true", "007", "0x10"]
    ids += [f"video{number}" for number in range(100)]
    lines = ["split;id;label;start"]
    for line, video in zip(world.table.read_text().splitlines(), ids, strict=False):
        name, start, rest = line.split(",", 2)
        label, split = rest.rsplit(",", 1)
        (world.clips / f"{name}_{int(start):06d}.wav").rename(world.clips / f"{video}_{int(start):06d}.wav")
        lines.append(f"{split};{video};{label};{start}")
    put(world.table, ("\ufeff" + "\r\n".join(lines) + "\r\n").encode())
    (tmp_path / "never.txt").write_bytes(b"\xef\xbb\xbf000000000002\r\nvideo40\r\n")
    ran = build(world, out, "--strict", "--split", "ss", "--clip-uses", "9", "--exclude", str(tmp_path / "never.txt"))
    assert ran.code == 0, ran.stderr
    assert "9 images and 62 clips" in ran.stdout
    assert {x.clip.video_id for s in read_manifest(out / MANIFEST) for x in s.sources} <= set(ids)
    assert not {s.picture.id for s in read_manifest(out / MANIFEST)} & {2}


@pytest.mark.parametrize(
    "text",
    [
        "seed = 1e-4", 'seed = "7"', "seed = -1", "seed = 1\nseed = 2", "seed = " + "[" * 100_000, "sede = 1", "split = false", "strict = 1",
        "seconds = nan", "seconds = inf", "test_fraction = 1.5", 'coco_json = "a.json"', 'out = "a\\u0000b"',
    ],
)  # fmt: skip
def test_a_config_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    ran = vpo(
        "build",
        "--config",
        str(config),
        "--world-images",
        "2",
        "--world-clips",
        "1",
        *([] if "out" in text else ["--out", str(tmp_path / "out")]),
    )
    assert ran.code == 2 and str(config) in the_line(ran) and "[bad-config]" in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml"]
