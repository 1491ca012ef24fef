"""Lifetimes of buffers, and where each one lies in the arena that they share over time."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from striate.plan.records import ALIGNMENT, Buffer


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
    found: dict[str, Lifetime] = {}
    for index, binding in enumerate(bindings):
        for name in binding.values():
            first = found[name].first if name in found else index
            found[name] = Lifetime(first, index)
    return found


def place(buffers: Iterable[Buffer], alive: Mapping[str, Lifetime]) -> tuple[dict[str, int], int]:
    """Offsets such that no two buffers alive at once overlap, and the bytes they take together.

    Greedy by size: the largest first, each at the lowest offset where it fits between those already
    placed whose lifetimes overlap its own (Pisarchyk & Lee 2020, "greedy by size").
    """
    offsets: dict[str, int] = {}
    # Those already placed, by offset: (offset, end, first step, last step).
    placed: list[tuple[int, int, int, int]] = []
    for buffer in sorted(buffers, key=lambda b: (-b.bytes, b.name)):
        first, last = alive[buffer.name].first, alive[buffer.name].last
        offset = 0
        for start, end, other_first, other_last in placed:
            if other_first > last or other_last < first:
                continue
            if offset + buffer.bytes <= start:
                break
            offset = max(offset, aligned(end))
        offsets[buffer.name] = offset
        insort(placed, (offset, offset + buffer.bytes, first, last))
    return offsets, aligned(max((end for _, end, _, _ in placed), default=0))


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
