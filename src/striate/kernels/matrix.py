"""Matrices in memory, and ranges of their rows or columns."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.values import Operand, Pointer, Value


class Matrix(Struct, frozen=True):
    """Rows in memory.

    Attributes:
        start: the first value of the first row.
        step: distance between rows, in elements.
    """

    start: Pointer
    step: Operand

    def row(self, i: Operand) -> Pointer:
        """The first value of row i."""
        offset: Value = i * self.step
        return self.start + offset

    def at(self, row: Operand, column: Operand) -> Matrix:
        """The part that starts there."""
        return Matrix(self.row(row) + column, self.step)


class Range(Struct, frozen=True):
    """From ``first`` up to but not including ``stop``."""

    first: Value
    stop: Value

    @classmethod
    def all(cls, e: Emitter, count: int) -> Range:
        """All of so many."""
        return cls(e.integer(0), e.integer(count))

    @classmethod
    def part(cls, e: Emitter, index: Value, size: Value, count: Value) -> Range:
        """One of the parts that ``count`` is cut in, each of ``size`` but perhaps the last."""
        first = index * size
        return cls(first, e.integer_minimum(first + size, count))
