from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.dataset import MANIFEST, Sample, read_manifest, write_manifest
from evaluators.masks import read_label_map, write_label_map
from evaluators.progress import Progress
from evaluators.vpo import AUDIO_FOLDER
from evaluators.wav_files import read_wav16, write_wav
from vpo_builder.build import build
from vpo_builder.settings import Settings
from vpo_builder.verify import verify

Change = Callable[[Path, list[Sample]], object]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("verify") / "good"
    build(
        Settings(
            split="msmi",
            audio="render",
            out=str(out),
            world_images=12,
            world_clips=4,
            seconds=4.0,
            gallery=0,
            workers=1,
        ),
        Progress(),
    )
    return out


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> tuple[Path, list[Sample]]:
    """A copy to damage."""
    shutil.copytree(good, tmp_path / "copy", ignore=shutil.ignore_patterns("sample-world"))
    return tmp_path / "copy", list(read_manifest(good / MANIFEST))


def reasons(folder: Path, **options: object) -> set[str]:
    return {finding.reason for finding in verify(folder, **options)}  # type: ignore[arg-type]


def test_a_good_dataset_has_no_findings(good: Path) -> None:
    assert verify(good) == [] and verify(good, mode="lsb") == [] and verify(good, mode="lsb", reference=good) == []


def add_value(folder: Path, samples: list[Sample], value: int) -> None:
    mask = read_label_map(folder / samples[0].mask_file)
    mask[0, 0] = value
    write_label_map(folder / samples[0].mask_file, mask)


def edit_csv(folder: Path, column: str, value: str) -> None:
    path = folder / "VPO/VPO-MSMI/vpo_msmi_data_stereo.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    rows[0][column] = value
    with open(path, "w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda folder, s: (folder / s[0].image_file).unlink(), {"missing-file"}),
        (lambda folder, s: (folder / "README.md").write_text("mine"), {"wrong-checksum"}),
        (
            lambda folder, s: (folder / "dataset.json").write_text((folder / "dataset.json").read_text() + " "),
            {"wrong-checksum"},
        ),
        (lambda folder, s: (folder / "checksums.sha256").unlink(), {"no-checksums"}),
        (lambda folder, s: add_value(folder, s, 1), {"wrong-checksum", "mask-values", "mask-person", "mask-differs"}),
        (lambda folder, s: add_value(folder, s, 200), {"wrong-checksum", "mask-values", "mask-differs"}),
        (lambda folder, s: (folder / s[0].mask_file).write_text("no png"), {"wrong-checksum", "mask-unreadable"}),
        (lambda folder, s: edit_csv(folder, "audio_pos", "1.5"), {"wrong-checksum", "bad-row"}),
        (lambda folder, s: edit_csv(folder, "img_Id", "12.0"), {"wrong-checksum", "bad-row"}),
        (lambda folder, s: edit_csv(folder, "vgg_file", "nowhere"), {"wrong-checksum", "missing-clip"}),
        (
            lambda folder, s: write_wav(
                folder / AUDIO_FOLDER / f"{s[0].sources[0].clip.id}.wav", np.zeros((99, 2), np.int16)
            ),
            {"wrong-checksum", "clip-form"},
        ),
    ],
)
def test_damage_is_named(copy: tuple[Path, list[Sample]], change: Change, found: set[str]) -> None:
    folder, samples = copy
    change(folder, samples)
    assert reasons(folder) == found


def test_one_step_of_sound_is_rounding_and_two_are_not(copy: tuple[Path, list[Sample]]) -> None:
    folder, samples = copy
    path = folder / samples[0].mixture_file
    sound = read_wav16(path).copy()
    sound[100] += 1
    write_wav(path, sound)
    assert reasons(folder) == {"wrong-checksum"} and reasons(folder, mode="lsb") == set()
    sound[100] += 1
    write_wav(path, sound)
    assert reasons(folder, mode="lsb") == {"sound-differs"}


def test_a_leak_across_splits_is_named(copy: tuple[Path, list[Sample]]) -> None:
    folder, samples = copy
    other = next(s for s in samples if s.split != samples[0].split)
    clip = samples[0].sources[0].clip
    leaked = replace(other, sources=(replace(other.sources[0], clip=clip), *other.sources[1:]))
    write_manifest(folder / MANIFEST, [leaked if s is other else s for s in samples])
    assert [f.where for f in verify(folder) if f.reason == "leak"] == sorted(
        ["clip file " + clip.sha256, "video " + clip.video_id]
    )


def test_overlap_with_a_list_of_ids_is_named(good: Path, tmp_path: Path) -> None:
    sample = next(iter(read_manifest(good / MANIFEST)))
    video = sample.sources[0].clip.video_id
    (tmp_path / "avsbench.csv").write_text(f"vid,uid,split\n{video},{video}_0_5000,train\n")
    (finding,) = verify(good, against=tmp_path / "avsbench.csv")
    assert (finding.reason, finding.where) == ("overlap", f"video {video}")
