"""A small AVSBench of all three subsets, drawn and synthesized, in the official layouts: to try everything without the data.

::

    Single-source/        S4: videos of 5 s; raw_videos/<split>/<category>/<video>.mp4
    Multi-sources/        MS3: videos of 5 s; raw_videos/<video>.mp4
    AVSBench-semantic/    the same videos as v1s and v1m, in their own sizes, and v2 of 10 s; raw_videos/<label>/<uid>.mp4

The films come first; frames, sounds and log-mels are what ``avsbench prepare`` makes of them. Masks are the very pixels drawn, at
the pictures that are taken as frames; those of 224 x 224 by the nearest pixel. Masks of S4 and MS3 are 8-bit grey, 0 and 255;
labels_semantic are palette PNGs of indices, labels_rgb the same in colours, mode RGB.

Same arguments, same bytes, with the same versions of FFmpeg, numpy and Pillow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators import avss
from evaluators.categories import voc_colour
from evaluators.engines import Engine, finished
from evaluators.errors import DataError
from evaluators.files import atomic_write, link_or_copy, write_text
from evaluators.masks import write_label_map
from evaluators.progress import Progress
from evaluators.videos import Video
from evaluators.wav_files import encode_wav

from .film import write_film
from .logmel import log_mel
from .media import EVENLY, TAKEN, Samples, read_audio, second_frames
from .mini_painting import Painter
from .mini_scenes import SETTINGS, Scene, plan_scenes
from .mini_sounds import RATE, film_sound
from .official import SEVERAL, SINGLE, SUBSETS, official_video, write_tables
from .outcome import Outcome
from .prepare_journal import remove_leftovers
from .prepare_video import encode_picture
from .resizing import Pixels, resized
from .tensors import encode_tensor

FORMAT = 1  # raised when other films are drawn
MARKER = "mini.json"
SEMANTIC = "AVSBench-semantic"
SIDE = 224  # of a frame in S4 and MS3
Labels = np.ndarray[Any, np.dtype[np.uint8]]


def write_mini(folder: Path, videos: int, seed: int, progress: Progress, *, workers: int | None = None) -> Outcome:
    """Write a mini AVSBench into ``folder``, or complete the one of the same arguments that is there.

    ``videos``: of each setting (S4, MS3, v2) and split. ``workers``: processes, by default one for each core.
    Raises ``DataError`` ``not-empty`` where the folder holds anything else, ``not-a-folder``; ValueError for negative numbers.
    """
    if videos < 1 or seed < 0:
        raise ValueError(f"expected videos of 1 or more and a seed of 0 or more, found {videos} and {seed}")
    folder = Path(folder)
    _begin(folder, {"format": FORMAT, "videos": videos, "seed": seed})
    scenes = plan_scenes(videos, seed)
    missing = [scene for scene in scenes if not all(os.path.exists(f"{folder}/{name}") for name in _files(scene))]
    remove_leftovers(folder, [name for scene in missing for name in _files(scene)])
    seconds = sum(scene.seconds for scene in missing)
    if missing:
        progress.line(
            f"drawing {len(missing)} films of {seconds} seconds in all, about {1.1 * len(missing):.0f} MB, in {folder}"
        )
    with (
        Engine(workers, warm_up=f"{__package__}.mini", chunk=1) as engine,
        progress.stage("films", len(missing)) as advance,
    ):
        for outcome in engine.run(partial(_write_scene, folder=folder), missing):
            finished(outcome)
            advance()
    _write_all_tables(folder, scenes)
    return _outcome(folder, scenes, len(missing))


def _begin(folder: Path, arguments: dict[str, int]) -> None:
    """Say in the marker what the folder will hold, or see that it says so."""
    marker = folder / MARKER
    try:
        there = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except FileNotFoundError:
        there = []
    except NotADirectoryError:
        raise DataError("not-a-folder", folder, "is a file or lies below one; give the name of a folder") from None
    if there and _read(marker) != arguments:
        found = f"a mini of {_read(marker)}" if _read(marker) else f"{there[0]!r} and {len(there) - 1} more"
        remedy = "give another folder, or the same --videos and --seed"
        raise DataError("not-empty", folder, f"holds {found}, expected nothing or a mini of {arguments}; {remedy}")
    remove_leftovers(folder, [MARKER, *(f"{home}/{table}" for home, table in _tables())])
    if not there:
        write_text(marker, json.dumps(arguments) + "\n")


def _read(marker: Path) -> object:
    try:
        return json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _outcome(folder: Path, scenes: list[Scene], written: int) -> Outcome:
    counts = " and ".join(f"{len(scenes) // len(SETTINGS)} of {name}" for name in ("S4 (v1s)", "MS3 (v1m)", "v2"))
    state = f"{folder} is complete: {counts}" if not written else f"{folder}: {counts}"
    return Outcome("films", written, len(scenes) - written, lines=(state, f"look around: avsbench inspect {folder}"))


# ------------------------------------------------------------------------------------------------------------ where


def _homes(scene: Scene) -> Iterator[tuple[str, str, Video]]:
    """Each set that has the scene: its folder, the film in it, and the video with files relative to that folder."""
    label = {"s4": SINGLE, "ms3": SEVERAL}.get(scene.setting, scene.setting)
    if scene.setting in SUBSETS:
        subset = SUBSETS[scene.setting]
        inner = f"{scene.split}/{scene.category}/" if scene.setting == "s4" else ""
        film = f"{subset.data}/raw_videos/{inner}{scene.id}.mp4"
        yield subset.folder, film, official_video(_video(scene, scene.setting), scene.setting)
    film = f"raw_videos/{label}/{scene.id}.mp4"
    yield SEMANTIC, film, official_video(_video(scene, label), "avss")


def _video(scene: Scene, setting: str) -> Video:
    return Video(
        id=scene.id,
        setting=setting,
        split=scene.split,
        frames=(),
        category=scene.category,
        sounding=scene.sounding,
        start_seconds=scene.start_seconds,
    )


def _files(scene: Scene) -> Iterator[str]:
    """Every file of a scene, relative to the mini's folder."""
    for home, film, video in _homes(scene):
        names = [film, video.audio_file, video.log_mel_file, *(frame.image_file for frame in video.frames)]
        names += video.masks
        names += [_colours_of(name) for name in video.masks if video.setting not in SUBSETS]
        yield from (f"{home}/{name}" for name in names if name)


