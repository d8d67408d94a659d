"""Read by every Python at its start, if this folder is on PYTHONPATH: gives the process a clock that is wrong.

libfaketime can't be used: under it a timed wait for a lock (sem_clockwait) never ends. Only wall clocks are moved; a
monotonic clock has no right time.
"""

import os
import time

OFFSET_S = float(os.environ.get("TEST_CLOCK_OFFSET_S", "0"))
_time, _time_ns = time.time, time.time_ns
if OFFSET_S:
    time.time = lambda: _time() + OFFSET_S
    time.time_ns = lambda: _time_ns() + int(OFFSET_S * 1e9)
