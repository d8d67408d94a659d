"""The sections of a profile's page, in the creator's order, made ready for their templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from core.document import Document
from core.profile import (
    Event,
    EventsSection,
    GallerySection,
    Milestone,
    Section,
    Testimonial,
    TestimonialsSection,
    TextSection,
    TimelineSection,
    VideoSection,
)
from generator import initials, markup
from generator.icons import Icons
from generator.pictures import Gallery, Picture
from generator.videos import Video

VIDEO_SIZES = "(min-width: 46rem) 44rem, 100vw"
# Sections have h2, so what creators write below begins with h3 or, below an entry's own h3, with h4.
_IN_SECTION, _IN_ENTRY = 3, 4


_NOTHING = Markup()


class Entry(NamedTuple):
    """A milestone, a testimonial or an event. `label` is its date, role or time; `mark` an icon's name or an initial."""

    title: str
    label: str = ""
    place: str = ""
    body: Markup = _NOTHING
    href: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A section with something to show. `id` is the anchor of its heading."""

    kind: str
    id: str
    title: str
    body: Markup = _NOTHING
    items: tuple[Picture | Video, ...] = ()
    entries: tuple[Entry, ...] = ()
    caption: str = ""


def shown(document: Document, gallery: Gallery, icons: Icons) -> list[Shown]:
    """What there is to show; last comes the closing gallery of media that no section names."""
    sections = (
        _shown(section, f"section-{number}", gallery, icons)
        for number, section in enumerate(document.profile.sections, 1)
    )
    closing = _gallery("section-gallery", "", document.gallery, gallery)
    return [one for one in (*sections, closing) if one]


def _shown(section: Section, anchor: str, gallery: Gallery, icons: Icons) -> Shown | None:
    match section:
        case TextSection():
            body = markup.html(section.body, _IN_SECTION)
            return Shown("text", anchor, section.title, body=body) if body or section.title else None
        case GallerySection():
            return _gallery(anchor, section.title, section.media, gallery)
        case VideoSection():
            video = gallery.video(section.media, VIDEO_SIZES)
            return (
                Shown("video", anchor, section.title, items=(video,), caption=section.caption)
                if video
                else None
            )
        case TimelineSection():
            entries = tuple(_milestone(one, icons) for one in section.milestones)
        case TestimonialsSection():
            entries = tuple(map(_testimonial, section.testimonials))
        case EventsSection():
            entries = tuple(map(_event, section.events))
    return Shown(section.kind, anchor, section.title, entries=entries) if entries else None


def _gallery(anchor: str, title: str, media: tuple[str, ...], gallery: Gallery) -> Shown | None:
    items = tuple(gallery.items(media))
    return Shown("gallery", anchor, title, items=items) if items else None


def _milestone(one: Milestone, icons: Icons) -> Entry:
    body = markup.html(one.description, _IN_ENTRY)
    return Entry(one.title, one.date, body=body, href=one.url, mark=icons.known(one.icon) or "")


def _testimonial(one: Testimonial) -> Entry:
    body = markup.html(one.quote, _IN_ENTRY)
    return Entry(one.name, one.role, body=body, href=one.url, mark=initials.initials(one.name)[:1])


def _event(one: Event) -> Entry:
    return Entry(one.name, one.when, one.place, markup.html(one.description, _IN_ENTRY), one.url)
