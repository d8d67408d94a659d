"""MP4 and QuickTime: tables that lie, boxes that loop, references to other files, and odd but right films."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO

import av

from tests.media.corpus.boxes import box, boxes, changed, full_box, put
from tests.media.corpus.cases import ends, made, refused
from tests.media.corpus.films import SOUND, film, refilm

MOV = ("-f", "mov")


def moov(whole: bytes) -> bytes:
    return next(body for kind, body in boxes(whole) if kind == b"moov")


def without(whole: bytes, gone: bytes) -> bytes:
    return b"".join(box(kind, body) for kind, body in boxes(whole) if kind != gone)


def with_moov(whole: bytes, body: bytes) -> bytes:
    return without(whole, b"moov") + box(b"moov", body)


# ── structure ──


@made(64, 48)
def mp4_with_its_index_at_the_end() -> bytes:
    assert film().rindex(b"moov") > film().rindex(b"mdat")
    return film()


@made(64, 48)
def mp4_with_its_index_at_the_beginning() -> bytes:
    return film("-movflags", "faststart")


@refused()
def mp4_without_an_index() -> bytes:
    return without(film(), b"moov")


@refused()
def mp4_without_its_data() -> bytes:
    return without(film(), b"mdat")


@refused()
def mp4_cut_in_its_index() -> bytes:
    return film()[:-200]


@refused("its end is missing")
def mp4_whose_upload_broke_off() -> bytes:
    whole = film("-movflags", "faststart", sound=SOUND)
    data = whole.index(b"mdat")
    return whole[: data + (len(whole) - data) // 2]


@ends()
def mp4_in_fragments_cut_in_the_middle() -> bytes:
    whole = mp4_in_fragments()
    return whole[: len(whole) * 2 // 3]


@made(64, 48)
def mp4_in_fragments() -> bytes:
    return film("-movflags", "frag_keyframe+empty_moov", "-g", "3")


@refused()
def mp4_fragment_without_its_beginning() -> bytes:
    whole = mp4_in_fragments()
    return box(b"ftyp", b"iso5\0\0\2\0iso5") + whole[whole.index(b"moof") - 4 :]


@made(64, 48)
def mp4_whose_data_have_no_size() -> bytes:
    """Zero stands for "to the end"."""
    front = film("-movflags", "faststart")
    at = front.index(b"mdat") - 4
    return front[:at] + b"\0\0\0\0" + front[at + 4 :]


@refused()
def mp4_of_boxes_without_a_size() -> bytes:
    return box(b"ftyp", b"isom\0\0\2\0isommp41") + b"\0\0\0\0moov" * 1_000


@refused()
def mp4_of_boxes_smaller_than_their_heads() -> bytes:
    return box(b"ftyp", b"isom\0\0\2\0isommp41") + b"\0\0\0\7free" * 10_000


@refused()
def mp4_of_a_box_longer_than_any_disk() -> bytes:
    return box(b"ftyp", b"isom\0\0\2\0isommp41") + b"\0\0\0\1moov\x7f" + b"\xff" * 7 + moov(film())


@refused()
def mp4_of_boxes_in_boxes() -> bytes:
    nested = b""
    for _ in range(5_000):
        nested = box(b"moov", nested)
    return box(b"ftyp", b"isom\0\0\2\0isommp41") + nested


@ends()
def mov_whose_index_is_packed() -> bytes:
    whole = film(*MOV, name="film.mov")
    index = box(b"moov", moov(whole))
    packed = box(b"dcom", b"zlib") + box(b"cmvd", struct.pack(">I", len(index)) + zlib.compress(index))
    return with_moov(whole, box(b"cmov", packed))


@refused()
def mov_whose_packed_index_unpacks_to_a_gigabyte() -> bytes:
    bomb = zlib.compress(bytes(512 << 20), 9)
    packed = box(b"dcom", b"zlib") + box(b"cmvd", struct.pack(">I", 0x7FFFFFF0) + bomb)
    return with_moov(film(*MOV, name="film.mov"), box(b"cmov", packed))


@ends()
def mov_whose_data_are_another_file() -> bytes:
    return changed(
        film(*MOV, name="film.mov"), b"dref", lambda _: reference(b"url ", b"file:///etc/passwd\0")
    )


@ends()
def mov_whose_data_are_another_file_by_an_alias() -> bytes:
    """As ffmpeg follows it when it is allowed to: by volume, folder and path."""
    name = b"passwd"
    alias = bytes(6) + struct.pack(">H", 150) + bytes(2) + b"\0\0" + bytes(40) + bytes([len(name)]) + name
    alias += bytes(200)
    return changed(film(*MOV, name="film.mov"), b"dref", lambda _: reference(b"alis", alias))


def reference(kind: bytes, where: bytes) -> bytes:
    return bytes(4) + struct.pack(">I", 1) + full_box(kind, where)


@ends()
def mp4_of_a_thousand_tracks() -> bytes:
    index = dict(boxes(moov(film())))
    track = box(b"trak", index[b"trak"])
    return with_moov(film(), box(b"mvhd", index[b"mvhd"]) + track * 1_000)


@refused()
def mp4_without_tracks() -> bytes:
    return with_moov(film(), box(b"mvhd", dict(boxes(moov(film())))[b"mvhd"]))


@refused()
def mp4_of_noise_after_its_head() -> bytes:
    return film()[:48] + random.Random(9).randbytes(50_000)


@ends()
def mp4_of_noise_in_its_data() -> bytes:
    noise = random.Random(10)
    return b"".join(
        box(kind, noise.randbytes(len(body)) if kind == b"mdat" else body) for kind, body in boxes(film())
    )


# ── tables ──


@ends()
def mp4_of_a_billion_seconds() -> bytes:
    """By every table; ffmpeg believes none that is beyond reason."""
    whole = changed(film(), b"mvhd", put(16, ">I", 0xFFFFFFF0))
    for kind, at in ((b"mdhd", 16), (b"tkhd", 20)):
        whole = changed(whole, kind, put(at, ">I", 0xFFFFFFF0))
    return changed(whole, b"stts", lambda _: bytes(4) + struct.pack(">III", 1, 10, 0x19999999))


@ends()
def mp4_of_ten_hours_that_says_it_is_of_a_second() -> bytes:
    """By its head and its edits it is short; its frames come an hour after each other."""
    at = film().index(b"mdhd") + 16
    rate = int.from_bytes(film()[at : at + 4], "big")
    whole = changed(film(), b"elst", lambda _: bytes(8))
    return changed(whole, b"stts", lambda _: bytes(4) + struct.pack(">III", 1, 10, rate * 3_600))


@ends()
def mp4_of_no_time_at_all() -> bytes:
    whole = changed(changed(film(), b"mvhd", put(16, ">I", 0)), b"mdhd", put(16, ">I", 0))
    return changed(whole, b"stts", lambda _: bytes(4) + struct.pack(">III", 1, 10, 0))


@ends()
def mp4_of_a_billion_frames_a_second() -> bytes:
    whole = changed(film(), b"mdhd", put(12, ">I", 1_000_000_000))
    return changed(whole, b"stts", lambda _: bytes(4) + struct.pack(">III", 1, 10, 1))


@ends()
def mp4_whose_clock_stands_still() -> bytes:
    return changed(changed(film(), b"mvhd", put(12, ">I", 0)), b"mdhd", put(12, ">I", 0))


@ends()
def mp4_that_says_it_has_4_billion_samples() -> bytes:
    return changed(film(), b"stsz", put(8, ">I", 0xFFFFFFFF))


@ends()
def mp4_of_4_billion_samples_of_a_gigabyte() -> bytes:
    return changed(film(), b"stsz", lambda _: bytes(4) + struct.pack(">II", 1 << 30, 0xFFFFFFFF))


@ends()
def mp4_of_4_billion_chunks() -> bytes:
    return changed(film(), b"stco", put(4, ">I", 0xFFFFFFFF))


@refused()
def mp4_whose_chunks_lie_outside_of_the_file() -> bytes:
    return changed(film(), b"stco", lambda body: body[:8] + b"\x7f\xff\xff\xff" * ((len(body) - 8) // 4))


@ends()
def mp4_whose_chunks_hold_4_billion_samples() -> bytes:
    return changed(film(), b"stsc", put(8, ">II", 1, 0xFFFFFFFF))


@ends()
def mp4_whose_times_are_4_billion_entries() -> bytes:
    return changed(film(), b"stts", put(4, ">I", 0xFFFFFFFF))


@ends()
def mp4_without_samples() -> bytes:
    return changed(film(), b"stsz", lambda _: bytes(12))


@ends()
def mp4_that_is_cut_into_a_thousand_repeats() -> bytes:
    """Its edit list plays the first tenth of a second again and again, and then itself backwards in time."""
    entries = struct.pack(">Iihh", 100, 0, 1, 0) * 1_000 + struct.pack(">Iihh", 100, -5, 1, 0)
    return changed(film(), b"elst", lambda _: bytes(4) + struct.pack(">I", 1_001) + entries)


@ends()
def mp4_whose_edit_list_is_of_4_billion_entries() -> bytes:
    return changed(film(), b"elst", put(4, ">I", 0xFFFFFFFF))


@ends()
def mp4_that_stands_still_for_a_day_first() -> bytes:
    entries = struct.pack(">Iihh", 86_400_000, -1, 1, 0) + struct.pack(">Iihh", 1_000, 0, 1, 0)
    return changed(film(), b"elst", lambda _: bytes(4) + struct.pack(">I", 2) + entries)


@ends()
def mp4_turned_by_no_right_angle() -> bytes:
    return changed(film(), b"tkhd", put(40, ">9i", 46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30))


@ends()
def mp4_turned_into_nothing() -> bytes:
    return changed(film(), b"tkhd", put(40, ">9i", *[0] * 9))


@made(48, 64)
def mp4_turned_by_a_right_angle() -> bytes:
    return changed(film(), b"tkhd", put(40, ">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))


@ends()
def mp4_that_says_it_is_much_larger_than_it_is() -> bytes:
    whole = changed(film(), b"tkhd", put(76, ">II", 16_000 << 16, 16_000 << 16))
    at = whole.index(b"avc1", whole.index(b"stsd")) + 4
    return whole[: at + 24] + struct.pack(">HH", 16_000, 16_000) + whole[at + 28 :]


@ends()
def mp4_with_square_pixels_that_are_a_thousand_times_as_wide() -> bytes:
    return film("-vf", "setsar=1000")


# ── long and large enough for every step: a storyboard, and rungs above the lowest ──

TWELVE_S = "testsrc=size=320x240:rate=5:duration=12"


@made(320, 240)
def mp4_of_twelve_seconds_and_one_keyframe() -> bytes:
    return film("-g", "999", "-sc_threshold", "0", picture=TWELVE_S, sound="sine=440:duration=12")


@made(320, 240)
def mp4_of_twelve_seconds_with_noise_in_its_second_half() -> bytes:
    noise = random.Random(13)
    parts = []
    for kind, body in boxes(film("-g", "10", picture=TWELVE_S)):
        half = len(body) // 2
        parts.append(box(kind, body[:half] + noise.randbytes(len(body) - half) if kind == b"mdat" else body))
    return b"".join(parts)


@made(320, 240)
def mp4_of_twelve_seconds_whose_keyframes_are_noise() -> bytes:
    """But for the first: nothing is left of what a storyboard looks at."""
    whole = bytearray(film("-g", "10", picture=TWELVE_S))
    with av.open(BytesIO(whole), "r") as container:
        keyframes = [one for one in container.demux(video=0) if one.size and one.is_keyframe]
    for packet in keyframes[1:]:
        at = packet.pos or 0
        whole[at : at + packet.size] = random.Random(at).randbytes(packet.size)
    return bytes(whole)


@made(320, 240)
def mp4_whose_pictures_end_after_two_of_twelve_seconds() -> bytes:
    return film(picture="testsrc=size=320x240:rate=5:duration=2", sound="sine=440:duration=12")


# ── what is in it ──


@refused("on a side")
def mp4_larger_on_a_side_than_allowed() -> bytes:
    return film(picture="testsrc=size=8194x16:rate=10:duration=0.2")


@made(2, 2)
def mp4_of_two_pixels_on_a_side() -> bytes:
    return film(picture="testsrc=size=2x2:rate=10:duration=0.5")


@ends()
def mov_of_one_pixel() -> bytes:
    one = "color=red:size=2x2:rate=10:duration=0.5,format=yuv444p,crop=1:1:0:0"
    return film("-pix_fmt", "yuv444p", picture=one, name="film.mov")


@ends()
def mp4_of_odd_sides() -> bytes:
    return film("-pix_fmt", "yuv444p", picture="testsrc=size=63x47:rate=10:duration=0.5")


@made(64, 48)
def mp4_of_a_single_frame() -> bytes:
    return film("-frames:v", "1")


@ends()
def mp4_encrypted() -> bytes:
    key = "00112233445566778899aabbccddeeff"
    scheme = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", key)
    return film(*scheme)


@ends()
def mp4_without_a_keyframe() -> bytes:
    return refilm(
        film("-g", "100"), "-c", "copy", "-bsf:v", "noise=drop=key", name="film.mp4", source="s.mp4"
    )


@ends()
def mp4_of_sound_alone() -> bytes:
    return film("-map", "1:a", sound=SOUND)


@ends()
def mp4_of_a_cover_and_sound() -> bytes:
    return film(
        *("-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-disposition:v", "attached_pic"),
        sound=SOUND,
    )


@ends()
def mov_of_64_channels() -> bytes:
    tones = "|".join(["sin(440*t)"] * 64)
    return film("-c:a", "pcm_s16le", sound=f"aevalsrc={tones}:d=1", name="film.mov")


@ends()
def mov_of_one_sample_of_sound_a_second() -> bytes:
    whole = film("-c:a", "pcm_s16le", sound=SOUND, name="film.mov")
    at = whole.index(b"sowt", whole.index(b"stsd", whole.index(b"stsd") + 4)) + 4
    return whole[: at + 24] + struct.pack(">I", 1 << 16) + whole[at + 28 :]


@made(64, 48)
def mp4_with_a_script_in_its_title() -> bytes:
    return film("-metadata", "title=<script>alert(1)</script>", "-metadata", "comment=<?php ?>")


@made(64, 48)
def mov_with_a_data_track() -> bytes:
    """A time code, as cameras add it."""
    return film("-timecode", "01:00:00:00", name="film.mov")
