"""Runs CONV's two tasks with given candidates on random arrays; compares with the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume, reject
from one_task import run_task

from examples import example
from striate.errors import InputError
from striate.kernels import Isa, host
from striate.layers import Conv, Mode, Shape, Window
from striate.plan import Candidate, Task

BATCH = 3
ARRAYS = dict[str, Any]
WindowArguments = tuple[Any, ...]
Makers = tuple[Callable[[Isa], Candidate], Callable[[Isa], Candidate]]


def drawn_conv(x: Shape, filters: int, window: WindowArguments, **options: Any) -> Conv:
    """A CONV that Hypothesis has drawn, if there is such a one and it fits the volume."""
    try:
        conv = Conv(filters, Window(*window), **options)
    except InputError:
        reject()
    assume(all(rule.holds for rule in conv.rules(x)))
    return conv


def arrays_of(conv: Conv, x: Shape, batch: int) -> tuple[ARRAYS, ARRAYS]:
    """Random arrays by role for forward and for backward."""
    rng = np.random.default_rng(0)

    def draw(shape: tuple[int, ...]) -> Any:
        return rng.standard_normal(shape).astype(np.float32)

    y = conv.shape(x).array(batch)
    parameters = conv.parameters(x)
    weights = {f"w.{name}": draw(p.shape) for name, p in parameters.items()}
    images = draw(x.array(batch))
    forward = {"x0": images, "y": np.full(y, np.nan, np.float32), **weights}
    gradients = {f"dw.{n}": np.full(p.shape, np.nan, np.float32) for n, p in parameters.items()}
    backward = {"x0": images, "dy": draw(y), "dx0": np.full_like(images, np.nan)}
    return forward, {**backward, **weights, **gradients}


def run_both(
    makers: Makers, conv: Conv, x: Shape, isa: Isa, threads: int = 1, batch: int = BATCH
) -> list[ARRAYS | None]:
    """What the kernels give by role, forward and backward; None where a candidate refuses."""
    found: list[ARRAYS | None] = []
    for kind, maker, given in zip(
        ("forward", "backward"), makers, arrays_of(conv, x, batch), strict=True
    ):
        roles = {role: role for role in given}
        task = Task(kind, "conv1", conv, batch, (x,), conv.shape(x), True, roles)
        candidate = maker(isa)
        refused = candidate.refuses(task) is not None
        found.append(None if refused else run_task(task, candidate, given, isa, threads))
    return found


def check(makers: Makers, conv: Conv, x: Shape, isa: Isa, tolerance: float) -> int:
    """Both passes agree with the definition; how many of them the candidates can do."""
    given, gradients = arrays_of(conv, x, BATCH)
    forward, backward = run_both(makers, conv, x, isa)
    weights = {role[2:]: a.astype(float) for role, a in given.items() if role[:2] == "w."}
    images = given["x0"].astype(float)
    y = conv.forward((images,), weights, Mode())
    if forward is not None:
        close(forward["y"], y, tolerance)
    if backward is not None:
        dy = gradients["dy"].astype(float)
        (dx,), dw = conv.backward(dy, (images,), y, weights, Mode())
        close(backward["dx0"], dx, tolerance)
        for name, value in dw.items():
            close(backward[f"dw.{name}"], value, tolerance)
    return (forward is not None) + (backward is not None)


def close(found: Any, exact: Any, tolerance: float) -> None:
    assert np.abs(found - exact).max() <= tolerance * max(1.0, np.abs(exact).max())


def check_threads(makers: Makers, text: str) -> None:
    """Both passes give the same bits with one, two and three threads."""
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    one = run_both(makers, conv, x, host(), threads=1, batch=9)
    for threads in (2, 3):
        more = run_both(makers, conv, x, host(), threads, batch=9)
        for first, second in zip(one, more, strict=True):
            assert first is not None
            assert second is not None
            for role in first:
                np.testing.assert_array_equal(first[role], second[role])
