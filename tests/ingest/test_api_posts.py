"""Posts by the API: writing, slugs, scheduling, conditions."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.ingest.studios import Creator, Studio


def write(ann: Creator, **fields: Any) -> dict[str, Any]:
    reply = ann.http.post(ann.path + "/posts", json={"title": "Boats"} | fields)
    assert reply.status_code == 201, reply.text
    post: dict[str, Any] = ann.get(f"/posts/{reply.json()['id']}").json()
    return post


def test_a_post_gets_an_address_and_a_date_of_its_own(ann: Creator) -> None:
    first, second = write(ann, state="published"), write(ann, title="Boats!")
    assert (first["slug"], second["slug"]) == ("boats", "boats-2")
    assert first["date"] == time.strftime("%Y-%m-%d", time.gmtime())
    assert first["url"] == "https://pages.example/ann/posts/boats"
    assert second["url"] == "" and second["state"] == "draft"
    assert write(ann, title="🎨")["slug"] == "post"


def test_a_post_is_replaced_under_its_own_etag(ann: Creator) -> None:
    post = write(ann)
    url = f"{ann.path}/posts/{post['id']}"
    tag = ann.http.get(url).headers["etag"]
    ann.edit(bio="another edit of the profile")
    assert ann.http.put(url, json={"title": "Ships"}).status_code == 428
    reply = ann.http.put(url, json={"title": "Ships", "body": "Big."}, headers={"if-match": tag})
    assert reply.status_code == 200
    after = ann.http.get(url)
    assert after.headers["etag"] == reply.headers["etag"] != tag
    assert (after.json()["title"], after.json()["slug"]) == ("Ships", "boats")
    late = ann.http.put(url, json={"title": "Late"}, headers={"if-match": tag})
    assert late.status_code == 412 and f'"{late.json()["edit"]}"' == after.headers["etag"]


def test_a_scheduled_post_wakes_the_worker_when_it_is_due(studio: Studio, ann: Creator) -> None:
    at = int(time.time()) + 3600
    post = write(ann, state="scheduled", publish_at=at)
    assert (post["state"], post["publish_at"]) == ("scheduled", at)
    due = [(one.profile_id, one.at) for one in studio.store.changes.due(at, 100)]
    assert (ann.profile_id, at) in due


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"title": ""}, {"title"}),
        ({"state": "scheduled"}, {"publish_at"}),
        ({"state": "scheduled", "publish_at": 1}, {"publish_at"}),
        ({"state": "scheduled", "publish_at": 10**15}, {"publish_at"}),
        ({"date": "2026-02-31"}, {"date"}),
        ({"date": "soon"}, {"date"}),
        ({"slug": "Not A Slug"}, {"slug"}),
        ({"slug": "taken"}, {"slug"}),
        ({"media": ["nothing0"]}, {"media.0"}),
        ({"state": "live", "id": "x"}, {"state", "id"}),
        ({"body": "x" * 20_001}, {"body"}),
    ],
)
def test_a_bad_post_is_refused_by_its_fields(ann: Creator, fields: dict[str, Any], wrong: set[str]) -> None:
    write(ann, slug="taken")
    reply = ann.http.post(ann.path + "/posts", json={"title": "Boats"} | fields)
    assert reply.status_code == 422
    assert set(reply.json()["fields"]) == wrong


def test_posts_come_newest_first_in_pages(ann: Creator) -> None:
    for day in (3, 1, 2):
        write(ann, title=f"Day {day}", date=f"2026-01-0{day}")
    first = ann.get("/posts?limit=2").json()
    assert [post["title"] for post in first["posts"]] == ["Day 3", "Day 2"]
    rest = ann.get(f"/posts?limit=2&after={first['next']}").json()
    assert [post["title"] for post in rest["posts"]] == ["Day 1"] and rest["next"] is None
    assert ann.get("/posts?limit=0").status_code == ann.get("/posts?after=nothing0").status_code == 422


def test_a_deleted_post_is_gone(ann: Creator) -> None:
    post = write(ann)
    url = f"{ann.path}/posts/{post['id']}"
    assert ann.http.delete(url, headers={"if-match": '"1"'}).status_code == 412
    assert ann.http.delete(url, headers={"if-match": f'"{post["edit"]}"'}).status_code == 200
    assert ann.http.get(url).status_code == ann.http.delete(url).status_code == 404
