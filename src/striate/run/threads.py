"""A team of threads that walk a program's table together.

The caller is one of them. The others sleep between calls; native code runs without Python's lock.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType

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
        """Call ``job(number)`` in every thread; returns when all are done.

        An interrupt (Ctrl-C) takes effect behind that: the threads would not meet again otherwise.
        """
        with self._lock, interrupts_later():
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


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Hold SIGINT back until the end of the block; only the main thread ever gets one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual):
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if held:
            usual(*held[0])


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
