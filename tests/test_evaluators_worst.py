from __future__ import annotations

import hashlib
import re
import shutil
import struct
import wave
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from evaluators.errors import DataError
from evaluators.worst import WorstEntry, WorstFrame, label_maps, read_image, write_worst
from evaluators.worst_page import verdict
from evaluators.worst_picture import (
    AGREED,
    AREAS,
    COLOURS,
    FALSE,
    IGNORED,
    LONGEST,
    MISSED,
    MISTAKEN,
    NOTHING,
    SHORTEST,
    area_counts,
    count_pairs,
    draw_errors,
)

HOSTILE = '"><script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">\ud800'
NAMES = ["background", "dog", "cat"]

# 4 x 4: rows of the gt, and of a prediction moved by one column
GT = np.array([[0, 1, 1, 0], [0, 1, 1, 0], [2, 2, 0, 255], [0, 0, 0, 255]], np.uint8)
PRED = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [1, 0, 0, 2], [0, 0, 0, 0]], np.uint8)


def _entry(gt: Any = GT, pred: Any = PRED, **changes: Any) -> WorstEntry:
    image = np.full((*gt.shape, 3), 200, np.uint8)
    return WorstEntry(**{
        "id": "sample", "measures": {"J": 0.123}, "frames": [WorstFrame(gt, pred, image)], "categories": NAMES, **changes,
    })  # fmt: skip


def _text(folder: Path, *entries: WorstEntry) -> str:
    return write_worst(folder, entries, "title", ["fact"]).read_text("utf-8")


def test_each_pixel_has_its_area() -> None:
    assert AREAS[GT, PRED].tolist() == [
        [NOTHING, MISSED, AGREED, FALSE],
        [NOTHING, MISSED, AGREED, FALSE],
        [MISTAKEN, MISSED, NOTHING, IGNORED],
        [NOTHING, NOTHING, NOTHING, IGNORED],
    ]
    counts = count_pairs(PRED, GT)
    assert (counts[1, 1], counts[1, 0], counts[0, 1], counts[2, 1], counts[2, 0], counts[255, 2]) == (2, 2, 2, 1, 1, 1)
    assert area_counts(counts) == [6, 2, 3, 2, 1, 2]


@given(
    arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 9, 255])),
    arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 9, 255])),
)
def test_a_slow_twin_agrees(pred: Any, gt: Any) -> None:
    twin = [0] * 6
    for said, seen in zip(pred.ravel().tolist(), gt.ravel().tolist(), strict=True):
        if seen == 255:
            twin[IGNORED] += 1
        elif seen == 0:
            twin[NOTHING if said in (0, 255) else FALSE] += 1
        elif said in (0, 255):
            twin[MISSED] += 1
        else:
            twin[AGREED if said == seen else MISTAKEN] += 1
    assert area_counts(count_pairs(pred, gt)) == twin
    assert verdict(count_pairs(pred, gt), NAMES)


@pytest.mark.parametrize(
    ("gt", "pred", "words"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0], "Nothing sounds, nothing predicted"),
        ([0, 0, 0, 0], [0, 0, 1, 0], "Predicted where nothing sounds"),
        ([1, 0, 0, 0], [0, 0, 0, 0], "Nothing predicted"),
        ([1, 1, 0, 0], [0, 0, 1, 1], "Predicted elsewhere"),
        ([1, 1, 0, 0], [2, 2, 0, 0], "Another category: dog taken for cat"),
        (
            [1] * 5 + [2, 2] + [0] * 9 + [255] * 9,
            [1, 1, 1, 2, 2, 1, 1] + [2] * 18,
            "Another category: dog taken for cat",
        ),
        ([7, 7, 0, 0], [2, 2, 0, 0], "Another category: category 7 taken for cat"),
        ([1, 1, 0, 0], [1, 1, 0, 0], "Every pixel right"),
        ([1, 1, 1, 1], [1, 0, 0, 0], "Misses 75 % of what sounds"),
        ([1, 0, 0, 0], [1, 1, 1, 1], "75 % of the prediction is false"),
        ([1, 1, 0, 0], [1, 0, 1, 0], "Misses 50 %, 50 % of the prediction is false"),
        ([255, 255, 1, 1], [1, 1, 1, 1], "Every pixel right"),
    ],
)
def test_the_verdict(gt: list[int], pred: list[int], words: str) -> None:
    assert verdict(count_pairs(np.array([pred], np.uint8), np.array([gt], np.uint8)), NAMES) == words


