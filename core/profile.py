"""The nouns of a profile: parsed and checked once, at the door, with a limit on every field; frozen after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from core.fields import (
    LINE,
    Day,
    Domain,
    Icon,
    Language,
    Line40,
    Line100,
    Line200,
    PersonName,
    Slug,
    Tags,
    Text1k,
    Text5k,
    Text10k,
    Text20k,
    Theme,
    Title,
    Url,
    Visibility,
    chars,
)
from core.media import Frozen, Id, Media

POSTS_PER_PROFILE_MAX = 1000
TIME_MAX = 253_402_300_799
"""The last second of the year 9999: the latest time that a date can be made of."""
LINKS_MAX, SECTIONS_MAX, ITEMS_MAX = 100, 30, 100


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
    domain: Domain = ""


class Post(Frozen):
    """A dated entry with its own page. `date` is the creator's own (YYYY-MM-DD).

    State `scheduled` becomes `published` when `publish_at` (seconds since 1970, UTC) is due, by a revision of the
    worker's. `edit` is the post's ETag: the profile's edit at which it last changed. `revision` likewise, but for every
    change of what its page shows.
    """

    id: Id
    slug: Slug
    title: Title
    body: Text20k = ""
    tags: Tags = ()
    media: Annotated[tuple[Id, ...], Field(max_length=ITEMS_MAX)] = ()
    date: Day
    state: Literal["draft", "scheduled", "published"] = "draft"
    publish_at: Annotated[int, Field(ge=0, le=TIME_MAX)] | None = None
    edit: int = 0
    revision: int = 0


class HeldName(Frozen):
    """A username that the profile holds or held, with the number of that claim."""

    username: str
    claim: int


class HeldDomain(Frozen):
    """A domain that the profile holds, with the number of that claim and the revision at which it got it."""

    domain: str
    claim: int
    revision: int


class PendingName(Frozen):
    """A username that is being taken: by which attempt, and since when (`core/store/naming.py`)."""

    username: str
    attempt: str
    at: int


class Head(Frozen):
    """The head row of a profile's partition.

    `edit` counts the creator's edits and is the API's ETag; `revision` grows with everything that changes output.
    `frame_revision` (what every page shows) and `posts_revision` (lists and feeds) never fall. `grants` is the epoch of the
    links that were given out (`core/grants.py`): those of an earlier one are void. Times are seconds since
    1970, UTC, written by who made the change; no load and no render looks at a clock.
    """

    id: Id
    profile: Profile
    name: HeldName | None = None
    pending_name: PendingName | None = None
    former_names: tuple[HeldName, ...] = ()
    domain: HeldDomain | None = None
    edit: int = 0
    revision: int = 0
    frame_revision: int = 0
    posts_revision: int = 0
    grants: int = 0
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
