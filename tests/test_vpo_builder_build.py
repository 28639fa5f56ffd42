"""`vpo build` as a whole, on a small sample world: same bytes however it runs, and nothing half-done."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from evaluators.dataset import MANIFEST, read_info, read_manifest
from evaluators.errors import DataError
from evaluators.progress import Progress
from vpo_builder.build import build
from vpo_builder.finish import config
from vpo_builder.journal import WORK, Journal
from vpo_builder.merge import merge
from vpo_builder.settings import Settings
from vpo_builder.sources import WORLD
from vpo_builder.verify import verify
from vpo_builder.world import write_world

IMAGES, CLIPS = 24, 4  # clips of each of 21 categories
SMALL = Settings(split="all", audio="render", workers=1, gallery=6, seconds=4.0, variants=("all",))
VPO = str(Path(sys.executable).with_name("vpo"))
Run = Callable[..., Path]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a build from a small world that stands beside it."""
    world = write_world(tmp_path_factory.mktemp("world"), images=IMAGES, clips_per_category=CLIPS)
    json_files, folders, captions = (
        tuple(map(str, paths)) for paths in (world.coco_json, world.coco_images, world.captions)
    )
    return replace(
        SMALL,
        coco_json=json_files,
        coco_images=folders,
        captions=captions,
        clips=str(world.clips),
        clip_dir=str(world.clip_dir),
    )


@pytest.fixture(scope="module")
def run(small: Settings) -> Run:
    """Builds into a folder, with other settings where given."""

    def build_there(out: Path, **options: Any) -> Path:
        build(replace(small, out=str(out), **options), Progress())
        return out

    return build_there


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a dataset, without the sample world that it was built from."""
    files = (path for path in folder.rglob("*") if path.is_file() and WORLD not in path.parts)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def whole(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build that all others are compared with."""
    return run(tmp_path_factory.mktemp("build") / "whole")


def test_a_build_is_complete_and_verified(whole: Path) -> None:
    info = read_info(whole)
    assert info.settings == ("ss", "ms", "msmi") and info.variants == (
        "mirrored",
        "wrong-side",
        "silence",
        "noise",
        "off-screen",
        "swapped",
    )
    assert verify(whole) == [] and verify(whole, mode="lsb") == []
    assert not (whole / WORK).exists()


def test_again_it_says_that_it_is_complete(small: Settings, whole: Path) -> None:
    before = tree(whole)
    lines: list[str] = []
    progress = Progress()
    progress.line = lines.append  # type: ignore[method-assign]
    build(replace(small, out=str(whole)), progress)
    assert lines == [f"complete {whole}: nothing to do"]
    assert tree(whole) == before


def test_two_workers_give_the_same_bytes(run: Run, whole: Path, tmp_path: Path) -> None:
    assert tree(run(tmp_path / "two", workers=2)) == tree(whole)


def test_shards_in_one_folder_give_the_same_bytes(run: Run, whole: Path, tmp_path: Path) -> None:
    """Each run scans its part; run again, each renders its part; then they are merged."""
    out = tmp_path / "shared"
    for _ in range(2):
        for number in (1, 2, 3):
            run(out, shard=f"{number}/3")
    assert not (out / "dataset.json").exists()
    merge([out], None, Progress())
    assert tree(out) == tree(whole)


def test_shards_in_folders_of_their_own_give_the_same_bytes(run: Run, whole: Path, tmp_path: Path) -> None:
    parts = [run(tmp_path / f"part{number}", shard=f"{number}/2") for number in (1, 2)]
    merge(parts, tmp_path / "merged", Progress(), workers=1)
    assert tree(tmp_path / "merged") == tree(whole)


def test_a_shard_examines_only_its_part(run: Run, tmp_path: Path) -> None:
    out = run(tmp_path / "part", shard="1/4")
    lines = (out / WORK / "journal-1-of-4.jsonl").read_text().splitlines()
    assert len(lines) == IMAGES / 4 + 21 * CLIPS / 4


def test_a_merge_without_one_part_is_refused(run: Run, tmp_path: Path) -> None:
    part = run(tmp_path / "part", shard="1/2")
    with pytest.raises(DataError, match="shard 2/2 is in none of the folders"):
        merge([part], tmp_path / "merged", Progress())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_killed_build_resumes_to_the_same_bytes(
    run: Run, small: Settings, whole: Path, tmp_path: Path, seed: int
) -> None:
    """SIGKILL at a random size of the journal, twice; then once to the end."""
    out, rng = tmp_path / "killed", random.Random(seed)
    (tmp_path / "config.toml").write_text(tomli_w.dumps(config(small)))
    for _ in range(2):
        process = subprocess.Popen(
            [VPO, "build", "--config", str(tmp_path / "config.toml"), "--out", str(out), "--workers", "2", "--quiet"]
        )
        target, journal = rng.randint(1, 40_000), out / WORK / "journal.jsonl"
        start = journal.stat().st_size if journal.exists() else 0
        deadline = time.monotonic() + 60
        while (
            process.poll() is None
            and time.monotonic() < deadline
            and (not journal.exists() or journal.stat().st_size < start + target)
        ):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert tree(run(out)) == tree(whole)


def test_another_seed_is_another_dataset_and_refused_in_the_same_folder(small: Settings, whole: Path) -> None:
    with pytest.raises(DataError, match="other-build"):
        build(replace(small, out=str(whole), seed=1), Progress())


