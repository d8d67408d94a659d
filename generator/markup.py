"""Creators' Markdown → clean HTML, or a line of plain text; nothing of theirs is ever trusted as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

# A single line break stays one: people who write a bio don't know of CommonMark's two spaces.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
# A line that means to Markdown what it says, letter for letter. It spares most milestones and quotes the parser.
_PLAIN = re.compile(r"[^\W\d_](?:[^\W_]|[ ,.;?!'’()-])*(?<! )")
_BARE_URL = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,:;!?)\]}]")
_SCHEMES = {"http", "https", "mailto", "tel"}
_REL = "nofollow ugc noopener"
_TAGS = {"p", "br", "hr", "em", "strong", "s", "a", "code", "pre", "blockquote", "ul", "ol", "li"} | {
    "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"
}  # fmt: skip
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    clean_content_tags={"script", "style"},
    url_schemes=_SCHEMES,
    link_rel=_REL,
    attribute_filter=lambda _tag, name, value: value if name != "href" or _is_whole(value) else None,
)


def html(markdown: str, heading: int = 3) -> Markup:
    """Markdown as HTML. Its highest heading becomes `<h{heading}>`, so that it stands below the page's own.

    Links are whole addresses (relative ones would change their meaning in a feed) with rel="nofollow ugc noopener".
    Pictures become links to them: their size is unknown, and a foreign host would learn who reads.
    """
    if _PLAIN.fullmatch(markdown):
        return Markup(f"<p>{markdown}</p>")  # noqa: S704  (it has nothing to escape)
    tokens = _MARKDOWN.parse(markdown)
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) - min(levels) + heading)}"
        elif token.type == "inline":
            token.children = list(_linked(token.children or []))
    drawn = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(_CLEANER.clean(drawn).strip())  # noqa: S704  (this is where it was made safe)


def excerpt(markdown: str, chars: int) -> str:
    """The beginning as plain text of at most `chars` characters, cut between words and then ended by "…"."""
    tokens = _MARKDOWN.parse(markdown)
    inlines = [(before.type, token) for before, token in pairwise(tokens) if token.type == "inline"]
    # Headings would run into the sentences after them; they count only where there is nothing else.
    body = [token for before, token in inlines if before != "heading_open"] or [token for _, token in inlines]
    text = " ".join(" ".join("".join(_plain(token.children or [])).split()) for token in body).strip()
    if len(text) <= chars:
        return text
    cut = text[: chars - 1]
    whole, space, _ = cut.rpartition(" ")
    return (whole if space and len(whole) > chars // 2 else cut).rstrip(" ,.;:–—-") + "…"


def _is_whole(address: str) -> bool:
    return address.split(":", 1)[0].lower() in _SCHEMES


def _plain(children: list[Token]) -> Iterator[str]:
    for token in children:
        if token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type in ("text", "code_inline", "image"):
            yield token.content


def _linked(children: list[Token]) -> Iterator[Token]:
    """Inline tokens with bare addresses and pictures made links, except inside a link."""
    inside = 0
    for token in children:
        inside += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "image":
            address = str(token.attrs.get("src", ""))
            text = token.content or address
            yield from [_text(text)] if inside else _link(address, text)
        elif token.type == "text" and not inside and "://" in token.content:
            yield from _link_bare(token.content)
        else:
            yield token


def _link_bare(text: str) -> Iterator[Token]:
    at = 0
    for found in _BARE_URL.finditer(text):
        yield _text(text[at : found.start()])
        yield from _link(found.group(), found.group().split("://", 1)[1])
        at = found.end()
    yield _text(text[at:])


def _link(address: str, text: str) -> list[Token]:
    return [Token("link_open", "a", 1, attrs={"href": address}), _text(text), Token("link_close", "a", -1)]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
