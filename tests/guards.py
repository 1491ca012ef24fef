"""Memory that tells on a kernel: unwritten values are NaN, what lies behind a buffer is marked."""

from __future__ import annotations

import numpy as np

from striate.run.call import Caller
from striate.run.memory import Memory
from striate.run.table import Table

MARK = 0xA7
NAN = 0x7FC12345


def poison(memory: Memory, regions: set[str]) -> None:
    """Fill these regions with NaN."""
    for region in regions & set(memory.sizes):
        block = memory._blocks[region]
        block[: len(block) // 4 * 4].view(np.uint32)[:] = NAN


def mark(memory: Memory, caller: Caller) -> None:
    """Mark what lies behind every region, and the whole of the threads' scratch memory."""
    for region, size in memory.sizes.items():
        memory._blocks[region][size:] = MARK
    caller._scratch[:] = MARK


def check_marks(memory: Memory, caller: Caller, table: Table) -> None:
    """Nothing was written behind a region, or behind a thread's scratch memory."""
    for region, size in memory.sizes.items():
        behind = memory._blocks[region][size:]
        assert (behind == MARK).all(), (
            f"{region}: written {np.flatnonzero(behind != MARK)[0]} behind"
        )
    private, starts = table.private, sorted(caller._scratch_of)
    base = caller._scratch.ctypes.data
    ends = [*starts[1:], base + len(caller._scratch)]
    for start, end in zip(starts, ends, strict=True):
        behind = caller._scratch[start - base + private : end - base]
        assert (behind == MARK).all(), (
            f"scratch: written {np.flatnonzero(behind != MARK)[0]} behind"
        )
