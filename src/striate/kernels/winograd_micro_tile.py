"""Winograd's innermost piece: a micro-tile of products at one position."""

from __future__ import annotations

from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import Stream, dot_panels
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import Filtering


def multiply_tile(
    e: Emitter,
    filtering: Filtering,
    factors: tuple[Pointer, Pointer],
    terms: tuple[Value, Value],
    height: int,
    to: Pointer,
    ahead: Stream | None = None,
) -> None:
    """Tiles x channels times channels x a block of filters.

    Where the way back from the positions would multiply what rounds a long sum, every panel of
    channels is summed up by itself.

    Args:
        e: the emitter.
        filtering: whose position it is.
        factors: transformed tiles, from the first one on, and filters, [channels][columns].
        terms: how many channels there are, and the distance between two panels of them.
        height: tiles.
        to: where products go, [tiles][columns].
        ahead: what is brought into the second-level cache meanwhile.
    """
    if not filtering.large:
        sums = dot_panels(e, factors, terms, height, ahead)
        _store(e, [total for row in sums for total in row], to)
        return
    (tiles, filters), (depth, distance), columns = factors, terms, e.isa.tile_columns
    with e.loop(depth, step=columns) as c:
        panel = tiles + c // columns * distance, filters + c * columns
        some = e.integer_minimum(depth - c, columns), distance
        soon = None if ahead is None else Stream(ahead.start + c * ahead.step, ahead.step)
        sums = dot_panels(e, panel, some, height, soon)
        totals = [e.variable(value) for row in sums for value in row]
        with e.when(c > 0):
            for number, total in enumerate(totals):
                total.value = total.value + to.vector(number * e.lanes)
        _store(e, [total.value for total in totals], to)


def _store(e: Emitter, totals: list[Value], to: Pointer) -> None:
    """Write a micro-tile's sums, one row after the other: rows are whole vectors."""
    for number, total in enumerate(totals):
        to.store_vector(total, number * e.lanes)
