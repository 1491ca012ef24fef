"""Rules: the condition that a layer puts on its input, and the words of its error, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt


@dataclass(frozen=True)
class Rule:
    """A condition together with what to say when it does not hold."""

    holds: bool
    message: str


def divides(divisor_name: str, divisor: int, number_name: str, number: int) -> Rule:
    """``number`` is a multiple of ``divisor``; the message lists the divisors that would work."""
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    works = sorted({*small, *(number // d for d in small)})
    listed = ", ".join(map(str, works if len(works) <= 12 else [*works[:11], works[-1]]))
    return Rule(
        holds=divisor > 0 and number % divisor == 0,
        message=f"{divisor_name}={divisor} does not divide the {number} {number_name}; "
        f"{divisor_name} may be {listed}",
    )


def same(what: str, values: tuple[object, ...]) -> Rule:
    """All values are equal; the message lists them in order."""
    listed = ", ".join(map(str, values))
    return Rule(
        holds=len(set(values)) == 1,
        message=f"the inputs must have the same {what}, got {listed}",
    )
