"""Direct convolution, all three passes, against the float64 definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from one_task import run_task

from examples import example
from striate.errors import InputError
from striate.kernels import Isa, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_direct import DirectForward
from striate.kernels.conv_filter_gradient import DirectBackward
from striate.layers import Conv, Mode, Shape, Window
from striate.plan import Task

TOLERANCE = 3e-6
BATCH = 3
ARRAYS = dict[str, Any]


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
    conv: Conv, x: Shape, isa: Isa, threads: int = 1, batch: int = BATCH
) -> tuple[ARRAYS, ARRAYS]:
    """What the kernels give, by role."""
    forward, backward = arrays_of(conv, x, batch)
    found = []
    for kind, candidate, given_arrays in (
        ("forward", DirectForward(isa), forward),
        ("backward", DirectBackward(isa), backward),
    ):
        roles = {role: role for role in given_arrays}
        task = Task(kind, "conv1", conv, batch, (x,), conv.shape(x), True, roles)
        found.append(run_task(task, candidate, given_arrays, isa, threads))
    return found[0], found[1]


def check(conv: Conv, x: Shape, isa: Isa) -> None:
    """Both passes agree with the definition."""
    forward, backward = run_both(conv, x, isa)
    weights = {role[2:]: a.astype(float) for role, a in forward.items() if role[:2] == "w."}
    images = forward["x0"].astype(float)
    y = conv.forward((images,), weights, Mode())
    close(forward["y"], y)
    (dx,), dw = conv.backward(backward["dy"].astype(float), (images,), y, weights, Mode())
    close(backward["dx0"], dx)
    for name, value in dw.items():
        close(backward[f"dw.{name}"], value)


def close(found: Any, exact: Any) -> None:
    assert np.abs(found - exact).max() <= TOLERANCE * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("isa", [host(), target("sse2")], ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", Conv.examples)
def test_examples(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    check(conv, x, isa)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)),
    st.integers(1, 3),
    st.sampled_from([1, 2, 9, 16, 19]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from(["floor", "ceil"]),
    st.booleans(),
)
def test_any_shape(
    volume: Any, groups: int, filters: int, size: Any, stride: Any, pad: Any, dilation: Any,
    fit: str, bias: bool,
) -> None:  # fmt: skip
    x = Shape(volume[0], volume[1], volume[2] * groups)
    try:
        window = Window(size, stride, pad, dilation, fit)
        conv = Conv(filters * groups, window, groups, bias)
    except InputError:
        assume(False)
    assume(all(rule.holds for rule in conv.rules(x)))
    check(conv, x, host())


@pytest.mark.parametrize(
    "text", ["20x20x3 -> CONV3-20", "12x12x32 -> CONV3-40 groups=2 S=2 fit=floor"]
)
def test_the_number_of_threads_changes_no_bit(text: str) -> None:
    conv, (x,) = example(text)
    one = run_both(conv, x, host(), threads=1, batch=9)
    for threads in (2, 3):
        more = run_both(conv, x, host(), threads, batch=9)
        for first, second in zip(one, more, strict=True):
            for role in first:
                np.testing.assert_array_equal(first[role], second[role])


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
def test_every_target_gets_object_code(name: str) -> None:
    isa = target(name)
    conv, (x,) = example("9x9x16 -> CONV3-33")
    for kind, candidate in (("forward", DirectForward(isa)), ("backward", DirectBackward(isa))):
        roles = {"dx0": "dx0"}
        task = Task(kind, "conv1", conv, 2, (x,), conv.shape(x), True, roles)
        for launch in candidate.lower(task).launches:
            assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


def test_without_a_wanted_gradient_by_the_input_none_is_computed() -> None:
    conv, (x,) = example("8x8x3 -> CONV3-4")
    candidate = DirectBackward(host())
    both = candidate.lower(Task("backward", "c", conv, 2, (x,), x, True, {"dx0": "d"}))
    one = candidate.lower(Task("backward", "c", conv, 2, (x,), x, True, {}))
    assert len(both.launches) == len(one.launches) + 2
