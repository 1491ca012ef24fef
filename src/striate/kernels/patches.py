"""What a window sees at one position, copied in a row, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import add_into, copy, fill
from striate.kernels.values import Pointer, Value
from striate.layers import Shape, Window


class Patches(Struct, frozen=True):
    """The regions of a volume that a window sees.

    Attributes:
        x: shape of the volume.
        window: slides over it.
    """

    x: Shape
    window: Window

    @property
    def values(self) -> int:
        """Values of one patch: Fh·Fw·C."""
        return self.window.cells * self.x.channels

    @property
    def positions(self) -> int:
        """How many patches there are."""
        rows, columns = self.window.steps(self.x)
        return rows * columns

    def pack(self, e: Emitter, to: Pointer, volume: Pointer, position: Value) -> None:
        """Copy the patch at a position of one image's volume; zeros where it is padding."""
        depth = self.x.channels

        def cell(number: Value, place: Value, inside: Value) -> None:
            target = to + number * depth
            with e.when(inside):
                copy(e, target, volume + place, depth)
            with e.when(inside ^ True):
                fill(e, target, depth)

        self._cells(e, position, cell)

    def add_back(self, e: Emitter, volume: Pointer, patch: Pointer, position: Value) -> None:
        """Add the patch at a position to the volume that it was taken from."""
        depth = self.x.channels

        def cell(number: Value, place: Value, inside: Value) -> None:
            with e.when(inside):
                add_into(e, volume + place, patch + number * depth, depth)

        self._cells(e, position, cell)

    def _cells(
        self, e: Emitter, position: Value, body: Callable[[Value, Value, Value], None]
    ) -> None:
        """For each cell of the window its number, where it lies, and whether that is inside."""
        window, x = self.window, self.x
        columns = window.steps(x)[1]
        top = position // columns * window.stride[0] - window.sides[0]
        left = position % columns * window.stride[1] - window.sides[2]
        with e.loop(window.size[0]) as i, e.loop(window.size[1]) as j:
            row, column = top + i * window.dilation[0], left + j * window.dilation[1]
            inside = (row >= 0) & (row < x.height) & (column >= 0) & (column < x.width)
            body(i * window.size[1] + j, (row * x.width + column) * x.channels, inside)
