"""A purge makes the new page show at once, and nothing older is kept after it; only the purger can call one."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

import edge.purge
from core import keys
from core.errors import Unavailable
from core.rank import Rank
from edge.app import PURGE
from edge.purge import BODY_BYTES_MAX, Heard, Purges
from tests.clock import Clock
from tests.edge.conftest import RENDITION, SECRET, Site, signed


def test_a_purge_makes_the_new_page_show_at_once(site: Site) -> None:
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    assert "Paints boats." in site.get("/ann").text
    answer = site.purge("/ann", 2)
    assert (answer.status_code, answer.json()) == (200, {"number": 2, "purged": 1, "reads": "main"})
    assert "Paints ships." in site.get("/ann").text
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"


def test_a_call_tells_which_regions_may_be_read(site: Site) -> None:
    regions = site.regions
    assert site.tell_in_sync(3, ["main", "west"]).status_code == 200
    assert (regions.epoch, regions.reads) == (3, "main")
    assert site.tell_in_sync(2, ["main"]).status_code == 200
    assert regions.epoch == 3
    for epoch, names in ((-1, ["main"]), (4, []), (4, "main"), (None, ["main"])):
        assert site.tell_in_sync(epoch, names).status_code == 400
    assert regions.epoch == 3


def test_a_deleted_pictures_folder_is_forgotten_by_one_path(site: Site, away: Unavailable) -> None:
    site.put(RENDITION, b"RIFF0000WEBP", type="image/webp")
    assert site.get(f"/{RENDITION}").status_code == 200
    site.objects.delete(RENDITION)
    assert site.get(f"/{RENDITION}").status_code == 200, "not purged yet"
    site.call({"path": f"/{RENDITION.rpartition('/')[0]}/", "rank": "", "hard": True})
    assert site.get(f"/{RENDITION}").status_code == 404
    site.storage.away = away
    assert site.get(f"/{RENDITION}").status_code != 200


def test_without_a_purge_a_page_is_new_after_its_time(site: Site) -> None:
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    for _ in range(12):
        site.clock.pass_by(10)
        site.call()
    assert "Paints ships." in site.get("/ann").text


def test_what_has_not_changed_is_only_asked_about(site: Site) -> None:
    site.get("/ann")
    site.purge("/ann")
    assert site.get("/ann").headers["cache-status"] == "holdfast; fwd=stale; fwd-status=304"
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"


def test_a_new_users_page_shows_at_once_where_nothing_was(site: Site) -> None:
    assert site.get("/bob").status_code == 404
    site.put_page("Bob is here.", key="bob/index.html")
    assert site.get("/bob").status_code == 404
    site.purge("/bob")
    assert "Bob is here." in site.get("/bob").text


def test_a_deleted_page_is_gone_at_once_even_while_storage_is_away(site: Site, away: Unavailable) -> None:
    site.get("/ann")
    site.put_page("Deleted.", 2, status=410)
    site.purge("/ann", 2, hard=True)
    site.storage.away = away
    assert site.get("/ann").status_code == 503
    site.storage.away = None
    assert site.get("/ann").status_code == 410


def test_after_a_soft_purge_the_old_page_stands_in_while_storage_is_away(
    site: Site, away: Unavailable
) -> None:
    site.get("/ann")
    site.purge("/ann", 2)
    site.storage.away = away
    assert "Paints boats." in site.get("/ann").text


def test_what_lags_behind_a_purge_is_not_kept(site: Site) -> None:
    site.purge("/ann", 7)
    late = site.get("/ann")
    assert "Paints boats." in late.text
    assert late.headers["cache-control"] == late.headers["cdn-cache-control"] == "no-store"
    assert late.headers["cache-status"] == "holdfast; fwd=bypass; detail=purged-meanwhile"
    assert site.storage.calls["get ann/index.html"] == 2, "read a second time, past caches"
    site.put_page("Paints ships.", 7)
    assert "Paints ships." in site.get("/ann").text
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"


def test_who_saw_the_new_page_never_sees_the_old_one_again(site: Site, away: Unavailable) -> None:
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    site.purge("/ann", 3)
    assert "Paints ships." in site.get("/ann").text, "though it was not kept"
    site.storage.away = away
    assert site.get("/ann").status_code == 503


@pytest.mark.parametrize(
    ("purged", "kept"),
    [
        (["1.1.6.1"], True),
        (["1.1.7.1"], True),
        (["1.1.8.1"], False),
        (["1.1.7.2"], False),
        (["1.1.6.2"], False),
        (["1.2.1.1"], False),
        (["2.1.1.1"], False),
        (["1.0.9.9"], True),
        (["1.1.8.1", "1.1.7.1"], False),
        (["1.1.6.1", "1.1.1.2"], False),
        ([None], True),
        (["1.1.8.1", None], False),
    ],
)
def test_a_fill_is_kept_only_if_it_covers_every_purge(
    site: Site, purged: list[str | None], kept: bool
) -> None:
    site.put_page("Seventh.", 7)
    site.call(*({"path": "/ann", "rank": rank} for rank in purged))
    assert ("no-store" not in site.get("/ann").headers["cache-control"]) is kept


def test_purges_of_other_paths_and_of_files_without_a_rank_keep_nothing_out(site: Site) -> None:
    site.put(RENDITION, b"RIFF0000WEBP", type="image/webp")
    site.call({"path": "/bob", "rank": "1.1.9.9"}, {"path": f"/{RENDITION}", "rank": "1.0.9.9", "hard": True})
    site.get("/ann"), site.get(f"/{RENDITION}")
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"
    assert site.get(f"/{RENDITION}").headers["cache-status"] == "holdfast; hit"


@pytest.mark.parametrize("rank", ["1.1.2.1", None], ids=["named with a rank", "named without"])
@pytest.mark.parametrize("cached_before", [False, True])
def test_a_read_begun_before_a_purge_is_not_kept(site: Site, cached_before: bool, rank: str | None) -> None:
    async def walk() -> list[Response]:
        if cached_before:
            await site_reader.get("/ann")
            site.clock.pass_by(61)
            await post(site_reader)
        has_it, go_on = site.storage.hold("ann/index.html")
        slow = asyncio.create_task(site_reader.get("/ann"))
        await asyncio.to_thread(has_it.wait, 10)
        site.put_page("Paints ships.", 2)
        await post(site_reader, {"path": "/ann", "rank": rank})
        joined = asyncio.create_task(site_reader.get("/ann"))
        await asyncio.sleep(0)
        go_on.set()
        return [await slow, await joined, await site_reader.get("/ann"), await site_reader.get("/ann")]

    async def run() -> list[Response]:
        nonlocal site_reader
        async with AsyncClient(transport=ASGITransport(site.app), base_url="http://edge") as site_reader:
            return await walk()

    site_reader = AsyncClient()
    slow, joined, after, later = asyncio.run(run())
    for answer in (slow, joined, after, later):
        assert "Paints ships." in answer.text
    assert slow.headers["cache-control"] == "no-store"
    assert later.headers["cache-status"] == "holdfast; hit"


async def post(client: AsyncClient, *purges: dict[str, Any]) -> None:
    body = json.dumps({"number": 9, "purges": purges})
    assert (await client.post(PURGE, content=body, headers=signed(body))).status_code == 200


def test_an_edge_nobody_calls_asks_storage_before_every_answer(site: Site) -> None:
    site.get("/ann")
    site.clock.pass_by(15.1)
    site.put_page("Paints ships.", 2)
    assert "Paints ships." in site.get("/ann").text
    assert site.get("/ann").headers["cache-status"] == "holdfast; fwd=stale; fwd-status=304"
    site.storage.away = ConnectionRefusedError("no route to the bucket")
    assert "Paints ships." in site.get("/ann").text


def test_an_edge_that_was_never_called_trusts_nothing_either(new_site: Callable[..., Site]) -> None:
    site = new_site()
    site.put_page("Paints boats.")
    site.get("/ann")
    site.put_page("Paints ships.", 2)
    assert "Paints ships." in site.get("/ann").text


def test_after_a_silence_all_from_before_is_asked_about_once(site: Site) -> None:
    site.get("/ann")
    site.clock.pass_by(15.1)
    site.put_page("Paints ships.", 2)
    site.call()
    assert "Paints ships." in site.get("/ann").text
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"


def test_heartbeats_keep_an_edge_trusting(site: Site) -> None:
    site.get("/ann")
    for _ in range(4):
        site.clock.pass_by(14)
        assert site.call().json()["purged"] == 0
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"


def test_what_is_remembered_of_purges_is_bounded_and_forgetting_keeps_nothing_wrongly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge.purge, "REMEMBERED_MAX", 2)
    purges = Purges(Clock())
    began = purges.sequence
    for path in ("/ann", "/bob", "/cat"):
        purges.note(path, Rank(1, 1, 2, 1))
    assert not purges.outranks("/ann", Rank(1, 1, 1, 1)), "forgotten"
    assert purges.since(began, "/ann"), "but who began before it can't rely on that"
    assert purges.outranks("/cat", Rank(1, 1, 1, 1))
    assert not purges.since(purges.sequence, "/ann")


# ── who may call, and with what ───────────────────────────────────────────────────────────────────────

BODY = json.dumps({"number": 1, "purges": [{"path": "/ann", "rank": "1.1.2.1"}]})
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret, of somebody else").decode()


@pytest.mark.parametrize(
    "sign",
    [
        dict,
        lambda: signed(BODY, OTHER_SECRET),
        lambda: signed(BODY.replace("ann", "bob")),
        lambda: signed(BODY, ago_s=600),
        lambda: signed(BODY, ago_s=-600),
        lambda: signed(BODY) | {"webhook-id": "msg_2"},
        lambda: signed(BODY) | {"webhook-signature": "v1"},
        lambda: signed(BODY) | {"webhook-signature": "v1,not-base64"},
        lambda: signed(BODY) | {"webhook-signature": "a,b,c"},
        lambda: signed(BODY) | {"webhook-timestamp": "nan"},
    ],
    ids=[
        "none",
        "other secret",
        "other body",
        "old",
        "early",
        "other id",
        "half",
        "no base64",
        "commas",
        "nan",
    ],
)
def test_a_call_that_is_not_the_purgers_is_refused(site: Site, sign: Callable[[], dict[str, str]]) -> None:
    site.get("/ann")
    # Signed now: tests are collected minutes before they run, and these times count.
    refused = site.reader.post(PURGE, content=BODY, headers=sign())
    assert refused.status_code == 401
    assert SECRET not in refused.text
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit", "and nothing was purged"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"purges": []}',
        '{"number": 1, "purges": [{"rank": "1.1.1.1"}]}',
        '{"number": 1, "purges": [{"path": "/ann", "rank": "1.1"}]}',
        '{"number": 1, "purges": [{"path": "/ann", "rank": "one"}]}',
        '{"number": 1, "purges": [{"path": "/ann", "hard": "perhaps"}]}',
        '{"number": 1, "purges": "/ann"}',
    ],
)
def test_a_call_that_makes_no_sense_is_400(site: Site, body: str) -> None:
    refused = site.reader.post(PURGE, content=body, headers=signed(body))
    assert refused.status_code == 400
    assert refused.json()["error"]


def test_bytes_that_are_no_text_are_refused(site: Site) -> None:
    assert site.reader.post(PURGE, content=b"\xff\xfe", headers=signed(BODY)).status_code == 401


def test_a_call_that_is_too_large_is_refused(site: Site) -> None:
    body = json.dumps({"number": 1, "purges": [], "padding": "x" * BODY_BYTES_MAX})
    assert site.reader.post(PURGE, content=body, headers=signed(body)).status_code == 413


def test_a_call_that_comes_again_is_answered_and_does_nothing(site: Site) -> None:
    site.put_page("Paints ships.", 2)
    headers = signed(BODY)
    told = [site.reader.post(PURGE, content=BODY, headers=headers).json()["purged"]]
    assert "Paints ships." in site.get("/ann").text
    for _ in range(2):
        again = site.reader.post(PURGE, content=BODY, headers=headers)
        assert again.status_code == 200
        told.append(again.json()["purged"])
        assert site.get("/ann").headers["cache-status"] == "holdfast; hit", "it was not even asked about"
    assert told == [1, 0, 0]


def test_a_heartbeat_that_somebody_recorded_keeps_no_edge_trusting(site: Site) -> None:
    body = json.dumps({"number": 1, "purges": []})
    headers = signed(body)
    site.reader.post(PURGE, content=body, headers=headers)
    site.get("/ann")
    site.clock.pass_by(14)
    assert site.reader.post(PURGE, content=body, headers=headers).status_code == 200
    site.clock.pass_by(2)
    assert site.get("/ann").headers["cache-status"] == "holdfast; fwd=stale; fwd-status=304"


def test_the_same_call_under_another_id_is_another_one(site: Site) -> None:
    assert [site.reader.post(PURGE, content=BODY, headers=signed(BODY)).json()["purged"] for _ in "12"] == [
        1,
        1,
    ]


def test_what_is_remembered_of_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    heard = Heard(clock)
    assert not heard.is_replay("one")
    clock.pass_by(599)
    assert heard.is_replay("one"), "its timestamp may still be good"
    clock.pass_by(2)
    assert not heard.is_replay("one"), "by now it isn't"
    monkeypatch.setattr(edge.purge, "IDS_MAX", 2)
    assert [heard.is_replay(one) for one in ("two", "three", "three", "one")] == [False, False, True, False]


def test_a_purge_of_what_is_older_than_what_is_kept_is_ignored(site: Site) -> None:
    site.put_page("Fifth.", 5)
    site.purge("/ann", 5)
    site.get("/ann")
    site.purge("/ann", 4)
    assert site.get("/ann").headers["cache-status"] == "holdfast; hit"
    site.purge("/ann", 5)
    assert site.get("/ann").headers["cache-status"] == "holdfast; fwd=stale; fwd-status=304"
    site.get("/ann")
    site.purge("/ann", 4, hard=True)
    assert site.get("/ann").headers["cache-status"].startswith("holdfast; fwd=uri-miss")


def test_a_call_can_only_be_posted(site: Site) -> None:
    refused = site.get(PURGE)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_paths_are_purged_as_keys_spell_them(site: Site) -> None:
    for key in ("ann/posts/été/index.html", keys.data("ann"), keys.atom("ann"), keys.HOME):
        site.put_page("Old.", key=key)
        path = keys.path_of(key)
        assert "Old." in site.get(path).text
        site.put_page("New.", 2, key=key)
        site.purge(path, 2)
        assert "New." in site.get(path).text
