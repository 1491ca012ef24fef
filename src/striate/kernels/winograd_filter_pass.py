"""The launches of backward-filter by Winograd: how tiles, channels and filters are cut."""

from __future__ import annotations

from math import prod

from msgspec import Struct
from msgspec.structs import replace

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple, quotient
from striate.kernels.winograd_gradient import (
    WinogradGradientBack,
    WinogradProducts,
    WinogradWholeGradient,
)
from striate.kernels.winograd_launches import Launches, tiling, transform
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_sums import position_stride
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_volumes import Panels
from striate.plan import SWITCHES, Launch, Task

ROOM = 48
"""Tiles that a chunk transforms at a time: they stay in the second-level cache."""
MOST_ROOM = 576 * 2**10
"""Bytes of private memory, for tiles most of all, beside which their sums find room in the
second-level cache; where it were more, two rows of positions are done at a time."""
PART, LEAST_PART = 64, 32
"""Filters, and channels, of a part: its sums stay in the second-level cache. Where that makes too
few parts to share, they are smaller, but two panels where a panel is narrow."""
WIDE_PART = 128
"""Filters of a part where there are so many tiles that every part reads them from memory."""
WIDE_CHUNKS = 8
"""That are enough where parts are so wide: more threads than these find no work there."""
MOST_WHOLE = 64 * 2**20
"""Bytes of transformed volumes that are worth their way through memory."""
AT_ONCE = 400
"""The most tiles of a part that are multiplied while as many are asked for: both stay in the
second-level cache."""
CHUNKS = 16
"""Wanted chunks."""


