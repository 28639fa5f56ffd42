"""The page of videos: what is on it can be counted by hand in ``mini_avsbench``; it is opened in a browser where there is one."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import wave
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from mini_avsbench import write_avss, write_ms3, write_s4, write_wav
from PIL import Image

from avsbench_tools.gallery import write_gallery
from evaluators.avss import avss_categories
from evaluators.errors import DataError
from evaluators.masks import write_label_map
from evaluators.pages import POLICY
from evaluators.videos import find_videos, write_videos

HOSTILE = '"><script>document.title="owned"<img src=x onerror="document.title=1">\'&'
NAME = "v#1 %41;'\"&<b>$(x)"  # of a file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three subsets; only read."""
    place = tmp_path_factory.mktemp("avsbench")
    write_s4(place)
    write_ms3(place)
    write_avss(place)
    return place


class _Elements(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str, style: str = "") -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs in self.found
            if name == tag and (not style or style in (attrs.get("class") or "").split())
        ]


def _cards(page: Path) -> dict[str, str]:
    """The text of each card by id and setting."""
    parts = re.split(r'<article class="card"', page.read_text("utf-8"))[1:]
    return {"/".join(re.findall(r'data-(?:id|setting)="([^"]*)"', part)[:2]): part for part in parts}


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_video_has_its_frames_masks_and_sound(folder: Path, tmp_path: Path) -> None:
    page = write_gallery(folder, tmp_path / "page", "", 100)
    elements = _Elements(page)
    settings = Counter(card["data-setting"] for card in elements.all("article"))
    assert settings == {"s4": 4, "ms3": 4, "v1s": 2, "v1m": 1, "v2": 2}
    assert len(elements.all("img", "photo")) == 5 * (4 + 4 + 2 + 1) + 10 * 2
    assert len(elements.all("img", "overlay")) == (1 + 5 * 3) + 5 * 4 + (1 + 5) + 5 + 10 * 2
    assert len(elements.all("audio")) == 13
    addresses = [attrs["src"] for tag in ("img", "audio") for attrs in elements.all(tag)]
    assert all((page.parent / unquote(str(address))).is_file() for address in addresses)
    card = _cards(page)["-dogA_1000_6000/s4"]
    assert card.count("not annotated") == 4 and card.count('class="bare"') == 4  # a training video
    assert "not annotated" not in _cards(page)["catB_0_5000/s4"]


def test_the_same_again_is_the_same_and_nothing_old_stays(folder: Path, tmp_path: Path) -> None:
    write_gallery(folder, tmp_path / "page", "", 100)
    first = _files(tmp_path / "page")
    assert {name for name in first if "/" not in name} == {"index.html", "gallery.css", "gallery.js"}
    write_gallery(folder, tmp_path / "page", "", 100)
    assert _files(tmp_path / "page") == first
    (tmp_path / "page" / "overlay" / "mine.png").write_text("not ours")
    write_gallery(folder, tmp_path / "page", "s4", 1)
    assert {name for name in _files(tmp_path / "page") if name.startswith("overlay/")} == {
        *(f"overlay/0001-0{place}.png" for place in range(1, 6)), "overlay/mine.png",
    }  # fmt: skip


