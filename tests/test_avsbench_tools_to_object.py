"""`avsbench convert --to object`: what the official loaders of S4 and MS3 would open, and the way there and back."""

from __future__ import annotations

import csv
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_files import png
from mini_avsbench import write_avss, write_ms3, write_s4
from PIL import Image

from avsbench_tools.conversions import Conversion
from avsbench_tools.convert import convert
from avsbench_tools.logmel import log_mel
from avsbench_tools.outcome import Outcome
from avsbench_tools.s4_categories import s4_categories
from evaluators.avss import avss_categories
from evaluators.progress import Progress
from evaluators.tensor_writing import encode_tensor
from evaluators.tensors import read_tensor
from evaluators.videos import open_videos

S4_MASK = "Single-source/s4_data/gt_masks/test/dog_barking/_dogC_5000_10000/_dogC_5000_10000_1.png"


def run(src: Path, dst: Path, form: str = "object", **options: object) -> Outcome:
    return convert(src, dst, replace(Conversion(form), **options), workers=1, progress=Progress())  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_noise(path: Path, seconds: float) -> np.ndarray:
    """16 kHz mono, and its samples."""
    samples = np.random.default_rng(3).integers(-9000, 9000, round(16_000 * seconds)).astype("<i2")
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(16_000)
        stream.writeframes(samples.tobytes())
    return samples


@pytest.mark.parametrize("subset", ["s4", "ms3"])
def test_every_file_that_the_official_loader_opens_is_there(subset: str, tmp_path: Path) -> None:
    source = {"s4": write_s4, "ms3": write_ms3}[subset](tmp_path / "src")
    run(source, tmp_path / "dst")
    root = tmp_path / "dst" / source.name
    for row in rows(root / f"{subset}_meta_data.csv"):
        name, split = (row["name"], row["split"]) if subset == "s4" else (row["video_id"], row["split"])
        inner = f"{split}/{row['category']}/" if subset == "s4" else ""
        dot = "" if subset == "s4" else ".mp4"
        data = root / f"{subset}_data"
        for number in range(1, 6):
            with Image.open(data / f"visual_frames/{inner}{name}/{name}{dot}_{number}.png") as image:
                assert image.format == "PNG"
        for number in range(1, 2 if (subset, split) == ("s4", "train") else 6):
            place = inner if subset == "s4" else f"{split}/"
            with Image.open(data / f"gt_masks/{place}{name}/{name}_{number}.png") as image:
                assert set(np.unique(np.asarray(image.convert("1" if subset == "s4" else "P")))) <= {0, 1, 255}
        tensor = read_tensor((data / f"audio_log_mel/{inner or split + '/'}{name}.pkl").read_bytes(), name)
        assert (tensor.shape, tensor.dtype) == ((5, 1, 96, 64), np.float32)


def test_v1s_becomes_s4_and_v1m_becomes_ms3_and_v2_is_left_out(tmp_path: Path) -> None:
    outcome = run(write_avss(tmp_path / "src"), tmp_path / "dst")
    assert rows(tmp_path / "dst/Single-source/s4_meta_data.csv") == [
        {"name": "dogA_1000_6000", "start": "1", "category": "dog_barking", "split": "train"},
        {"name": "_dogC_5000_10000", "start": "5", "category": "dog_barking", "split": "test"},
    ]
    assert rows(tmp_path / "dst/Multi-sources/ms3_meta_data.csv") == [{"video_id": "multiB_0", "split": "test"}]
    left_out = {found.item for found in outcome.rejections if found.reason == "no-object-layout"}
    assert left_out == {"v2/tankE_60000_70000", "v2/wolfF_0_10000"}
    assert (outcome.done, outcome.rejected) == (3, ())


def test_frames_and_masks_of_avss_become_224_pixels_wide_and_high(tmp_path: Path) -> None:
    run(write_avss(tmp_path / "src"), tmp_path / "dst")
    with Image.open(tmp_path / "dst" / S4_MASK) as image:
        mask = np.asarray(image)
    assert mask.shape == (224, 224)
    rows, columns = np.nonzero(mask)
    # video 1 has a block in rows 3 to 5 of 12 and columns 1 to 4 of 16: 56 to 112 and 14 to 70 of 224
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (56, 112, 14, 70)
    assert np.count_nonzero(mask) == (112 - 56) * (70 - 14)
    frame = tmp_path / "dst/Multi-sources/ms3_data/visual_frames/multiB_0/multiB_0.mp4_1.png"
    with Image.open(frame) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (224, 224))


