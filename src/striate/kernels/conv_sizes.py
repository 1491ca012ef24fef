"""The sizes of a direct convolution, which its kernels read at run time."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from striate.kernels.emitter import Emitter
from striate.kernels.panel import NUMBERS as PANEL_NUMBERS
from striate.kernels.panel import Couple, Panel
from striate.kernels.rounding import quotient
from striate.kernels.values import Operand
from striate.layers import Shape
from striate.layers.conv import Conv

NUMBERS = PANEL_NUMBERS + 8
"""Numbers that are arguments of a launch."""


PANEL_BYTES = 128 * 1024
"""A band's panel should stay in the second-level cache beside the filters."""
WANTED_CHUNKS = 16
LEAST_MACS = 200_000
"""Of a chunk that is cut smaller than the cache asks for: a few microseconds, many times what it
takes to hand out a chunk."""
ROW, CELL, VALUE = "row", "cell", "value"


class ConvSizes(Struct, frozen=True):
    """What a convolution goes over. A plan knows the numbers, a kernel reads them.

    Attributes:
        panel: a band's view of the input, with all groups' channels.
        output_rows: rows of the whole output; the last band may be shorter.
        groups: of channels and filters.
        channels: per group.
        filters: per group.
        size: rows and columns of a filter.
        dilation: distance between its cells.
    """

    panel: Panel
    output_rows: Operand
    groups: Operand
    channels: Operand
    filters: Operand
    size: Couple
    dilation: Couple

    @classmethod
    def read(cls, e: Emitter, slot: int, spread: bool = False) -> ConvSizes:
        """The sizes whose `arguments` stand from this slot on."""
        panel = Panel.read(e, slot, spread)
        n = [e.argument(i) for i in range(slot + PANEL_NUMBERS, slot + NUMBERS)]
        return cls(panel, n[0], n[1], n[2], n[3], (n[4], n[5]), (n[6], n[7]))

    @classmethod
    def of(cls, conv: Conv, x: Shape, rows: int) -> ConvSizes:
        """Those of a CONV's forward pass over such an input, in bands of so many output rows."""
        window, y = conv.window, conv.shape(x)
        before = (window.sides[0], window.sides[2])
        volume = (x.height, x.width, x.channels)
        panel = Panel(*volume, rows, y.width, window.reach, window.stride, before)
        depths = (x.channels // conv.groups, conv.filters // conv.groups)
        return cls(panel, y.height, conv.groups, *depths, window.size, window.dilation)

    def shared(self, batch: int) -> ConvSizes:
        """The same in lower bands, where a few images make too few chunks to share."""
        panel, rows = self.panel, self.output_rows
        macs = panel.columns * self.depth * self.cells
        least = max(quotient(rows * batch, WANTED_CHUNKS), quotient(LEAST_MACS, macs))
        if least >= panel.rows:
            return self
        even = quotient(rows, quotient(rows, least))
        return replace(self, panel=replace(panel, rows=even))

    @property
    def arguments(self) -> tuple[int, ...]:
        """The numbers that a launch hands to its kernel: `NUMBERS` of them."""
        pairs = (*self.size, *self.dilation)
        depths = (self.groups, self.channels, self.filters)
        return *self.panel.arguments, self.output_rows, *depths, *pairs

    @property
    def cells(self) -> Operand:
        """Values of one filter."""
        return self.size[0] * self.size[1] * self.channels

    @property
    def depth(self) -> Operand:
        """The depth of the output."""
        return self.groups * self.filters

    @property
    def bands(self) -> Operand:
        """Bands of output rows in an image."""
        return (self.output_rows + (self.panel.rows - 1)) // self.panel.rows

    @property
    def run(self) -> str:
        """What of a filter lies in one run in memory: a whole row, a cell, or one value."""
        if self.dilation[1] == 1 and self.groups == 1:
            return ROW
        return VALUE if self.channels == 1 else CELL

    def runs(self, run: str) -> tuple[Operand, Operand]:
        """In how many runs a row of a filter lies, and the values of each."""
        across = self.size[1]
        known = {ROW: (1, across * self.channels), CELL: (across, self.channels)}
        return known.get(run, (across, 1))


def band_rows(rows: int, row_bytes: int, stride: int, reach: int) -> int:
    """Output rows of a band: as many as the panel's budget holds, evenly spread."""
    most = max(1, (PANEL_BYTES // row_bytes - reach) // stride + 1)
    return -(-rows // -(-rows // most))


def forward_sizes(conv: Conv, x: Shape) -> ConvSizes:
    """What a CONV's forward pass goes over, in bands that suit the cache."""
    window, y = conv.window, conv.shape(x)
    row_bytes = 4 * x.channels * ((y.width - 1) * window.stride[1] + window.reach[1])
    return ConvSizes.of(conv, x, band_rows(y.height, row_bytes, window.stride[0], window.reach[0]))
