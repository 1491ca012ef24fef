"""Direct convolution, all three passes, against the float64 definition."""

from __future__ import annotations

from typing import Any

import pytest
from conv_tasks import check, check_threads, drawn_conv
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_filter_gradient import DirectBackward
from striate.kernels.conv_forward import DirectForward
from striate.layers import Conv, Shape
from striate.plan import Task

DIRECT = (DirectForward, DirectBackward)
TOLERANCE = 3e-6


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", Conv.examples)
def test_examples(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert check(DIRECT, conv, x, isa, TOLERANCE) == 2


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
    window = size, stride, pad, dilation, fit
    conv = drawn_conv(x, filters * groups, window, groups=groups, bias=bias)
    assert check(DIRECT, conv, x, host(), TOLERANCE) == 2


@pytest.mark.parametrize(
    "text", ["20x20x3 -> CONV3-20", "12x12x32 -> CONV3-40 groups=2 S=2 fit=floor"]
)
def test_the_number_of_threads_changes_no_bit(text: str) -> None:
    check_threads(DIRECT, text)


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
