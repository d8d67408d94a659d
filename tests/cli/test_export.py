"""Exporting and importing again: the same profile, in the same house or in another."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from core import keys
from core.backends import Backends, open_backends
from core.ids import new_id
from core.media import Media
from core.objects import Headers
from core.profile import GallerySection, Link, Post, Profile, Snapshot, TextSection, VideoSection
from core.settings import DataSettings, Settings, UploadSettings
from core.store.naming import found, owner_of
from core.store.revise import revise
from ingest.captions import cleaned, rendition_of
from tests.cli.conftest import Holdfast
from tests.ingest.pictures import mp4

Load = Callable[[str], Snapshot]
SAID = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" + bytes(600)
LATER = int(time.time()) + 90_000


def png(colour: str) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(body, "PNG")
    return body.getvalue()


@pytest.fixture
def ann(backends: Backends) -> Snapshot:
    """A profile with two photos, a draft, a published and a scheduled post."""
    made = found(backends.store, "ann", Profile(name="Ann", bio="Paints."))
    photos = {new_id(): png("red"), new_id(): png("blue")}
    for media_id, body in photos.items():
        backends.private.put(keys.original(media_id), body, Headers())
    first, second = photos

    def fill(old: Snapshot) -> Snapshot:
        profile = old.head.profile.model_copy(
            update={
                "avatar": first,
                "theme": "dusk",
                "links": (Link(label="Shop", url="https://ann.example"),),
                "sections": (
                    TextSection(kind="text", body="Hello"),
                    GallerySection(kind="gallery", media=(second, first)),
                ),
            }
        )
        media = tuple(
            Media(
                id=one,
                kind="image",
                alt=f"Photo {number}",
                position=number,
                filename=f"{number}.png",
                original_type="image/png",
                original_bytes=len(photos[one]),
            )
            for number, one in enumerate(photos)
        )
        posts = (
            Post(id=new_id(), slug="one", title="One", date="2026-01-01", state="published", media=(second,)),
            Post(id=new_id(), slug="two", title="Two", date="2026-01-02", tags=("x",)),
            Post(
                id=new_id(),
                slug="three",
                title="Three",
                date="2026-01-03",
                state="scheduled",
                publish_at=LATER,
            ),
        )
        head = old.head.model_copy(update={"profile": profile})
        return old.model_copy(update={"head": head, "media": media, "posts": posts})

    return revise(backends.store, made.head.id, fill, writer=new_id(), what="x", by_creator=True).snapshot


def shape(snapshot: Snapshot) -> object:
    """All that a creator made, with photos under their alt texts instead of their ids."""
    alt = {one.id: one.alt for one in snapshot.media}
    body = json.dumps(
        [
            snapshot.head.profile.model_dump(mode="json"),
            sorted(
                (post.model_dump(mode="json", exclude={"edit", "revision"}) for post in snapshot.posts),
                key=lambda post: post["slug"],
            ),
            sorted((one.alt, one.kind, one.position, one.filename, one.listed) for one in snapshot.media),
        ]
    )
    for media_id, text in alt.items():
        body = body.replace(media_id, text)
    return json.loads(body)


def test_what_was_exported_is_imported_unchanged(
    holdfast: Holdfast, ann: Snapshot, profile: Load, tmp_path: Path
) -> None:
    ran = holdfast("export", tmp_path / "out", "--originals", "--json")
    assert (ran.json["profiles"], ran.json["originals"], ran.json["notes"]) == (1, 2, [])
    ran = holdfast("import", tmp_path / "out", "--json")
    assert (ran.json["unchanged"], ran.json["left_out"]) == (1, [])
    assert profile("ann") == ann


def test_another_house_has_the_same_profile_after_an_import(
    holdfast: Holdfast, ann: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    holdfast("export", tmp_path / "out", "--originals")
    there = tmp_path / "there"
    monkeypatch.setenv("HOLDFAST_DATA__DIR", str(there))
    ran = holdfast("import", tmp_path / "out", "--json")
    assert (ran.json["created"], ran.json["left_out"]) == (1, [])
    other = open_backends(Settings(data=DataSettings(dir=there)))
    owner = owner_of(other.store, "ann")
    assert owner is not None
    snapshot = other.store.profiles.load(owner)
    assert snapshot is not None
    assert shape(snapshot) == shape(ann)
    assert {one.state for one in snapshot.media} == {"uploaded"}
    photos = {one.alt: one.id for one in snapshot.media}
    stored = other.private.get(keys.original(photos["Photo 0"]))
    assert stored is not None
    assert stored.body == png("red")
    assert LATER in {due.at for due in other.store.changes.due(LATER, 10)}
    revision = snapshot.head.revision
    assert holdfast("import", tmp_path / "out", "--json").json["unchanged"] == 1
    head = other.store.profiles.head(owner)
    assert head is not None
    assert head.revision == revision
    other.close()


def test_without_originals_the_photos_are_reported_and_the_words_come_in(
    holdfast: Holdfast, ann: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holdfast("export", tmp_path / "out")
    assert not (tmp_path / "out" / "originals").exists()
    monkeypatch.setenv("HOLDFAST_DATA__DIR", str(tmp_path / "there"))
    ran = holdfast("import", tmp_path / "out", "--json")
    assert ran.json["created"] == 1
    said = "\n".join(ran.json["left_out"][0]["notes"])
    assert "avatar" in said
    assert "original is not beside the file" in said


def test_a_file_cannot_take_another_profiles_photo_or_reach_out_of_its_folder(
    holdfast: Holdfast, ann: Snapshot, backends: Backends, profile: Load, tmp_path: Path
) -> None:
    taken = ann.media[0].id
    outside = tmp_path / "outside.png"
    outside.write_bytes(png("green"))
    out = tmp_path / "out"
    (out / "originals").mkdir(parents=True)
    (out / "originals" / taken).write_bytes(png("green"))
    (out / "originals" / ("a" * 8)).symlink_to(outside)
    (out / "originals" / ("b" * 8)).write_text("#!/bin/sh\n")
    (out / "originals" / ("c" * 8)).write_bytes(png("white"))
    media = [{"id": one} for one in (taken, "a" * 8, "b" * 8, "../../outside.png")]
    media.append({"id": "c" * 8, "sha256": "0" * 64})
    document = {
        "format": "holdfast-profile",
        "version": 1,
        "profile": {"name": "Eve", "avatar": taken, "cover": "a" * 8},
        "media": media,
    }
    (out / "eve.json").write_text(json.dumps(document))
    ran = holdfast("import", out, "--json")
    assert ran.json["created"] == 1
    eve = profile("eve")
    (mine,) = eve.media
    assert mine.id != taken
    assert (eve.head.profile.avatar, eve.head.profile.cover) == (mine.id, None)
    kept = backends.private.get(keys.original(taken))
    assert kept is not None
    assert kept.body in (png("red"), png("blue"))
    said = "\n".join(ran.json["left_out"][0]["notes"])
    assert "not a picture, video or recording" in said
    assert "sha256 is another" in said
    assert "is not written as it should be" in said


def test_a_bad_row_of_our_own_format_costs_only_itself(
    holdfast: Holdfast, profile: Load, tmp_path: Path
) -> None:
    document = {
        "format": "holdfast-profile",
        "version": 1,
        "profile": {
            "name": "",
            "theme": "neon",
            "visibility": "unlisted",
            "sections": [
                {"kind": "video", "media": "a" * 8},
                {"kind": "odd"},
                {"kind": "text", "body": "Hi"},
            ],
        },
        "posts": [
            {"id": new_id(), "slug": "Not A Slug", "title": "x", "date": "2026-01-01"},
            {"id": new_id(), "slug": "fine", "title": "Fine", "date": "2026-01-01", "extra": 1},
            "text",
        ],
        "media": "none",
    }
    (tmp_path / "eve.json").write_text(json.dumps(document))
    ran = holdfast("import", tmp_path / "eve.json", "--json")
    assert ran.json["created"] == 1
    eve = profile("eve")
    assert (eve.head.profile.name, eve.head.profile.theme) == ("eve", "plain")
    assert eve.head.profile.visibility == "unlisted"
    assert [section.kind for section in eve.head.profile.sections] == ["text"]
    assert [post.slug for post in eve.posts] == ["fine"]


def test_a_newer_format_is_refused_with_the_remedy(holdfast: Holdfast, tmp_path: Path) -> None:
    (tmp_path / "eve.json").write_text('{"format": "holdfast-profile", "version": 2, "profile": {}}')
    ran = holdfast("import", tmp_path / "eve.json", "--json")
    assert ran.code == 1
    assert "upgrade" in ran.json["skipped"][0]["reason"]


def test_one_profile_is_exported_and_others_are_not(
    holdfast: Holdfast, ann: Snapshot, backends: Backends, tmp_path: Path
) -> None:
    found(backends.store, "bob", Profile(name="Bob"))
    holdfast("export", tmp_path / "out", "@ann")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ann.json"]
    ran = holdfast("export", tmp_path / "out", "@nobody")
    assert ran.code == 1
    assert "holdfast status" in ran.err


def test_a_missing_original_is_named(
    holdfast: Holdfast, ann: Snapshot, backends: Backends, tmp_path: Path
) -> None:
    backends.private.delete(keys.original(ann.media[0].id))
    ran = holdfast("export", tmp_path / "out", "--originals", "--json")
    assert (ran.json["profiles"], ran.json["originals"]) == (1, 1)
    assert ann.media[0].id in ran.json["notes"][0]


def test_looking_makes_no_empty_house(holdfast: Holdfast, data: Path, tmp_path: Path) -> None:
    ran = holdfast("export", tmp_path / "out")
    assert ran.code == 1
    assert "holdfast run" in ran.err
    assert not data.exists()


@pytest.fixture
def film(backends: Backends, ann: Snapshot) -> Snapshot:
    """Her page shows a video with captions, and a recording in a section of its own."""
    clip, sound = "clip1234", "sound123"
    captions = [
        rendition_of("en", "English", cleaned(SAID.encode())),
        rendition_of("pt-br", "", cleaned(SAID.encode())),
    ]
    for made in captions:
        key = keys.rendition(clip, made.recipe, made.attempt, "captions.vtt")
        backends.private.put(key, cleaned(SAID.encode()), Headers(type="text/vtt"))
    backends.private.put(keys.original(clip), mp4(), Headers())
    backends.private.put(keys.original(sound), MP3, Headers())
    rows = (
        Media(id=clip, kind="video", alt="Clip", position=2, filename="a.mp4", renditions=tuple(captions)),
        Media(id=sound, kind="audio", alt="Song", position=3, filename="a.mp3"),
    )

    def add(old: Snapshot) -> Snapshot:
        sections = (*old.head.profile.sections, VideoSection(kind="video", media=sound))
        profile = old.head.profile.model_copy(update={"sections": sections})
        head = old.head.model_copy(update={"profile": profile})
        return old.model_copy(update={"head": head, "media": (*old.media, *rows)})

    return revise(backends.store, ann.head.id, add, writer=new_id(), what="x", by_creator=True).snapshot


def test_captions_and_recordings_come_along(
    holdfast: Holdfast,
    film: Snapshot,
    profile: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    assert holdfast("export", out, "--originals", "--json").json["notes"] == []
    assert sorted(path.name for path in (out / "captions").iterdir()) == [
        "clip1234.en.vtt",
        "clip1234.pt-br.vtt",
    ]
    ran = holdfast("import", out, "--json")
    assert (ran.json["unchanged"], ran.json["left_out"]) == (1, [])
    assert profile("ann") == film

    there = tmp_path / "there"
    monkeypatch.setenv("HOLDFAST_DATA__DIR", str(there))
    ran = holdfast("import", out, "--json")
    assert (ran.json["created"], ran.json["left_out"]) == (1, [])
    other = open_backends(Settings(data=DataSettings(dir=there)))
    snapshot = other.store.profiles.load(owner_of(other.store, "ann") or "")
    assert snapshot
    assert shape(snapshot) == shape(film)
    (clip,) = [one for one in snapshot.media if one.kind == "video"]
    assert {made.recipe: made.files[0].label for made in clip.renditions} == {
        "captions-en": "English",
        "captions-pt-br": "pt-br",
    }
    for made in clip.renditions:
        stored = other.private.get(keys.rendition(clip.id, made.recipe, made.attempt, "captions.vtt"))
        assert stored
        assert stored.body == cleaned(SAID.encode())
    assert holdfast("import", out, "--json").json["unchanged"] == 1
    other.close()


def test_captions_of_strangers_are_read_as_if_they_were_sent(
    holdfast: Holdfast, film: Snapshot, profile: Load, backends: Backends, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    holdfast("export", out, "--originals")
    (out / "captions" / "clip1234.en.vtt").write_text("1\n00:00:01,000 --> 00:00:02,000\n<script>Hi\n")
    (out / "captions" / "clip1234.pt-br.vtt").write_bytes(png("red"))
    path = out / "ann.json"
    document = json.loads(path.read_text())
    photo, clip = (
        next(one for one in document["media"] if one["kind"] == kind) for kind in ("image", "video")
    )
    photo["captions"] = [{"language": "en", "label": "x"}]
    clip["captions"] += [{"language": "../../../etc"}, {"language": "fr"}]
    (out / "captions" / f"{photo['id']}.en.vtt").write_text(SAID)
    (out / "captions" / "clip1234.fr.vtt").symlink_to("clip1234.en.vtt")
    path.write_text(json.dumps(document))
    ran = holdfast("import", path, "--json")
    assert ran.json["changed"] == 1
    said = "\n".join(ran.json["left_out"][0]["notes"])
    for note in (
        "Only a video",
        "captions pt-br: This file is no text",
        "language",
        "captions fr: Their text is not",
    ):
        assert note in said
    made = next(one for one in profile("ann").media if one.id == "clip1234").rendition("captions-en")
    assert made
    stored = backends.private.get(keys.rendition("clip1234", "captions-en", made.attempt, "captions.vtt"))
    assert stored
    assert stored.body == b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHi\n"


def test_a_video_section_keeps_only_a_video(holdfast: Holdfast, ann: Snapshot, tmp_path: Path) -> None:
    holdfast("export", tmp_path / "out", "--originals")
    path = tmp_path / "out" / "ann.json"
    document = json.loads(path.read_text())
    section = VideoSection(kind="video", media=document["media"][0]["id"])
    document["profile"]["sections"].append(section.model_dump())
    path.write_text(json.dumps(document))
    ran = holdfast("import", path, "--json")
    assert ran.json["unchanged"] == 1
    assert "sections.2.media" in ran.json["left_out"][0]["notes"][0]


@pytest.mark.parametrize(
    ("head", "limit"),
    [
        (png("red"), "image_mb_max"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "video_mb_max"),
        (b"fLaC", "video_mb_max"),
    ],
    ids=["picture", "video", "recording"],
)
def test_an_original_that_is_too_large_is_told_with_the_setting_that_says_so(
    holdfast: Holdfast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, limit: str
) -> None:
    monkeypatch.setenv(f"HOLDFAST_UPLOADS__{limit.upper()}", "1")
    out = tmp_path / "out"
    (out / "originals").mkdir(parents=True)
    (out / "originals" / ("a" * 8)).write_bytes(head + bytes(1_000_000))
    document = {"format": "holdfast-profile", "version": 1, "profile": {"name": "Eve"}}
    (out / "eve.json").write_text(json.dumps({**document, "media": [{"id": "a" * 8}]}))
    said = holdfast("import", out, "--json").json["left_out"][0]["notes"]
    assert [note for note in said if f"larger than [uploads] {limit}." in note], said
    assert limit in UploadSettings.model_fields
