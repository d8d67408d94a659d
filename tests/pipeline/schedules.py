"""Runs publishers in every order: each call to storage is a step, and between any two steps another may run, or all die.

A publisher is a greenlet over the real `pipeline.publish.publish`, and a schedule is replayed from its start. Two
schedules that lead to equal storage, with each publisher having seen the same answers, have the same future: only one
of them is followed on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from greenlet import getcurrent, greenlet

from core.errors import ObjectMissing, OutcomeUnknown, PreconditionFailed, Stale
from core.objects import ABSENT, Headers, Object, Stat
from core.rank import Verdict, read_rank, verdict
from core.store import PurgePath
from pipeline.manifest import decode
from pipeline.publish import publish
from pipeline.target import Target

GO, LOST, LATE = "go", "lost", "late"
Storage = dict[tuple[str, str], Object]


class Choice(NamedTuple):
    """Publisher `who` makes its next step: as usual, or the reply of its write is lost; a `late` write is applied at some
    later moment, by choice of who -1, or never."""

    who: int
    how: str = GO


@dataclass
class Actor:
    """A publisher: at which step it waits, and a digest of all that it has been answered."""

    target: Target
    thread: greenlet
    at: str = ""
    seen: int = 0

    @property
    def ended(self) -> bool:
        return self.thread.dead


class World:
    """Two buckets and the publishers at them. It notes every rule that a write breaks, whenever it comes."""

    def __init__(self, storage: Storage, targets: tuple[Target, ...], faults: int = 0) -> None:
        self.storage = dict(storage)
        self.buckets: dict[Any, Any] = {name: Bucket(self, name) for name in ("public", "private")}
        self.queued: set[tuple[str, str]] = set()
        self.faults = faults
        self.late: Callable[[], object] | None = None
        self.broken: Counter[str] = Counter()
        self.named_before: frozenset[str] | None = None
        self._hub = getcurrent()
        self.actors = [Actor(one, greenlet(lambda one=one: self._publish(one))) for one in targets]
        for actor in self.actors:
            self._switch(actor, GO)

    def _publish(self, target: Target) -> None:
        try:
            publish(self.buckets, target, self.queue)
        except Stale:
            return  # the job would load again
        except Exception as error:
            self.broken[f"a publisher failed: {error!r}"] += 1

    def _switch(self, actor: Actor, how: str) -> None:
        actor.at = actor.thread.switch(how) if actor.thread else actor.thread.switch()
        actor.at = actor.at or ""

    def queue(self, paths: tuple[PurgePath, ...]) -> None:
        self.step("queue", lambda: self.queued.update((path.path, path.rank) for path in paths))

    def step(self, what: str, act: Callable[[], Any]) -> Any:
        """A publisher waits here for its turn; anybody else goes straight on."""
        if getcurrent() is self._hub:
            return act()
        how = self._hub.switch(what)
        actor = next(one for one in self.actors if one.thread is getcurrent())
        seen: object = None
        try:
            if how == LATE:
                self.late = act
            result = None if how == LATE else act()
            if how != GO:
                self.faults -= 1
                raise OutcomeUnknown
            seen = getattr(result, "etag", result)
            return result
        except (ObjectMissing, PreconditionFailed, OutcomeUnknown) as error:
            seen = type(error)
            raise
        finally:
            actor.seen = hash((actor.seen, what, str(seen)))

    def choices(self) -> list[Choice]:
        found = [Choice(number) for number, actor in enumerate(self.actors) if not actor.ended]
        if self.faults:
            putting = [one.who for one in found if self.actors[one.who].at.startswith("put")]
            found += [Choice(who, how) for who in putting for how in (LOST, LATE)]
        return [*found, Choice(-1)] if self.late else found

    def take(self, choice: Choice) -> None:
        if choice.who >= 0:
            self._switch(self.actors[choice.who], choice.how)
            return
        act, self.late = self.late, None
        assert act is not None
        try:
            act()
        except PreconditionFailed:
            return

    def run_on(self) -> None:
        """Who hasn't ended wakes up and goes on to the end, one after the other; a late write lands last."""
        for number, actor in enumerate(self.actors):
            while not actor.ended:
                self.take(Choice(number))
        if self.late:
            self.take(Choice(-1))

    def state(self) -> object:
        return (
            frozenset((place, one.etag) for place, one in self.storage.items()),
            tuple((one.seen, one.ended) for one in self.actors),
            frozenset(self.queued),
            self.late is not None,
            self.faults,
            self.named_before,
        )

    def check(self, bucket: str, key: str, body: bytes, headers: Headers) -> None:
        """What no write may do: go back, or show something new once a takedown has begun to bury."""
        stored = self.storage.get((bucket, key))
        old, new = read_rank(stored.body) if stored else None, read_rank(body)
        if old and (new is None or (old != new and verdict(old, new) is not Verdict.REPLACE)):
            self.broken["a rank fell"] += 1
        if bucket != "public" or new is None:
            return
        burying = {one.target.mark.revision for one in self.actors if one.target.takedown}
        if headers.status != 200 and new.revision in burying and self.named_before is None:
            self.named_before = self._named()
        elif headers.status == 200 and self.named_before is not None and key not in self.named_before:
            self.broken["a takedown had begun, and something new became public"] += 1

    def _named(self) -> frozenset[str]:
        manifests = [one for (_, key), one in self.storage.items() if key.startswith("_manifests/")]
        return frozenset(place.key for one in manifests for place in decode(one.body).entries)


