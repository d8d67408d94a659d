"""The queue of media, as one process sees it: each is added once, makers wake at once, and idle ones look ever less."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.store import Lane, MediaTask
from pipeline import makers, media_queue
from pipeline.decoded import Decoded
from pipeline.loops import Loops
from pipeline.makers import Makers
from pipeline.making import Maker
from pipeline.media.make import Limits
from pipeline.media_queue import MediaQueue
from pipeline.sharing import Sharing
from tests.pipeline.little_site import Site


class Board:
    """Media work in memory; what was asked of it, and when."""

    def __init__(self) -> None:
        self.added: list[str] = []
        self.tasks: list[MediaTask] = []
        self.looks: list[float] = []
        self.failing = False

    def add(self, task: MediaTask) -> None:
        if self.failing:
            raise OSError
        self.added.append(task.media_id)
        self.tasks.append(task)

    def pending(
        self,
        limit: int,
        *,
        lane: Lane,
        wanted: Callable[[str], bool],
        of_profile: int | None = None,
    ) -> list[MediaTask]:
        self.looks.append(time.monotonic())
        found: dict[str, list[MediaTask]] = {}
        for task in sorted(self.tasks, key=lambda one: one.place):
            if task.lane == lane and wanted(task.media_id):
                found.setdefault(task.profile_id, []).append(task)
        return [task for each in found.values() for task in each[:of_profile]][:limit]

    def done(self, media_id: str) -> None:
        self.tasks = [task for task in self.tasks if task.media_id != media_id]


def task(name: str) -> MediaTask:
    return MediaTask(name, "ann", 1000)


def test_a_medium_is_added_once_however_often_its_profile_is_published() -> None:
    board = Board()
    queue = MediaQueue(board)  # type: ignore[arg-type]
    for name in ("photo", "photo", "video", "photo"):
        queue.add(task(name))
    assert board.added == ["photo", "video"]


def test_after_a_while_it_is_added_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been done with, have failed, and be tried again."""
    monkeypatch.setattr(media_queue, "REMEMBERED_S", 0.02)
    board = Board()
    queue = MediaQueue(board)  # type: ignore[arg-type]
    queue.add(task("photo"))
    time.sleep(0.03)
    queue.add(task("photo"))
    assert board.added == ["photo", "photo"]


def test_what_could_not_be_added_is_not_remembered() -> None:
    board = Board()
    queue, board.failing = MediaQueue(board), True  # type: ignore[arg-type]
    with pytest.raises(OSError):
        queue.add(task("photo"))
    board.failing = False
    queue.add(task("photo"))
    assert board.added == ["photo"]


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_queue, "REMEMBERED_MAX", 2)
    board = Board()
    queue = MediaQueue(board)  # type: ignore[arg-type]
    for name in ("one", "two", "three", "one", "three"):
        queue.add(task(name))
    assert board.added == ["one", "two", "three", "one"]


def test_no_wake_up_is_missed_by_who_was_busy() -> None:
    queue = MediaQueue(Board())  # type: ignore[arg-type]
    queue.add(task("photo"))
    woken = queue.wait(0, 30)
    assert woken == 1
    assert queue.wait(woken, 0.01) == 1
    threading.Timer(0.02, queue.wake).start()
    assert queue.wait(woken, 30) == 2


# ── makers ────────────────────────────────────────────────────────────────────────────────────────


class Workshop:
    """One maker's thread at a board, whose turns take no time."""

    def __init__(
        self, site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, lane: Lane = "image"
    ) -> None:
        self.board, self.loops = Board(), Loops()
        self.made: list[str] = []
        monkeypatch.setattr(site.store, "media_work", self.board)
        monkeypatch.setattr(makers, "make_some", self._make)
        self.queue = MediaQueue(self.board)  # type: ignore[arg-type]
        self.sharing = Sharing(site.store.workers, "me", 5)
        maker = Maker(site.store, site.private, Limits(), folder, Decoded(folder), lambda: False)
        self.makers = Makers(maker, self.queue, 2, self.sharing, self.loops)
        self.thread = threading.Thread(target=self.makers.make, args=(lane,), daemon=True)

    def _make(self, _: Any, one: MediaTask) -> None:
        self.made.append(one.media_id)

    def close(self) -> None:
        self.loops.stop()
        self.queue.wake()
        self.thread.join(10)
        assert not self.thread.is_alive(), "a wake-up ends it at once"


