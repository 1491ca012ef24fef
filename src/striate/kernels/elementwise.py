"""Layers and tasks that pass over volumes value by value: SUM, DROPOUT, CONCAT, FLATTEN, INPUT."""

from __future__ import annotations

from collections.abc import Iterator

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import copy
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import (
    CHUNK,
    STASH_BYTES,
    ask_ahead,
    chunks_of,
    for_vectors,
    part_of,
)
from striate.layers import Dropout
from striate.layers.random import GOLDEN, MIX
from striate.plan.records import At, Launch, Lowering, Task

SIGN = 1 << 31


class SumVolumes(NativeKernel, frozen=True):
    """y, count, then the volumes to be added. y may be the first of them.

    Attributes:
        terms: how many volumes.
        relu: whether max(0, .) follows.
    """

    terms: int
    relu: bool = False

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(1))
        y = e.pointer(0) + first
        volumes = [e.pointer(2 + i) + first for i in range(self.terms)]

        def total(i: Value) -> Value:
            ask_ahead(e, y + i, *(volume + i for volume in volumes))
            result = volumes[0].vector(i)
            for volume in volumes[1:]:
                result = result + volume.vector(i)
            return e.maximum(result, 0.0) if self.relu else result

        for_vectors(e, count, lambda i: [(y + i, total(i))], e.scratch)


class Drop(NativeKernel, frozen=True):
    """x, y (perhaps the same), count, the random key. The bits are those of `layers.random`."""

    layer: Dropout

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(2))
        x, y = e.pointer(0) + first, e.pointer(1) + first
        key = e.pointer(3, "u32").load()
        start = e.splat(key * GOLDEN + e.to_integer(first, 32)) + e.lane_numbers()
        scale = 1 / (1 - self.layer.rate)

        def kept(i: Value) -> Value:
            bits = mix(mix(start + e.to_integer(i, 32)) ^ key)
            # Integers compare as signed: exchange the halves of their range.
            keep = (bits ^ SIGN) >= (self.layer.threshold ^ SIGN)
            return e.select(keep, x.vector(i) * scale, 0.0)

        for_vectors(e, count, lambda i: [(y + i, kept(i))], e.scratch)


def mix(bits: Value) -> Value:
    """Murmur3's 32-bit finaliser, as in `striate.layers.random`."""
    bits = (bits ^ (bits >> 16)) * MIX[0]
    bits = (bits ^ (bits >> 13)) * MIX[1]
    return bits ^ (bits >> 16)


class CopyRows(NativeKernel, frozen=True):
    """from, to, rows, values in a row, distance of rows in from, in to, rows in a chunk; the mask
    and the distance of its rows.

    Attributes:
        masked: whether only what lies where the mask is positive is copied, and the rest is zero:
            the backward pass of a RELU.
    """

    masked: bool = False

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        source, to = e.pointer(0), e.pointer(1)
        rows, length, source_step, to_step, block = (e.argument(i) for i in range(2, 7))
        first = e.chunk * block
        count = e.integer_minimum(rows - first, block)
        with e.loop(count + first, start=first) as row:
            here, there = source + row * source_step, to + row * to_step
            if self.masked:
                mask = e.pointer(7) + row * e.argument(8)
                self._copy_masked(e, here, there, mask, length)
            else:
                copy(e, there, here, length)

    def _copy_masked(
        self, e: Emitter, source: Pointer, to: Pointer, mask: Pointer, length: Value
    ) -> None:
        """One row."""

        def kept(i: Value) -> Value:
            return e.select(mask.vector(i) > 0.0, source.vector(i), 0.0)

        for_vectors(e, length, lambda i: [(to + i, kept(i))], e.scratch)


class Standardise(NativeKernel, frozen=True):
    """images, y, mean, std, count: (images - mean)/std, channel by channel."""

    channels: int

    @property
    def private(self) -> int:
        return STASH_BYTES + 2 * 4 * (self.channels + 16)

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(4))
        x, y = e.pointer(0) + first, e.pointer(1) + first
        length = self.channels + e.lanes
        means, stds = e.scratch + e.lanes, e.scratch + (e.lanes + length)
        # One vector more than a period, so that a vector may start at every channel.
        with e.loop(length) as i:
            means.store(e.pointer(2).load(i % self.channels), i)
            stds.store(e.pointer(3).load(i % self.channels), i)
        channel = e.variable(first % self.channels)

        def value(i: Value) -> Value:
            now = channel.value
            following = now + e.lanes % self.channels
            channel.value = e.select(
                following >= self.channels, following - self.channels, following
            )
            return (x.vector(i) - means.vector(now)) / stds.vector(now)

        for_vectors(e, count, lambda i: [(y + i, value(i))], e.scratch)


