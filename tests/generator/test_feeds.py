"""Atom and JSON Feed: parseable, whole, with absolute addresses and ids that stay."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from core.document import Document
from core.rank import Edition
from generator.build import build
from generator.release import Release
from generator.urls import Urls
from tests.generator.conftest import document, post

ATOM = "{http://www.w3.org/2005/Atom}"


def feeds(one: Document, release: Release, urls: Urls) -> tuple[ElementTree.Element, dict[str, Any]]:
    made = {file.key.rpartition("/")[2]: file.body for file in build(one, release, urls, Edition(1, 1, 1))}
    return ElementTree.fromstring(made["feed.xml"]), json.loads(made["feed.json"])


def test_an_atom_feed_names_itself_its_page_and_its_posts(
    ann: Document, release: Release, urls: Urls
) -> None:
    feed, _ = feeds(ann, release, urls)
    assert feed.findtext(f"{ATOM}title") == "Ann Lee"
    assert {one.get("rel"): one.get("href") for one in feed.findall(f"{ATOM}link")} == {
        "self": "https://quay.example/ann/feed.xml",
        "alternate": "https://quay.example/ann",
    }
    assert feed.findtext(f"{ATOM}updated") == "2026-03-02T00:00:00Z"
    entries = feed.findall(f"{ATOM}entry")
    assert [one.findtext(f"{ATOM}title") for one in entries] == ["Post 2", "Post 1"]
    content = entries[0].findtext(f"{ATOM}content") or ""
    assert '<img src="https://quay.example/_media/inpost01/' in content
    assert "<p>Body of post 2.</p>" in content


def test_a_json_feed_holds_the_same(ann: Document, release: Release, urls: Urls) -> None:
    atom, feed = feeds(ann, release, urls)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "https://quay.example/ann/feed.json"
    ids = [one.findtext(f"{ATOM}id") for one in atom.findall(f"{ATOM}entry")]
    assert [one["id"] for one in feed["items"]] == ids
    assert feed["items"][1]["url"] == "https://quay.example/ann/posts/post-1"
    assert feed["items"][1]["content_html"] == "<h3>Heading</h3>\n<p>Body of post 1.</p>"


def test_a_rename_keeps_every_id(ann: Document, release: Release, urls: Urls) -> None:
    renamed = document(name={"username": "anna", "claim": 1})
    before, after = (feeds(one, release, urls)[1]["items"] for one in (ann, renamed))
    assert [one["id"] for one in before] == [one["id"] for one in after]
    assert [one["url"] for one in before] != [one["url"] for one in after]


def test_only_the_newest_thirty_posts_are_in_a_feed(release: Release, urls: Urls) -> None:
    posts = [post(1, id=f"post{n:04d}", slug=f"p{n}") for n in range(31)]
    atom, feed = feeds(document(posts=posts), release, urls)
    assert len(feed["items"]) == len(atom.findall(f"{ATOM}entry")) == 30


@pytest.mark.parametrize("text", ["]]></content>&<b>", "</title><script>", "\"quoted\" & 'single' <é>"])
def test_hostile_text_does_not_break_a_feed(text: str, release: Release, urls: Urls) -> None:
    one = document(profile={"name": text}, posts=[post(1, title=text, body=text, tags=[text])])
    atom, feed = feeds(one, release, urls)
    assert atom.findtext(f"{ATOM}title") == feed["title"] == text
    entry = atom.find(f"{ATOM}entry")
    assert entry is not None and entry.findtext(f"{ATOM}title") == text
    assert [one.tag for one in entry].count(f"{ATOM}content") == 1
    assert "<script" not in feed["items"][0]["content_html"]


def test_a_sensitive_profiles_feed_shows_no_media(release: Release, urls: Urls) -> None:
    atom, feed = feeds(document(profile={"sensitive": True}), release, urls)
    assert "_media/" not in json.dumps(feed) + ElementTree.tostring(atom, "unicode")
