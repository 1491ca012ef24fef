"""What the machine can do: multiply-adds a second and bytes a second, measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from striate.kernels import host
from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.peers.launches import Launches, alone
from striate.plan import Launch, Lowering

FLOPS_OF_FMA = 2
ROUNDS = 1 << 21
"""Of the loop of multiply-adds: some tens of milliseconds."""
BYTES = 1 << 28
"""Read for the bandwidth: more than any cache holds."""
STREAMS = 8
"""Independent sums while reading, so that adding holds nobody up."""
CHUNKS = 64
REPETITIONS = 5


class MultiplyAdds(NativeKernel, frozen=True):
    """As many independent chains of multiply-adds as a micro-tile has accumulators."""

    chains: int

    def emit(self, e: Emitter) -> None:
        """Arguments: room for the chains, rounds."""
        place = e.pointer(0)
        chains = [e.variable(place.vector(i * e.lanes)) for i in range(self.chains)]
        factor, addend = e.splat(0.999), e.splat(0.001)
        with e.loop(e.argument(1)):
            for chain in chains:
                chain.value = e.fma(chain.value, factor, addend)
        total = chains[0].value
        for chain in chains[1:]:
            total = total + chain.value
        with e.when(e.sum_lanes(total) < 0.0):
            place.store_vector(total)


class ReadMemory(NativeKernel, frozen=True):
    """The sum of a chunk of an array."""

    def emit(self, e: Emitter) -> None:
        """Arguments: the array, the floats of a chunk."""
        count = e.argument(1)
        array = e.pointer(0) + e.chunk * count
        sums = [e.variable(e.splat(0.0)) for _ in range(STREAMS)]
        with e.loop(count, step=STREAMS * e.lanes) as i:
            for number, total in enumerate(sums):
                total.value = total.value + array.vector(i + number * e.lanes)
        whole = sums[0].value
        for total in sums[1:]:
            whole = whole + total.value
        with e.when(e.sum_lanes(whole) < 0.0):
            array.store_vector(whole)


@dataclass(frozen=True)
class Speed:
    """What so many threads reach: the best of some repetitions.

    Attributes:
        flops: a second.
        bytes: read from memory, a second.
    """

    flops: float
    bytes: float


def measure_speed(threads: int) -> Speed:
    """The machine's speed with so many threads."""
    isa = host()
    chains = isa.tile_rows * isa.tile_vectors
    # Many short chunks: a thread that wakes late must not leave one to another that has its own.
    chunks = threads * CHUNKS
    work = Launch(MultiplyAdds(chains), chunks, ("x", ROUNDS // CHUNKS))
    call = _call(Lowering((work,)), 4 * chains * isa.lanes, threads)
    flops = chunks * (ROUNDS // CHUNKS) * chains * isa.lanes * FLOPS_OF_FMA
    read = Launch(ReadMemory(), CHUNKS, ("x", BYTES // 4 // CHUNKS))
    reading = _call(Lowering((read,)), BYTES, threads)
    return Speed(flops / _best(call), BYTES / _best(reading))


def _call(lowering: Lowering, size: int, threads: int) -> Callable[[], None]:
    found = Launches([alone("speed", lowering, {"x": "x"})], {"x": size}, threads)
    # Pages that nobody has written are all one page of zeros, which the cache holds.
    found.view("x", (size // 4,))[...] = 1.0
    return found.call(0)


def _best(call: Callable[[], None]) -> float:
    times = []
    for _ in range(REPETITIONS):
        began = perf_counter()
        call()
        times.append(perf_counter() - began)
    return min(times)
