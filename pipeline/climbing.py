"""Making the rungs above the lowest: all of one decoding, and every segment into storage as soon as it is whole.

So a worker that is killed costs the seconds of film that it was at: whoever goes on begins with the next segment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import keys
from core.errors import ObjectMissing, Unavailable, UnsupportedMedia
from core.ids import new_id
from core.media import SEGMENT_TYPE, Frozen, Media, Rendition, RenditionFile, Segments
from core.objects import Headers, Objects
from pipeline.children import put_once, remove_folder
from pipeline.media import words
from pipeline.media.climb import climb
from pipeline.media.make import HLS_TYPE, Limits, Probe
from pipeline.media.pace import rate_of, segment_frames
from pipeline.media.playlists import PLAYLIST
from pipeline.media.recipes import rung_of, rung_size
from pipeline.media.segments import Track, described, segment

_TURN_SEGMENTS = 3
_INIT = Headers(type="video/mp4")
_SEGMENT = Headers(type=SEGMENT_TYPE)


class _Note(Frozen):
    """What is stored of the rungs while they are made: how, and under which attempts."""

    made_by: str
    attempts: dict[str, str]


class TurnOver(Exception):
    """Others wait; what was made by now is stored, and the next turn goes on from there."""


class _OtherStreams(Exception):
    """What is stored was begun by an encoder whose segments don't go with ours."""


