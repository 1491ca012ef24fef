"""The matrices of Winograd's minimal filtering F(m, r): m outputs of an r-tap filter at once.

With n = m + r - 1, an output tile is AT·[(G·g) ⊙ (BT·d)]: n multiplications instead of m·r
(Winograd 1980; Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks"). The
matrices follow from n - 1 interpolation points and infinity (Cook-Toom); they are computed exactly.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from msgspec import Struct

POINTS = tuple(Fraction(p) for p in (0, 1, -1, 2, -2))
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


@cache
def minimal(m: int, r: int) -> Minimal:
    """The matrices of F(m, r), for m + r - 1 = 6, the number of points and infinity."""
    n = m + r - 1
    points = POINTS[: n - 1]
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
