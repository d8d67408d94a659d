"""One ladder of CMAF segments that HLS and DASH name alike: rungs that were encoded, and what was copied as it came."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from xml.etree import ElementTree

import av
import pytest

from core.media import Rendition
from pipeline.media.dash import manifest
from pipeline.media.make import Made, find_ffmpeg, master, rungs
from tests.media.conftest import Clip, Workbench

MPD = "{urn:mpeg:dash:schema:mpd:2011}"
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "50")


def ladder(bench: Workbench, original: Path) -> list[Rendition]:
    """All rungs of that file, and what players choose them by, where publishing would put them."""
    found = bench.probe(original)
    made = []
    for rung in reversed(rungs(found)):
        recipe = f"rung-{rung}"
        files = bench.make(original, recipe, into=f"{recipe}-attempt01")
        made.append(Rendition(recipe=recipe, attempt="attempt01", files=files.files, segments=files.segments))
    top = bench.made("hls-attempt01")
    top.mkdir()
    (top / "master.m3u8").write_bytes(master(made))
    (top / "manifest.mpd").write_bytes(
        manifest(made, lambda r, name: (folder(bench, r) / name).read_text()) or b""
    )
    return made


def film(bench: Workbench, picture: str, sound: str, *options: str) -> Path:
    path = bench.folder / "film.mkv"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    subprocess.run([find_ffmpeg(), "-v", "error", *inputs, *options, str(path)], check=True)
    return path


def folder(bench: Workbench, made: Rendition) -> Path:
    return bench.made(f"{made.recipe}-{made.attempt}")


def packets(path: Path, kind: str = "video") -> list[av.Packet]:
    options = {"allowed_extensions": "ALL"} if path.suffix == ".m3u8" else {}
    with av.open(str(path), options=options) as container:
        (stream,) = getattr(container.streams, kind)
        return [packet for packet in container.demux(stream) if packet.size]


def units(packet: av.Packet) -> Iterator[bytes]:
    """The NAL units of a packet but SEI, which say nothing of the picture."""
    body, at = bytes(packet), 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        unit = body[at + 4 : at + 4 + size]
        if unit[0] & 31 != 6:
            yield unit
        at += 4 + size


def test_hls_names_each_rung_with_what_it_needs_and_the_one_sound(bench: Workbench, clip: Clip) -> None:
    original = clip(
        "testsrc=size=640x360:rate=30000/1001",
        "-c:v",
        "libvpx",
        "-c:a",
        "libvorbis",
        name="a.webm",
        sound=True,
        film_s=5,
    )
    made = ladder(bench, original)
    lines = (bench.made("hls-attempt01") / "master.m3u8").read_text().splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[3].startswith("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=")
    assert lines[3].endswith('URI="../rung-240-attempt01/audio.m3u8"')
    assert lines[5::2] == ["../rung-240-attempt01/index.m3u8", "../rung-360-attempt01/index.m3u8"]
    for line, size in zip(lines[4::2], ("426x240", "640x360"), strict=True):
        assert f"RESOLUTION={size}," in line
        assert re.search(r'CODECS="avc1\.64[0-9a-f]{4},mp4a\.40\.2"', line)
        assert "FRAME-RATE=29.970" in line
        assert line.endswith('AUDIO="sound"')
    peaks = [int(found) for found in re.findall(r":BANDWIDTH=(\d+)", "\n".join(lines))]
    assert peaks == sorted(peaks)
    lowest = folder(bench, made[-1])
    sizes = {path.name: path.stat().st_size for path in lowest.glob("*.m4s")}
    pictures, sound = (
        next(f for f in made[-1].files if f.name == name) for name in ("index.m3u8", "audio.m3u8")
    )
    total = sum(size for name, size in sizes.items() if name.startswith("track0"))
    assert pictures.average_bandwidth == pytest.approx(total * 8 / 5, rel=0.02)
    # The second segment is too short to count as a peak.
    first = sizes["track0-00001.m4s"] * 8 / 4.004
    assert pictures.bandwidth == max(pictures.average_bandwidth, round(first))
    assert peaks[0] == pictures.bandwidth + sound.bandwidth
    for name in ("index.m3u8", "audio.m3u8"):
        text = (lowest / name).read_text()
        target = int(re.search(r"TARGETDURATION:(\d+)", text)[1])
        assert all(round(float(s)) <= target for s in re.findall(r"#EXTINF:([0-9.]+),", text))
    assert len(packets(bench.made("hls-attempt01") / "master.m3u8", "audio")) > 200


def test_dash_names_the_same_segments(bench: Workbench, clip: Clip) -> None:
    original = clip(
        "testsrc=size=640x360:rate=25",
        "-c:v",
        "libvpx",
        "-c:a",
        "libvorbis",
        name="b.webm",
        sound=True,
        film_s=9,
    )
    made = ladder(bench, original)
    path = bench.made("hls-attempt01") / "manifest.mpd"
    root = ElementTree.parse(path).getroot()
    assert root.get("type") == "static"
    assert re.fullmatch(r"PT9\.0[0-4]\dS", root.get("mediaPresentationDuration"))
    video, sound = root.findall(f".//{MPD}AdaptationSet")
    assert (video.get("segmentAlignment"), sound.get("contentType")) == ("true", "audio")
    named = set()
    for one in root.iter(f"{MPD}Representation"):
        (template,) = one
        spans = [int(s.get("r", 0)) + 1 for s in template.iter(f"{MPD}S")]
        for number in range(1, sum(spans) + 1):
            name = template.get("media").replace("$Number%05d$", f"{number:05}")
            named.add((path.parent / name).resolve())
        assert (path.parent / template.get("initialization")).is_file()
        ticks = sum(int(s.get("d")) * (int(s.get("r", 0)) + 1) for s in template.iter(f"{MPD}S"))
        assert ticks / int(template.get("timescale")) == pytest.approx(9, abs=0.03)
    assert named == {file.resolve() for one in made for file in folder(bench, one).glob("*.m4s")}


def test_a_source_that_fits_is_copied_bit_by_bit(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=640x360:rate=25", *H264, "-bf", "2", "-c:a", "aac", sound=True, film_s=9)
    low, high = reversed(ladder(bench, original))
    copied = packets(folder(bench, high) / "index.m3u8")
    source = packets(original)
    assert [list(units(one)) for one in copied] == [list(units(one)) for one in source]
    assert not any(b"x264" in path.read_bytes() for path in folder(bench, high).iterdir())
    assert [float(one.pts * one.time_base) for one in copied] == pytest.approx(
        [float(one.pts * one.time_base) for one in source], abs=0.001
    )
    sound = [bytes(one) for one in packets(folder(bench, low) / "audio.m3u8", "audio")]
    assert sound == [bytes(one) for one in packets(original, "audio")][-len(sound) :]
    assert len(sound) > 380


def test_a_copied_rung_is_cut_where_its_keyframes_are_and_both_manifests_say_so(
    bench: Workbench, clip: Clip
) -> None:
    moments = ("-force_key_frames", "0,1.2,5,7.4,8")
    options = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "250", "-sc_threshold", "0")
    made = ladder(bench, clip("testsrc=size=640x360:rate=25", *options, *moments, film_s=12))
    high = next(one for one in made if one.recipe == "rung-360")
    text = (folder(bench, high) / "index.m3u8").read_text()
    assert re.findall(r"#EXTINF:([0-9.]+),", text) == ["5.000000", "7.000000"]
    assert "#EXT-X-TARGETDURATION:7\n" in text
    root = ElementTree.parse(bench.made("hls-attempt01") / "manifest.mpd").getroot()
    (video,) = root.iter(f"{MPD}AdaptationSet")
    assert video.get("segmentAlignment") == "false"
    template = video[1][0]
    spans = [int(s.get("d")) for s in template.iter(f"{MPD}S")]
    cuts = [Fraction(at, int(template.get("timescale"))) for at in accumulate(spans)]
    assert cuts == [5, 12]
    for number, start in ((1, 0), (2, 5)):
        init, segment = (folder(bench, high) / name for name in ("track0.mp4", f"track0-{number:05}.m4s"))
        whole = bench.folder / f"{number}.mp4"
        whole.write_bytes(init.read_bytes() + segment.read_bytes())
        first = packets(whole)[0]
        assert first.is_keyframe
        assert float(first.pts * first.time_base) == pytest.approx(start, abs=0.001)


@pytest.mark.parametrize(
    "options",
    [
        ("-pix_fmt", "yuv444p", "-profile:v", "high444"),
        ("-pix_fmt", "yuv420p", "-g", "200", "-sc_threshold", "0"),
        ("-pix_fmt", "yuv420p", "-g", "50", "-x264-params", "open-gop=1:bframes=3"),
        ("-pix_fmt", "yuv420p", "-g", "50", "-flags", "+ildct+ilme", "-x264-params", "tff=1"),
        ("-pix_fmt", "yuv420p", "-g", "50", "-qp", "1"),
    ],
    ids=["444", "rare keyframes", "open groups", "interlaced", "too many bits"],
)
def test_what_does_not_fit_is_encoded(bench: Workbench, clip: Clip, options: tuple[str, ...]) -> None:
    picture = "testsrc=size=320x180:rate=25,noise=alls=60:allf=t"
    original = clip(picture, "-c:v", "libx264", "-preset", "ultrafast", *options, film_s=9)
    bench.make(original, "rung-180")
    frames = packets(bench.made("rung-180") / "index.m3u8")
    assert [float(p.pts * p.time_base) for p in frames if p.is_keyframe] == [0, 2, 4, 6, 8]


def test_sound_that_does_not_fit_is_encoded_and_stays_in_step(bench: Workbench, clip: Clip) -> None:
    """A click at each second, in six channels at 44.1 kHz."""
    clicks = "aevalsrc=lt(mod(t\\,1)\\,0.01)*0.9*sin(2*PI*1000*t):s=44100"
    original = film(bench, "testsrc=size=128x96:rate=25", clicks, "-t", "4", "-ac", "6", "-c:a", "aac")
    found = bench.make(original, "rung-96")
    assert found.segments[-1].timescale == 48_000
    with av.open(
        str(bench.made("rung-96") / "audio.m3u8"), options={"allowed_extensions": "ALL"}
    ) as container:
        samples = [
            (float(frame.pts * frame.time_base) + at / frame.rate, abs(float(value)))
            for frame in container.decode(audio=0)
            for at, value in enumerate(memoryview(frame.planes[0]).cast("f")[: frame.samples])
        ]
    loud = [at for at, value in samples if value > 0.2]
    for second in (1, 2, 3):
        assert min(at for at in loud if at > second - 0.5) == pytest.approx(second, abs=0.005)


def test_rungs_of_an_earlier_release_go_into_no_ladder_with_new_ones(bench: Workbench, clip: Clip) -> None:
    made = bench.make(clip("testsrc=size=128x96:rate=10"), "rung-96")
    new = Rendition(recipe="rung-96", attempt="attempt01", files=made.files, segments=made.segments)
    old = [file.model_copy(update={"codecs": "avc1.64001f,mp4a.40.2"}) for file in made.files]
    other = Rendition(recipe="rung-48", attempt="attempt00", files=tuple(old))
    assert b"rung-48" not in master([other, new])
    assert b"../rung-48-attempt00/index.m3u8" in master([other])
    assert manifest([other], lambda *_: "") is None


def test_pictures_that_begin_after_the_sound_begin_at_zero_and_in_step(bench: Workbench, clip: Clip) -> None:
    """A film whose pictures begin a second after its sound: what is made of it begins at once, and in step."""
    late = ("-vf", "setpts=PTS+1/TB", "-fps_mode", "passthrough", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    original = film(bench, "testsrc=size=128x96:rate=25", "sine=440", "-t", "3", *late)
    assert bench.probe(original).start_s == pytest.approx(1, abs=0.03)
    made: Made = bench.make(original, "rung-96")
    first = packets(bench.made("rung-96") / "index.m3u8")[0]
    assert first.pts == 0
    assert len(made.segments) == 2
