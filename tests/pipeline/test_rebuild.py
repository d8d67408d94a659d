"""A rebuild by the workers: announced in the log, counted when published, at the workers' own pace."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from core.errors import Unavailable
from core.store import MAIN
from pipeline import rebuild
from pipeline.rebuild import Diary, Met, Scope, Sharing, Stand, select
from tests.pipeline.little_site import Site
from tests.pipeline.test_worker import working

pytestmark = pytest.mark.usefixtures("no_cards")
ALL = Scope("all")


@pytest.fixture
def ids(site: Site) -> list[str]:
    return sorted(site.sign_up(f"artist{number}") for number in range(12))


def rollouts(site: Site, ids: list[str]) -> set[int]:
    reached = (site.store.published.get(one, MAIN, site.store.life).get("published") for one in ids)
    return {one.mark.rollout if one else 0 for one in reached}


def test_workers_share_what_is_announced(site: Site, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "ANNOUNCED_MAX", 5)
    heard: list[tuple[int, str]] = []
    with working(site), working(site):
        site.store.rollouts.promote(
            site.tools.release.fingerprint, site.tools.release.bare_fingerprint, anew=True
        )
        sharing = Sharing(site.tools, None, patience_s=20)
        done = lambda count, last: heard.append((count, last.walked.profile_id))  # noqa: E731
        assert sharing.run(select(site.tools, ALL, Stand()), done) == 12
    assert rollouts(site, ids) == {2}
    assert heard == [(5, ids[4]), (5, ids[9]), (2, ids[11])]


def test_only_what_is_wanted_is_announced(site: Site, ids: list[str]) -> None:
    with working(site):
        sharing = Sharing(site.tools, None, patience_s=20)
        assert sharing.run(select(site.tools, ALL, Stand()), lambda *_: None) == 12
    site.edit(ids[3], bio="Newer.")
    stale = [met for met in select(site.tools, Scope("stale"), Stand()) if met.wanted]
    assert [met.walked.profile_id for met in stale] == [ids[3]]


def test_where_no_worker_is_at_it_it_is_said(site: Site, ids: list[str]) -> None:
    site.store.rollouts.promote(
        site.tools.release.fingerprint, site.tools.release.bare_fingerprint, anew=True
    )
    with pytest.raises(Unavailable, match="holdfast worker"):
        Sharing(site.tools, None, patience_s=0.2).run(select(site.tools, ALL, Stand()), lambda *_: None)


def test_who_has_no_name_is_not_waited_for(
    site: Site, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = site.store.profiles.head
    monkeypatch.setattr(
        site.store.profiles,
        "head",
        lambda one: load(one).model_copy(update={"name": None}) if one == ids[0] else load(one),
    )
    first = list(islice(select(site.tools, ALL, Stand()), 1))
    assert Sharing(site.tools, None, patience_s=0.2).run(iter(first), lambda *_: None) == 1


def test_it_goes_no_faster_than_it_may(site: Site, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "ANNOUNCED_MAX", 2)
    rested: list[float] = []
    with working(site):
        monkeypatch.setattr(rebuild.time, "sleep", lambda s: (rested.append(s), threading.Event().wait(0.01)))
        Sharing(site.tools, 0.5, patience_s=20).run(select(site.tools, ALL, Stand()), lambda *_: None)
    assert max(rested) > 15


def test_a_stand_is_kept_for_each_scope_and_rollout(site: Site, ids: list[str]) -> None:
    diary = Diary(site.tools, ALL)
    assert diary.read() == Stand()
    diary.write(Stand(0, ids[4], 5, 9, 1))
    assert Diary(site.tools, ALL).read() == Stand(0, ids[4], 5, 9, 1)
    assert Diary(site.tools, Scope("stale")).read() == Stand()
    behind: list[Met] = list(select(site.tools, ALL, diary.read()))
    assert [met.walked.profile_id for met in behind] == ids[5:]
    site.store.rollouts.promote("another", "another")
    assert Diary(site.tools, ALL).read() == Stand()
    diary.close()
    assert diary.read() == Stand()
