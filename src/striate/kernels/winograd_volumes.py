"""Winograd's transforms of what is multiplied: patches of input and tiles of a gradient.

A chunk that has all filters transforms what it needs by itself. Where several chunks need the same
patches, the whole volume is transformed once, by launches of its own, and lies in memory in blocks
of tiles, each laid out as a chunk's own would be.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import fill
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_matrices import minimal
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_transform import transform

TILE = 6
POSITIONS = TILE * TILE
SKEW = 16
"""Floats between positions, so that 36 of them do not fall on the same cache sets."""
AHEAD = 2
"""Tiles by which memory is asked for before it is read or written."""


def position_stride(row: Operand, tiles: int) -> Operand:
    """Floats from one position to the next, for so many tiles of so many floats."""
    return row * tiles + SKEW


def volume_size(row: int, blocks: int, room: int) -> int:
    """Bytes of so many blocks of transformed tiles, which have room for this many each."""
    size: int = POSITIONS * position_stride(row, room)
    return 4 * blocks * size


@dataclass(frozen=True)
class TransformData(NativeKernel):
    """x, transformed, number of tiles, tiles in a block, tiles in a chunk, `position_stride`,
    `Tiling.arguments`.

    Transformed is [blocks][36][tiles][channels], with that stride between positions.

    Attributes:
        step: rows (and columns) from one tile to the next.
        lanes: of a vector.
    """

    step: int
    lanes: int

    def scratch(self, channels: int) -> int:
        """Bytes of private memory for an input of this depth."""
        return 4 * POSITIONS * (self.lanes + channels)

    def emit(self, e: Emitter) -> None:
        x, to, between = e.pointer(0), e.pointer(1), e.scratch
        tiles, most, share, distance = (e.argument(i) for i in range(2, 6))
        tiling = Tiling.read(e, 6, self.step, TILE)
        channels, patch = tiling.channels, between + POSITIONS * e.lanes
        first = e.chunk * share
        with tiling.walk(e, first, e.integer_minimum(tiles - first, share)) as (t, tile):
            number = first + t
            block = to + number // most * (distance * POSITIONS)
            start, stride = tiling.patch(e, x, tile, patch, channels)
            target = block + number % most * channels
            transform_data(e, tiling, (start, stride), target, distance, between)


@dataclass(frozen=True)
class TransformGradients(NativeKernel):
    """dy, transformed, sums for the bias, number of tiles, `Tiling.arguments` of dy.

    Transformed is [blocks of tiles][blocks of filters][36][tiles][columns], with a stride for
    ``room`` tiles and `SKEW`. One chunk is one block of filters.

    Attributes:
        step: rows (and columns) of a tile.
        room: tiles in a block.
        columns: filters in a block.
        lanes: of a vector.
    """

    step: int
    room: int
    columns: int
    lanes: int

    @property
    def private(self) -> int:
        return 4 * (POSITIONS * self.lanes + self.step**2 * self.columns)

    def emit(self, e: Emitter) -> None:
        dy, to, biases = (e.pointer(i) for i in range(3))
        tiles, outputs = e.argument(3), Tiling.read(e, 4, self.step, self.step)
        between, corner = e.scratch, e.scratch + POSITIONS * e.lanes
        blocks, k = outputs.channels // self.columns, e.chunk * self.columns
        distance = position_stride(self.columns, self.room)
        bias = biases + k
        fill(e, bias, self.columns)
        with outputs.walk(e, tiles * 0, tiles) as (t, tile):
            block = to + (t // self.room * blocks + e.chunk) * (distance * POSITIONS)
            where = outputs.patch(e, dy + k, tile, corner, self.columns)
            target = block + t % self.room * self.columns
            transform_gradient(e, outputs, where, (target, bias), (distance, self.columns), between)


def transform_data(
    e: Emitter,
    tiling: Tiling,
    patch_rows: tuple[Pointer, Value],
    to: Pointer,
    distance: Operand,
    between: Pointer,
) -> None:
    """BT·d·B of one patch, for all channels.

    Args:
        e: the emitter.
        tiling: of the input.
        patch_rows: the patch's first value, and the distance of its rows.
        to: where position 0 goes.
        distance: from one position to the next.
        between: room for 36 vectors.
    """
    (source, stride), depth = patch_rows, tiling.channels
    rows, positions = ([step * i for i in range(TILE)] for step in (stride, distance))
    ahead = depth * (tiling.step * AHEAD)
    with e.loop(depth, step=e.lanes) as c:
        patch, target = source + c, to + c

        def load(column: Value, i: int) -> Value:
            place = rows[i] + column * depth
            e.prefetch(patch + (place + ahead))
            return patch.vector(place)

        def store(i: Value, j: int, value: Value) -> None:
            target.store_vector(value, i * distance * TILE + positions[j])

        transform(e, tiling.minimal.data, load, store, between)


def transform_gradient(
    e: Emitter,
    tiling: Tiling,
    patch_rows: tuple[Pointer, Value],
    to: tuple[Pointer, Pointer],
    sizes: tuple[Operand, int],
    between: Pointer,
) -> None:
    """G·dy·Gᵀ of one tile and block of filters; the tile's values are added to the bias's sums.

    Args:
        e: the emitter.
        tiling: of the gradient.
        patch_rows: the tile's first value, and the distance of its rows.
        to: where position 0 goes, and the bias's sums.
        sizes: the distance from one position to the next, and filters in a block.
        between: room for 36 vectors.
    """
    (source, stride), (positions, bias), (distance, columns) = patch_rows, to, sizes
    rows = [stride * i for i in range(tiling.step)]
    matrix = minimal(TILE + 1 - tiling.step, tiling.step).filter
    ahead = tiling.channels * (tiling.step * AHEAD)
    with e.loop(columns, step=e.lanes) as v:
        patch, target = source + v, positions + v
        total = e.variable(bias.vector(v))

        def load(column: Value, i: int) -> Value:
            place = rows[i] + column * tiling.channels
            e.prefetch(patch + (place + ahead))
            value = patch.vector(place)
            total.value = total.value + value
            return value

        def store(i: Value, j: int, value: Value) -> None:
            target.store_vector(value, (i * TILE + j) * distance)

        transform(e, matrix, load, store, between)
        bias.store_vector(total.value, v)
