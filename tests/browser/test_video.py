"""Videos in real Chromium: HLS by itself and through hls.js, DASH through dash.js; seeking, rungs, captions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pipeline.media.make import find_ffmpeg
from tests.house import Creator, House

pytestmark = [pytest.mark.server("chromium"), pytest.mark.timeout(240)]

DASH = (Path(__file__).parent / "vendor" / "dash.mediaplayer.min.js").read_text()
PATIENCE_MS = 45_000
FILM_S = 24
# As a browser that can't play HLS says it; its own choice among the sources then has to be made for it.
NO_HLS = """
const can = HTMLMediaElement.prototype.canPlayType;
HTMLMediaElement.prototype.canPlayType = function (type) { return /mpegurl/.test(type) ? "" : can.call(this, type); };
"""
SECONDS = "document.querySelector('video').currentTime"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rungs: two that are encoded, one that is copied and cut where its own keyframes are."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=1920x1080:rate=25", "-f", "lavfi", "-i", "sine=440"]
    coded = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "75",
        "-c:a",
        "aac",
        "-ac",
        "2",
    ]
    subprocess.run([find_ffmpeg(), "-v", "error", *source, "-t", str(FILM_S), *coded, str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def cai(house: House, film: Path) -> Creator:
    cai = house.sign_up("cai", "Cai")
    shown = cai.upload(film, alt="Colours and a clock")
    said = "WEBVTT\n\n00:05.000 --> 00:20.000\nThe <i>clock</i> runs\n"
    address = f"/profiles/{cai.id}/media/{shown}/captions/en?label=English"
    cai.client.call("PUT", address, content=said, headers={"content-type": "text/vtt"})
    cai.edit(sections=[{"kind": "video", "title": "Film", "media": shown}])
    cai.wait_live(media=True, timeout_s=120)
    return cai


@pytest.fixture(scope="module")
def ladder(house: House, cai: Creator) -> str:
    """The address of the folder with the multivariant playlist and the DASH manifest."""
    page = house.visit("/cai").text
    start = page.index("/_media/", page.index("<source"))
    return house.edge + page[start : page.index("master.m3u8")]


def show_captions(page: Page) -> None:
    """Chooses them as the menu of the player does, and waits until they are on."""
    page.evaluate("document.querySelector('video').textTracks[0].mode = 'showing'")
    wait_until(page, "document.querySelector('video').textTracks[0].activeCues?.length === 1")
    shown = page.evaluate(
        "document.querySelector('video').textTracks[0].activeCues[0].getCueAsHTML().textContent"
    )
    assert shown == "The clock runs"


def wait_until(page: Page, what: str, patience_ms: int = PATIENCE_MS) -> None:
    page.wait_for_function(f"() => {what}", timeout=patience_ms)


@pytest.mark.timeout(180)
def test_chromium_plays_hls_by_itself(visit: Any, house: House, cai: Creator) -> None:
    window = visit()
    page = window.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{house.edge}/cai")
    assert not any("_media" in one and "poster" not in one for one in asked), (
        "loaded before anybody pressed play"
    )
    assert page.locator("script[type=module]").count() == 1
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play()")
    wait_until(page, f"{SECONDS} > 0.5")
    page.evaluate(f"{SECONDS} = 17")
    wait_until(page, f"{SECONDS} > 17.5")
    show_captions(page)
    assert page.evaluate("document.querySelector('video').currentSrc").endswith("master.m3u8")
    assert not any("hls.min" in one for one in asked)
    assert window.complaints == []


def test_pictures_of_the_film_lead_through_it(visit: Any, house: House, cai: Creator) -> None:
    window = visit(width=390)
    page = window.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{house.edge}/cai")
    high = page.evaluate("document.body.scrollHeight")
    assert page.locator(".strip *").count() == 0
    assert not any("storyboard" in one for one in asked), "loaded before anybody watches"
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play()")
    slider = page.get_by_role("slider", name="Seek in Colours and a clock")
    slider.wait_for(timeout=PATIENCE_MS)
    assert page.evaluate("document.body.scrollHeight") == high, "its place was kept free"
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    assert page.locator(".strip-look").inner_text() in ("0:11", "0:12")
    page.mouse.down()
    page.mouse.up()
    wait_until(page, f"{SECONDS} >= 11 && {SECONDS} < 16")
    slider.focus()
    page.evaluate("document.querySelector('video').pause()")
    page.keyboard.press("End")
    wait_until(page, f"{SECONDS} >= 22")
    # The browser tells of it a moment later.
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^0:2"), timeout=PATIENCE_MS)
    page.mouse.move(0, 0)
    assert page.locator(".strip-look").is_hidden()
    assert window.complaints == []


@pytest.mark.timeout(180)
def test_hls_js_is_fetched_by_who_plays_and_changes_rungs(visit: Any, house: House, cai: Creator) -> None:
    window = visit()
    page = window.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(NO_HLS)
    page.goto(f"{house.edge}/cai")
    page.evaluate(
        "document.querySelectorAll('source[type*=mpegurl]').forEach(one => { one.type = 'none/none' })"
    )
    page.evaluate("document.querySelector('video').load()")
    assert not any("hls.min" in one for one in asked)
    page.evaluate(
        "document.querySelector('video').addEventListener('player', said => { window.player = said.detail })"
    )
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play().catch(() => {})")
    wait_until(page, f"{SECONDS} > 0.5")
    assert page.evaluate("document.querySelector('video').currentSrc").startswith("blob:")
    assert [one["height"] for one in page.evaluate("player.levels.map(one => ({height: one.height}))")] == [
        360,
        720,
        1080,
    ]
    for level, height in ((2, 1080), (0, 360), (1, 720)):
        page.evaluate(f"player.currentLevel = {level}")
        wait_until(page, f"document.querySelector('video').videoHeight === {height}")
    for second in (19, 6):
        page.evaluate(f"{SECONDS} = {second}")
        wait_until(page, f"{SECONDS} > {second}.4")
    show_captions(page)
    page.evaluate(f"{SECONDS} = {FILM_S - 1}")
    wait_until(page, "document.querySelector('video').ended")
    assert any("track1-00006.m4s" in one for one in asked), "the sound was not asked for"
    assert window.complaints == []


@pytest.mark.timeout(180)
def test_without_the_library_the_small_mp4_plays(visit: Any, house: House, cai: Creator) -> None:
    window = visit()
    page = window.page
    page.add_init_script(NO_HLS)
    page.route("**/hls.min.*", lambda route: route.abort())
    page.goto(f"{house.edge}/cai")
    page.evaluate(
        "document.querySelectorAll('source[type*=mpegurl]').forEach(one => { one.type = 'none/none' })"
    )
    page.evaluate("document.querySelector('video').load()")
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play().catch(() => {})")
    wait_until(page, f"{SECONDS} > 0.5")
    assert page.evaluate("document.querySelector('video').currentSrc").endswith("video.mp4")
    assert page.evaluate("document.querySelector('video').videoHeight") == 360


@pytest.mark.timeout(300)
def test_dash_js_plays_the_same_segments(visit: Any, house: House, ladder: str) -> None:
    window = visit()
    page = window.page
    blank = '<!doctype html><link rel="icon" href="data:,"><video muted></video>'
    page.route("**/dash.html", lambda route: route.fulfill(body=blank, content_type="text/html"))
    page.goto(f"{house.edge}/dash.html")
    page.evaluate(DASH)
    page.evaluate(
        "manifest => { window.player = dashjs.MediaPlayer().create();"
        " player.updateSettings({streaming: {abr: {autoSwitchBitrate: {video: false}}}});"
        " player.initialize(document.querySelector('video'), manifest, true); }",
        f"{ladder}manifest.mpd",
    )
    wait_until(page, f"{SECONDS} > 0.5")
    heights = page.evaluate("player.getRepresentationsByType('video').map(one => one.height)")
    assert sorted(heights) == [360, 720, 1080]
    # The smallest last: what follows shall not wait for a busy machine to decode the large ones.
    for height in (1080, 720, 360):
        page.evaluate(
            "height => player.setRepresentationForTypeById('video',"
            " player.getRepresentationsByType('video').find(one => one.height === height).id, true)",
            height,
        )
        wait_until(page, f"document.querySelector('video').videoHeight === {height}")
    for second in (19, 6):
        page.evaluate(f"player.seek({second})")
        wait_until(page, f"{SECONDS} > {second}.4")
    page.evaluate(f"player.seek({FILM_S - 1})")
    # The last second takes a busy machine many.
    wait_until(page, "document.querySelector('video').ended", 3 * PATIENCE_MS)
    assert page.evaluate("document.querySelector('video').webkitAudioDecodedByteCount") > 0
    assert window.complaints == []


def test_only_pages_with_a_video_may_run_anything(house: House, cai: Creator) -> None:
    policies = [house.visit(path).headers["content-security-policy"] for path in ("/cai", "/nobody-at-all")]
    assert "script-src 'self'; connect-src 'self'; media-src 'self' blob:" in policies[0]
    assert "script-src" not in policies[1]
    assert "connect-src" not in policies[1]


def test_all_that_a_player_asks_for_may_be_kept_and_read_from_elsewhere(house: House, ladder: str) -> None:
    for name, kind in (
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("manifest.mpd", "application/dash+xml"),
    ):
        answer = house.visit(ladder.removeprefix(house.edge) + name)
        assert answer.headers["content-type"] == kind
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "immutable" in answer.headers["cache-control"]
