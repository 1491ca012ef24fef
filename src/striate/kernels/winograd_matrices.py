"""The matrices of Winograd's minimal filtering F(m, r): m outputs of an r-tap filter at once.

With n = m + r - 1, an output tile is AT·[(G·g) ⊙ (BT·d)]: n multiplications instead of m·r
(Winograd 1980; Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks"). The
matrices follow from n - 1 interpolation points and infinity (Cook-Toom); they are computed exactly.

At a stride S the taps belong to S phases, every S-th to the same, each of which sees every S-th row
of the input at stride 1. An output is the sum of what the phases give: together they are a
filtering of the same form, in which a phase of one tap multiplies without any transform.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from msgspec import Struct

OPPOSITES = tuple(Fraction(p) for p in (1, -1, 2, -2, "1/2", "-1/2"))
POINTS = {
    5: (*OPPOSITES[:2], *OPPOSITES[4:]),
    6: (Fraction(0), *OPPOSITES[:4]),
    7: OPPOSITES,
    8: (Fraction(0), *OPPOSITES),
}
"""Points by the rows of a phase's patch: each next to its opposite, which shares sums with it."""
Matrix = tuple[tuple[float, ...], ...]


class Minimal(Struct, frozen=True):
    """F(m, r) in one dimension.

    Attributes:
        output: AT [m, n].
        filter: G [n, r].
        data: BT [n, n].
    """

    output: Matrix
    filter: Matrix
    data: Matrix


class Filtering(Struct, frozen=True):
    """F(tile x tile, filter x filter): a square of outputs at once from a square patch of input.

    Attributes:
        tile: rows (and columns) of a tile of outputs.
        filter: rows (and columns) of a filter.
        stride: rows (and columns) of the input from one output to the next.
        spread: rows (and columns) of the output for one of the input, between whose rows (and
            columns) are zeros: the gradient of a strided CONV by the data. The first output sees
            the input's first row with the filter's middle one.
    """

    tile: int
    filter: int
    stride: int = 1
    spread: int = 1

    @property
    def patch(self) -> int:
        """Rows (and columns) of a transformed patch."""
        return sum(self._rows)

    @property
    def seen(self) -> int:
        """Rows (and columns) of a patch of input, of which a tile follows."""
        return self.patch if self.spread == 1 else max(self._rows)

    @property
    def step(self) -> int:
        """Rows (and columns) of the input from one patch to the next."""
        return self.tile * self.stride // self.spread

    @property
    def positions(self) -> int:
        """Of a transformed patch."""
        return self.patch**2

    @property
    def matrices(self) -> Minimal:
        """In one dimension."""
        phases = [minimal(self._each, taps) for taps in self._taps]
        filters = self._apart([phase.filter for phase in phases], self.filter)
        if self.spread == 1:
            output = _side_by_side([phase.output for phase in phases])
            return Minimal(output, filters, self._data(phases))
        columns = [_transposed(phase.output) for phase in phases]
        output = _transposed(self._apart(columns, self.tile, backwards=True))
        return Minimal(output, filters, self._data(phases))

    @property
    def alike(self) -> Filtering:
        """That which transforms filters, and multiplies, as this one does."""
        return Filtering(self._each, self.filter, self._phases)

    @property
    def gradient(self) -> Minimal:
        """For the gradient of a filter: it is what comes out, and tiles are what filters."""
        phases = [minimal(taps, self.tile) for taps in self._taps]
        columns = [_transposed(phase.output) for phase in phases]
        output = _transposed(self._apart(columns, self.filter))
        filters = tuple(row for phase in phases for row in phase.filter)
        return Minimal(output, filters, self._data(phases))

    @property
    def _phases(self) -> int:
        return self.stride * self.spread

    @property
    def _each(self) -> int:
        """Rows of outputs that a phase gives, or adds to."""
        return self.tile // self.spread

    @property
    def _taps(self) -> list[int]:
        """Of each phase."""
        return [len(range(phase, self.filter, self._phases)) for phase in range(self._phases)]

    @property
    def _rows(self) -> list[int]:
        """Of each phase's patch."""
        return [self._each + taps - 1 for taps in self._taps]

    def _data(self, phases: list[Minimal]) -> Matrix:
        """BT: every phase has rows of its own of the patch, or, at a spread, the first of all."""
        matrices = [phase.data for phase in phases]
        if self.spread == 1:
            return self._apart(matrices, self.patch)
        return tuple(
            (*row, *(0.0,) * (self.seen - len(row))) for matrix in matrices for row in matrix
        )

    def _apart(self, phases: list[Matrix], length: int, backwards: bool = False) -> Matrix:
        """All phases' rows in rows of this length, every few values of which belong to a phase, the
        first to the first one, or to the last one."""
        rows = []
        for phase, matrix in enumerate(phases):
            first = self._phases - 1 - phase if backwards else phase
            for values in matrix:
                row = [0.0] * length
                row[first :: self._phases] = values
                rows.append(tuple(row))
        return tuple(rows)

    @property
    def large(self) -> bool:
        """Whether patches of a phase are larger than 6x6: the way back multiplies what rounds
        products so much that long sums would round by more than 1e-5 of the largest output."""
        return max(self._rows) > 6

    @property
    def pairs(self) -> tuple[tuple[int, ...], ...]:
        """Rows of positions that share sums, a point's and its opposite's; those of 0 and infinity,
        or, without a 0, that of infinity alone; and any two of a phase of one tap. Rows that are
        alone come last. Without a stride the first ones are made of all of a patch, or of all but
        its last row, which no middle has."""
        found, start = list[tuple[int, ...]](), 0
        for taps, rows in zip(self._taps, self._rows, strict=True):
            found += [tuple(start + row for row in pair) for pair in _pairs(taps, rows)]
            start += rows
        return tuple(sorted(found, key=len, reverse=True))

    @property
    def one(self) -> int:
        """The row, and column, of the point 1: there a transformed tile of a gradient is the sum of
        its values, divided by `ones_divisor`."""
        return POINTS[self._rows[0]].index(Fraction(1))

    @property
    def ones_divisor(self) -> float:
        """The product of the distances of the point 1 to the others, in both directions."""
        return float(_product([1 - point for point in POINTS[self._rows[0]] if point != 1]) ** 2)


