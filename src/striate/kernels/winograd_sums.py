"""The sums of backward-filter by Winograd: filters x channels for each position, from tiles that
lie in panels; and the way back from them to the cells of the filters.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import Stream, sum_products
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_transform import multiply, transform
from striate.kernels.winograd_volumes import SKEW, Panels

AHEAD = 2
"""Vectors by which the way back asks for sums, and for the cells that it writes."""


def position_stride(filters: Operand, channels: Operand) -> Operand:
    """Floats from one position's sums to the next."""
    return filters * channels + SKEW


class Sums(Struct, frozen=True):
    """Where sums lie.

    Attributes:
        start: the first one.
        row: from one filter's to the next.
        position: from one position's to the next.
    """

    start: Pointer
    row: Operand
    position: Operand

    def at(self, k: Operand, c: Operand) -> Sums:
        """The same from a filter and a channel on."""
        return Sums(self.start + (k * self.row + c), self.row, self.position)

    def of(self, position: Operand) -> Sums:
        """The same from a position on."""
        return Sums(self.start + position * self.position, self.row, self.position)


class Products(Struct, frozen=True):
    """Products of transformed patches and gradients of some tiles.

    Attributes:
        e: the emitter.
        patches, gradients: the first panel of each.
        panels: how they lie.
        own: channels and filters.
        tiles: how many are summed up.
        begins: whether the sums start with them.
        zeros: a panel's columns of them.
        left: filters behind the last whole micro-tile of a whole panel, and of the last one.
        narrow: vectors of channels in the last panel of the volume, where it is not whole; else 0.
        ahead: floats from what a panel multiplies to what it asks for meanwhile, of panels that
            come from memory; None if they do not.
    """

    e: Emitter
    patches: Pointer
    gradients: Pointer
    panels: Panels
    own: tuple[Value, Value]
    tiles: Value
    begins: Value
    zeros: Pointer
    left: tuple[int, int]
    narrow: int
    ahead: Value | None = None

    def some(self, first: Value, count: Value, ahead: Value) -> Products:
        """The same of so many tiles, from one of them on."""
        skipped = first * self.panels.columns
        patches, gradients = self.patches + skipped, self.gradients + skipped
        of_them = {"patches": patches, "gradients": gradients, "tiles": count, "ahead": ahead}
        return replace(self, **of_them, begins=first.equals(0))

    def add(self, place: Value, to: Sums) -> None:
        """Add up the tiles at one place of the panels, to the sums of its position."""
        e, (channels, filters), columns = self.e, self.own, self.panels.columns
        here = place * self.panels.position
        whole = channels // columns * columns
        with e.loop(filters, step=columns) as k:
            gradients = self.gradients + (k // columns * self.panels.panel + here)
            wanted = e.integer_minimum(filters - k, columns)
            patches = self.patches + here
            with e.loop(whole, step=columns) as c:
                panel = patches + c // columns * self.panels.panel
                soon = self._soon(panel, gradients, (k // columns, c // columns))
                self._panel(panel, gradients, to.at(k, c), (wanted, columns), soon)
            if self.narrow:
                with e.when(whole < channels):
                    panel = patches + whole // columns * self.panels.panel
                    size = wanted, self.narrow * e.lanes
                    self._panel(panel, gradients, to.at(k, whole), size)

    def _soon(
        self, patches: Pointer, gradients: Pointer, numbers: tuple[Value, Value]
    ) -> tuple[Pointer, Pointer] | None:
        """What two panels, of filters and channels, ask for: a half of what each will multiply.
        Every panel meets several of the other kind; their numbers say which half."""
        if self.ahead is None:
            return None
        half = self.panels.columns // 2
        of_filters, of_channels = ((number & 1) * half for number in numbers)
        return patches + (of_filters + self.ahead), gradients + (of_channels + self.ahead)

    def _panel(
        self,
        patches: Pointer,
        gradients: Pointer,
        to: Sums,
        size: tuple[Value, int],
        soon: tuple[Pointer, Pointer] | None = None,
    ) -> None:
        """One panel of filters x one of channels, or as many of both as are wanted."""
        e, (wanted, columns), height = self.e, size, self.e.isa.tile_rows
        whole = wanted // height * height
        with e.loop(whole, step=height) as k:
            ahead = None
            if soon is not None:
                odd = (k // height & 1).equals(1)
                ahead = Stream(e.select_pointer(odd, soon[1], soon[0]), columns)
            self._tile(patches, gradients + k, to.at(k, 0), (height, columns), ahead)
        for left in sorted({*self.left} - {0}):
            with e.when((wanted - whole).equals(left)):
                self._tile(patches, gradients + whole, to.at(whole, 0), (left, columns))

    def _tile(
        self,
        patches: Pointer,
        gradients: Pointer,
        to: Sums,
        shape: tuple[int, int],
        ahead: Stream | None = None,
    ) -> None:
        """One micro-tile. Of panels in private memory what was summed up before is added at the
        end: a sum over all tiles would round more."""
        e, vectors, columns = self.e, range(0, shape[1], self.e.lanes), self.panels.columns
        places = [to.start + to.row * r for r in range(shape[0])]
        before = [e.select_pointer(self.begins, self.zeros, place) for place in places]
        starts = [[e.splat(0.0) for _ in vectors] for _ in places]
        if self.ahead is not None:
            starts = [[place.vector(v) for v in vectors] for place in before]
        totals = sum_products(
            e, (gradients, patches), (self.tiles, columns), starts, columns, ahead
        )
        for place, earlier, line in zip(places, before, totals, strict=True):
            for v, total in zip(vectors, line, strict=True):
                whole = earlier.vector(v) + total if self.ahead is None else total
                place.store_vector(whole, v)

    def add_biases(self, sums: Pointer, filtering: Filtering, row: int) -> None:
        """Add up the transformed gradients where they are the sums of tiles: in this row of the
        panels."""
        e, columns, place = self.e, self.panels.columns, row * filtering.patch + filtering.one
        with e.loop(self.own[1], step=e.lanes) as k:
            panel = self.gradients + (k // columns * self.panels.panel + k % columns)
            source, total = panel + self.panels.position * place, e.variable(e.splat(0.0))
            with e.loop(self.tiles) as t:
                total.value = total.value + source.vector(t * columns)
            before = e.select(self.begins, e.splat(0.0), sums.vector(k))
            sums.store_vector(before + total.value * filtering.ones_divisor, k)


def transform_back(
    e: Emitter,
    filtering: Filtering,
    sums: tuple[Sums, Operand, Operand],
    to: Pointer,
    own: tuple[Value, Value],
    depth: Value,
    between: Pointer,
) -> None:
    """From the sums of all positions to the cells of some filters.

    Args:
        e: the emitter.
        filtering: that they were made for.
        sums: of the first slice; how many slices there are; floats from one to the next.
        to: the first cell: [filters][size][size][depth].
        own: how many channels and filters.
        depth: of the filters.
        between: room for a vector of each position.
    """
    size, (first, slices, apart) = filtering.filter, sums
    with e.loop(own[1]) as k, e.loop(own[0], step=e.lanes) as c:
        source, target = first.at(k, c), to + (k * (size**2 * depth) + c)

        def load(column: Value, i: int) -> Value:
            place = source.start + (column + i * filtering.patch) * source.position
            e.prefetch(place + AHEAD * e.lanes)
            total = e.variable(place.vector())
            with e.loop(slices, start=1) as part:
                total.value = total.value + place.vector(part * apart)
            return total.value

        def store(i: Value, j: int, value: Value) -> None:
            place = target + (i * size + j) * depth
            e.prefetch(place + AHEAD * e.lanes)
            place.store_vector(value)

        transform(e, filtering.gradient.output, load, store, between)


def row_back(
    e: Emitter, filtering: Filtering, sums: Sums, to: Sums, own: tuple[Value, Value]
) -> None:
    """The first half of the way back: from the sums of a row of positions to a row of as many as a
    filter has columns.

    Args:
        e: the emitter.
        filtering: that they were made for.
        sums: of the row's first position.
        to: where the first of the row goes.
        own: how many channels and filters.
    """
    with e.loop(own[1]) as k, e.loop(own[0], step=e.lanes) as c:
        values = [sums.of(i).at(k, c).start.vector() for i in range(filtering.patch)]
        for j, value in enumerate(multiply(e, filtering.gradient.output, values)):
            to.of(j).at(k, c).start.store_vector(value)


def columns_back(
    e: Emitter,
    filtering: Filtering,
    sums: Sums,
    to: Pointer,
    own: tuple[Value, Value],
    depth: Value,
) -> None:
    """The other half: from the columns of what `row_back` has left to the cells of some filters.

    Args:
        e: the emitter.
        filtering: that the sums were made for.
        sums: of the first row.
        to: the first cell: [filters][size][size][depth].
        own: how many channels and filters.
        depth: of the filters.
    """
    size = filtering.filter
    with e.loop(own[1]) as k, e.loop(own[0], step=e.lanes) as c, e.loop(size) as j:
        column = sums.of(j).at(k, c)
        places = [column.of(i * size).start for i in range(filtering.patch)]
        for place in places:
            e.prefetch(place + AHEAD * e.lanes)
        cells = to + ((k * size**2 + j) * depth + c)
        matrix, values = filtering.gradient.output, [place.vector() for place in places]
        for i, value in enumerate(multiply(e, matrix, values)):
            cell = cells + depth * (i * size)
            e.prefetch(cell + AHEAD * e.lanes)
            cell.store_vector(value)