class Bucket:
    """`core.objects.Objects` in memory, as S3 would answer; each call is one step."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name

    def get(self, key: str, *, unless: str | None = None) -> Object:
        return self._world.step(f"get {self._name}/{key}", lambda: self._found(key))

    def put(
        self, key: str, body: bytes, headers: Headers, *, only_if: str | None = None, durable: bool = True
    ) -> str:
        def act() -> str:
            stored = self._world.storage.get((self._name, key))
            if only_if is not None and (stored.etag if stored else ABSENT) != only_if:
                raise PreconditionFailed(key)
            self._world.check(self._name, key, body, headers)
            etag = hashlib.blake2b(body, digest_size=8).hexdigest()
            self._world.storage[self._name, key] = Object(body, etag, headers)
            return etag

        return self._world.step(f"put {self._name}/{key}", act)

    def stat(self, key: str) -> Stat:
        found = self.get(key)
        return Stat(found.etag, len(found.body), found.headers, 0.0)

    def delete(self, key: str) -> None:
        self._world.step(
            f"delete {self._name}/{key}", lambda: self._world.storage.pop((self._name, key), None)
        )

    def delete_many(self, gone: Iterable[str]) -> None:
        for key in gone:  # it promises no more than that
            self.delete(key)

    def walk(self, prefix: str = "") -> list[str]:
        def act() -> list[str]:
            mine = (key for name, key in self._world.storage if name == self._name)
            return sorted(key for key in mine if key.startswith(prefix))

        return self._world.step(f"walk {self._name}/{prefix}", act)

    def _found(self, key: str) -> Object:
        if (self._name, key) not in self._world.storage:
            raise ObjectMissing(key)
        return self._world.storage[self._name, key]


@dataclass
class Found:
    """How many different states there were, and which rules were broken, each with the first such schedule."""

    states: int = 0
    broken: dict[str, tuple[Choice, ...]] = field(default_factory=dict)


def explore(
    begin: Callable[[], World],
    finish: Callable[[World], Iterator[str]],
    states_max: int | None = None,
    until: str = "nothing",
) -> Found:
    """Follows every schedule of `begin()`. At every state all publishers stop, as if killed, and `finish` says what is
    then wrong. Ends early after `states_max` states (a sample, the same every time), or when a rule that begins with
    `until` was found broken."""
    found, known, chance = Found(), set[object](), Random(0)
    waiting: list[tuple[Choice, ...]] = [()]
    while waiting:
        schedule = waiting.pop(chance.randrange(len(waiting)))
        world = _replay(begin, schedule)
        # From here on as long as it leads to something new; the other choices on the way wait.
        while (state := world.state()) not in known:
            known.add(state)
            found.states += 1
            stopped = _replay(begin, schedule)
            for rule in (*finish(stopped), *stopped.broken):
                found.broken.setdefault(rule, schedule)
            if found.states == states_max or any(rule.startswith(until) for rule in found.broken):
                return found
            choices = world.choices()
            if not choices:
                break
            waiting.extend((*schedule, other) for other in choices[1:])
            schedule = (*schedule, choices[0])
            world.take(choices[0])
    return found


def _replay(begin: Callable[[], World], schedule: tuple[Choice, ...]) -> World:
    world = begin()
    for choice in schedule:
        world.take(choice)
    return world
