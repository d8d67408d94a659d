"""What a file is, by its first bytes alone."""

from __future__ import annotations

import pytest

from core.errors import UnsupportedMedia
from core.media_types import accept, identify


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + b"\0\0\2\0" + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body + b"\0\0\0\x08free"


def ebml(doctype: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82" + bytes([0x80 | len(doctype)]) + doctype + b"\x42\x87"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", ("image", "image/jpeg")),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ("image", "image/png")),
        (b"GIF89a\1\0\1\0", ("image", "image/gif")),
        (b"RIFF\x1a\0\0\0WEBPVP8L", ("image", "image/webp")),
        (ftyp(b"avif", b"mif1", b"miaf"), ("image", "image/avif")),
        (ftyp(b"mif1", b"avif"), ("image", "image/avif")),
        (ftyp(b"isom", b"iso2", b"avc1", b"mp41"), ("video", "video/mp4")),
        (ftyp(b"M4V ", b"mp42"), ("video", "video/mp4")),
        (ftyp(b"M4A ", b"mp42", b"isom"), ("audio", "audio/mp4")),
        (b"ID3\x04\0\0\0\0\0\0", ("audio", "audio/mpeg")),
        (b"\xff\xfb\x90\x64\0\0", ("audio", "audio/mpeg")),
        (b"OggS\0\2\0\0", ("audio", "audio/ogg")),
        (b"fLaC\0\0\0\x22", ("audio", "audio/flac")),
        (b"RIFF\x1a\0\0\0WAVEfmt ", ("audio", "audio/wav")),
        (ftyp(b"qt  "), ("video", "video/quicktime")),
        (b"\0\0\x0f\x01moov\0\0\0\x6cmvhd", ("video", "video/quicktime")),
        (ebml(b"webm"), ("video", "video/webm")),
        (ebml(b"matroska"), ("video", "video/x-matroska")),
    ],
)
def test_an_accepted_format_is_known_by_its_bytes(head: bytes, expected: tuple[str, str]) -> None:
    assert identify(head) == expected
    assert accept(head) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xd8",
        b"RIFF\x1a\0\0\0AVI LIST",
        b"\xff\xf1\x50\x80",
        b"\xff\xfb\xf0\x64",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"%PDF-1.7",
        b"II*\0\x08\0\0\0",
        ftyp(b"M4P ", b"mp42", b"isom"),
        ftyp(b"crx ", b"isom"[:3]),
        ftyp(b"heic", b"mif1", b"heic"),
        ebml(b"other"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(head: bytes) -> None:
    assert identify(head) is None
    with pytest.raises(UnsupportedMedia, match=r"\.$"):
        accept(head)


def test_an_iphone_photo_is_refused_with_what_to_do() -> None:
    with pytest.raises(UnsupportedMedia, match="Most Compatible"):
        accept(ftyp(b"heic", b"mif1", b"heic"))
