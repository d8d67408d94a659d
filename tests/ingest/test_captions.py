"""Captions come as files of many hands and are written anew: what is shown is said, timed and set, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from core import keys
from core.errors import (
    BackendAway,
    EditConflict,
    HoldfastError,
    KeyReused,
    OutcomeUnknown,
    TooLarge,
    UnsupportedMedia,
)
from core.media import Media
from core.store.revise import Revised
from ingest import captions
from ingest.captions import BYTES_MAX, CUES_MAX, cleaned
from tests.ingest.forms import sign_up
from tests.ingest.pictures import mp4, png
from tests.ingest.studios import Browser, Creator, Studio

VTT = b"WEBVTT\n\n00:01.000 --> 00:02.500\nHello\n"
SRT = (
    "1\r\n00:00:01,000 --> 00:00:02,500\r\nCafé\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nTwo\r\nlines\r\n"
)


def test_subrip_becomes_webvtt() -> None:
    expected = "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nCafé\n\n00:00:03.000 --> 00:00:04.000\nTwo\nlines\n".encode()
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        assert cleaned(SRT.encode(encoding)) == expected
    assert cleaned(expected) == expected


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<b>Loud</b> and <i>soft</i>", "<b>Loud</b> and <i>soft</i>"),
        ('<font color="red">Red</font>', "Red"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("<b onclick=alert(1)>x</b>", "<b>x</b>"),
        ("<v.loud Ann & Bo>Hi</v>", "<v .loud Ann &amp; Bo>Hi</v>"),
        ("<v a -->Hi</v> <v ->Ho", "<v a>Hi</v> Ho"),
        ("a --> b --<b>>c</b>", "a --&gt; b --<b>&gt;c</b>"),
        ("<c.yellow>x</c><00:00:01.500>y<lang en>z</lang>", "xyz"),
        ("{\\an8}Above", "Above"),
        ("a < b > c & d &amp; e &lt; f", "a &lt; b &gt; c &amp; d &amp; e &lt; f"),
        ("<img src=x onerror=y", "&lt;img src=x onerror=y"),
        ("x\x00y"[:1] + "\x07y", "xy"),
    ],
)
def test_only_tags_that_set_text_are_kept(said: str, shown: str) -> None:
    made = cleaned(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{said}\n".encode()).decode()
    assert made == f"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{shown}\n"


def test_notes_styles_and_headers_are_left_out_and_places_kept() -> None:
    body = (
        b"WEBVTT - by Secret\nX-TIMESTAMP-MAP=LOCAL:0\n\nNOTE Secret\n\nSTYLE\n::cue { background: url(//evil) }\n\n"
        b"REGION\nid:evil\n\nintro\n01:00:01.000 --> 01:00:02.000 line:10% align:start region:evil\nText\n"
    )
    assert cleaned(body) == b"WEBVTT\n\n01:00:01.000 --> 01:00:02.000 line:10% align:start\nText\n"


def test_captions_are_put_in_order_and_senseless_times_left_out() -> None:
    body = b"00:05.000 --> 00:06.000\nB\n\n00:09.000 --> 00:08.000\nnever\n\n00:01.000 --> 00:02.000\nA\n"
    assert (
        cleaned(body) == b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nA\n\n00:00:05.000 --> 00:00:06.000\nB\n"
    )


@pytest.mark.parametrize("number", ["", "2\n"])
def test_a_caption_ends_where_the_next_one_s_times_stand(number: str) -> None:
    body = f"1\n00:01.000 --> 00:02.000\nA\n{number}00:03.000 --> 00:04.000\nB\n".encode()
    expected = b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nA\n\n00:00:03.000 --> 00:00:04.000\nB\n"
    assert cleaned(body) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"no captions", png(), mp4(), b"\xff\xfe\x00", b"a\0b\n00:01.000 --> 00:02.000\nx", b"WEBVTT\n\n"],
)
def test_what_holds_no_captions_is_refused(body: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="WebVTT"):
        cleaned(body)


def test_too_much_is_refused() -> None:
    with pytest.raises(TooLarge):
        cleaned(b"x" * (BYTES_MAX + 1))
    with pytest.raises(UnsupportedMedia, match="more than"):
        cleaned(b"00:01.000 --> 00:02.000\nx\n\n" * (CUES_MAX + 1))
    long = cleaned(b"00:01.000 --> 00:02.000\n" + b"x" * 5_000)
    assert len(long) < 1_100


def test_tags_that_nothing_closes_cost_no_more_than_others() -> None:
    body = "".join(f"00:01.000 --> 00:02.000\n<{'a' * 999}\n\n" for _ in range(871)).encode()
    before = time.process_time()
    cleaned(body)
    assert time.process_time() - before < 3


# ── through the doors ──


def put(ann: Creator, media_id: str, language: str, body: bytes = VTT, label: str = "", key: str = "") -> int:
    address = f"{ann.path}/media/{media_id}/captions/{language}"
    headers = {"content-type": "text/vtt"} | ({"idempotency-key": key} if key else {})
    reply = ann.http.put(address, params={"label": label}, content=body, headers=headers)
    return int(reply.status_code)


def captions_of(studio: Studio, ann: Creator) -> dict[str, str]:
    snapshot = studio.store.profiles.load(ann.profile_id)
    assert snapshot
    (medium,) = snapshot.media
    return {one.recipe: one.files[0].label for one in medium.renditions}


def test_captions_are_given_replaced_and_taken_away(studio: Studio, ann: Creator) -> None:
    media_id = ann.upload(mp4(), filename="a.mp4").json()["id"]
    assert put(ann, media_id, "en", label="English") == 200
    assert put(ann, media_id, "pt-BR", SRT.encode()) == 200
    assert captions_of(studio, ann) == {"captions-en": "English", "captions-pt-br": "pt-BR"}
    assert put(ann, media_id, "en", SRT.encode(), "Better") == 200
    assert captions_of(studio, ann) == {"captions-pt-br": "pt-BR", "captions-en": "Better"}
    assert len(list(studio.private.walk("_renditions/"))) == 2, "the old ones are left behind"
    address = f"{ann.path}/media/{media_id}/captions"
    assert ann.http.delete(f"{address}/en").status_code == 200
    assert ann.http.delete(f"{address}/en").status_code == 404
    assert captions_of(studio, ann) == {"captions-pt-br": "pt-BR"}
    assert len(list(studio.private.walk("_renditions/"))) == 1


def test_what_can_not_have_captions_gets_none(studio: Studio, ann: Creator, bob: Creator) -> None:
    media_id = ann.upload(mp4(), filename="a.mp4").json()["id"]
    for wrong in ("x" * 61, "\ufffe", "a\nb", "\u202e"):
        assert put(ann, media_id, "en", VTT, wrong) == 422
    media_id = ann.upload(png()).json()["id"]
    assert put(ann, media_id, "en") == 422
    assert put(ann, "nosuchmedium", "en") == 404
    assert put(ann, media_id, "e/n") == 404
    assert put(ann, media_id, "english") == 422
    assert put(ann, media_id, "en", b"none") == 415
    bob.path = ann.path
    assert put(bob, media_id, "en") == 404
    assert list(studio.private.walk("_renditions/")) == []


@pytest.mark.parametrize("error", [KeyReused(), BackendAway("away"), EditConflict(7)])
def test_captions_that_no_revision_names_are_not_left_in_storage(
    studio: Studio, ann: Creator, error: HoldfastError, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = ann.upload(mp4(), filename="a.mp4").json()["id"]
    monkeypatch.setattr(captions, "write", raising(error))
    assert put(ann, media_id, "en") == error.status
    assert list(studio.private.walk("_renditions/")) == []


def test_captions_that_a_revision_may_name_stay(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = ann.upload(mp4(), filename="a.mp4").json()["id"]
    monkeypatch.setattr(captions, "write", raising(OutcomeUnknown()))
    assert put(ann, media_id, "en") == 503
    assert len(list(studio.private.walk("_renditions/"))) == 1


def test_captions_sent_twice_at_once_are_kept_once(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second looks for an answer before the first has one, and finds it in its own revision's stead."""
    media_id = ann.upload(mp4(), filename="a.mp4").json()["id"]
    monkeypatch.setattr(captions, "answered", lambda *_: None)
    for _ in range(2):
        assert put(ann, media_id, "en", key="once") == 200
    snapshot = studio.store.profiles.load(ann.profile_id)
    assert snapshot
    (made,) = snapshot.media[0].renditions
    assert list(studio.private.walk("_renditions/")) == [
        keys.rendition(media_id, "captions-en", made.attempt, "captions.vtt")
    ]


