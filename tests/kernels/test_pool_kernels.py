"""POOL's kernels against the float64 definition; NaN, ties and switches in particular."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_tasks import (
    ISAS,
    check_foreign,
    check_layer,
    check_threads,
    random_arrays,
    run_definition,
    run_native,
    tasks,
)

from examples import example
from striate.errors import InputError
from striate.kernels import candidates_for
from striate.layers import Mode, Pool, Relu, Shape
from striate.layers.pool import PoolWindow

TOLERANCE = 1e-6


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", Pool.examples)
def test_examples(text: str, isa: Any) -> None:
    pool, shapes = example(text)
    check_layer(pool, shapes, isa=isa, tolerance=TOLERANCE)
    check_layer(pool, shapes, isa=isa, tolerance=TOLERANCE, training=False)


@pytest.mark.parametrize("text", ["8x8x3 -> POOL3 S=2 P=1 fit=floor", "8x6x3 -> POOL2 l2"])
def test_the_number_of_threads_changes_nothing(text: str) -> None:
    check_threads(*example(text))


@pytest.mark.parametrize("text", ["8x8x19 -> POOL3 S=2 P=1 fit=floor", "7x6x5 -> POOL3 S=1 P=1 l2"])
def test_other_processors(text: str) -> None:
    check_foreign(*example(text))


@st.composite
def pools(draw: st.DrawFn) -> tuple[Pool, Shape]:
    """A POOL and an input that it accepts."""

    def pair(most: int) -> tuple[int, int]:
        return draw(st.integers(1, most)), draw(st.integers(1, most))

    size = pair(5)
    top, bottom = (draw(st.integers(0, size[0] - 1)) for _ in range(2))
    left, right = (draw(st.integers(0, size[1] - 1)) for _ in range(2))
    fit = draw(st.sampled_from(["floor", "ceil"]))
    kind = draw(st.sampled_from(["max", "avg", "l2"]))
    count = draw(st.sampled_from(["inside", "all"])) if kind == "avg" else "inside"
    x = Shape(*pair(9), draw(st.integers(1, 20)))
    try:
        window = PoolWindow(size, pair(4), (top, bottom, left, right), pair(2), fit)
        pool = Pool(window, kind, count)
    except InputError:
        assume(False)
        raise
    assume(all(rule.holds for rule in pool.rules(x)))
    return pool, x


@given(pools(), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_any_window(case: tuple[Pool, Shape], batch: int) -> None:
    pool, x = case
    check_layer(pool, (x,), batch, tolerance=TOLERANCE)


def agree_exactly(pool: Pool, x: Shape, images: Any) -> None:
    """Maximum and gradient are those of the definition, to the bit."""
    arrays, gradient = random_arrays(pool, (x,), len(images))
    arrays["x0"] = images.astype(np.float32)
    # Whole numbers add up without rounding.
    gradient["dy"] = np.round(gradient["dy"] * 8).astype(np.float32)
    expected = run_definition(pool, arrays, gradient)
    for isa in ISAS:
        found = run_native(pool, (x,), arrays, gradient, isa).found
        for role in ("y", "dx0"):
            np.testing.assert_array_equal(found[role], expected[role])


MAXIMA = [
    "8x6x5 -> POOL2",
    "7x7x19 -> POOL3 S=2 P=1",
    "7x7x9 -> POOL3 S=1 P=1",
    "6x6x3 -> POOL5 S=1",
]


@pytest.mark.parametrize("text", MAXIMA)
def test_the_first_nan_wins(text: str) -> None:
    pool, (x,) = example(text)
    rng = np.random.default_rng(1)
    images = rng.standard_normal(x.array(2))
    images[rng.random(images.shape) < 0.2] = np.nan
    images[rng.random(images.shape) < 0.1] = np.inf
    agree_exactly(pool, x, images)


@pytest.mark.parametrize("text", MAXIMA)
def test_the_first_of_equal_maxima_gets_the_gradient(text: str) -> None:
    pool, (x,) = example(text)
    agree_exactly(pool, x, np.random.default_rng(2).integers(0, 2, x.array(2)))


@pytest.mark.parametrize("text", MAXIMA)
def test_minus_infinity_is_no_larger_than_padding(text: str) -> None:
    pool, (x,) = example(text)
    agree_exactly(pool, x, np.full(x.array(2), -np.inf))


@pytest.mark.parametrize(("side", "cell_bytes"), [(15, 1), (16, 4)])
def test_switches_of_large_windows(side: int, cell_bytes: int) -> None:
    pool, x = Pool(whole=True), Shape(side, side, 3)
    forward, _ = tasks(pool, (x,), 2)
    (candidate,) = candidates_for(ISAS[0])(forward)
    assert candidate.lower(forward).saved == {"pooled": 2 * 3 * cell_bytes}
    images = np.zeros(x.array(2))
    images[:, -1, -1] = 1
    agree_exactly(pool, x, images)


def test_inference_saves_nothing() -> None:
    pool, shapes = example("8x6x3 -> POOL2")
    forward, _ = tasks(pool, shapes, 2, training=False)
    (candidate,) = candidates_for(ISAS[0])(forward)
    assert candidate.lower(forward).saved == {}


def test_a_gradient_that_nobody_wants_costs_nothing() -> None:
    pool, shapes = example("8x6x3 -> POOL2")
    _, backward = tasks(pool, shapes, 2, by_input=False)
    (candidate,) = candidates_for(ISAS[0])(backward)
    assert candidate.lower(backward).launches == ()


def test_layers_of_a_net_share_kernels() -> None:
    kernels = set()
    for text in ("32x32x64 -> POOL2", "16x16x128 -> POOL2", "8x8x256 -> POOL2"):
        for task in tasks(*example(text), 4):
            (candidate,) = candidates_for(ISAS[0])(task)
            kernels |= {launch.kernel for launch in candidate.lower(task).launches}
    assert len(kernels) == 2


@pytest.mark.parametrize("text", [*MAXIMA, "34x34x2 -> POOL17 S=17"])
def test_behind_a_relu_only_a_positive_maximum_gets_the_gradient(text: str) -> None:
    pool, (x,) = example(text)
    relu, rng = Relu(), np.random.default_rng(2)
    raw = np.round(rng.standard_normal(x.array(2)) - 1)
    raw[rng.random(raw.shape) < 0.1] = np.nan
    arrays = {"x0": relu.forward((raw,), {}, Mode(True)).astype(np.float32)}
    gradient = {"dy": rng.integers(1, 9, pool.shape(x).array(2)).astype(np.float32)}
    dx = run_definition(pool, arrays, gradient)["dx0"] * (arrays["x0"] > 0)
    for isa in ISAS:
        found = run_native(pool, (x,), arrays, gradient, isa, behind=relu).found
        np.testing.assert_array_equal(found["dx0"], dx)
