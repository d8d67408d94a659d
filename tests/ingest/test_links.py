"""Links to private pages and to drafts: made by their editors, good for whoever has them, ended all at once."""

from __future__ import annotations

import re
import time
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest

from core.grants import Grant, Grants
from tests.ingest.forms import sign_up, value
from tests.ingest.studios import SECRET, Browser, Creator, Studio

LINK = re.compile(r'id="made-link"[^>]*value="([^"]+)"')


def stranger(studio: Studio) -> httpx.Client:
    return studio.client()


def path_of(link: str) -> str:
    """A link's path at the studio, which in tests is elsewhere than its settings say."""
    return urlsplit(link).path


def draft(ann: Creator, **fields: object) -> str:
    wish = {"title": "Half done", "body": "Not yet for all.", "state": "draft"} | fields
    made = ann.http.post(f"{ann.path}/posts", json=wish)
    assert made.status_code == 201, made.text
    return str(made.headers["location"].rpartition("/")[2])


def test_a_link_to_a_private_page_says_when_it_ends(ann: Creator) -> None:
    ann.edit(visibility="private")
    made = ann.http.post(f"{ann.path}/grants", json={"days": 7})
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    link = made.json()
    assert 7 * 86400 <= link["expires_at"] - time.time() <= 8 * 86400
    found = re.fullmatch(r"https://pages\.example/-/g/([\w-]+)/ann", link["url"])
    assert found
    assert Grants([SECRET]).open(found[1], time.time()) == Grant(
        "page", ann.profile_id, link["expires_at"], 0
    )


def test_links_are_for_its_editors_to_make_and_for_what_is_private(ann: Creator, bob: Creator) -> None:
    refused = ann.http.post(f"{ann.path}/grants", json={"days": 1})
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    ann.edit(visibility="private")
    assert bob.http.post(f"{ann.path}/grants", json={"days": 1}).status_code == 404
    assert bob.http.delete(f"{ann.path}/grants").status_code == 404
    post = draft(ann)
    assert bob.http.post(f"{ann.path}/posts/{post}/grants", json={}).status_code == 404
    assert stranger(ann.studio).post(f"{ann.path}/grants", json={}).status_code == 401
    assert ann.http.post(f"{ann.path}/posts/nothing/grants", json={}).status_code == 404


@pytest.mark.parametrize("days", [0, 31, -1, "many", None, 1.5])
def test_a_link_lasts_some_days_and_no_more(ann: Creator, days: object) -> None:
    ann.edit(visibility="private")
    refused = ann.http.post(f"{ann.path}/grants", json={"days": days})
    assert refused.status_code == 422
    assert "days" in refused.json()["fields"]


def test_a_link_shows_a_draft_to_who_is_not_logged_in_and_nothing_else(studio: Studio, ann: Creator) -> None:
    post, other = draft(ann), draft(ann, title="Another")
    made = ann.http.post(f"{ann.path}/posts/{post}/grants", json={"days": 1})
    assert made.status_code == 201, made.text
    assert made.json()["url"].startswith(f"{studio.settings.studio.url}/preview/")
    url = path_of(made.json()["url"])
    reader = stranger(studio)
    page = reader.get(url)
    assert page.status_code == 200
    assert "Not yet for all." in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-robots-tag"] == "noindex"
    assert "script-src" not in page.headers["content-security-policy"]
    own = {
        one
        for one in re.findall(r'(?:href|src)="(/preview/[^"]+)"', page.text)
        if "/_assets/" in one or "icon" in one
    }
    assert {reader.get(one).status_code for one in own} == {200}
    begin = url.rpartition("/ann/")[0]
    assert reader.get(begin).headers["location"] == url
    for path in ("/ann/posts/another", "/ann/feed.xml", "/_data/ann.json", "/_media/x", "/ann/posts"):
        assert reader.get(begin + path).status_code == 404, path
    to_page = reader.get(f"{begin}/ann")
    assert (to_page.status_code, to_page.headers["location"]) == (303, "https://pages.example/ann")
    # What is edited is seen at once; once it is deleted, nothing is.
    edit = ann.get(f"/posts/{post}").headers["etag"]
    changed = {"title": "Half done", "body": "Better.", "state": "draft"}
    assert (
        ann.http.put(f"{ann.path}/posts/{post}", json=changed, headers={"if-match": edit}).status_code == 200
    )
    assert "Better." in reader.get(url).text
    assert ann.http.delete(f"{ann.path}/posts/{post}").status_code == 200
    assert reader.get(url).status_code == 404
    assert ann.get(f"/posts/{other}").status_code == 200


