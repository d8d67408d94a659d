"""A film that was cut short is refused, however whole its head looks; one that lacks next to nothing is taken."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from core.errors import UnsupportedMedia
from tests.media.conftest import Clip, Workbench

FRONT = ("-movflags", "faststart", "-g", "10")


def film(clip: Clip, name: str, film_s: float, *options: str) -> Path:
    """Of noise, so that each second has as many bytes."""
    picture = "color=gray:size=64x48:rate=10,noise=alls=60:allf=t"
    return clip(picture, *options, name=name, sound=True, film_s=film_s)


def without_last(path: Path, missing_s: float) -> bytes:
    """The film up to the pictures of its last seconds."""
    whole = path.read_bytes()
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        places = [packet.pos for packet in container.demux(stream) if packet.size and packet.pos is not None]
    return whole[: places[-round(missing_s * 10)]]


@pytest.mark.parametrize(
    ("name", "film_s", "missing_s"),
    [
        ("whole.mp4", 20, 10),
        ("whole.mov", 20, 10),
        ("whole.mkv", 20, 10),
        ("whole.mp4", 5, 0.4),
        ("whole.mkv", 5, 0.4),
        ("whole.mp4", 120, 1.5),
        ("whole.mkv", 120, 2),
    ],
)
def test_a_film_that_was_cut_short_is_refused(
    bench: Workbench, clip: Clip, name: str, film_s: float, missing_s: float
) -> None:
    whole = film(clip, name, film_s, *FRONT)
    bench.probe(whole)
    with pytest.raises(UnsupportedMedia, match="incomplete: its end is missing"):
        bench.probe(bench.put(without_last(whole, missing_s)))


@pytest.mark.parametrize("name", ["whole.mp4", "whole.mkv"])
def test_a_film_without_its_last_moment_is_taken(bench: Workbench, clip: Clip, name: str) -> None:
    whole = film(clip, name, 20, *FRONT)
    assert bench.probe(bench.put(without_last(whole, 0.2))).duration_s == pytest.approx(20, abs=0.1)


def test_sound_that_was_cut_off_behind_all_pictures_is_missed(bench: Workbench, clip: Clip) -> None:
    """All pictures first, then all sound, as few programs still write it."""
    options = ("-movflags", "faststart", "-c:a", "pcm_s16le")
    whole = film(clip, "whole.mov", 5, *options, "-max_interleave_delta", "1", "-chunk_duration", "9000000")
    content = whole.read_bytes()
    bench.probe(whole)
    with pytest.raises(UnsupportedMedia, match="incomplete"):
        bench.probe(bench.put(content[: len(content) - 48_000]))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("live.webm", ("-c:v", "libvpx", "-live", "1")),
        ("live.mp4", ("-movflags", "frag_keyframe+empty_moov", "-g", "10")),
    ],
)
def test_what_was_recorded_live_is_taken_as_far_as_it_goes(
    bench: Workbench, clip: Clip, name: str, options: tuple[str, ...]
) -> None:
    content = film(clip, name, 5, *options).read_bytes()
    assert bench.probe(bench.put(content[: len(content) // 2])).width == 64
