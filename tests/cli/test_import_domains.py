"""An imported profile holds its domain as if its creator had saved it; where that can't be, it comes without, and is told of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli import adopting
from core.backends import Backends
from core.profile import Profile, Snapshot
from core.store import domains
from core.store.naming import found
from core.store.revise import revise
from ingest.edits import Terms, change_profile
from tests.cli.conftest import Holdfast

Load = Callable[[str], Snapshot]
DOMAIN = "ann.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "profiles"
    made.mkdir()
    return made


def write(folder: Path, username: str, domain: str, **profile: Any) -> None:
    """As `holdfast export` does."""
    told = {"name": username.title(), "domain": domain, **profile}
    file = {"format": "holdfast-profile", "version": 1, "username": username, "profile": told}
    (folder / f"{username}.json").write_text(json.dumps({**file, "posts": [], "media": []}))


def brought(holdfast: Holdfast, folder: Path) -> Any:
    return holdfast("import", folder, "--json").json


def held(snapshot: Snapshot) -> tuple[str, str]:
    """The domain that it wants, and the one that it holds."""
    head = snapshot.head
    return head.profile.domain, head.domain.domain if head.domain else ""


def test_a_domain_is_held_from_the_import_on(
    holdfast: Holdfast, folder: Path, profile: Load, backends: Backends
) -> None:
    write(folder, "ann", DOMAIN)
    report = brought(holdfast, folder)
    assert (report["created"], report["left_out"]) == (1, [])
    ann = profile("ann")
    assert held(ann) == (DOMAIN, DOMAIN)
    claim = backends.store.names.get(DOMAIN)
    assert claim and claim.profile_id == ann.head.id
    assert brought(holdfast, folder)["unchanged"] == 1
    assert profile("ann") == ann


def test_a_domain_that_another_has_is_left_out_and_told(
    holdfast: Holdfast, folder: Path, profile: Load, backends: Backends
) -> None:
    bob = found(backends.store, "bob", Profile(name="Bob")).head.id
    change_profile(backends.store, bob, lambda old: old.model_copy(update={"domain": DOMAIN}), Terms())
    write(folder, "ann", DOMAIN, bio="Paints boats.")
    for state in ("created", "unchanged"):
        report = brought(holdfast, folder)
        assert report[state] == 1
        (told,) = report["left_out"]
        assert told["notes"] == [f"domain: {DOMAIN} {domains.TAKEN['domain']}; left out"]
    ann = profile("ann")
    assert (held(ann), ann.head.profile.bio) == (("", ""), "Paints boats.")
    assert held(profile("bob")) == (DOMAIN, DOMAIN)


def test_a_file_with_a_domain_that_it_cannot_have_leaves_the_profile_its_own(
    holdfast: Holdfast, folder: Path, profile: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_SITE__URL", "https://people.example")
    write(folder, "ann", DOMAIN)
    brought(holdfast, folder)
    write(folder, "ann", "shop.people.example", bio="Paints boats.")
    report = brought(holdfast, folder)
    assert report["changed"] == 1
    assert "must be a domain of your own" in report["left_out"][0]["notes"][0]
    assert (held(profile("ann")), profile("ann").head.profile.bio) == ((DOMAIN, DOMAIN), "Paints boats.")


def test_who_loses_a_race_for_it_is_told_as_well(
    holdfast: Holdfast, folder: Path, profile: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopting, "_without_taken", lambda _, candidate, head: candidate)
    for username in ("ann", "bob"):
        write(folder, username, DOMAIN)
    report = brought(holdfast, folder)
    assert [(one["username"], DOMAIN in one["notes"][0]) for one in report["left_out"]] == [("bob", True)]
    assert (held(profile("ann")), held(profile("bob"))) == ((DOMAIN, DOMAIN), ("", ""))


def test_one_that_an_earlier_import_only_wrote_down_is_held_by_the_next(
    holdfast: Holdfast, folder: Path, profile: Load, backends: Backends
) -> None:
    ann = found(backends.store, "ann", Profile(name="Ann")).head.id

    def written_down(old: Snapshot) -> Snapshot:
        profile = old.head.profile.model_copy(update={"domain": DOMAIN})
        return old.model_copy(update={"head": old.head.model_copy(update={"profile": profile})})

    revise(backends.store, ann, written_down, writer="import", what="imported", by_creator=True)
    write(folder, "ann", DOMAIN)
    assert brought(holdfast, folder)["changed"] == 1
    assert held(profile("ann")) == (DOMAIN, DOMAIN)
