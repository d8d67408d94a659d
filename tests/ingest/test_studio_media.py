"""The studio without JavaScript: files by plain forms, their descriptions and order, and previews."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from core import keys
from core.media import Media, Rendition, RenditionFile
from core.objects import Headers
from core.profile import Snapshot
from core.store import Making, MediaTask
from core.store.revise import revise
from tests.ingest.forms import error_of, sign_up
from tests.ingest.pictures import HTML, mp4, png
from tests.ingest.studios import Browser, Creator, Studio


def test_files_are_sent_by_a_plain_form_and_refused_ones_are_named(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/media")
    reply = browser.send(
        "/@ann/media/upload",
        {"purpose": "gallery"},
        files=[("files", ("boat.png", png(padding=3_000_000))), ("files", ("walk.mp4", mp4()))],
    )
    assert reply.status_code == 200 and reply.url.path == "/@ann/media"
    assert "boat.png" in reply.text and "walk.mp4" in reply.text and "waits its turn" in reply.text
    mixed = browser.send(
        "/@ann/media/upload", {}, files=[("files", ("page.jpg", HTML)), ("files", ("sea.png", png()))]
    )
    assert mixed.status_code == 422 and "<strong>page.jpg</strong> was not taken" in mixed.text
    assert "sea.png" in mixed.text
    assert len(list(studio.private.walk("_originals/"))) == 3
    nothing = browser.send("/@ann/media/upload", {}, files=[("files", ("", b""))])
    assert nothing.status_code == 422 and "choose a photo" in nothing.text


def test_heic_is_promised_only_where_the_site_can_open_it(browser: Browser) -> None:
    sign_up(browser)
    assert "HEIC where this site can open it, else export it as JPEG" in browser.visit("/@ann/media").text
    refused = browser.send("/@ann/media/upload", {}, files=[("files", ("page.jpg", HTML))])
    assert "where the site can open it, HEIC" in refused.text


def test_what_is_being_made_shows_its_step_and_how_far_it_is(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    media_id = ann.upload(mp4()).json()["id"]
    work = studio.store.media_work
    work.add(MediaTask(media_id, ann.profile_id, 1000, "video"))
    assert ann.get("/media").json()["media"][0]["now"] is None
    assert "waits its turn" in browser.visit("/@ann/media").text
    work.tell(media_id, Making("rung-720", 3, 4, 42))
    now = {"step": "rung-720", "steps_done": 3, "steps": 4, "percent": 42}
    assert ann.get("/media").json()["media"][0]["now"] == now
    assert ann.get("/receipt").json()["media"][0]["now"] == now
    page = browser.visit("/@ann/media").text
    assert "Being made: 720p, step 4 of 4" in page
    assert re.search(r'<progress class="step" max="100" value="42"[^>]*data-step></progress>', page)
    work.done(media_id)
    assert ann.get("/media").json()["media"][0]["now"] is None


def test_a_plain_form_that_breaks_off_or_has_no_token_leaves_nothing(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    head = b'--b\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n'
    file = b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n' + png(
        padding=2_000_000
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    browser.visit("/@ann/media")
    for body, status in (
        (head + browser.token().encode() + file, 422),
        (head + b"wrong" + file + b"\r\n--b--\r\n", 403),
        (file[2:] + b"\r\n--b--\r\n", 403),
        (b"not a form", 422),
    ):
        assert browser.http.post("/@ann/media/upload", content=body, headers=headers).status_code == status
    assert (
        browser.http.post(
            "/@ann/media/upload", content=b"x", headers={"content-type": "text/plain"}
        ).status_code
        == 415
    )
    assert list(studio.private.walk("_originals/")) == []
    assert studio.private.abandon(-1) == 0


def test_a_portrait_is_set_by_its_own_form(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    reply = browser.send("/@ann/media/upload", {"purpose": "avatar"}, files={"files": ("me.png", png())})
    assert reply.url.path == "/@ann" and "being made ready" in reply.text
    ann = studio.sign_up("ann")
    assert ann.get().json()["profile"]["avatar"] == ann.get("/media").json()["media"][0]["id"]


def test_media_are_described_ordered_and_deleted_by_plain_buttons(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    one, two = (ann.upload(png(side)).json()["id"] for side in (8, 16))
    browser.visit("/@ann/media")
    fields = {f"items.{one}.alt": "A boat", f"items.{one}.alt_was": "", f"items.{one}.listed_was": "on"}
    browser.send("/@ann/media", fields | {"do": f"later:{one}"})
    media = ann.get("/media").json()["media"]
    assert [m["id"] for m in media] == [two, one]
    assert (media[1]["alt"], media[1]["listed"]) == ("A boat", False)
    browser.send("/@ann/media", {"do": f"cover:{two}"})
    assert ann.get().json()["profile"]["cover"] == two
    bad = browser.send("/@ann/media", {f"items.{one}.alt": "x" * 1001, f"items.{one}.alt_was": "A boat"})
    assert bad.status_code == 422 and "at most 1000" in error_of(browser.page, f"items.{one}.alt")
    browser.send("/@ann/media", {"do": f"delete:{two}"})
    assert [m["id"] for m in ann.get("/media").json()["media"]] == [one]
    assert ann.get().json()["profile"]["cover"] is None


def test_a_private_page_and_a_draft_are_looked_at_in_the_studio_by_their_editor_only(
    studio: Studio, browser: Browser
) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    media_id = ann.upload(png()).json()["id"]
    make_ready(studio, ann, media_id)
    ann.edit(visibility="private", bio="Not yet for *everybody*.")
    ann.http.post(ann.path + "/posts", json={"title": "Secret boats"})
    assert 'href="/@ann/preview"' in browser.visit("/@ann").text
    reply = browser.visit("/@ann/preview")
    assert "Not yet for <em>everybody</em>." in reply.text and "Secret boats" not in reply.text
    assert "script-src" not in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    for url in re.findall(r'(?:href|src)="(/%40ann/preview/_[^"]+)"', reply.text):
        assert browser.http.get(unescape(url)).status_code == 200
    picture = re.search(r'"(/%40ann/preview/_media/[^"\s]+\.webp)', reply.text)
    assert picture and browser.http.get(picture.group(1)).content == b"webp-bytes"
    part = browser.http.get(picture.group(1), headers={"range": "bytes=5-"})
    assert part.status_code == 206 and part.content == b"bytes"
    assert browser.http.get(picture.group(1), headers={"range": "bytes=99-"}).status_code == 416
    assert "Secret boats" in browser.visit("/@ann/preview/ann/posts/secret-boats").text
    other = Browser(studio)
    sign_up(other, "bob", "bob@example.org")
    for path in ("/@ann/preview", "/@ann/preview/ann", picture.group(1)):
        assert other.visit(path).status_code == 404
    for path in (
        "bob",
        "_manifests/x.json",
        "_originals/" + media_id,
        "_media/x",
        "..%2fapp",
        "ann/posts/none",
    ):
        assert browser.visit("/@ann/preview/" + path).status_code == 404


def make_ready(studio: Studio, ann: Creator, media_id: str, recipe: str = "still") -> None:
    """Plays the worker: one small picture is made, around the focus that holds now."""
    file = RenditionFile(name="160.webp", type="image/webp", bytes=10, width=160, height=160)
    studio.private.put(keys.rendition(media_id, recipe, "attempt1", "160.webp"), b"webp-bytes", Headers())

    def made(medium: Media) -> Media:
        focus = medium.focus if recipe != "still" else None
        rendition = Rendition(recipe=recipe, attempt="attempt1", files=(file,), focus=focus)
        done = {"state": "ready", "width": 160, "height": 160}
        return medium.with_rendition(rendition).model_copy(update=done)

    def ready(old: Snapshot) -> Snapshot:
        media = tuple(made(one) if one.id == media_id else one for one in old.media)
        return old.model_copy(update={"media": media})

    revise(studio.store, ann.profile_id, ready, writer="worker01", what=f"{recipe} made", by_creator=False)


def test_a_new_crop_is_waited_for_before_ones_eyes(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    one = ann.upload(png()).json()["id"]
    make_ready(studio, ann, one)

    def told() -> dict[str, Any]:
        (view,) = ann.get("/media").json()["media"]
        studio.publish(ann.profile_id)
        receipt = ann.get("/receipt").json()
        assert receipt["state"] == "live" and receipt["media"][0]["awaited"] == view["awaited"]
        return dict(view)

    assert told()["awaited"] == []
    assert ">Ready<" in browser.visit("/@ann/media").text and "data-making" not in browser.page
    saved = browser.send("/@ann/media", {"do": f"avatar:{one}"}).url.query.decode()
    assert told()["awaited"] == ["avatar"]
    assert "Ready; a new crop is being made" in browser.visit("/@ann/media").text
    assert "data-making" in browser.page
    assert "A new crop follows in a moment." in browser.visit(f"/@ann/media?{saved}").text
    work = studio.store.media_work
    work.add(MediaTask(one, ann.profile_id, 1000))
    work.tell(one, Making("avatar", 0, 1, 42))
    assert told()["now"]["percent"] == 42
    work.done(one)
    make_ready(studio, ann, one, "avatar")
    assert told()["awaited"] == []
    assert ">Ready<" in browser.visit(f"/@ann/media?{saved}").text and "follows" not in browser.page
    row = f"items.{one}"
    chosen = {f"{row}.focus": "own", f"{row}.focus_x": "30", f"{row}.focus_y": "75", f"{row}.focus_was": ""}
    browser.send("/@ann/media", chosen | {"do": "save"})
    assert told()["awaited"] == ["avatar"]
    make_ready(studio, ann, one, "avatar")
    assert told()["awaited"] == []


def test_a_ready_picture_is_shown_small_to_its_editor_only(
    studio: Studio, browser: Browser, bob: Creator
) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    make_ready(studio, ann, ann.upload(png()).json()["id"])
    found = re.search(r'src="(/@ann/media/[^"]+)"', browser.visit("/@ann/media").text)
    assert found and ">Ready<" in browser.page
    reply = browser.http.get(found.group(1))
    assert reply.content == b"webp-bytes" and reply.headers["content-type"] == "image/webp"
    assert bob.http.get(found.group(1)).status_code == 404
    assert browser.http.get(found.group(1)[:-1] + "2").status_code == 404


def test_what_crops_must_show_is_chosen_by_sliders(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    ann = studio.sign_up("ann")
    one = ann.upload(png(8)).json()["id"]
    make_ready(studio, ann, one)
    page = browser.visit("/@ann/media").text
    assert f'name="items.{one}.focus_x"' in page and f'name="items.{one}.focus_was" value=""' in page
    row = f"items.{one}"
    chosen = {f"{row}.focus": "own", f"{row}.focus_x": "30", f"{row}.focus_y": "75", f"{row}.focus_was": ""}
    browser.send("/@ann/media", chosen | {"do": "save"})
    assert ann.get("/media").json()["media"][0]["focus"] == {"x": 0.3, "y": 0.75}
    assert f'name="items.{one}.focus_was" value="30 75"' in browser.visit("/@ann/media").text
    # Another window's choice isn't put back by a form that didn't touch it.
    browser.send("/@ann/media", chosen | {f"{row}.focus_was": "30 75", "do": "save"})
    for x, words in (("101", "less than or equal to 1"), ("left", "valid number")):
        wrong = chosen | {f"{row}.focus_x": x, f"{row}.focus_was": "30 75", "do": "save"}
        reply = browser.send("/@ann/media", wrong)
        assert reply.status_code == 422 and words in unescape(reply.text)
    assert ann.get("/media").json()["media"][0]["focus"] == {"x": 0.3, "y": 0.75}
    browser.send("/@ann/media", {f"{row}.focus": "auto", f"{row}.focus_was": "30 75", "do": "save"})
    assert ann.get("/media").json()["media"][0]["focus"] is None
