"""What the edge tells Prometheus: how readers were answered, in the words of Cache-Status, renders, purges and memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from core import keys
from core.errors import Unavailable
from edge.counts import ANSWERS
from tests.edge.conftest import Site, signed
from tests.edge.test_hot import age_file, alone
from tests.edge.test_private import document, publish, token
from tests.told import Told, told_by

FRESH_S = 60


def told(site: Site) -> Told:
    return told_by(site.counts.registry)


def answers(site: Site) -> Counter[str]:
    """How often each answer was given, without those that weren't."""
    found = told(site)
    counted = {word: int(found("holdfast_edge_requests_total", answer=word)) for word in ANSWERS}
    return Counter({word: count for word, count in counted.items() if count})


def test_the_first_reader_misses_and_the_next_ones_hit(site: Site) -> None:
    age_file(site, "ann/index.html")  # or its date would be withheld, and no answer be made ready
    site.get("/ann")
    site.get("/ann", range="bytes=0-9")
    assert answers(site) == {"miss": 1, "hit": 1}
    alone(site)
    for _ in range(3):
        site.get("/ann")
    site.reader.head("/ann")
    assert answers(site) == {"miss": 1, "hit": 5}, "whether the hot path answers them or not"


def test_what_has_only_aged_is_stale(site: Site) -> None:
    site.get("/ann")
    for _ in range(FRESH_S // 10 + 1):  # called all the while, or it wouldn't be trusted
        site.clock.pass_by(10)
        site.call()
    site.get("/ann")
    assert answers(site) == {"miss": 1, "stale": 1}


def test_what_a_purge_has_named_is_revalidated(site: Site) -> None:
    site.get("/ann")
    site.purge("/ann")
    site.get("/ann")
    assert answers(site) == {"miss": 1, "revalidated": 1}
    site.put_page("Paints ships.", 2)
    site.purge("/ann", 2)
    site.get("/ann")
    assert answers(site) == {"miss": 2, "revalidated": 1}


def test_while_storage_is_away_answers_are_stale_or_fail(site: Site, away: Unavailable) -> None:
    site.get("/ann")
    site.clock.pass_by(3 * FRESH_S)
    site.call()
    site.storage.away = away
    site.get("/ann")
    site.get("/bob")
    assert answers(site) == {"miss": 1, "stale": 1, "failed": 1}


def test_a_page_of_the_edges_own_making_is_rendered_and_then_a_hit(site: Site) -> None:
    site.objects.delete("ann/index.html")
    site.put_document("Sails.")
    for _ in range(2):
        site.get("/ann")
    assert answers(site) == {"rendered": 1, "hit": 1}
    assert told(site)("holdfast_edge_renders_total", outcome="drawn") == 1


def test_a_page_that_can_not_be_drawn_is_told(site: Site) -> None:
    site.objects.delete("ann/index.html")
    site.put(keys.data("ann"), b"{}", type="application/json")
    site.get("/ann")
    assert answers(site) == {"failed": 1}
    assert told(site)("holdfast_edge_renders_total", outcome="failed") == 1
    assert told(site)("holdfast_edge_renders_total", outcome="drawn") == 0


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [("POST", "/ann", "refused"), ("GET", "/" + "a" * 9000, "refused"), ("GET", "/ann/", "moved")],
)
def test_what_needs_no_look_is_told_apart(site: Site, method: str, path: str, word: str) -> None:
    site.reader.request(method, path)
    assert answers(site) == {word: 1}


def test_a_reader_who_asks_for_too_much_is_refused(new_site: Callable[..., Site]) -> None:
    site = new_site(edge={"reads_per_minute": 1})
    site.reader = site.reader.at("203.0.113.9")
    for number in range(3):
        site.get(f"/eve{number}")
    assert answers(site)["refused"] == 2


def test_what_is_the_edges_own_is_no_readers_request(site: Site) -> None:
    site.get("/-/health")
    site.get("/-/domains/ask?domain=ann.example")
    assert answers(site) == {}


def test_calls_and_purges_are_told(site: Site) -> None:
    before = told(site)("holdfast_edge_purge_calls_total", outcome="taken")
    site.call({"path": "/ann"}, {"path": "/ann/feed.xml"})
    body = '{"number": 9, "purges": [{"path": "/bob"}]}'
    headers = signed(body)
    for _ in range(2):
        site.reader.post("/-/purge", content=body, headers=headers)
    site.reader.post("/-/purge", content=body, headers=headers | {"webhook-signature": "v1,bm8="})
    found = told(site)
    assert found("holdfast_edge_purge_calls_total", outcome="taken") - before == 2
    assert found("holdfast_edge_purge_calls_total", outcome="replayed") == 1
    assert found("holdfast_edge_purge_calls_total", outcome="refused") == 1
    assert found("holdfast_edge_purges_total") == 3


def test_a_fill_that_a_purge_has_overtaken_is_refused(site: Site) -> None:
    site.purge("/ann", 2)
    site.get("/ann")
    assert told(site)("holdfast_edge_fills_refused_total") == 1
    assert answers(site) == {"bypass": 1}


def test_private_answers_count_like_others_and_weigh_in_a_memory_of_their_own(site: Site) -> None:
    publish(site, document())
    path = f"/-/g/{token(site)}/ann"
    for _ in range(2):
        site.get(path)
    assert answers(site) == {"miss": 1, "hit": 1}
    assert told(site)("holdfast_edge_memory_objects", cache="private") >= 2, "the page, and whose it is"


def test_memory_is_weighed(site: Site) -> None:
    before = told(site)
    assert before("holdfast_edge_memory_objects", cache="public") == 0
    site.get("/ann")
    site.get("/nobody-here")
    found = told(site)
    # The page, what is missing, and the site's own words for that, which nobody has published.
    assert found("holdfast_edge_memory_objects", cache="public") >= 2
    assert found("holdfast_edge_memory_bytes", cache="public") > 1024
    assert found("holdfast_edge_memory_objects", cache="private") == 0
    site.call({"path": "/ann", "hard": True})
    assert told(site)("holdfast_edge_memory_objects", cache="public") < found(
        "holdfast_edge_memory_objects", cache="public"
    )
