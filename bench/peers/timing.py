"""What every peer's process does around its own call: warm up, time, print."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any


def job() -> dict[str, Any]:
    """The job that this process was asked to do."""
    spoken: dict[str, Any] = json.loads(sys.argv[1])
    return spoken


def report(call: Callable[[], object], steps: int) -> None:
    """Time a call after a warm-up; print the median in milliseconds and the peak memory in MB."""
    for _ in range(3):
        call()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    print(json.dumps({"milliseconds": statistics.median(times) * 1e3, "peak_mb": peak}))
