"""What makers make of a video turn by turn: it plays after the first, its ladder grows, and a remake loses nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from core import keys
from core.media import Media, Rendition, RenditionFile
from core.objects import Headers
from pipeline import making
from pipeline.making import Maker, make_some
from pipeline.media.make import find_ffmpeg
from pipeline.media_queue import task_of
from tests.pipeline.little_site import Site
from tests.pipeline.test_making import ME, House

RECIPES = ["rung-240", "poster", "mp4", "rung-360"]


@pytest.fixture
def house(site: Site, tmp_path: Path) -> House:
    """With a film that has to be encoded, of three seconds, with sound."""
    film = tmp_path / "film.webm"
    source = ["-f", "lavfi", "-i", "testsrc=size=640x360:rate=10", "-f", "lavfi", "-i", "sine=440", "-t", "3"]
    coded = ["-c:v", "libvpx", "-c:a", "libvorbis"]
    subprocess.run([find_ffmpeg(), "-v", "error", *source, *coded, str(film)], check=True)
    house = House(site)
    site.upload(house.ann, made=False)
    change(house, lambda medium: medium.model_copy(update={"kind": "video"}))
    site.private.put(keys.original(ME), film.read_bytes(), Headers())
    return house


def change(house: House, what: Callable[[Media], Media]) -> None:
    house.site.change(
        house.ann, lambda old: old.model_copy(update={"media": tuple(what(one) for one in old.media)})
    )


def text(house: House, recipe: str, name: str) -> str:
    made = house.medium.rendition(recipe)
    assert made
    stored = house.site.private.get(keys.rendition(ME, recipe, made.attempt, name))
    assert stored
    return stored.body.decode()


def streams(house: House, tmp_path: Path) -> list[str]:
    """The kinds of streams in the progressive MP4."""
    made = house.medium.rendition("mp4")
    assert made
    stored = house.site.private.get(keys.rendition(ME, "mp4", made.attempt, "video.mp4"))
    assert stored
    path = tmp_path / "whole.mp4"
    path.write_bytes(stored.body)
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


def test_it_plays_after_the_first_turn_and_its_ladder_grows(house: House, tmp_path: Path) -> None:
    task = task_of(house.medium, house.ann)
    assert make_some(house.maker, task) == "video"
    assert (house.medium.kind, house.medium.state) == ("video", "making")
    assert house.recipes() == {"rung-240", "poster", "mp4", "hls"}
    assert "rung-360" not in text(house, "hls", "master.m3u8")
    assert streams(house, tmp_path) == ["video", "audio"]
    house.make_all()
    assert house.medium.state == "ready"
    assert house.recipes() == {*RECIPES, "hls"}
    for name in ("master.m3u8", "manifest.mpd"):
        assert "rung-240" in text(house, "hls", name) and "rung-360" in text(house, "hls", name)
    house.site.publish(house.ann)
    medium = house.medium
    for made in medium.renditions:
        folder = keys.media(ME, medium.publication, made.recipe, made.attempt, "")
        found = {key.removeprefix(folder) for key in house.site.public.walk(folder)}
        assert found == {part.name for part in made.parts()}


def test_a_remake_has_its_sound_from_the_lowest_rung_and_keeps_the_captions(
    house: House, tmp_path: Path
) -> None:
    house.make_all()
    file = RenditionFile(name="captions.vtt", type="text/vtt", bytes=9, label="English")
    captions = Rendition(recipe="captions-en", attempt="attempt1", files=(file,))

    def age(medium: Media) -> Media:
        """As if another release had made the lowest rung and the MP4, and the creator had sent captions."""
        old = tuple(
            made.model_copy(update={"made_by": ""}) if made.recipe in ("rung-240", "mp4") else made
            for made in medium.renditions
        )
        return medium.model_copy(update={"renditions": (*old, captions)})

    change(house, age)
    before = {made.recipe: made.attempt for made in house.medium.renditions}
    task = task_of(house.medium, house.ann)._replace(remake=True)
    while make_some(house.maker, task):
        pass
    after = {made.recipe: made.attempt for made in house.medium.renditions}
    assert {recipe for recipe in after if after[recipe] != before[recipe]} == {"rung-240", "mp4", "hls"}
    assert house.medium.rendition("captions-en") == captions
    assert streams(house, tmp_path) == ["video", "audio"]
    assert f"rung-240-{after['rung-240']}/audio.m3u8" in text(house, "hls", "master.m3u8")


def test_rungs_of_an_earlier_release_are_made_anew_when_one_is_missing(house: House) -> None:
    names = ("index.m3u8", "init.mp4", "seg-0000.m4s")
    files = tuple(RenditionFile(name=name, type="video/mp4", bytes=1) for name in names)
    old = Rendition(recipe="rung-240", attempt="attempt1", files=files)
    change(house, lambda medium: medium.model_copy(update={"renditions": (old,), "state": "making"}))
    house.make_all()
    assert house.recipes() == {*RECIPES, "hls"}
    made = house.medium.rendition("rung-240")
    assert made and made.segments


def test_a_ladder_that_storage_has_lost_is_written_again(house: House) -> None:
    house.make_all()
    rungs = [made for made in house.medium.renditions if made.recipe != "hls"]
    change(house, lambda medium: medium.model_copy(update={"renditions": tuple(rungs), "state": "uploaded"}))
    house.make_all()
    assert [made for made in house.medium.renditions if made.recipe != "hls"] == rungs
    assert "rung-240" in text(house, "hls", "master.m3u8") and "rung-360" in text(house, "hls", "master.m3u8")


def test_a_video_container_that_holds_only_sound_becomes_a_recording(house: House, tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "sine=440", "-t", "2", str(sound)]
    subprocess.run(command, check=True)
    house.site.private.put(keys.original(ME), sound.read_bytes(), Headers())
    house.make_all()
    assert (house.medium.kind, house.medium.state, house.recipes()) == ("audio", "ready", {"sound"})


def test_a_worker_that_stops_loses_only_the_step_it_was_at(house: House) -> None:
    task = task_of(house.medium, house.ann)
    make_some(house.maker, task)
    kept = {made.recipe: made.attempt for made in house.medium.renditions}

    def climbs() -> bool:
        return keys.climb(ME) in house.site.private.walk(keys.climb(ME))

    stopping: Maker = house.maker._replace(stopping=climbs)
    with pytest.raises(Exception, match="stopping"):
        make_some(stopping, task)
    assert climbs()
    house.make_all()
    assert not climbs()
    after = {made.recipe: made.attempt for made in house.medium.renditions}
    assert {recipe for recipe in kept if after[recipe] != kept[recipe]} == {"hls"}


def test_a_long_film_gives_way_to_who_waits_but_never_without_having_got_on(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "TURN_S", 0.0)
    film = tmp_path / "long.webm"
    picture = ["-f", "lavfi", "-i", "testsrc=size=640x360:rate=10", "-t", "60", "-c:v", "libvpx"]
    subprocess.run([find_ffmpeg(), "-v", "error", *picture, str(film)], check=True)
    house.site.private.put(keys.original(ME), film.read_bytes(), Headers())
    waited: Maker = house.maker._replace(waited_for=lambda: True)
    make_some(house.maker, task_of(house.medium, house.ann))
    stored = [0]
    while make_some(waited, task_of(house.medium, house.ann)):
        if house.medium.rendition("storyboard"):
            there = [key for key in house.site.private.walk(keys.rendition_folder(ME)) if "/rung-360-" in key]
            stored.append(len(there))
    assert stored == sorted(stored) and len(set(stored)) > 2, "no turn was for nothing"
    assert house.medium.state == "ready"
    rung = house.medium.rendition("rung-360")
    assert rung and rung.segments[0].count == 15
