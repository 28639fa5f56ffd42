"""`avsbench inspect` on VPO and on VGGSound folders; names of frames; published counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspection_cases import write_wav
from PIL import Image

from avsbench_tools.inspection import Inspection, inspect_folder
from avsbench_tools.inspection_report import to_text
from avsbench_tools.numbering import renamed
from avsbench_tools.published import published_categories, published_counts
from avsbench_tools.s4_categories import s4_categories

HEADER = "img_Id,ann_Ids,cateName,cateId,vgg_file,audio_pos,split,multi_instance\n"
CLIP, OTHER = "abcdefghijk_000012", "-bcdefghijk_000003"


def reasons(inspection: Inspection) -> dict[str, tuple[str, ...]]:
    return {one.reason: one.names for one in inspection.findings}


def write_vpo(folder: Path) -> Path:
    """VPO-SS of two images, dog (18) and cat (17), as published: the test set is called val."""
    for image, category, value in ((1, "dog", 18), (2, "cat", 17)):
        for kind, name in (("data", f"{image:012d}.jpg"), ("mask", f"{image:012d}_{7:012d}.png")):
            path = folder / f"VPO/VPO-SS/{kind}/{category}/{name}"
            path.parent.mkdir(parents=True)
            Image.new("L", (12, 10), value if kind == "mask" else 0).save(path)
        write_wav(folder / f"vggsound_bench/VGGSound/audios/{CLIP if image == 1 else OTHER}.wav", 3)
    rows = f"1,7,dog,18,{CLIP},0.5,train,0\n2,7,cat,17,{OTHER}.wav,0.5,val,0\n"
    (folder / "VPO/VPO-SS/vpo_ss_data.csv").write_text(HEADER + rows)
    return folder


@pytest.mark.parametrize("inner", ["", "VPO", "VPO/VPO-SS"])
def test_vpo_as_published(tmp_path: Path, inner: str) -> None:
    (tmp_path / "VPO/VPO-MS/mask").mkdir(parents=True)  # whose table isn't there
    (tmp_path / "VPO/VPO-MS/mask/000000000001.png").write_bytes(b"x")
    inspection = inspect_folder(write_vpo(tmp_path) / inner, workers=1)
    assert inspection.findings == ()
    (vpo,) = inspection.holdings
    assert [(part.name, part.found, part.files["audio"]) for part in vpo.parts] == [
        ("ss/train", 1, (1, 1)),
        ("ss/test", 1, (1, 1)),
    ]
    assert "11,312" in to_text(inspection)


def test_what_vpo_lacks(tmp_path: Path) -> None:
    folder = write_vpo(tmp_path)
    (folder / f"vggsound_bench/VGGSound/audios/{CLIP}.wav").unlink()
    Image.new("L", (12, 10), 200).save(folder / f"VPO/VPO-SS/mask/cat/{2:012d}_{7:012d}.png")
    (folder / "VPO/VPO-SS/data/cat/000000000003.jpg").write_bytes(b"x")
    assert reasons(inspect_folder(folder, workers=1)) == {
        "audio-missing": (f"ss_{1:012d}_{7:012d}",),
        "extra-file": ("VPO/VPO-SS/data/cat/000000000003.jpg",),
        "label-range": (f"VPO/VPO-SS/mask/cat/{2:012d}_{7:012d}.png (200)",),
    }


def write_clips(folder: Path) -> Path:
    rows = f"{CLIP[:11]},12,dog barking,train\n{OTHER[:11]},3,cat meowing,test\nlost-video1,5,cat meowing,test\n"
    (folder / "vggsound.csv").write_text(rows)
    for seconds, name in ((0.1, CLIP), (0.2, OTHER)):
        write_wav(folder / f"audio/{name}.wav", seconds)
    return folder


def test_vggsound_against_its_table(tmp_path: Path) -> None:
    inspection = inspect_folder(write_clips(tmp_path), workers=1)
    assert reasons(inspection) == {"clip-missing": ("lost-video1_000005",)}
    assert [(part.name, part.found, part.listed) for part in inspection.holdings[0].parts] == [
        ("vggsound/train", 1, 1),
        ("vggsound/test", 1, 2),
    ]


def test_a_table_that_tells_the_split_goes_before_a_list(tmp_path: Path) -> None:
    folder = write_clips(tmp_path)
    (folder / "a.csv").write_text(f"{CLIP}.mp4,dog barking\n")
    assert [part.name for part in inspect_folder(folder).holdings[0].parts] == ["vggsound/train", "vggsound/test"]


def test_clips_that_are_no_clips(tmp_path: Path) -> None:
    folder = write_clips(tmp_path)
    (folder / f"audio/{CLIP}.wav").write_bytes(b"<html>not found</html>")
    (folder / f"audio/{OTHER}.wav").write_bytes(b"")
    assert reasons(inspect_folder(folder, workers=1)) == {
        "clip-missing": ("lost-video1_000005",),
        "empty-file": (f"audio/{OTHER}.wav",),
        "clip-unreadable": (f"audio/{CLIP}.wav",),
    }


def test_clips_without_a_table_and_clips_that_no_table_lists(tmp_path: Path) -> None:
    folder = write_clips(tmp_path)
    write_wav(folder / "audio/unlisted-00_000001.wav", 0.3)
    assert [one.names for one in inspect_folder(folder, workers=1).notes] == [("audio/unlisted-00_000001.wav",)]
    (folder / "vggsound.csv").unlink()
    inspection = inspect_folder(folder, workers=1)
    assert ([part.found for part in inspection.holdings[0].parts], inspection.findings) == ([3], ())


NUMBERS = range(1, 6)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([f"a_1_{n}.png" for n in NUMBERS], ""),
        ([f"a_1_{n}.png" for n in range(5)], "numbers 0 to 4, expected 1 to 5"),
        ([f"a_1_{n:02d}.png" for n in NUMBERS], "numbers with leading zeros (01), expected 1"),
        ([f"a_1.mp4_{n}.png" for n in NUMBERS], "names with .mp4, expected <video>_<number>"),
        ([f"a_1_{n}.jpg" for n in NUMBERS], ".jpg files, expected .png"),
        ([f"{n}.png" for n in NUMBERS], "names like <number>, expected <video>_<number>"),
        ([f"a_1_{n}.png" for n in range(1, 5)], ""),  # one is missing
        ([f"a_1_{n}.png" for n in range(6)], ""),  # one too many
        ([f"a_1_{n}.png" for n in range(7, 12)], ""),  # other frames
        (["a.txt"], ""),
        ([], ""),
    ],
)
def test_what_sets_names_apart(found: list[str], told: str) -> None:
    assert renamed([f"a_1_{n}.png" for n in NUMBERS], found) == told


@given(st.lists(st.text("a_.0123456789pngj", max_size=8), max_size=6), st.integers(1, 6))
def test_any_names_are_told_or_not(found: list[str], count: int) -> None:
    assert isinstance(renamed([f"a_{n}.png" for n in range(count)], found), str)


def test_published_counts_add_up() -> None:
    """AVSBench paper, Table 1: 4,932 and 424 videos, 10,852 and 2,120 annotated frames; Fig. 2 has the same videos."""
    counts = published_counts().values()
    sums = {
        setting: (
            sum(one.videos for one in counts if one.setting == setting),
            sum(one.masks or 0 for one in counts if one.setting == setting),
        )
        for setting in ("s4", "ms3", "v1s", "v1m", "v2", "ss", "ms", "msmi")
    }
    assert sums == {
        "s4": (4932, 10852),
        "ms3": (424, 2120),
        "v1s": (4932, 0),
        "v1m": (424, 0),
        "v2": (6000, 0),
        "ss": (12202, 0),
        "ms": (9817, 0),
        "msmi": (12855, 0),
    }
    assert sum(published_categories().values()) == 4932
    assert published_categories().keys() == s4_categories().keys()
    assert np.array_equal(sorted(published_categories().values())[::22], [62, 311])
