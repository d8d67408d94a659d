"""How the driver tries again: what is idempotent once, on another node; a conditional write never.

The driver's own policy sends an LWT again when its connection breaks (`on_request_error` doesn't ask whether it may),
and then reports one's own success as a refusal. Whether a conditional write has come through is settled by a SERIAL
read in `core/store/revise.py` and `naming.py`, not by sending it again blindly.
"""

from __future__ import annotations

from typing import Any

from cassandra.policies import RetryPolicy

Decision = tuple[int, Any]


class OnlyIdempotent(RetryPolicy):  # type: ignore[misc]
    """One more try for what was marked as idempotent, on the next node; all else is the caller's to settle."""

    def on_read_timeout(self, query: Any, *_: Any, retry_num: int, **__: Any) -> Decision:
        return self._once(query, retry_num)

    def on_write_timeout(self, query: Any, *_: Any, retry_num: int, **__: Any) -> Decision:
        return self._once(query, retry_num)

    def on_unavailable(self, query: Any, *_: Any, retry_num: int, **__: Any) -> Decision:
        # Another coordinator may see nodes that this one doesn't.
        return self._once(query, retry_num)

    def on_request_error(self, query: Any, _consistency: Any, error: Any, retry_num: int) -> Decision:
        return self._once(query, retry_num)

    def _once(self, query: Any, retry_num: int) -> Decision:
        if retry_num == 0 and getattr(query, "is_idempotent", False):
            return self.RETRY_NEXT_HOST, None
        return self.RETHROW, None
