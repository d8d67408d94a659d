"""The rungs above the lowest: made together, stored segment by segment, gone on with where somebody was killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import pytest

from core import keys
from core.errors import Unavailable, UnsupportedMedia
from core.media import Media, Rendition
from core.objects import Headers
from core.objects.folder import FolderObjects
from pipeline import climbing
from pipeline.climbing import Climber, TurnOver, clear
from pipeline.media import climb as media
from pipeline.media import words
from pipeline.media.make import Limits, climbed, find_ffmpeg, probe
from pipeline.media.segments import Track

SEGMENTS = 4


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen seconds in which every picture is another, with keyframes far apart and pictures that come unevenly."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    picture = "testsrc2=size=1280x960:rate=10,select='not(eq(mod(n,7),3))'"
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p", "-g", "90", "-bf", "2"]
    command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", picture, "-t", "14", "-vsync", "vfr"]
    subprocess.run([*command, *coded, str(path)], check=True)
    return path


@dataclass
class Stand:
    """A climber over a folder; `stored` counts its puts by key."""

    climber: Climber
    private: FolderObjects

    def names(self) -> set[str]:
        return set(self.private.walk("_renditions/film/"))

    def segments(self) -> dict[str, str]:
        """The ETag of each segment that is stored."""
        return {key: self.private.stat(key).etag for key in self.names() if key.endswith(".m4s")}

    def make(self) -> tuple[Rendition, ...]:
        return self.climber.make(climbed(self.climber.probe))

    def break_off(self, when: int) -> None:
        """As a worker that ends once so many segments are stored."""
        with pytest.raises(Unavailable, match="stopping"):
            replace(self.climber, stopping=lambda: len(self.segments()) >= when).make(
                climbed(self.climber.probe)
            )

    def pictures(self, made: Rendition, folder: Path) -> list[tuple[float, bytes]]:
        """When each picture is shown, and how it looks, small."""
        folder.mkdir()
        for part in made.parts():
            found = self.private.get(keys.rendition("film", made.recipe, made.attempt, part.name))
            assert found
            (folder / part.name).write_bytes(found.body)
        options = {"allowed_extensions": "ALL"}
        with av.open(str(folder / "index.m3u8"), options=options) as container:
            return [
                (frame.time, bytes(frame.reformat(64, 48, "gray").planes[0]))
                for frame in container.decode(video=0)
            ]


@pytest.fixture
def stand(tmp_path: Path, film: Path) -> Stand:
    private = FolderObjects(tmp_path / "private")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Stand(
        Climber(private, "film", lambda: None, film, probe(film), Limits(), scratch, "0123"), private
    )


def test_all_are_made_of_one_decoding_and_cut_alike(stand: Stand) -> None:
    assert climbed(stand.climber.probe) == ("rung-720", "rung-960")
    shares: list[float] = []
    made = replace(stand.climber, told=shares.append).make(climbed(stand.climber.probe))
    assert [(one.recipe, one.made_by) for one in made] == [("rung-720", "0123"), ("rung-960", "0123")]
    for index, one in enumerate(made):
        assert [(row.track, row.count) for row in one.segments] == [(f"track{index}", SEGMENTS)]
        playlist = stand.private.get(keys.rendition("film", one.recipe, one.attempt, "index.m3u8"))
        assert playlist and playlist.body.count(b"#EXTINF:4.000000,") == SEGMENTS - 1
        stored = {part.name for part in one.parts()}
        folder = keys.rendition("film", one.recipe, one.attempt, "")
        assert {key.removeprefix(folder) for key in stand.private.walk(folder)} == stored
        assert one.bytes == sum(stand.private.stat(folder + name).size for name in stored)
    assert shares == sorted(set(shares)) and 0.9 < shares[-1] <= 1
    assert list(stand.climber.scratch.iterdir()) == []


def test_who_goes_on_makes_what_is_missing_and_no_picture_tells_where(stand: Stand, tmp_path: Path) -> None:
    whole = stand.make()
    before = {one.recipe: stand.pictures(one, tmp_path / f"whole-{one.recipe}") for one in whole}
    clear(stand.private, "film", None)
    assert stand.names() == set()
    stand.break_off(4)
    kept = stand.segments()
    assert 4 <= len(kept) < 2 * SEGMENTS
    made = stand.make()
    after = stand.segments()
    assert kept.items() <= after.items() and len(after) == 2 * SEGMENTS
    for one in made:
        pictures = stand.pictures(one, tmp_path / one.recipe)
        assert [at for at, _ in pictures] == pytest.approx([n / 10 for n in range(140)], abs=0.001)
        for (_, look), (_, looked) in zip(pictures, before[one.recipe], strict=True):
            assert sum(abs(a - b) for a, b in zip(look, looked, strict=True)) / len(look) < 3


def test_nothing_that_is_stored_is_written_again(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.break_off(2)
    runs: list[int] = []

    def climb(*given: object, **more: object) -> list[Track]:
        runs.append(given[5])  # type: ignore[arg-type]
        return media.climb(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(climbing, "climb", climb)
    first = stand.make()
    again = stand.make()
    assert [one.attempt for one in again] == [one.attempt for one in first]
    assert runs[1] == SEGMENTS - 1, "all was there: only the last one again"
    assert [one.bytes for one in again] == [one.bytes for one in first]


def test_what_another_release_began_is_removed(stand: Stand) -> None:
    stand.break_off(2)
    old = stand.names()
    made = replace(stand.climber, made_by="4567").make(climbed(stand.climber.probe))
    assert {one.made_by for one in made} == {"4567"}
    assert stand.names() & old == {keys.climb("film")}


def test_segments_of_another_encoder_are_not_mixed_with_ours(stand: Stand) -> None:
    stand.break_off(4)
    (init,) = (key for key in stand.names() if key.endswith("track0.mp4"))
    stand.private.put(init, b"of another encoder", Headers())
    made = stand.make()
    assert init not in stand.names()
    assert [row.count for one in made for row in one.segments] == [SEGMENTS, SEGMENTS]


def test_a_film_whose_middle_cannot_be_found_is_begun_anew(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.break_off(4)
    begun: list[int] = []

    def climb(*given: object, **more: object) -> list[Track]:
        begun.append(given[5])  # type: ignore[arg-type]
        if begun[-1]:
            raise UnsupportedMedia("No such place.")
        return media.climb(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(climbing, "climb", climb)
    made = stand.make()
    assert begun[0] > 0 and begun[1:] == [0]
    assert [row.count for one in made for row in one.segments] == [SEGMENTS, SEGMENTS]


def test_what_takes_longer_than_a_child_may_live_is_gone_on_with(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def climb(*given: object, **more: object) -> list[Track]:
        media.climb(*given, **more)  # type: ignore[arg-type]
        raise UnsupportedMedia(words.TOO_SLOW)

    monkeypatch.setattr(climbing, "climb", climb)
    with pytest.raises(TurnOver):
        stand.make()
    assert len(stand.segments()) == 2 * SEGMENTS
    monkeypatch.setattr(climbing, "_TURN_SEGMENTS", SEGMENTS + 1)
    with pytest.raises(UnsupportedMedia, match="too long"):
        stand.make()


def test_a_film_that_cannot_be_used_leaves_nothing(stand: Stand, tmp_path: Path) -> None:
    stand.break_off(2)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(stand.climber.original.read_bytes()[:2000])
    with pytest.raises(UnsupportedMedia):
        replace(stand.climber, original=broken).make(climbed(stand.climber.probe))
    assert stand.names() == set()


def test_what_a_rendition_names_by_now_stays(stand: Stand) -> None:
    made = stand.make()
    medium = Media(id="medium00", kind="video", renditions=made[:1])
    clear(stand.private, "film", medium)
    kept = {keys.rendition("film", made[0].recipe, made[0].attempt, part.name) for part in made[0].parts()}
    assert stand.names() == kept


@pytest.mark.parametrize("trick", ["link", "pipe", "folder", "too large"])
def test_what_a_living_child_lays_out_is_taken_only_if_it_is_a_plain_file(
    tmp_path: Path, trick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "track0-00001.m4s"
    laid: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to("/etc/passwd"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "too large": lambda: path.write_bytes(b"12345"),
    }
    laid[trick]()
    monkeypatch.setattr(media, "_SEGMENT_BYTES_MAX", 4)
    with pytest.raises(UnsupportedMedia):
        media._taken(path)