def test_masks_of_any_size_are_resized_as_the_official_loader_of_avss_does(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    for kind in ("labels_rgb", "labels_semantic"):
        (source / f"v1m/multiB_0/{kind}/1.png").unlink()
    mask = np.random.default_rng(0).integers(0, 2, (241, 320)).astype(np.uint8)
    (source / "v1m/multiB_0/labels_semantic/1.png").write_bytes(png(mask))
    Image.new("RGB", (320, 241)).save(source / "v1m/multiB_0/frames/1.jpg")
    run(source, tmp_path / "dst")
    expected = np.asarray(Image.fromarray(mask).resize((224, 224), Image.Resampling.NEAREST)) * 255
    with Image.open(tmp_path / "dst/Multi-sources/ms3_data/gt_masks/test/multiB_0/multiB_0_2.png") as image:
        np.testing.assert_array_equal(np.asarray(image), expected)


def test_masks_come_back_to_the_bit_through_the_semantic_layout(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    generator = np.random.default_rng(0)
    for path in source.rglob("gt_masks/**/*.png"):
        path.write_bytes(png(generator.integers(0, 2, (224, 224)).astype(np.uint8) * 255))
    for path in source.rglob("visual_frames/**/*.png"):
        path.write_bytes(png(np.zeros((224, 224, 3))))
    run(source, tmp_path / "semantic", "semantic")
    outcome = run(tmp_path / "semantic", tmp_path / "object")
    assert (outcome.done, outcome.rejected) == (4, ())
    masks = [path.relative_to(source) for path in source.rglob("gt_masks/**/*.png")]
    assert len(masks) == 16
    for mask in masks:
        with Image.open(source / mask) as one, Image.open(tmp_path / "object/Single-source" / mask) as other:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    table = rows(tmp_path / "object/Single-source/s4_meta_data.csv")
    assert table == rows(source / "s4_meta_data.csv")


def test_every_category_of_s4_comes_back() -> None:
    names = s4_categories()
    assert len(names) == len({category.sounding for category in names.values()}) == 23
    assert {category.sounding for category in names.values()} <= set(avss_categories())


def test_a_category_that_s4_has_not_is_named(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    table = source / "metadata.csv"
    text = table.read_text().replace("5,dog,test", "5,tank,test").replace("1,dog,train", "1,dog_cat,train")
    table.write_text(text)
    outcome = run(source, tmp_path / "dst")
    assert {(found.item, found.reason) for found in outcome.rejected} == {
        ("v1s/_dogC_5000_10000", "no-category"),
        ("v1s/dogA_1000_6000", "no-category"),
    }
    assert any("tank sounds, which is none of the 23" in found.message for found in outcome.rejected)


def test_log_mels_are_made_from_the_sound(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    samples = write_noise(source / "v1m/multiB_0/audio.wav", 5)
    outcome = run(source, tmp_path / "dst")
    pickle = tmp_path / "dst/Multi-sources/ms3_data/audio_log_mel/test/multiB_0.pkl"
    np.testing.assert_array_equal(read_tensor(pickle.read_bytes(), "x"), log_mel(samples))
    assert ("v1m/multiB_0", "log-mel-length") not in {(found.item, found.reason) for found in outcome.rejections}


def with_log_mel(folder: Path, data: bytes) -> Path:
    source = write_s4(folder)
    for video in open_videos(source).videos:
        path = source / video.log_mel_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_tensor(np.ones((5, 1, 96, 64), np.float32)))
    path.write_bytes(data)
    return source


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"cposix\nsystem\n(S'touch /tmp/owned'\ntR.", "unsafe-pickle"),
        (b"", "log-mel-empty"),
        (encode_tensor(np.zeros((5, 96, 64), np.float32)), "log-mel-shape"),
        (encode_tensor(np.full((5, 1, 96, 64), np.nan, np.float32)), "log-mel-nonfinite"),
    ],
)
@pytest.mark.parametrize("form", ["object", "manifest"])
def test_a_log_mel_that_is_none_is_named(form: str, data: bytes, reason: str, tmp_path: Path) -> None:
    outcome = run(with_log_mel(tmp_path / "src", data), tmp_path / "dst", form)
    assert {(found.item, found.reason) for found in outcome.rejected} == {("s4/catD_2000_7000", reason)}
    assert outcome.done == 3


def test_a_log_mel_of_three_seconds_gets_its_last_second_again(tmp_path: Path) -> None:
    short = np.random.default_rng(1).random((3, 1, 96, 64)).astype(np.float32)
    outcome = run(with_log_mel(tmp_path / "src", encode_tensor(short)), tmp_path / "dst")
    (found,) = [found for found in outcome.rejections if found.reason == "log-mel-length"]
    assert (found.item, found.warning) == ("s4/catD_2000_7000", True)
    data = (tmp_path / "dst/Single-source/s4_data/audio_log_mel/test/cat_meowing/catD_2000_7000.pkl").read_bytes()
    np.testing.assert_array_equal(read_tensor(data, "x"), short[[0, 1, 2, 2, 2]])


def test_an_official_layout_has_no_void(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    labels = np.zeros((12, 16), np.uint8)
    labels[:2] = 255
    for kind in ("labels_rgb", "labels_semantic"):
        (source / f"v1m/multiB_0/{kind}/1.png").unlink()
    (source / "v1m/multiB_0/labels_semantic/1.png").write_bytes(png(labels))
    for form in ("object", "semantic"):
        outcome = run(source, tmp_path / form, form)
        assert {(found.item, found.reason) for found in outcome.rejected} == {("v1m/multiB_0", "label-range")}
    run(source, tmp_path / "labels", "labels")
    with Image.open(tmp_path / "labels/v1m/multiB_0/labels_semantic/1.png") as image:
        np.testing.assert_array_equal(np.asarray(image), labels)
