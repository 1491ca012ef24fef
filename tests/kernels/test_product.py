"""Convolution as a matrix product, forward and backward, against the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of, check, check_threads, close
from hypothesis import given, settings
from hypothesis import strategies as st
from one_task import run_task

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_product import ProductBackward, ProductForward
from striate.kernels.product_gradient import ProductGradient
from striate.kernels.product_launch import BLOCK, Product, whole
from striate.layers import Conv, Mode, Shape, Window
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
    "7x7x1040 -> CONV1-40",
    "34x33x6 -> CONV1-70",
    "7x6x24 -> CONV1-300",
    "6x7x32 -> CONV2-16 P=0,1,0,1",
    "5x6x130 -> CONV3-128",
    "3x4x1060 -> CONV1-130",
]
"""Among them several slices, chunks of several blocks, several parts of the filters, and sums by
the filters that no cache holds, with slices in several chunks."""


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


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    "text", ["9x7x24 -> CONV1-35", "34x33x8 -> CONV1-21", "5x7x530 -> CONV1-48"]
)
def test_what_rides_on_it(text: str, isa: Isa) -> None:
    """A volume added before a RELU; a RELU's mask and a gradient that is there, in backward."""
    conv, (x,) = example(text)
    forward, backward = arrays_of(conv, x, BATCH)
    y = conv.shape(x)
    rng = np.random.default_rng(1)
    other, there = (rng.standard_normal(s.array(BATCH)).astype(np.float32) for s in (y, x))
    given = {**forward, "x1": other}
    detail = {"plus": True, "relu": True}
    found = run_task(task_of("forward", text, given, detail), ProductForward(isa), given, isa, 2)
    weights = {role[2:]: a.astype(float) for role, a in given.items() if role[:2] == "w."}
    exact = conv.forward((given["x0"].astype(float),), weights, Mode())
    close(found["y"], np.maximum(exact + other, 0), TOLERANCE)
    given = {**backward, "dx0": there}
    detail = {"adds": True, "mask": True}
    found = run_task(task_of("backward", text, given, detail), ProductBackward(isa), given, isa, 2)
    images, dy = (given[role].astype(float) for role in ("x0", "dy"))
    (dx,), _ = conv.backward(dy, (images,), exact, weights, Mode())
    close(found["dx0"], np.where(images > 0, dx + there, 0), TOLERANCE)


def task_of(kind: str, text: str, given: dict[str, Any], detail: dict[str, Any]) -> Task:
    conv, (x,) = example(text)
    roles = {role: role for role in given}
    return Task(kind, "conv1", conv, BATCH, (x,), conv.shape(x), True, roles, detail)


@pytest.mark.parametrize(
    "text",
    [
        "18x18x32 -> CONV1-96 S=2 fit=floor",
        "20x20x40 -> CONV1-96",
        "7x7x530 -> CONV1-300",
        "13x13x130 -> CONV3-128 S=2",
    ],
)
def test_the_number_of_threads_changes_no_bit(text: str) -> None:
    check_threads(PRODUCT, text)


@pytest.mark.parametrize("positions", [1, 11, 13, 100, 101, 1568, 3201, 25088])
@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512"])
def test_blocks_differ_by_one_micro_tile_and_hold_every_position(positions: int, name: str) -> None:
    isa, x = target(name), Shape(1, positions, 64)
    launch = Product(isa, (64, 96), whole(x), whole(x), positions).launch(("x", "w", 0, "y", 0))
    _, blocks, run, most = launch.arguments[5:9]
    tiles = -(-positions // isa.tile_rows)
    sizes = [(i + 1) * tiles // blocks - i * tiles // blocks for i in range(blocks)]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) * isa.tile_rows == most <= BLOCK + isa.tile_rows
    assert min(sizes) > 0
    assert launch.chunks % -(-blocks // run) == 0


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


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("14x14x512 -> CONV1-64", 3 * 2),
        ("7x7x832 -> CONV1-128", 4),
        ("28x28x256 -> CONV1-64", 15),
        ("7x7x64 -> CONV1-64", 1),
    ],
)
def test_backward_filter_makes_chunks_for_threads(text: str, chunks: int) -> None:
    """Parts of the positions times slices of the channels."""
    conv, (x,) = example(text)
    task = Task("backward", "conv1", conv, 8, (x,), conv.shape(x), True, {})
    launches = ProductBackward(target("avx512")).lower(task).launches
    assert [n.chunks for n in launches if isinstance(n.kernel, ProductGradient)] == [chunks]
