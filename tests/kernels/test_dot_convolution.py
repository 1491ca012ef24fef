"""Convolution with vectors over the cells of filters, against the definition."""

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
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_data_gradient import data_gradient, dots_back
from striate.kernels.conv_dots import DotConvolution
from striate.kernels.conv_filter_gradient import filter_gradient
from striate.kernels.conv_forward import DirectForward, dots_forward
from striate.layers import Conv, Shape
from striate.plan import Lowering, Task

TOLERANCE = 3e-6


@dataclass(frozen=True)
class ByDots:
    """Forward, or backward by the data, with vectors over cells."""

    isa: Isa
    name: str = "dots"

    def refuses(self, task: Task) -> str | None:
        return None if task.what.groups == 1 else "there are groups"

    def cost(self, task: Task) -> float:
        return float(task.what.groups)

    def lower(self, task: Task) -> Lowering:
        if task.kind == "forward":
            return dots_forward(self.isa, task)
        launches, scratch = dots_back(self.isa, task)
        more, partial = filter_gradient(self.isa, task)
        return Lowering((*launches, *more), scratch={**scratch, **partial})


WAYS = (ByDots, ByDots)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    "text",
    [
        "8x8x20 -> CONV5-20",
        "7x9x16 -> CONV3x5-18",
        "5x5x1 -> CONV3-1",
        "9x8x5 -> CONV5x3-6 P=1,2,3,0",
        "11x10x33 -> CONV3-7 dilation=1x2 P=1 bias=no",
        "30x40x3 -> CONV11-5 P=0",
    ],
)
def test_examples(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert check(WAYS, conv, x, isa, TOLERANCE) == 2


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)),
    st.sampled_from([1, 2, 9, 16, 19]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.integers(1, 2),
)
def test_any_shape(volume: Any, filters: int, size: Any, pad: Any, dilation: int) -> None:
    x = Shape(*volume)
    conv = drawn_conv(x, filters, (size, (1, 1), pad, (dilation, 1), "floor"))
    assert check(WAYS, conv, x, host(), TOLERANCE) == 2


@pytest.mark.parametrize("stride", ["2", "3x2"])
def test_forward_takes_any_stride(stride: str) -> None:
    conv, (x,) = example(f"12x11x8 -> CONV3-6 S={stride} fit=floor")
    assert check((ByDots, DirectBackwardOnly), conv, x, host(), TOLERANCE) == 1


@dataclass(frozen=True)
class DirectBackwardOnly:
    """Refuses: stands where backward is not asked for."""

    isa: Isa
    name: str = "nothing"

    def refuses(self, task: Task) -> str | None:
        return f"{task.kind} is not asked for"

    def cost(self, task: Task) -> float:
        return float(task.batch)

    def lower(self, task: Task) -> Lowering:
        raise NotImplementedError(task.kind)


def test_only_what_a_relu_let_through_is_kept() -> None:
    conv, (x,) = example("9x10x19 -> CONV5-20")
    given = arrays_of(conv, x, 2)[1]
    roles = {role: role for role in given}
    shapes = (2, (x,), conv.shape(x), True, roles)
    plain, masked = (
        run_task(Task("backward", "conv1", conv, *shapes, detail), ByDots(host()), given, host())
        for detail in ({}, {"mask": True})
    )
    expected = np.where(given["x0"] > 0, plain["dx0"], 0)
    np.testing.assert_array_equal(masked["dx0"], expected)


def test_the_number_of_threads_changes_no_bit() -> None:
    check_threads(WAYS, "8x8x20 -> CONV5-20")


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
def test_every_target_gets_object_code(name: str) -> None:
    isa = target(name)
    for launch in dots_back(isa, task_of("9x9x12 -> CONV3-21", {"mask": True}))[0]:
        assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8x8x20 -> CONV5-20", True),
        ("16x16x48 -> CONV3-4", True),
        # Whole blocks of filters; rows of few cells.
        ("16x16x48 -> CONV3-32", False),
        ("16x16x3 -> CONV3-20", False),
        ("8x8x40 -> CONV5-20 groups=2", False),
    ],
)
def test_it_is_chosen_where_it_saves_work(text: str, expected: bool) -> None:
    isa = target("avx512")
    launches = DirectForward(isa).lower(task_of(text, {})).launches
    assert any(isinstance(launch.kernel, DotConvolution) for launch in launches) is expected


def test_backward_chooses_it_too() -> None:
    launches, _ = data_gradient(target("avx512"), task_of("8x8x20 -> CONV5-20", {}))
    assert any(isinstance(launch.kernel, DotConvolution) for launch in launches)


def task_of(text: str, detail: dict[str, Any]) -> Task:
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    return Task("forward", "c", conv, 4, (x,), conv.shape(x), True, {"dx0": "dx0"}, detail)
