"""Elementary functions as short polynomials, for single floats and vectors alike.

No call leaves the kernel, so that every target gives results of one accuracy: within a few units of
the last place of float32. NaN gives NaN. The polynomials of exp and log are those of the Cephes
library (Moshier 1989), the rational functions of tanh and erf those of Eigen.
"""

from __future__ import annotations

from collections.abc import Iterable

from striate.kernels.emitter import Emitter
from striate.kernels.values import Value

LOG2_E = 1.44269504088896341
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
ROUNDER = 12582912.0
"""1.5·2^23: adding it leaves a float's nearest whole number in the lowest bits."""
EXP_SMALLEST, EXP_LARGEST = -86.6, 88.7228
Coefficients = tuple[float, ...]
EXP: Coefficients = (
    *(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3),
    *(4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1),
)
LOG: Coefficients = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1),
    *(-1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1),
    *(2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
TANH_LARGEST = 7.90531110763549805
TANH_OVER: Coefficients = (
    *(-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11),
    *(5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04),
    4.89352455891786e-03,
)
TANH_UNDER: Coefficients = (
    *(1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03),
    4.89352518554385e-03,
)
ERF_LARGEST = 4.0
ERF_OVER: Coefficients = (
    *(-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06),
    *(-5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03),
    -1.60960333262415e-02,
)
ERF_UNDER: Coefficients = (
    *(-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03),
    *(-7.37332916720468e-03, -1.42647390514189e-02),
)
SQRT_HALF_BITS, SMALLEST_NORMAL, INFINITY = 0x3F3504F3, 1.17549435e-38, float("inf")


def polynomial(e: Emitter, x: Value, coefficients: Iterable[float]) -> Value:
    """Horner's rule; the coefficient of the highest power comes first."""
    first, *others = coefficients
    total = e.like(first, x)
    for coefficient in others:
        total = e.fma(total, x, e.like(coefficient, x))
    return total


def exp(e: Emitter, x: Value) -> Value:
    """e^x; 0 where that is below 2.5e-38."""
    rest, half = _exp_parts(e, x)
    # Half of the power of two first, since 2^128 is no float but exp(88.7) is one; never times the
    # rest alone, which may be too small a number where the sum is not.
    result = (rest + 1.0) * half * 2.0
    result = e.select(x < EXP_SMALLEST, 0.0, result)
    return e.select(x > EXP_LARGEST, INFINITY, result)


def exp_minus_one(e: Emitter, x: Value) -> Value:
    """e^x - 1 for x <= 0, accurate near 0 too."""
    bounded = e.maximum(x, EXP_SMALLEST)
    rest, half = _exp_parts(e, bounded)
    power = half * 2.0
    return e.fma(rest, power, power - 1.0)


def _exp_parts(e: Emitter, x: Value) -> tuple[Value, Value]:
    """e^r - 1 and 2^(n-1), where x = n·ln 2 + r and r is between -0.35 and 0.35."""
    shifted = e.fma(x, LOG2_E, e.like(ROUNDER, x))
    n = shifted - ROUNDER
    r = e.fma(n, -LN2_LOW, e.fma(n, -LN2_HIGH, x))
    rest = e.fma(polynomial(e, r, EXP), r * r, r)
    half = e.reinterpret((e.reinterpret(shifted) << 23) + (126 << 23))
    return rest, half


def log(e: Emitter, x: Value) -> Value:
    """The natural logarithm; -infinity at 0, NaN below, subnormal numbers count as 0."""
    bits = e.reinterpret(x)
    # The bias of 128 keeps the shifted number positive: there is only a logical shift.
    exponent = ((bits - SQRT_HALF_BITS + (128 << 23)) >> 23) - 128
    m = e.reinterpret(bits - (exponent << 23)) - 1.0
    n, square = e.to_float(exponent), m * m
    tail = polynomial(e, m, LOG) * m * square
    tail = e.fma(square, -0.5, e.fma(n, LN2_LOW, tail))
    result = e.fma(n, LN2_HIGH, m + tail)
    result = e.select(x >= SMALLEST_NORMAL, result, -INFINITY)
    result = e.select(x < 0.0, float("nan"), result)
    # Only infinity and NaN are not below infinity, and both are their own logarithm.
    return e.select(x < INFINITY, result, x)


def power(e: Emitter, x: Value, exponent: float) -> Value:
    """x^exponent for x >= 0 and a number known when the kernel is written.

    Multiples of a quarter come from roots and products; for others the relative error grows with
    the exponent, to about 1e-7·|exponent·log x|.
    """
    quarters = 4 * exponent
    if quarters != int(quarters) or abs(exponent) > 4:
        return exp(e, log(e, x) * float(exponent))
    result = _quarter_power(e, x, abs(int(quarters)))
    return 1.0 / result if exponent < 0 else result


def _quarter_power(e: Emitter, x: Value, quarters: int) -> Value:
    """x^(quarters/4) from square roots and products."""
    result = e.like(1.0, x)
    root = e.call("llvm.sqrt", x)
    for _ in range(quarters // 4):
        result = result * x
    if quarters & 2:
        result = result * root
    if quarters & 1:
        result = result * e.call("llvm.sqrt", root)
    return result


def sigmoid(e: Emitter, x: Value) -> Value:
    """1/(1 + e^-x)."""
    return 1.0 / (exp(e, -x) + 1.0)


def tanh(e: Emitter, x: Value) -> Value:
    """The hyperbolic tangent."""
    bounded = e.maximum(e.minimum(x, TANH_LARGEST), -TANH_LARGEST)
    return _odd_rational(e, bounded, TANH_OVER, TANH_UNDER)


def erf(e: Emitter, x: Value) -> Value:
    """The error function."""
    bounded = e.maximum(e.minimum(x, ERF_LARGEST), -ERF_LARGEST)
    return _odd_rational(e, bounded, ERF_OVER, ERF_UNDER)


def _odd_rational(e: Emitter, x: Value, over: Coefficients, under: Coefficients) -> Value:
    """x·P(x²)/Q(x²)."""
    square = x * x
    return x * polynomial(e, square, over) / polynomial(e, square, under)
