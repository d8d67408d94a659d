"""A walk of a purge: from an edit through our edges to a cache in front, which is looked through, and to a webhook."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from core import keys
from pipeline.listing import shard_of
from tests.house import Creator, House
from tests.pipeline.targets.test_webhook import NEW as SECRET
from tests.pipeline.targets.vendor import Answer, Vendor, running

pytestmark = pytest.mark.slow
PATIENCE_S = 30.0


class Cache(Vendor):
    """A cache in front of a house: it keeps each page until a purge, and takes webhooks, too. While it is `lying` it says
    yes to purges, and keeps everything."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, bytes] = {}
        self.statuses: dict[str, int] = {}
        self.lying = False
        self.on_purge = self._purged
        self.house: House | None = None

    def answer(self, asked: Any) -> Answer:
        if asked.method != "GET" or not self.house:
            return super().answer(asked)
        if asked.path not in self.kept:
            found = self.house.visit(asked.path)
            self.kept[asked.path], self.statuses[asked.path] = found.content, found.status_code
        return Answer(self.statuses[asked.path], self.kept[asked.path])

    def _purged(self) -> None:
        if not self.lying:
            self.kept.clear()

    @property
    def hooks(self) -> list[Any]:
        return [asked for asked in self.purges if asked.method == "POST"]


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cache]:
    monkeypatch.setenv("HOOK_SECRETS", SECRET)
    yield from running(Cache)


@contextmanager
def behind(cache: Cache, folder: Path) -> Iterator[House]:
    targets = [
        {"kind": "varnish", "name": "cache", "addresses": [cache.url], "again_s": 0.5},
        {"kind": "webhook", "name": "hook", "url": f"{cache.url}/hook", "secrets_env": "HOOK_SECRETS"},
    ]
    with House(folder, purge__target=json.dumps(targets)) as house:
        cache.house = house
        yield house


def wait_for(what: Callable[[], Any]) -> Any:
    ends = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < ends, "It never came."
        time.sleep(0.05)
    return found


def proven(creator: Creator) -> Any:
    (told,) = creator.client.receipt(creator.id)["caches"] or [{"proven": None}]
    return told["proven"]


def test_an_edit_reaches_a_cache_in_front_and_a_webhook(cache: Cache, tmp_path: Path) -> None:
    with behind(cache, tmp_path) as house:
        ann = house.sign_up("ann")
        ann.edit(bio="Paints boats.")
        live = ann.wait_live()
        assert wait_for(lambda: proven(ann))["revision"] >= live["revision"]
        assert b"Paints boats." in cache.kept["/ann"]
        hook = wait_for(lambda: cache.hooks)[0]
        told = Webhook(SECRET).verify(hook.body, hook.headers)
        assert told["type"] == "profile.purged"
        assert keys.name_tag("ann") in told["data"]["tags"]


def test_a_cache_that_lies_is_found_out_and_told_again_until_it_does_it(cache: Cache, tmp_path: Path) -> None:
    with behind(cache, tmp_path) as house:
        ann = house.sign_up("ann")
        ann.wait_live()
        wait_for(lambda: proven(ann))
        cache.lying = True
        ann.edit(bio="Paints ships.")
        assert ann.wait_live()["state"] == "live"
        wait_for(lambda: "purge_unproven" in (house.data / "logs" / "worker.log").read_text())
        assert not proven(ann)
        assert b"Paints ships." not in cache.kept["/ann"]
        cache.lying = False
        wait_for(lambda: proven(ann))
        assert b"Paints ships." in cache.kept["/ann"]


def test_a_purge_that_waits_survives_the_worker(cache: Cache, tmp_path: Path) -> None:
    with behind(cache, tmp_path) as house:
        ann = house.sign_up("ann")
        ann.wait_live()
        wait_for(lambda: proven(ann))
        cache.usual = lambda _: Answer(503)
        ann.edit(bio="Paints ships.")
        ann.wait_live()
        told = json.loads(house.holdfast("status", "--json").stdout)
        assert told["purges_outside"]["cache"] >= 1
        (worker,) = worker_of(house)
        os.kill(worker, signal.SIGKILL)
        cache.usual = lambda _: Answer()
        wait_for(lambda: proven(ann))
        assert b"Paints ships." in cache.kept["/ann"]


def worker_of(house: House) -> list[int]:
    """Processes whose data folder is this house's, and which are its worker."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"cli.main worker" in command and f"HOLDFAST_DATA__DIR={house.data}".encode() in environment:
            found.append(int(folder.name))
    return found


def test_a_takedown_is_proven_when_no_sitemap_lists_it_anywhere(cache: Cache, tmp_path: Path) -> None:
    with behind(cache, tmp_path) as house:
        una = house.sign_up("una")
        una.wait_live()
        house.holdfast("rebuild", "--all")  # which draws the sitemap at once
        shard = keys.path_of(keys.sitemap_shard(shard_of(una.id)))
        places = house.edge, cache.url
        assert ["/una<" in httpx.get(place + shard, trust_env=False).text for place in places] == [True, True]
        una.edit(visibility="private")
        una.wait_live()
        assert "/una<" not in house.visit(shard).text
        wait_for(lambda: proven(una))
        assert "/una<" not in httpx.get(cache.url + shard, trust_env=False).text
