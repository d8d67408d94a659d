"""Sound alone becomes an MP4 that any browser plays, with the cover that came along."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import pytest
from PIL import Image

from core.errors import UnsupportedMedia
from pipeline.media.make import Limits, find_ffmpeg, steps
from tests.media.conftest import Workbench

LAME = ("-c:a", "libmp3lame", "-id3v2_version", "3")


def record(bench: Workbench, name: str, *options: str, cover: Path | None = None) -> Path:
    path = bench.folder / name
    picture = ["-i", str(cover), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"]
    command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "sine=440:duration=3"]
    subprocess.run([*command, *(picture if cover else []), *options, str(path)], check=True)
    return path


def seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        (sound,) = container.streams
        assert sound.codec_context.name == "aac"
        return sum(frame.samples for frame in container.decode(sound)) / sound.rate


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("a.mp3", LAME, "audio/mpeg"),
        ("a.m4a", ("-c:a", "aac"), "audio/mp4"),
        ("a.ogg", ("-c:a", "libvorbis"), "audio/ogg"),
        ("a.opus", ("-c:a", "libopus"), "audio/ogg"),
        ("a.flac", (), "audio/flac"),
        ("a.wav", (), "audio/wav"),
        ("a.webm", ("-c:a", "libopus"), "video/webm"),
        ("a.mp4", ("-c:a", "aac"), "video/mp4"),
    ],
)
def test_a_recording_is_made_one_that_every_browser_plays(
    bench: Workbench, name: str, options: tuple[str, ...], kind: str
) -> None:
    original = record(bench, name, "-metadata", "title=Secret", *options)
    found = bench.probe(original)
    assert (found.kind, found.type, found.duration_s) == ("audio", kind, pytest.approx(3, abs=0.1))
    assert steps(found) == ("sound",)
    made = bench.make(original, "sound")
    assert [(file.name, file.type) for file in made.files] == [("sound.m4a", "audio/mp4")]
    body = (bench.made("sound") / "sound.m4a").read_bytes()
    assert body.index(b"moov") < body.index(b"mdat"), "plays only once it is loaded whole"
    assert b"Secret" not in body
    assert seconds(bench.made("sound") / "sound.m4a") == pytest.approx(3, abs=0.1)


def test_aac_is_copied(bench: Workbench) -> None:
    original = record(bench, "a.m4a", "-c:a", "aac", "-ac", "2")
    bench.make(original, "sound")
    packets = []
    for path in (original, bench.made("sound") / "sound.m4a"):
        with av.open(str(path)) as container:
            packets.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    source, copied = packets
    assert copied == source[-len(copied) :]
    assert len(source) - len(copied) <= 1


@pytest.mark.parametrize(
    ("ending", "options"), [("png", ()), ("jpg", ("-metadata:s:v", "comment=Cover (front)"))]
)
def test_the_cover_of_a_recording_is_its_poster(
    bench: Workbench, ending: str, options: tuple[str, ...]
) -> None:
    cover = bench.folder / f"cover.{ending}"
    Image.new("RGB", (300, 300), "#336699").save(cover)
    original = record(bench, "a.mp3", *LAME, *options, cover=cover)
    assert steps(bench.probe(original)) == ("sound", "poster")
    poster = bench.make(original, "poster")
    assert [file.name for file in poster.files] == ["300.webp", "300.jpg"]
    assert (poster.width, poster.height) == (300, 300)
    assert not (bench.made("poster") / "cover").exists()


def test_a_cover_that_is_damaged_is_left_out(bench: Workbench) -> None:
    cover = bench.folder / "cover.png"
    Image.effect_noise((300, 300), 60).save(cover)
    whole = record(bench, "a.mp3", *LAME, cover=cover).read_bytes()
    at = whole.index(b"IDAT") + 100
    broken = bench.put(whole[:at] + b"\0" * 2000 + whole[at + 2000 :])
    assert steps(bench.probe(broken)) == ("sound",)


def test_a_recording_longer_than_allowed_is_refused(bench: Workbench) -> None:
    bench.limits = Limits(duration_s_max=2)
    with pytest.raises(UnsupportedMedia, match="shorter"):
        bench.probe(record(bench, "a.mp3", *LAME))


def test_noise_that_begins_like_a_recording_is_refused(bench: Workbench) -> None:
    for head in (b"ID3\4\0\0\0\0\0\0", b"OggS\0\2" + b"\0" * 22, b"fLaC", b"RIFF\xff\xff\0\0WAVEfmt "):
        with pytest.raises(UnsupportedMedia, match="damaged"):
            bench.probe(bench.put(head + b"#EXTM3U\nhttp://127.0.0.1/\n" * 50))
