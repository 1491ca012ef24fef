"""The matrices of Winograd's minimal filtering F(m, r): m outputs of an r-tap filter at once.

With n = m + r - 1, an output tile is AT·[(G·g) ⊙ (BT·d)]: n multiplications instead of m·r
(Winograd 1980; Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks"). The
matrices follow from n - 1 interpolation points and infinity (Cook-Toom); they are computed exactly.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from msgspec import Struct

OPPOSITES = tuple(Fraction(p) for p in (1, -1, 2, -2, "1/2", "-1/2"))
POINTS = {6: (Fraction(0), *OPPOSITES[:4]), 7: OPPOSITES, 8: (Fraction(0), *OPPOSITES)}
"""Points by the rows of a patch: each next to its opposite, which shares sums with it."""
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
    """

    tile: int
    filter: int

    @property
    def patch(self) -> int:
        """Rows (and columns) of a patch, of which a tile follows; and of its transform."""
        return self.tile + self.filter - 1

    @property
    def positions(self) -> int:
        """Of a transformed patch."""
        return self.patch**2

    @property
    def matrices(self) -> Minimal:
        """In one dimension."""
        return minimal(self.tile, self.filter)

    @property
    def gradient(self) -> Minimal:
        """For the gradient of a filter: it is what comes out, and tiles are what filters."""
        return minimal(self.filter, self.tile)

    @property
    def large(self) -> bool:
        """Whether patches are larger than 6x6: the way back multiplies what rounds products so much
        that long sums would round by more than 1e-5 of the largest output."""
        return self.patch > 6

    @property
    def pairs(self) -> tuple[tuple[int, ...], ...]:
        """Rows of positions that share sums, a point's and its opposite's; those of 0 and infinity,
        which come first; or, without a 0, that of infinity alone, which is the last. What the first
        ones are made of is all of a patch, or all but its last row, which no middle has."""
        last, zero = self.patch - 1, self.patch % 2 == 0
        opposites = ((row, row + 1) for row in range(int(zero), last, 2))
        return ((0, last), *opposites) if zero else (*opposites, (last,))

    @property
    def one(self) -> int:
        """The row, and column, of the point 1: there a transformed tile of a gradient is the sum of
        its values, divided by `ones_divisor`."""
        return POINTS[self.patch].index(Fraction(1))

    @property
    def ones_divisor(self) -> float:
        """The product of the distances of the point 1 to the others, in both directions."""
        return float(_product([1 - point for point in POINTS[self.patch] if point != 1]) ** 2)


@cache
def minimal(m: int, r: int) -> Minimal:
    """The matrices of F(m, r), for m + r - 1 of 6 to 8, the number of points and infinity."""
    n = m + r - 1
    points = POINTS[n]
    scales = [_product([p - q for q in points if q != p]) for p in points]
    output = [[p**i for p in points] + [Fraction(i == m - 1)] for i in range(m)]
    filters = [[p**j / s for j in range(r)] for p, s in zip(points, scales, strict=True)]
    filters.append([Fraction(j == r - 1) for j in range(r)])
    data = [_polynomial([q for q in points if q != p], n) for p in points]
    data.append(_polynomial(list(points), n))
    return Minimal(_floats(output), _floats(filters), _floats(data))


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