def test_a_stopped_run_leaves_no_page(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gallery(folder, tmp_path / "page", "s4", 2)

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("avsbench_tools.gallery_card.draw_regions", stop)
    with pytest.raises(KeyboardInterrupt):
        write_gallery(folder, tmp_path / "page", "s4", 2)
    assert not (tmp_path / "page" / "index.html").exists()
    assert not list((tmp_path / "page").rglob("*.tmp"))


def test_few_videos_are_spread_over_settings_and_splits(folder: Path, tmp_path: Path) -> None:
    elements = _Elements(write_gallery(folder, tmp_path, "", 9))
    parts = {(card["data-setting"], card["data-split"]) for card in elements.all("article")}
    # all there are but s4, ms3: train, val, test; v1s: train, test; v1m: test; v2: val, test are 11 parts
    assert len(parts) == 9


def test_a_category_has_one_colour_in_all_settings_and_two_of_a_video_differ(folder: Path, tmp_path: Path) -> None:
    cards = _cards(write_gallery(folder, tmp_path, "", 100))
    dog = avss_categories().index("dog")
    colour = f'<b class="chip c{(dog - 1) % 8}"><i></i>dog'
    assert f"{colour}_barking</b>" in cards["_dogC_5000_10000/s4"]
    assert f"{colour}</b>" in cards["_dogC_5000_10000/v1s"]
    cat = avss_categories().index("cat")
    assert (cat - 1) % 8 and f'<b class="chip c{(cat - 1) % 8}"><i></i>cat_meowing</b>' in cards["catB_0_5000/s4"]
    man = avss_categories().index("man")
    two = cards["multiB_0/v1m"]  # its mask holds man only
    assert f'<b class="chip c{(man - 1) % 8}"><i></i>man</b><b class="chip">guitar</b>' in two


def test_two_categories_of_a_video_never_share_a_colour(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "AVSS", tmp_path / "AVSS")
    mask = tmp_path / "AVSS/v1m/multiB_0/labels_semantic/0.png"
    labels = np.zeros((12, 16), np.uint8)
    labels[2:6, 2:8], labels[8:11, 2:8], labels[:2, 12:] = 3, 11, 255  # 3 and 11 are 8 apart
    write_label_map(mask, labels)
    shutil.rmtree(tmp_path / "AVSS/v1m/multiB_0/labels_rgb")
    chips = re.findall(
        r'class="chip c(\d)"><i></i>([^<]+)<', _cards(write_gallery(tmp_path, tmp_path / "page", "", 9))["multiB_0/v1m"]
    )
    names = {name: colour for colour, name in chips}
    assert names[avss_categories()[3]] == "2" and names[avss_categories()[11]] == "3"
    assert len(set(names.values())) == len(names)


def test_an_overlay_is_the_mask_in_its_colour(folder: Path, tmp_path: Path) -> None:
    page = write_gallery(folder, tmp_path, "s4", 1)
    address = _Elements(page).all("img", "overlay")[0]["src"]
    with Image.open(page.parent / str(address)) as image:
        assert image.mode == "P" and image.size == (32, 24)  # twice 16 x 12
        seen = np.array(image.convert("RGBA"))
    assert seen[0, 31].tolist() == [0, 0, 0, 0]
    assert seen[:, :, 3].any()


def test_what_is_missing_or_damaged_is_told_on_its_card(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "Single-source", tmp_path / "Single-source")
    data = tmp_path / "Single-source" / "s4_data"
    inner = "test/dog_barking/_dogC_5000_10000"
    (data / f"gt_masks/{inner}/_dogC_5000_10000_1.png").unlink()
    (data / f"gt_masks/{inner}/_dogC_5000_10000_2.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    Image.new("L", (16, 12)).save(data / f"gt_masks/{inner}/_dogC_5000_10000_3.png")
    (data / f"visual_frames/{inner}/_dogC_5000_10000_4.png").unlink()
    (data / f"visual_frames/{inner}/_dogC_5000_10000_5.png").write_bytes(b"<html>")
    (data / f"audio_wav/{inner}.wav").write_bytes(b"RIFF")
    (data / "audio_wav/test/cat_meowing/catD_2000_7000.wav").unlink()
    page = write_gallery(tmp_path, tmp_path / "page", "", 10)
    card = _cards(page)["_dogC_5000_10000/s4"]
    said = re.findall(r"<figure(?: class=\"missing\")?>.*?<figcaption>(?:<em>(.*?)</em> )?<span>(\d) s", card, re.S)
    assert said == [
        ("mask missing", "1"), ("mask can&#x27;t be read", "2"), ("nothing sounds", "3"), ("no picture", "4"), ("no picture", "5"),
    ]  # fmt: skip
    assert "<audio" not in card and 'class="notes"' in card and "and 1 more" in card
    assert "<audio" not in _cards(page)["catD_2000_7000/s4"]
    assert "catD_2000_7000.wav: is not there" in _cards(page)["catD_2000_7000/s4"]
    assert "<audio" in _cards(page)["catB_0_5000/s4"]  # the rest goes on


def test_masks_alone_are_shown_and_a_table_alone_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "Single-source", tmp_path / "Single-source")
    shutil.rmtree(tmp_path / "Single-source/s4_data/visual_frames")
    shutil.rmtree(tmp_path / "Single-source/s4_data/audio_wav")
    elements = _Elements(write_gallery(tmp_path, tmp_path / "page", "", 10))
    assert len(elements.all("img", "overlay")) == 16 and not elements.all("img", "photo") and not elements.all("audio")
    shutil.rmtree(tmp_path / "Single-source/s4_data/gt_masks")
    with pytest.raises(DataError, match="nothing-to-show"):
        write_gallery(tmp_path / "Single-source", tmp_path / "other", "", 10)
    assert not (tmp_path / "other").exists()


def test_a_sound_of_another_length_is_told(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "Single-source", tmp_path / "Single-source")
    sounds = tmp_path / "Single-source/s4_data/audio_wav"
    with wave.open(str(sounds / "val/cat_meowing/catB_0_5000.wav"), "wb") as stream:
        stream.setparams((1, 2, 16_000, 0, "NONE", ""))
        stream.writeframes(np.tile(np.array([0, 9000], np.int16), 40_000).tobytes())  # 5 s
    cards = _cards(write_gallery(tmp_path, tmp_path / "page", "", 10))
    assert "the sound is 0.1 s, the frames are 5 s" in cards["catD_2000_7000/s4"]
    assert "the sound is" not in cards["catB_0_5000/s4"]
    (path,) = re.findall(r'<path class="l" d="([^"]+)"', cards["catB_0_5000/s4"])
    assert path.split("M")[1:] == [f"{x}.5 1v38" for x in range(150)]  # 30 a second, all of the same height
    (path,) = re.findall(r'<path class="l" d="([^"]+)"', cards["catD_2000_7000/s4"])
    assert path.split("M")[1:] == [f"{x}.5 19.5v1" for x in range(150)]  # silence is a line


def test_a_dataset_folder_that_refers_to_files_elsewhere(folder: Path, tmp_path: Path) -> None:
    (videos,) = find_videos(folder / "Multi-sources")
    write_videos(tmp_path / "set", videos, "0")
    page = write_gallery(tmp_path / "set", tmp_path / "a: page #1", "", 10)
    elements = _Elements(page)
    assert len(elements.all("article")) == 4
    photo = unquote(str(elements.all("img", "photo")[0]["src"]))
    assert photo.startswith("../") and (page.parent / photo).is_file()


def test_files_that_no_relative_path_reaches_are_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_drive(*_: Any) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", other_drive)
    page = write_gallery(folder, tmp_path, "s4", 10)
    assert [attrs["src"] for attrs in _Elements(page).all("img", "photo")][:2] == [
        "media/0001-01.png",
        "media/0001-02.png",
    ]
    assert (tmp_path / "media" / "0004.wav").is_file()


def _hostile(folder: Path) -> Path:
    """An S4 whose one video has a category and a name that mean harm."""
    place, name = folder / "Single-source", NAME
    category = HOSTILE.replace("/", "")
    with open((place.mkdir(parents=True), place / "s4_meta_data.csv")[1], "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("name", "start", "category", "split"), (name, 0, category, "test")])
    for number in range(1, 6):
        for kind, image in (
            ("visual_frames", Image.new("RGB", (16, 12), (200, 90, 40))),
            ("gt_masks", Image.new("L", (16, 12), 255)),
        ):
            path = place / f"s4_data/{kind}/test/{category}/{name}/{name}_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
    write_wav(place / f"s4_data/audio_wav/test/{category}/{name}.wav")
    return folder


def test_hostile_names_are_text_and_paths_that_are_quoted(tmp_path: Path) -> None:
    page = write_gallery(_hostile(tmp_path / "<b>"), tmp_path / "page", "", 5)
    elements = _Elements(page)
    assert len(elements.all("script")) == 1 and not elements.all("b", "")[1:]  # its category's chip
    assert [card["data-id"] for card in elements.all("article")] == [NAME]
    assert not [name for _, attrs in elements.found for name in attrs if name.startswith("on") or name == "style"]
    assert [attrs["content"] for attrs in elements.all("meta") if "http-equiv" in attrs] == [POLICY]
    photos = [str(attrs["src"]) for attrs in elements.all("img", "photo")]
    assert len(photos) == 5 and all(re.fullmatch(r"[\w./%~-]+", photo) for photo in photos)
    assert all((page.parent / unquote(photo)).is_file() for photo in photos)


def test_paths_that_leave_the_dataset_are_refused(folder: Path, tmp_path: Path) -> None:
    (videos,) = find_videos(folder / "Multi-sources")
    write_videos(tmp_path / "set", videos, "0")
    manifest = tmp_path / "set" / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("ms3_data/audio_wav", "../../audio_wav"))
    with pytest.raises(DataError, match="unsafe-path"):
        write_gallery(tmp_path / "set", tmp_path / "page", "", 10)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are not both installed")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}",
                 "--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--window-size=1200,900"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    try:
        yield window
    finally:
        window.quit()


def test_the_page_works_from_a_file_in_a_browser(browser: Any, folder: Path, tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    shutil.copytree(folder / "AVSS", tmp_path / "data" / "AVSS")
    _hostile(tmp_path / "data")
    with wave.open(str(tmp_path / "data/AVSS/v2/wolfF_0_10000/audio.wav"), "wb") as stream:
        stream.setparams((1, 2, 16_000, 0, "NONE", ""))
        stream.writeframes(bytes(320_000))  # 10 s
    browser.get(write_gallery(tmp_path / "data", tmp_path / "page", "", 10).as_uri())

    def run(script: str) -> Any:
        return browser.execute_script(f"return {script}")

    def wait(script: str) -> Any:
        return WebDriverWait(browser, 10, 0.05).until(lambda _: run(script))

    def choose(menu: str, value: str) -> None:
        browser.execute_script(
            "const menu = document.getElementById(arguments[0]); menu.value = arguments[1]; menu.dispatchEvent(new Event('change'))",
            menu, value,
        )  # fmt: skip

    run("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    assert wait("[...document.images].every(image => image.complete)")
    assert run("[...document.images].filter(image => !image.naturalWidth).length") == 0
    assert browser.get_log("browser") == []  # the policy forbids nothing that the page does
    assert browser.title == "AVSBench S4, AVSS · gallery" and run("document.scripts.length") == 1
    count = "document.getElementById('count').textContent"
    choose("category", HOSTILE.replace("/", ""))
    assert run(count) == "1 of 6"
    choose("category", "wolf")
    choose("setting", "v2")
    assert run(count) == "1 of 6"
    sound = "document.querySelector('.card:not([hidden]) .sound')"
    # frames stand above their seconds of the waveform
    edges = f"[...{sound}.querySelectorAll('figure')].map(f => f.getBoundingClientRect().right)"
    box = run(f"(b => [b.left, b.width])({sound}.querySelector('.wave').getBoundingClientRect())")
    assert run(edges) == pytest.approx([box[0] + box[1] * second / 10 for second in range(1, 11)], abs=1)
    run(f"{sound}.querySelector('audio').currentTime = 3.5")
    browser.find_element("css selector", ".card:not([hidden]) .play").click()
    assert wait(f"{sound}.querySelector('figure.now span')?.textContent") == "4 s"
    assert 35 <= float(run(f"{sound}.querySelector('.wave i').style.left").rstrip("%")) < 60
    run(f"{sound}.querySelector('audio').pause()")
    browser.execute_script("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'o', bubbles: true}))")
    assert run("getComputedStyle(document.querySelector('.card:not([hidden]) .overlay')).visibility") == "hidden"
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    )
    assert run("document.documentElement.scrollWidth") == 360
