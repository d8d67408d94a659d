"""What lies under a domain is published, moved and taken down like a page, fenced by the domain's own claim."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from core import keys
from core.store import MAIN, domains, waiting_list
from ingest.edits import Terms, change_profile
from pipeline.purge.targets import tags_of
from pipeline.survey import Survey
from tests.pipeline.little_site import EVERY_EDIT, Site

KEY = keys.domain("ann.example")


@pytest.fixture
def ann(site: Site) -> str:
    ann = site.sign_up("ann")
    wish(site, ann)
    site.publish(ann)
    return ann


def wish(site: Site, profile_id: str, domain: str = "ann.example") -> None:
    change_profile(site.store, profile_id, lambda old: old.model_copy(update={"domain": domain}), Terms())


def shown(site: Site) -> str:
    return str(json.loads(site.text(KEY))["username"])


def test_a_domain_says_whose_it_is(site: Site, ann: str) -> None:
    assert (site.status(KEY)[0], shown(site)) == (200, "ann")
    site.rename(ann, "anna")
    site.publish(ann)
    assert shown(site) == "anna"


def test_an_edit_does_not_write_it_again_nor_do_new_templates(site: Site, ann: str) -> None:
    site.public.wrote.clear()
    site.private.wrote.clear()
    site.edit(ann, bio="Paints boats.")
    site.publish(ann)
    assert KEY not in site.public.wrote
    assert set(site.public.wrote) == EVERY_EDIT - {"manifest"}


@pytest.mark.parametrize(
    ("gone", "status"),
    [
        (lambda site, ann: wish(site, ann, ""), 410),
        (lambda site, ann: wish(site, ann, "other.example"), 410),
        (lambda site, ann: site.delete(ann), 410),
        (lambda site, ann: site.edit(ann, visibility="private"), 404),
    ],
    ids=["dropped", "changed", "deleted", "private"],
)
def test_it_goes_with_what_it_says(
    site: Site, ann: str, gone: Callable[[Site, str], object], status: int
) -> None:
    gone(site, ann)
    site.publish(ann)
    assert site.status(KEY)[0] == status


def test_who_gets_it_purges_what_caches_have_of_who_had_it(site: Site, ann: str) -> None:
    site.tools = site.tools._replace(outside=("cache",))
    for profile, domain in ((ann, ""), (site.sign_up("bob"), "ann.example")):
        wish(site, profile, domain)
        site.publish(profile)
        (purge,) = site.store.purges.pending_of(waiting_list("cache", MAIN), profile)
        assert {keys.tag(profile), "n-ann.example"} <= set(tags_of(purge))


def test_it_comes_back(site: Site, ann: str) -> None:
    for change in ({"visibility": "private"}, {"visibility": "public"}):
        site.edit(ann, **change)
        site.publish(ann)
    assert (site.status(KEY)[0], shown(site)) == (200, "ann")
    for domain in ("", "ann.example"):
        wish(site, ann, domain)
        site.publish(ann)
    assert (site.status(KEY)[0], shown(site)) == (200, "ann")


def test_whoever_has_it_next_is_not_disturbed_by_who_had_it(site: Site, ann: str) -> None:
    wish(site, ann, "")
    bob = site.sign_up("bob")
    wish(site, bob)
    site.publish(bob)
    assert shown(site) == "bob"
    # Late, and once more without belief in what was recorded.
    site.publish(ann)
    site.publish(ann, trust=False)
    assert (site.status(KEY)[0], shown(site)) == (200, "bob")


def test_of_two_who_say_they_hold_it_readers_see_the_later_claim(
    site: Site, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That can't be, but readers need not rest on it."""
    bob = site.sign_up("bob")
    monkeypatch.setattr(domains, "_is_used", lambda *_: False)
    wish(site, bob)
    for first, second in ((ann, bob), (bob, ann)):
        site.publish(first, trust=False)
        site.publish(second, trust=False)
        assert shown(site) == "bob"


def test_all_of_it_is_as_the_survey_expects(
    site: Site, ann: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scratch = tmp_path_factory.mktemp("survey")
    assert list(Survey(site.tools, scratch / "first", -1).run()) == []
    wish(site, ann, "")
    site.publish(ann)
    assert list(Survey(site.tools, scratch / "second", -1).run()) == []
