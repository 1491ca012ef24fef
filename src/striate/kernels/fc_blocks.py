"""How FC's backward pass cuts the weights in chunks: ranges of neurons times ranges of columns.

A chunk reads long pieces of few rows, at memory's speed. Each range of neurons leaves partial sums
of dx, so that there are few of them; a chunk takes its columns in pieces, for which all that is
summed up stays in the caches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.matrix import Matrix, Range
from striate.kernels.rounding import multiple, quotient
from striate.kernels.values import Pointer, Value
from striate.plan.records import Task

MOST_RANGES, LEAST_NEURONS = 16, 96
"""Ranges of neurons, and neurons of one."""
NEURONS_OF_AN_IMAGE = 16
"""A range of neurons has so many for each image: partial sums then take at most a sixteenth of the
weights' memory."""
CHUNKS, LEAST_CHUNKS = 64, 16
"""Wanted as far as each has WIDTH columns; and anyway."""
WIDTH = 4096
"""The most columns of a piece."""
PIECE_VALUES = 32768
"""Of x, or of dx, for all images: they stay in a second-level cache for all neurons."""


class Blocks(Struct, frozen=True):
    """The chunks of a task.

    Attributes:
        neurons: in a range: whole micro-tiles.
        columns: in a range: whole pieces.
        width: columns of a piece: whole micro-tiles.
        ranges: of neurons.
        chunks: in all.
    """

    neurons: int
    columns: int
    width: int
    ranges: int
    chunks: int

    @classmethod
    def of(cls, isa: Isa, task: Task) -> Blocks:
        """For the task's sizes."""
        filters, depth = task.what.filters, task.inputs[0].values
        least = max(LEAST_NEURONS, NEURONS_OF_AN_IMAGE * task.batch, quotient(filters, MOST_RANGES))
        neurons = multiple(least, isa.tile_rows)
        ranges, tiles = quotient(filters, neurons), quotient(depth, isa.tile_columns)
        most = max(1, min(WIDTH, PIECE_VALUES // task.batch) // isa.tile_columns)
        tiles = min(most, quotient(tiles, quotient(LEAST_CHUNKS, ranges)))
        width = isa.tile_columns * tiles
        pieces = quotient(depth, width)
        columns = width * max(1, pieces // quotient(CHUNKS, ranges))
        return cls(neurons, columns, width, ranges, ranges * quotient(depth, columns))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The arguments of a kernel that its `Block` is found from."""
        return self.neurons, self.columns, self.width

    @property
    def sums(self) -> str:
        """The role that partial sums have: a single range's are dx itself."""
        return "scratch.partial" if self.ranges > 1 else "dx0"


class Block(Struct, frozen=True):
    """One chunk's part of the weights.

    Attributes:
        index: of the range of neurons.
        neurons: the range.
        columns: likewise.
        width: columns of a piece.
    """

    index: Value
    neurons: Range
    columns: Range
    width: Value

    @classmethod
    def own(cls, e: Emitter, neurons: Value, depth: Value, sizes: Iterable[Value]) -> Block:
        """This chunk's, of so many neurons and columns cut by `Blocks.sizes`."""
        block, part, width = sizes
        parts = (depth + part - 1) // part
        index = e.chunk // parts
        own = Range.part(e, index, block, neurons)
        return cls(index, own, Range.part(e, e.chunk % parts, part, depth), width)

    @contextmanager
    def pieces(self, e: Emitter) -> Iterator[Range]:
        """``for`` each piece of the columns."""
        first, stop = self.columns.first, self.columns.stop
        with e.loop((stop - first + self.width - 1) // self.width) as i:
            start = first + i * self.width
            yield Range(start, e.integer_minimum(start + self.width, stop))

    def partial_sums(self, to: Pointer, images: Value, depth: Value) -> Matrix:
        """Where this range of neurons leaves its sums: one matrix like dx after the other."""
        return Matrix(to + self.index * images * depth, depth)
