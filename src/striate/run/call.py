"""Calling native stretches of a table with a team of threads."""

from __future__ import annotations

import numpy as np

from striate.kernels import Library
from striate.plan import ALIGNMENT
from striate.run.table import Stretch, Table
from striate.run.threads import DRIVER, team


class Caller:
    """Runs stretches of one table; holds the barrier and each thread's scratch memory.

    Args:
        table: the launches.
        library: the compiled kernels and the driver; kept alive as long as the caller.
        threads: how many threads work on a stretch.
    """

    def __init__(self, table: Table, library: Library, threads: int) -> None:
        self._table, self._library, self.threads = table, library, threads
        self._driver = DRIVER(library.driver)
        self._sync = np.zeros(32, np.int64)
        stride = -(-table.private // 4096) * 4096 + 4096
        self._scratch = np.zeros(threads * stride + ALIGNMENT, np.uint8)
        base = -(-self._scratch.ctypes.data // ALIGNMENT) * ALIGNMENT
        self._scratch_of = [base + number * stride for number in range(threads)]

    def run(self, stretch: Stretch) -> None:
        """Do all launches of a stretch; returns when the last is done."""
        rows, sync = self._table.rows.ctypes.data, self._sync.ctypes.data

        def job(number: int) -> None:
            self._driver(
                rows, stretch.first, stretch.last, sync, self.threads, self._scratch_of[number]
            )

        if self.threads == 1:
            job(0)
        else:
            team(self.threads).run(job)
