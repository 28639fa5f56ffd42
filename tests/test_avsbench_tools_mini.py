"""The mini AVSBench: what is planned, drawn, synthesized and written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avsbench_tools.film import write_film
from avsbench_tools.media import read_audio, second_frames
from avsbench_tools.mini import write_mini
from avsbench_tools.mini_painting import Painter
from avsbench_tools.mini_places import GROUND, draw_place
from avsbench_tools.mini_scenes import SPLITS, plan_scene, plan_scenes
from avsbench_tools.mini_shapes import draw, shapes
from avsbench_tools.mini_sounds import RATE, SOUNDS, film_sound, source_sound
from avsbench_tools.prepare import prepare
from avsbench_tools.prepare_video import Preparation
from avsbench_tools.s4_categories import s4_categories
from evaluators.avss import avss_categories
from evaluators.errors import DataError
from evaluators.progress import Progress
from evaluators.videos import find_videos

ROOT = Path(__file__).parents[1]
FILMS = 9  # of a mini of 1: three settings, three splits


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mini") / "avsbench"
    outcome = write_mini(folder, 1, 0, Progress(), workers=2)
    assert (outcome.done, outcome.already, outcome.rejections) == (FILMS, 0, ())
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ----------------------------------------------------------------------------------------------------------- scenes


def test_a_larger_mini_begins_with_the_smaller_one() -> None:
    assert set(plan_scenes(2, 5)) < set(plan_scenes(4, 5))
    assert not set(plan_scenes(2, 5)) & set(plan_scenes(2, 6))


def test_ids_look_like_youtubes_and_are_in_one_split() -> None:
    scenes = plan_scenes(12, 0)
    assert len({scene.id for scene in scenes}) == len(scenes)
    assert {"-", "_"} < {scene.id[0] for scene in scenes}
    splits: dict[str, set[str]] = {}
    for scene in scenes:
        splits.setdefault(scene.id[:11], set()).add(scene.split)
        if scene.setting == "ms3":
            assert scene.id[11:] in ("", "_0", "_1")
        else:
            start = int(scene.start_seconds or 0)
            assert scene.id[11:] == f"_{1000 * start}_{1000 * (start + scene.seconds)}"
    assert all(len(names) == 1 for names in splits.values())
    pair = [plan_scene(0, "ms3", "train", number).id for number in (1, 2)]
    assert [name[11:] for name in pair] == ["_0", "_1"] and pair[0][:11] == pair[1][:11], "two excerpts of one video"


def test_a_scene_of_s4_has_one_sound_all_the_time() -> None:
    for split in SPLITS:
        scenes = [plan_scene(0, "s4", split, number) for number in range(23)]
        assert {scene.category for scene in scenes} == set(s4_categories()), "23 videos show all 23 categories"
        for scene in scenes:
            assert len(scene.sounding) == 1 and s4_categories()[scene.category].sounding == scene.sounding[0]
            assert [actor.active for actor in scene.actors if actor.category == scene.sounding[0]] == [(True,) * 5]
            assert not any(any(actor.active) for actor in scene.actors if actor.category != scene.sounding[0])


def test_masks_of_ms3_change() -> None:
    for number in range(30):
        scene = plan_scene(1, "ms3", "train", number)
        active = [actor.active for actor in scene.actors if any(actor.active)]
        assert 2 <= len(active) <= 3 and len(set(zip(*active, strict=True))) > 1
        if number % 6 == 5:
            assert not any(seconds[2] for seconds in active), "nothing sounds in the middle"
        assert (len(scene.sounding) == 1) == (number % 3 == 1)


def test_v2_has_sounds_off_the_screen_and_two_of_one_category() -> None:
    scenes = [plan_scene(0, "v2", "val", number) for number in range(6)]
    assert [scene.seconds for scene in scenes] == [10] * 6
    assert [scene.sounding.count("off-the-screen") for scene in scenes] == [0, 0, 0, 1, 0, 1]
    assert [len(scene.sounding) for scene in scenes] == [1, 2, 1, 2, 1, 1]
    twins = [actor.active for actor in scenes[4].actors if any(actor.active)]
    assert [sum(second) for second in zip(*twins, strict=True)] == [1] * 10, "one after the other"
    assert all(scene.off_screen not in {actor.category for actor in scene.actors} for scene in scenes)


# ---------------------------------------------------------------------------------------------- pictures and sounds


def test_everything_that_is_drawn_is_a_category_and_has_a_sound_and_a_place() -> None:
    assert set(shapes()) == set(SOUNDS) <= set(avss_categories()[1:])
    assert {category.sounding for category in s4_categories().values()} <= set(shapes())
    assert {place for shape in shapes().values() for place in shape.places} == set(GROUND)


def test_a_label_map_is_what_is_drawn() -> None:
    scene = next(scene for scene in plan_scenes(20, 0) if all(shapes()[actor.category].flies for actor in scene.actors))
    scene = replace(scene, actors=tuple(replace(actor, active=(True,) * scene.seconds) for actor in scene.actors))
    labels = Painter(scene).labels(7)
    empty = draw_place(scene.place, np.random.default_rng([*scene.key, 3]), scene.width, scene.height)
    changed = (Painter(scene).picture(7) != empty).any(axis=2)
    mask = labels > 0
    padded = np.pad(mask, 1)
    near = np.logical_or.reduce([np.roll(padded, step, (0, 1))[1:-1, 1:-1] for step in np.ndindex(3, 3)])
    near |= np.logical_or.reduce([np.roll(padded, (-y, -x), (0, 1))[1:-1, 1:-1] for y, x in np.ndindex(3, 3)])
    assert {avss_categories()[label] for label in np.unique(labels[mask])} == {a.category for a in scene.actors}
    assert changed[mask].mean() > 0.99, "every pixel of the mask is painted"
    assert changed[~near & ~np.pad(near, 1)[2:, 1:-1] & ~np.pad(near, 1)[:-2, 1:-1]].mean() < 1e-3, "nothing else is"


def test_what_is_in_front_hides_and_what_is_silent_has_no_label() -> None:
    scene = plan_scene(0, "s4", "val", 0)
    behind = replace(scene.actors[0], category="bus", x=160.0, y=200.0, height=150.0, sway=0.0, active=(True,) * 5)
    front = replace(behind, category="cat", height=80.0, active=(False,) * 5)
    scene = replace(scene, width=320, height=240)
    alone = Painter(replace(scene, actors=(behind,))).labels(3) > 0
    hidden = Painter(replace(scene, actors=(behind, front))).labels(3) > 0
    cat = Painter(replace(scene, actors=(replace(front, active=(True,) * 5),))).labels(3)
    assert (hidden <= alone).all() and (alone & ~hidden).sum() > 1000
    assert set(np.unique(cat).tolist()) == {0, avss_categories().index("cat")}


def test_a_turned_and_mirrored_shape() -> None:
    """Mirrored: as far to the other side of the point that it is placed by. Half a turn about the ground hangs below it."""
    shape = shapes()["dog"]
    plain, mirrored = (draw(shape, "#a9713f", 100, mirrored=mirror) for mirror in (False, True))
    turned = draw(shape, "#a9713f", 100, degrees=180)
    assert plain.top + plain.cover.shape[0] <= 6 and turned.top >= -6
    middles = [
        sprite.left + 0.5 + np.average(np.arange(sprite.cover.shape[1]), weights=sprite.cover.sum(axis=0))
        for sprite in (plain, mirrored, turned)
    ]
    assert middles[0] > 4 and middles[1:] == pytest.approx([-middles[0], -middles[0]], abs=0.3)


@pytest.mark.parametrize("category", sorted(SOUNDS))
def test_a_source_sounds_in_its_seconds_only(category: str) -> None:
    sound = source_sound(np.random.default_rng(0), category, (False, True, False)).reshape(3, RATE)
    assert not sound[0].any() and not sound[2].any()
    assert np.sqrt(np.mean(sound[1] ** 2)) == pytest.approx(0.09, rel=0.03)


def test_a_source_is_heard_where_it_is_seen() -> None:
    left, right = film_sound(np.random.default_rng(0), [("piano", (True,), 0.2)], 1)
    assert np.sqrt(np.mean(left**2) / np.mean(right**2)) == pytest.approx(4, rel=0.02)  # 0.8 / 0.2
    assert 0 < np.abs(film_sound(np.random.default_rng(0), [], 1)).max() < 0.01


# ------------------------------------------------------------------------------------------------------------ films


def bars(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:  # type: ignore[type-arg]
    """Picture ``k`` is white in its first ``2 k`` columns."""
    pictures = np.zeros((count, height, width, 3), np.uint8)
    for number, picture in enumerate(pictures):
        picture[:, : 2 * number] = 255
    return list(pictures)


def test_a_film_has_its_pictures_and_its_sound_in_their_places(tmp_path: Path) -> None:
    moments = np.arange(2 * 32_000) / 32_000
    sound = np.stack([np.sin(2 * np.pi * 500 * moments) * (moments >= 1)] * 2).astype(np.float32) / 2
    for name in ("a.mp4", "b.mp4"):
        write_film(tmp_path / name, bars(30), 15, sound, 32_000)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    first, second = second_frames(tmp_path / "a.mp4", 2)
    assert (first[20, :, 0] > 128).sum() == 2 * 14 and (second[20, :, 0] > 128).sum() == 2 * 29
    heard = np.abs(read_audio(tmp_path / "a.mp4", 2).astype(int))
    assert heard[:15_500].max() < 300 and heard[16_500:].max() == pytest.approx(16_384, rel=0.05)


@pytest.mark.parametrize(
    ("pictures", "sound", "told"),
    [
        ([], np.zeros((2, 9), np.float32), "at least 1 picture"),
        (bars(1, 47), np.zeros((2, 9), np.float32), r"found \(47, 64, 3\)"),
        ([*bars(1), *bars(1, 50)], np.zeros((2, 9), np.float32), r"found \(50, 64, 3\) after \(48, 64, 3\)"),
        (bars(1), np.zeros(9, np.float32), r"found \(9,\)"),
    ],
)
def test_a_film_that_cannot_be_written_leaves_nothing(
    tmp_path: Path,
    pictures: list[np.ndarray],  # type: ignore[type-arg]
    sound: np.ndarray,  # type: ignore[type-arg]
    told: str,
) -> None:
    with pytest.raises(ValueError, match=told):
        write_film(tmp_path / "a.mp4", pictures, 15, sound, 32_000)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------------------- mini


def test_our_readers_find_every_file_of_all_three(mini: Path) -> None:
    sets = {found.name: found for found in (*find_videos(mini), *find_videos(mini / "AVSBench-semantic"))}
    assert {name: len(found.videos) for name, found in sets.items()} == {"s4": 3, "ms3": 3, "avss": 9}
    for found in sets.values():
        for video in found.videos:
            files = [*(frame.image_file for frame in video.frames), *video.masks, video.audio_file, video.log_mel_file]
            assert all((found.root / name).stat().st_size for name in files if name)
    assert not list(mini.rglob(".*"))


def test_v1s_and_v1m_are_the_videos_of_s4_and_ms3(mini: Path) -> None:
    s4, ms3 = find_videos(mini / "Single-source"), find_videos(mini / "Multi-sources")
    (semantic,) = find_videos(mini / "AVSBench-semantic")
    for setting, found in (("v1s", next(s4)), ("v1m", next(ms3))):
        twins = {video.id: video for video in semantic.videos if video.setting == setting}
        assert list(twins) == [video.id for video in found.videos]
        for video in found.videos:
            for frame, twin in zip(video.frames, twins[video.id].frames, strict=True):
                assert bool(frame.mask_file) == bool(twin.mask_file)
                if frame.mask_file:
                    mask, labels = (np.array(Image.open(root / name)) for root, name in (
                        (found.root, frame.mask_file), (semantic.root, twin.mask_file)
                    ))  # fmt: skip
                    nearest = Image.fromarray(labels).resize((224, 224), Image.Resampling.NEAREST)
                    assert np.array_equal(mask, np.where(np.array(nearest) > 0, 255, 0))
                    assert setting == "v1m" or mask.any()


def test_colours_and_indices_say_the_same(mini: Path) -> None:
    for path in (mini / "AVSBench-semantic").rglob("labels_semantic/*.png"):
        with Image.open(path) as labels, Image.open(path.parents[1] / "labels_rgb" / path.name) as colours:
            assert (labels.mode, colours.mode) == ("P", "RGB")
            assert labels.convert("RGB").tobytes() == colours.tobytes()


@pytest.mark.parametrize(
    ("raw", "table", "data", "size", "files"),
    [
        ("Single-source/s4_data/raw_videos", "Single-source/s4_meta_data.csv", "Single-source", "224", 3 * 7),
        ("Multi-sources/ms3_data/raw_videos", "Multi-sources/ms3_meta_data.csv", "Multi-sources", "224", 3 * 7),
        ("AVSBench-semantic/raw_videos", "AVSBench-semantic/metadata.csv", "AVSBench-semantic", "original", 6 * 6 + 33),
    ],
)
def test_frames_and_sounds_are_what_prepare_makes(
    mini: Path, tmp_path: Path, raw: str, table: str, data: str, size: str, files: int
) -> None:
    prepare(mini / raw, mini / table, tmp_path, Preparation(size), workers=1, progress=Progress())
    made = {
        name: content
        for name, content in tree(tmp_path).items()
        if Path(name).suffix in (".png", ".jpg", ".wav", ".pkl")
    }
    assert len(made) == files
    for name, content in made.items():
        assert (mini / data / name).read_bytes() == content, name


def test_the_wav_is_silent_where_nothing_sounds(mini: Path) -> None:
    for video in next(find_videos(mini / "Multi-sources")).videos:
        with wave.open(str(mini / "Multi-sources" / video.audio_file)) as stream:
            assert (stream.getframerate(), stream.getnchannels(), stream.getnframes()) == (16_000, 1, 80_000)


def test_a_killed_run_goes_on_to_the_same_bytes_with_any_workers(mini: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(mini, tmp_path / "killed")
    for path in (*folder.glob("*/*.csv"), *(path for path in folder.rglob("*.mp4") if "s4_data" in path.parts)):
        path.unlink()  # S4 is still to be made
    shutil.rmtree(folder / "AVSBench-semantic/v1s")
    code = f"""
