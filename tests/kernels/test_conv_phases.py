"""CONV at a stride by its phases, against the float64 definition."""

from __future__ import annotations

from typing import Any

import pytest
from conv_tasks import BATCH, arrays_of, close, drawn_conv
from hypothesis import given, settings
from hypothesis import strategies as st
from one_task import run_task
from test_winograd import TOLERANCE

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, conv_winograd, host
from striate.kernels.conv_phases import PhasesBackward, PhasesForward
from striate.kernels.winograd_matrices import Filtering
from striate.layers import Conv, Mode, Shape
from striate.plan import Task

CHANGED = {"forward": ("y",), "backward": ("dw.w", "dw.b")}
EXAMPLES = [
    ("30x23x3 -> CONV7-64 S=2 P=3 fit=floor", 2),
    ("21x31x3 -> CONV11-96 S=4 P=0 fit=floor", 2),
    ("19x14x3 -> CONV7-96 S=2 P=1 fit=floor", 2),
    ("18x20x3 -> CONV5-32 S=2 P=2 fit=floor", 2),
    ("13x17x1 -> CONV8-16 S=2 P=0,3,1,2 fit=floor", 2),
    ("16x11x4 -> CONV9-48 S=3 P=4 fit=floor bias=no", 2),
    ("17x19x3 -> CONV12-16 S=3 P=5,0,0,5 fit=floor", 2),
    ("14x15x6 -> CONV13-16 S=3 P=6,2,7,0 fit=floor", 2),
    ("11x9x4 -> CONV6-33 S=2 P=0,0,3,0 fit=floor", 1),
    ("10x13x1 -> CONV11-20 S=4 P=9,10,8,10 fit=ceil", 1),
    ("23x9x17 -> CONV5-16 S=2 P=2 fit=floor bias=no", 2),
    ("5x7x3 -> CONV7-16 S=2 P=6 fit=floor", 2),
    ("40x40x3 -> CONV7-80 S=2 P=3 fit=floor", 2),
    ("15x5x3 -> CONV5-16 S=2 P=1 fit=ceil", 2),
]
"""With odd sizes, padding on one side, filters that are whole strides and others, several vectors
of channels, panels that are not whole; and how many passes whole vectors of filters allow."""


def task_of(kind: str, conv: Conv, x: Shape, batch: int = BATCH) -> Task:
    """A training task of a first layer."""
    arrays = arrays_of(conv, x, batch)[kind == "backward"]
    roles = {role: role for role in arrays if role != "dx0"}
    return Task(kind, "conv1", conv, batch, (x,), conv.shape(x), True, roles)


def run(kind: str, conv: Conv, x: Shape, isa: Isa, threads: int = 1) -> dict[str, Any]:
    """What the kernels give by role; nothing where the candidate refuses."""
    task = task_of(kind, conv, x)
    candidate = PhasesForward(isa) if kind == "forward" else PhasesBackward(isa)
    if candidate.refuses(task) is not None:
        return {}
    arrays = arrays_of(conv, x, BATCH)[kind == "backward"]
    own = {role: array for role, array in arrays.items() if role in task.roles}
    found = run_task(task, candidate, own, isa, threads)
    return {role: found[role] for role in CHANGED[kind] if role in found}


def check(conv: Conv, x: Shape, isa: Isa) -> int:
    """Both passes agree with the definition; how many of them the candidates can do."""
    given, gradients = arrays_of(conv, x, BATCH)
    weights = {role[2:]: a.astype(float) for role, a in given.items() if role[:2] == "w."}
    images, dy = given["x0"].astype(float), gradients["dy"].astype(float)
    y = conv.forward((images,), weights, Mode())
    _, dw = conv.backward(dy, (images,), y, weights, Mode())
    exact = {"y": y, **{f"dw.{name}": value for name, value in dw.items()}}
    passes = [run(kind, conv, x, isa) for kind in CHANGED]
    for found in passes:
        for role, array in found.items():
            close(array, exact[role], TOLERANCE)
    return sum(bool(found) for found in passes)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(("text", "passes"), EXAMPLES)
def test_examples(text: str, passes: int, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    assert check(conv, x, isa) >= passes


@pytest.mark.parametrize("filtering", [Filtering(4, 4), Filtering(5, 4)])
def test_patches_of_either_size(filtering: Filtering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(conv_winograd.FILTERINGS, ((4, 4), (1, 1)), (filtering,))
    conv, (x,) = example("38x29x3 -> CONV7-64 S=2 P=3 fit=floor")
    assert isinstance(conv, Conv)
    assert check(conv, x, host()) == 2


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(5, 21), st.integers(5, 21), st.integers(1, 5)),
    st.sampled_from([5, 16, 32]),
    st.integers(2, 4),
    st.integers(3, 12),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.booleans(),
)
def test_any_shape(
    volume: tuple[int, int, int], filters: int, stride: int, size: int, pad: Any, bias: bool
) -> None:
    x, window = Shape(*volume), (size, stride, pad, 1, "floor")
    check(drawn_conv(x, filters, window, bias=bias), x, host())
