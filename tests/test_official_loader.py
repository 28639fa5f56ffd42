"""A built dataset read by the rules of the official loaders, written down here from their description alone.

Nothing of ours is imported but the build itself: paths, columns, the remapping of mask values in place and in
ascending order (with its car and airplane trap), the middle three seconds, the linear pan and the plain sum.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluators.progress import Progress
from vpo_builder.build import build
from vpo_builder.settings import Settings

pd = pytest.importorskip("pandas")

INDEX_OF_ID = {
    3: 5, 4: 15, 5: 1, 6: 4, 16: 3, 17: 6, 18: 9, 19: 12, 20: 17, 21: 8, 22: 10, 24: 21, 37: 19, 41: 18, 43: 20,
    74: 16, 76: 13, 77: 7, 92: 14, 93: 11, 94: 2,
}  # fmt: skip
NAMES = [
    "background", "airplane", "baby", "bird", "bus", "car", "cat", "cell phone", "cow", "dog", "elephant", "female", "horse", "keyboard",
    "male", "motorcycle", "mouse", "sheep", "skateboard", "sports ball", "tennis racket", "zebra",
]  # fmt: skip
TABLE = {
    "ss": "VPO/VPO-SS/vpo_ss_data_stereo.csv",
    "ms": "VPO/VPO-MS/vpo_ms_data_stereo.csv",
    "msmi": "VPO/VPO-MSMI/vpo_msmi_data_stereo.csv",
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three settings from a small sample world, mixtures rendered too."""
    out = tmp_path_factory.mktemp("official") / "data"
    build(
        Settings(
            split="all", out=str(out), audio="render", world_images=60, world_clips=5, workers=2, gallery=0, seconds=6.0
        ),
        Progress(),
    )
    return out


def frame(root: Path, setting: str) -> Any:
    table = pd.read_csv(root / TABLE[setting])
    table["split"] = table["split"].replace({"val": "test"})
    return table


def files(root: Path, setting: str, row: Any) -> tuple[Path, Path]:
    image, home = str(row.img_Id).zfill(12), root / "VPO" / f"VPO-{setting.upper()}"
    if setting == "ss":
        return (
            home / "data" / row.cateName / f"{image}.jpg",
            home / "mask" / row.cateName / f"{image}_{str(row.ann_Ids).zfill(12)}.png",
        )
    names = [str(home / "data" / f"{image}.jpg"), str(home / "mask" / f"{image}.png")]
    if setting == "msmi" and row.multi_instance == 0:
        names = [name.replace("VPO-MSMI", "VPO-MS") for name in names]
    return Path(names[0]), Path(names[1])


def remapped(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Ids to indices, in place, one after the other in ascending order, as the loader does it."""
    mask = mask.copy()
    for value in np.unique(mask):
        if value not in (0, 255):
            mask[mask == value] = INDEX_OF_ID[int(value)]
    return mask


def read_wav(path: Path) -> tuple[np.ndarray[Any, Any], int]:
    with wave.open(str(path)) as stream:
        data = np.frombuffer(stream.readframes(stream.getnframes()), "<i2").reshape(-1, stream.getnchannels()).T
        return data / 32768.0, stream.getframerate()


@pytest.mark.parametrize("setting", ["ss", "ms", "msmi"])
def test_the_loader_reads_every_row(built: Path, setting: str) -> None:
    table = frame(built, setting)
    assert len(table) > 20 and set(table.split) == {"train", "test"}
    assert table.img_Id.dtype == table.ann_Ids.dtype == np.int64 and table.audio_pos.dtype == np.float64
    for _, group in table.groupby(["split", *(["img_Id", "ann_Ids"] if setting == "ss" else ["img_Id"])]):
        image_path, mask_path = files(built, setting, group.iloc[0])
        with Image.open(image_path) as image, Image.open(mask_path) as mask:
            assert mask.mode == "P" and mask.size == image.size
            values = np.array(mask)
        assert set(np.unique(remapped(values)).tolist()) - {0, 255} == {NAMES.index(name) for name in group.cateName}


@pytest.mark.parametrize("setting", ["ss", "ms", "msmi"])
def test_names_and_frames_keep_step(built: Path, setting: str) -> None:
    table = frame(built, setting)
    for split in ("train", "test"):
        part = table[table.split == split]
        frames = [files(built, setting, row)[0] for row in part.itertuples()]
        assert len(part.img_Id.unique()) == len(set(frames)) or setting == "ss"
        assert part.groupby("img_Id").multi_instance.nunique().max() == 1


def test_the_loaders_mixture_is_the_rendered_one(built: Path) -> None:
    """Middle 3 s of each mono clip, L = (1 - p) w, R = p w, plain sum, beside the middle 3 s of the file."""
    table = frame(built, "msmi")
    for image_id, group in list(table.groupby("img_Id"))[:20]:
        total = np.zeros((2, 48000))
        for row in group.itertuples():
            wav, rate = read_wav(built / "vggsound_bench/VGGSound/audios" / f"{row.vgg_file}.wav")
            assert rate == 16000 and wav.shape[0] == 1, "the loader wants mono clips"
            middle = wav.shape[1] // 2
            part = wav[0, middle - 24000 : middle + 24000]
            total += np.stack([part * (1 - row.audio_pos), part * row.audio_pos])
        home = "VPO-MSMI" if group.multi_instance.iloc[0] else "VPO-MS"
        mixture, _ = read_wav(built / "VPO" / home / "mixture" / f"{image_id:012d}.wav")
        middle = mixture.shape[1] // 2
        expected = total * group.mix_gain.iloc[0]
        np.testing.assert_allclose(mixture[:, middle - 24000 : middle + 24000], expected, atol=3 / 32768)


def test_positions_are_centres_of_mass(built: Path) -> None:
    """Mean column of the instance's own pixels, plus a half, over the width: here of instances that nothing covers."""
    table = frame(built, "ss")
    for row in table.head(30).itertuples():
        _, mask_path = files(built, "ss", row)
        columns = np.nonzero(np.array(Image.open(mask_path)) == row.cateId)[1]
        width = np.array(Image.open(mask_path)).shape[1]
        assert abs((columns.mean() + 0.5) / width - row.audio_pos) < 1e-6


def test_no_image_and_no_video_is_in_two_splits(built: Path) -> None:
    everything = pd.concat([frame(built, setting) for setting in TABLE])
    assert everything.groupby("img_Id").split.nunique().max() == 1
    assert everything.assign(video=everything.vgg_file.str[:11]).groupby("video").split.nunique().max() == 1
