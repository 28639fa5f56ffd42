"""`avsbench convert --to semantic` and `--to labels`: categories from S4's names, from metadata.csv, from colours."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_files import png
from mini_avsbench import AVSS, block, write_avss, write_ms3, write_s4
from PIL import Image

from avsbench_tools.conversions import Conversion
from avsbench_tools.convert import convert
from avsbench_tools.outcome import Outcome
from evaluators.avss import avss_categories
from evaluators.categories import voc_colour
from evaluators.errors import DataError
from evaluators.masks import write_label_map
from evaluators.progress import Progress
from evaluators.videos import open_videos

VOC = np.array([voc_colour(index) for index in range(256)], np.uint8)
DOG, GUITAR, BABY = (avss_categories().index(name) for name in ("dog", "guitar", "baby"))
METADATA = """vid,uid,s_min,s_sec,a_obj,split,label
multiA_0,multiA_0,0,0,dog,train,v1m
multiA_1,multiA_1,0,0,man_guitar,val,v1m
multiB,multiB,0,0,h orse,test,v1m
multiB_0,multiB_0,0,0,background,test,v1m
catB,multiB_0,0,0,cat,test,v1s
"""


def run(src: Path, dst: Path, form: str = "semantic", **options: object) -> Outcome:
    return convert(src, dst, replace(Conversion(form), **options), workers=1, progress=Progress())  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def warned(outcome: Outcome) -> dict[tuple[str, str], str]:
    return {(found.item, found.reason): found.message for found in outcome.rejections if found.warning}


def test_s4_becomes_v1s(tmp_path: Path) -> None:
    run(write_s4(tmp_path / "src"), tmp_path / "dst")
    assert [tuple(row.values()) for row in rows(tmp_path / "dst/metadata.csv")] == [
        ("-dogA", "-dogA_1000_6000", "0", "1", "dog", "train", "v1s"),
        ("catB", "catB_0_5000", "0", "0", "cat", "val", "v1s"),
        ("_dogC", "_dogC_5000_10000", "0", "5", "dog", "test", "v1s"),
        ("catD", "catD_2000_7000", "0", "2", "cat", "test", "v1s"),
    ]
    names = json.loads((tmp_path / "dst/label2idx.json").read_text())
    assert (len(names), names["background"], list(names)[DOG]) == (71, 0, "dog")
    folder = tmp_path / "dst/v1s/_dogC_5000_10000"
    for frame in range(5):
        labels = block(2, frame, DOG)
        np.testing.assert_array_equal(pixels(folder / f"labels_semantic/{frame}.png"), labels)
        np.testing.assert_array_equal(pixels(folder / f"labels_rgb/{frame}.png"), VOC[labels])
        with Image.open(folder / f"frames/{frame}.jpg") as image:
            assert (image.format, image.size) == ("JPEG", (16, 12))
    assert (folder / "audio.wav").is_file()


def test_which_frames_are_annotated_stays(tmp_path: Path) -> None:
    for name, write in (("s4", write_s4), ("avss", write_avss)):
        source = write(tmp_path / name)
        run(source, tmp_path / f"{name}-semantic")
        run(tmp_path / f"{name}-semantic", tmp_path / f"{name}-labels", "labels")
        expected = {video.id: len(video.masks) for video in open_videos(source).videos}
        assert expected.items() >= {("-dogA_1000_6000" if name == "s4" else "dogA_1000_6000", 1)}
        for form in ("semantic", "labels"):
            found = open_videos(tmp_path / f"{name}-{form}").videos
            assert {video.id: len(video.masks) for video in found} == expected
            assert all((tmp_path / f"{name}-{form}" / mask).is_file() for video in found for mask in video.masks)
        assert len(list((tmp_path / f"{name}-semantic/v1s").glob("*dogA*/labels_rgb/*.png"))) == 1


def test_what_the_table_of_avss_says_stays(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    run(source, tmp_path / "dst")
    assert rows(tmp_path / "dst/metadata.csv") == rows(source / "metadata.csv")
    assert [row["a_obj"] for row in rows(tmp_path / "dst/metadata.csv")] == [row[4] for row in AVSS]


@pytest.mark.parametrize("form", ["semantic", "labels"])
def test_ms3_takes_its_categories_from_metadata(form: str, tmp_path: Path) -> None:
    source = write_ms3(tmp_path / "src")
    table = tmp_path / "metadata.csv"
    table.write_text(METADATA)
    outcome = run(source, tmp_path / "dst", form, metadata=table)
    told = {found.item: found.message for found in outcome.rejected if found.reason == "no-category"}
    assert told.keys() == {"ms3/multiA_1", "ms3/multiB_0"}
    assert "man and guitar sound, and a mask doesn't say" in told["ms3/multiA_1"]
    assert outcome.done == 2
    folder = "v1m/multiB" if form == "semantic" else "ms3/multiB"
    labels = pixels(tmp_path / f"dst/{folder}/labels_semantic/3.png")
    np.testing.assert_array_equal(labels, block(2, 3, avss_categories().index("horse")))


def test_metadata_that_is_not_there(tmp_path: Path) -> None:
    source = write_ms3(tmp_path / "src")
    with pytest.raises(DataError, match=r"no-such-file"):
        run(source, tmp_path / "dst", metadata=tmp_path / "metadata.csv")
    assert not (tmp_path / "dst").exists()
    run(source, tmp_path / "dst", metadata=write_avss(tmp_path / "avss"))  # the folder that holds it


def test_indices_are_made_from_colours_alone(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    run(source, tmp_path / "both", "labels")
    for folder in source.rglob("labels_semantic"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    run(source, tmp_path / "colours", "labels")
    names = [path.relative_to(tmp_path / "both") for path in (tmp_path / "both").rglob("labels_semantic/*.png")]
    assert len(names) == 1 + 5 + 5 + 10 + 10
    for name in names:
        assert (tmp_path / "both" / name).read_bytes() == (tmp_path / "colours" / name).read_bytes()


def only_colours(folder: Path, values: np.ndarray) -> Path:
    """AVSS whose video multiB_0 has no indices, and ``values`` as the colours of its second frame."""
    source = write_avss(folder)
    for path in source.rglob("labels_semantic/*.png"):
        path.unlink()
    (source / "v1m/multiB_0/labels_rgb/1.png").write_bytes(png(values))
    return source


def test_a_palette_png_in_labels_rgb_counts_by_its_colours(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    for path in source.rglob("labels_semantic/*.png"):
        path.unlink()
    palette = bytes([0, 0, 0, *voc_colour(DOG), *voc_colour(GUITAR)])
    for frame in range(5):
        (source / f"v1m/multiB_0/labels_rgb/{frame}.png").write_bytes(png(block(1, frame, 2), palette))
    run(source, tmp_path / "dst", "labels")
    np.testing.assert_array_equal(pixels(tmp_path / "dst/v1m/multiB_0/labels_semantic/1.png"), block(1, 1, GUITAR))


def large(colours: int, pixel: tuple[int, int, int] = (1, 2, 3)) -> np.ndarray:
    """100 x 100 pixels of guitar, the first few of another colour."""
    values = VOC[np.full((100, 100), GUITAR, np.uint8)]
    values.reshape(-1, 3)[:colours] = pixel
    return values


def big_frame(source: Path) -> None:
    Image.new("RGB", (100, 100)).save(source / "v1m/multiB_0/frames/1.jpg")


def test_a_few_stray_colours_are_told_and_become_background(tmp_path: Path) -> None:
    source = only_colours(tmp_path / "src", large(10))
    big_frame(source)
    outcome = run(source, tmp_path / "dst", "labels")
    message = warned(outcome)["v1m/multiB_0", "stray-colours"]
    assert "labels_rgb/1.png: 10 pixels had a colour of no category and are background now" in message
    labels = pixels(tmp_path / "dst/v1m/multiB_0/labels_semantic/1.png")
    assert (np.count_nonzero(labels == 0), np.count_nonzero(labels == GUITAR)) == (10, 9990)


def test_many_stray_colours_are_rejected_unless_the_nearest_is_asked_for(tmp_path: Path) -> None:
    red, green, blue = voc_colour(GUITAR)
    source = only_colours(tmp_path / "src", large(11, (red + 3, green, blue)))
    big_frame(source)
    outcome = run(source, tmp_path / "dst", "labels")
    assert {(found.item, found.reason) for found in outcome.rejected} == {("v1m/multiB_0", "off-palette")}
    outcome = run(source, tmp_path / "nearest", "labels", nearest=True)
    assert outcome.rejected == ()
    assert "11 pixels took the nearest colour" in warned(outcome)["v1m/multiB_0", "nearest-colours"]
    assert (pixels(tmp_path / "nearest/v1m/multiB_0/labels_semantic/1.png") == GUITAR).all()


@pytest.mark.parametrize(("count", "reason"), [(4, "stray-category"), (5, "unnamed-category")])
def test_pixels_of_a_category_that_the_table_does_not_name(count: int, reason: str, tmp_path: Path) -> None:
    source = only_colours(tmp_path / "src", large(count, voc_colour(BABY)))  # 0.05 % of 10,000 pixels are 5
    big_frame(source)
    outcome = run(source, tmp_path / "dst", "labels")
    assert f"1.png: {count} pixels of baby, which the table doesn't name" in warned(outcome)["v1m/multiB_0", reason]
    assert np.count_nonzero(pixels(tmp_path / "dst/v1m/multiB_0/labels_semantic/1.png") == BABY) == count


def test_where_the_table_names_nothing_nothing_is_stray(tmp_path: Path) -> None:
    outcome = run(write_avss(tmp_path / "src"), tmp_path / "dst", "labels")  # tank_off-the-screen
    assert not [reason for _, reason in warned(outcome) if "category" in reason]


def test_indices_win_where_colours_differ_in_a_few_pixels(tmp_path: Path) -> None:
    source = write_avss(tmp_path / "src")
    big_frame(source)
    labels = np.full((100, 100), GUITAR, np.uint8)
    write_label_map(source / "v1m/multiB_0/labels_semantic/1.png", labels)
    (source / "v1m/multiB_0/labels_rgb/1.png").write_bytes(png(large(10, voc_colour(DOG))))
    outcome = run(source, tmp_path / "dst", "labels")
    assert "10 pixels have another category in labels_rgb" in warned(outcome)["v1m/multiB_0", "labels-differ"]
    np.testing.assert_array_equal(pixels(tmp_path / "dst/v1m/multiB_0/labels_semantic/1.png"), labels)


def test_s4_as_labels(tmp_path: Path) -> None:
    run(write_s4(tmp_path / "src"), tmp_path / "dst", "labels")
    found = open_videos(tmp_path / "dst")
    assert (found.name, found.kind, found.categories) == ("s4", "labels", avss_categories())
    np.testing.assert_array_equal(pixels(tmp_path / "dst/s4/_dogC_5000_10000/labels_semantic/4.png"), block(2, 4, DOG))
    assert {video.id: video.sounding for video in found.videos}["catD_2000_7000"] == ("cat",)


def test_a_category_that_s4_has_not_is_named(tmp_path: Path) -> None:
    source = write_s4(tmp_path / "src")
    table = source / "s4_meta_data.csv"
    table.write_text(table.read_text().replace("0,cat_meowing,val", "0,cow_lowing,val"))
    for folder in ("gt_masks", "visual_frames", "audio_wav"):
        (source / f"s4_data/{folder}/val/cat_meowing").rename(source / f"s4_data/{folder}/val/cow_lowing")
    outcome = run(source, tmp_path / "dst", "labels")
    ((found),) = outcome.rejected
    assert (found.item, found.reason) == ("s4/catB_0_5000", "no-category")
    assert "'cow_lowing' is none of the 23 categories of S4" in found.message
