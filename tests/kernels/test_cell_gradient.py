"""Backward-filter with vectors over cells, against the definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from conv_tasks import check, check_threads, drawn_conv
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_cell_gradient import CellGradient, cell_gradient, cell_seconds
from striate.kernels.conv_data_gradient import data_gradient
from striate.kernels.conv_filter_gradient import filter_gradient
from striate.kernels.conv_forward import DirectForward
from striate.layers import Shape
from striate.plan import Lowering, Task

TOLERANCE = 3e-6


@dataclass(frozen=True)
class ByCells:
    """Backward: by the data directly, by the filters with vectors over their cells."""

    isa: Isa
    name: str = "cells"

    def refuses(self, task: Task) -> str | None:
        return "there are groups" if task.what.groups > 1 else None

    def cost(self, task: Task) -> float:
        return cell_seconds(self.isa, task.what, task.inputs[0], task.batch)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = data_gradient(self.isa, task)
        more, partial = cell_gradient(self.isa, task)
        return Lowering((*launches, *more), scratch={**scratch, **partial})


WAYS = (DirectForward, ByCells)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    "text",
    [
        "7x9x16 -> CONV5-20",
        "30x30x3 -> CONV5-16",
        "9x8x5 -> CONV3x5-17 S=2x3 fit=floor",
        "11x10x33 -> CONV3-6 P=2 bias=no",
        "40x70x8 -> CONV3-33",
        "5x5x1 -> CONV3-1 S=3 fit=floor P=2",
        "23x23x1 -> CONV11-4 S=4 fit=floor",
    ],
)
def test_examples(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert check(WAYS, conv, x, isa, TOLERANCE) == 2


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)),
    st.sampled_from([1, 2, 9, 16, 19, 33]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.integers(1, 2),
    st.sampled_from(["floor", "ceil"]),
)
def test_any_shape(
    volume: Any, filters: int, size: Any, stride: Any, pad: Any, dilation: int, fit: str
) -> None:
    x = Shape(*volume)
    conv = drawn_conv(x, filters, (size, stride, pad, (dilation, 1), fit))
    assert check(WAYS, conv, x, host(), TOLERANCE) == 2


def test_the_number_of_threads_changes_no_bit() -> None:
    check_threads(WAYS, "18x18x3 -> CONV5-20")


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
def test_every_target_gets_object_code(name: str) -> None:
    isa = target(name)
    for launch in cell_gradient(isa, task_of("9x9x3 -> CONV3-20"))[0]:
        assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16x16x16 -> CONV5-20", True),
        ("32x32x3 -> CONV5-16", True),
        # The filters fill their vectors, the cells of a row do not.
        ("32x32x3 -> CONV3-32", False),
        ("16x16x16 -> CONV5-40 groups=2", False),
    ],
)
def test_it_is_chosen_where_it_saves_work(text: str, expected: bool) -> None:
    kernels = {
        type(launch.kernel) for launch in filter_gradient(target("avx512"), task_of(text))[0]
    }
    assert (CellGradient in kernels) is expected


def task_of(text: str) -> Task:
    conv, (x,) = example(text)
    return Task("backward", "conv1", conv, 4, (x,), conv.shape(x), True, {})
