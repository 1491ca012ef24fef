"""What is computed a second time instead of being kept for backward."""

from __future__ import annotations

import pytest

from striate.check import check
from striate.graph import build
from striate.kernels import host
from striate.layers import SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import plan_net
from striate.plan import Plan, Training

BLOCK = "CONV3-16 bias=no -> BATCHNORM -> RELU"


def plan_of(text: str) -> Plan:
    graph = build(parse(f"INPUT 16x16x16 -> {text} -> FC 3"))
    return plan_net(check(graph), 4, Training(SoftmaxLoss(), optimizer("sgd")), host())


def test_a_batch_norm_is_done_again_in_front_of_the_first_layer_that_needs_it() -> None:
    plan = plan_of(f"{BLOCK} -> {BLOCK}")
    names = [choice.task.name for choice in plan.choices]
    again = names.index("batchnorm1 + relu1 again")
    assert names[again + 1] == "conv2 + relu1 backward"
    assert plan.bindings[again]["y"] == plan.bindings[again + 1]["x0"] == "batchnorm1 again"
    assert "batchnorm1" not in plan.bindings[again + 1].values()


def test_every_layer_of_backward_reads_the_second_volume() -> None:
    plan = plan_of(f"{BLOCK} -> CONCAT{{ CONV3-16 | CONV3-16 }}")
    reading = [
        choice.task.name
        for choice, binding in zip(plan.choices, plan.bindings, strict=True)
        if "batchnorm1 again" in binding.values()
    ]
    assert reading == [
        "batchnorm1 + relu1 again",
        "conv3 backward",
        "conv2 backward",
        "relu1 backward",
    ]


def test_it_takes_less_memory() -> None:
    volume = 4 * 16 * 16 * 16 * 4
    blocks = 12
    assert plan_of(" -> ".join([BLOCK] * blocks)).regions["arena"] < (blocks + 6) * volume


@pytest.mark.parametrize(
    "text",
    [
        # A SUM needs no volume in backward.
        "SUM{ CONV3-16 -> BATCHNORM | SKIP }",
        # LEAKY works in place on what BATCHNORM gives.
        "CONV3-16 -> BATCHNORM -> LEAKY -> CONV3-16",
        # A max POOL's backward reads its switches alone.
        f"{BLOCK} -> POOL2",
        f"{BLOCK} -> POOL3 S=2 P=1 fit=floor",
    ],
)
def test_what_is_not_done_again(text: str) -> None:
    assert not [choice for choice in plan_of(text).choices if choice.task.kind == "again"]
