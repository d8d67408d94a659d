"""What is neither picture nor video that can be used: other formats, scripts, playlists, archives, and next to nothing."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zipfile
from functools import partial

from tests.media.corpus.boxes import box
from tests.media.corpus.cases import add, refused
from tests.media.corpus.still_formats import jpeg, picture, saved

OTHERS = "Accepted are"

PLAYLISTS = {
    "playlist_m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "playlist_m3u8_of_a_network": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/\n",
    "playlist_ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "playlist_concat_without_a_head": b"file '/etc/passwd'\nfile 'http://127.0.0.1:9/'\n",
    "playlist_dash": b"<?xml version='1.0'?><MPD><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>",
    "playlist_sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    "playlist_smil": b"<smil><body><video src='file:///etc/passwd'/></body></smil>",
    "playlist_cue": b'FILE "/etc/passwd" BINARY\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "playlist_pls": b"[playlist]\nFile1=file:///etc/passwd\nNumberOfEntries=1\n",
    "playlist_asx": b"<asx version='3.0'><entry><ref href='file:///etc/passwd'/></entry></asx>",
    "playlist_avisynth": b'Import("/etc/passwd")\n',
}
SCRIPTS = {
    "script_svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "script_svg_gone_gzip": gzip.compress(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "script_html": b"<!doctype html><script>alert(1)</script>",
    "script_php": b"<?php system($_GET[0]); ?>",
    "script_shell": b"#!/bin/sh\nrm -rf /\n",
    "script_postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n",
    "script_of_imagemagick": b"push graphic-context\nimage over 0,0 0,0 'ephemeral:/etc/passwd'\npop graphic-context\n",
    "script_of_imagemagick_msl": b"<image><read filename='/etc/passwd'/></image>",
}
HEADS = {
    "format_jpeg_2000": b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 ",
    "format_jpeg_2000_stream": b"\xff\x4f\xff\x51" + bytes(60),
    "format_jpeg_xl": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60),
    "format_jpeg_xl_stream": b"\xff\x0a" + bytes(60),
    "format_photoshop": b"8BPS\0\1" + bytes(60),
    "format_gimp": b"gimp xcf file\0" + bytes(60),
    "format_raw_of_canon": b"II*\0\x10\0\0\0CR\2\0" + bytes(60),
    "format_raw_of_fuji": b"FUJIFILMCCD-RAW 0201" + bytes(60),
    "format_raw_of_canon_in_mp4": box(b"ftyp", b"crx \0\0\0\1crx isom")[:16] + bytes(40),
    "format_openexr": b"\x76\x2f\x31\x01" + bytes(60),
    "format_radiance": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n",
    "format_pnm": b"P6 2 2 255\n" + bytes(12),
    "format_pdf": b"%PDF-1.7\n1 0 obj\n<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>\n",
    "format_avi": b"RIFF\x40\0\0\0AVI LIST" + bytes(60),
    "format_flv": b"FLV\1\5\0\0\0\x09" + bytes(60),
    "format_mpeg_ts": (b"\x47\x40\0\x10" + bytes(184)) * 4,
    "format_mpeg_ps": b"\0\0\1\xba" + bytes(60),
    "format_wmv": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(60),
    "format_real": b".RMF\0\0\0\x12" + bytes(60),
    "format_midi": b"MThd\0\0\0\6\0\1\0\1" + bytes(60),
    "format_flash": b"FWS\x0a" + bytes(60),
    "font_truetype": b"\0\1\0\0\0\x0c\0\x80" + bytes(60),
    "font_woff2": b"wOF2\0\1\0\0" + bytes(60),
    "program_elf": b"\x7fELF\2\1\1" + bytes(60),
    "program_windows": b"MZ\x90\0" + bytes(60),
    "program_java": b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(60),
    "program_webassembly": b"\0asm\1\0\0\0",
    "archive_7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(60),
    "archive_rar": b"Rar!\x1a\7\1\0" + bytes(60),
    "archive_zstandard": b"\x28\xb5\x2f\xfd" + bytes(60),
    "database_sqlite": b"SQLite format 3\0" + bytes(60),
    "text": "Ann paints boats.\n".encode("utf-16"),
    "one_byte": b"\xff",
    "all_zero": bytes(100_000),
    "nothing_but_noise": random.Random(8).randbytes(100_000),
    "matroska_of_an_unknown_kind": bytes.fromhex("1a45dfa3 87 4282 84") + b"evil" + bytes(60),
}

for name, content in (PLAYLISTS | SCRIPTS | HEADS).items():
    add(name, partial(bytes, content), OTHERS)


def _saved_as(file_format: str) -> bytes:
    return saved(picture(), file_format)


for file_format in ("TIFF", "BMP", "ICO", "TGA", "PCX", "ICNS", "DDS", "SGI"):
    add(f"format_{file_format.lower()}", partial(_saved_as, file_format), OTHERS)


@refused("empty")
def an_empty_file() -> bytes:
    return b""


@refused(OTHERS)
def archive_zip_that_unpacks_to_a_gigabyte() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.jpg", bytes(100 << 20))
    return packed.getvalue()


@refused(OTHERS)
def archive_tar_that_leads_outside() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/cron.d/evil"))
    return packed.getvalue()


@refused(OTHERS)
def pdf_that_is_a_jpeg_too() -> bytes:
    """Readers of PDF take their head anywhere within the first kilobyte; here it stands before the picture."""
    return b"%PDF-1.4\n%" + jpeg()


@refused(OTHERS)
def html_that_is_a_jpeg_too() -> bytes:
    return b"<!--" + jpeg() + b"--><script>alert(1)</script>"


@refused(OTHERS)
def tiff_whose_directory_is_its_own_next() -> bytes:
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8)
