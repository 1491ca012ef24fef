"""Which CONVs give the statistics of the BATCHNORM behind them."""

from __future__ import annotations

import pytest

from striate.check import check
from striate.graph import build
from striate.kernels import host
from striate.layers import BatchNorm, SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import plan_net
from striate.plan import Plan, Training, show_plan


def plan_of(text: str, training: bool = True) -> Plan:
    parts = Training(SoftmaxLoss(), optimizer("sgd")) if training else None
    return plan_net(check(build(parse(f"INPUT 8x8x16 -> {text} -> FC 2"))), 2, parts, host())


def given(plan: Plan) -> list[str]:
    """The CONVs that give them."""
    tasks = [choice.task for choice in plan.choices]
    return [task.node for task in tasks if "n.mean" in task.roles]


def test_the_norm_only_applies_what_the_conv_has_saved() -> None:
    plan = plan_of("CONV1-16 bias=no -> BATCHNORM -> RELU -> CONV3-16")
    assert given(plan) == ["conv1"]
    assert "gives the statistics of batchnorm1" in show_plan(plan)
    pairs = list(zip(plan.choices, plan.bindings, strict=True))
    norms = [(c, b) for c, b in pairs if isinstance(c.task.what, BatchNorm)]
    assert {c.task.kind for c, _ in norms} == {"forward", "again", "backward"}
    for choice, binding in norms:
        assert binding["saved.mean"] == "conv1/mean"
        if choice.task.kind == "forward":
            assert len(choice.lowering.launches) == 1
    conv = next(b for c, b in pairs if c.task.node == "conv1")
    assert conv["n.variance"] == "batchnorm1.variance"
    assert conv["saved.inverse"] == "conv1/inverse"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONV3-16 -> SUM{ BATCHNORM | SKIP }", ["conv1"]),
        ("SUM{ CONV1-16 -> BATCHNORM | CONV3-16 -> BATCHNORM }", ["conv1", "conv2"]),
        ("CONV1-16 -> RELU -> BATCHNORM", ["conv1"]),
        # A CONV gives them for one norm.
        ("CONV1-16 -> SUM{ BATCHNORM | BATCHNORM eps=0.1 }", ["conv1"]),
        # Something comes between.
        ("CONV1-16 -> POOL2 -> BATCHNORM", []),
        ("CONV1-16 -> TANH -> BATCHNORM", []),
    ],
)
def test_which_convs(text: str, expected: list[str]) -> None:
    assert given(plan_of(text)) == expected


def test_inference_has_running_statistics() -> None:
    plan = plan_of("CONV1-16 -> RELU -> BATCHNORM", training=False)
    assert given(plan) == []
