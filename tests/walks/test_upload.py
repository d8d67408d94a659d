"""The second walk: a photo and a video are uploaded, made smaller, and shown."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import httpx
import pytest
from PIL import Image

from pipeline.media.make import find_ffmpeg
from tests.house import House

pytestmark = pytest.mark.slow


def test_a_photo_appears_in_three_formats_without_its_metadata(house: House, photo: Path) -> None:
    hana = house.sign_up("hana")
    hana.upload(photo, alt="Two boats")
    receipt = hana.wait_live(media=True)
    assert [one["state"] for one in receipt["media"]] == ["ready"]
    page = house.visit("/hana").text
    assert 'alt="Two boats"' in page
    found = {url: house.visit(url) for url in set(re.findall(r"/_media/[^\s\"',]+\.(?:avif|webp|jpg)", page))}
    assert {url.rpartition(".")[2] for url in found} == {"avif", "webp", "jpg"}
    for url, answer in found.items():
        assert answer.status_code == 200, url
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert b"Exif" not in answer.content[:2000]


def test_a_finished_rendition_is_a_revision_and_no_edit(house: House, photo: Path) -> None:
    ivo = house.sign_up("ivo")
    ivo.wait_settled()  # else the card could be that revision
    ivo.upload(photo)
    before = ivo.client.profile(ivo.id)
    ivo.wait_live(media=True)
    after = ivo.client.profile(ivo.id)
    assert after["edit"] == before["edit"]
    assert after["revision"] > before["revision"]


def test_a_video_plays_from_its_playlist_and_from_one_file(house: House, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip, "640x480", 3)
    jon = house.sign_up("jon")
    jon.upload(clip, alt="Waves")
    receipt = jon.wait_live(media=True, timeout_s=120)
    assert receipt["media"][0]["state"] == "ready", receipt
    page = house.visit("/jon").text
    playlist = re.search(r"/_media/[^\s\"']+master\.m3u8", page)
    single = re.search(r"/_media/[^\s\"']+\.mp4", page)
    assert playlist, "no HLS"
    assert single, "no MP4"
    rungs = re.findall(r"^\.\./.*m3u8$", house.visit(playlist[0]).text, re.M)
    assert len(rungs) >= 2
    for rung in rungs:
        address = str(httpx.URL(house.edge + playlist[0]).join(rung))
        segments = house.http.get(address).text
        init = re.search(r'URI="([^"]+)"', segments)
        assert init
        assert house.http.get(str(httpx.URL(address).join(init[1]))).status_code == 200
    piece = house.visit(single[0], Range="bytes=0-99")
    assert (piece.status_code, len(piece.content)) == (206, 100)


def test_a_lie_about_the_type_is_refused_and_said_so(house: House, tmp_path: Path) -> None:
    kim = house.sign_up("kim")
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n" * 100)
    try:
        kim.upload(path)
    except Exception as error:
        assert "415" in str(error)
    else:
        raise AssertionError("a playlist got through as a picture")


def test_a_broken_photo_fails_with_a_sentence_and_nothing_else_suffers(
    house: House, photo: Path, tmp_path: Path
) -> None:
    lea = house.sign_up("lea")
    broken = tmp_path / "half.jpg"
    broken.write_bytes(photo.read_bytes()[:4000])
    lea.upload(broken)
    lea.upload(photo)
    receipt = lea.wait_live(media=True)
    states = {one["state"]: one["failure"] for one in receipt["media"]}
    assert set(states) == {"failed", "ready"}
    assert states["failed"]


def test_a_picture_is_shown_upright(house: House, tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 200), (10, 120, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to show
    path = tmp_path / "side.jpg"
    image.save(path, exif=exif)
    mia = house.sign_up("mia")
    mia.upload(path)
    mia.wait_live(media=True)
    medium = mia.client.call("GET", f"/profiles/{mia.id}/media")["media"][0]
    assert (medium["width"], medium["height"]) == (200, 400)


def make_clip(path: Path, size: str, seconds: int) -> None:
    """A moving test picture with a tone."""
    sources = [
        "-f",
        "lavfi",
        "-i",
        f"testsrc2=size={size}:rate=25",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=300",
    ]
    command = [
        find_ffmpeg(),
        "-v",
        "error",
        "-y",
        *sources,
        "-t",
        str(seconds),
        "-pix_fmt",
        "yuv420p",
        str(path),
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def test_a_deleted_photo_is_gone_from_the_page_and_from_its_address(house: House, photo: Path) -> None:
    nell = house.sign_up("nell")
    medium = nell.upload(photo, alt="Not for long")
    nell.wait_live(media=True)
    address = re.search(rf"/_media/{medium}/[^\s\"',]+\.jpg", house.visit("/nell").text)
    assert address
    assert house.visit(address[0]).status_code == 200
    nell.newest = nell.client.call("DELETE", f"/profiles/{nell.id}/media/{medium}")["revision"]
    nell.wait_live()
    assert "Not for long" not in house.visit("/nell").text
    assert house.visit(address[0]).status_code == 404
    left = [path for path in house.data.rglob("*") if path.is_file() and medium in str(path)]
    assert left == []
