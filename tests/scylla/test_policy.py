"""What the driver may send again: reads and plain writes once, on another node; a conditional write never."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut, WriteType
from cassandra import Unavailable as NotEnoughReplicas
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown
from cassandra.policies import RetryPolicy

from core.errors import OutcomeUnknown, Unavailable
from core.store.scylla.cql import _read_failed, _write_failed
from core.store.scylla.policy import OnlyIdempotent

LWT, READ = SimpleNamespace(is_idempotent=False), SimpleNamespace(is_idempotent=True)


def decisions(query: Any, retry_num: int) -> set[int]:
    """What the policy says to everything that can happen."""
    policy, level = OnlyIdempotent(), ConsistencyLevel.LOCAL_QUORUM
    return {
        policy.on_request_error(query, level, ConnectionShutdown("gone"), retry_num)[0],
        policy.on_write_timeout(query, level, WriteType.CAS, 2, 1, retry_num=retry_num)[0],
        policy.on_read_timeout(query, level, 2, 2, True, retry_num=retry_num)[0],
        policy.on_unavailable(query, level, 2, 1, retry_num=retry_num)[0],
    }


def test_a_conditional_write_is_never_sent_again() -> None:
    assert decisions(LWT, 0) == {RetryPolicy.RETHROW}
    assert RetryPolicy().on_request_error(LWT, 0, OSError(), 0)[0] != RetryPolicy.RETHROW, (
        "the driver's own does"
    )


def test_what_is_idempotent_is_sent_once_more_to_another_node() -> None:
    assert decisions(READ, 0) == {RetryPolicy.RETRY_NEXT_HOST}
    assert decisions(READ, 1) == {RetryPolicy.RETHROW}


REFUSED = NotEnoughReplicas("too few", consistency=1, required_replicas=2, alive_replicas=1)


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (REFUSED, False),
        (NoHostAvailable("none", {"a": REFUSED, "b": REFUSED}), False),
        (NoHostAvailable("none", {}), False),
        (NoHostAvailable("none", {"a": ConnectionShutdown("it broke after the request was sent")}), True),
        (NoHostAvailable("none", {"a": REFUSED, "b": OperationTimedOut()}), True),
        (OperationTimedOut(), True),
        (ConnectionShutdown("gone"), True),
    ],
    ids=["too few replicas", "all say so", "none was asked", "broke", "one broke", "timed out", "shut down"],
)
def test_a_write_counts_as_refused_only_if_nobody_can_have_applied_it(
    error: Exception, unknown: bool
) -> None:
    with pytest.raises(Unavailable) as caught:
        _write_failed(error)
    assert isinstance(caught.value, OutcomeUnknown) == unknown
    with pytest.raises(Unavailable) as read:
        _read_failed(error)
    assert not isinstance(read.value, OutcomeUnknown)
