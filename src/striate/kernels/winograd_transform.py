"""Winograd's transforms of tiles: a small constant matrix on both sides of a square of vectors.

The points of the matrices are 0, ±1, ±2, ±1/2 and infinity. What belongs to a point and to its
opposite differs only in the sign of every second term: even and odd terms are summed up once for
both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import gcd

from striate.kernels.emitter import Emitter
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import Matrix

Load = Callable[[Value, int], Value]
Store = Callable[[Value, int, Value], None]
Seen = Callable[[Value, Sequence[Value]], None]
Row = Sequence[float]


def combine(e: Emitter, row: Row, values: Sequence[Value]) -> Value:
    """The sum of row[i]·values[i], without the multiplications by 0, 1 and -1."""
    total: Value | None = None
    for factor, value in sorted(zip(row, values, strict=True), key=lambda pair: -pair[0]):
        if factor == 0:
            continue
        if total is None:
            total = value if factor == 1 else value * factor
        elif factor == 1:
            total = total + value
        elif factor == -1:
            total = total - value
        else:
            total = e.fma(value, factor, total)
    assert total is not None
    return total


def multiply(e: Emitter, matrix: Matrix, values: Sequence[Value]) -> list[Value]:
    """matrix · values."""
    columns = list(zip(*matrix, strict=True))
    outputs, inputs = dict(_opposites(matrix)), dict(_opposites(columns))
    if inputs and not outputs:
        return _with_opposite_inputs(e, columns, list(values), inputs)
    found: dict[int, Value] = {}
    for i, j in outputs.items():
        even, odd = (combine(e, _every_second(matrix[i], start), values) for start in (0, 1))
        found[i] = even + odd
        same = _every_second(matrix[i], 0) == _every_second(matrix[j], 0)
        found[j] = even - odd if same else odd - even
    rest = set(range(len(matrix))) - set(found)
    found |= {i: combine(e, matrix[i], values) for i in rest}
    return [found[i] for i in range(len(matrix))]


def _with_opposite_inputs(
    e: Emitter, columns: Sequence[Row], values: list[Value], pairs: dict[int, int]
) -> list[Value]:
    """The same where columns are opposites: their values' sums and differences are formed once."""
    alone = [i for i in range(len(columns)) if i not in pairs and i not in pairs.values()]
    sums = {i: (values[i] + values[j], values[i] - values[j]) for i, j in pairs.items()}
    found = []
    for r in range(len(columns[0])):
        signs = {i: int(columns[i][r] != columns[j][r]) for i, j in pairs.items()}
        used = [sums[i][sign] for i, sign in signs.items()] + [values[i] for i in alone]
        found.append(combine(e, [columns[i][r] for i in (*pairs, *alone)], used))
    return found


def _opposites(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Pairs of neighbouring rows that differ only in the signs of their even, or of their odd,
    terms, and have both kinds; no row is in two pairs."""
    taken = -1
    for i, (row, following) in enumerate(pairwise(rows)):
        even, odd = (_every_second(row, start) for start in (0, 1))
        both = any(even) and any(odd)
        same = [a + b for a, b in zip(even, odd, strict=True)]
        flipped = [a - b for a, b in zip(even, odd, strict=True)]
        negative = [-value for value in flipped]
        if i > taken and both and list(row) == same and list(following) in (flipped, negative):
            taken = i + 1
            yield i, i + 1


def _every_second(row: Row, start: int) -> list[float]:
    """The even or odd terms, of those that are as far apart as what is not 0; 0 for the others."""
    places = [i for i, value in enumerate(row) if value] or [0]
    apart = gcd(*(place - places[0] for place in places)) or 1
    return [value if (i - places[0]) // apart % 2 == start else 0.0 for i, value in enumerate(row)]


def transform(
    e: Emitter,
    matrix: Matrix,
    load: Load,
    store: Store,
    between: Pointer,
    rows: Sequence[int] | None = None,
    seen: Seen | None = None,
) -> None:
    """matrix · tile · matrixᵀ for one vector of channels.

    Args:
        e: the emitter.
        matrix: [out, in]; the tile is in x in.
        load: gives the tile's vector at (row, column): the column is a loop's index.
        store: takes the result at (row, column): the row, counted among those that are wanted, is a
            loop's index.
        between: room for out x in vectors.
        rows: of the result that are wanted; all by default.
        seen: is shown each column of the tile, by its number.
    """
    wanted = matrix if rows is None else tuple(matrix[row] for row in rows)
    many, few = len(matrix[0]), len(wanted)
    with e.loop(many) as column:
        needed = [any(row[i] for row in wanted) for i in range(many)]
        values = [load(column, i) if needed[i] else e.splat(0.0) for i in range(many)]
        if seen is not None:
            seen(column, values)
        for i, value in enumerate(multiply(e, wanted, values)):
            between.store_vector(value, (column + i * many) * e.lanes)
    with e.loop(few) as out:
        values = [between.vector((out * many + j) * e.lanes) for j in range(many)]
        for j, value in enumerate(multiply(e, matrix, values)):
            store(out, j, value)
