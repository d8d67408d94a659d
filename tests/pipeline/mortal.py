"""A process whose children die: each does one task on a site and kills itself by SIGKILL at its Nth call or sync.

Run as a program it reads tasks, one JSON line each, and forks a child for each: everything has been imported and the
templates have been read, so a death costs milliseconds. `Mortal` is its other end, for tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from core.settings import SiteSettings, UploadSettings
from core.store import MediaTask
from core.store.revise import Asked
from generator.release import load_release
from ingest import accounts, edits, posts
from ingest.accounts import SignUp
from ingest.edits import Terms
from ingest.passwords import Passwords
from ingest.posts import PostInput
from ingest.tokens import Signer
from ingest.uploads import Uploads, UploadStart
from pipeline.decoded import Decoded
from pipeline.job import publish_profile
from pipeline.listing import Lister
from pipeline.making import Maker, make_some
from pipeline.media.make import Limits
from pipeline.media_queue import MediaQueue
from pipeline.purge.purger import Purger
from pipeline.tidy import fall_due
from tests.pipeline.little_site import Site

ROOT = Path(__file__).parents[2]
SIGN_UP = SignUp(email="ann@example.org", password="a short sentence", username="ann", name="Ann")
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class Fuse:
    """Burns down by one at each call; at the end the process is killed. Zero never ends, and only counts."""

    def __init__(self, calls: int) -> None:
        self.left, self.calls = calls, 0

    def burn(self) -> None:
        self.calls += 1
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def burning(*given: Any, **options: Any) -> Any:
            self.burn()
            return act(*given, **options)

        return burning


class Fused:
    """A store, a part of it, or a bucket, each of whose calls burns the fuse."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if isinstance(found, int | str):
            return found
        return self._fuse.before(found) if callable(found) else Fused(found, self._fuse)


class Mortals:
    """What a child can do, at a site whose every store and object call, and every sync and rename below, may be its last."""

    def __init__(self, site: Site, fuse: Fuse) -> None:
        self.store: Any = Fused(site.store, fuse)
        self.private: Any = Fused(site.private.inner, fuse)
        public: Any = Fused(site.public.inner, fuse)
        self.tools = site.tools._replace(
            store=self.store,
            buckets={"public": public, "private": self.private},
            purger=Purger(self.store, []),
            lister=Lister(self.store.listings),
            media=MediaQueue(self.store.media_work),
        )
        self.folder = site.folder
        os.fsync = fuse.before(os.fsync)
        os.rename = fuse.before(os.rename)

    def publish(self, profile: str) -> None:
        publish_profile(self.tools, profile)

    def make(self, profile: str, media: str) -> None:
        maker = Maker(self.store, self.private, Limits(), self.folder, Decoded(self.folder), lambda: False)
        task = MediaTask(media, profile, 0)
        while lane := make_some(maker, task):
            task = task._replace(lane=lane)

    def tidy(self, profile: str, now: int) -> None:
        for due in self.store.changes.due(now, 10):
            fall_due(self.tools, due, now)

    def edit(self, profile: str, bio: str) -> None:
        def change(old: Any) -> Any:
            return old.model_copy(update={"bio": bio})

        edits.change_profile(self.store, profile, change, Terms())

    def post(self, profile: str, title: str) -> None:
        terms = Terms(asked=Asked("the same key", "the same request"))
        posts.add_post(self.store, profile, PostInput(title=title, state="published"), terms)

    def rename(self, profile: str, name: str) -> None:
        edits.rename(self.store, profile, name, Terms())

    def delete(self, profile: str) -> None:
        edits.delete_profile(self.store, profile, Terms())

    def sign_up(self, name: str = "ann") -> None:
        wish = {"username": name, "email": f"{name}@example.org"}
        accounts.sign_up(self.store, CHEAP, SIGN_UP.model_copy(update=wish))

    def upload(self, profile: str, body: str) -> None:
        uploads = Uploads(self.store, self.private, UploadSettings(), Signer(b"x" * 32))
        piece = bytes.fromhex(body)
        ticket = uploads.start(profile, UploadStart(filename="boat.png", bytes=len(piece)))
        uploads.append(ticket, 0, piece)
        uploads.finish(ticket)


def main() -> None:
    release = load_release(SiteSettings())
    warm = Path(sys.argv[1])
    site = Site(warm, release)
    ann = site.sign_up("ann")
    site.post(ann, "first", tags=("warm",))
    site.publish(ann)
    site.unpost(ann, "first")
    site.publish(ann)
    site.store.close()
    print("warm", flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                site = Site(Path(task["folder"]), release)
                fuse = Fuse(task["at"])
                getattr(Mortals(site, fuse), task["task"])(**task["given"])
                os.write(writer, str(fuse.calls).encode())
            except BaseException:
                os.write(writer, traceback.format_exc().encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        os.waitpid(child, 0)
        print(json.dumps(said), flush=True)


class Mortal:
    """Has tasks done by children that die."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.pipeline.mortal", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while self._read() != "warm":
            continue

    def do(self, folder: Path, task: str, at: int = 0, **given: Any) -> int:
        """Does the task there, and kills who does it at its Nth call; how many calls it made, or 0 if it was killed."""
        assert self._process.stdin
        line = json.dumps({"folder": str(folder), "task": task, "at": at, "given": given})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        while not (said := self._read()).startswith('"'):
            continue
        answer = json.loads(said)
        assert not answer or answer.isdecimal(), answer
        return int(answer or 0)

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "The mortal process has ended."
        return line.rstrip("\n")


if __name__ == "__main__":
    main()
