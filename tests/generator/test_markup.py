"""Markdown → clean HTML, or plain text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import markup
from generator.markup import excerpt, html
from tests.generator.pages import Page

REL = 'rel="nofollow ugc noopener"'


def test_markdown_becomes_html() -> None:
    assert html("**Bold** and *soft*\nnext") == "<p><strong>Bold</strong> and <em>soft</em><br>\nnext</p>"


def test_links_say_that_they_are_not_ours() -> None:
    assert html("[x](https://e.org)") == f'<p><a href="https://e.org" {REL}>x</a></p>'


def test_bare_addresses_become_links_without_the_full_stop_after_them() -> None:
    assert html("See https://e.org/a_b.") == f'<p>See <a href="https://e.org/a_b" {REL}>e.org/a_b</a>.</p>'
    assert html("[at https://e.org](https://f.org)").count("<a ") == 1
    assert "<a " not in html("`https://e.org`")


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "/admin", "//evil.example", "#top"]
)
def test_only_whole_addresses_are_linked(address: str) -> None:
    assert "href" not in html(f"[x]({address})")


def test_pictures_become_links_to_them() -> None:
    assert html("![A boat](https://e.org/boat.png)") == (
        f'<p><a href="https://e.org/boat.png" {REL}>A boat</a></p>'
    )


def test_html_of_a_creators_is_text() -> None:
    assert html("<b>x</b><script>alert(1)</script>") == (
        "<p>&lt;b&gt;x&lt;/b&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    )


def test_headings_keep_their_order_below_the_pages_own() -> None:
    assert html("# A\n\n### B", heading=3) == "<h3>A</h3>\n<h5>B</h5>"
    assert html("### A\n\n###### B", heading=4) == "<h4>A</h4>\n<h6>B</h6>"


@given(st.text(alphabet=st.sampled_from(list("<>\"'`*_[]()!#/:=&;\n\\ aonjx")), max_size=60))
def test_whatever_is_written_gives_harmless_and_well_nested_html(text: str) -> None:
    for one in Page(html(text).encode()).elements:
        assert one.tag not in ("script", "style", "img", "iframe", "form", "svg")
        assert one.attributes.keys() <= {"href", "title", "rel", "start"}


PLAIN = markup._PLAIN
LETTERS = st.one_of(st.sampled_from(list(" ,.;?!'’()- abCß字٣ⅷ²ª_*1:/\"&\n")), st.characters())


@given(st.from_regex(PLAIN, fullmatch=True) | st.text(LETTERS, max_size=30))
def test_the_short_way_for_plain_lines_gives_what_the_parser_does(text: str) -> None:
    drawn = html(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "_PLAIN", re.compile("(?!)"))
        assert html(text) == drawn


def test_an_excerpt_is_plain_text_cut_between_words() -> None:
    assert (
        excerpt("# Title\n\nSome *fine* words, and [a link](https://e.org) too", 22)
        == "Some fine words, and…"
    )
    assert excerpt("Short", 22) == "Short"
    assert excerpt("# Only a title", 22) == "Only a title"
    assert excerpt("x" * 40, 10) == "x" * 9 + "…"


@given(st.text(max_size=80), st.integers(5, 40))
def test_an_excerpt_is_never_longer_than_asked(text: str, chars: int) -> None:
    assert len(excerpt(text, chars)) <= chars
