"""The one place where the edge crosses over to synchronous code, and single flight: many wait, one works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


COMPUTE_THREADS = 2


class Crossing:
    """Two bounded pools of threads: one for what reads storage, renders included, and a small one for what only computes,
    which must not wait behind storage that hangs. What finds no thread free waits its turn."""

    def __init__(self, threads: int) -> None:
        self._storage = ThreadPoolExecutor(threads, thread_name_prefix="edge")
        self._computing = ThreadPoolExecutor(COMPUTE_THREADS, thread_name_prefix="edge-compute")

    async def __call__(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._storage, partial(work, *args))

    async def compute(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._computing, partial(work, *args))

    def close(self) -> None:
        for pool in (self._storage, self._computing):
            pool.shutdown(wait=True, cancel_futures=True)


class SingleFlight:
    """Of those who ask for one thing at one time, the first sets out, and all get what it brings home."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self, name: Hashable, work: Callable[[], Awaitable[T]], wait_s: float) -> tuple[T, bool]:
        """What `work` returns or raises, and whether we joined a flight under way.

        TimeoutError after `wait_s`; the flight goes on then, and also when one who waits for it goes away.
        """
        flight, joined = self.launch(name, work)
        return await asyncio.wait_for(asyncio.shield(flight), wait_s), joined

    def launch(self, name: Hashable, work: Callable[[], Awaitable[T]]) -> tuple[asyncio.Task[T], bool]:
        """The flight by that name, and whether it was under way; nobody needs to wait for it."""
        flight = self._flights.get(name)
        if flight is not None:
            return flight, True
        flight = asyncio.ensure_future(_start(work))
        self._flights[name] = flight
        flight.add_done_callback(partial(self._landed, name))
        return flight, False

    def _landed(self, name: Hashable, flight: asyncio.Task[Any]) -> None:
        del self._flights[name]
        if not flight.cancelled():
            # Asked for, so that asyncio doesn't report an error that nobody waited for any more.
            flight.exception()


async def _start(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
