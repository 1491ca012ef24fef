"""CONV at a stride by its phases, against the float64 definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of, close, drawn_conv
from hypothesis import given, settings
from hypothesis import strategies as st
from one_task import run_task
from test_winograd import TOLERANCE

from examples import example
from isas import FOREIGN, NATIVE, SHAPES
from striate.check import check as check_net
from striate.graph import build
from striate.kernels import Isa, candidates_for, conv_winograd, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_phases import PhasesBackward, PhasesForward
from striate.kernels.winograd_matrices import Filtering
from striate.layers import BatchNorm, Conv, Mode, Pool, Shape, SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import plan_net
from striate.plan import Task, Training

NAME = "winograd by phases"
RESNET = "224x224x3 -> CONV7-64 S=2 P=3 fit=floor"
ALEXNET = "227x227x3 -> CONV11-96 S=4 P=0"
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


def test_the_number_of_threads_changes_no_bit() -> None:
    for text in ("60x45x3 -> CONV7-64 S=2 P=3 fit=floor", "63x47x3 -> CONV11-96 S=4 P=0"):
        conv, (x,) = example(text)
        assert isinstance(conv, Conv)
        for kind in CHANGED:
            one = run(kind, conv, x, host())
            for threads in (2, 3):
                more = run(kind, conv, x, host(), threads)
                for role, array in one.items():
                    np.testing.assert_array_equal(array, more[role])


@pytest.mark.parametrize("training", [False, True])
def test_relu_behind_it_and_a_part_of_a_deeper_volume(training: bool) -> None:
    conv, (x,) = example("17x22x3 -> CONV7-32 S=2 P=3 fit=floor")
    assert isinstance(conv, Conv)
    arrays, _ = arrays_of(conv, x, BATCH)
    y, first, depth = conv.shape(x), 16, 80
    arrays["y"] = np.zeros((BATCH, y.height, y.width, depth), np.float32)
    roles, detail = {role: role for role in arrays}, {"relu": True, "part": (depth, first)}
    task = Task("forward", "conv1", conv, BATCH, (x,), y, training, roles, detail)
    found = run_task(task, PhasesForward(host()), arrays, host(), threads=2)["y"]
    weights = {role[2:]: a.astype(float) for role, a in arrays.items() if role[:2] == "w."}
    exact = conv.forward((arrays["x0"].astype(float),), weights, Mode())
    own = slice(first, first + y.channels)
    close(found[..., own], np.maximum(exact, 0), TOLERANCE)
    found[..., own] = 0
    assert not found.any()


def test_a_norm_is_folded_into_the_filters_at_inference() -> None:
    conv, (x,) = example("17x22x3 -> CONV7-32 S=2 P=3 fit=floor bias=no")
    assert isinstance(conv, Conv)
    arrays, _ = arrays_of(conv, x, BATCH)
    rng, norm = np.random.default_rng(1), BatchNorm()
    given = {name: rng.random(32).astype(np.float32) + 0.5 for name in norm.parameters(x)}
    arrays |= {f"n.{name}": array for name, array in given.items()}
    roles, detail = {role: role for role in arrays}, {"norm": norm}
    task = Task("forward", "conv1", conv, BATCH, (x,), conv.shape(x), False, roles, detail)
    found = run_task(task, PhasesForward(host()), arrays, host())["y"]
    weights = {"w": arrays["w.w"].astype(float)}
    between = conv.forward((arrays["x0"].astype(float),), weights, Mode())
    statistics = {name: array.astype(float) for name, array in given.items()}
    close(found, norm.forward((between,), statistics, Mode()), TOLERANCE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("16x16x3 -> CONV7-32", "the stride is 1, or not the same both ways"),
        ("16x16x3 -> CONV7-32 S=2x3 fit=floor", "the stride is 1, or not the same both ways"),
        ("16x16x3 -> CONV7x5-32 S=2 fit=floor", "the filters are not square"),
        ("16x16x3 -> CONV5-32 S=2 dilation=2 fit=floor", "the filters are not square"),
        ("16x16x4 -> CONV7-32 S=2 groups=2 fit=floor", "there are groups"),
        ("16x16x3 -> CONV3-32 S=2 fit=floor", "the filters are not 3 to 5 strides long"),
        ("32x32x3 -> CONV11-32 S=2 fit=floor", "the filters are not 3 to 5 strides long"),
        ("16x16x3 -> CONV5-32 S=2 P=5 fit=floor", "the padding is larger than 4"),
    ],
)
def test_it_says_where_it_does_not_apply(text: str, why: str) -> None:
    conv, (x,) = example(text)
    for kind, maker in (("forward", PhasesForward), ("backward", PhasesBackward)):
        task = Task(kind, "conv1", conv, 2, (x,), conv.shape(x), True, {})
        assert maker(target("avx2")).refuses(task) == why


def test_it_says_what_else_it_does_not_do() -> None:
    conv, (x,) = example("16x16x3 -> CONV7-12 S=2 fit=floor")
    backward, y = PhasesBackward(target("avx2")), conv.shape(x)
    task = Task("backward", "conv1", conv, 2, (x,), y, True, {"dx0": "dx0"})
    assert backward.refuses(task) == "the gradient of the input is wanted"
    task = Task("backward", "conv1", conv, 2, (x,), y, True, {})
    assert backward.refuses(task) == "12 filters are not whole vectors of 8"
    task = Task("forward", "conv1", conv, 2, (x,), y, True, {}, {"pool": Pool()})
    assert PhasesForward(target("avx2")).refuses(task) == "it pools its output"


@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
def test_they_compile_for_machines_that_are_not_here(isa: Isa) -> None:
    conv, (x,) = example("30x30x3 -> CONV7-64 S=2 P=3 fit=floor")
    assert isinstance(conv, Conv)
    for kind, maker in (("forward", PhasesForward), ("backward", PhasesBackward)):
        for launch in maker(isa).lower(task_of(kind, conv, x)).launches:
            assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
@pytest.mark.parametrize("text", [RESNET, ALEXNET, "224x224x3 -> CONV7-96 S=2 P=1 fit=floor"])
def test_the_plan_takes_it_for_first_layers(text: str, name: str) -> None:
    graph = build(parse(f"INPUT {text} -> RELU -> POOL3 S=2 fit=floor -> FC 10"))
    for parts in (None, Training(SoftmaxLoss(), optimizer("sgd"))):
        plan = plan_net(check_net(graph), 4, parts, target(name))
        chosen = [choice for choice in plan.choices if choice.task.node == "conv1"]
        ways = {choice.candidate for choice in chosen if choice.task.kind != "update"}
        assert ways == {NAME}


@pytest.mark.parametrize(
    "text",
    [
        # Few filters, which do not pay for the transforms; mostly zeros; few outputs.
        "64x64x3 -> CONV7-16 S=2 P=3 fit=floor",
        "96x96x1 -> CONV7-32 S=2 P=3 fit=floor",
        "32x32x3 -> CONV5-32 S=2 P=2 fit=floor",
    ],
)
def test_the_plan_leaves_it_where_it_takes_longer(text: str) -> None:
    plan = plan_net(check_net(build(parse(f"INPUT {text} -> FC 10"))), 1, None, target("avx512"))
    assert NAME not in {choice.candidate for choice in plan.choices}


def test_exact_leaves_it_out() -> None:
    conv, (x,) = example(RESNET)
    assert isinstance(conv, Conv)
    for kind in CHANGED:
        task = task_of(kind, conv, x, batch=1)
        assert NAME in {candidate.name for candidate in candidates_for(host())(task)}
        assert NAME not in {candidate.name for candidate in candidates_for(host(), True)(task)}