def test_a_share_is_nothing_or_all_only_where_it_is() -> None:
    gt, pred = np.ones((1, 1000), np.uint8), np.zeros((1, 1000), np.uint8)
    pred[0, 0] = 1
    assert verdict(count_pairs(pred, gt), NAMES) == "Misses over 99 % of what sounds"
    gt, pred = np.ones((1, 1000), np.uint8), np.ones((1, 1000), np.uint8)
    gt[0, 0] = 0
    assert verdict(count_pairs(pred, gt), NAMES) == "Misses 0 %, under 1 % of the prediction is false"


def _maps(gt: Any, pred: Any, **changes: Any) -> tuple[list[int], list[int]]:
    entry = WorstEntry("x", {}, [], **changes)
    pred, gt = label_maps(entry, WorstFrame(np.array([gt]), np.array([pred])))
    assert pred.dtype == gt.dtype == np.uint8
    return pred.ravel().tolist(), gt.ravel().tolist()


def test_masks_labels_and_soft_maps_become_label_maps() -> None:
    u8, u16 = np.uint8, np.uint16
    assert _maps([True, False], [False, True]) == ([0, 1], [1, 0])
    assert _maps(np.array([255, 0, 1], u8), np.array([255, 1, 0], u8)) == (
        [1, 1, 0],
        [1, 0, 1],
    )  # a mask, without categories
    assert _maps(np.array([255, 0, 2], u8), np.array([255, 1, 2], u8), categories=NAMES) == ([255, 1, 2], [255, 0, 2])
    assert _maps([True] * 3, [0.5, 0.51, 1.0]) == ([0, 1, 1], [1, 1, 1])  # strictly above a half
    assert _maps([True] * 2, np.array([127, 128], u8), full=255) == ([0, 1], [1, 1])
    assert _maps([True] * 2, np.array([32767, 32768], u16), full=65535) == ([0, 1], [1, 1])
    assert _maps(np.array([255, 0, 2], u8), [0.9, 0.1, 0.9], categories=NAMES) == ([1, 0, 1], [255, 0, 1])
    assert _maps(np.array([255, 0, 2], u8), [True, False, True], categories=NAMES) == ([1, 0, 1], [255, 0, 1])


def test_maps_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'x': pred \(1, 2\) and gt \(1, 3\) must be"):
        _maps([True] * 3, [True] * 2)
    with pytest.raises(ValueError, match="pred int64 must be bool"):
        _maps([True], [1])
    with pytest.raises(ValueError, match=r"an image is uint8 \(height, width, 3\), found uint8 \(4, 4\)"):
        _text(tmp_path, _entry(frames=[WorstFrame(GT, PRED, GT)]))


def test_areas_show_their_colours() -> None:
    gt, pred = np.zeros((60, 60), np.uint8), np.zeros((60, 60), np.uint8)
    gt[:, :40], pred[:, 20:] = 1, 1
    gt[:20] = pred[:20] = 0
    picture = draw_errors(pred, gt)
    assert picture.size == (SHORTEST, SHORTEST)
    rgba, scale = np.asarray(picture.convert("RGBA")), SHORTEST // 60
    for x, area, shades in ((10, MISSED, 2), (30, AGREED, 1), (50, FALSE, 2)):
        band = rgba[25 * scale : 55 * scale, (x - 5) * scale : (x + 5) * scale]
        found = {tuple(pixel) for pixel in band.reshape(-1, 4).tolist()}
        assert {colour[:3] for colour in found} == {tuple(bytes.fromhex(COLOURS[area][1:]))}
        assert len(found) == shades  # striped, or plain
    assert not rgba[: 15 * scale].any()  # nothing: transparent
    assert (255, 255, 255, 255) in {
        tuple(p) for p in rgba[40 * scale, 38 * scale : 42 * scale].tolist()
    }  # the gt's outline


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (3000, 2), (480, 640), (1080, 1920)])
def test_pictures_of_any_size_are_neither_tiny_nor_huge(shape: tuple[int, int]) -> None:
    gt = np.ones(shape, np.uint8)
    picture = draw_errors(gt, gt)
    assert SHORTEST <= max(picture.size) < LONGEST + SHORTEST


