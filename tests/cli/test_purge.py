"""`holdfast purge`, `failures` and `retry` about caches in front: what waits there, what they would not take, and trying it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import keys
from core.backends import Backends
from core.objects import Headers
from core.profile import Profile
from core.rank import Mark, Rank
from core.store import MAIN, Purge, PurgePath, Reached
from core.store.naming import found
from pipeline.manifest import Entry, Manifest, Place, encode
from pipeline.purge.aside import disable, put_aside
from tests.cli.conftest import Holdfast

TARGET = """
[purge]
edges = []

[[purge.target]]
kind = "varnish"
name = "cache"
addresses = ["http://127.0.0.1:9"]
"""


@pytest.fixture
def ann(backends: Backends, tmp_path: Path) -> str:
    """Published, on a site with a Varnish in front."""
    (tmp_path / "site.toml").write_text(TARGET)
    profile_id = found(backends.store, "ann", Profile(name="Ann")).head.id
    mark = Mark(backends.store.life, 1, 1)
    entries = {Place("public", keys.page("ann")): Entry(Rank(backends.store.life, 1, 1, 1))}
    backends.private.put(keys.manifest(profile_id), encode(Manifest(mark=mark, entries=entries)), Headers())
    return profile_id


def purge_of(profile_id: str, number: int = 1) -> Purge:
    return Purge(
        f"purge{number}", profile_id, Mark(1, number, 1), (PurgePath("/ann", "1.1.1.1", True),), number
    )


def aside(backends: Backends, profile_id: str) -> None:
    backends.store.purges.queue("to/cache", purge_of(profile_id))
    put_aside(backends.store, "to/cache", [purge_of(profile_id)], "cache answered 503 to a purge.", 12)


def waiting(backends: Backends) -> list[str]:
    return [one.id for one in backends.store.purges.pending("to/cache", 10)]


def test_a_purge_is_queued_for_the_caches_in_front(holdfast: Holdfast, backends: Backends, ann: str) -> None:
    ran = holdfast("purge", "@ann", "--hard", "--json")
    assert (ran.code, ran.json["queued"]) == (0, ["cache"])
    (queued,) = backends.store.purges.pending("to/cache", 10)
    assert queued.paths == (PurgePath("/ann", "1.1.1.1", True),)
    assert holdfast("status", "--json", "--edge", "127.0.0.1:9").json["purges_outside"] == {"cache": 1}
    assert "at cache" in holdfast("status").out


def test_what_a_cache_would_not_take_is_listed_and_told_again(
    holdfast: Holdfast, backends: Backends, ann: str
) -> None:
    aside(backends, ann)
    assert waiting(backends) == []
    out = holdfast("failures").out
    for words in ("@ann", f"cache/{ann}", "cache answered 503"):
        assert words in out
    assert "cache answered 503" in holdfast("doctor").out
    ran = holdfast("purge", "--retry", "--json")
    assert (ran.code, ran.json) == (0, {"failures": 1, "queued": 1})
    assert waiting(backends) == ["purge1"]
    assert backends.store.purges.pending("to/cache", 1)[0].paths == purge_of(ann).paths
    assert list(backends.store.failures.all()) == []
    assert holdfast("purge", "--retry").out.startswith("No cache has refused")


@pytest.mark.parametrize("subject", ["@ann", "cache/{ann}", "--all"])
def test_retry_tells_a_cache_again_too(
    holdfast: Holdfast, backends: Backends, ann: str, subject: str
) -> None:
    aside(backends, ann)
    assert holdfast("retry", subject.format(ann=ann)).code == 0
    assert waiting(backends) == ["purge1"]


def test_a_target_that_was_disabled_is_listed_and_enabled(
    holdfast: Holdfast, backends: Backends, ann: str
) -> None:
    disable(backends.store, "to/hook", "hook answered 410 to a purge.")
    assert "hook answered 410" in holdfast("failures").out
    assert holdfast("retry", "hook").code == 0
    assert list(backends.store.failures.all()) == []


@pytest.mark.parametrize("command", [("purge", "--retry"), ("retry", "--all")])
def test_a_target_that_was_disabled_stays_so_until_it_is_named(
    holdfast: Holdfast, backends: Backends, ann: str, command: tuple[str, ...]
) -> None:
    disable(backends.store, "to/hook", "hook answered 410 to a purge.")
    aside(backends, ann)
    ran = holdfast(*command)
    assert "hook stays disabled: `holdfast retry hook` enables it" in ran.out
    assert waiting(backends) == ["purge1"]
    assert [one.subject for one in backends.store.failures.all()] == ["hook"]
    assert "hook stays disabled" in holdfast(*command).out


@pytest.mark.parametrize("arguments", [(), ("@ann", "--retry")])
def test_a_purge_is_of_somebody_or_of_what_failed(
    holdfast: Holdfast, ann: str, arguments: tuple[str, ...]
) -> None:
    ran = holdfast("purge", *arguments)
    assert ran.code == 1
    assert "--retry" in ran.err


def test_a_profiles_status_says_what_caches_in_front_have_had(
    holdfast: Holdfast, backends: Backends, ann: str
) -> None:
    mark = Mark(backends.store.life, backends.store.profiles.load(ann).head.revision, 1)  # type: ignore[union-attr]
    stages = [Reached(stage, mark, 1_700_000_000_000) for stage in ("published", "purged", "live")]
    backends.store.published.record(ann, MAIN, *stages)
    assert "not told yet; what else it holds has expired by 2023" in holdfast("status", "@ann").out
    backends.store.published.record(ann, "to/cache", *stages[1:])
    assert "proven" in holdfast("status", "@ann").out