def test_idle_makers_look_ever_less_and_wake_at_once(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makers, "IDLE_S", 0.01)
    monkeypatch.setattr(makers, "IDLE_MAX_S", 30.0)
    shop = Workshop(site, tmp_path, monkeypatch)
    shop.sharing.beat(0)
    shop.thread.start()
    time.sleep(1.0)
    # 10 ms growing by a half: 10 looks take 1.1 s; every 10 ms it would be 100.
    assert 5 <= len(shop.board.looks) <= 12
    started = time.monotonic()
    shop.queue.add(task("photo"))
    while shop.made != ["photo"]:
        assert time.monotonic() - started < 5
        time.sleep(0.002)
    shop.close()
    assert time.monotonic() - started < 5


def test_a_maker_hears_whether_others_wait_for_its_lane(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makers, "LOOK_EVERY_S", 0.0)
    heard: list[bool] = []

    def make(maker: Maker, one: MediaTask) -> None:
        heard.append(maker.waited_for())
        shop.board.done(one.media_id)

    shop = Workshop(site, tmp_path, monkeypatch)
    monkeypatch.setattr(makers, "make_some", make)
    shop.sharing.beat(0)
    for name in ("one", "two"):
        shop.board.add(task(name))
    shop.thread.start()
    ends = time.monotonic() + 10
    while len(heard) < 2:
        assert time.monotonic() < ends
        time.sleep(0.01)
    shop.close()
    assert heard == [True, False]


def test_a_maker_takes_only_what_is_its_worker_s_own(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(site, tmp_path, monkeypatch)
    shop.sharing.beat(0)
    site.store.workers.beat("other", 1)
    shop.sharing.beat(1)
    for number in range(30):
        shop.board.add(task(f"photo{number}"))
    mine = [one.media_id for one in shop.board.tasks if shop.sharing.mine(one.media_id)]
    assert 0 < len(mine) < 30
    shop.thread.start()
    ends = time.monotonic() + 10
    while len(shop.made) < len(mine):
        assert time.monotonic() < ends
        time.sleep(0.01)
    time.sleep(0.1)
    shop.close()
    assert sorted(shop.made) == sorted(mine)


def test_no_maker_begins_while_another_worker_may_be_at_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has just started doesn't know yet which of those it has met are alive."""
    shop = Workshop(site, tmp_path, monkeypatch)
    site.store.workers.beat("alive or dead", 1)
    shop.sharing.beat(0)
    shop.board.add(task("photo"))
    shop.thread.start()
    time.sleep(0.2)
    assert shop.made == []
    site.store.workers.leave("alive or dead")
    shop.sharing.beat(1)
    ends = time.monotonic() + 10
    while shop.made != ["photo"]:
        assert time.monotonic() < ends
        time.sleep(0.01)
    shop.close()


def test_a_picture_does_not_wait_behind_videos(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(site, tmp_path, monkeypatch, "image")
    for number in range(5):
        shop.board.add(task(f"video{number}")._replace(lane="video"))
    shop.board.add(task("photo"))
    shop.sharing.beat(0)
    shop.thread.start()
    ends = time.monotonic() + 10
    while not shop.made:
        assert time.monotonic() < ends
        time.sleep(0.01)
    time.sleep(0.1)
    shop.close()
    assert shop.made == ["photo"], "and its makers take no video"


def test_while_one_that_failed_rests_others_have_their_turn(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(site, tmp_path, monkeypatch)
    tries: list[str] = []

    def make(_: Any, one: MediaTask) -> None:
        tries.append(one.media_id)
        if one.media_id == "broken":
            raise OSError("The disk is away.")

    monkeypatch.setattr(makers, "make_some", make)
    monkeypatch.setattr(makers, "backoff_s", lambda _: 0.5)
    monkeypatch.setattr(makers, "set_failed", lambda *_: None)
    for name in ("broken", "photo1", "photo2"):
        shop.board.add(task(name))
    shop.board.tasks[0] = shop.board.tasks[0]._replace(added_at=0)
    shop.sharing.beat(0)
    shop.thread.start()
    ends = time.monotonic() + 10
    while shop.board.tasks:
        assert time.monotonic() < ends
        time.sleep(0.01)
    shop.close()
    assert tries == ["broken", "photo1", "photo2", "broken"], "it is put aside after its second try"


def test_five_hundred_uploads_of_one_creator_hide_nobody_else_s(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the true store: its oldest tasks are all hers."""
    work = site.store.media_work
    shop = Workshop(site, tmp_path, monkeypatch)
    monkeypatch.setattr(site.store, "media_work", work)
    for number in range(500):
        work.add(MediaTask(f"hers{number:03}", "ann", 1000))
    work.add(MediaTask("his", "bob", 9000))
    shop.sharing.beat(0)
    shop.thread.start()
    ends = time.monotonic() + 10
    while "his" not in shop.made:
        assert time.monotonic() < ends
        time.sleep(0.01)
    shop.close()
    assert shop.made.index("his") <= 1
