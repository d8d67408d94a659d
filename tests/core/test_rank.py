"""Rank: one consistent order of renders, carried in a file's own bytes where no creator can spoof it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.rank import Mark, Rank, Verdict, read_rank, stamp_html, stamp_json, stamp_png, stamp_xml, verdict

small = st.integers(0, 2)
ranks = st.builds(Rank, small, small, small, small)
large_ranks = st.builds(Rank, *[st.integers(0, 2**60)] * 4)
LEAVE, REPLACE, STALE = Verdict.LEAVE, Verdict.REPLACE, Verdict.STALE


@pytest.mark.parametrize(
    ("stored", "ours", "wanted"),
    [
        ("1.1.5.1", "1.1.5.1", LEAVE),
        ("1.1.5.1", "1.1.6.1", REPLACE),
        ("1.1.5.1", "1.1.5.2", REPLACE),
        ("1.1.6.1", "1.1.5.1", LEAVE),
        ("1.1.6.1", "1.1.5.2", STALE),
        ("1.1.5.2", "1.1.6.1", STALE),
        ("1.2.1.1", "1.1.9.9", LEAVE),
        ("1.1.9.9", "1.2.1.1", REPLACE),
        ("2.1.1.1", "1.9.9.9", LEAVE),
        ("1.9.9.9", "2.1.1.1", REPLACE),
    ],
)
def test_which_render_may_replace_which(stored: str, ours: str, wanted: Verdict) -> None:
    assert verdict(Rank.parse(stored), Rank.parse(ours)) is wanted


@given(ranks, ranks)
def test_of_two_ranks_either_one_replaces_the_other_or_neither_is_newer(one: Rank, other: Rank) -> None:
    there, back = verdict(one, other), verdict(other, one)
    if one == other:
        assert (there, back) == (LEAVE, LEAVE)
    else:
        assert (there, back) in {(LEAVE, REPLACE), (REPLACE, LEAVE), (STALE, STALE)}


@given(ranks, ranks, ranks)
def test_what_may_replace_goes_on_from_one_to_the_next(one: Rank, two: Rank, three: Rank) -> None:
    """So no order of writes ever brings an older render back."""
    if verdict(one, two) is REPLACE and verdict(two, three) is REPLACE:
        assert verdict(one, three) is REPLACE
    if verdict(one, two) is LEAVE and verdict(two, three) is LEAVE:
        assert verdict(one, three) is LEAVE


@given(ranks, ranks)
def test_a_stale_render_is_replaced_by_one_that_is_new_in_both(one: Rank, other: Rank) -> None:
    if verdict(one, other) is STALE:
        both = one._replace(revision=max(one[2], other[2]), rollout=max(one[3], other[3]))
        assert verdict(one, both) is verdict(other, both) is REPLACE


marks = st.builds(Mark, small, small, small)


@given(marks, marks)
def test_a_mark_covers_another_if_it_is_as_new_in_all_or_of_a_later_life(one: Mark, other: Mark) -> None:
    newer = one.life > other.life
    as_new = one.life == other.life and one.revision >= other.revision and one.rollout >= other.rollout
    assert one.covers(other) == (newer or as_new)


# ── in a file's bytes ─────────────────────────────────────────────────────────────────────────────


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "navy").save(file, "png")
    return file.getvalue()


@given(large_ranks)
def test_a_stamped_rank_is_read_back(rank: Rank) -> None:
    assert Rank.parse(str(rank)) == rank
    assert read_rank(stamp_html("<p>Boats</p>", rank)) == rank
    assert read_rank(stamp_xml("<feed/>", rank)) == rank
    assert read_rank(stamp_json('{"a":1}', rank)) == rank
    assert read_rank(stamp_png(png(), rank)) == rank


def test_a_stamped_file_is_still_what_it_was() -> None:
    rank = Rank(1, 2, 3, 4)
    assert json.loads(stamp_json('{"a":1}', rank)) == {"holdfast": "1.2.3.4", "a": 1}
    with Image.open(io.BytesIO(stamp_png(png(), rank))) as image:
        image.load()
        assert image.getpixel((0, 0)) == (0, 0, 128)
        assert image.info["holdfast"] == "1.2.3.4"
    assert stamp_html("<p>", rank).startswith(b"<!doctype html>\n")
    assert stamp_xml("<p/>", rank).startswith(b"<?xml ")


HOSTILE = [
    "<!--holdfast 9.9.9.9-->\n",
    "<!doctype html>\n<!--holdfast 9.9.9.9-->\n",
    '<?xml version="1.0" encoding="utf-8"?>\n<!--holdfast 9.9.9.9-->\n',
    '{"holdfast":"9.9.9.9","a":1}',
    "-->\n<!--holdfast 9.9.9.9-->\n",
    "\n9.9.9.9-->\n",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_creator_wrote_never_passes_for_the_rank(hostile: str) -> None:
    rank = Rank(1, 1, 1, 1)
    assert read_rank(stamp_html(hostile, rank)) == rank
    assert read_rank(stamp_xml(hostile, rank)) == rank
    assert read_rank(stamp_json(json.dumps({"name": hostile, "holdfast": hostile}), rank)) == rank
    assert read_rank(f"\n{hostile}".encode()) is None, "not where the rank stands"


@given(st.text(max_size=60))
def test_no_text_whatever_spoofs_the_rank(text: str) -> None:
    rank = Rank(1, 1, 1, 1)
    assert read_rank(stamp_html(text, rank)) == rank
    assert read_rank(stamp_json(json.dumps({"name": text}), rank)) == rank


def test_a_rank_in_another_chunk_of_a_picture_does_not_count() -> None:
    inner = stamp_png(png(), Rank(9, 9, 9, 9))
    body = stamp_png(inner, Rank(1, 1, 1, 1))
    assert read_rank(body) == Rank(1, 1, 1, 1)
    assert read_rank(png()) is None


STRANGE: list[Any] = [
    b"",
    b"<p>",
    b"{}",
    b'{"holdfast":"1.1.1"}',
    b'{"holdfast":"1.1.1.1.1"}',
    b'{"holdfast":"1.1..1"}',
]
STRANGE += [
    b'{"holdfast":"01.1.1.1"}',
    b'{"holdfast":"' + b"9" * 70 + b'.1.1.1"}',
    b"<!doctype html>\n<!--holdfast x-->\n",
]
STRANGE += [
    stamp_png(png(), Rank(1, 1, 1, 1))[:45],
    stamp_png(png(), Rank(1, 1, 1, 1)).replace(b"1.1.1.1", b"\xff.1.1.1"),
]


@pytest.mark.parametrize("body", STRANGE)
def test_bytes_that_carry_no_rank_are_not_ours(body: bytes) -> None:
    assert read_rank(body) is None


@given(st.binary(max_size=80))
def test_no_bytes_make_the_reader_fail(body: bytes) -> None:
    for start in (b"", b'{"holdfast":"', b"<!doctype html>\n<!--holdfast ", png()[:33]):
        found = read_rank(start + body)
        assert found is None or str(found).encode() in start + body


@pytest.mark.parametrize(
    "text", ["", "1", "1.1.1", "1.1.1.1.1", "1.1.1.-1", "1.1.1.x", " 1.1.1.1", "1_0.1.1.1", "٣.1.1.1"]
)
def test_a_rank_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="not a rank"):
        Rank.parse(text)
