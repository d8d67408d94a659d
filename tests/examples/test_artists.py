"""The sample artists' words are profiles and posts that our own door accepts, and name only what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import examples
import templates
from core import keys
from core.fields import Theme
from core.parsing import parse
from core.profile import media_in_profile
from examples import ARTISTS, Artist
from examples.make_pictures import CLIP, FILES
from ingest.posts import PostInput

ICONS = json.loads((Path(templates.__file__).parent / "icons" / "icons.json").read_text())
ALL = examples.artists()


@pytest.fixture(params=ALL, ids=lambda artist: artist.username)
def artist(request: pytest.FixtureRequest) -> Artist:
    assert isinstance(request.param, Artist)
    return request.param


@pytest.fixture
def ids(artist: Artist) -> dict[str, str]:
    """An id for each of the artist's media, as if they were uploaded."""
    return {medium.ref: f"uploaded{number:02}" for number, medium in enumerate(artist.media)}


def test_six_artists_are_read_from_their_files() -> None:
    names = [artist.username for artist in ALL]
    assert len(set(names)) == len(names) == len(list(ARTISTS.glob("*.json"))) == 6


def test_a_username_is_free_to_be_claimed(artist: Artist) -> None:
    assert keys.username(artist.username) == artist.username


def test_a_profile_is_accepted_and_names_uploaded_media_only(artist: Artist, ids: dict[str, str]) -> None:
    profile = artist.profile(ids)
    named = list(media_in_profile(profile))
    assert profile.avatar and profile.cover
    assert set(named) <= set(ids.values())
    assert profile.tagline and profile.bio and profile.place and profile.tags and profile.links


def test_every_picture_is_shown_somewhere_and_described(artist: Artist, ids: dict[str, str]) -> None:
    in_posts = {media_id for post in artist.post_bodies(ids) for media_id in post["media"]}
    assert set(media_in_profile(artist.profile(ids))) | in_posts == set(ids.values())
    assert all(len(medium.alt) > 10 for medium in artist.media)


def test_posts_are_accepted_and_come_oldest_first(artist: Artist, ids: dict[str, str]) -> None:
    posts = [parse(PostInput, body) for body in artist.post_bodies(ids)]
    assert len(posts) >= 2
    assert [post.date for post in posts] == sorted(post.date for post in posts)
    assert all(post.state == "published" and post.media and keys.slug(post.title) for post in posts)


def test_a_ref_that_was_not_uploaded_is_not_passed_over(artist: Artist, ids: dict[str, str]) -> None:
    del ids[artist.draft["cover"]]
    with pytest.raises(KeyError):
        artist.profile(ids)


def test_addresses_lead_to_example_domains_only(artist: Artist) -> None:
    text = artist.model_dump_json()
    hosts = re.findall(r"(?:https?://|mailto:[^@\"]*@)([^/\"\s)]+)", text)
    assert len(hosts) >= 4
    assert all(re.fullmatch(r"([a-z0-9-]+\.)*example\.(org|com)", host) for host in hosts)


def test_icons_are_ones_that_we_ship(artist: Artist) -> None:
    icons = re.findall(r'"icon":"([^"]*)"', artist.model_dump_json())
    assert icons
    assert set(icons) <= set(ICONS)


def test_between_them_they_show_every_section_theme_and_more_than_one_language() -> None:
    kinds, themes, languages = set(), set(), set()
    for artist in ALL:
        profile = artist.profile({medium.ref: f"uploaded{n:02}" for n, medium in enumerate(artist.media)})
        kinds |= {section.kind for section in profile.sections}
        themes.add(profile.theme)
        languages.add(profile.language.split("-")[0])
    assert kinds == {"text", "gallery", "video", "timeline", "testimonials", "events"}
    assert themes == set(Theme.__args__)
    assert languages == {"en", "pt", "ja"}


def test_the_files_we_paint_are_the_files_they_name() -> None:
    named = [medium.file for artist in ALL for medium in artist.media]
    assert len(named) == len(set(named))
    assert set(named) == set(FILES)
    assert CLIP in named