def test_ragged_predictions_are_drawn_quickly() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (480, 640)).astype(np.uint8)
    assert set(np.unique(np.asarray(draw_errors(noise, np.zeros_like(noise))))) <= {0, 8, 9}  # areas, no outline


def _seen_as(colour: str, matrix: Any) -> Any:
    """Linear light of a colour, seen with a colour vision deficiency."""
    value = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255
    return np.clip(matrix @ np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4), 0, 1)


def _lab(linear: Any) -> Any:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 1e-9))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes (2009), Table 1, severity 1.0
VISION = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "all": np.eye(3),
}


@pytest.mark.parametrize("vision", VISION)
def test_areas_differ_for_every_kind_of_colour_vision(vision: str) -> None:
    seen = [_lab(_seen_as(colour, np.array(VISION[vision]))) for colour in COLOURS.values()]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 30  # CIE 1976; 2.3 is just noticeable


def test_the_style_has_the_colours_of_the_pictures() -> None:
    css = (Path(__file__).parents[1] / "evaluators" / "data" / "worst.css").read_text("utf-8")
    for name, area in (("agreed", AGREED), ("missed", MISSED), ("false", FALSE)):
        assert f"--{name}: {COLOURS[area]};" in css


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _wav(path: Path, seconds: float = 1.0) -> Path:
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, 16_000, 0, "NONE", ""))
        stream.writeframes(b"\0\1" * int(16_000 * seconds))
    return path


def test_the_page_holds_all_it_shows_and_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    sound = _wav(tmp_path / "a: odd name.WAV")
    page, entry = tmp_path / "page", _entry(audio_file=sound)
    text = _text(page, entry, _entry(frames=[WorstFrame(GT, PRED)] * 2))
    first = _files(page)
    assert sorted(first) == [
        "audio/0001.wav", "index.html", "pictures/0001-01.jpg", "pictures/0001-01.png", "pictures/0002-01.png",
        "pictures/0002-02.png", "worst.css", "worst.js",
    ]  # fmt: skip
    assert set(re.findall(r'(?:src|href)="([^"]+)"', text)) == set(first) - {"index.html"}
    assert (page / "audio" / "0001.wav").read_bytes() == sound.read_bytes()
    _text(page, entry, _entry(frames=[WorstFrame(GT, PRED)] * 2))
    assert _files(page) == first
    (page / "pictures" / "mine.png").write_text("not ours")
    _text(page, _entry())
    assert sorted(_files(page / "pictures")) == ["0001-01.jpg", "0001-01.png", "mine.png"]
    assert _files(page / "audio") == {}


def test_numbers_and_categories_can_be_read(tmp_path: Path) -> None:
    measures = {"J": 0.1234, "FDR": float("nan"), "SDR": -3.25, "SIR": float("inf")}
    text = _text(tmp_path, _entry(measures=measures, facts=["MS", "2 sources"]))
    shown = re.sub(r"<[^>]+>", " ", text)
    assert re.search(r"J\s+12\.3\s+%\s+FDR\s+–\s+SDR\s+-3\.25\s+SIR\s+inf", shown)
    # of 14 pixels that are not ignored: dog 4 in gt, 5 predicted, 2 both; cat 2 in gt, none predicted
    assert re.search(r"dog\s+29 %\s+36 %\s+28\.6\s+cat\s+14 %\s+0 %\s+0\.0", shown)
    assert re.search(r"sample\s+· MS · 2 sources", shown)
    assert "both: another category" in text and "ignored" in text


