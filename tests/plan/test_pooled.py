"""Which max POOLs are done by the CONV in front of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from striate.check import check
from striate.graph import Graph, Node, build
from striate.kernels import host, target
from striate.layers import Conv, Fc, Input, Pool, Relu, Shape, SoftmaxLoss, Sum, Window
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import plan_net
from striate.plan import Candidate, Plan, Task, Training, show_plan
from striate.plan.choose import Measure


def plan_of(text: str, training: bool, exact: bool = False, measure: Measure | None = None) -> Plan:
    parts = Training(SoftmaxLoss(), optimizer("sgd")) if training else None
    checked = check(build(parse(f"INPUT 32x32x16 -> {text} -> FC 2")))
    return plan_net(checked, 4, parts, host(), exact, measure)


def names(plan: Plan) -> list[str]:
    return [choice.task.name for choice in plan.choices]


@pytest.mark.parametrize("training", [False, True])
def test_the_output_of_the_conv_is_never_stored(training: bool) -> None:
    plan = plan_of("CONV3-32 -> RELU -> POOL2 -> CONV3-32 -> POOL2", training)
    assert {"conv1 + relu1 + pool1 forward", "conv2 + pool2 forward"} <= set(names(plan))
    assert "pools what it computes, which is never stored (estimated" in show_plan(plan)
    assert not {"conv1", "conv2"} & set(plan.offsets)
    assert "pool1 forward" not in names(plan)


def test_backward_finds_the_winners_where_the_conv_has_saved_them() -> None:
    plan = plan_of("CONV3-32 -> RELU -> POOL2", training=True)
    assert plan.buffers["conv1/pooled"].bytes == 4 * 16 * 16 * 32
    backward = names(plan).index("conv1 + pool1 + relu1 backward")
    assert plan.bindings[backward]["saved.pooled"] == "conv1/pooled"
    assert plan.bindings[backward]["dy"] == "d:pool1"
    assert "d:relu1" not in plan.offsets
    assert "reads the pooled gradient and its switches (estimated" in show_plan(plan)


def test_a_relu_in_front_of_the_conv_still_masks_its_gradient() -> None:
    plan = plan_of("CONV3-32 -> RELU -> CONV3-32 -> RELU -> POOL2", training=True)
    task = next(
        c.task for c in plan.choices if c.task.kind == "backward" and c.task.node == "conv2"
    )
    assert task.name == "conv2 + pool1 + relu2 + relu1 backward"
    assert task.detail["mask"]


def test_the_gradient_is_pooled_back_apart_where_the_conv_is_not_winograds() -> None:
    def measure(task: Task, candidates: Sequence[Candidate]) -> list[float]:
        slow = "winograd" if task.kind == "backward" else "direct convolution"
        return [2.0 if candidate.name == slow else 1.0 for candidate in candidates]

    listed = names(plan_of("CONV3-32 -> RELU -> POOL2", training=True, measure=measure))
    assert {"conv1 + relu1 + pool1 forward", "pool1 + relu1 backward"} <= set(listed)
    assert "conv1 backward" in listed


def test_a_shared_gradient_is_read_before_it_is_changed() -> None:
    # The SUM's inputs share a gradient, which the RELU masks between the turns of POOL and CONV.
    nodes = (
        Node("input", Input(Shape(8, 8, 16)), ()),
        Node("a", Conv(16, Window((3, 3), pad=(1, 1, 1, 1))), ("input",)),
        Node("b", Conv(16, Window((1, 1), (2, 2), fit="floor")), ("input",)),
        Node("r", Relu(), ("b",)),
        Node("p", Pool(), ("a",)),
        Node("s", Sum(), ("p", "r")),
        Node("fc", Fc(2), ("s",)),
    )
    parts = Training(SoftmaxLoss(), optimizer("sgd"))
    plan = plan_net(check(Graph(nodes)), 4, parts, host())
    backward = {c.task.node: c.task for c in plan.choices if c.task.kind == "backward"}
    assert backward["p"].roles["dy"] == backward["r"].roles["dy"] == backward["r"].roles["dx0"]
    assert list(backward) == ["fc", "s", "p", "r", "b", "a"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        # Somebody else needs the volume.
        "CONV3-32 -> RELU -> SUM{ POOL2 | CONV1-32 S=2 fit=floor }",
        "CONV3-32 -> SUM{ RELU -> POOL2 | POOL2 }",
        # Something comes between, or the windows are not whole ones in tiles.
        "CONV3-32 -> DROPOUT -> TANH -> POOL2",
        "CONV3-32 -> RELU -> POOL3 S=2 fit=ceil",
        "CONV3-32 -> RELU -> POOL2 avg",
        "CONV3-32 P=0,1,0,1 -> RELU -> POOL2 fit=ceil",
        # Another candidate than Winograd's is best.
        "CONV1-32 -> RELU -> POOL2",
        "CONV3-32 S=2 fit=floor -> RELU -> POOL2",
    ],
)
def test_what_stays_apart(text: str, training: bool) -> None:
    assert "pool1 forward" in names(plan_of(text, training))


def test_an_exact_net_has_no_winograd() -> None:
    plan = plan_of("CONV3-32 -> RELU -> POOL2", training=False, exact=True)
    assert "pool1 forward" in names(plan)


def test_a_pooled_volume_may_be_normalised_and_placed() -> None:
    text = "CONV3-32 -> POOL2 -> BATCHNORM -> CONCAT{ CONV3-32 -> RELU -> POOL2 | CONV3-16 S=2 }"
    listed = names(plan_of(text.replace("S=2", "S=2 fit=floor"), training=True))
    assert {"conv1 + pool1 forward", "batchnorm1 forward"} <= set(listed)
    assert {"conv2 + relu1 + pool2 forward", "concat1 forward"} <= set(listed)


@pytest.mark.parametrize(("size", "together"), [("12x12x64", True), ("10x10x64", False)])
def test_a_conv_that_would_need_other_tiles_leaves_the_pool_apart(
    size: str, together: bool
) -> None:
    """Tiles of 5x5 cover 10x10 with far fewer products, but cut its windows."""
    checked = check(build(parse(f"INPUT {size} -> CONV3-64 -> RELU -> POOL2 -> FC 2")))
    training = Training(SoftmaxLoss(), optimizer("sgd"))
    found = names(plan_net(checked, 4, training, target("avx2"), False, None))
    assert ("pool1 forward" not in found) is together
