"""Tiny AVSBench folders in the official layouts: names, numbering, columns and palettes as published, pixels made up.

Masks are 16 x 12; frame ``k`` of video ``n`` has a 4 x 3 block of its object, one column further right in each frame.
"""

from __future__ import annotations

import csv
import json
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluators.avss import avss_categories
from evaluators.categories import voc_colour
from evaluators.masks import write_label_map

Labels = np.ndarray[Any, np.dtype[np.uint8]]
WIDTH, HEIGHT = 16, 12

S4 = (  # name, start, category, split
    ("-dogA_1000_6000", 1, "dog_barking", "train"),
    ("catB_0_5000", 0, "cat_meowing", "val"),
    ("_dogC_5000_10000", 5, "dog_barking", "test"),
    ("catD_2000_7000", 2, "cat_meowing", "test"),
)
MS3 = (("multiA_0", "train"), ("multiA_1", "val"), ("multiB", "test"), ("multiB_0", "test"))  # name, split
AVSS = (  # vid, uid, s_min, s_sec, a_obj, split, label
    ("dogA", "dogA_1000_6000", 0, 1, "dog", "train", "v1s"),
    ("_dogC", "_dogC_5000_10000", 0, 5, "dog", "test", "v1s"),
    ("multiB_0", "multiB_0", 0, 0, "man_guitar", "test", "v1m"),
    ("tankE", "tankE_60000_70000", 1, 0, "tank_off-the-screen", "test", "v2"),
    ("wolfF", "wolfF_0_10000", 0, 0, "wolf", "val", "v2"),
)


def block(number: int, frame: int, value: int = 255) -> Labels:
    """A mask, ``uint8`` (12, 16)."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[2 + number : 5 + number, 1 + frame : 5 + frame] = value
    return labels


def write_s4(folder: Path) -> Path:
    """``folder/Single-source``."""
    place = folder / "Single-source"
    _write_csv(place / "s4_meta_data.csv", ("name", "start", "category", "split"), S4)
    for number, (video, _, category, split) in enumerate(S4):
        inner = f"{split}/{category}/{video}"
        for frame in range(5):
            _write_image(place / f"s4_data/visual_frames/{inner}/{video}_{frame + 1}.png", number, frame)
        for frame in range(1 if split == "train" else 5):
            _write_mask(place / f"s4_data/gt_masks/{inner}/{video}_{frame + 1}.png", block(number, frame))
        write_wav(place / f"s4_data/audio_wav/{inner}.wav")
    return place


def write_ms3(folder: Path) -> Path:
    """``folder/Multi-sources``."""
    place = folder / "Multi-sources"
    _write_csv(place / "ms3_meta_data.csv", ("video_id", "split"), MS3)
    for number, (video, split) in enumerate(MS3):
        for frame in range(5):
            _write_image(place / f"ms3_data/visual_frames/{video}/{video}.mp4_{frame + 1}.png", number, frame)
            _write_mask(place / f"ms3_data/gt_masks/{split}/{video}/{video}_{frame + 1}.png", block(number, frame))
        write_wav(place / f"ms3_data/audio_wav/{split}/{video}.wav")
    return place


def write_avss(folder: Path) -> Path:
    """``folder/AVSS``; its label2idx.json counts from 1, the masks from 0."""
    place, names = folder / "AVSS", avss_categories()
    _write_csv(place / "metadata.csv", ("vid", "uid", "s_min", "s_sec", "a_obj", "split", "label"), AVSS)
    (place / "label2idx.json").write_text(json.dumps({name: index for index, name in enumerate(names, 1)}))
    for number, (_, uid, _, _, objects, split, label) in enumerate(AVSS):
        video, index = place / label / uid, names.index(str(objects).split("_")[0])
        frames = 10 if label == "v2" else 5
        for frame in range(frames):
            _write_image(video / f"frames/{frame}.jpg", number, frame)
        for frame in range(1 if (label, split) == ("v1s", "train") else frames):
            labels = block(number, frame, index)
            write_label_map(video / f"labels_semantic/{frame}.png", labels)
            colours = np.array([voc_colour(index) for index in range(256)], np.uint8)[labels]  # (12, 16, 3)
            (video / "labels_rgb").mkdir(exist_ok=True)
            Image.fromarray(colours).save(video / f"labels_rgb/{frame}.png")
        write_wav(video / "audio.wav")
    return place


def write_wav(path: Path) -> None:
    """A tenth of a second of 16 kHz mono."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(16_000)
        stream.writeframes(bytes(3200))


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


def _write_image(path: Path, number: int, frame: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), (40 * number, 20 * frame, 90)).save(path)


def _write_mask(path: Path, mask: Labels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)
