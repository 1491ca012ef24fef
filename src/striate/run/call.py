"""Calling native stretches of a table with a team of threads."""

from __future__ import annotations

import numpy as np

from striate.kernels import ROW_WORDS, Library
from striate.run.table import Stretch, Table
from striate.run.threads import alone, team

LARGE_PAGE = 2 * 2**20
"""Bytes of a large page. In one, neighbours in scratch memory are neighbours in the second-level
cache; small pages lie anywhere, and what a kernel wants to keep there may drive itself out."""
ASKS_FOR_PAGES = 4 * 2**20
"""Bytes of an array from which on NumPy asks Linux for large pages. What nobody touches of it costs
nothing."""


class Caller:
    """Runs stretches of one table; holds each thread's scratch memory.

    Args:
        table: the launches.
        library: the compiled kernels; kept alive as long as the caller.
        threads: how many threads work on a stretch.
    """

    def __init__(self, table: Table, library: Library, threads: int) -> None:
        self._table, self._library, self.threads = table, library, threads
        self._rows: int = table.rows.ctypes.data
        self._stride = -(-table.private // 4096) * 4096 + 4096
        self._scratch = np.zeros(max(threads * self._stride + LARGE_PAGE, ASKS_FOR_PAGES), np.uint8)
        base = -(-self._scratch.ctypes.data // LARGE_PAGE) * LARGE_PAGE
        self._scratch_of = [base + number * self._stride for number in range(threads)]

    def run(self, stretch: Stretch) -> None:
        """Do all launches of a stretch; returns when the last is done."""
        first, end = (self._rows + 8 * ROW_WORDS * row for row in (stretch.first, stretch.last))
        if self.threads == 1:
            alone(first, end, self._scratch_of[0])
        else:
            team(self.threads).run(first, end, self._scratch_of[0], self._stride)
