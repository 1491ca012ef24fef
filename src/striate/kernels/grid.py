"""Grids of places, one for each image of a batch, gone through place by place without a division:
that would take as long as the transform of a small tile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.values import Operand, Value


class Place(Struct, frozen=True):
    """An image, and a row and a column of its grid."""

    image: Value
    row: Value
    column: Value


@contextmanager
def walk(
    e: Emitter, grid: tuple[Operand, Operand], first: Value, count: Value
) -> Iterator[tuple[Value, Place]]:
    """A loop over ``count`` places of a batch's grids: its index from 0, and the place.

    Args:
        e: the emitter.
        grid: rows and columns of each image's grid.
        first: number of the first place, row by row and image by image.
        count: how many places.
    """
    rows, columns = grid
    each = rows * columns
    rest = first % each
    image, row, column = (e.variable(n) for n in (first // each, rest // columns, rest % columns))
    with e.loop(count) as i:
        place = Place(image.value, row.value, column.value)
        yield i, place
        across = place.column + 1
        turns = across.equals(columns)
        down = e.select(turns, place.row + 1, place.row)
        ends = down.equals(rows)
        image.value = e.select(ends, place.image + 1, place.image)
        row.value = e.select(ends, 0, down)
        column.value = e.select(turns, 0, across)
