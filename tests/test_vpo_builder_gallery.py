from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluators.errors import DataError
from evaluators.outlines import dashes, outlines
from evaluators.pages import envelope
from vpo_builder.gallery import spread, write_gallery
from vpo_builder.overlay import draw_overlay, read_maps
from vpo_builder.preview import level_dbfs, preview_mixture, read_sound


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_page_and_assets_are_the_same_every_time(make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, info = make_toy_dataset(tmp_path, variants=("mirrored",))
    write_gallery(folder, samples, info, 10)
    first = _files(folder / "gallery")
    assert {name for name in first if "/" not in name} == {"index.html", "gallery.css", "gallery.js"}
    assert sum(name.startswith("overlay/") for name in first) == 6
    assert sum(name.startswith("audio/") for name in first) == 12  # base and mirrored
    write_gallery(folder, samples, info, 10)
    assert _files(folder / "gallery") == first


def test_a_smaller_gallery_leaves_nothing_of_the_larger_one(make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, info = make_toy_dataset(tmp_path)
    write_gallery(folder, samples, info, 6)
    (folder / "gallery" / "overlay" / "mine.txt").write_text("not ours")
    write_gallery(folder, samples, info, 2)
    assert sorted(path.name for path in (folder / "gallery" / "overlay").iterdir()) == [
        "0001.png",
        "0002.png",
        "mine.txt",
    ]
    assert sorted(path.name for path in (folder / "gallery" / "audio").iterdir()) == ["0001.wav", "0002.wav"]


def test_mixtures_of_the_dataset_are_used_where_there_are_any(make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, info = make_toy_dataset(tmp_path, "render", ("mirrored",))
    text = write_gallery(folder, samples, info, 10).read_text("utf-8")
    assert 'src="../mixtures/msmi-000000000001.wav"' in text
    assert 'src="../variants/mirrored/mixtures/msmi-000000000001.wav"' in text
    assert not any((folder / "gallery" / "audio").iterdir())


def test_limited_samples_are_spread_over_settings_splits_and_categories(toy_dataset: Any) -> None:
    samples = toy_dataset[1]
    many = [replace(samples[4], id=f"dog{n}") for n in range(50)] + samples
    chosen = spread(many, 12)
    assert chosen == [sample for sample in many if sample in chosen]  # in their own order
    assert {sample.id for sample in samples[:4]} <= {sample.id for sample in chosen}
    assert (
        Counter((sample.setting, sample.split) for sample in chosen)["ss", "train"] == 7
    )  # all that the other five leave
    assert spread(many, 0) == []
    assert len(spread(many, 1000)) == 56


def test_within_a_setting_categories_take_turns(toy_dataset: Any) -> None:
    dog, car = toy_dataset[1][4], replace(toy_dataset[1][5], split="train")
    assert [s.categories for s in spread([dog] * 9 + [car] * 2, 4)] == [("dog",), ("dog",), ("car",), ("car",)]


def test_everything_from_data_is_escaped(make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, info = make_toy_dataset(tmp_path)
    evil = '"><script>alert(1)</script>'
    source = samples[0].sources[0]
    clip = replace(source.clip, label=evil, licence=evil)
    sample = replace(
        samples[0],
        id=evil,
        setting=evil,
        split=evil,
        sources=(replace(source, clip=clip, instance=replace(source.instance, category=evil)),),
        silent=(replace(source.instance, category=evil),),
        picture=replace(samples[0].picture, licence=evil, page="javascript:alert(1)"),
    )
    text = write_gallery(folder, [sample], replace(info, name=evil, audio=evil), 1).read_text("utf-8")
    assert text.count("<script") == 1  # ours
    assert 'href="javascript' not in text
    assert "Content-Security-Policy" in text
    assert not re.search(r"\son\w+=|style=", text)


def test_paths_that_leave_the_folder_are_refused(make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, info = make_toy_dataset(tmp_path)
    with pytest.raises(DataError, match="unsafe-path"):
        write_gallery(folder, [replace(samples[0], instance_file="../../x.png")], info, 1)


def test_two_hundred_samples_stay_light(make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, info = make_toy_dataset(tmp_path, "render")
    page = write_gallery(folder, samples[:1] * 200, info, 200)
    assert page.stat().st_size < 1_500_000


def test_the_overlay_fills_sources_and_leaves_silent_objects_clear(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    overlay = draw_overlay(samples[0], *read_maps(folder, samples[0])).convert("RGBA")
    scale = overlay.width // 320
    pixel = lambda x, y: overlay.getpixel((x * scale, y * scale))  # noqa: E731
    assert pixel(60, 145) == (0xF2, 0x54, 0x5B, 97)  # the first dog's middle: 0.38 of 255
    assert pixel(245, 145) == (0x18, 0xB7, 0xA6, 97)
    assert pixel(155, 175) == (0, 0, 0, 0)  # the silent cat's
    colours = {colour for _, colour in overlay.crop((250, 290, 370, 410)).getcolors()}  # the cat with its outline
    assert colours == {(0, 0, 0, 0), (0, 0, 0, 100), (255, 255, 255, 255)}


def test_ignored_regions_are_hatched(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    overlay = draw_overlay(samples[1], *read_maps(folder, samples[1])).convert("RGBA")
    patch = np.array(overlay.crop((560, 380, 610, 450)))
    assert {tuple(pixel) for pixel in patch.reshape(-1, 4).tolist()} == {(0, 0, 0, 100), (255, 255, 255, 170)}


def test_the_outline_of_a_square_runs_around_it() -> None:
    region = np.zeros((6, 8), bool)
    region[2:4, 3:5] = True
    (outline,) = outlines(region)
    assert len(outline) == 9  # eight pixel edges, and back
    assert outline.min(axis=0).tolist() == [3, 2]
    assert outline.max(axis=0).tolist() == [5, 4]
    assert np.abs(np.diff(outline, axis=0)).sum(axis=1).tolist() == [1] * 8


def test_a_ring_has_two_outlines_and_nothing_has_none() -> None:
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert len(list(outlines(ring))) == 2
    assert list(outlines(np.zeros((3, 3), bool))) == []


def test_pixels_that_touch_at_a_corner_lose_no_edge() -> None:
    assert sum(len(outline) - 1 for outline in outlines(np.eye(2, dtype=bool))) == 8


def test_dashes_are_every_other_piece() -> None:
    line = np.stack([np.arange(21.0), np.zeros(21)], 1)
    assert [(dash[0, 0], dash[-1, 0]) for dash in dashes(line, 5)] == [(0, 5), (10, 15)]


def test_large_masks_get_an_overlay_of_bounded_size(toy_dataset: Any) -> None:
    sample = toy_dataset[1][0]
    large = np.zeros((3000, 4000), np.uint8)
    assert max(draw_overlay(sample, large, large).size) == 1600


def test_preview_is_the_linear_pan_of_the_central_three_seconds(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    sample = samples[4]  # one dog at 275 / 320
    pcm = preview_mixture(sample, folder)
    tone = np.round(
        8192
        * np.sin(2 * np.pi * 440 * np.arange(160_000) / 16_000)
        * (0.6 + 0.4 * np.cos(2 * np.pi * 0.7 * np.arange(160_000) / 16_000))
    )
    heard = tone[56_000:104_000]
    assert pcm.shape == (48_000, 2)
    np.testing.assert_allclose(pcm[:, 0], heard * (1 - 275 / 320), atol=0.51)
    np.testing.assert_allclose(pcm[:, 1], heard * (275 / 320), atol=0.51)


def test_a_preview_beyond_full_scale_is_scaled_with_one_gain(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    source = replace(samples[4].sources[0], position=0.75)
    loud = preview_mixture(replace(samples[4], sources=(source,) * 8), folder)
    assert np.abs(loud).max() == round(0.99 * 32768)
    assert level_dbfs(loud)[1] - level_dbfs(loud)[0] == pytest.approx(20 * np.log10(3), abs=0.01)  # 0.75 over 0.25


def test_no_sources_are_silent(toy_dataset: Any) -> None:
    folder, samples, _ = toy_dataset
    pcm = read_sound(folder, replace(samples[0], sources=()))
    assert not pcm.any()
    assert level_dbfs(pcm) == (-100.0, -100.0)
    assert envelope(pcm, 10).tolist() == [[0.0] * 10] * 2


def test_envelope_and_level_of_a_known_sound() -> None:
    pcm = np.zeros((40, 2), np.int16)
    pcm[0:10, 0], pcm[30:, 1] = 16384, -8192
    assert envelope(pcm, 4).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0.5]]
    left, right = level_dbfs(pcm)
    assert left == pytest.approx(10 * np.log10(0.25 / 4))
    assert right == pytest.approx(10 * np.log10(0.0625 / 4))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"<html>"])
def test_a_broken_clip_is_named(content: bytes, make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, _ = make_toy_dataset(tmp_path)
    clip = next(tmp_path.rglob("video50_000000.wav"))
    clip.write_bytes(content)
    with pytest.raises(DataError, match=r"video50_000000\.wav.*\[audio-unreadable\]"):
        preview_mixture(samples[4], folder)


def test_every_overlay_is_a_small_palette_picture(make_toy_dataset: Any, tmp_path: Path) -> None:
    folder, samples, info = make_toy_dataset(tmp_path)
    write_gallery(folder, samples, info, 10)
    for path in (folder / "gallery" / "overlay").iterdir():
        with Image.open(path) as image:
            assert image.mode == "P"
            assert image.size == (640, 480)
        assert path.stat().st_size < 20_000
