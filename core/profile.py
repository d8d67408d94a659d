"""The nouns of a profile: parsed and checked once, at the door, with a limit on every field; frozen after."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError

from core import keys
from core.errors import BadInput
from core.media import Frozen, Id, Media

POSTS_PER_PROFILE_MAX = 1000
TIME_MAX = 253_402_300_799
"""The last second of the year 9999: the latest time that a date can be made of."""
LINKS_MAX, TAGS_MAX, SECTIONS_MAX, ITEMS_MAX = 100, 30, 30, 100

# Control characters never belong in a profile; \n and \t do in text of several lines. The bidi controls
# turn the writing direction of what follows (CVE-2021-42574), lone surrogates can't be encoded.
_NOT_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_NOT_IN_LINE = re.compile(f"{_NOT_IN_TEXT.pattern}|[\n\t\u2028\u2029]")
_PLAIN_URL = re.compile("https?://[a-z0-9][!-~]*")
_SCHEMES = ("https://", "http://", "mailto:", "tel:")


def _newlines(value: Any) -> Any:
    """HTML forms send CRLF (WHATWG HTML, "constructing the entry list"); we keep LF."""
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _clean_text(text: str) -> str:
    if _NOT_IN_TEXT.search(text):
        raise ValueError("holds a control character")
    return text


def _clean_line(text: str) -> str:
    if not text.isprintable() and _NOT_IN_LINE.search(text):
        raise ValueError("must be one line without control characters")
    return text


def _clean_url(text: str) -> str:
    if not text or _PLAIN_URL.fullmatch(text):
        return text
    if text.split() != [text] or _NOT_IN_LINE.search(text):
        raise ValueError("must not hold spaces")
    if not text.lower().startswith(_SCHEMES):
        raise ValueError("must begin with https://, http://, mailto: or tel:")
    rest = text.split(":", 1)[1].lstrip("/")
    if not rest or (text.lower().startswith("http") and not re.match(r"[^/?#\s@]+\.?[^/?#\s]*", rest)):
        raise ValueError("lacks an address after its beginning")
    return text


def _clean_slug(text: str) -> str:
    if keys.slug(text) != text:
        raise ValueError("may hold lower case letters and digits, joined by single -")
    return text


def _clean_date(text: str) -> str:
    # What fromisoformat takes besides (weeks, no dashes) doesn't sort as text.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a day such as 2026-03-14")
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day of the calendar") from None
    return text


def chars(most: int, least: int = 0) -> StringConstraints:
    """The limits of a text, in characters after its outer white space is gone."""
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most)


LINE = AfterValidator(_clean_line)
LF = BeforeValidator(_newlines)
TEXT = AfterValidator(_clean_text)

Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_clean_url)]
Line40 = Annotated[str, chars(40), LINE]
Line100 = Annotated[str, chars(100), LINE]
Line200 = Annotated[str, chars(200), LINE]
Title = Annotated[str, chars(200, 1), LINE]
PersonName = Annotated[str, chars(100, 1), LINE]
Text1k = Annotated[str, chars(1000), LF, TEXT]
Text5k = Annotated[str, chars(5000), LF, TEXT]
Text10k = Annotated[str, chars(10_000), LF, TEXT]
Text20k = Annotated[str, chars(20_000), LF, TEXT]
Icon = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{0,30}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]
Theme = Literal["plain", "dusk", "paper", "moss"]
Visibility = Literal["public", "unlisted", "private"]


def _unique(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Each tag once, the first spelling kept; empty ones dropped."""
    seen: dict[str, str] = {}
    for one in tags:
        if one:
            seen.setdefault(one.casefold(), one)
    return tuple(seen.values())


Tags = Annotated[tuple[Line40, ...], Field(max_length=TAGS_MAX), AfterValidator(_unique)]


class Link(Frozen):
    """A link on the page; `group` is the heading it stands under, `icon` a name of the release's icon set."""

    label: Annotated[str, chars(100, 1), LINE]
    url: Annotated[Url, StringConstraints(min_length=1)]
    icon: Icon = ""
    group: Line100 = ""


class TextSection(Frozen):
    kind: Literal["text"]
    title: Line100 = ""
    body: Text10k = ""


class GallerySection(Frozen):
    """Pictures and videos in the creator's order."""

    kind: Literal["gallery"]
    title: Line100 = ""
    media: Annotated[tuple[Id, ...], Field(max_length=ITEMS_MAX)] = ()


class VideoSection(Frozen):
    kind: Literal["video"]
    title: Line100 = ""
    media: Id
    caption: Line200 = ""


class Milestone(Frozen):
    """`date` is free text: "Spring 2019" is as good as a day."""

    title: Title
    date: Line40 = ""
    description: Text1k = ""
    url: Url = ""
    icon: Icon = ""


class TimelineSection(Frozen):
    kind: Literal["timeline"]
    title: Line100 = ""
    milestones: Annotated[tuple[Milestone, ...], Field(max_length=ITEMS_MAX)] = ()


class Testimonial(Frozen):
    name: PersonName
    quote: Text1k = ""
    role: Line100 = ""
    url: Url = ""


class TestimonialsSection(Frozen):
    __test__ = False
    kind: Literal["testimonials"]
    title: Line100 = ""
    testimonials: Annotated[tuple[Testimonial, ...], Field(max_length=ITEMS_MAX)] = ()


class Event(Frozen):
    name: Title
    when: Line100 = ""
    place: Line100 = ""
    description: Text1k = ""
    url: Url = ""


class EventsSection(Frozen):
    kind: Literal["events"]
    title: Line100 = ""
    events: Annotated[tuple[Event, ...], Field(max_length=ITEMS_MAX)] = ()


