"""Stores past the caches, for large volumes.

A store to a line that is not in the first-level cache waits for what lies there, which it then
overwrites: that is two fifths of the traffic of Winograd's transforms, which write more than twice
what they read. A non-temporal store of a whole line asks for nothing. Whoever reads the volume
finds it in memory, where most of it would be anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from llvmlite import ir

from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.micro_tile import LINE
from striate.kernels.values import Pointer, Value
from striate.plan import At

LARGE = 8 * 2**20
"""Bytes of a volume that a third-level cache hardly holds until it is read, beside the other one
that it is multiplied with."""

LARGE_OUTPUT = 4 * 2**20
"""Bytes of an output that is better written past the caches, even if one of them could hold it: the
next layer asks for it ahead, and gets it from memory in time."""


def goes_past(isa: Isa, size: int) -> bool:
    """Whether a volume of so many bytes is written past the caches: only AVX-512's vectors are
    lines, and parts of lines would be slower."""
    return isa.name == "avx512" and size >= LARGE


def output_goes_past(isa: Isa, size: int, y: str | At | int, pixel: int) -> bool:
    """Whether an output of so many bytes is, which must be made of whole lines: it starts at this
    place of a buffer, with so many values from one of its pixels to the next."""
    start = y.offset if isinstance(y, At) else 0
    lines = pixel % LINE == 0 and start % (4 * LINE) == 0
    return isa.outputs_past and lines and size >= LARGE_OUTPUT


def told(e: Emitter, may: bool, slot: int) -> Value | None:
    """Whether a launch says in this slot that its output goes past the caches; None where a kernel
    never writes it there. One that may ends its chunks with `Emitter.order_stores`."""
    return e.argument(slot) > 0 if may else None


def unless(e: Emitter, past: Value | None) -> AbstractContextManager[None]:
    """What is only done where an output does not go past the caches, as `told`."""
    return nullcontext() if past is None else e.when(past ^ True)


def either_way(e: Emitter, past: Value | None, emit: Callable[[bool], None]) -> None:
    """Emit what writes an output to the caches, and, if it may go past them, a second time what
    writes it there; ``past`` is as `told`."""
    with unless(e, past):
        emit(False)
    if past is not None:
        with e.when(past):
            emit(True)


def write(e: Emitter, where: Pointer, value: Value, past: bool, lanes: int | None = None) -> None:
    """Store a vector past the caches, as `store_past`, or to them; or, to them, its first lanes."""
    if past:
        store_past(e, where, value)
    else:
        where.store_vector(value, count=lanes)


def store_past(e: Emitter, where: Pointer, value: Value) -> None:
    """Write a vector that is a line, to the start of a line; a chunk that does ends with
    `Emitter.order_stores`."""
    address = e.builder.bitcast(where.ir, ir.PointerType(value.ir.type))
    stored = e.builder.store(value.ir, address, align=4 * LINE)
    one = ir.Constant(ir.IntType(32), 1)
    stored.set_metadata("nontemporal", e.module.add_metadata([one]))
