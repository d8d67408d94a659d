"""Every interleaving of protocols over a store: the real code, run call by call against a small model of the contract.

A protocol is never paused: it is run again from its beginning with the replies it has had so far, until it asks for
one more. So a node of the search is the store's state and the replies of each, and equal nodes are visited once.
Whoever is never given a turn again has crashed, so the states after every crash are among the nodes.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import HoldfastError, OutcomeUnknown
from core.profile import Head, Snapshot
from core.store import Batch, Claim, naming, revise

SILENT = {"hint", "schedule", "unschedule"}
"""Calls that no other protocol can see. (The reaper is let loose here whether it was called for or not.)"""
WRITES = {"take", "settle", "commit"}


class Call(NamedTuple):
    name: str
    arguments: tuple[Any, ...]


class Reply(NamedTuple):
    value: Hashable = None
    lost: bool = False


class State(NamedTuple):
    """Claims by name; heads and writers by profile. Tuples, so that states can be compared."""

    claims: tuple[tuple[str, Claim], ...] = ()
    heads: tuple[tuple[str, Head], ...] = ()
    writers: tuple[tuple[tuple[str, int], str], ...] = ()

    def claim(self, username: str) -> Claim | None:
        return dict(self.claims).get(username)

    def head(self, profile_id: str) -> Head | None:
        return dict(self.heads).get(profile_id)


def _with(rows: tuple[tuple[Any, Any], ...], key: Any, value: Any) -> tuple[tuple[Any, Any], ...]:
    return tuple(sorted({**dict(rows), key: value}.items()))


class Model:
    """What the contract of the store promises about one call. `broken` names a condition that it doesn't keep."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def apply(self, state: State, call: Call) -> tuple[State, Hashable]:
        """The state after the call, and its reply."""
        result: tuple[State, Hashable] = getattr(self, call.name)(state, *call.arguments)
        return result

    def get(self, state: State, username: str) -> tuple[State, Claim | None]:
        return state, state.claim(username)

    def take(
        self, state: State, username: str, profile_id: str, attempt: str, seen: int
    ) -> tuple[State, Claim | None]:
        now = state.claim(username)
        number = now.number if now else 0
        if number != seen and self.broken != "take":
            return state, None
        claim = Claim(
            username=username, number=number + 1, state="held", profile_id=profile_id, attempt=attempt
        )
        return state._replace(claims=_with(state.claims, username, claim)), claim

    def settle(self, state: State, username: str, number: int, to: str) -> tuple[State, bool]:
        claim = state.claim(username)
        if claim is None or (claim.number != number and self.broken != "settle"):
            return state, False
        fields = {"state": to, "profile_id": None if to == "free" else claim.profile_id}
        return state._replace(claims=_with(state.claims, username, claim.model_copy(update=fields))), True

    def head(self, state: State, profile_id: str) -> tuple[State, Head | None]:
        return state, state.head(profile_id)

    def load(self, state: State, profile_id: str) -> tuple[State, Snapshot | None]:
        head = state.head(profile_id)
        return state, Snapshot(head=head) if head else None

    def commit(self, state: State, batch: Batch) -> tuple[State, bool]:
        head = batch.head
        before = state.head(head.id)
        if (before.revision if before else 0) != head.revision - 1 and self.broken != "commit":
            return state, False
        heads = _with(state.heads, head.id, head)
        return State(state.claims, heads, _with(state.writers, (head.id, head.revision), batch.writer)), True

    def writer_of(self, state: State, profile_id: str, revision: int) -> tuple[State, str | None]:
        return state, dict(state.writers).get((profile_id, revision))


# ── the real code, with a clock and ids that are the same each time ───────────────────────────────


class Edit(NamedTuple):
    """A line of the real source and what stands there instead."""

    line: str
    instead: str


class _Clock:
    @staticmethod
    def time() -> float:
        return 1000.0

    @staticmethod
    def monotonic() -> float:
        return 0.0

    @staticmethod
    def sleep(_: float) -> None:
        return None


def protocols(edit: Edit | None = None) -> types.SimpleNamespace:
    """A copy of `naming` that sees no clock and no chance, perhaps with one line changed."""
    revising = _copy(revise, None)
    return types.SimpleNamespace(
        **(_copy(naming, edit, revise=revising["revise"], create=revising["create"]))
    )


def _copy(module: types.ModuleType, edit: Edit | None, **others: Any) -> dict[str, Any]:
    path = Path(str(module.__file__))
    source = path.read_text("utf-8")
    if edit:
        assert source.count(edit.line) == 1, f"{edit.line!r} is not one line of {path.name} any more"
        source = source.replace(edit.line, edit.instead)
    copy = types.ModuleType(module.__name__)
    exec(compile(source, str(path), "exec"), copy.__dict__)
    copy.__dict__.update(others, time=_Clock, new_id=_new_id)
    return copy.__dict__


_ids: Iterator[str] = iter(())


def _new_id() -> str:
    return next(_ids)


class _Asks(BaseException):
    """The protocol wants a reply that it hasn't had yet."""

    def __init__(self, call: Call) -> None:
        self.call = call


