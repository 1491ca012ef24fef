"""Lifetimes of buffers, and where each one lies in the arena that they share over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.plan.records import ALIGNMENT, Buffer

Integers = NDArray[np.int64]
FAR = 2**62
"""An offset behind all others."""


@dataclass(frozen=True)
class Lifetime:
    """The steps (launches, or reference tasks) from the first that touches a buffer to the last."""

    first: int
    last: int

    def overlaps(self, other: Lifetime) -> bool:
        """Whether both are alive during some step."""
        return self.first <= other.last and other.first <= self.last


def lifetimes(bindings: Iterable[Mapping[str, str]]) -> dict[str, Lifetime]:
    """When each buffer is first and last touched."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, binding in enumerate(bindings):
        for name in binding.values():
            first.setdefault(name, index)
            last[name] = index
    return {name: Lifetime(first[name], last[name]) for name in first}


def place(buffers: Iterable[Buffer], alive: Mapping[str, Lifetime]) -> tuple[dict[str, int], int]:
    """Offsets such that no two buffers alive at once overlap, and the bytes they take together.

    Greedy by size: the largest first, each at the lowest offset where it fits between those already
    placed whose lifetimes overlap its own (Pisarchyk & Lee 2020, "greedy by size").
    """
    ordered = sorted(buffers, key=lambda buffer: (-buffer.bytes, buffer.name))
    # Of those placed already, by their start: when they are alive, and where they lie.
    placed = np.empty((4, len(ordered)), np.int64)
    offsets: dict[str, int] = {}
    for count, buffer in enumerate(ordered):
        first, last, start, end = placed[:, :count]
        own, size = alive[buffer.name], aligned(buffer.bytes)
        beside = (first <= own.last) & (last >= own.first)
        offset = offsets[buffer.name] = _lowest_gap(start[beside], end[beside], size)
        index = start.searchsorted(offset)
        placed[:, index + 1 : count + 1] = placed[:, index:count]
        placed[:, index] = own.first, own.last, offset, offset + size
    return offsets, int(placed[3].max(initial=0))


def _lowest_gap(starts: Integers, ends: Integers, size: int) -> int:
    """The lowest offset where so many bytes overlap none of those taken, which start in order."""
    if not len(starts) or size <= starts[0]:
        return 0
    # Behind each of them and all that start before it, up to the next.
    free = np.maximum.accumulate(ends)
    limits = np.append(starts[1:], FAR)
    return int(free[np.argmax(free + size <= limits)])


def sequence(buffers: Iterable[Buffer]) -> tuple[dict[str, int], int]:
    """Offsets one behind the other, for memory that is not shared."""
    offsets: dict[str, int] = {}
    total = 0
    for buffer in buffers:
        offsets[buffer.name] = total
        total = aligned(total + buffer.bytes)
    return offsets, total


def aligned(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