def copy_volume(task: Task, source: str, to: str) -> tuple[Launch, ...]:
    """A copy from role to role; nothing if they are the same buffer."""
    if task.same(source, to):
        return ()
    count = task.batch * task.output.values
    return (Launch(SumVolumes(1), chunks_of(count), (to, count, source)),)


def sum_forward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """SUM: y = x0 + x1 + …"""
    count, terms = task.batch * task.output.values, len(task.inputs)
    volumes = (f"x{i}" for i in range(terms))
    kernel = SumVolumes(terms, task.detail.get("relu", False))
    return Lowering((Launch(kernel, chunks_of(count), ("y", count, *volumes)),))


def sum_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """SUM: every wanted gradient is dy."""
    wanted = [f"dx{i}" for i in range(len(task.inputs)) if f"dx{i}" in task.roles]
    return Lowering(sum((copy_volume(task, "dy", role) for role in wanted), ()))


def add(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """The gradients of a volume that fans out: y += x."""
    count = task.detail["count"]
    return Lowering((Launch(SumVolumes(2), chunks_of(count), ("y", count, "y", "x")),))


def dropout_forward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """DROPOUT: drops while training, else does nothing."""
    if task.training:
        return _drop(task, "x0", "y")
    return Lowering(copy_volume(task, "x0", "y"))


def dropout_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """DROPOUT: drops the same elements of the gradient."""
    return _drop(task, "dy", "dx0")


def _drop(task: Task, source: str, to: str) -> Lowering:
    count, key = task.batch * task.output.values, At("key", 4 * task.detail["key"])
    return Lowering((Launch(Drop(task.what), chunks_of(count), (source, to, count, key)),))


def flatten_forward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """FLATTEN: the same values in the same order."""
    return Lowering(copy_volume(task, "x0", "y"))


def flatten_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """FLATTEN: likewise for the gradient."""
    return Lowering(copy_volume(task, "dy", "dx0"))


def concat_forward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """CONCAT: each input's depth columns go behind those before, unless they are there already."""
    deep = task.output.channels
    return Lowering(
        tuple(
            _copy_rows(task, f"x{i}", At("y", offset), length, (length, deep))
            for i, length, offset in _columns(task)
            if not task.same(f"x{i}", "y")
        )
    )


def concat_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """CONCAT: each wanted gradient is its share of the depth columns of dy."""
    deep, placed = task.output.channels, task.detail.get("placed", ())
    launches = []
    for i, length, offset in _columns(task):
        # What a RELU has left is the mask; it may lie in the CONCAT's own volume.
        lies = At(f"x{i}", offset) if i in placed else f"x{i}"
        mask = (lies, deep if i in placed else length) if f"x{i}" in task.roles else ()
        if f"dx{i}" in task.roles:
            steps = (deep, length)
            launches.append(_copy_rows(task, At("dy", offset), f"dx{i}", length, steps, mask))
    return Lowering(tuple(launches))


def _columns(task: Task) -> Iterator[tuple[int, int, int]]:
    """Number, channels and offset in bytes of every input of a CONCAT."""
    offset = 0
    for i, shape in enumerate(task.inputs):
        yield i, shape.channels, offset
        offset += 4 * shape.channels


def _copy_rows(
    task: Task,
    source: str | At,
    to: str | At,
    length: int,
    steps: tuple[int, int],
    mask: tuple[str | At | int, ...] = (),
) -> Launch:
    rows = task.batch * task.output.pixels
    block = max(1, CHUNK // length)
    arguments = (source, to, rows, length, *steps, block, *mask)
    return Launch(CopyRows(bool(mask)), -(-rows // block), arguments)


def input_forward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """INPUT: centred and scaled images."""
    count = task.batch * task.output.values
    arguments = ("x0", "y", "w.mean", "w.std", count)
    kernel = Standardise(task.output.channels)
    return Lowering((Launch(kernel, chunks_of(count), arguments),))
