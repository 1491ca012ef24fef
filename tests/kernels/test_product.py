"""Convolution as a matrix product, forward and backward, against the definition."""

from __future__ import annotations

import pytest
from conv_tasks import check, check_threads
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_product import ProductBackward, ProductForward
from striate.layers import Conv, Shape, Window
from striate.plan import Task

PRODUCT = (ProductForward, ProductBackward)
TOLERANCE = 3e-6
EXAMPLES = [
    "10x10x16 -> CONV1-24",
    "5x4x3 -> CONV1-7 bias=no",
    "9x8x5 -> CONV1-17 S=2x3 fit=floor",
    "7x7x300 -> CONV1-33",
    "4x4x530 -> CONV1-16 S=3 fit=floor",
    "9x9x4 -> CONV1-8 S=2 fit=ceil",
    "9x8x32 -> CONV3-17",
    "7x9x40 -> CONV3-24 S=2",
    "8x8x300 -> CONV3x2-16 S=1x2 P=1,0,1,0 fit=floor",
    "11x10x33 -> CONV3-20 P=2 dilation=2",
    "6x6x64 -> CONV5-16 P=0",
    "10x10x32 -> CONV1-16 P=1",
]


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES)
def test_examples(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert check(PRODUCT, conv, x, isa, TOLERANCE) == 2


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(3, 9), st.integers(3, 9), st.sampled_from([32, 33, 40])),
    st.sampled_from([1, 9, 16, 35]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.booleans(),
)
def test_any_shape(
    volume: tuple[int, int, int],
    filters: int,
    size: tuple[int, int],
    stride: tuple[int, int],
    bias: bool,
) -> None:
    sides = tuple(n // 2 for n in size)
    conv = Conv(filters, Window(size, stride, sides, fit="floor"), bias=bias)
    assert check(PRODUCT, conv, Shape(*volume), host(), TOLERANCE) == 2


def test_the_number_of_threads_changes_no_bit() -> None:
    check_threads(PRODUCT, "18x18x32 -> CONV1-96 S=2 fit=floor")


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
def test_every_target_gets_object_code(name: str) -> None:
    isa = target(name)
    conv, (x,) = example("9x9x32 -> CONV1-33")
    task = Task("forward", "conv1", conv, 2, (x,), conv.shape(x), True, {})
    for launch in ProductForward(isa).lower(task).launches:
        assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("9x9x16 -> CONV3-16", "16 channels are too few for a slice"),
        ("9x9x16 -> CONV1-16 groups=2", "there are groups"),
    ],
)
def test_it_says_where_it_does_not_apply(text: str, why: str) -> None:
    conv, (x,) = example(text)
    task = Task("forward", "conv1", conv, 2, (x,), conv.shape(x), True, {})
    assert ProductForward(host()).refuses(task) == why
    assert ProductBackward(host()).refuses(task) == why