from pathlib import Path
from avsbench_tools.mini import write_mini
from evaluators.progress import Progress
write_mini(Path({str(folder)!r}), 1, 0, Progress(), workers=1)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as run:
        while not list((folder / "Single-source").rglob("*.mp4")) and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    assert not list(folder.rglob("*.csv")), "a table means that all is there"
    (folder / "Single-source/.s4_meta_data.csv.1.tmp").write_bytes(b"half")
    outcome = write_mini(folder, 1, 0, Progress(), workers=1)
    assert 2 <= outcome.done <= 3 and outcome.done + outcome.already == FILMS
    assert tree(folder) == tree(mini)


def test_a_mini_that_is_there_is_left_as_it_is(mini: Path) -> None:
    before = {path: os.stat(path).st_mtime_ns for path in mini.rglob("*.*") if path.suffix not in (".csv", ".json")}
    outcome = write_mini(mini, 1, 0, Progress(), workers=1)
    assert (outcome.done, outcome.already) == (0, FILMS) and "is complete" in outcome.lines[0]
    assert {path: os.stat(path).st_mtime_ns for path in before} == before


@pytest.mark.parametrize(("videos", "seed"), [(2, 0), (1, 1)])
def test_a_mini_of_other_arguments_is_refused(mini: Path, videos: int, seed: int) -> None:
    with pytest.raises(DataError, match="not-empty") as error:
        write_mini(mini, videos, seed, Progress())
    assert "give another folder" in str(error.value) and "\n" not in str(error.value)


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / ".mine.1.tmp").write_text("mine too")
    with pytest.raises(DataError, match=r"holds 'thesis.tex'.*\[not-empty\]"):
        write_mini(tmp_path, 1, 0, Progress())
    with pytest.raises(DataError, match="not-a-folder"):
        write_mini(tmp_path / "thesis.tex", 1, 0, Progress())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.1.tmp", "thesis.tex"]
    with pytest.raises(ValueError, match="found 0 and 0"):
        write_mini(tmp_path, 0, 0, Progress())