Section = Annotated[
    TextSection | GallerySection | VideoSection | TimelineSection | TestimonialsSection | EventsSection,
    Field(discriminator="kind"),
]


class Profile(Frozen):
    """What a creator writes about themself. Nothing in it is secret; `visibility` says who may see the page."""

    name: Annotated[str, chars(80, 1), LINE]
    tagline: Line200 = ""
    bio: Text5k = ""
    avatar: Id | None = None
    cover: Id | None = None
    pronouns: Line40 = ""
    place: Line100 = ""
    language: Language = "en"
    tags: Tags = ()
    links: Annotated[tuple[Link, ...], Field(max_length=LINKS_MAX)] = ()
    sections: Annotated[tuple[Section, ...], Field(max_length=SECTIONS_MAX)] = ()
    theme: Theme = "plain"
    visibility: Visibility = "public"
    sensitive: bool = False
    domain: Annotated[
        str, StringConstraints(pattern=r"^([a-z0-9-]{1,63}\.)+[a-z]{2,63}$|^$", max_length=253)
    ] = ""


class Post(Frozen):
    """A dated entry with its own page. `date` is the creator's own (YYYY-MM-DD).

    State `scheduled` becomes `published` when `publish_at` (seconds since 1970, UTC) is due, by a revision of the
    worker's. `edit` is the post's ETag: the profile's edit at which it last changed. `revision` likewise, but for every
    change of what its page shows.
    """

    id: Id
    slug: Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_clean_slug)]
    title: Title
    body: Text20k = ""
    tags: Tags = ()
    media: Annotated[tuple[Id, ...], Field(max_length=ITEMS_MAX)] = ()
    date: Annotated[str, AfterValidator(_clean_date)]
    state: Literal["draft", "scheduled", "published"] = "draft"
    publish_at: Annotated[int, Field(ge=0, le=TIME_MAX)] | None = None
    edit: int = 0
    revision: int = 0


class HeldName(Frozen):
    """A username that the profile holds or held, with the number of that claim."""

    username: str
    claim: int


class PendingName(Frozen):
    """A username that is being taken: by which attempt, and since when (`core/store/naming.py`)."""

    username: str
    attempt: str
    at: int


class Head(Frozen):
    """The head row of a profile's partition.

    `edit` counts the creator's edits and is the API's ETag; `revision` grows with everything that changes output.
    `frame_revision` (what every page shows) and `posts_revision` (lists and feeds) never fall. Times are seconds since
    1970, UTC, written by who made the change; no load and no render looks at a clock.
    """

    id: Id
    profile: Profile
    name: HeldName | None = None
    pending_name: PendingName | None = None
    former_names: tuple[HeldName, ...] = ()
    edit: int = 0
    revision: int = 0
    frame_revision: int = 0
    posts_revision: int = 0
    deleted: bool = False
    created_at: int = 0
    edited_at: int = 0


class Snapshot(Frozen):
    """One profile's partition at one revision: what a load returns and every job begins with."""

    head: Head
    posts: tuple[Post, ...] = ()
    media: tuple[Media, ...] = ()

    def medium(self, media_id: str) -> Media | None:
        return next((m for m in self.media if m.id == media_id), None)

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The media that the creator has uploaded."""
        return tuple(m for m in self.media if m.kind != "card")

    @property
    def card(self) -> Media | None:
        """The one that we draw. It has the profile's own id, so that there is never another."""
        return self.medium(self.head.id)

    def without_card(self) -> Snapshot:
        """What is on the card must not be seen any more, not even until another one is drawn."""
        return self.model_copy(update={"media": self.uploads})

    def post(self, post_id: str) -> Post | None:
        return next((p for p in self.posts if p.id == post_id), None)


def media_in_profile(profile: Profile) -> Iterator[str]:
    """Ids of media that the profile itself names, in the order in which its page shows them."""
    yield from (m for m in (profile.avatar, profile.cover) if m)
    for section in profile.sections:
        yield from media_in_section(section)


def media_in_section(section: Section) -> tuple[str, ...]:
    match section:
        case GallerySection():
            return section.media
        case VideoSection():
            return (section.media,)
    return ()


Noun = TypeVar("Noun", bound=Frozen)


def parse(noun: type[Noun], data: Any) -> Noun:
    """`data` (as JSON decodes) as a noun; BadInput names every bad field by its path ("links.2.url")."""
    try:
        return noun.model_validate(data)
    except ValidationError as error:
        raise BadInput(field_errors(error)) from None


def field_errors(error: ValidationError) -> dict[str, str]:
    """Pydantic's errors as {path: words for a person}."""
    return {_path(e): _words(e) for e in error.errors(include_url=False)}


def _path(error: Any) -> str:
    """The field's path. Pydantic puts the discriminator's value behind the index of a section; a path doesn't need it."""
    loc: tuple[Any, ...] = error["loc"]
    parts = [
        str(part)
        for at, part in enumerate(loc)
        if not (at >= 2 and loc[at - 2] == "sections" and isinstance(loc[at - 1], int))
    ]
    if error["type"].startswith("union_tag_"):
        parts.append("kind")
    return ".".join(parts) or "body"


def _words(error: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "string_too_long":
            return f"may have at most {context['max_length']} characters"
        case "string_too_short" | "missing" | "union_tag_not_found":
            return "is required"
        case "too_short" if context["min_length"] == 1:
            return "is required"
        case "union_tag_invalid":
            return f"must be one of {context['expected_tags']}"
        case "string_unicode":
            return "holds a character that can't be stored"
        case "too_long":
            return f"may hold at most {context['max_length']} entries"
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return "is not a field here"
        case "literal_error":
            return f"must be one of {context['expected']}"
        case "string_pattern_mismatch":
            return "is not written as it should be"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "should be")
