"""The walk on a real S3 server: an edit, a picture, an outage of all object storage, a rebuild that is killed, a restore."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.gateway.server import Server
from core.rank import read_rank
from tests.gateway import Gateway, gateway
from tests.house import House

pytestmark = [pytest.mark.server("versitygw"), pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def storage(credentials: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A server of this module's own, since it is hurt."""
    with gateway("versitygw", tmp_path_factory.mktemp("storage")) as started:
        yield started


def settings(storage: Gateway) -> dict[str, str]:
    region = storage.region()
    return {
        "objects__backend": "s3",
        "objects__endpoint": region.endpoint,
        "objects__profile": region.profile,
        "objects__public": region.public,
        "objects__private": region.private,
        "objects__read_s": "2",
        "studio__writes_per_minute": "100000",
        "studio__logins_per_minute": "100000",
    }


@pytest.fixture(scope="module")
def house(storage: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), **settings(storage)) as running:
        yield running


def test_an_edit_and_a_picture_go_live(house: House, photo: Path) -> None:
    ann = house.sign_up("ann")
    ann.edit(bio="Paints boats.")
    ann.wait_live()
    assert "Paints boats." in house.visit("/ann").text
    ann.upload(photo)
    ann.wait_live(media=True)
    page = house.visit("/ann").text
    (source, *_) = re.findall(r'srcset="([^ "]+)', page)
    picture = house.visit(source.removeprefix(house.edge))
    assert picture.status_code == 200
    assert picture.headers["content-type"].startswith("image/")
    assert list((house.data).glob("public/*")) == [], "nothing lies in a folder"


def test_while_all_of_storage_is_away_edits_are_taken_and_go_live_afterwards(
    house: House, storage: Gateway, photo: Path
) -> None:
    bea = house.sign_up("bea")
    bea.edit(bio="Before.")
    bea.wait_live()
    assert "Before." in house.visit("/bea").text
    server: Server = storage.server
    server.kill()
    try:
        began = time.monotonic()
        bea.edit(bio="While it was away.")
        assert time.monotonic() - began < 5, "an edit needs no object storage"
        assert bea.client.receipt(bea.id)["state"] == "accepted"
        page = house.visit("/bea")
        assert (page.status_code, "Before." in page.text) == (200, True), "what the edge remembers is served"
        with pytest.raises(Exception, match=r"503|Unavailable"):
            bea.upload(photo)
    finally:
        server.start()
    bea.wait_live()
    assert "While it was away." in house.visit("/bea").text


def test_a_rebuild_that_is_killed_goes_on(house: House) -> None:
    for number in range(30):
        house.sign_up(f"artist{number}")
    house.holdfast("rebuild", "--all", "--json")
    total = plan(house)["profiles"]
    command = [sys.executable, "-m", "cli.main", "rebuild", "--all", "--per-s", "4", *house.flags]
    running = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env=house.environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ends = time.monotonic() + 60
    while not (done := plan(house)["done"]) and time.monotonic() < ends:
        time.sleep(0.2)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert 0 < done < total
    left = plan(house)
    assert left["done"] + left["profiles"] == total
    again = house.holdfast("rebuild", "--all", "--json")
    assert json.loads(again.stdout)["profiles"] == left["profiles"]
    assert (plan(house)["profiles"], plan(house)["done"]) == (total, 0), "it has come to its end"


def plan(house: House) -> dict[str, int]:
    told: dict[str, int] = json.loads(house.holdfast("rebuild", "--all", "--dry-run", "--json").stdout)
    return told


def test_all_but_the_backup_is_destroyed_and_the_same_pages_come_back(
    house: House, storage: Gateway, tmp_path: Path, photo: Path
) -> None:
    """From buckets to other buckets, and from one store to another, by commands alone."""
    eva, finn = house.sign_up("eva"), house.sign_up("finn")
    eva.edit(bio="Paints boats.")
    eva.post(title="On varnish", body="Three thin coats.", state="published")
    eva.upload(photo)
    for one in (eva, finn):
        one.wait_settled()
    target = str(tmp_path / "backups")
    total = plan(house)["profiles"]
    assert house.holdfast("backup", target).returncode == 0
    paths = ["/eva", "/eva/posts/on-varnish", "/eva/feed.json", "/finn", "/nobody"]
    before = {path: house.visit(path) for path in paths}
    other = House(tmp_path / "other", "serve", "edge", **settings(storage))
    other.http.close()
    other.folder.mkdir()
    restored = other.holdfast("restore", target, "--json")
    assert restored.returncode == 0, restored.stderr
    told = json.loads(restored.stdout)
    assert (told["profiles"], told["life"], told["notes"]) == (total, 2, [])
    verified = other.holdfast("verify", "--json")
    assert json.loads(verified.stdout)["differences"] == {}, verified.stderr
    edge = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve", "edge", *other.flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**other.environment, "HOLDFAST_SITE__URL": house.edge},
    )
    try:
        ends = time.monotonic() + 30
        while not _answers(other.edge) and time.monotonic() < ends:
            time.sleep(0.1)
        for path, page in before.items():
            now = httpx.get(f"{other.edge}{path}", trust_env=False)
            assert now.status_code == page.status_code, path
            rank = read_rank(now.content)
            assert rank is None or rank.life == 2
            assert _words(now.text, other.edge) == _words(page.text, house.edge), path
    finally:
        edge.terminate()
        edge.wait(20)


def _answers(edge: str) -> bool:
    try:
        return httpx.get(f"{edge}/-/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _words(text: str, edge: str) -> str:
    """The page without its rank and the site's own address."""
    lines = [line for line in text.splitlines() if "holdfast" not in line[:20]]
    return "\n".join(lines).replace(edge, "https://site")
