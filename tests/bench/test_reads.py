"""The reads bench believes wrk only where every request was answered."""

from __future__ import annotations

import pytest

from bench.reads import Round, told

REPORT = """Running 4s test @ http://127.0.0.1:8080/mara
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.40ms    0.52ms  12.00ms   91.50%
    Req/Sec    22.07k     1.02k   24.10k    70.00%
  Latency Distribution
     50%  500.00us
     75%    1.40ms
     90%    1.90ms
     99%    1.20s
  88304 requests in 4.00s, 0.98GB read
Requests/sec:  22076.12
Transfer/sec:    251.03MB
"""


def test_a_report_is_read_in_milliseconds() -> None:
    assert told(REPORT) == Round(22076.12, 0.5, 1200.0)


@pytest.mark.parametrize(
    "line", ["  Socket errors: connect 0, read 3, write 0, timeout 0", "  Non-2xx or 3xx responses: 12"]
)
def test_a_run_with_failed_requests_is_no_measurement(line: str) -> None:
    with pytest.raises(SystemExit, match="failed under load"):
        told(f"{REPORT}{line}\n")


def test_what_is_no_report_is_told() -> None:
    with pytest.raises(SystemExit, match="Requests/sec"):
        told("unable to connect")
