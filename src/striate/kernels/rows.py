"""Work on rows of scores: sums and the maximum over a row whose length is no whole vectors."""

from __future__ import annotations

from collections.abc import Callable

from striate.kernels.elementary import exp
from striate.kernels.emitter import Emitter
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import for_vectors, lanes_below

ROW_VALUES = 4096
"""About as many values go into one chunk."""


def rows_in_chunk(length: int) -> int:
    """Rows in a chunk."""
    return max(1, ROW_VALUES // length)


def for_rows(e: Emitter, rows: Value, block: Value, body: Callable[[Value], None]) -> None:
    """Call ``body`` for the rows of this chunk, of ``block`` rows."""
    first = e.chunk * block
    with e.loop(e.integer_minimum(first + block, rows), start=first) as row:
        body(row)


def sum_row(e: Emitter, count: Value, term: Callable[[Value], Value]) -> Value:
    """Σ term(i) over the values of a row; the last lanes that ``term`` gives may be garbage."""
    total = e.variable(e.splat(0.0))
    with e.loop(count, step=e.lanes) as i:
        total.value = total.value + e.select(lanes_below(e, count - i), term(i), 0.0)
    return e.sum_lanes(total.value)


def largest(e: Emitter, row: Pointer, count: Value) -> Value:
    """The largest value of a row; it may pass over NaN."""
    highest = e.variable(row.broadcast())
    with e.loop(count, step=e.lanes) as i:
        before = highest.value
        value = e.select(lanes_below(e, count - i), row.vector(i), before)
        highest.value = e.maximum(value, before)
    stash = e.scratch
    stash.store_vector(highest.value)
    result = stash.load()
    for lane in range(1, e.lanes):
        result = e.maximum(stash.load(lane), result)
    return result


def exponentials(e: Emitter, to: Pointer, row: Pointer, count: Value) -> tuple[Value, Value]:
    """to[i] = exp(row[i] - top), where top is the largest value; gives top and the sum of them."""
    top = largest(e, row, count)
    for_vectors(e, count, lambda i: [(to + i, exp(e, row.vector(i) - top))], e.scratch)
    return top, sum_row(e, count, to.vector)


def lane_is(e: Emitter, i: Value, number: Value) -> Value:
    """For each lane of the vector that starts at index i, whether its index is ``number``."""
    return (e.lane_numbers() + e.to_integer(i, 32)).equals(e.to_integer(number, 32))
