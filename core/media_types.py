"""Tells what a file is by its first bytes, and refuses what is not on the allow-list with words of advice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.errors import UnsupportedMedia

if TYPE_CHECKING:  # the decoders' child process starts faster without pydantic
    from core.media import UploadKind

HEAD_BYTES = 512
"""How much of a file's beginning `identify` wants to see; less will do where the file is shorter."""

ACCEPTED = (
    "JPEG, PNG, WebP, GIF, AVIF or, where the site can open it, HEIC for pictures, "
    "MP4, MOV, WebM or MKV for videos, M4A, MP3, Ogg, FLAC or WAV for sound"
)
"""Whether a site can open HEIC is known where its decoders run, which may be other machines than the studio's."""

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}
_MP4 = re.compile(rb"iso[m2-9a-z]|mp4[12]|avc1|hvc1|M4V.|dash|msdh|cmf[c2]|MSNV|f4v |3g[p2].|mmp4")
# QuickTime files from before the `ftyp` box begin with one of these.
_OLD_QUICKTIME = {b"moov", b"mdat", b"wide"}
# What creators have besides, so that a refusal names it.
_REFUSED = tuple(
    (re.compile(magic, re.DOTALL), name)
    for magic, name in (
        (rb"%PDF-", "a PDF document"),
        (rb"II\*\0|MM\0\*|II\x2b\0|MM\0\x2b|FUJIFILMCCD|IIRO|IIU\0", "a TIFF or raw photo"),
        (rb".{4}ftypcrx ", "a raw photo"),
        (rb"BM.{4}\0{4}", "a BMP picture"),
        (rb"8BPS", "a Photoshop file"),
        (rb"gimp xcf", "a GIMP file"),
        (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture"),
        (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 picture"),
        (rb"\0\0[\x01\x02]\0", "an icon file"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript file"),
        (rb"(\xef\xbb\xbf)?\s*(<\?xml.*)?<svg", "an SVG drawing"),
        (rb"#EXTM3U", "a playlist"),
        (rb"FLV\x01", "a Flash video"),
        (rb"RIFF....AVI ", "an AVI video"),
        (rb"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
        (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b", "an archive"),
        (rb"\s*<(!doctype html|html)|\s*<\?php", "a web page"),
    )
)


def identify(head: bytes) -> tuple[UploadKind, str] | None:
    """Kind and MIME type of a file that begins with `head`, or None if its format is not accepted.

    Never looks at a name, and promises nothing about the rest of the file: only decoding it does.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "image", "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image", "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image", "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image", "image/webp"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _ebml(head)
    if sound := _sound(head):
        return "audio", sound
    if head[4:8] in _OLD_QUICKTIME:
        return "video", "video/quicktime"
    return _iso_media(_brands(head))


def accept(head: bytes) -> tuple[UploadKind, str]:
    """Like `identify`, but raises UnsupportedMedia that tells the creator what to do instead."""
    found = identify(head)
    if found:
        return found
    if not head:
        raise UnsupportedMedia("The file is empty.")
    what = next((name for magic, name in _REFUSED if magic.match(head)), "not a picture, video or recording")
    raise UnsupportedMedia(f"This file is {what} and can't be used here. Accepted are {ACCEPTED}.")


def _brands(head: bytes) -> list[bytes]:
    """The major brand, then the compatible ones, of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return []
    box = head[: int.from_bytes(head[:4], "big")]
    return [box[8:12], *(box[at : at + 4] for at in range(16, len(box) - 3, 4))]


def _iso_media(brands: list[bytes]) -> tuple[UploadKind, str] | None:
    if _AVIF & set(brands):
        return "image", "image/avif"
    if not brands:
        return None
    if _HEIC & set(brands):
        return "image", "image/heic"
    if brands[0] == b"qt  ":
        return "video", "video/quicktime"
    # Sound alone names mp42 as compatible too, so the major brand decides there.
    if brands[0][:3] in (b"M4A", b"M4B"):
        return "audio", "audio/mp4"
    if brands[0][:3] not in (b"M4P", b"crx") and any(map(_MP4.fullmatch, brands)):
        return "video", "video/mp4"
    return None


def _sound(head: bytes) -> str | None:
    if head.startswith(b"OggS"):
        return "audio/ogg"
    if head.startswith(b"fLaC"):
        return "audio/flac"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    if head.startswith(b"ID3") or _is_mp3_frame(head):
        return "audio/mpeg"
    return None


def _is_mp3_frame(head: bytes) -> bool:
    """A frame header of MPEG audio, layer III (ISO/IEC 11172-3, 2.4.1.3), none of whose fields is a reserved value."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return False
    return head[2] & 0xF0 not in (0x00, 0xF0) and head[2] & 0x0C != 0x0C


def _ebml(head: bytes) -> tuple[UploadKind, str] | None:
    """WebM or Matroska: the DocType element (0x4282) stands within the EBML header."""
    doctype = re.search(rb"\x42\x82[\x80-\xff](webm|matroska)", head[:128])
    if doctype is None:
        return None
    return "video", "video/webm" if doctype[1] == b"webm" else "video/x-matroska"
