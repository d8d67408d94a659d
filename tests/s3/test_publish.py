"""Publishing to a real S3 server over a bad line: whichever call is befallen by whatever, nothing old stays, nothing is left."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from core import keys
from core.errors import HoldfastError, OutcomeUnknown, Stale, Unavailable
from core.objects.s3 import S3Objects
from core.settings import SiteSettings
from generator.release import Release, load_release
from pipeline.survey import Survey
from pipeline.tidy import remove_expired
from pipeline.verify import differences
from tests.gateway import EACH, Gateway
from tests.pipeline.little_site import Site
from tests.s3.proxy import LOST_CALL, LOST_REPLY, PASS, Call, Decide, Fault, Proxy, late, proxy_to, says
from tests.s3.watch import Watch

FAULTS = {
    "reply lost": LOST_REPLY,
    "call lost": LOST_CALL,
    "late": late(0.05),
    "busy": says(503, "SlowDown"),
    "busy, and done": says(503, "SlowDown", arrives=True),
    "conflict": says(409, "ConditionalRequestConflict"),
    "failed": says(500, "InternalError"),
    "failed, and done": says(500, "InternalError", arrives=True),
    "expired": says(400, "ExpiredToken"),
}
TRIES = 20


@pytest.fixture(scope="module")
def release() -> Release:
    return load_release(SiteSettings())


class BadSite(Site):
    """A site whose worker reaches its buckets by a line that can break. `truth` reads them directly."""

    def __init__(self, folder: Path, release: Release, gateway: Gateway, proxy: Proxy) -> None:
        region = gateway.region(read_s=2, connect_s=2)
        through = gateway.clients(region.model_copy(update={"endpoint": proxy.endpoint}))
        super().__init__(
            folder, release, (S3Objects(through, region.public), S3Objects(through, region.private))
        )
        self.proxy = proxy
        self.truth = S3Objects(gateway.clients(region), region.public)

    def settle(self, profile_id: str) -> None:
        """As a worker does: tries until it is done."""
        for _ in range(TRIES):
            try:
                self.publish(profile_id)
                return
            except (Unavailable, Stale):
                continue
        raise AssertionError("never done")


@pytest.fixture
def bad(tmp_path: Path, release: Release, gateway: Gateway) -> Iterator[BadSite]:
    with proxy_to(gateway.server.endpoint) as proxy:
        site = BadSite(tmp_path, release, gateway, proxy)
        yield site
        proxy.decide = lambda _: PASS
        site.store.close()


def nth_write(number: int, fault: Fault) -> Decide:
    """Befalls one write."""
    seen = [0]

    def decide(call: Call) -> Fault:
        if not call.writes:
            return PASS
        seen[0] += 1
        return fault if seen[0] == number + 1 else PASS

    return decide


def begin(site: Site, name: str) -> str:
    """Published with two posts and a picture."""
    ann = site.sign_up(name)
    site.post(ann, "first")
    site.post(ann, "second")
    site.upload(ann, f"medium{name}")
    site.publish(ann)
    return ann


def change(site: Site, ann: str) -> None:
    """A new bio, a post gone, a post come, a picture more."""
    site.edit(ann, bio="Paints boats.")
    site.unpost(ann, "first")
    site.post(ann, "third")
    site.upload(ann, f"more{ann[:10]}")


def hide(site: Site, ann: str) -> None:
    site.edit(ann, visibility="private")


def leave(site: Site, ann: str) -> None:
    site.delete(ann)


def rename(site: Site, ann: str) -> None:
    site.rename(ann, f"z{ann[:10]}")


ACTS: list[Callable[[Site, str], None]] = [change, hide, leave, rename]


@pytest.mark.parametrize("act", ACTS, ids=[one.__name__ for one in ACTS])
@pytest.mark.parametrize(
    "gateway", EACH[:1], indirect=True
)  # it takes minutes, and what befalls a call is our own line
@pytest.mark.timeout(180)
def test_whichever_call_is_befallen_the_newest_is_shown_in_the_end(
    bad: BadSite, act: Callable[[Site, str], None]
) -> None:
    clean = begin(bad, "clean")
    act(bad, clean)
    bad.proxy.decide = lambda _: PASS
    bad.publish(clean)
    writes = sum(call.writes for call in bad.proxy.calls)
    assert writes > 5
    profiles, kinds = [], cycle(FAULTS)
    for befallen in list(range(writes)) * (3 if act is change else 1):
        kind, name = next(kinds), f"a{len(profiles)}"
        ann = begin(bad, name)
        act(bad, ann)
        bad.proxy.decide = nth_write(befallen, FAULTS[kind])
        bad.settle(ann)
        bad.proxy.decide = lambda _: PASS
        profiles.append((ann, f"{kind} at write {befallen}"))
    bad.proxy.settle()
    wrong = [(told, differences(bad.tools, ann)) for ann, told in profiles if differences(bad.tools, ann)]
    assert wrong == []
    left = [one for one in Survey(bad.tools, bad.folder / "scratch", -1).run() if one.kind != "orphan"]
    assert left == []
    if act is hide or act is leave:
        assert not [key for key in bad.truth.walk() if bad.status(key)[0] == 200]


def test_what_readers_see_never_goes_back_in_a_storm(bad: BadSite) -> None:
    """Two publishers of one profile, of which each call may be befallen by anything, beside a creator who edits."""
    dice = random.Random(7)
    ann = begin(bad, "ann")
    bad.proxy.decide = lambda _: dice.choice(list(FAULTS.values())) if dice.random() < 0.2 else PASS
    stop, failed = threading.Event(), list[BaseException]()

    def publish() -> None:
        while not stop.is_set():
            try:
                bad.publish(ann)
            except (Unavailable, Stale, OutcomeUnknown):
                continue
            except BaseException as error:
                failed.append(error)
                return

    threads = [threading.Thread(target=publish) for _ in range(2)]
    with Watch(bad.truth, [keys.page("ann")]) as watch:
        for thread in threads:
            thread.start()
        for number in range(25):
            bad.edit(ann, bio=f"Number {number}.")
            stop.wait(0.1)
        stop.set()
        for thread in threads:
            thread.join()
    bad.proxy.decide = lambda _: PASS
    bad.settle(ann)
    bad.proxy.settle()
    assert failed == []
    assert "Number 24." in bad.truth.get(keys.page("ann")).body.decode()
    assert len(watch.seen[keys.page("ann")]) > 3
    assert watch.falls == []
    assert differences(bad.tools, ann) == []


def test_while_all_of_storage_is_away_nothing_is_lost(bad: BadSite) -> None:
    ann = begin(bad, "ann")
    bad.proxy.decide = lambda _: LOST_CALL
    bad.edit(ann, bio="While it was away.")
    with pytest.raises(HoldfastError):
        bad.publish(ann)
    bad.proxy.decide = lambda _: PASS
    bad.settle(ann)
    assert "While it was away." in bad.text(keys.page("ann"))


def test_a_takedown_wins_over_a_late_copy_of_a_picture(bad: BadSite) -> None:
    """The copy of a picture arrives after the takedown that the picture was public before: the second look removes it."""
    ann = bad.sign_up("ann")
    bad.publish(ann)
    bad.upload(ann)
    bad.proxy.decide = lambda call: (
        late(0.3) if call.method == "PUT" and call.key.startswith("_media/") else PASS
    )
    with pytest.raises(HoldfastError):
        bad.publish(ann)
    bad.proxy.decide = lambda _: PASS
    bad.edit(ann, visibility="private")
    bad.settle(ann)
    bad.proxy.settle()
    remove_expired(bad.tools.buckets, ann, 0, bad.tools.child_grace_s)
    assert not list(bad.truth.walk("_media/"))
