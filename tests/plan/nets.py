"""Plans of nets written as text, with candidates that need no kernels."""

from __future__ import annotations

from striate.check import check
from striate.graph import build
from striate.layers import SoftmaxLoss
from striate.notation import parse
from striate.optimizers import Optimizer, optimizer
from striate.plan import Plan, Training, make_plan


def plan_of(
    text: str, training: bool = True, rule: Optimizer | None = None, clip: float | None = None
) -> Plan:
    """The plan of a net where the reference does everything."""
    parts = Training(SoftmaxLoss(), rule or optimizer("sgd"), clip) if training else None
    return make_plan(check(build(parse(text))), 2, lambda task: (), parts)  # noqa: ARG005
