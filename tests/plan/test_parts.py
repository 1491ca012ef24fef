"""Which inputs of a CONCAT are computed in its output."""

from __future__ import annotations

import pytest

from striate.check import check
from striate.graph import build
from striate.kernels import host
from striate.layers import SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import plan_net
from striate.plan import At, Plan, Task, Training, show_plan

MODULE = "CONCAT{ CONV1-16 -> RELU | CONV3-32 -> RELU | CONV5-16 -> RELU }"


def plan_of(text: str, training: bool) -> Plan:
    parts = Training(SoftmaxLoss(), optimizer("sgd")) if training else None
    graph = build(parse(f"INPUT 8x8x16 -> {text} -> FC 2"))
    return plan_net(check(graph), 2, parts, host())


def placed(text: str, training: bool) -> list[str]:
    """The nodes whose output lies in a CONCAT's, in the forward pass."""
    tasks = [choice.task for choice in plan_of(text, training).choices]
    return [task.node for task in tasks if "part" in task.detail]


def task_of(plan: Plan, kind: str, node: str) -> Task:
    return next(c.task for c in plan.choices if (c.task.kind, c.task.node) == (kind, node))


@pytest.mark.parametrize("training", [False, True])
def test_branches_are_written_where_the_concat_wants_them(training: bool) -> None:
    plan = plan_of(MODULE, training)
    assert placed(MODULE, training) == ["conv1", "conv2", "conv3"]
    assert task_of(plan, "forward", "conv2").detail["part"] == (64, 16)
    concat = next(c for c in plan.choices if c.task.node == "concat1")
    assert concat.lowering.launches == ()
    assert {concat.task.roles[role] for role in ("x0", "x1", "x2", "y")} == {"concat1"}
    assert "written into its part of concat1" in show_plan(plan)


def test_backward_masks_what_the_relus_have_left() -> None:
    plan = plan_of(MODULE, training=True)
    concat = next(c for c in plan.choices if c.task.node == "concat1" and c.task.kind == "backward")
    assert concat.task.name == "concat1 + relu3 + relu2 + relu1 backward"
    masks = [launch.arguments[7] for launch in concat.lowering.launches]
    assert masks == [At("x0", 0), At("x1", 64), At("x2", 192)]


def test_training_keeps_one_volume_for_each_concat() -> None:
    def bytes_of(modules: int) -> int:
        net = " -> ".join(["CONCAT{ CONV3-32 -> RELU | CONV3-32 -> RELU }"] * modules)
        return plan_of(net, training=True).regions["arena"]

    volume = 4 * 2 * 8 * 8 * 64
    assert bytes_of(12) - bytes_of(4) == 8 * volume


@pytest.mark.parametrize(
    ("text", "training", "expected"),
    [
        # Somebody else reads the volume, or changes it.
        ("CONV3-16 -> CONCAT{ SKIP | CONV3-16 }", False, ["conv2"]),
        ("CONCAT{ CONV3-16 -> TANH | CONV3-16 }", False, ["conv2"]),
        ("CONV3-16 -> CONCAT{ SKIP | SKIP }", False, []),
        # Backward of another layer than RELU wants it on its own.
        ("CONCAT{ CONV3-16 -> LRN | CONV3-16 }", True, ["conv2"]),
        # What works in place behind the CONCAT destroys the mask that backward reads.
        ("CONCAT{ CONV3-16 -> RELU | CONV3-16 } -> RELU", True, ["conv2"]),
        ("CONCAT{ CONV3-16 -> RELU | CONV3-16 } -> RELU", False, ["conv1", "conv2"]),
        # No kernel for pooling writes into a part.
        ("CONCAT{ POOL3 S=1 P=1 | CONV3-16 }", False, ["conv1"]),
        # What is added to a 1x1 CONV lies as its own output does.
        ("CONV3-16 -> CONCAT{ SUM{ CONV1-16 | SKIP } | CONV3-16 }", False, ["conv3"]),
        # A CONCAT in a CONCAT is copied once.
        ("CONCAT{ CONCAT{ CONV1-8 | CONV1-8 } | CONV1-8 }", False, ["conv1", "conv2", "conv3"]),
    ],
)
def test_what_is_copied(text: str, training: bool, expected: list[str]) -> None:
    assert placed(text, training) == expected
