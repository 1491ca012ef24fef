"""The driver: native functions in which threads walk a table of launches together.

A row of the table is one launch: the kernel's address, its argument slots, the number of chunks,
and how many threads it is worth waking (see `Table`). ``striate_alone`` does rows in one thread.
``striate_call`` does them together with the workers of a team, each of which is for ever in
``striate_work``.

**The ticket.** All threads take chunks from one word: the sequence number of the current row, a bit
that says that no call is under way, and the number of chunks that are left. Who swaps it for one
with a chunk less has that chunk. Nothing else is read before that, and the row, its program's
memory and the call stay until all chunks are finished, so a thread that comes late, or that the
system took off its core between two looks, finds another sequence number and does no harm.

**No barrier.** A row is finished when its chunks are, whoever did them, and who finishes the last
one shows the next row. Nobody waits for a thread that holds no chunk: it may sleep, or its core may
be busy with another program. Rows of one chunk are done at once by the thread that comes to them;
the others never hear of them. Chunks write where no other chunk of the row does, so that the
results are the same whoever does them and in whichever order.

**Waiting.** A thread that finds no chunk looks again with the processor's pause, and after some
microseconds lets others have its core between two looks. Later a worker sleeps at a POSIX
condition, and the caller, who waits only for chunks that others have begun, naps between looks: a
core that is left empty lets the system move a thread there that shares its own with another
program. A worker is awake long enough to see the next call of a loop over small nets.

**Tiny numbers.** Below 1.2e-38 float32 has a form (denormal) that takes processors many times as
long: a training step took 1.5 times its time where the scores left hardly a gradient, and momentum
at rest fades to there in 830 steps. While kernels run such numbers count as zero; the caller finds
its own arithmetic as it was.

**Waking** costs the caller about as much as a tiny net. It wakes workers for a row that has chunks
for them and enough work behind it, and one of them at a call that follows close behind the last.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from string import Template

import llvmlite.binding as llvm

from striate.kernels.isa import Isa

SOURCE = Path(__file__).with_suffix(".ll")
ROW_WORDS = 4
CHUNK_BITS = 23
MOST_CHUNKS = 2**CHUNK_BITS - 1
TEAM_BYTES = 2048
"""Of the memory that the threads of a team share; zeroed, then given to ``striate_open``."""

GLANCES = 32
"""Looks in vain between two at the clock: about a microsecond."""
SPIN, HOLD, PATIENCE = 5_000, 50_000, 200_000
"""Nanoseconds of waiting after which a thread gives way, the caller naps, a worker sleeps."""
NAP = 50
"""Microseconds of a nap."""

LIBRARY = (
    *("clock_gettime", "sched_yield", "usleep"),
    *("pthread_mutex_init", "pthread_mutex_lock", "pthread_mutex_unlock"),
    *("pthread_cond_init", "pthread_cond_wait", "pthread_cond_signal"),
)
"""What is used of the C library; Linux and macOS both have it."""

_PAUSE = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}

_CONTROL = {
    "x86_64": """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define internal i64 @control() {
  %place = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %word = load i32, ptr %place
  %wide = zext i32 %word to i64
  ret i64 %wide
}
define internal void @set_control(i64 %wide) {
  %place = alloca i32
  %word = trunc i64 %wide to i32
  store i32 %word, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}""",
    "aarch64": """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
define internal i64 @control() {
  %word = call i64 @llvm.aarch64.get.fpcr()
  ret i64 %word
}
define internal void @set_control(i64 %word) {
  call void @llvm.aarch64.set.fpcr(i64 %word)
  ret void
}""",
}
"""To read and write the word that says how this thread computes with floats."""
_FLUSH = {"x86_64": 0x8040, "aarch64": 1 << 24}
"""Its bits for tiny numbers as zero: results and inputs apart on x86-64."""


def driver_text(isa: Isa) -> str:
    """The driver's LLVM assembly for a target with this system's clock."""
    triple = isa.triple or llvm.get_process_triple()
    processor = triple.split("-")[0].replace("arm64", "aarch64")
    declare, pause = _PAUSE[processor]
    idle = MOST_CHUNKS + 1
    return Template(SOURCE.read_text()).substitute(
        declare_pause=declare,
        declare_control=_CONTROL[processor],
        flush=_FLUSH[processor],
        pause=pause,
        chunks=MOST_CHUNKS,
        idle=idle,
        step=2 * idle,
        number=-2 * idle,
        glances=GLANCES,
        spin=SPIN,
        hold=HOLD,
        patience=PATIENCE,
        nap=NAP,
        clock=time.CLOCK_MONOTONIC,
    )


def make_library_known() -> None:
    """Let LLVM find what the driver uses of the C library."""
    library = ctypes.CDLL(None)
    for name in LIBRARY:
        llvm.add_symbol(name, ctypes.cast(library[name], ctypes.c_void_p).value)
