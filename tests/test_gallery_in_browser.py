"""Opens the gallery in a real Chromium from file:// and uses it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vpo_builder.gallery import write_gallery

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="chromium and chromedriver are not both installed"
)

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'


@pytest.fixture(scope="module")
def page(make_toy_dataset: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with variants, in which one category, one clip and one link mean harm."""
    folder, samples, info = make_toy_dataset(tmp_path_factory.mktemp("gallery"), variants=("mirrored", "silence"))
    source = samples[0].sources[0]
    evil = replace(
        source, instance=replace(source.instance, category=HOSTILE), clip=replace(source.clip, label=HOSTILE)
    )
    samples[0] = replace(
        samples[0],
        sources=(evil, *samples[0].sources[1:]),
        picture=replace(samples[0].picture, page="javascript:document.title='owned'"),
    )
    return write_gallery(folder, samples, info, limit=10)


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1200,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(CHROMEDRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    browser.get(page.as_uri())
    return browser


def _wait(browser: Any, script: str, seconds: float = 10) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds, 0.1).until(lambda driver: driver.execute_script("return " + script))


def _choose(browser: Any, menu: str, value: str) -> None:
    browser.execute_script(
        "const menu = document.getElementById(arguments[0]); menu.value = arguments[1]; menu.dispatchEvent(new Event('change'))",
        menu,
        value,
    )


def _key(browser: Any, key: str) -> None:
    browser.execute_script(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))", key
    )


def _count(browser: Any) -> str:
    return str(browser.execute_script("return document.getElementById('count').textContent"))


def test_every_image_loads_and_the_console_stays_empty(opened: Any) -> None:
    opened.execute_script("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    assert _wait(opened, "[...document.images].every(image => image.complete)")
    widths = opened.execute_script("return [...document.images].map(image => image.naturalWidth)")
    assert widths == [320, 640] * 6  # photo and overlay of each
    assert opened.get_log("browser") == []


def test_a_sample_plays_and_only_one_at_a_time(opened: Any) -> None:
    plays = opened.find_elements("css selector", ".sound:not([hidden]) .play")
    plays[0].click()
    assert _wait(opened, "document.querySelectorAll('audio')[0].currentTime > 0.1")
    plays[1].click()
    second = "document.querySelectorAll('.card')[1].querySelector('audio')"
    assert _wait(opened, f"{second}.currentTime > 0.1")
    assert (
        opened.execute_script("return [...document.querySelectorAll('audio')].filter(audio => !audio.paused).length")
        == 1
    )
    assert not opened.execute_script("return document.querySelectorAll('audio')[0].ended")  # it was stopped
    assert opened.execute_script("return Math.abs(document.querySelectorAll('audio')[0].duration - 3) < 0.01")


def test_a_variant_is_heard_and_seen_in_its_own_place(opened: Any) -> None:
    def pin() -> Any:
        return opened.execute_script(
            "return document.querySelectorAll('.card')[4].querySelector('.sound:not([hidden]) .rail circle').getAttribute('cx')"
        )

    assert pin() == "85.9%"  # the dog's middle: (240 + 310) / 2 / 320
    opened.execute_script("document.querySelectorAll('.card')[4].querySelector('button[value=mirrored]').click()")
    assert pin() == "14.1%"
    strokes = "[...document.querySelectorAll('.card')[4].querySelectorAll('.sound')].map(s => [...s.querySelectorAll('.wave path')]"
    strokes += ".map(p => (p.getAttribute('d') || '').match(/v[0-9.]+/g)))"
    base, mirrored, unseen = opened.execute_script(f"return {strokes}")
    assert len(base[0]) == 90
    assert mirrored == base[::-1]  # drawn by the script as Python draws them, left and right exchanged
    assert unseen == [None, None]
    assert (
        opened.execute_script(
            "return document.querySelectorAll('.card')[4].querySelectorAll('.sound:not([hidden])').length"
        )
        == 1
    )


def test_filters_change_the_counter(opened: Any) -> None:
    assert _count(opened) == "6 of 6"
    _choose(opened, "setting", "ms")
    assert _count(opened) == "2 of 6"
    _choose(opened, "split", "test")
    assert _count(opened) == "1 of 6"
    _choose(opened, "setting", "")
    _choose(opened, "split", "")
    _choose(opened, "category", "car")
    assert _count(opened) == "2 of 6"  # it sounds in two; where it is silent doesn't count
    _choose(opened, "category", "")
    _choose(opened, "sources", "2")
    assert _count(opened) == "3 of 6"
    _choose(opened, "sources", "")
    opened.find_element("id", "search").send_keys("0003")
    assert _count(opened) == "1 of 6"
    opened.find_element("id", "search").send_keys("x")
    assert _count(opened) == "0 of 6"
    assert opened.find_element("id", "none").is_displayed()
    opened.find_element("id", "reset").click()
    assert _count(opened) == "6 of 6"


def test_keys_walk_play_and_hide_masks(opened: Any) -> None:
    current = "document.querySelector('.card.current').dataset.id"
    _key(opened, "j")
    _key(opened, "j")
    assert opened.execute_script(f"return {current}") == "msmi-000000000002"
    _key(opened, "k")
    assert opened.execute_script(f"return {current}") == "msmi-000000000001"
    _key(opened, " ")
    assert _wait(opened, "document.querySelectorAll('audio')[0].currentTime > 0.1")
    _key(opened, "o")
    assert not opened.find_element("css selector", ".overlay").is_displayed()


def test_hostile_names_stay_text(opened: Any) -> None:
    _choose(opened, "category", HOSTILE)
    assert _count(opened) == "1 of 6"
    assert HOSTILE in opened.find_element("css selector", ".card .chip").text
    assert opened.title == "toy · gallery"
    assert opened.execute_script("return document.scripts.length") == 1
    assert opened.execute_script("return document.querySelectorAll('a[href^=javascript]').length") == 0


def test_nothing_is_wider_than_a_phone(opened: Any) -> None:
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    )
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") == 360
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
