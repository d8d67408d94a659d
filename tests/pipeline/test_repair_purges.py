"""What a repair takes down is purged like what an edit does: durably, at our edges and at every cache in front of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core import keys
from core.objects import Headers
from core.rank import Mark, Rank, stamp_html
from core.store import MAIN, PurgePath
from pipeline.job import publish_profile
from pipeline.manifest import Entry, Manifest, Place, encode
from pipeline.purge.edges import Edge
from pipeline.purge.purger import Purger
from pipeline.purge.targets import tags_of
from pipeline.repair import Deletes, disown_unknown, mend_profile, remove_orphan
from pipeline.verify import Difference, differences
from tests.pipeline.little_edge import LittleEdge, running
from tests.pipeline.little_site import PICTURE, Site, folder_of

SECRET = b"a secret for tests"
FILE, PAGE = "_media/unknown123/pub12345/still-attempt1/640.webp", "lost/index.html"
LOST = "0123456789abcdef0123"
HTML = Headers(type="text/html; charset=utf-8", tags=keys.tag(LOST))


@pytest.fixture
def edge() -> Iterator[LittleEdge]:
    yield from running(SECRET)


@pytest.fixture
def site(site: Site, edge: LittleEdge) -> Iterator[Site]:
    """With an edge of ours, and two caches in front: one knows tags, the other files."""
    ours = Edge(edge.url, "", SECRET, 2, 5)
    site.tools = site.tools._replace(
        purger=Purger(site.store, [ours]), outside=("cf", "front"), by_file=frozenset({"front"})
    )
    yield site
    ours.close()


def remove(site: Site, key: str, bucket: str = "public") -> None:
    orphan = Difference("orphan", "", bucket, key, "nothing names it")  # type: ignore[arg-type]
    assert remove_orphan(site.tools, orphan, Deletes(10)) is None


def waiting(site: Site, name: str) -> tuple[set[str], set[PurgePath]]:
    """Tags and paths that wait there."""
    purges = site.store.purges.pending(name, 10)
    return {tag for one in purges for tag in tags_of(one)}, {path for one in purges for path in one.paths}


def test_a_file_that_nothing_names_is_purged_everywhere(site: Site, edge: LittleEdge) -> None:
    site.public.put(FILE, PICTURE, Headers(type="image/webp", tags=keys.tag(LOST)))
    remove(site, FILE)
    path = PurgePath(f"/{FILE}", "", True)
    assert edge.purged() == [path.path]
    assert waiting(site, MAIN) == (set(), set()), "it was seen to be gone"
    for name in ("to/cf", "to/front"):
        assert waiting(site, name) == ({keys.tag(LOST)}, {path})


def test_its_purge_is_kept_before_it_goes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(Exception):
        pass

    def die(_: str) -> None:
        raise Died

    site.public.put(FILE, PICTURE, Headers())
    monkeypatch.setattr(site.public.inner, "delete", die)
    with pytest.raises(Died):
        remove(site, FILE)
    for name in (MAIN, "to/cf", "to/front"):
        assert waiting(site, name)[1] == {PurgePath(f"/{FILE}", "", True)}


def test_an_edge_that_is_away_is_told_later(site: Site, edge: LittleEdge) -> None:
    edge.answer = 500
    site.public.put(FILE, PICTURE, Headers())
    remove(site, FILE)
    assert waiting(site, MAIN)[1] == {PurgePath(f"/{FILE}", "", True)}


def test_a_page_under_nobodys_name_is_purged_everywhere(site: Site, edge: LittleEdge) -> None:
    site.public.put(PAGE, stamp_html("<p>Lost", Rank(1, 1, 3, 1)), HTML)
    edge.show("/lost", "1.1.4.1", 404)
    remove(site, PAGE)
    path = PurgePath("/lost", "1.1.4.1", True)
    assert edge.purged() == [path.path]
    for name in ("to/cf", "to/front"):
        assert waiting(site, name) == ({keys.tag(LOST), keys.name_tag("lost")}, {path})


def test_what_was_never_shown_is_purged_nowhere(site: Site, edge: LittleEdge) -> None:
    site.private.put(keys.original("unknown123"), PICTURE, Headers())
    remove(site, keys.original("unknown123"), "private")
    assert edge.purged() == []
    assert waiting(site, "to/cf") == waiting(site, "to/front") == (set(), set())


@pytest.mark.parametrize("by", ["verify", "restore"])
def test_a_profile_that_the_store_does_not_know_is_purged_everywhere(
    site: Site, edge: LittleEdge, by: str
) -> None:
    folder = FILE.rpartition("/")[0] + "/"
    site.public.put(PAGE, stamp_html("<p>Lost", Rank(1, 1, 3, 1)), HTML)
    site.public.put(FILE, PICTURE, Headers(tags=keys.tag(LOST)))
    manifest = Manifest(
        mark=Mark(1, 3, 1),
        entries={Place("public", PAGE): Entry(Rank(1, 1, 3, 1), site.public.get(PAGE).etag, claim=1)},
        folders={Place("public", folder): None},
    )
    site.private.put(keys.manifest(LOST), encode(manifest), Headers())
    edge.show("/lost", "1.1.4.1", 404)
    if by == "verify":
        remove(site, keys.manifest(LOST), "private")
    else:
        assert disown_unknown(site.tools) == 1
    assert {"/lost", f"/{folder}"} <= set(edge.purged())
    tags, paths = waiting(site, "to/cf")
    assert keys.tag(LOST) in tags
    assert paths == {PurgePath("/lost", "1.1.4.1", True), PurgePath(f"/{folder}", "", True)}
    assert PurgePath(f"/{FILE}", "", True) in waiting(site, "to/front")[1]


def test_a_broken_file_is_replaced_and_purged_everywhere(site: Site, edge: LittleEdge) -> None:
    ann = site.sign_up("ann")
    site.upload(ann)
    edge.show("/ann", "1.1.9.1")
    publish_profile(site.tools, ann)
    for name in ("to/cf", "to/front"):
        for purge in site.store.purges.pending(name, 10):
            site.store.purges.settle(name, purge.id)
    key = folder_of(site, ann) + "640.webp"
    site.public.put(key, PICTURE[:5], Headers())
    assert mend_profile(site.tools, ann, differences(site.tools, ann)) is None
    assert site.public.get(key).body == PICTURE
    assert f"/{key}" in edge.purged()
    for name in ("to/cf", "to/front"):
        assert waiting(site, name)[1] == {PurgePath(f"/{key}", "", False)}
