"""Recordings: heads of megabytes, lengths that lie, streams in streams, and covers that are none."""

from __future__ import annotations

import random
import struct

from tests.media.corpus.boxes import box
from tests.media.corpus.cases import add, ends, made, refused
from tests.media.corpus.films import SOUND, ffmpeg
from tests.media.corpus.still_formats import SCRIPT, jpeg, png_of_true_and_too_many_pixels

HEADS = {
    "wave_of_nothing": b"RIFF\x40\0\0\0WAVEfmt " + bytes(60),
    "ogg_of_nothing": b"OggS\0\2" + bytes(60),
    "flac_of_nothing": b"fLaC\0\0\0\x22" + bytes(60),
    "mp3_of_nothing_but_a_cover": b"ID3\3\0\0\0\0\2\1APIC\0\0\0\xf7\0\0\0image/jpeg\0\3\0" + jpeg(),
    "m4a_of_nothing": box(b"ftyp", b"M4A \0\0\0\0M4A mp42isom") + bytes(60),
    "mp3_of_noise_after_its_head": b"ID3\3\0\0\0\0\0\0"
    + random.Random(12).randbytes(3_000).replace(b"\xff", b"\0"),
}


for name, content in HEADS.items():
    add(name, lambda content=content: content, "damaged")  # type: ignore[misc]


def recording(*options: str, name: str = "sound.mp3", sound: str = SOUND) -> bytes:
    return ffmpeg("-f", "lavfi", "-i", sound, *options, name=name)


@refused("its end is missing")
def m4a_whose_upload_broke_off() -> bytes:
    whole = recording("-movflags", "faststart", name="sound.m4a")
    return whole[: len(whole) * 2 // 3]


def id3(*frames: bytes, claims: int | None = None) -> bytes:
    body = b"".join(frames)
    size = len(body) if claims is None else claims
    return b"ID3\3\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def tag(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body)) + b"\0\0" + body


def with_cover(cover: bytes, mime: bytes = b"image/jpeg") -> bytes:
    return id3(tag(b"APIC", b"\0" + mime + b"\0\3\0" + cover)) + recording("-id3v2_version", "0")


@ends()
def mp3_with_a_script_for_a_cover() -> bytes:
    return with_cover(SCRIPT, b"image/svg+xml")


@ends()
def mp3_with_a_cover_of_144_megapixels() -> bytes:
    return with_cover(png_of_true_and_too_many_pixels(), b"image/png")


@ends()
def mp3_with_a_cover_cut_short() -> bytes:
    return with_cover(jpeg()[:400])


@ends()
def mp3_whose_cover_is_another_file() -> bytes:
    """ID3 may name an address instead of the picture itself."""
    return with_cover(b"file:///etc/passwd", b"-->")


@ends()
def mp3_with_ten_mib_before_it() -> bytes:
    return id3(tag(b"PRIV", bytes(10 << 20))) + recording("-id3v2_version", "0")


@ends()
def mp3_whose_head_is_longer_than_the_file() -> bytes:
    return id3(claims=0x0FFFFFFF) + recording("-id3v2_version", "0")


@ends()
def mp3_that_says_it_has_4_billion_frames() -> bytes:
    whole = recording("-id3v2_version", "0")
    whole = b"ID3\3\0\0\0\0\0\0" + whole
    at = max(whole.find(b"Info"), whole.find(b"Xing"))
    return whole[: at + 8] + b"\xff\xff\xff\xff" + whole[at + 12 :]


@ends()
def wave_that_says_it_has_4_gigabytes() -> bytes:
    whole = recording(name="sound.wav")
    at = whole.index(b"data") + 4
    return whole[:4] + b"\xff\xff\xff\xff" + whole[8:at] + b"\xff\xff\xff\xff" + whole[at + 4 :]


def wave(channels: int, rate: int, bits: int, align: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, (rate * align) & 0xFFFFFFFF, align, bits)
    data = bytes(20_000)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@refused()
def wave_without_channels() -> bytes:
    return wave(0, 44_100, 16, 2)


@ends()
def wave_of_65535_channels() -> bytes:
    return wave(65_535, 44_100, 16, 65_534)


@refused()
def wave_of_no_samples_a_second() -> bytes:
    return wave(1, 0, 16, 2)


@ends()
def wave_of_4_billion_samples_a_second() -> bytes:
    return wave(1, 0xFFFFFFFF, 16, 2)


@refused()
def wave_of_one_sample_a_second() -> bytes:
    return wave(1, 1, 16, 2)


@ends()
def flac_of_a_length_of_years() -> bytes:
    """68 billion samples, by its head."""
    whole = recording(name="sound.flac")
    return whole[:21] + bytes([whole[21] | 0x0F]) + b"\xff\xff\xff\xff" + whole[26:]


@ends()
def flac_with_a_cover_of_a_gigabyte() -> bytes:
    """By its own word; the block that holds it is of a hundred bytes."""
    picture = (
        struct.pack(">II", 3, 10)
        + b"image/jpeg"
        + struct.pack(">IIIIII", 0, 1, 1, 24, 0, 1 << 30)
        + bytes(60)
    )
    whole = recording(name="sound.flac")
    return whole[:42] + b"\6" + len(picture).to_bytes(3, "big") + picture + whole[42:]


@ends()
def ogg_that_begins_anew_twenty_times() -> bytes:
    """Chained, as radio stations send."""
    return recording("-c:a", "libvorbis", name="sound.ogg", sound="sine=440:duration=0.1") * 20


@ends()
def ogg_that_ends_in_a_million_years() -> bytes:
    whole = recording("-c:a", "libvorbis", name="sound.ogg")
    at = whole.rindex(b"OggS")
    return whole[: at + 6] + b"\xff\xff\xff\xff\xff\xff\xff\x7f" + whole[at + 14 :]


@made(64, 48)
def ogg_of_pictures() -> bytes:
    return ffmpeg(
        "-f", "lavfi", "-i", "testsrc=size=64x48:duration=0.5", "-c:v", "libtheora", name="film.ogv"
    )


@ends()
def m4a_of_two_hours_of_silence_in_a_few_bytes() -> bytes:
    return recording(
        "-c:a", "flac", "-strict", "-2", name="sound.mp4", sound="anullsrc=r=8000:cl=mono:d=7200"
    )
