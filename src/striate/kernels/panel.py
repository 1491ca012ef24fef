"""Panels: a band of a volume copied into private memory with its padding, ready to be swept.

The border is then data like any other, a row of filter cells and channels is contiguous, and a
stride that is a power of two cannot thrash the first-level cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import copy, fill
from striate.kernels.values import Pointer, Value


@dataclass(frozen=True)
class Panel:
    """How a band of output rows sees its input.

    Attributes:
        height, width, channels: of the input volume of one image.
        rows: output rows in a whole band.
        columns: output columns.
        reach: rows and columns from a window's first cell to its last.
        stride: of the window.
        before: rows and columns of padding in front; negative where the input is cropped.
        spread: the input's rows and columns lie this far apart, with zeros between (the gradient
            of a strided CONV).
    """

    height: int
    width: int
    channels: int
    rows: int
    columns: int
    reach: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]
    spread: tuple[int, int] = (1, 1)

    @property
    def panel_rows(self) -> int:
        """Rows of the panel of a whole band."""
        return (self.rows - 1) * self.stride[0] + self.reach[0]

    @property
    def panel_columns(self) -> int:
        """Columns of the panel."""
        return (self.columns - 1) * self.stride[1] + self.reach[1]

    @property
    def row_length(self) -> int:
        """Values in one row of the panel."""
        return self.panel_columns * self.channels

    @property
    def values(self) -> int:
        """Values in the panel of a whole band."""
        return self.panel_rows * self.row_length

    @property
    def is_input_itself(self) -> bool:
        """Whether a panel would be a plain copy: no padding, nothing spread."""
        return (
            self.before == (0, 0)
            and self.spread == (1, 1)
            and self.panel_columns <= self.width
            and self.reach == (1, 1)
        )

    def emit(
        self, e: Emitter, image: Pointer, first_row: Value, rows: Value, panel: Pointer
    ) -> None:
        """Fill the panel for output rows first_row … first_row + rows - 1 of one image."""
        needed = (rows - 1) * self.stride[0] + self.reach[0]
        start = first_row * self.stride[0] - self.before[0]
        spread = self.spread[0]
        with e.loop(needed) as i:
            to = panel + i * self.row_length
            source = start + i
            line = source / spread if spread > 1 else source
            inside = (source >= 0) & (line < self.height)
            if spread > 1:
                inside = inside & (line * spread).equals(source)
            with e.when(inside):
                self._emit_row(e, image + line * (self.width * self.channels), to)
            with e.when(inside ^ True):
                fill(e, to, self.row_length)

    def _emit_row(self, e: Emitter, line: Pointer, to: Pointer) -> None:
        """One row that is not all padding: zeros, the pixels, zeros."""
        depth, spread = self.channels, self.spread[1]
        skipped = max(0, -self.before[1])
        first = -(-skipped // spread)
        left = min(self.before[1] + first * spread, self.panel_columns)
        room = self.panel_columns - left
        count = max(0, min(self.width - first, -(-room // spread)))
        if spread > 1:
            fill(e, to, self.row_length)
            with e.loop(count) as j:
                copy(e, to + (j * spread + left) * depth, line + (j + first) * depth, depth)
            return
        fill(e, to, left * depth)
        copy(e, to + left * depth, line + first * depth, count * depth)
        end = (left + count) * depth
        fill(e, to + end, self.row_length - end)
