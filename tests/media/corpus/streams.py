"""Matroska and WebM: elements that loop and lie, tracks that nobody plays, times that jump."""

from __future__ import annotations

import random
import struct
import subprocess
import tempfile
from pathlib import Path

from pipeline.media.make import find_ffmpeg
from tests.media.corpus.boxes import element
from tests.media.corpus.cases import ends, made, refused
from tests.media.corpus.films import PICTURE, SOUND, ffmpeg, film, refilm

MKV = "film.mkv"


def mkv(*options: str, sound: str = "") -> bytes:
    return film(*options, sound=sound, name=MKV)


EBML = element("1a45dfa3", element("4282", b"matroska") + element("4287", b"\4") + element("4285", b"\2"))
UNKNOWN = b"\x01" + b"\xff" * 7
"""The size of an element that ends where it ends."""


def segment(*elements: bytes) -> bytes:
    return EBML + element("18538067", b"".join(elements))


# ── structure ──


@made(64, 48)
def webm_recorded_live() -> bytes:
    """As browsers record: no sizes, no duration, no index."""
    command = [
        find_ffmpeg(),
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        PICTURE,
        "-c:v",
        "libvpx",
        "-f",
        "webm",
        "-",
    ]
    return subprocess.run(
        [*command[:-1], "-live", "1", "-"], capture_output=True, check=True, stdin=subprocess.DEVNULL
    ).stdout


@refused()
def mkv_of_nothing_but_a_head() -> bytes:
    return EBML


@refused()
def mkv_of_elements_in_elements() -> bytes:
    nested = b""
    for _ in range(3_000):
        nested = element("b6", nested)  # a chapter may hold chapters
    return segment(element("1043a770", element("45b9", nested)))


@refused()
def mkv_of_tags_in_tags() -> bytes:
    nested = b""
    for _ in range(3_000):
        nested = element("67c8", nested)
    return segment(element("1254c367", element("7373", nested)))


@refused()
def mkv_of_segments_without_an_end() -> bytes:
    return EBML + element("18538067", b"", UNKNOWN) * 10_000


@ends()
def mkv_with_a_million_voids() -> bytes:
    return mkv() + b"\xec\x80" * 1_000_000


@refused()
def mkv_with_a_void_longer_than_any_disk() -> bytes:
    return segment(b"\xec\x01" + b"\xff" * 6 + b"\xfe")


@refused()
def mkv_whose_index_leads_to_itself() -> bytes:
    seek = element("4dbb", element("53ab", bytes.fromhex("114d9b74")) + element("53ac", b"\0"))
    return segment(element("114d9b74", seek * 100))


@refused()
def mkv_with_a_codec_s_data_of_a_gigabyte() -> bytes:
    track = element("d7", b"\1") + element("83", b"\1") + element("86", b"V_MPEG4/ISO/AVC")
    return segment(
        element(
            "1654ae6b", element("ae", track + element("63a2", b"x", (1 << 56 | 1 << 30).to_bytes(8, "big")))
        )
    )


@refused()
def mkv_whose_head_says_its_sizes_have_255_bytes() -> bytes:
    return element(
        "1a45dfa3", element("4282", b"matroska") + element("42f2", b"\xff") + element("42f3", b"\xff")
    )


@ends()
def mkv_with_broken_lacing() -> bytes:
    """Its frames are said to be 256 in one, of sizes that add up to more than there is."""
    whole = bytearray(mkv())
    at = whole.index(b"\xa3", whole.index(bytes.fromhex("1f43b675")))
    whole[at + 5 : at + 8] = b"\x86\xff\xff"
    return bytes(whole)


@ends()
def mkv_packed_by_itself() -> bytes:
    """A track whose frames are said to be packed by zlib, which they aren't."""
    whole = mkv()
    at = whole.index(b"\xae", whole.index(bytes.fromhex("1654ae6b")))
    packing = element("6d80", element("6240", element("5034", element("4254", b"\0"))))
    size = int.from_bytes(whole[at + 1 : at + 9], "big") & ~(1 << 56)
    track = whole[at + 9 : at + 9 + size]
    tracks = element("1654ae6b", element("ae", track + packing))
    start = whole.index(bytes.fromhex("1654ae6b"))
    return whole[:start] + tracks + whole[at + 9 + size :]


@refused()
def mkv_of_noise_after_its_head() -> bytes:
    return mkv()[:60] + random.Random(11).randbytes(50_000)


