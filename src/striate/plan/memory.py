"""Lifetimes of buffers, and where each one lies in the arena that they share over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.plan.records import ALIGNMENT, Buffer

Integers = NDArray[np.int64]


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
    first, last, start, end = (np.empty(len(ordered), np.int64) for _ in range(4))
    offsets: dict[str, int] = {}
    for count, buffer in enumerate(ordered):
        own, size = alive[buffer.name], aligned(buffer.bytes)
        beside = ((first[:count] <= own.last) & (last[:count] >= own.first)).nonzero()[0]
        offset = _lowest_gap(start[beside], end[beside], size)
        offsets[buffer.name] = offset
        index = int(start[:count].searchsorted(offset))
        row = (own.first, own.last, offset, offset + size)
        for column, value in zip((first, last, start, end), row, strict=True):
            column[index + 1 : count + 1] = column[index:count]
            column[index] = value
    return offsets, int(end.max(initial=0))


def _lowest_gap(starts: Integers, ends: Integers, size: int) -> int:
    """The lowest offset where so many bytes overlap none of those taken, which start in order."""
    if not len(starts) or size <= starts[0]:
        return 0
    # Behind each of them and all that start before it.
    free = np.maximum.accumulate(ends)
    fits = free[:-1] + size <= starts[1:]
    index = int(fits.argmax()) if len(fits) else 0
    return int(free[index] if len(fits) and fits[index] else free[-1])


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