@dataclass(frozen=True)
class Climber:
    """What making those rungs of one video needs. `scratch` is a folder to work in; `made_by` the fingerprint of how they are
    made; `now` tells the medium as the store has it, `over` whether others are to have the decoders now."""

    private: Objects
    media_id: str
    now: Callable[[], Media | None]
    original: Path
    probe: Probe
    limits: Limits
    scratch: Path
    made_by: str
    stopping: Callable[[], bool] = lambda: False
    told: Callable[[float], None] = lambda _: None
    over: Callable[[], bool] = lambda: False

    def make(self, recipes: Sequence[str]) -> tuple[Rendition, ...]:
        """The renditions by those recipes, which begin with what is stored of them already. Raises as `media.climb` does;
        where the machine was at fault, what was made by then stays for the next try. Raises TurnOver where `over` says so, but
        not before there is something new."""
        attempts = self._attempts(recipes)
        begun = self._begun(attempts)
        try:
            return self._climb(attempts, begun)
        except (UnsupportedMedia, _OtherStreams) as error:
            clear(self.private, self.media_id, self.now())
            if begun == 0 and isinstance(error, UnsupportedMedia):
                raise
        # Another release may have begun it, or it has no middle that can be found.
        return self._climb(self._attempts(recipes), 0)

    def _attempts(self, recipes: Sequence[str]) -> dict[str, str]:
        """Under which attempts the rungs are made: those that were begun in the same way, else new ones."""
        note = _noted(self.private, self.media_id)
        if note and note.made_by == self.made_by and list(note.attempts) == list(recipes):
            return note.attempts
        clear(self.private, self.media_id, self.now())
        note = _Note(made_by=self.made_by, attempts={recipe: new_id() for recipe in recipes})
        body = note.model_dump_json().encode()
        self.private.put(keys.climb(self.media_id), body, Headers(type="application/json"))
        return note.attempts

    def _begun(self, attempts: Mapping[str, str]) -> int:
        """How many segments need not be made again. The last one is, so that there is always something to encode."""
        counts = []
        for index, (recipe, attempt) in enumerate(attempts.items()):
            there, count = self._sizes(recipe, attempt), 0
            while f"track{index}.mp4" in there and segment(f"track{index}", count + 1) in there:
                count += 1
            counts.append(count)
        return max(0, min(counts) - 1)

    def _climb(self, attempts: Mapping[str, str], begun: int) -> tuple[Rendition, ...]:
        rungs = list(attempts.items())
        kept, over = 0, False

        def keep(index: int, number: int, body: bytes) -> None:
            nonlocal kept
            if number:
                kept += 1
                put_once(
                    self.private, self._key(*rungs[index], segment(f"track{index}", number)), body, _SEGMENT
                )
                return
            key = self._key(*rungs[index], f"track{index}.mp4")
            put_once(self.private, key, body, _INIT)
            stored = self.private.get(key)
            if stored is None or stored.body != body:
                raise _OtherStreams

        def has_got_on() -> bool:
            # The first segment of each may be one that was there; the second may be the last.
            return kept >= _TURN_SEGMENTS * len(rungs)

        def stopping() -> bool:
            nonlocal over
            over = has_got_on() and self.over()
            return over or self.stopping()

        try:
            tracks = climb(
                self.original,
                self.probe,
                list(attempts),
                self.scratch,
                self.limits,
                begun,
                keep,
                stopping=stopping,
                told=self.told,
            )
        except Unavailable as error:
            if over:
                raise TurnOver from error
            raise
        except UnsupportedMedia as error:
            # All rungs of a long film may take longer than one child may live.
            if error.detail == words.TOO_SLOW and has_got_on():
                raise TurnOver from error
            raise
        return tuple(
            self._finish(*rung, self._whole(track, begun)) for rung, track in zip(rungs, tracks, strict=True)
        )

    def _whole(self, track: Track, begun: int) -> Track:
        """That track with the segments before this run, which all are of one length."""
        if begun == 0:
            return track._replace(starts=(0, *track.starts[1:]))
        ticks = segment_frames(self.probe) * track.timescale / rate_of(self.probe)
        if track.starts[0] != begun * ticks:
            raise UnsupportedMedia(words.DAMAGED_VIDEO)
        return track._replace(starts=(*(round(number * ticks) for number in range(begun)), *track.starts))

    def _finish(self, recipe: str, attempt: str, track: Track) -> Rendition:
        sizes = self._sizes(recipe, attempt)
        if not sizes.keys() >= {track.init, *track.names}:
            raise Unavailable("Segments that were stored are gone; this goes on from the last that is there.")
        text, told = described(track, sizes)
        put_once(
            self.private, self._key(recipe, attempt, PLAYLIST), text.encode("ascii"), Headers(type=HLS_TYPE)
        )
        width, height = rung_size(self.probe, rung_of(recipe))
        playlist = RenditionFile(
            name=PLAYLIST,
            type=HLS_TYPE,
            bytes=len(text),
            width=width,
            height=height,
            frame_rate=round(float(rate_of(self.probe)), 3),
            **told,
        )
        init = RenditionFile(name=track.init, type=_INIT.type, bytes=sizes[track.init])
        row = Segments(
            track=track.name,
            count=len(track.names),
            bytes=sum(sizes[name] for name in track.names),
            timescale=track.timescale,
        )
        return Rendition(
            recipe=recipe, attempt=attempt, files=(playlist, init), segments=(row,), made_by=self.made_by
        )

    def _sizes(self, recipe: str, attempt: str) -> dict[str, int]:
        folder = self._key(recipe, attempt, "")
        return {found.key.removeprefix(folder): found.size for found in self.private.survey(folder)}

    def _key(self, recipe: str, attempt: str, name: str) -> str:
        return keys.rendition(self.media_id, recipe, attempt, name)


def clear(private: Objects, media_id: str, medium: Media | None) -> None:
    """Forgets what was begun of that medium, which is as the store has it. What a rendition names by now stays; all else is
    removed."""
    note = _noted(private, media_id)
    if note is None:
        return
    kept = {made.attempt for made in medium.renditions} if medium else set()
    for recipe, attempt in note.attempts.items():
        if attempt not in kept:
            remove_folder(private, keys.rendition(media_id, recipe, attempt, ""))
    private.delete(keys.climb(media_id))


def _noted(private: Objects, media_id: str) -> _Note | None:
    try:
        found = private.get(keys.climb(media_id))
    except ObjectMissing:
        return None
    return _Note.model_validate_json(found.body) if found else None
