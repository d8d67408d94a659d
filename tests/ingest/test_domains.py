"""A creator says which domain shows their page: by the API and in the studio, each with a clear word where it can't be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.forms import error_of, sign_up, value
from tests.ingest.studios import Browser, Creator, Studio


def wish(creator: Creator, domain: str) -> dict[str, str]:
    """The problems with the fields, if there are any."""
    reply = creator.edit(domain=domain)
    assert reply.status_code in (200, 422), reply.text
    return reply.json().get("fields", {})


def domain_of(creator: Creator) -> str:
    return str(creator.get().json()["profile"]["domain"])


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("ann.example", "ann.example"),
        (" WWW.Ann.Example. ", "ann.example"),
        ("shop.xn--bcher-kva.example", "shop.xn--bcher-kva.example"),
        ("ann.xn--p1ai", "ann.xn--p1ai"),
        ("", ""),
    ],
)
def test_a_domain_is_kept_in_its_one_spelling(ann: Creator, written: str, kept: str) -> None:
    assert wish(ann, written) == {}
    assert domain_of(ann) == kept


@pytest.mark.parametrize(
    "domain",
    [
        "ann",
        "https://ann.example",
        "ann.example/page",
        "ann.example:8080",
        "10.0.0.1",
        "[::1]",
        "-ann.example",
        "ann..example",
        "ann_b.example",
        "bücher.example",
        "a" * 64 + ".example",
        "a." * 130 + "example",
        "ann.example\nx",
    ],
)
def test_what_is_no_domain_is_refused(ann: Creator, domain: str) -> None:
    assert wish(ann, domain).keys() == {"domain"}


def test_a_domain_of_somebody_elses_is_refused_until_it_is_given_up(ann: Creator, bob: Creator) -> None:
    assert wish(ann, "ann.example") == {}
    assert "another page" in wish(bob, "www.ann.example")["domain"]
    assert domain_of(bob) == ""
    assert wish(ann, "") == {}
    assert wish(bob, "ann.example") == {}


@pytest.mark.parametrize(
    "domain", ["site.example", "www.site.example", "ann.site.example", "media.example", "x.media.example"]
)
def test_the_sites_own_hosts_and_what_lies_below_them_are_refused(tmp_path: Path, domain: str) -> None:
    studio = Studio(tmp_path, site={"url": "https://site.example", "media_url": "https://media.example"})
    try:
        ann = studio.sign_up()
        assert "of your own" in wish(ann, domain)["domain"]
        assert wish(ann, "mysite.example") == {}
    finally:
        studio.stop()


def test_the_studio_has_a_field_for_it(studio: Studio, browser: Browser, bob: Creator) -> None:
    assert wish(bob, "bob.example") == {}
    sign_up(browser, "cai", "cai@example.org")
    assert browser.send("/@cai/settings", {"do": "domain", "domain": "Cai.Example"}).status_code == 200
    assert value(browser.visit("/@cai/settings").text, "domain") == "cai.example"
    refused = browser.send("/@cai/settings", {"do": "domain", "domain": "bob.example"})
    assert refused.status_code == 422
    assert "another page" in error_of(refused.text, "domain")
    assert value(refused.text, "domain") == "bob.example"
    wrong = browser.send("/@cai/settings", {"do": "domain", "domain": "not a domain"})
    assert error_of(wrong.text, "domain")
    assert value(browser.visit("/@cai/settings").text, "domain") == "cai.example"


def test_a_link_that_is_made_leaves_the_domain_in_its_field(studio: Studio, browser: Browser) -> None:
    """An empty one would be saved with the next press of its button, and the domain lost."""
    sign_up(browser, "cai", "cai@example.org")
    browser.send("/@cai/settings", {"do": "domain", "domain": "cai.example"})
    assert "https://cai.example/" in browser.visit("/@cai/settings").text
    browser.send("/@cai/settings", {"do": "visibility", "visibility": "private"})
    made = browser.send("/@cai/settings", {"do": "link", "days": "7"})
    assert value(made.text, "domain") == "cai.example"
    assert "https://cai.example/" not in made.text, "it shows nothing while the page is private"
