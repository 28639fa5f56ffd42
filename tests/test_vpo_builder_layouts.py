"""The AVSBench-semantic layout, read back by its own rules."""

from __future__ import annotations

import csv
import json
import wave
from pathlib import Path

import numpy as np
from PIL import Image

from evaluators.categories import voc_colour
from evaluators.progress import Progress
from vpo_builder.build import build
from vpo_builder.settings import Settings
from vpo_builder.verify import verify


def channels(path: Path) -> int:
    with wave.open(str(path)) as stream:
        return stream.getnchannels()


def test_avss_layout(tmp_path: Path) -> None:
    out = tmp_path / "avss"
    build(
        Settings(
            split="ms", layout="avss", out=str(out), world_images=12, world_clips=4, seconds=4.0, gallery=3, workers=1
        ),
        Progress(),
    )
    indices = json.loads((out / "label2idx.json").read_text())
    assert indices["background"] == 0 and len(indices) == 22
    rows = list(csv.DictReader((out / "metadata.csv").read_text().splitlines()))
    assert list(rows[0])[:7] == ["vid", "uid", "s_min", "s_sec", "a_obj", "split", "label"] and len(rows) >= 4
    for row in rows:
        folder = out / row["label"] / row["uid"]
        labels = np.array(Image.open(folder / "labels_semantic" / "0.png"))
        assert set(np.unique(labels).tolist()) - {0, 255} == {indices[name] for name in row["a_obj"].split("_")}
        colours = np.array(Image.open(folder / "labels_rgb" / "0.png"))
        np.testing.assert_array_equal(colours, np.array([voc_colour(k) for k in range(256)], np.uint8)[labels])
        with Image.open(folder / "frames" / "0.jpg") as frame:
            assert frame.size == labels.shape[::-1]
        assert [channels(folder / name) for name in ("audio.wav", "mono_audio.wav", "stereo_audio.wav")] == [1, 1, 2]
    assert verify(out) == []
