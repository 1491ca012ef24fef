"""Depthwise convolution, all three passes, against the float64 definition."""

from __future__ import annotations

from typing import Any

import pytest
from conv_tasks import check, check_threads, drawn_conv
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, candidates_for, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_depthwise import DepthwiseBackward, DepthwiseForward
from striate.layers import Shape
from striate.plan import Task

DEPTHWISE = (DepthwiseForward, DepthwiseBackward)
TOLERANCE = 3e-6
EXAMPLES = [
    "8x8x6 -> CONV3-6 groups=6 bias=no",
    "14x14x32 -> CONV3-32 groups=32",
    "13x12x19 -> CONV3-19 groups=19 S=2 fit=floor",
    "9x9x40 -> CONV5-40 groups=40",
    "11x10x17 -> CONV7-17 groups=17 P=1,4,6,0 S=3x1 fit=floor",
    "10x12x8 -> CONV3-8 groups=8 dilation=2 P=2",
    "11x11x16 -> CONV3-16 groups=16 dilation=2 S=2 P=2",
    "6x5x7 -> CONV1-7 groups=7 S=2 fit=floor",
    "9x8x3 -> CONV2-3 groups=3 S=3x4 P=0 fit=floor",
    "9x30x8 -> CONV1x13-8 groups=8",
    "5x5x2 -> CONV3-2 groups=2",
]


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES)
def test_examples(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert check(DEPTHWISE, conv, x, isa, TOLERANCE) == 2


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 11), st.integers(1, 14), st.sampled_from([2, 3, 8, 16, 21, 32])),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from(["floor", "ceil"]),
    st.booleans(),
)
def test_any_shape(
    volume: Any, size: Any, stride: Any, pad: Any, dilation: Any, fit: str, bias: bool
) -> None:
    x = Shape(*volume)
    window = size, stride, pad, dilation, fit
    conv = drawn_conv(x, x.channels, window, groups=x.channels, bias=bias)
    assert check(DEPTHWISE, conv, x, host(), TOLERANCE) == 2


@pytest.mark.parametrize(
    "text", ["20x20x20 -> CONV3-20 groups=20", "12x12x32 -> CONV5-32 groups=32 S=2 fit=floor"]
)
def test_the_number_of_threads_changes_no_bit(text: str) -> None:
    check_threads(DEPTHWISE, text)


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
def test_every_target_gets_object_code(name: str) -> None:
    isa = target(name)
    conv, (x,) = example("9x9x33 -> CONV3-33 groups=33 S=2")
    for kind, candidate in (
        ("forward", DepthwiseForward(isa)),
        ("backward", DepthwiseBackward(isa)),
    ):
        task = Task(kind, "conv1", conv, 2, (x,), conv.shape(x), True, {"dx0": "dx0"})
        for launch in candidate.lower(task).launches:
            assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("9x9x16 -> CONV3-16", "there are no groups"),
        ("9x9x16 -> CONV3-32 groups=16", "not every channel has one filter of its own"),
        ("9x9x16 -> CONV3-16 groups=8", "not every channel has one filter of its own"),
    ],
)
def test_it_says_where_it_does_not_apply(text: str, why: str) -> None:
    conv, (x,) = example(text)
    task = Task("forward", "conv1", conv, 2, (x,), conv.shape(x), True, {})
    for make in DEPTHWISE:
        assert make(host()).refuses(task) == why


@pytest.mark.parametrize(
    "text",
    [
        "112x112x32 -> CONV3-32 groups=32",
        "14x14x512 -> CONV3-512 groups=512 S=2 fit=floor",
        "28x28x64 -> CONV1-64 groups=64",
        "9x9x16 -> CONV7-16 groups=16",
    ],
)
@pytest.mark.parametrize("kind", ["forward", "backward"])
def test_its_estimates_are_the_least(text: str, kind: str) -> None:
    conv, (x,) = example(text)
    task = Task(kind, "conv1", conv, 2, (x,), conv.shape(x), True, {"dx0": "dx0"})
    able = [way for way in candidates_for(host())(task) if way.refuses(task) is None]
    assert min(able, key=lambda way: way.cost(task)).name == "depthwise"
    assert len(able) == 2
