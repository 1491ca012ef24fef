"""The memory of a program: one block for each region of the plan, zeroed and aligned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
from numpy.typing import NDArray

from striate.layers.shape import Array
from striate.plan import ALIGNMENT, Plan

SLACK = 256
"""Bytes behind every region that a vector load may touch."""

PIECE = 4 * 2**20
"""Bytes that a thread copies at a time."""


class Memory:
    """All buffers of a plan.

    Args:
        plan: says how large the regions are and where each buffer lies.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._blocks = {region: _block(size) for region, size in plan.regions.items()}
        self._starts = {region: block.ctypes.data for region, block in self._blocks.items()}

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each region."""
        return self._plan.regions

    def address(self, buffer: str, offset: int = 0) -> int:
        """Where a buffer starts, some bytes further on."""
        start: int = self._starts[self._plan.buffers[buffer].region]
        return start + self._plan.offsets[buffer] + offset

    def view(self, buffer: str, shape: tuple[int, ...], dtype: str = "float32") -> Array:
        """A buffer as an array that shares its memory."""
        record = self._plan.buffers[buffer]
        start = self._plan.offsets[buffer]
        size = prod(shape) * np.dtype(dtype).itemsize
        assert size <= record.bytes, f"{buffer}: {size} bytes of {record.bytes}"
        return self._blocks[record.region][start : start + size].view(dtype).reshape(shape)


def _block(size: int) -> NDArray[np.uint8]:
    """Zeroed bytes that start at the alignment."""
    whole = np.zeros(size + SLACK + ALIGNMENT, np.uint8)
    start = -whole.ctypes.data % ALIGNMENT
    return whole[start : start + size + SLACK]


def copy_all(pairs: Iterable[tuple[Array, Array]], threads: int) -> None:
    """Copy the second array of each pair into the first; threads share the large ones.

    That pays where the first is new memory: the system finds and clears each page when it is first
    touched, which takes longer than the copy. One thread copies to memory in use about as fast.
    """
    pieces: list[tuple[Array, Array]] = []
    for target, source in pairs:
        if threads == 1 or target.nbytes <= PIECE:
            target[...] = source
            continue
        rows = max(1, PIECE * len(target) // target.nbytes)
        starts = range(0, len(target), rows)
        pieces += [(target[start : start + rows], source[start : start + rows]) for start in starts]
    if pieces:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(_copy, pieces))


def _copy(piece: tuple[Array, Array]) -> None:
    target, source = piece
    target[...] = source
