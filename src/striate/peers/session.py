"""A net built in a library, and how its process checks and times it."""

from __future__ import annotations

import gc
import math
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.job import Job

TOLERANCE = 1e-3
"""Of a library's scores against Striate's, relative to the largest."""
RATE, MOMENTUM = 0.001, 0.9
"""Of the SGD that every library trains with: with ten times as much, VGG-16 without norms diverges
on random images, and its steps are no longer those of a training."""


@dataclass
class Session:
    """A net ready to be called.

    Attributes:
        version: of the library.
        call: what is timed: an inference, or a training step, which returns the loss.
        scores: an inference of the case's images: [N, K].
    """

    version: str
    call: Callable[[], Any]
    scores: Callable[[], Array]


class DifferentNetError(Exception):
    """A library finds other scores than Striate, or trains to no finite loss: its time would say
    nothing."""


def disagreement(found: Array, meant: Array) -> float:
    """The largest difference, relative to the largest score."""
    return float(np.abs(found.reshape(meant.shape) - meant).max() / np.abs(meant).max())


def measure(case: Case, build: Callable[[Case], Session]) -> dict[str, Any]:
    """Build a net, check its scores, time its calls; what was found, by name."""
    job = case.job
    before = memory("VmRSS")
    began = perf_counter()
    session = build(case)
    built = perf_counter() - began
    error = None if job.fresh else disagreement(session.scores(), case.scores)
    if error is not None and not error <= TOLERANCE:
        raise DifferentNetError(f"its scores differ from Striate's by {error:.2g} of the largest")
    whole = memory("VmHWM")
    began = perf_counter()
    losses = [session.call()]
    first = perf_counter() - began
    losses += [session.call() for _ in range(1, job.warm)]
    gc.collect()
    forget_peak()
    times = time_calls(session.call, job)
    stepping = memory("VmHWM")
    last = float(session.call()) if job.training else 0.0
    if not math.isfinite(last):
        raise DifferentNetError(f"its loss is {last} after {len(losses) + len(times)} steps")
    return {
        "milliseconds": median(times) * 1e3,
        "fastest": min(times) * 1e3,
        "calls": len(times),
        "version": session.version,
        "error": error,
        "losses": [float(loss) for loss in losses] if job.training else [],
        "build_seconds": built,
        "first_seconds": first,
        "before_mb": before,
        "stepping_mb": stepping,
        # The system counts pages in bunches: a peak may be read as less than what was there before.
        "peak_mb": max(before, whole, stepping),
    }


def time_calls(call: Callable[[], Any], job: Job) -> list[float]:
    """The seconds of each call."""
    times: list[float] = []
    while len(times) < job.fewest or (sum(times) < job.seconds and len(times) < job.most):
        began = perf_counter()
        call()
        times.append(perf_counter() - began)
    return times


def memory(name: str) -> float:
    """This process's memory in MB: ``VmRSS``, now, or ``VmHWM``, the most since the last reset."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def forget_peak() -> None:
    """Start the peak of the memory afresh, where the system can (Linux)."""
    peak = Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")
