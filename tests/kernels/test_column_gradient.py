"""Backward-data by columns, against the definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from conv_tasks import arrays_of, check, check_threads, drawn_conv
from hypothesis import given, settings
from hypothesis import strategies as st
from one_task import run_task

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host, target
from striate.kernels.column_gradient import ColumnGradient, by_columns, columns_seconds
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_data_gradient import data_gradient
from striate.kernels.conv_filter_gradient import filter_gradient
from striate.kernels.conv_forward import DirectForward
from striate.layers import Shape
from striate.plan import Lowering, Task

TOLERANCE = 3e-6


@dataclass(frozen=True)
class ByColumns:
    """Backward: by the data in columns, by the filters directly."""

    isa: Isa
    name: str = "columns"

    def refuses(self, task: Task) -> str | None:
        return "there are groups" if task.what.groups > 1 else None

    def cost(self, task: Task) -> float:
        return columns_seconds(self.isa, task)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = by_columns(self.isa, task)
        more, partial = filter_gradient(self.isa, task)
        return Lowering((*launches, *more), scratch={**scratch, **partial})


WAYS = (DirectForward, ByColumns)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    "text",
    [
        "7x9x16 -> CONV3-20",
        "30x30x3 -> CONV11-12 P=0",
        "9x8x5 -> CONV3x5-17 S=2x3 fit=floor",
        "11x10x33 -> CONV3-20 P=2 dilation=2",
        "12x12x400 -> CONV3-16 S=2 P=1,0,0,1 fit=floor bias=no",
        "16x16x80 -> CONV7-8 P=0",
        "5x5x2 -> CONV3-4 S=3 fit=floor P=2",
        "6x3x2 -> CONV1x3-4 P=0,0,4,4 dilation=1x2",
    ],
)
def test_examples(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert check(WAYS, conv, x, isa, TOLERANCE) == 2


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([1, 2, 9, 16, 19]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from(["floor", "ceil"]),
)
def test_any_shape(
    volume: Any, filters: int, size: Any, stride: Any, pad: Any, dilation: Any, fit: str
) -> None:
    x = Shape(*volume)
    conv = drawn_conv(x, filters, (size, stride, pad, dilation, fit))
    assert check(WAYS, conv, x, host(), TOLERANCE) == 2


def test_only_what_a_relu_let_through_is_kept() -> None:
    conv, (x,) = example("13x9x3 -> CONV5-24 P=0")
    given = arrays_of(conv, x, 4)[1]
    roles = {role: role for role in given}
    shapes = (4, (x,), conv.shape(x), True, roles)
    plain, masked = (
        run_task(Task("backward", "conv1", conv, *shapes, detail), ByColumns(host()), given, host())
        for detail in ({}, {"mask": True})
    )
    expected = np.where(given["x0"] > 0, plain["dx0"], 0)
    np.testing.assert_array_equal(masked["dx0"], expected)
    assert np.count_nonzero(expected) < expected.size


def test_the_number_of_threads_changes_no_bit() -> None:
    check_threads(WAYS, "18x18x3 -> CONV5-24 P=0")


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
def test_every_target_gets_object_code(name: str) -> None:
    isa = target(name)
    for launch in by_columns(isa, task_of("9x9x3 -> CONV3-33", 4))[0]:
        assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


@pytest.mark.parametrize(
    ("text", "batch", "expected"),
    [
        ("64x64x3 -> CONV11-96 P=0", 4, True),
        ("16x16x128 -> CONV7-128 P=0", 4, True),
        # Hardly any padding, and whole vectors of channels.
        ("28x28x64 -> CONV3-64", 4, False),
        ("56x56x128 -> CONV3-128 S=2 P=1 fit=floor", 4, False),
        # One chunk is one image.
        ("64x64x3 -> CONV11-96 P=0", 2, False),
        ("16x16x128 -> CONV7-128 P=0 groups=2", 4, False),
    ],
)
def test_it_is_chosen_where_it_saves_work(text: str, batch: int, expected: bool) -> None:
    kernels = {type(launch.kernel) for launch in data_gradient(host(), task_of(text, batch))[0]}
    assert (ColumnGradient in kernels) is expected


def task_of(text: str, batch: int) -> Task:
    conv, (x,) = example(text)
    roles = {"dx0": "dx0"}
    return Task("backward", "conv1", conv, batch, (x,), conv.shape(x), True, roles)