class _Script:
    """A store whose replies are given; it stands for all of the store's parts."""

    def __init__(self, replies: list[Reply]) -> None:
        self._replies = replies
        self._at = 0
        self.names = self.profiles = self.changes = self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._called, name)

    def _called(self, name: str, *arguments: Any) -> Any:
        if name in SILENT:
            return None
        if self._at == len(self._replies):
            raise _Asks(Call(name, arguments))
        reply = self._replies[self._at]
        self._at += 1
        if reply.lost:
            raise OutcomeUnknown
        return reply.value


Protocol = Callable[[Any], object]
"""What somebody does with a store."""


# ── the search ────────────────────────────────────────────────────────────────────────────────────


class Node(NamedTuple):
    """Numbers, so that a million of them are compared in seconds: the store's state; what each has been replied so far;
    writes under way whose senders know nothing; how many replies may yet be lost."""

    state: int
    pasts: tuple[int, ...]
    late: tuple[int, ...]
    losses: int


class Numbered:
    """Things by number, equal ones under one."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def number(self, thing: Any) -> int:
        found = self._numbers.setdefault(thing, len(self.things))
        if found == len(self.things):
            self.things.append(thing)
        return found


class Search:
    """All nodes that these protocols can reach, at most `losses` times with a reply lost: before or after the write was
    applied, or the write under way for as long as it likes."""

    def __init__(self, model: Model, protocols: list[Protocol], losses: int = 0) -> None:
        self._model, self._protocols, self._losses = model, protocols, losses
        self._states, self._replies, self._calls = Numbered(), Numbered(), Numbered()
        self._pasts = Numbered()  # who, the past before it, its last reply
        self._applied: dict[tuple[int, int], tuple[int, int]] = {}
        self._asked: dict[int, int | None] = {}
        self._lost = self._replies.number(Reply(lost=True))
        self.count = 0

    def states(self, start: State) -> Iterator[State]:
        """Every state that can come to be, each once."""
        pasts = tuple(self._pasts.number((who, None, None)) for who in range(len(self._protocols)))
        first = Node(self._states.number(start), pasts, (), self._losses)
        seen, open_nodes, told = {first}, [first], 0
        while open_nodes:
            for after in self._after(open_nodes.pop()):
                if after not in seen:
                    seen.add(after)
                    open_nodes.append(after)
            while told < len(self._states.things):
                yield self._states.things[told]
                told += 1
            self.count = len(seen)

    def _after(self, node: Node) -> Iterator[Node]:
        for at, call in enumerate(node.late):
            state, _ = self._apply(node.state, call)
            yield node._replace(state=state, late=node.late[:at] + node.late[at + 1 :])
        for who, past in enumerate(node.pasts):
            call_or_end = self._next(past)
            if call_or_end is None:
                continue
            state, reply = self._apply(node.state, call_or_end)
            yield node._replace(state=state, pasts=self._grown(node, who, reply))
            if node.losses and self._calls.things[call_or_end].name in WRITES:
                ignorant = node._replace(losses=node.losses - 1, pasts=self._grown(node, who, self._lost))
                yield ignorant._replace(state=state)
                yield ignorant._replace(late=(*node.late, call_or_end))

    def _apply(self, state: int, call: int) -> tuple[int, int]:
        if (state, call) not in self._applied:
            after, value = self._model.apply(self._states.things[state], self._calls.things[call])
            self._applied[state, call] = self._states.number(after), self._replies.number(Reply(value))
        return self._applied[state, call]

    def _grown(self, node: Node, who: int, reply: int) -> tuple[int, ...]:
        past = self._pasts.number((who, node.pasts[who], reply))
        return (*node.pasts[:who], past, *node.pasts[who + 1 :])

    def _next(self, past: int) -> int | None:
        """What it asks for with this past; None when it is done."""
        if past not in self._asked:
            who, replies = self._told(past)
            call = _run(self._protocols[who], "abcdefgh"[who], replies)
            self._asked[past] = self._calls.number(call) if call else None
        return self._asked[past]

    def _told(self, past: int | None) -> tuple[int, list[Reply]]:
        replies: list[Reply] = []
        while past is not None:
            who, past, reply = self._pasts.things[past]
            if reply is not None:
                replies.insert(0, self._replies.things[reply])
        return who, replies


def _run(protocol: Protocol, name: str, replies: list[Reply]) -> Call | None:
    global _ids
    _ids = (f"{name}{number:08d}" for number in range(1000))
    try:
        protocol(_Script(replies))
    except _Asks as asks:
        return asks.call
    except HoldfastError:
        pass
    return None


def alone(model: Model, state: State, protocol: Protocol) -> tuple[State, HoldfastError | None]:
    """What becomes of it when it runs from beginning to end by itself, and the error it ends with."""
    global _ids
    _ids = (f"z{number:08d}" for number in range(1000))
    now = state

    class Straight(_Script):
        def _called(self, name: str, *arguments: Any) -> Any:
            nonlocal now
            if name in SILENT:
                return None
            now, value = model.apply(now, Call(name, arguments))
            return value

    try:
        protocol(Straight([]))
    except HoldfastError as error:
        return now, error
    return now, None
