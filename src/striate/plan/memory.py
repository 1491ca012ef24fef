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
    first = np.array([alive[buffer.name].first for buffer in ordered])
    last = np.array([alive[buffer.name].last for buffer in ordered])
    size = np.array([aligned(buffer.bytes) for buffer in ordered])
    start = np.zeros(len(ordered), np.int64)
    for i in range(len(ordered)):
        beside = np.flatnonzero((first[:i] <= last[i]) & (last[:i] >= first[i]))
        start[i] = _lowest_gap(start[beside], size[beside], size[i])
    offsets = {buffer.name: int(offset) for buffer, offset in zip(ordered, start, strict=True)}
    return offsets, int(max(start + size, default=0))


def _lowest_gap(starts: Integers, sizes: Integers, size: int) -> int:
    """The lowest offset at which so many bytes overlap none of those that are taken."""
    order = np.argsort(starts)
    # In front of the first one, then behind each of them and all that start before it.
    offsets = np.concatenate(([0], np.maximum.accumulate((starts + sizes)[order])))
    limits = np.concatenate((starts[order], [FAR]))
    return int(offsets[np.argmax(offsets + size <= limits)])


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