class _FilterGradient(Struct, frozen=True):
    """A backward-filter pass in the making: the task, what its volumes are cut for, both in tiles,
    and where signs of the input go."""

    isa: Isa
    task: Task
    filtering: Filtering
    data: Tiling
    gradients: Tiling
    signs: str | int

    @classmethod
    def of(
        cls, isa: Isa, task: Task, filtering: Filtering, signs: str | int = 0
    ) -> _FilterGradient:
        """Both volumes of a task, cut in tiles."""
        (x,), y, sides = task.inputs, task.output, task.what.window.sides
        data = tiling(x, y, (sides[0], sides[2]), filtering)
        outputs = (y.height, y.width, y.channels, (0, 0), data.rows, data.columns)
        gradients = Tiling(*outputs, filtering, gradient=True)
        return cls(isa, task, filtering, data, gradients, signs)

    @property
    def tiles(self) -> int:
        return self.task.batch * int(self.data.per_image)

    @property
    def depths(self) -> tuple[int, int]:
        """Channels and filters."""
        return self.task.inputs[0].channels, self.task.output.channels

    def parts(self, part: tuple[int, int]) -> tuple[int, int]:
        """Parts of so many channels, and of so many filters."""
        (channels, filters), (width, height) = self.depths, part
        return quotient(channels, width), quotient(filters, height)

    @property
    def whole_part(self) -> tuple[int, int] | None:
        """Channels and filters of a part, if parts with all tiles make enough chunks and the
        volumes are small enough."""
        if sum(self.volumes.values()) > MOST_WHOLE:
            return None
        columns = self.isa.tile_columns
        wide = multiple(PART, columns), multiple(WIDE_PART, columns)
        if self.tiles > AT_ONCE and prod(self.parts(wide)) >= WIDE_CHUNKS:
            return wide
        sizes = (multiple(part, columns) for part in (PART, min(LEAST_PART, 2 * columns)))
        squares = ((size, size) for size in sizes)
        return next((part for part in squares if prod(self.parts(part)) >= CHUNKS), None)

    @property
    def volumes(self) -> dict[str, int]:
        """Bytes of both transformed volumes."""
        panels = Panels(self.tiles, self.isa.tile_columns, self.filtering.positions)
        patches, gradients = (4 * int(panels.size(depth)) for depth in self.depths)
        return {"patches": patches, "gradients": gradients}

    @property
    def switches(self) -> str | int:
        """Of the gradient, if it is pooled; else 0."""
        return SWITCHES if "pool" in self.task.detail else 0

    def _shape(self, part: int) -> tuple[int, tuple[int, int], int, bool, int]:
        """What the kernels' code depends on, with so many filters in a part: columns, left, narrow,
        bias and lanes."""
        (channels, filters), isa = self.depths, self.isa
        columns, rows = isa.tile_columns, isa.tile_rows
        left = min(columns, part, filters) % rows, filters % columns % rows
        return columns, left, channels % columns // isa.lanes, self.task.what.bias, isa.lanes

    def whole(self, part: tuple[int, int]) -> Launches:
        """Both volumes transformed, then a launch over the parts."""
        isa, (channels, filters) = self.isa, self.depths
        tiles, bias = self.tiles, self.task.what.bias
        kernel = WinogradWholeGradient(self.filtering, *self._shape(part[1]))
        roles = ("scratch.patches", "scratch.gradients", "dw.w", "dw.b" if bias else 0)
        slices = quotient(tiles, AT_ONCE)
        sizes = (tiles, slices, channels, filters, self.parts(part)[0], *part)
        chunks, room = prod(self.parts(part)), kernel.scratch(*part)
        launches = (
            transform(isa, self.data, "x0", "patches", tiles, tiles, signs=self.signs),
            transform(isa, self.gradients, "dy", "gradients", tiles, tiles, self.switches),
            Launch(kernel, chunks, (*roles, *sizes), room=room),
        )
        return launches, self.volumes

    def in_slices(self) -> Launches:
        """Every chunk transforms what it needs; the sums of slices are added up afterwards."""
        isa, (channels, filters), conv = self.isa, self.depths, self.task.what
        share = min(filters, multiple(PART, isa.tile_columns))
        parts = quotient(filters, share)
        slices = max(1, min(quotient(self.tiles, ROOM), quotient(CHUNKS, parts)))
        shape = (*self._shape(share), False, self.switches != 0)
        kernel = WinogradProducts(self.filtering, ROOM, *shape)
        if kernel.scratch(channels, filters, share) > MOST_ROOM:
            kernel = replace(kernel, in_pairs=True)
        sums = ("scratch.sums", "scratch.biases")
        tilings = (*self.data.arguments, *self.gradients.arguments, self.switches, self.signs)
        main = Launch(
            *(kernel, slices * parts),
            ("x0", "dy", *sums, self.tiles, slices, share, parts, *tilings),
            room=kernel.scratch(channels, filters, share),
        )
        of_chunk = quotient(filters, CHUNKS)
        to = ("dw.w", "dw.b" if conv.bias else 0)
        add_up = WinogradGradientBack(self.filtering, conv.bias, isa.lanes)
        sizes = (slices, channels, filters, of_chunk)
        back = Launch(add_up, quotient(filters, of_chunk), (*sums, *to, *sizes))
        values = self.filtering.positions * position_stride(filters, channels)
        scratch = {"sums": 4 * slices * values, "biases": 4 * slices * filters}
        return (main, back), scratch


def filter_gradient(isa: Isa, task: Task, filtering: Filtering, signs: str | int = 0) -> Launches:
    """The gradient of a CONV's filters and bias, and the signs of its input if they have a place.

    Where channels and filters make enough parts, both volumes are transformed before, and each part
    is summed up over all tiles. Else the tiles are cut in slices, whose chunks transform them.
    """
    pass_ = _FilterGradient.of(isa, task, filtering, signs)
    part = pass_.whole_part
    return pass_.in_slices() if part is None else pass_.whole(part)


def is_whole(isa: Isa, task: Task, filtering: Filtering) -> bool:
    """Whether both volumes would be transformed before."""
    return _FilterGradient.of(isa, task, filtering).whole_part is not None
