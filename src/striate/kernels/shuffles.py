"""Exchanges between the lanes of several vectors: transposition, and sums over lanes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import llvmlite.ir as ir

from striate.kernels.emitter import Emitter
from striate.kernels.values import Pointer, Value


def transpose(e: Emitter, rows: Sequence[Value]) -> list[Value]:
    """The columns of a square of as many vectors as a vector has lanes.

    Blocks beside the diagonal change places, then smaller blocks within each.
    """
    vectors, distance = list(rows), e.lanes // 2
    lanes = range(e.lanes)
    while distance:
        upper = [i if not i & distance else e.lanes + i - distance for i in lanes]
        lower = [i + distance if not i & distance else e.lanes + i for i in lanes]
        for i in lanes:
            if not i & distance:
                a, b = vectors[i], vectors[i + distance]
                vectors[i], vectors[i + distance] = (
                    _shuffle(e, a, b, upper),
                    _shuffle(e, a, b, lower),
                )
        distance //= 2
    return vectors


def lane_sums(e: Emitter, vectors: Sequence[Value]) -> list[Value]:
    """Vectors whose lanes are, in order, the sums over the lanes of the given ones.

    A level of the tree joins two vectors that each hold ``groups`` partial results into one with
    twice as many, so that n vectors take about n additions instead of n·log2(lanes).
    """
    found = []
    for start in range(0, len(vectors), e.lanes):
        level = list(vectors[start : start + e.lanes])
        level += [e.splat(0.0)] * (e.lanes - len(level))
        groups = 1
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [_join(e, a, b, groups) for a, b in pairs]
            groups *= 2
        found += level
    return found


def _join(e: Emitter, a: Value, b: Value, groups: int) -> Value:
    """The groups of a, then those of b, each folded to half its width."""
    half = e.lanes // groups // 2
    starts = range(0, 2 * e.lanes, 2 * half)
    lower = [start + i for start in starts for i in range(half)]
    return _shuffle(e, a, b, lower) + _shuffle(e, a, b, [lane + half for lane in lower])


def _shuffle(e: Emitter, a: Value, b: Value, lanes: Iterable[int]) -> Value:
    """The numbered lanes of two vectors; those of b are counted on from those of a."""
    return Value(e, e.builder.shuffle_vector(a.ir, b.ir, _mask(lanes)))


def join_lanes(e: Emitter, places: Sequence[Pointer], count: int, width: int) -> Value:
    """One vector of pieces of ``width`` lanes, each with ``count`` elements from a place; the lanes
    behind them hold anything."""
    kind = ir.VectorType(places[0].element, count)
    wide = [i if i < count else 0 for i in range(width)]
    pieces = []
    for place in places:
        address = e.builder.bitcast(place.ir, kind.as_pointer())
        piece = e.builder.load(address, align=4)
        pieces.append(e.builder.shuffle_vector(piece, piece, _mask(wide)))
    while len(pieces) > 1:
        both = _mask(range(2 * pieces[0].type.count))
        pieces = [
            e.builder.shuffle_vector(a, b, both)
            for a, b in zip(pieces[::2], pieces[1::2], strict=True)
        ]
    return Value(e, pieces[0])


def store_lanes(e: Emitter, to: Pointer, vector: Value, first: int, count: int) -> None:
    """Store ``count`` lanes of a vector from the first one on."""
    piece = e.builder.shuffle_vector(vector.ir, vector.ir, _mask(range(first, first + count)))
    address = e.builder.bitcast(to.ir, piece.type.as_pointer())
    e.builder.store(piece, address, align=4)


def _mask(lanes: Iterable[int]) -> ir.Constant:
    numbers = list(lanes)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers)
