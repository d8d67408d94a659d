"""Tells how much of a video or recording is missing: one whose upload or export broke off often opens as if it were whole,
since its head says what should have come. Runs in the child process."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.media.formats import DEMUXERS

_SAMPLES_MAX = 10_000
"""Of a track, that are looked up: every tenth or hundredth will do."""
_EBML, _SEGMENT, _MAY_COME_BEFORE = 0x1A45DFA3, 0x18538067, (0xEC, 0xBF)
"""Element IDs (RFC 8794, 11; RFC 9559, 5.1); between head and Segment there may be Void and CRC-32."""
_ELEMENTS_MAX = 16
"""At the top of a file, that are looked through."""


def missing_s(original: str, mime: str, streams: Sequence[Any], duration_s: float) -> float:
    """How many seconds of these streams lie beyond the end of the file, roughly. 0 where nothing tells: in recordings made
    live, which have no sizes, and in fragments, of which each knows only itself."""
    file_bytes = Path(original).stat().st_size
    with Path(original).open("rb") as file:
        if DEMUXERS[mime] == "mov" and not _is_in_fragments(file):
            return max(_missing_of_track_s(stream, file_bytes) for stream in streams)
        if DEMUXERS[mime] == "matroska":
            start, end = _segment(file)
            return duration_s * max(0, end - file_bytes) / max(1, end - start)
    return 0.0


def _is_in_fragments(file: BinaryIO) -> bool:
    for _ in range(_ELEMENTS_MAX):
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        beyond_head = size - 8
        if size == 1:  # a larger one follows (ISO/IEC 14496-12, 4.2)
            beyond_head = int.from_bytes(file.read(8), "big") - 16
        if kind == b"moof" or not 0 <= beyond_head < 1 << 62:
            return kind == b"moof"
        file.seek(beyond_head, 1)
    return False


def _missing_of_track_s(stream: Any, file_bytes: int) -> float:
    """By the sample tables (ISO/IEC 14496-12, 8.7), as FFmpeg has read them."""
    samples = stream.index_entries
    looked_up = [samples[at] for at in range(0, len(samples), max(1, len(samples) // _SAMPLES_MAX))]
    ticks = sum(
        max(0, after.timestamp - one.timestamp)
        for one, after in pairwise(looked_up)
        if one.pos + one.size > file_bytes
    )
    return float(ticks * stream.time_base)


def _segment(file: BinaryIO) -> tuple[int, int]:
    """Where the one element that holds all of a Matroska file begins and ends; (0, 0) if it doesn't say."""
    for _ in range(_ELEMENTS_MAX):
        number, size = _vint(file, with_marker=True), _vint(file)
        at = file.tell()
        if number == _SEGMENT and size is not None:
            return at, at + size
        if number not in (_EBML, *_MAY_COME_BEFORE) or size is None:
            break
        file.seek(at + size)
    return 0, 0


def _vint(file: BinaryIO, *, with_marker: bool = False) -> int | None:
    """An EBML number of one to eight bytes (RFC 8794, 4); None for one that says "unknown", or is none."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    whole = int.from_bytes(first + file.read(length - 1), "big")
    mask = (1 << 7 * length) - 1
    if with_marker:
        return whole
    return None if whole & mask == mask else whole & mask