def raising(error: HoldfastError) -> Callable[..., Revised]:
    def write(*_: object) -> Revised:
        raise error

    return write


def test_a_medium_that_is_made_anew_keeps_its_captions(studio: Studio, ann: Creator) -> None:
    media_id = ann.upload(mp4(), filename="a.mp4").json()["id"]
    put(ann, media_id, "en", label="English")
    snapshot = studio.store.profiles.load(ann.profile_id)
    assert snapshot
    medium: Media = snapshot.media[0]
    (captions,) = medium.renditions
    poster = captions.model_copy(update={"recipe": "poster", "attempt": "attempt1"})
    assert medium.with_rendition(poster).rendition("captions-en") == captions


def test_the_studio_takes_a_file_and_a_language(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/media")
    browser.send("/@ann/media/upload", {"purpose": "gallery"}, files=[("files", ("a.mp4", mp4()))])
    page = browser.visit("/@ann/media").text
    address = (
        page.partition('enctype="multipart/form-data" id="captions-')[0]
        .rpartition('action="')[2]
        .partition('"')[0]
    )
    assert address.endswith("/captions")
    done = browser.send(address, {"language": "fr"}, files=[("captions", ("a.srt", SRT.encode()))])
    assert done.status_code == 200
    assert "Captions (1)" in browser.page and "Français" in browser.page
    wrong = browser.send(address, {"language": "fr"}, files=[("captions", ("a.srt", b"none"))])
    assert wrong.status_code == 415 and "WebVTT" in browser.page
    media_id = address.split("/")[-2]
    browser.visit("/@ann/media")
    browser.send("/@ann/media", {"do": f"uncaption:{media_id}:fr"})
    assert "Captions (1)" not in browser.page
