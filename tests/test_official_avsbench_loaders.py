"""The mini AVSBench read by the rules of the official loaders, written down here from what they open, in which mode, in which shape.

Nothing of ours is imported but the writer, and the reader of pickled tensors, because torch may not be there. Rules: AVSBench
f7414af, ``avs_s4/dataloader.py`` (S4Dataset), ``avs_ms3/dataloader.py`` (MS3Dataset), ``avss/color_dataloader.py`` (V2Dataset).
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from avsbench_tools.mini import write_mini
from evaluators.progress import Progress
from evaluators.tensors import read_tensor

pd = pytest.importorskip("pandas")

SPLITS = ("train", "val", "test")
CLASSES = 71
Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("official") / "avsbench_data"
    write_mini(folder, 1, 3, Progress(), workers=2)
    return folder


def to_tensor(image: Image.Image) -> Array:
    """As torchvision's ToTensor: (channels, height, width), bytes over 255, booleans as 0 and 1."""
    values = np.array(image)
    values = values[:, :, None] if values.ndim == 2 else values
    return (values.astype(np.float32) / (1 if values.dtype == bool else 255)).transpose(2, 0, 1)


def opened(path: str, mode: str) -> Array:
    with Image.open(path) as image:
        return to_tensor(image.convert(mode))


def s4_item(data: str, split: str, row: Any) -> tuple[Array, Array, Array]:
    """Row by position: 0 name, 2 category. Masks are opened in mode 1; of train only the first."""
    video, category = row.iloc[0], row.iloc[2]
    images = os.path.join(data, "visual_frames", split, category, video)
    masks = os.path.join(data, "gt_masks", split, category, video)
    return (
        np.stack([opened(os.path.join(images, f"{video}_{n}.png"), "RGB") for n in range(1, 6)]),
        log_mel(os.path.join(data, "audio_log_mel", split, category, f"{video}.pkl")),
        np.stack([opened(os.path.join(masks, f"{video}_{n}.png"), "1") for n in range(1, 2 if split == "train" else 6)]),
    )  # fmt: skip


def ms3_item(data: str, split: str, row: Any) -> tuple[Array, Array, Array]:
    """Row by position: 0 name. Frames without a folder for the split and with .mp4 in the name; masks opened in mode P."""
    video = row.iloc[0]
    masks = os.path.join(data, "gt_masks", split, video)
    return (
        np.stack([opened(os.path.join(data, "visual_frames", video, f"{video}.mp4_{n}.png"), "RGB") for n in range(1, 6)]),
        log_mel(os.path.join(data, "audio_log_mel", split, f"{video}.pkl")),
        np.stack([opened(os.path.join(masks, f"{video}_{n}.png"), "P") for n in range(1, 6)]),
    )  # fmt: skip


def log_mel(path: str) -> Array:
    return read_tensor(Path(path).read_bytes(), path)


@cache
def official_palette() -> Array:
    """Bit 3i + c of the class number is bit 7 - i of channel c; (71, 3)."""
    return np.array(
        [
            [sum((number >> (3 * i + channel) & 1) << (7 - i) for i in range(3)) for channel in range(3)]
            for number in range(CLASSES)
        ],
        np.uint8,
    )


def v2_item(base: str, split: str, row: Any) -> tuple[Array, Array]:
    """Columns by name. Frames and colour masks are counted by listing their folders, numbered from 0, filled up to 10."""
    folder = os.path.join(base, row["label"], row["uid"])
    number = len(os.listdir(os.path.join(folder, "frames")))
    images = [
        resized(os.path.join(folder, "frames", f"{n}.jpg"), split, Image.Resampling.BILINEAR) for n in range(number)
    ]
    names = os.listdir(os.path.join(folder, "labels_rgb"))
    assert all(name.endswith(".png") for name in names)
    if split != "train":
        assert len(names) == (10 if row["label"] == "v2" else 5)
    colours = [
        resized(os.path.join(folder, "labels_rgb", f"{n}.png"), split, Image.Resampling.NEAREST)
        for n in range(len(names))
    ]
    equal = [
        np.stack([(np.array(image) == colour).all(axis=2) for colour in official_palette()], axis=2)
        for image in colours
    ]
    assert all(one.any(axis=2).all() for one in equal), "a colour off the palette would silently be background"
    labels = np.zeros((10, 224, 224), np.int64)
    labels[: len(names)] = [one.argmax(axis=2) for one in equal]
    pictures = np.zeros((10, 3, 224, 224), np.float32)
    pictures[:number] = [to_tensor(image) for image in images]
    return pictures, labels  # fmt: skip


