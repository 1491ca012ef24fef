"""Copying, filling and packing: what kernels do with memory before they compute."""

from __future__ import annotations

from striate.kernels.emitter import Emitter
from striate.kernels.values import Operand, Pointer, Value


def copy(e: Emitter, to: Pointer, source: Pointer, count: Operand) -> None:
    """Copy ``count`` elements."""
    whole = _whole(e, count)
    with e.loop(whole, step=e.lanes) as i:
        to.store_vector(source.vector(i), i)
    with e.loop(count, start=whole) as i:
        to.store(source.load(i), i)


def fill(e: Emitter, to: Pointer, count: Operand, value: float = 0.0) -> None:
    """Set ``count`` float elements to a number."""
    whole = _whole(e, count)
    with e.loop(whole, step=e.lanes) as i:
        to.store_vector(e.splat(value), i)
    with e.loop(count, start=whole) as i:
        to.store(value, i)


def add_into(e: Emitter, to: Pointer, source: Pointer, count: Operand) -> None:
    """Add ``count`` elements to those already there."""
    whole = _whole(e, count)
    with e.loop(whole, step=e.lanes) as i:
        to.store_vector(to.vector(i) + source.vector(i), i)
    with e.loop(count, start=whole) as i:
        to.store(to.load(i) + source.load(i), i)


def _whole(e: Emitter, count: Operand) -> Operand:
    """The part of a count that fills whole vectors."""
    return count // e.lanes * e.lanes if isinstance(count, int) else count & -e.lanes


def clamped(e: Emitter, index: Value, last: Operand) -> Value:
    """The index, but at most ``last``: the tail of a tile repeats its last element."""
    return e.integer_minimum(index, last)