@refused("incomplete")
def mkv_cut_in_the_middle_of_a_frame() -> bytes:
    whole = mkv()
    return whole[: len(whole) * 2 // 3]


@made(64, 48)
def webm_recorded_live_and_cut_in_the_middle_of_a_frame() -> bytes:
    """Nothing says that there was more."""
    whole = webm_recorded_live()
    return whole[: len(whole) * 2 // 3]


# ── times ──


def lasting(duration: float) -> bytes:
    whole = mkv()
    at = whole.index(bytes.fromhex("448988")) + 3
    return whole[:at] + struct.pack(">d", duration) + whole[at + 8 :]


@refused()
def mkv_of_a_billion_seconds() -> bytes:
    return lasting(1e12)


@ends()
def mkv_of_a_duration_that_is_no_number() -> bytes:
    return lasting(float("nan"))


@ends()
def mkv_of_a_duration_without_end() -> bytes:
    return lasting(float("inf"))


@ends()
def mkv_of_a_duration_below_zero() -> bytes:
    return lasting(-5_000.0)


@ends()
def mkv_that_begins_before_its_beginning() -> bytes:
    return mkv("-output_ts_offset", "-0.5", "-avoid_negative_ts", "disabled")


@ends()
def mkv_that_begins_after_an_hour() -> bytes:
    return mkv("-output_ts_offset", "1500")


@refused()
def mkv_with_a_gap_of_hours() -> bytes:
    return mkv("-vf", "setpts='if(lt(N,5),N,N+100000)*0.1/TB'", "-vsync", "vfr")


@ends()
def mkv_with_a_gap_of_minutes() -> bytes:
    return mkv("-vf", "setpts='if(lt(N,5),N,N+1800)*0.1/TB'", "-vsync", "vfr")


@ends()
def mkv_whose_frames_are_all_at_one_time() -> bytes:
    return refilm(mkv("-g", "1"), "-c", "copy", "-bsf:v", "setts=ts=0", name=MKV)


# ── what is in it ──


@ends()
def mkv_that_changes_its_size_in_the_middle() -> bytes:
    small = film("-f", "mpegts", name="a.ts")
    large = film("-f", "mpegts", picture="testsrc=size=320x240:rate=10:duration=1", name="b.ts")
    return refilm(small + large, "-c", "copy", name=MKV, source="both.ts")


@ends()
def mkv_of_twelve_seconds_that_changes_its_size_in_the_middle() -> bytes:
    """Long and large enough for every step."""
    pictures = (f"testsrc=size={size}:rate=5:duration=6" for size in ("320x240", "160x400"))
    first, second = (film("-f", "mpegts", picture=one, name="a.ts") for one in pictures)
    return refilm(first + second, "-c", "copy", name=MKV, source="both.ts")


@made(320, 240)
def webm_of_vp9_with_one_keyframe_in_twelve_seconds() -> bytes:
    vp9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "999")
    return film(*vp9, picture="testsrc=size=320x240:rate=5:duration=12", name="film.webm")


@made(64, 48)
def mkv_with_subtitles_a_font_and_chapters() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        words, font, chapters = (Path(folder) / name for name in ("words.srt", "font.ttf", "chapters.txt"))
        words.write_text("1\n00:00:00,000 --> 00:00:01,000\n<script>alert(1)</script>\n")
        font.write_bytes(b"\0\1\0\0" + bytes(200))
        chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={0}\nEND={1}\ntitle=<b>{0}</b>\n"
        chapters.write_text(";FFMETADATA1\n" + "".join(chapter.format(n, n + 1) for n in range(999)))
        inputs = ["-f", "lavfi", "-i", PICTURE, "-i", str(words), "-i", str(chapters), "-map_chapters", "2"]
        return ffmpeg(
            *inputs, "-attach", str(font), "-metadata:s:t", "mimetype=application/x-truetype-font", name=MKV
        )


@made(64, 48)
def mkv_with_a_playlist_attached() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        playlist = Path(folder) / "playlist.m3u8"
        playlist.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
        return ffmpeg(
            *("-f", "lavfi", "-i", PICTURE, "-attach", str(playlist)),
            *("-metadata:s:t", "mimetype=application/vnd.apple.mpegurl"),
            name=MKV,
        )


@made(64, 48)
def mkv_of_many_sounds() -> bytes:
    return mkv(*("-map", "0:v"), *["-map", "1:a"] * 30, "-c:a", "flac", sound=SOUND)


@made(64, 48)
def mkv_with_a_sound_that_nobody_can_play() -> bytes:
    return mkv("-c:a", "wmav2", sound=SOUND)


@ends()
def mkv_of_sound_alone() -> bytes:
    return mkv("-map", "1:a", sound=SOUND)


@refused()
def mkv_of_a_codec_that_is_not_on_the_list() -> bytes:
    return mkv("-c:v", "ffv1")


@ends()
def mkv_of_a_thousand_frames_a_second() -> bytes:
    return film(picture="testsrc=size=64x48:rate=1000:duration=0.5", name=MKV)


@made(64, 48)
def mkv_of_one_frame_in_five_seconds() -> bytes:
    return film(picture="testsrc=size=64x48:rate=1/5:duration=10", name=MKV)
