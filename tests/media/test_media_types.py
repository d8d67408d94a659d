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
        (ftyp(b"heic", b"mif1", b"heic"), ("image", "image/heic")),
        (ftyp(b"mif1", b"heic", b"miaf"), ("image", "image/heic")),
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
        ebml(b"other"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(head: bytes) -> None:
    assert identify(head) is None
    with pytest.raises(UnsupportedMedia, match=r"\.$"):
        accept(head)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"%PDF-1.7", "a PDF document"),
        (b"II*\0\x08\0\0\0", "a TIFF or raw photo"),
        (b"MM\0*\0\0\0\x08", "a TIFF or raw photo"),
        (ftyp(b"crx ", b"crx ", b"isom"), "a raw photo"),
        (b"BM\x46\0\0\0\0\0\0\0\x36", "a BMP picture"),
        (b"8BPS\0\x01", "a Photoshop file"),
        (b"gimp xcf v011\0", "a GIMP file"),
        (b"\xff\x0a\x7f", "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"\0\0\x01\0\x01\0", "an icon file"),
        (b"%!PS-Adobe-3.0 EPSF", "a PostScript file"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "an SVG drawing"),
        (b"\xef\xbb\xbf<svg>", "an SVG drawing"),
        (b"#EXTM3U\n", "a playlist"),
        (b"FLV\x01\x05", "a Flash video"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI video"),
        (b"0&\xb2u\x8ef\xcf\x11\xa6\xd9", "a Windows Media file"),
        (b"PK\x03\x04", "an archive"),
        (b"\n<!doctype html>", "a web page"),
        (b"<?php system('id');", "a web page"),
        (b"MZ\x90\0", "not a picture, video or recording"),
    ],
)
def test_a_refusal_names_what_the_file_is(head: bytes, name: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"This file is {name} and can't be used here"):
        accept(head)