def test_the_table_is_a_slow_twin_of_plain_loops(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    gts, preds = (rng.integers(0, 3, (2, 6, 6)).astype(np.uint8) for _ in range(2))
    frames = [WorstFrame(gt, pred) for gt, pred in zip(gts, preds, strict=True)]
    shown = re.sub(r"<[^>]+>", " ", _text(tmp_path, _entry(frames=frames)))
    for index in (1, 2):
        both = either = 0
        for gt, pred in zip(gts.ravel(), preds.ravel(), strict=True):
            both += gt == index and pred == index
            either += gt == index or pred == index
        assert re.search(rf"{NAMES[index]}\s+\d+ %\s+\d+ %\s+{100 * both / either:.1f}\s", shown)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_hostile_names_are_text_and_never_paths(tmp_path: Path) -> None:
    names = ["background", HOSTILE, "../../../cat"]
    entry = _entry(id=f"../../{HOSTILE}", measures={HOSTILE: 0.5}, categories=names, facts=[HOSTILE])
    page = write_worst(tmp_path / "page", [entry], HOSTILE, [HOSTILE])
    parser = _Elements()
    parser.feed(page.read_text("utf-8"))
    assert [tag for tag, _ in parser.found].count("script") == 1
    assert not [
        name for _, attributes in parser.found for name in attributes if name.startswith("on") or name == "style"
    ]
    policy = next(attributes["content"] for tag, attributes in parser.found if "http-equiv" in attributes)
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'self';") and "unsafe" not in policy
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page"]
    assert sorted(_files(tmp_path / "page")) == [
        "index.html", "pictures/0001-01.jpg", "pictures/0001-01.png", "worst.css", "worst.js",
    ]  # fmt: skip


def test_sounds_that_can_not_be_had_are_told(tmp_path: Path) -> None:
    (tmp_path / "evil.html").write_text("<script>")
    (tmp_path / "folder.wav").mkdir()
    for file in (tmp_path / "evil.html", tmp_path / "missing.wav", tmp_path / "folder.wav"):
        text = _text(tmp_path / "page", _entry(audio_file=file))
        assert "<audio" not in text and "the sound can&#x27;t be read" in text
    assert _files(tmp_path / "page" / "audio") == {}
    assert "the sound" not in _text(tmp_path / "page", _entry())


def test_no_samples_give_a_page_that_says_so(tmp_path: Path) -> None:
    assert "No samples." in _text(tmp_path)


def test_images_are_read_as_stored(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned when shown
    image.save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png").tolist() == np.asarray(image).tolist()
    image.convert("L").save(tmp_path / "grey.jpg")
    assert read_image(tmp_path / "grey.jpg").shape == (2, 4, 3)


def _png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_bombs_and_other_formats_are_refused(tmp_path: Path) -> None:
    for width, height in ((8000, 8000), (12_000, 12_000), (100_000, 100_000)):
        (tmp_path / "bomb.png").write_bytes(_png_of_size(width, height))
        with pytest.raises(DataError, match="image-too-large"):
            read_image(tmp_path / "bomb.png")
    (tmp_path / "cut.png").write_bytes(_png_of_size(100, 100))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.gif")
    (tmp_path / "a.gif").rename(tmp_path / "gif.jpg")
    for name in ("cut.png", "gif.jpg", "missing.png"):
        with pytest.raises(DataError, match="image-unreadable"):
            read_image(tmp_path / name)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are not both installed")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}",
                 "--autoplay-policy=no-user-gesture-required", "--disable-background-networking"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    try:
        yield window
    finally:
        window.quit()


def test_the_page_works_from_a_file_in_a_browser(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    sound, frames = _wav(tmp_path / "a.wav", 3), _entry().frames
    entries = [
        _entry(id=HOSTILE, audio_file=sound),
        _entry(frames=[*frames] * 5),
        _entry(frames=[WorstFrame(GT, PRED)]),
    ]
    browser.get(write_worst(tmp_path / "page", entries, HOSTILE, [HOSTILE]).as_uri())

    def run(script: str) -> Any:
        return browser.execute_script(f"return {script}")

    def wait(script: str) -> Any:
        return WebDriverWait(browser, 10, 0.05).until(lambda _: run(script))

    def press(key: str) -> None:
        browser.execute_script(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))", key
        )

    run("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    assert wait("[...document.images].every(image => image.complete)")
    assert run("[...document.images].filter(image => !image.naturalWidth).length") == 0
    assert browser.get_log("browser") == []  # the policy forbids nothing that the page does
    assert browser.title.startswith('"><script>') and run("document.scripts.length") == 1
    for key in "jjk":
        press(key)
    assert run("document.querySelector('.current h2 b').textContent") == "1"
    press(" ")
    assert wait("document.querySelector('audio').currentTime > 0.05")
    press(" ")
    assert run("document.querySelector('audio').paused")
    overlay = "getComputedStyle(document.querySelector('.overlay')).visibility"
    press("o")
    assert run(overlay) == "hidden"
    press("o")
    assert run(overlay) == "visible"
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    )
    assert run("document.documentElement.scrollWidth") == 360