def test_a_second_build_in_one_folder_is_refused(small: Settings, tmp_path: Path) -> None:
    from vpo_builder.sources import build_sha256

    settings = replace(small, out=str(tmp_path / "busy"))
    with Journal(tmp_path / "busy", build_sha256(settings), {}), pytest.raises(DataError, match="busy"):
        build(settings, Progress())


def test_a_limit_gives_the_first_samples(run: Run, whole: Path, tmp_path: Path) -> None:
    few = list(read_manifest(run(tmp_path / "few", limit=5, gallery=0, variants=()) / MANIFEST))
    everything = list(read_manifest(whole / MANIFEST))
    for setting in ("ss", "ms", "msmi"):
        assert [s for s in few if s.setting == setting] == [s for s in everything if s.setting == setting][:5]


def test_the_frozen_config_builds_the_same(whole: Path, tmp_path: Path) -> None:
    from vpo_builder.configfile import make_settings, read_config

    settings = make_settings({**read_config(whole / "config.toml"), "out": str(tmp_path / "again"), "workers": 1})
    build(settings, Progress())
    assert tree(tmp_path / "again") == tree(whole)


def test_stems_sum_to_the_mixture_exactly(whole: Path) -> None:
    import numpy as np

    from evaluators.wav_files import read_wav16

    for sample in read_manifest(whole / MANIFEST):
        stems = sum(read_wav16(whole / name).astype(np.int32) for name in sample.stem_files)
        np.testing.assert_array_equal(stems, read_wav16(whole / sample.mixture_file))


def test_silence_is_silent_and_empties_the_ground_truth(whole: Path) -> None:
    from evaluators.masks import read_label_map
    from evaluators.wav_files import read_wav16

    folder = whole / "variants" / "silence"
    samples = list(read_manifest(folder / MANIFEST))
    assert len(samples) == len(list(read_manifest(whole / MANIFEST)))
    for sample in samples[:10]:
        assert not read_wav16(folder / sample.mixture_file).any()
        assert set(read_label_map(folder / sample.mask_file).ravel().tolist()) <= {0, 255}


def test_mirrored_swaps_the_channels_and_keeps_the_ground_truth(whole: Path) -> None:
    import numpy as np

    from evaluators.wav_files import read_wav16

    base = {sample.id: sample for sample in read_manifest(whole / MANIFEST)}
    for sample in list(read_manifest(whole / "variants/mirrored" / MANIFEST))[:10]:
        heard = read_wav16(whole / "variants/mirrored" / sample.mixture_file)
        np.testing.assert_array_equal(heard, read_wav16(whole / base[sample.id].mixture_file)[:, ::-1])
        assert (whole / "variants/mirrored" / sample.mask_file).read_bytes() == (whole / sample.mask_file).read_bytes()


def test_off_screen_sounds_belong_to_nothing_that_is_seen(whole: Path) -> None:
    category_of = {s.clip.id: s.instance.category for sample in read_manifest(whole / MANIFEST) for s in sample.sources}
    for sample in read_manifest(whole / "variants/off-screen" / MANIFEST):
        seen = {s.instance.category for s in sample.sources} | {i.category for i in sample.silent}
        assert not seen & {category_of.get(s.clip.id, "never used in the base") for s in sample.sources}


def test_strict_makes_a_rejected_item_an_error(run: Run, small: Settings, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    shutil.copytree(small.clip_dir or "", clips)
    clip = next(clips.glob("*.wav"))
    clip.write_bytes(clip.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"rejected.*audio-truncated"):
        run(tmp_path / "out", clip_dir=str(clips), strict=True, variants=())
    out = run(tmp_path / "out", clip_dir=str(clips), variants=())  # without --strict the rest is built
    rows = [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert [(row["item"], row["reason"]) for row in rows] == [(clip.name, "audio-truncated")]
    assert verify(out) == []


def test_the_summary_says_how_many_listed_clips_were_found(
    run: Run, small: Settings, whole: Path, tmp_path: Path
) -> None:
    found = json.loads((whole / "summary.json").read_text())["clips"]
    assert len(found) == 21 and set(map(tuple, (row.values() for row in found.values()))) == {(CLIPS, CLIPS)}
    clips = tmp_path / "clips"
    shutil.copytree(small.clip_dir or "", clips)
    dog = next(
        line for line in Path(small.clips or "").read_text().splitlines() if "dog" in line.split(",", 2)[2]
    ).split(",")
    next(clips.glob(f"{dog[0]}_{int(dog[1]):06d}.*")).unlink()
    out = run(tmp_path / "out", split="ss", clip_dir=str(clips), variants=(), gallery=0)
    assert json.loads((out / "summary.json").read_text())["clips"]["dog"] == {"found": CLIPS - 1, "listed": CLIPS}


def test_without_sources_the_sample_world_is_built_the_same_way(run: Run, small: Settings, tmp_path: Path) -> None:
    settings = Settings(
        split="ss", out=str(tmp_path / "out"), world_images=IMAGES, world_clips=CLIPS, seconds=4.0, gallery=0, workers=1
    )
    build(settings, Progress())
    given = run(tmp_path / "given", split="ss", audio="reference", gallery=0, variants=())
    different = {
        "config.toml",
        "dataset.json",
        "summary.json",
        "README.md",
        "checksums.sha256",
    }  # which name the sources
    one, other = tree(tmp_path / "out"), tree(given)
    assert one.keys() == other.keys() and {name for name in one if one[name] != other[name]} <= different
