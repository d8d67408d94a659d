"""A purge is seen at once, takes nothing else along, and is obeyed only from whom it may come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from urllib.parse import quote

import pytest

from cli.fronts import Kind
from core import keys
from core.rank import Rank
from core.settings import SiteSettings
from pipeline.purge.probe import Probe
from tests.front.conftest import EACH
from tests.front.edge import SEGMENT, WORDS, Edge
from tests.front.fronts import Front, ask

Start = Callable[..., Front]
ENCODINGS = ("br", "gzip", "")
TAG = keys.tag("p1234567")


def warm(front: Front, *paths: str, encodings: Sequence[str] = ENCODINGS) -> None:
    """The second time it is a hit: so what is purged then is there, and not still on its way."""
    for path in paths:
        for encoding in encodings:
            front.get(path, accept_encoding=encoding)
            assert "hit" in front.get(path, accept_encoding=encoding).headers["cache-status"].split(", ")[-1]


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("hard", [True, False], ids=["hard", "soft"])
def test_after_a_purge_every_reader_sees_the_new_page(
    start: Start, lasting: Edge, kind: Kind, hard: bool
) -> None:
    front = start(kind, lasting)
    warm(front, "/ann", "/bea")
    lasting.edit("Paints ships. " + WORDS, 2)
    assert b"ships" not in front.get("/ann").body, "it was to be purged first"
    front.purge("/ann", TAG, hard=hard)
    asked = lasting.asked["/bea"]
    for encoding in ENCODINGS:
        assert b"ships" in front.get("/ann", accept_encoding=encoding).body
        assert b"Bea" in front.get("/bea", accept_encoding=encoding).body
    assert lasting.asked["/bea"] == asked, "another one's page was dropped, too"


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("encoding", ENCODINGS, ids=["br", "gzip", "identity"])
def test_a_cache_that_keeps_one_encoding_is_not_proven(
    start: Start, lasting: Edge, kind: Kind, encoding: str
) -> None:
    front = start(kind, lasting)
    warm(front, "/ann", encodings=[encoding])
    lasting.edit("Paints ships. " + WORDS, 2)
    with closing(Probe([f"http://127.0.0.1:{front.port}"], SiteSettings(), 5, own_network=True)) as probe:
        assert not probe.shows("/ann", Rank(1, 1, 2, 1)), "nobody has purged it"
        front.purge("/ann", TAG)
        assert probe.shows("/ann", Rank(1, 1, 2, 1))


@pytest.mark.parametrize("kind", EACH)
def test_a_file_that_a_cache_still_has_is_not_proven_to_be_gone(
    start: Start, lasting: Edge, kind: Kind
) -> None:
    front = start(kind, lasting)
    file = "/" + SEGMENT
    warm(front, file, encodings=["gzip, deflate, br"])
    lasting.objects.delete(SEGMENT)
    folder = file[: file.rfind("/") + 1]
    lasting.call({"path": folder, "hard": True})
    with closing(Probe([f"http://127.0.0.1:{front.port}"], SiteSettings(), 5, own_network=True)) as probe:
        assert not probe.lacks(file), "nobody has purged it"
        front.purge(folder, TAG)
        front.purge(file, TAG)
        assert probe.lacks(file)


@pytest.mark.parametrize("kind", EACH)
def test_a_post_whose_name_is_not_ascii_is_purged_by_it(start: Start, lasting: Edge, kind: Kind) -> None:
    front = start(kind, lasting)
    key = keys.post("ann", "小舟")
    path = quote(keys.path_of(key))
    warm(front, path)
    lasting.edit("Ships. " + WORDS, 2, key=key)
    front.purge(path, TAG)
    assert all(b"Ships" in front.get(path, accept_encoding=encoding).body for encoding in ENCODINGS)


@pytest.mark.parametrize("kind", EACH)
def test_a_new_user_replaces_the_404_under_that_name(start: Start, lasting: Edge, kind: Kind) -> None:
    front = start(kind, lasting)
    assert front.get("/zoe").status == 404
    lasting.edit("Zoe. " + WORDS, 1, key=keys.page("zoe"), profile="p9999999")
    front.purge("/zoe", keys.name_tag("zoe"))
    assert front.get("/zoe").status == 200


@pytest.mark.parametrize("kind", EACH)
def test_a_deleted_page_is_gone_from_the_cache(start: Start, lasting: Edge, kind: Kind) -> None:
    front = start(kind, lasting)
    warm(front, "/ann", "/ann/posts/boats")
    for path in ("/ann", "/ann/posts/boats"):
        lasting.put(path.removeprefix("/") + "/index.html", b"<title>Gone</title>", status=410, tags=TAG)
        lasting.call({"path": path, "hard": True})
        front.purge(path, TAG)
    assert [front.get(path).status for path in ("/ann", "/ann/posts/boats")] == [410, 410]


@pytest.mark.server("nginx")
def test_nginx_tells_whether_it_had_the_variant_that_was_purged(start: Start, lasting: Edge) -> None:
    front = start("nginx", lasting)
    warm(front, "/ann", encodings=["gzip, deflate, br", ""])
    told = [
        front.ask("PURGE", "/ann", accept_encoding=encoding).status for encoding in ("br", "gzip", "identity")
    ]
    assert told == [200, 404, 200]
    assert front.ask("PURGE", "/ann", accept_encoding="br").status == 404
    assert front.ask("PURGE", "/ann?utm_source=mail").status == 404, "it is asked, not refused"


@pytest.mark.server("nginx")
def test_one_purge_is_enough_however_the_page_was_spelled(start: Start, lasting: Edge) -> None:
    front = start("nginx", lasting)
    spellings = ("/ann", "/%61nn", "/ann?utm_source=mail", "/ann?")
    for path in spellings:
        front.get(path)
    lasting.edit("Paints ships. " + WORDS, 2)
    assert front.ask("PURGE", "/ann").status == 200
    assert all(b"ships" in front.get(path).body for path in spellings)


@pytest.mark.server("varnish")
def test_varnish_counts_what_was_purged_by_tag(start: Start, lasting: Edge) -> None:
    front = start("varnish", lasting)
    warm(front, "/ann", "/ann/posts/boats", "/bea")
    reply = front.ask("PURGE", "/", xkey_purge=f"{TAG} p-nobody")
    assert (reply.status, reply.headers["xkey-purged"]) == (200, "6")
    reply = front.ask("PURGE", "/", xkey_softpurge=keys.tag("p7654321"))
    assert (reply.status, reply.headers["xkey-purged"]) == (200, "3")
    assert front.ask("PURGE", "/", xkey_purge=keys.tag("p0000000")).headers["xkey-purged"] == "0"


@pytest.mark.server("varnish")
def test_varnish_bans_a_folder(start: Start, lasting: Edge) -> None:
    front = start("varnish", lasting)
    warm(front, "/" + SEGMENT, "/ann")
    folder = "/" + SEGMENT.rpartition("/")[0] + "/"
    assert front.ask("BAN", "/", x_ban_path=f"^{folder}").status == 200
    asked = lasting.asked["/ann"]
    assert "fwd=uri-miss" in front.get("/" + SEGMENT).headers["cache-status"].split(", ")[-1]
    front.get("/ann")
    assert lasting.asked["/ann"] == asked
    assert front.ask("BAN", "/").status == 400
    assert front.ask("BAN", "/", x_ban_path="^/(").status == 400


@pytest.mark.server("varnish")
def test_varnish_purges_a_single_path(start: Start, lasting: Edge) -> None:
    front = start("varnish", lasting)
    warm(front, "/ann")
    assert front.ask("PURGE", "/ann", accept_encoding="br").status == 200
    assert "fwd=uri-miss" in front.get("/ann", accept_encoding="br").headers["cache-status"]


@pytest.mark.parametrize("kind", EACH)
def test_a_purge_from_elsewhere_is_refused(start: Start, lasting: Edge, kind: Kind) -> None:
    front = start(kind, lasting, purge_from=("127.0.0.1", "::1"))
    warm(front, "/ann")
    lasting.edit("Paints ships. " + WORDS, 2)
    for method, headers in (("PURGE", {}), ("PURGE", {"xkey-purge": TAG}), ("BAN", {"x-ban-path": "^/"})):
        stranger = ask(front.port, method, "/ann", source="127.0.0.2", **headers)
        # To nginx BAN is one of the methods that it doesn't know.
        assert stranger.status == (405 if (kind, method) == ("nginx", "BAN") else 403)
    assert b"ships" not in front.get("/ann").body
    front.purge("/ann", TAG)
    assert b"ships" in front.get("/ann").body
