"""Where the pixels of a volume lie that the cells of a sliding window see, position by position."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.grid import walk
from striate.kernels.memory_ops import copy, fill
from striate.kernels.values import Operand, Pointer, Value
from striate.layers import Shape, Window

NUMBERS = 10
"""Numbers of a lattice that are arguments of a launch."""


class Seen(Struct, frozen=True):
    """What one cell of a window sees at one position.

    Attributes:
        index: of the position, from 0.
        pixel: of the volume.
        inside: whether it lies in the volume; None if it always does.
    """

    index: Value
    pixel: Value
    inside: Value | None


class Lattice(Struct, frozen=True):
    """The pixels that one cell of a window sees, numbered over the positions of the whole batch.

    A plan knows the sizes as numbers, a kernel reads them from the arguments of its launch.

    Attributes:
        size: rows and columns of positions.
        step: rows and columns from one position to the next in the volume.
        full: rows and columns of the volume.
        start: row and column that the window's first cell sees at the first position; negative in
            the padding.
        spread: rows and columns from one cell of the window to the next.
    """

    size: tuple[Operand, Operand]
    step: tuple[Operand, Operand]
    full: tuple[Operand, Operand]
    start: tuple[Operand, Operand] = (0, 0)
    spread: tuple[Operand, Operand] = (1, 1)

    @classmethod
    def of(cls, window: Window, x: Shape) -> Lattice:
        """What a window sees of a volume."""
        before = -window.sides[0], -window.sides[2]
        return cls(window.steps(x), window.stride, (x.height, x.width), before, window.dilation)

    @classmethod
    def read(cls, e: Emitter, slot: int) -> Lattice:
        """The lattice whose `arguments` stand from this slot on."""
        n = [e.argument(slot + i) for i in range(NUMBERS)]
        return cls((n[0], n[1]), (n[2], n[3]), (n[4], n[5]), (n[6], n[7]), (n[8], n[9]))

    @property
    def arguments(self) -> tuple[int, ...]:
        """The numbers that a launch hands to its kernel: `NUMBERS` of them."""
        return *self.size, *self.step, *self.full, *self.start, *self.spread

    def is_every(self, cells: tuple[int, int] = (1, 1)) -> bool:
        """Whether a window has a single cell, which sees the pixels of the volume one by one."""
        plain = self.step == (1, 1) and self.start == (0, 0) and cells == (1, 1)
        return self.size == self.full and plain

    def shift(self, cell: tuple[Value, Value]) -> Value:
        """Pixels from what the window's first cell sees to what another one sees."""
        down: Value = cell[0] * (self.spread[0] * self.full[1])
        across: Value = cell[1] * self.spread[1]
        return down + across

    @contextmanager
    def walk(
        self,
        e: Emitter,
        positions: tuple[Value, Value],
        cell: tuple[Operand, Operand] = (0, 0),
        every: bool = False,
        bounded: bool = False,
    ) -> Iterator[Seen]:
        """A loop over positions.

        Args:
            e: the emitter.
            positions: the first, counted over the batch, and how many.
            cell: row and column of the window's cell.
            every: whether the positions are known to be the pixels of the volume: `is_every`.
            bounded: whether cells may lie in the padding.
        """
        first, count = positions
        if every:
            with e.loop(count) as i:
                yield Seen(i, first + i, None)
            return
        (height, width), (down, across) = self.full, self.step
        top = self.start[0] + cell[0] * self.spread[0]
        left = self.start[1] + cell[1] * self.spread[1]
        with walk(e, self.size, first, count) as (i, at):
            row, column = at.row * down + top, at.column * across + left
            inside = None
            if bounded:
                inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            yield Seen(i, (at.image * height + row) * width + column, inside)


def copy_seen(e: Emitter, to: Pointer, x: Pointer, seen: Seen, depths: tuple[Value, Value]) -> None:
    """Copy a slice of the pixel that a cell sees; zeros in the padding.

    Args:
        e: the emitter.
        to: where to.
        x: the volume, from the first channel of the slice on.
        seen: by the cell.
        depths: channels of the volume and of the slice.
    """
    depth, source = depths[1], x + seen.pixel * depths[0]
    if seen.inside is None:
        copy(e, to, source, depth)
        return
    with e.when(seen.inside):
        copy(e, to, source, depth)
    with e.when(seen.inside ^ True):
        fill(e, to, depth)
