"""The SPMD driver: one native function in which every thread walks the table of launches.

``striate_driver(rows, first, last, sync, threads, scratch)`` does rows first … last - 1. A row is
five 64-bit words: the kernel's address, its argument slots, the number of chunks, the counter from
which chunks are taken (so that a busy core holds nobody up), and padding. After each row all
threads meet at a barrier: it spins briefly, then yields, since a barrier that only spins costs
milliseconds where another process wants the core. ``sync`` is two words: threads arrived, barriers
passed.
"""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import llvmlite.ir as ir

SYMBOL = "striate_driver"
ROW_WORDS = 5
SPINS = 2000
INT = ir.IntType(64)


def driver_module() -> str:
    """The driver's LLVM assembly."""
    module = ir.Module("driver")
    words = INT.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [words, INT, INT, words, INT, words])
    function = ir.Function(module, kind, SYMBOL)
    rows, first, last, sync, threads, scratch = function.args
    entry, row_block, take, work, meet, after, done = (
        function.append_basic_block(n)
        for n in ("entry", "row", "take", "work", "meet", "after", "done")
    )
    builder = ir.IRBuilder(entry)
    builder.cbranch(builder.icmp_signed("<", first, last), row_block, done)
    builder.position_at_end(row_block)
    index = builder.phi(INT)
    index.add_incoming(first, entry)
    row = builder.gep(rows, [builder.mul(index, ir.Constant(INT, ROW_WORDS))])
    code, slots, chunks = (builder.load(_word(builder, row, i)) for i in range(3))
    builder.branch(take)
    builder.position_at_end(take)
    counter = _word(builder, row, 3)
    chunk = builder.atomic_rmw("add", counter, ir.Constant(INT, 1), "monotonic")
    builder.cbranch(builder.icmp_signed("<", chunk, chunks), work, meet)
    builder.position_at_end(work)
    kernel_kind = ir.FunctionType(ir.VoidType(), [words, INT, words])
    kernel = builder.inttoptr(code, kernel_kind.as_pointer())
    builder.call(kernel, [builder.inttoptr(slots, words), chunk, scratch])
    builder.branch(take)
    builder.position_at_end(meet)
    _barrier(module, builder, sync, threads, counter, after)
    builder.position_at_end(after)
    following = builder.add(index, ir.Constant(INT, 1))
    index.add_incoming(following, after)
    builder.cbranch(builder.icmp_signed("<", following, last), row_block, done)
    builder.position_at_end(done)
    builder.ret_void()
    return str(module)


def _word(builder: ir.IRBuilder, base: ir.Value, index: int) -> ir.Value:
    return builder.gep(base, [ir.Constant(INT, index)])


def _barrier(
    module: ir.Module,
    builder: ir.IRBuilder,
    sync: ir.Value,
    threads: ir.Value,
    counter: ir.Value,
    after: ir.Block,
) -> None:
    """The last thread to arrive resets the row's counter and lets the others go."""
    function = builder.function
    last, wait, again, rest = (
        function.append_basic_block(n) for n in ("last", "wait", "again", "rest")
    )
    one, zero = ir.Constant(INT, 1), ir.Constant(INT, 0)
    passed = _word(builder, sync, 1)
    generation = builder.load_atomic(passed, "acquire", 8)
    arrived = builder.atomic_rmw("add", sync, one, "acq_rel")
    alone = builder.icmp_signed("==", builder.add(arrived, one), threads)
    before = builder.block
    builder.cbranch(alone, last, wait)
    builder.position_at_end(last)
    builder.store_atomic(zero, counter, "monotonic", 8)
    builder.store_atomic(zero, sync, "monotonic", 8)
    builder.atomic_rmw("add", passed, one, "release")
    builder.branch(after)
    builder.position_at_end(wait)
    spins = builder.phi(INT)
    spins.add_incoming(zero, before)
    now = builder.load_atomic(passed, "acquire", 8)
    builder.cbranch(builder.icmp_signed("==", now, generation), again, after)
    builder.position_at_end(again)
    more = builder.add(spins, one)
    spins.add_incoming(more, again)
    builder.cbranch(builder.icmp_signed("<", more, ir.Constant(INT, SPINS)), wait, rest)
    builder.position_at_end(rest)
    give_way = ir.Function(module, ir.FunctionType(ir.IntType(32), []), "sched_yield")
    builder.call(give_way, [])
    spins.add_incoming(more, rest)
    builder.branch(wait)


def make_yield_known() -> None:
    """Let LLVM find the C library's ``sched_yield``, which Linux and macOS both have."""
    function = ctypes.CDLL(None).sched_yield
    llvm.add_symbol("sched_yield", ctypes.cast(function, ctypes.c_void_p).value)
