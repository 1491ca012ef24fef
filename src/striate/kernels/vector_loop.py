"""The loop of all elementwise kernels: whole vectors, and a tail that stores only what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from striate.kernels.emitter import Emitter
from striate.kernels.values import Operand, Pointer, Value

CHUNK = 16384
"""Values in one chunk of elementwise work: their inputs and outputs fit the second-level cache."""
STASH_LANES = 16
"""The most lanes that any target has: room for one vector in private memory."""
STASH_BYTES = 4 * STASH_LANES

STREAM_AHEAD = 256
"""Values by which memory that is passed over is asked for before it is read or written: without
that, a processor that reads and writes at once reaches two thirds of the memory's speed."""

Body = Callable[[Value], Iterable[tuple[Pointer, Value]]]


def ask_ahead(e: Emitter, *places: Pointer) -> None:
    """Ask for what a pass over memory comes to after each of these places."""
    for place in places:
        e.prefetch(place + STREAM_AHEAD)


def chunks_of(count: int) -> int:
    """How many chunks so many values make."""
    return max(1, -(-count // CHUNK))


def part_of(e: Emitter, count: Value) -> tuple[Value, Value]:
    """The first value of this chunk and how many it has, of ``count`` in all chunks."""
    first = e.chunk * CHUNK
    return first, e.integer_minimum(count - first, CHUNK)


def for_vectors(e: Emitter, count: Operand, body: Body, stash: Pointer) -> None:
    """Call ``body(i)`` for i = 0, lanes, 2·lanes … below ``count`` and store what it returns.

    Args:
        e: the emitter.
        count: how many values there are.
        body: gives pairs of an address and the vector to be stored there; only as many of its
            lanes are stored as there are values left. Loads may overrun.
        stash: private memory for one vector.
    """
    with e.loop(count, step=e.lanes) as i:
        left = count - i
        for to, vector in body(i):
            store_first(e, to, vector, left, stash)


def store_first(e: Emitter, to: Pointer, vector: Value, count: Value, stash: Pointer) -> None:
    """Store the first ``count`` lanes, or all if there are more."""
    whole = count >= e.lanes
    with e.when(whole):
        to.store_vector(vector)
    with e.when(whole ^ True):
        stash.store_vector(vector)
        with e.loop(count) as lane:
            to.store(stash.load(lane), lane)


def lanes_below(e: Emitter, count: Value) -> Value:
    """For each lane whether its number is below ``count``."""
    return e.lane_numbers() < e.splat(e.to_integer(count, 32))
