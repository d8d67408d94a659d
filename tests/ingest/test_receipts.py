"""Receipts: how far an edit has got, asked for and streamed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from core.rank import Mark
from core.settings import SiteSettings, load
from core.store import Reached
from core.store.revise import revise
from ingest.crossing import Crossing
from ingest.receipts import CacheTime, Outside, Receipt, StageTime, follow, outside_of, receipt
from tests.ingest.pictures import png
from tests.ingest.studios import Creator, Studio


def events(creator: Creator, query: str = "") -> list[dict[str, Any]]:
    with creator.http.stream("GET", f"{creator.path}/receipt/events{query}") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line[5:]) for line in reply.iter_lines() if line.startswith("data:")]


def test_a_receipt_goes_from_accepted_to_live(studio: Studio, ann: Creator) -> None:
    revision = ann.edit(bio="calm").json()["revision"]
    receipt = ann.get("/receipt").json()
    assert (receipt["state"], receipt["revision"], receipt["published"]) == ("accepted", revision, None)
    for stage in ("published", "purged", "live"):
        studio.publish(ann.profile_id, stage)
        receipt = ann.get(f"/receipt?revision={revision}").json()
        assert receipt["state"] == stage
    assert receipt["accepted"]["at_ms"] <= receipt["published"]["at_ms"] <= receipt["live"]["at_ms"]


def test_a_receipt_and_the_answer_to_the_write_tell_the_same_millisecond(
    ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time()) + 0.4567
    monkeypatch.setattr(time, "time", lambda: now)
    done = ann.http.post(ann.path + "/posts", json={"title": "Boats"}).json()
    assert done["accepted_at_ms"] == int(now * 1000)
    assert ann.get("/receipt").json()["accepted"]["at_ms"] == int(now * 1000)


def test_a_later_publish_holds_earlier_edits_and_an_older_one_does_not(studio: Studio, ann: Creator) -> None:
    first = ann.edit(bio="one").json()["revision"]
    studio.publish(ann.profile_id)
    second = ann.edit(bio="two").json()["revision"]
    assert ann.get(f"/receipt?revision={first}").json()["state"] == "live"
    assert ann.get(f"/receipt?revision={second}").json()["state"] == "accepted"
    when = ann.get(f"/receipt?revision={first}").json()["live"]
    studio.publish(ann.profile_id)
    assert ann.get(f"/receipt?revision={second}").json()["live"]["revision"] == second
    assert ann.get(f"/receipt?revision={first}").json()["live"] == when


def test_the_stream_tells_each_stage_and_ends_when_live(studio: Studio, ann: Creator) -> None:
    revision = ann.edit(bio="calm").json()["revision"]
    timer = threading.Timer(0.2, studio.publish, (ann.profile_id,))
    timer.start()
    seen = events(ann, f"?revision={revision}")
    timer.join()
    assert seen[0]["state"] == "accepted" and seen[-1]["state"] == "live"


def test_a_stream_reads_the_history_once_and_tells_what_a_single_receipt_tells(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ann.edit(bio="calm").json()["revision"]
    ann.edit(bio="stormy")
    reads, history = [], studio.store.profiles.history

    def counting(profile_id: str) -> Any:
        reads.append(profile_id)
        return history(profile_id)

    monkeypatch.setattr(studio.store.profiles, "history", counting)
    timer = threading.Timer(0.3, studio.publish, (ann.profile_id,))
    timer.start()
    seen = events(ann, f"?revision={first}")
    timer.join()
    assert len(reads) == 1
    assert seen[-1] == ann.get(f"/receipt?revision={first}").json()
    assert seen[-1]["accepted"]["revision"] == first


def test_who_follows_a_receipt_rests_longer_than_its_reads_take(studio: Studio, ann: Creator) -> None:
    ann.edit(bio="calm")
    site, crossing, asked = SiteSettings(), Crossing(1), []

    def load_slowly() -> Receipt:
        asked.append(time.monotonic())
        time.sleep(0.1)
        return receipt(studio.store, site, ann.profile_id)

    async def watch() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                async for _ in follow(crossing, load_slowly):
                    continue

    asyncio.run(watch())
    crossing.close()
    assert 2 <= len(asked) <= 3, "0.1 s of reads and 0.3 s of rest"


def test_a_stream_until_settled_waits_for_media(studio: Studio, ann: Creator) -> None:
    ann.upload(png())
    studio.publish(ann.profile_id)

    def fail() -> None:
        revise(
            studio.store,
            ann.profile_id,
            lambda old: old.model_copy(
                update={
                    "media": tuple(
                        m.model_copy(update={"state": "failed", "failure": "is cut off"}) for m in old.media
                    )
                }
            ),
            writer="worker01",
            what="failed",
            by_creator=False,
        )

    timer = threading.Timer(0.2, fail)
    timer.start()
    seen = events(ann, "?until=settled")
    timer.join()
    assert [one["media"][0]["state"] for one in (seen[0], seen[-1])] == ["uploaded", "failed"]
    assert seen[-1]["media"][0]["failure"] == "is cut off"


def test_streams_are_bounded_for_each_account(studio: Studio, ann: Creator) -> None:
    ann.edit(bio="calm")
    with ExitStack() as stack:
        url = ann.path + "/receipt/events"
        streams = [stack.enter_context(ann.http.stream("GET", url)).iter_lines() for _ in range(12)]
        for lines in streams:
            next(lines)
        assert ann.get("/receipt/events").status_code == 429
        studio.publish(ann.profile_id)
        for lines in streams:
            assert any('"state":"live"' in line for line in lines)
    assert len(events(ann)) == 1


def test_a_receipt_of_no_such_revision_is_404(ann: Creator) -> None:
    assert ann.get("/receipt?revision=999").status_code == 404
    assert ann.get("/receipt/events?revision=999").status_code == 404
    assert ann.get("/receipt?revision=x").status_code == 422


def test_a_receipt_says_what_caches_in_front_have_had_and_by_when_the_rest_is_over(
    studio: Studio, ann: Creator
) -> None:
    outside = Outside(("cf",), outlives_s=600)

    def now() -> Receipt:
        return receipt(studio.store, SiteSettings(), ann.profile_id, outside=outside)

    revision = ann.edit(bio="calm").json()["revision"]
    assert now().caches == ()
    studio.publish(ann.profile_id)
    (cache,) = now().caches
    live = now().live
    assert live
    assert cache == CacheTime(name="cf", expired_by_ms=live.at_ms + 600_000)
    mark = Mark(studio.store.life, revision, 1)
    studio.store.published.record(ann.profile_id, "to/cf", Reached("purged", mark, 1000))
    (cache,) = now().caches
    assert (cache.purged, cache.proven) == (StageTime(at_ms=1000, revision=revision), None)
    studio.store.published.record(ann.profile_id, "to/cf", Reached("live", mark, 2000))
    (cache,) = now().caches
    assert (cache.proven, cache.expired_by_ms) == (StageTime(at_ms=2000, revision=revision), None)
    ann.edit(bio="calmer")
    studio.publish(ann.profile_id)
    assert now().caches[0].proven is None, "that was of an earlier revision"


def test_a_webhook_is_no_cache_that_a_receipt_speaks_of(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(
        '[[purge.target]]\nkind = "nginx"\nname = "front"\naddresses = ["http://a"]\n'
        '[[purge.target]]\nkind = "webhook"\nname = "hook"\nurl = "http://b"\nsecrets_env = "HOOK"\n'
        "[edge]\ncdn_s = 60\nstale_s = 600\n"
    )
    assert outside_of(load(file, {})) == Outside(("front",), 660)
