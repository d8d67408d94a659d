"""Videos become HLS rungs that play, an MP4 for browsers without scripts, and a poster that shows something."""

from __future__ import annotations

import itertools
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import pytest
from PIL import Image, ImageStat

from core.errors import OperatorError, UnsupportedMedia
from core.media import Rendition
from pipeline.media.clips import Ffmpeg, _failure
from pipeline.media.make import Made, Probe, find_ffmpeg, make, rungs, steps
from tests.media.conftest import Clip, Workbench


def read(path: Path) -> tuple[list[av.VideoFrame], float, int]:
    """Every frame, the seconds of sound and its rate, of a playlist or a file, as a player would decode it."""
    options = {"allowed_extensions": "ALL", "protocol_whitelist": "file"}
    with av.open(str(path), options=options if path.suffix == ".m3u8" else {}) as container:
        sound = container.streams.audio[0] if container.streams.audio else None
        frames: list[av.VideoFrame] = []
        samples = 0
        for frame in container.decode(*container.streams.video[:1], *container.streams.audio[:1]):
            if isinstance(frame, av.VideoFrame):
                frames.append(frame)
            elif isinstance(frame, av.AudioFrame):
                samples += frame.samples
        rate = sound.rate if sound else 0
        return frames, samples / rate if rate else 0, rate


def keyframe_times(rung: Path) -> list[float]:
    with av.open(str(rung / "index.m3u8"), options={"allowed_extensions": "ALL"}) as container:
        packets = container.demux(container.streams.video[0])
        return [round(float(p.pts * p.time_base), 3) for p in packets if p.is_keyframe and p.pts is not None]


def brightness(path: Path) -> float:
    with Image.open(path) as image:
        return float(ImageStat.Stat(image.convert("L")).mean[0])


def rendition(made: Made, recipe: str = "rung-360") -> Rendition:
    return Rendition(recipe=recipe, attempt="attempt01", files=made.files, segments=made.segments)


def playlist_of(made: Made) -> tuple[int | None, int | None]:
    return next((f.width, f.height) for f in made.files if f.name == "index.m3u8")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (360, 720, 1080)),
        ((1080, 1920), (360, 720, 1080)),
        ((3840, 2160), (360, 720, 1080)),
        ((1280, 720), (360, 720)),
        ((1281, 719), (360, 718)),
        ((640, 480), (360, 480)),
        ((1920, 800), (360, 800)),
        ((2000, 960), (360, 720, 960)),
        ((8000, 400), (192,)),
        ((640, 360), (240, 360)),
        ((480, 270), (180, 270)),
        ((200, 100), (100,)),
        ((1, 1), (2,)),
    ],
)
def test_there_are_two_rungs_where_the_source_allows_it(
    size: tuple[int, int], expected: tuple[int, ...]
) -> None:
    found = Probe("video", "video/mp4", *size)
    assert rungs(found) == expected
    lowest, *others = (f"rung-{rung}" for rung in expected)
    assert steps(found) == (lowest, "poster", "mp4", *others)
    lasting = found._replace(duration_s=600)
    assert steps(lasting) == ("poster", lowest, "mp4", "storyboard", *others)