def _pairs(taps: int, rows: int) -> list[tuple[int, ...]]:
    """Rows of a phase's positions by two; one may be left."""
    if taps > 1 and 0 in POINTS[rows]:
        return [(0, rows - 1), *((row, row + 1) for row in range(1, rows - 1, 2))]
    return [tuple(range(row, min(row + 2, rows))) for row in range(0, rows, 2)]


@cache
def minimal(m: int, r: int) -> Minimal:
    """The matrices of F(m, r), for m + r - 1 of 5 to 8, the number of points and infinity; for a
    single tap, or output, those that transform nothing."""
    n = m + r - 1
    if 1 in (m, r):
        identity = tuple(tuple(float(i == j) for j in range(n)) for i in range(n))
        ones: Matrix = ((1.0,) * n,)
        if r == 1:
            return Minimal(identity, _transposed(ones), identity)
        return Minimal(ones, identity, identity)
    points = POINTS[n]
    scales = [_product([p - q for q in points if q != p]) for p in points]
    output = [[p**i for p in points] + [Fraction(i == m - 1)] for i in range(m)]
    filters = [[p**j / s for j in range(r)] for p, s in zip(points, scales, strict=True)]
    filters.append([Fraction(j == r - 1) for j in range(r)])
    data = [_polynomial([q for q in points if q != p], n) for p in points]
    data.append(_polynomial(list(points), n))
    return Minimal(_floats(output), _floats(filters), _floats(data))


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


def _side_by_side(matrices: list[Matrix]) -> Matrix:
    """One matrix of several with the same number of rows."""
    return tuple(sum(rows, ()) for rows in zip(*matrices, strict=True))


def _product(factors: list[Fraction]) -> Fraction:
    product = Fraction(1)
    for factor in factors:
        product *= factor
    return product


def _polynomial(roots: list[Fraction], length: int) -> list[Fraction]:
    """Coefficients, lowest first, of the product of (x - root), filled up with zeros."""
    coefficients = [Fraction(1)]
    for root in roots:
        raised = [Fraction(0), *coefficients]
        for i, value in enumerate(coefficients):
            raised[i] -= root * value
        coefficients = raised
    return coefficients + [Fraction(0)] * (length - len(coefficients))


def _floats(matrix: list[list[Fraction]]) -> Matrix:
    return tuple(tuple(float(value) for value in row) for row in matrix)