def _tables() -> list[tuple[str, str]]:
    """The folder of each set, and a table in it."""
    objects = [(subset.folder, subset.csv_file) for subset in SUBSETS.values()]
    return [*objects, (SEMANTIC, avss.TABLE), (SEMANTIC, avss.NAMES)]


def _colours_of(mask_file: str) -> str:
    return mask_file.replace(f"/{avss.INDICES}/", f"/{avss.COLOURS}/")


def _write_all_tables(folder: Path, scenes: Iterable[Scene]) -> None:
    """The tables, when all files are there; rows by video, as the official ones are nearly."""
    rows: dict[str, list[Video]] = {"s4": [], "ms3": [], "avss": []}
    for scene in scenes:
        for _, _, video in _homes(scene):
            rows[video.setting if video.setting in SUBSETS else "avss"].append(video)
    for name, videos in rows.items():
        home = folder / (SUBSETS[name].folder if name in SUBSETS else SEMANTIC)
        write_tables(home, name, videos)


# ------------------------------------------------------------------------------------------------------------- what


def _write_scene(scene: Scene, folder: Path) -> None:
    """All files of one scene: the film, then what is made of it, in each set that has it."""
    painter = Painter(scene)
    taken = [int(second * scene.rate + TAKEN / EVENLY * scene.rate) for second in range(scene.seconds)]
    labels = [painter.labels(index) for index in taken]
    homes = [(folder / home, film, video) for home, film, video in _homes(scene)]
    first = homes[0][0] / homes[0][1]
    _write_film(first, scene, painter)
    samples, pictures = read_audio(first, scene.seconds), second_frames(first, scene.seconds)
    for home, film, video in homes:
        if home / film != first:
            link_or_copy(first, home / film)
        _write_sound(home, video, samples)
        _write_frames(home, video, pictures)
        _write_masks(home, video, labels)


def _write_film(path: Path, scene: Scene, painter: Painter) -> None:
    sources = [(actor.category, actor.active, actor.x / scene.width) for actor in scene.actors if any(actor.active)]
    if scene.off_screen:
        sources.append((scene.off_screen, (True,) * scene.seconds, 0.0))
    sound = film_sound(np.random.default_rng([*scene.key, 4]), sources, scene.seconds)
    write_film(path, map(painter.picture, range(scene.seconds * scene.rate)), scene.rate, sound, RATE)


def _write_sound(home: Path, video: Video, samples: Samples) -> None:
    _write(home / video.audio_file, encode_wav(samples))
    if video.log_mel_file:
        _write(home / video.log_mel_file, encode_tensor(log_mel(samples, len(video.frames))))


def _write_frames(home: Path, video: Video, pictures: Pixels) -> None:
    for frame, picture in zip(video.frames, pictures, strict=True):
        if video.setting in SUBSETS:
            picture = resized(picture, (SIDE, SIDE))
        _write(home / frame.image_file, encode_picture(picture, Path(frame.image_file).suffix))


def _write_masks(home: Path, video: Video, labels: list[Labels]) -> None:
    colours = np.array([voc_colour(index) for index in range(256)], np.uint8)
    for frame in video.frames:
        if not frame.mask_file:
            continue
        found = labels[frame.number]
        if video.setting in SUBSETS:
            mask = (_small(found) > 0).astype(np.uint8) * np.uint8(255)
            _write(home / frame.mask_file, encode_picture(mask, ".png"))
        else:
            write_label_map(home / frame.mask_file, found)
            _write(home / _colours_of(frame.mask_file), encode_picture(colours[found], ".png"))


def _small(labels: Labels) -> Labels:
    """``SIDE`` x ``SIDE``, the nearest pixels, as the official loader of AVSBench-semantic takes them."""
    return np.asarray(Image.fromarray(labels).resize((SIDE, SIDE), Image.Resampling.NEAREST))


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as stream:
        stream.write(content)