def resized(path: str, split: str, rule: Image.Resampling) -> Image.Image:
    """224 x 224: of train the short side to 224 and the middle cut out, else without regard to the proportions."""
    with Image.open(path) as image:
        image = image.convert("RGB")
    if split != "train":
        return image.resize((224, 224), rule)
    width, height = image.size
    size = (int(1.0 * width * 224 / height), 224) if width > height else (224, int(1.0 * height * 224 / width))
    image = image.resize(size, rule)
    left, top = (round((side - 224) / 2) for side in size)
    return image.crop((left, top, left + 224, top + 224))


@pytest.mark.parametrize("split", SPLITS)
def test_s4(mini: Path, split: str) -> None:
    table = pd.read_csv(mini / "Single-source/s4_meta_data.csv", sep=",")
    assert list(table.columns[:4]) == ["name", "start", "category", "split"]
    rows = table[table["split"] == split]
    assert len(rows) == 1
    for _, row in rows.iterrows():
        images, sound, masks = s4_item(str(mini / "Single-source/s4_data"), split, row)
        assert images.shape == (5, 3, 224, 224) and images.std() > 0.05
        assert sound.shape == (5, 1, 96, 64) and sound.dtype == np.float32
        assert np.log(0.01) <= sound.min() and sound.max() < 6
        assert masks.shape == (1 if split == "train" else 5, 1, 224, 224)
        assert set(np.unique(masks).tolist()) == {0, 1} and (masks.mean(axis=(1, 2, 3)) > 0.005).all()


@pytest.mark.parametrize("split", SPLITS)
def test_ms3(mini: Path, split: str) -> None:
    table = pd.read_csv(mini / "Multi-sources/ms3_meta_data.csv", sep=",")
    rows = table[table["split"] == split]
    assert len(rows) == 1
    for _, row in rows.iterrows():
        images, sound, masks = ms3_item(str(mini / "Multi-sources/ms3_data"), split, row)
        assert images.shape == (5, 3, 224, 224) and sound.shape == (5, 1, 96, 64)
        assert masks.shape == (5, 1, 224, 224) and set(np.unique(masks).tolist()) == {0, 1}
        assert len({mask.tobytes() for mask in masks}) > 1, "what sounds changes"


@pytest.mark.parametrize("split", SPLITS)
def test_avss(mini: Path, split: str) -> None:
    base = mini / "AVSBench-semantic"
    names = json.loads((base / "label2idx.json").read_text())
    assert len(names) == CLASSES
    rows = pd.read_csv(base / "metadata.csv", sep=",")
    assert list(rows.columns) == ["vid", "uid", "s_min", "s_sec", "a_obj", "split", "label"]
    rows = rows[rows["split"] == split]
    assert sorted(rows["label"]) == ["v1m", "v1s", "v2"]
    for _, row in rows.iterrows():
        pictures, labels = v2_item(str(base), split, row)
        frames = 10 if row["label"] == "v2" else 5
        annotated = 1 if (row["label"], split) == ("v1s", "train") else frames
        assert pictures[:frames].any(axis=(1, 2, 3)).all() and not pictures[frames:].any()
        assert not labels[annotated:].any()
        named = {list(names).index(word) for word in row["a_obj"].split("_")}
        assert set(np.unique(labels).tolist()) == {0, *named}
        assert (
            row["uid"].startswith(row["vid"]) and (base / row["label"] / row["uid"] / "audio.wav").stat().st_size > 44
        )


def test_the_uids_say_when_an_excerpt_starts(mini: Path) -> None:
    rows = pd.read_csv(mini / "AVSBench-semantic/metadata.csv")
    for _, row in rows[rows["label"] != "v1m"].iterrows():
        start = 1000 * (60 * row["s_min"] + row["s_sec"])
        assert row["uid"] == f"{row['vid']}_{start}_{start + (10000 if row['label'] == 'v2' else 5000)}"
