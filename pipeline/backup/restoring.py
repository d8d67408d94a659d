"""Restores a site: a backup in, the store and its private files out, as a new life.

Claims of names are made anew from the profiles that hold them. What storage still shows of the old life loses against
the new one's ranks, once the profiles are published.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO, NamedTuple, cast

from core.errors import BadInput, ObjectMissing, OutcomeUnknown
from core.objects import Headers, Objects, ReadObjects
from core.objects.stored import WHOLE_BYTES_MAX, Stored
from core.profile import Head, HeldName
from core.store import Batch, History, Store, domains
from core.store.revise import write
from pipeline.backup.format import File, Index, SavedAccount, SavedProfile, file_key, read_pack

WRITER, DEADLINE_S = "restore", 60.0
Tell = Callable[[str, int], None]


class Note(NamedTuple):
    """What could not be restored as it was."""

    profile_id: str
    said: str


class Restored(NamedTuple):
    profiles: int
    accounts: int
    files: int
    notes: list[Note]


class Restoring:
    """One restore into `store` and `private`. Done again, it goes on where it was stopped."""

    def __init__(
        self,
        store: Store,
        private: Objects,
        target: ReadObjects,
        *,
        jobs: int = 1,
        tell: Tell = lambda *_: None,
    ) -> None:
        self._store, self._private, self._target = store, private, target
        self._jobs, self._tell = jobs, tell
        self._guard = threading.Lock()
        self.restored = Restored(0, 0, 0, [])

    def run(self, index: Index) -> Restored:
        """Everything of that backup. Raises OperatorError for a pack that is missing or damaged; nothing is undone then."""
        with ThreadPoolExecutor(self._jobs) as pool:
            for pack in index.of("accounts"):
                for _ in pool.map(self._restore_account, read_pack(self._target, pack)):
                    pass
                self._tell("accounts", self.restored.accounts)
            for pack in index.of("profiles"):
                for _ in pool.map(self.restore_profile, read_pack(self._target, pack)):
                    pass
                self._tell("profiles", self.restored.profiles)
        return self.restored

    def note(self, profile_id: str, said: str) -> None:
        """Something is not as it was."""
        self.restored.notes.append(Note(profile_id, said))

    def _add(self, **counts: int) -> None:
        with self._guard:
            more = {name: getattr(self.restored, name) + count for name, count in counts.items()}
            self.restored = self.restored._replace(**more)

    def _restore_account(self, saved: SavedAccount) -> None:
        account, accounts = saved.account, self._store.accounts
        if not _sure(lambda: accounts.create(account)):
            self.note("", f"the account {account.id} wasn't restored: its e-mail address has one already")
            return
        self._add(accounts=1)
        for profile_id in saved.profiles:
            _sure(lambda profile_id=profile_id: accounts.allow(account.id, profile_id))  # type: ignore[misc]

    def restore_profile(self, saved: SavedProfile) -> None:
        """One profile with its files and the claims of its names; harmless to repeat."""
        for file in saved.files:
            self._restore_file(saved.head.id, file)
        head = self._claimed(saved.head)
        if not self._write(saved, head):
            return
        self._hold_domain(head.id)
        accounts = self._store.accounts
        if saved.invite and not accounts.editors_of(head.id):
            _sure(lambda: accounts.invite(saved.invite or "", head.id))
        for post in saved.posts:
            if post.state == "scheduled" and post.publish_at:
                _sure(lambda at=post.publish_at: self._store.changes.schedule(head.id, at))  # type: ignore[misc]

    def _write(self, saved: SavedProfile, head: Head) -> bool:
        by_revision = {one.revision: one for one in saved.history}
        newest = by_revision.pop(head.revision, History(head.revision, head.edit, WRITER, "restored", 0))
        batch = Batch(
            head=head,
            writer=newest.writer,
            what=newest.what,
            at_ms=newest.at_ms,
            posts=saved.posts,
            media=saved.media,
            restores=True,
            history=tuple(by_revision.values()),
        )
        # By its writer of then: so one that an earlier try has written counts as done.
        if write(self._store, batch, time.monotonic() + DEADLINE_S):
            self._add(profiles=1)
            return True
        self.note(head.id, "it was there already, and has been left as it is")
        return False

    # ── names ──

    def _claimed(self, head: Head) -> Head:
        """The head with the numbers that its names' claims have here; without those that are another's."""
        name = self._claim(head, head.name, is_current=True) if head.name else None
        former = [self._claim(head, one, is_current=False) for one in head.former_names]
        if head.name and not name:
            self.note(head.id, f"its name {head.name.username} is another's by now: it has none")
        return head.model_copy(
            update={
                "name": name,
                "former_names": tuple(one for one in former if one),
                "domain": None,
                "pending_name": None,
            }
        )

    def _hold_domain(self, profile_id: str) -> None:
        """Once its head is there: before, a claim counts for nothing."""
        head = self._store.profiles.head(profile_id)
        if head is None or head.deleted or not (domain := domains.missing(head)):
            return
        try:
            _sure(lambda: domains.hold(self._store, profile_id, domain))
        except BadInput as error:
            self.note(profile_id, f"its domain {domain} {error.fields['domain']}: it has none")

    def _claim(self, head: Head, held: HeldName, *, is_current: bool) -> HeldName | None:
        names, attempt = self._store.names, f"{WRITER} {head.id}"
        while True:
            claim = names.get(held.username)
            if claim and claim.profile_id == head.id:
                number = claim.number
                break
            # Who has a name now goes before who had it once: its old addresses lose against the higher claim.
            if claim and claim.state != "free" and not (is_current and claim.state == "redirect"):
                return None
            with suppress(OutcomeUnknown):
                taken = names.take(held.username, head.id, attempt, claim.number if claim else 0)
                if taken:
                    number = taken.number
                    break
        if not is_current:
            _sure(lambda: names.settle(held.username, number, "redirect"))
        return HeldName(username=held.username, claim=number)

    # ── files ──

    def _restore_file(self, profile_id: str, file: File) -> None:
        with suppress(ObjectMissing):
            if self._private.stat(file.key).size == file.size:
                return
        source = file_key(file.key)
        try:
            headers = Headers(type=self._target.stat(source).headers.type)
            if file.size <= WHOLE_BYTES_MAX:
                found = self._target.get(source)
                assert found is not None
                if hashlib.sha256(found.body).hexdigest() != file.sha256:
                    raise ObjectMissing("damaged")
                _sure(lambda: self._private.put(file.key, found.body, headers))
            else:
                reading = _Checked(self._target, source)
                self._private.put_file(file.key, cast(BinaryIO, reading), headers)
                if reading.sha256 != file.sha256:
                    self._private.delete(file.key)
                    raise ObjectMissing("damaged")
            self._add(files=1)
        except ObjectMissing:
            self.note(profile_id, f"{file.key} is missing from the backup, or damaged")


class _Checked(Stored):
    """A stored object as a file, whose digest is known once it was read."""

    def __init__(self, objects: ReadObjects, key: str) -> None:
        super().__init__(objects, key)
        self._whole = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._whole.hexdigest()

    def read(self, size: int = -1) -> bytes:
        piece = super().read(size)
        self._whole.update(piece)
        return piece


def _sure(call: Callable[[], object]) -> object:
    """A write that is harmless twice, until it answers."""
    for _ in range(10):
        with suppress(OutcomeUnknown):
            return call()
    return call()
