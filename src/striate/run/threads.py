"""A team of threads that walk a program's table together.

The caller is one of them. The others are in native code, without Python's lock, as long as the
process lives: they take part in a call as soon as they see it, watch for the next one for a moment
after it, and then sleep (`striate.kernels.driver` says how). Python never waits for them, so that
an interrupt, a fork and the interpreter's exit find nothing to tidy up: a call is over when the
native function returns, a forked child starts a team of its own, and a worker reads no memory but
the team's own, which is never freed, unless a call is under way.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache

from striate.kernels import TEAM_BYTES, driver

ADDRESS, INTEGER = ctypes.c_void_p, ctypes.c_int64
PAGE = 4096


class Team:
    """``count`` threads, the calling one included."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._memory = _lasting(TEAM_BYTES)
        native = driver()
        self._call = ctypes.CFUNCTYPE(None, *[ADDRESS] * 4, INTEGER)(native.call)
        ctypes.CFUNCTYPE(None, ADDRESS)(native.open)(self._memory)
        work = ctypes.CFUNCTYPE(None, ADDRESS, INTEGER)(native.work)
        for number in range(1, count):
            threading.Thread(
                target=work, args=(self._memory, number), name=f"striate-{number}", daemon=True
            ).start()

    def run(self, first: int, end: int, scratch: int, stride: int) -> None:
        """Do the rows from one address to another; returns when all are done.

        Args:
            first: address of the first row.
            end: address behind the last.
            scratch: address of the first thread's scratch memory.
            stride: bytes from one thread's to the next one's.
        """
        with self._lock:
            self._call(self._memory, first, end, scratch, stride)


@cache
def team(count: int) -> Team:
    """The team of so many threads; made once."""
    return Team(count)


@cache
def _alone() -> Callable[[int, int, int], None]:
    return ctypes.CFUNCTYPE(None, *[ADDRESS] * 3)(driver().alone)


def alone(first: int, end: int, scratch: int) -> None:
    """Do the rows from one address to another in the calling thread."""
    _alone()(first, end, scratch)


def _lasting(size: int) -> int:
    """The address of so many zeroed bytes that start at a page and are never freed."""
    calloc = ctypes.CDLL(None).calloc
    calloc.argtypes, calloc.restype = (ctypes.c_size_t, ctypes.c_size_t), ADDRESS
    address: int = calloc(1, size + PAGE)
    return -(-address // PAGE) * PAGE


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads.
    os.register_at_fork(after_in_child=team.cache_clear)
