"""The one place where the ASGI apps cross over into plain synchronous code: a bounded pool of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Crossing:
    """Runs synchronous functions for coroutines, `threads` at a time; the rest wait in line."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="ingest")

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function in a thread. Who is cancelled while waiting leaves it running to its end."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Waits for what is running; what still stood in line is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