def test_wrong_and_ended_links_to_drafts_are_as_if_nothing_were_there(studio: Studio, ann: Creator) -> None:
    post = draft(ann)
    grants, end = Grants([SECRET]), int(time.time()) + 3600
    good = Grant("draft", ann.profile_id, end, 0, post)
    reader = stranger(studio)

    def seen(token: str) -> tuple[int, str]:
        answer = reader.get(f"/preview/{token}/ann/posts/half-done")
        return answer.status_code, answer.text.replace(token, "")

    token = grants.mint(good)
    assert seen(token)[0] == 200
    wrong = [
        "not-a-grant",
        token[:-1],
        grants.mint(good._replace(expires_at=int(time.time()) - 1)),
        grants.mint(good._replace(epoch=1)),
        grants.mint(good._replace(post_id="f" * 20)),
        grants.mint(good._replace(profile_id="f" * 20)),
        grants.mint(good._replace(kind="page")),
        Grants([b"another secret, long enough"]).mint(good),
    ]
    assert {seen(one)[0] for one in wrong} == {404}
    # Forms are bound to who asks, so the pages differ by their token.
    assert len({re.sub(r'value="[^"]*"', "", seen(one)[1]) for one in wrong}) == 1


def test_ending_all_links_is_an_edit_and_ends_those_to_drafts_at_once(studio: Studio, ann: Creator) -> None:
    post = draft(ann)
    url = path_of(ann.http.post(f"{ann.path}/posts/{post}/grants", json={}).json()["url"])
    reader = stranger(studio)
    assert reader.get(url).status_code == 200
    before = ann.get().json()
    done = ann.http.delete(f"{ann.path}/grants")
    assert done.status_code == 200
    assert done.json()["edit"] == before["edit"] + 1
    assert reader.get(url).status_code == 404
    fresh = path_of(ann.http.post(f"{ann.path}/posts/{post}/grants", json={}).json()["url"])
    assert reader.get(fresh).status_code == 200
    # Nothing that a client writes brings the old ones back.
    etag = ann.etag()
    assert ann.http.put(ann.path, json=before["profile"], headers={"if-match": etag}).status_code == 200
    assert reader.get(url).status_code == 404
    snapshot = studio.store.profiles.load(ann.profile_id)
    assert snapshot
    assert snapshot.head.grants == 1


def test_a_creator_makes_a_link_in_the_studio_and_ends_it(browser: Browser) -> None:
    sign_up(browser)
    assert "Make a link" not in browser.visit("/@ann/settings").text
    browser.send("/@ann/settings", {"do": "visibility", "visibility": "private"})
    browser.visit("/@ann/settings")
    page = browser.send("/@ann/settings", {"do": "link", "days": "7"})
    assert page.status_code == 200
    link = LINK.search(page.text)
    assert link
    assert link[1].startswith("https://pages.example/-/g/")
    assert "This link is shown once. It ends on" in page.text
    assert not LINK.search(browser.visit("/@ann/settings").text)
    wrong = browser.send("/@ann/settings", {"do": "link", "days": "8"})
    assert wrong.status_code == 422
    assert not LINK.search(wrong.text)
    browser.visit("/@ann/settings")
    assert browser.send("/@ann/settings", {"do": "end_links"}).status_code == 200


def test_a_creator_shows_a_draft_to_a_friend(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/posts/new")
    browser.send(
        "/@ann/posts/new", {"do": "draft", "title": "Half done", "body": "Shh.", "date": "2026-05-01"}
    )
    post = re.search(r'action="(/@ann/posts/[0-9a-f]+/link)', browser.page)
    assert post
    page = browser.send(post[1], {"days": "1"})
    link = LINK.search(page.text)
    assert link
    assert "Shh." in stranger(studio).get(path_of(unescape(link[1]))).text
    here = post[1].removesuffix("/link")
    browser.visit(here)
    assert "Show the draft to somebody" in browser.page
    wish = {"do": "publish", "title": "Half done", "date": "2026-05-01", "edit": value(browser.page, "edit")}
    browser.send(here, wish)
    browser.visit(here)
    assert "Show the draft to somebody" not in browser.page
