"""Elementary functions in native code against NumPy in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from one_task import run_task

from isas import NATIVE
from striate.kernels import Isa, elementary, host
from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.only_way import OnlyWay
from striate.kernels.values import Value
from striate.kernels.vector_loop import STASH_BYTES, chunks_of, for_vectors, part_of
from striate.layers import Shape
from striate.plan import Launch, Lowering, Task

ISAS = NATIVE
POWERS = {"power 0.3": 0.3, "power -0.75": -0.75, "power 2.5": 2.5, "power 7.25": 7.25}


class Elementary(NativeKernel, frozen=True):
    """x, y, count: one function of `elementary`; also value by value if ``scalar``."""

    function: str
    scalar: bool = False

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(2))
        x, y = e.pointer(0) + first, e.pointer(1) + first
        if self.scalar:
            with e.loop(count) as i:
                y.store(self._apply(e, x.load(i)), i)
            return
        for_vectors(e, count, lambda i: [(y + i, self._apply(e, x.vector(i)))], e.scratch)

    def _apply(self, e: Emitter, x: Value) -> Value:
        if self.function in POWERS:
            return elementary.power(e, x, POWERS[self.function])
        function: Callable[[Emitter, Value], Value] = getattr(elementary, self.function)
        return function(e, x)


def native(function: str, x: Any, isa: Isa, scalar: bool = False) -> Any:
    """The function of every value of x."""
    task = Task("forward", "node", None, 1, (), Shape(1, 1, len(x)), False, {})
    launch = Launch(Elementary(function, scalar), chunks_of(len(x)), ("x0", "y", len(x)))
    way = OnlyWay(isa, "elementary", lambda isa, task: Lowering((launch,)))  # noqa: ARG005
    return run_task(task, way, {"x0": x, "y": np.full_like(x, np.nan)}, isa)["y"]


CASES: list[tuple[str, Callable[[Any], Any], float, float, float]] = [
    ("exp", np.exp, -86.0, 88.72, 1.5e-7),
    ("exp_minus_one", np.expm1, -90.0, 0.0, 1.5e-7),
    ("exp_minus_one", np.expm1, -1e-3, 0.0, 1.5e-7),
    ("log", np.log, 0.01, 100.0, 1.5e-7),
    ("log", np.log, 1e-30, 1e-20, 1.5e-7),
    ("tanh", np.tanh, -10.0, 10.0, 5e-7),
    ("tanh", np.tanh, -0.01, 0.01, 5e-7),
    ("erf", np.vectorize(math.erf, otypes=[float]), -5.0, 5.0, 5e-7),
    ("erf", np.vectorize(math.erf, otypes=[float]), -0.01, 0.01, 5e-7),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), -80.0, 80.0, 3e-7),
    # An error of the logarithm grows with the exponent.
    *((name, lambda x, c=c: x**c, 0.1, 50.0, 5e-7 * max(1, abs(c))) for name, c in POWERS.items()),
]


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[2]}")
def test_relative_error(case: Any, isa: Isa) -> None:
    function, exact, low, high, tolerance = case
    x = np.random.default_rng(0).uniform(low, high, 20001).astype(np.float32)
    expected = exact(x.astype(np.float64))
    np.testing.assert_allclose(native(function, x, isa), expected, rtol=tolerance)


@pytest.mark.parametrize("function", ["exp", "log", "tanh", "power 0.3"])
def test_single_values_equal_vectors(function: str) -> None:
    x = np.random.default_rng(0).uniform(0.1, 80, 100).astype(np.float32)
    scalar, vector = (native(function, x, host(), scalar=scalar) for scalar in (True, False))
    np.testing.assert_allclose(scalar, vector, rtol=2e-7)


INF, NAN = float("inf"), float("nan")
SPECIAL = {
    "exp": ([-INF, -1e30, -88.0, 0.0, 88.73, INF, NAN], [0.0, 0.0, 0.0, 1.0, INF, INF, NAN]),
    "exp_minus_one": ([-INF, -1e30, 0.0, NAN], [-1.0, -1.0, 0.0, NAN]),
    "log": ([-INF, -1.0, 0.0, 1e-40, 1.0, INF, NAN], [NAN, NAN, -INF, -INF, 0.0, INF, NAN]),
    "tanh": ([-INF, 0.0, INF, NAN], [-1.0, 0.0, 1.0, NAN]),
    "erf": ([-INF, 0.0, INF, NAN], [-1.0, 0.0, 1.0, NAN]),
    "sigmoid": ([-INF, 0.0, INF, NAN], [0.0, 0.5, 1.0, NAN]),
    "power 0.3": ([0.0, 1.0, INF, NAN], [0.0, 1.0, INF, NAN]),
    "power -0.75": ([0.0, 1.0, INF, NAN], [INF, 1.0, 0.0, NAN]),
}


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("function", SPECIAL)
def test_special_values(function: str, isa: Isa) -> None:
    x, expected = SPECIAL[function]
    np.testing.assert_allclose(native(function, np.array(x, "f"), isa), expected, rtol=5e-7)