def test_a_video_is_made_step_by_step_and_plays(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=852x480:rate=25", "-metadata", "title=Secret", sound=True, film_s=9)
    found = bench.probe(original)
    assert found[:5] == ("video", "video/mp4", 852, 480, 9.0)
    assert found.has_audio
    assert steps(found) == ("rung-360", "poster", "mp4", "rung-480")

    made = {r: bench.make(original, r, rung="rung-360" if r == "mp4" else None) for r in steps(found)}

    assert [playlist_of(made[f"rung-{rung}"]) for rung in (360, 480)] == [(640, 360), (852, 480)]
    for rung in ("rung-360", "rung-480"):
        assert {path.name for path in bench.made(rung).iterdir()} == {
            p.name for p in rendition(made[rung]).parts()
        }
        frames, _, _ = read(bench.made(rung) / "index.m3u8")
        assert len(frames) == 225
        assert {(f.width, f.height, f.format.name) for f in frames} == {(*playlist_of(made[rung]), "yuv420p")}
        assert not any(b"Secret" in path.read_bytes() for path in bench.made(rung).iterdir())
    assert [(row.track, row.count) for row in made["rung-360"].segments] == [("track0", 3), ("track1", 3)]
    assert [(row.track, row.count) for row in made["rung-480"].segments] == [("track0", 3)]
    assert keyframe_times(bench.made("rung-360")) == [0, 2, 4, 6, 8]
    _, sound_s, _ = read(bench.made("rung-360") / "audio.m3u8")
    assert sound_s == pytest.approx(9, abs=0.1)

    assert [file.name for file in made["mp4"].files] == ["video.mp4"]
    frames, sound_s, _ = read(bench.made("mp4") / "video.mp4")
    assert (len(frames), frames[0].width, frames[0].height) == (225, 640, 360)
    assert sound_s == pytest.approx(9, abs=0.1)
    mp4 = (bench.made("mp4") / "video.mp4").read_bytes()
    assert mp4.index(b"moov") < mp4.index(b"mdat"), "plays only once it is loaded whole"


def test_the_media_playlist_cuts_every_four_seconds_and_ends(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=128x72:rate=25", film_s=9)
    bench.make(original, "rung-72")
    text = (bench.made("rung-72") / "index.m3u8").read_text()
    assert [float(s) for s in re.findall(r"#EXTINF:([0-9.]+)", text)] == [4, 4, 1]
    assert '#EXT-X-MAP:URI="track0.mp4"' in text
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in text
    assert text.rstrip().endswith("#EXT-X-ENDLIST")


def test_a_silent_video_has_no_sound_and_says_so(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=128x96:rate=10", "-pix_fmt", "yuv420p")
    assert not bench.probe(original).has_audio
    made = bench.make(original, "rung-96")
    assert [file.name for file in made.files] == ["index.m3u8", "track0.mp4"]
    assert made.files[0].codecs.startswith("avc1.")
    frames, sound_s, _ = read(bench.made("rung-96") / "index.m3u8")
    assert (len(frames), sound_s) == (10, 0)
    bench.make(original, "mp4", rung="rung-96")
    frames, sound_s, _ = read(bench.made("mp4") / "video.mp4")
    assert (len(frames), sound_s) == (10, 0)


def test_the_share_that_is_done_is_told_while_a_step_runs(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=640x360:rate=50", film_s=9)
    shares: list[float] = []
    make(original, bench.probe(original), "rung-240", bench.made("rung-240"), told=shares.append)
    assert shares
    assert shares == sorted(set(shares))
    assert 0 < shares[0] <= shares[-1] <= 1


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_filmed_sideways_is_shown_upright(bench: Workbench, clip: Clip, degrees: int) -> None:
    """Red above blue as stored; the phone's note in the header turns it."""
    picture = "color=red:size=128x48:rate=10,pad=128:96:0:0:blue"
    stored = bench.folder / "turned.mp4"
    with av.open(str(clip(picture))) as source, av.open(str(stored), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    found = bench.probe(stored)
    shown = (128, 96) if degrees == 180 else (96, 128)
    assert (found.width, found.height) == shown
    bench.make(stored, "rung-96")
    frames, _, _ = read(bench.made("rung-96") / "index.m3u8")
    assert (frames[0].width, frames[0].height) == shown
    assert frames[0].rotation == 0
    poster = bench.make(stored, "poster")
    assert (poster.width, poster.height) == shown
    with Image.open(bench.made("poster") / f"{shown[0]}.jpg") as image:
        assert image.size == shown
        middle = (shown[0] // 2, shown[1] // 2)
        # A positive angle turns against the clock: what was above is to the left, then below, then to the right.
        red = {90: (5, middle[1]), 180: (middle[0], shown[1] - 5), 270: (shown[0] - 5, middle[1])}[degrees]
        r, _, b = image.convert("RGB").getpixel(red)  # type: ignore[misc]
        assert r > 150 > b


def test_odd_sizes_and_oblong_pixels_come_out_even_and_square(bench: Workbench, clip: Clip) -> None:
    options = ("-c:v", "libvpx", "-pix_fmt", "yuv420p", "-aspect", "16:9")
    original = clip("testsrc=size=101x75:rate=10", *options, name="odd.webm")
    found = bench.probe(original)
    assert (found.type, found.width, found.height) == ("video/webm", 133, 75)
    made = bench.make(original, "rung-74")
    assert playlist_of(made) == (132, 74)
    frames, _, _ = read(bench.made("rung-74") / "index.m3u8")
    assert {(frame.width, frame.height) for frame in frames} == {(132, 74)}
    with av.open(
        str(bench.made("rung-74") / "index.m3u8"), options={"allowed_extensions": "ALL"}
    ) as container:
        assert container.streams.video[0].sample_aspect_ratio == 1


@pytest.mark.parametrize(
    ("rate", "expected"),
    [("24000/1001", "24000/1001"), ("1", "10"), ("120", "60"), ("20", "20"), ("29.8", "30000/1001")],
)
def test_the_frame_rate_is_kept_within_reason(bench: Workbench, clip: Clip, rate: str, expected: str) -> None:
    original = clip(f"testsrc=size=64x64:rate={rate}", film_s=2)
    assert bench.probe(original).frame_rate == expected
    made = bench.make(original, "rung-64")
    assert made.files[0].frame_rate == pytest.approx(float(Fraction(expected)), abs=0.001)


def test_a_recording_without_a_duration_in_its_header_is_measured(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=64x64:rate=10", "-c:v", "libvpx", "-live", "1", name="live.webm", film_s=3)
    with av.open(str(original)) as container:
        assert not container.duration
    assert bench.probe(original).duration_s == pytest.approx(3, abs=0.11)


def test_a_header_that_lies_about_the_duration_does_not_lengthen_the_work(
    bench: Workbench, clip: Clip
) -> None:
    original = clip("testsrc=size=64x64:rate=10", film_s=6)
    found = bench.probe(original)._replace(duration_s=1.0)
    made = make(original, found, "mp4", bench.made("mp4"), bench.limits._replace(duration_s_max=2))
    assert made.files[0].name == "video.mp4"
    assert len(read(bench.made("mp4") / "video.mp4")[0]) == 20


def test_the_poster_is_not_the_black_beginning(bench: Workbench, clip: Clip) -> None:
    picture = "testsrc=size=200x120:rate=10,drawbox=color=black:t=fill:enable='lt(t,2.5)'"
    original = clip(picture, film_s=6)
    poster = bench.make(original, "poster")
    assert [file.name for file in poster.files] == ["200.webp", "200.jpg"]
    for file in poster.files:
        assert brightness(bench.made("poster") / file.name) > 60
    assert (poster.width, poster.height) == (200, 120)
    assert poster.placeholder.startswith("data:image/webp;base64,")
    assert re.fullmatch("#[0-9a-f]{6}", poster.colour)


def test_a_video_that_is_black_throughout_still_has_a_poster(bench: Workbench, clip: Clip) -> None:
    poster = bench.make(clip("color=black:size=64x64:rate=10"), "poster")
    assert brightness(bench.made("poster") / poster.files[0].name) < 5


def test_a_phones_hdr_video_is_made_for_plain_screens(bench: Workbench, clip: Clip) -> None:
    tags = "color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc:range=tv"
    options = ["-vf", f"setparams={tags}", "-c:v", "libx264", "-pix_fmt", "yuv420p10le"]
    options += ["-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc"]
    original = clip("testsrc=size=128x96:rate=10", *options, name="hdr.mov")
    assert bench.probe(original).hdr
    bench.make(original, "rung-96")
    frames, _, _ = read(bench.made("rung-96") / "index.m3u8")
    assert (frames[0].format.name, frames[0].color_trc, frames[0].colorspace) == ("yuv420p", 1, 1)
    bench.make(original, "poster")


def test_pq_too(bench: Workbench, clip: Clip) -> None:
    options = ["-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"]
    options += ["-c:v", "libx264", "-pix_fmt", "yuv420p10le"]
    options += ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    original = clip("testsrc=size=128x96:rate=10", *options, name="pq.mov")
    assert bench.probe(original).hdr
    bench.make(original, "rung-96")
    frames, _, _ = read(bench.made("rung-96") / "index.m3u8")
    assert (frames[0].format.name, frames[0].color_trc, frames[0].colorspace) == ("yuv420p", 1, 1)


def test_interlaced_pictures_are_woven_into_whole_ones(bench: Workbench, clip: Clip) -> None:
    """A bar that moves fast is torn into a comb where fields are taken for frames."""
    picture = "color=black:size=192x96:rate=50,drawbox=x=60:w=24:h=96:color=white:t=fill,scroll=h=0.05"
    weave = ["-vf", "interlace=scan=tff:lowpass=0", "-flags", "+ildct+ilme", "-x264-params", "tff=1"]
    original = clip(picture, *weave, "-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuv420p", name="tv.mp4")
    assert bench.probe(original).interlaced
    bench.make(original, "rung-96")
    frames, _, _ = read(bench.made("rung-96") / "index.m3u8")
    assert not any(frame.interlaced_frame for frame in frames)
    combed = 0
    for frame in frames:
        grey = frame.to_image().convert("L")
        column = [[grey.getpixel((x, y)) for y in range(40, 56)] for x in range(192)]
        combed += sum(abs(a - b) > 100 for rows in column for a, b in itertools.pairwise(rows))
    assert combed < 40


def test_nothing_that_a_camera_noted_goes_along(bench: Workbench, clip: Clip) -> None:
    """Places, times, makes, chapters, tracks of data: not in what is encoded, copied, or wrapped anew."""
    notes = bench.folder / "notes.txt"
    notes.write_text(
        ";FFMETADATA1\nlocation=+52.5-013.4/\ncom.apple.quicktime.make=Secret\ncreation_time=2020-02-02T02:02:02Z\n"
        "[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=5\ntitle=Secret chapter\n"
    )
    plain = clip("testsrc=size=640x360:rate=25", "-g", "50", "-pix_fmt", "yuv420p", sound=True, film_s=12)
    original = bench.folder / "noted.mov"
    tracks = ["-metadata:s:v", "handler_name=Secret cam", "-metadata:s:a", "handler_name=Secret mic"]
    command = [
        find_ffmpeg(),
        "-v",
        "error",
        "-i",
        str(plain),
        "-i",
        str(notes),
        "-map",
        "0",
        "-map_metadata",
        "1",
    ]
    written = ["-c", "copy", *tracks, "-timecode", "01:02:03:04", "-movflags", "use_metadata_tags"]
    subprocess.run([*command, *written, str(original)], check=True)
    source = original.read_bytes()
    assert all(word in source for word in (b"Secret", b"+52.5", b"tmcd", b"chap"))
    for recipe in steps(bench.probe(original)):
        bench.make(original, recipe, rung="rung-240" if recipe == "mp4" else None)
        for path in bench.made(recipe).iterdir():
            body = path.read_bytes()
            found = [word for word in (b"Secret", b"+52.5", b"tmcd", b"chap", b"creation") if word in body]
            assert found == [], path


def test_the_mp4_can_be_made_without_the_rung(bench: Workbench, clip: Clip) -> None:
    original = clip("testsrc=size=128x96:rate=10", sound=True)
    bench.make(original, "mp4")
    frames, sound_s, _ = read(bench.made("mp4") / "video.mp4")
    assert (len(frames), sound_s > 0.9) == (10, True)


@pytest.mark.parametrize(
    "options",
    [
        {"c": "copy", "bsf:v": "noise=nonesuch=1"},
        {"c": "copy", "bsf:v": "nonesuch"},
        {"c:v": "nonesuch"},
        {"nonesuch": "1"},
        {"vf": "fps=nonesuch=1"},
    ],
)
def test_what_an_old_ffmpeg_lacks_is_a_matter_for_the_operator(
    bench: Workbench, clip: Clip, monkeypatch: pytest.MonkeyPatch, options: dict[str, str]
) -> None:
    original = clip("testsrc=size=128x96:rate=10")
    encoder = Ffmpeg(find_ffmpeg(), str(original), bench.probe(original), bench.limits)
    monkeypatch.chdir(bench.folder)
    with pytest.raises(OperatorError, match=r"(?s)lacks a part .*nonesuch.*apt-get install"):
        encoder.run(ffmpeg.output(encoder.source(), "made.mkv", **options))


def test_ffmpeg_4_says_so_in_other_words() -> None:
    said = "[noise @ 0x1] Option 'drop' not found\nError parsing options for bitstream filter noise\n"
    assert isinstance(_failure(said, "ffmpeg"), OperatorError)
    assert isinstance(_failure("Error while decoding stream #0:0", "ffmpeg"), UnsupportedMedia)


def test_a_recipe_that_is_no_step_of_the_medium_is_a_mistake_of_ours(bench: Workbench, clip: Clip) -> None:
    with pytest.raises(ValueError, match="none of"):
        bench.make(clip("testsrc=size=128x96:rate=10"), "rung-1080")
