"""A team of threads that walk a program's table together.

The caller is one of them. The others sleep between calls; native code runs without Python's lock.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache

Job = Callable[[int], None]


class Team:
    """``count`` threads, the calling one included."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._lock = threading.Lock()
        self._job: Job = _nothing
        self._go = [threading.Semaphore(0) for _ in range(count - 1)]
        self._done = threading.Semaphore(0)
        for number, go in enumerate(self._go, start=1):
            worker = threading.Thread(
                target=self._work, args=(number, go), name=f"striate-{number}", daemon=True
            )
            worker.start()

    def run(self, job: Job) -> None:
        """Call ``job(number)`` in every thread; returns when all are done."""
        with self._lock:
            self._job = job
            for go in self._go:
                go.release()
            job(0)
            for _ in self._go:
                self._done.acquire()

    def _work(self, number: int, go: threading.Semaphore) -> None:
        while True:
            go.acquire()
            self._job(number)
            self._done.release()


def _nothing(number: int) -> None:
    del number


@cache
def team(count: int) -> Team:
    """The team of so many threads; made once."""
    return Team(count)


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads.
    os.register_at_fork(after_in_child=team.cache_clear)


def default_threads() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


DRIVER = ctypes.CFUNCTYPE(
    None,
    *[ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64],
    *[ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p],
)
"""The native driver: rows, first, last, sync, threads, scratch."""
