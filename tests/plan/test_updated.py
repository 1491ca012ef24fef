"""Which CONVs' weights are updated by the task that sums up their gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from striate.check import check
from striate.graph import Network, build
from striate.kernels import host
from striate.layers import SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import compile_net, plan_net
from striate.plan import Candidate, Choice, Plan, Task, Training
from striate.plan.choose import Measure
from striate.run import Program
from striate.train.initialise import initialise

POINTWISE = "CONV1-512 bias=no -> BATCHNORM -> RELU"


def plan_of(text: str, clip: float | None = None, measure: Measure | None = None) -> Plan:
    parts = Training(SoftmaxLoss(), optimizer("sgd"), clip)
    checked = check(build(parse(f"INPUT 16x16x64 -> {text} -> FC 2")))
    return plan_net(checked, 4, parts, host(), measure=measure)


def choices(plan: Plan) -> dict[str, Choice]:
    return {choice.task.name: choice for choice in plan.choices}


def test_the_gradient_is_never_stored() -> None:
    plan = plan_of(POINTWISE)
    assert "d:conv1.w" not in plan.offsets
    choice = choices(plan)["conv1 backward + update"]
    assert choice.reason.endswith(
        "; updates each weight as soon as its gradient is summed up, which is never stored"
    )
    assert "dw.w" not in choice.task.roles
    assert plan.bindings[plan.choices.index(choice)]["s.velocity"] == "conv1.w.velocity"


def test_what_it_does_beside_is_told_too() -> None:
    text = "CONV1-16 -> RELU -> SUM{ CONV1-2048 -> CONV1-16 | SKIP }"
    merged = choices(plan_of(text))["conv2 + relu1 backward + update"]
    assert "; adds to the gradient that others have left; updates each weight" in merged.reason


@pytest.mark.parametrize(
    ("text", "clip", "apart"),
    [
        # Winograd's gradient comes back from patches, a depthwise one from blocks of channels.
        ("CONV3-64", None, "conv1 update"),
        ("CONV3-64 S=2 fit=floor -> CONV3-64 groups=64 -> CONV1-4096 -> CONV3-4096 groups=4096",)
        + (None, "conv4 update"),
        # Small weights lie in a block; clipping waits for the norm of all gradients.
        ("CONV1-16", None, "conv1 backward"),
        (POINTWISE, 1.0, "conv1 backward"),
    ],
)
def test_what_stays_apart(text: str, clip: float | None, apart: str) -> None:
    assert apart in choices(plan_of(text, clip))


def test_where_winograd_is_slower_its_time_is_told() -> None:
    def measure(task: Task, candidates: Sequence[Candidate]) -> list[float]:
        assert task.batch == 4
        return [1.0 if candidate.name == "matrix product" else 2.0 for candidate in candidates]

    found = choices(plan_of("CONV3-64", measure=measure))["conv1 backward + update"]
    assert found.candidate == "matrix product"
    assert "winograd 2e+03 ms)" in found.reason


NET = (
    "INPUT 4x4x160 -> CONV1-256 bias=no -> BATCHNORM -> RELU -> SUM{ CONV1-256 | SKIP }"
    " -> CONV1-160 -> BATCHNORM -> RELU -> CONV3-160 S=2 fit=floor -> RELU -> FC 5"
)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adamw"])
def test_some_steps_give_the_same_bits_as_with_updates_apart(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = build(parse(NET))
    net = Network(graph, initialise(check(graph).parameters, seed=3))
    rng = np.random.default_rng(5)
    images = rng.standard_normal((6, 4, 4, 160)).astype(np.float32)
    labels = rng.integers(0, 5, 6)

    def trained(threads: int) -> Program:
        parts = Training(SoftmaxLoss(), optimizer(name, weight_decay=0.01))
        program = compile_net(net, 6, parts, threads=threads)
        for rate in (0.01, 0.02, 0.005):
            program.step(images, labels, rate)
        return program

    merged = [trained(threads) for threads in (1, 3)]
    assert sum(name.endswith("backward + update") for name in choices(merged[0].plan)) == 4
    monkeypatch.setattr("striate.plan.make.with_updated", lambda tasks, *_: list(tasks))
    apart = trained(2)
    assert "conv1 update" in choices(apart.plan)
    for node, parameters in apart.weights.items():
        for parameter, values in parameters.items():
            for program in merged:
                np.testing.assert_array_equal(program.weights[node][parameter], values)
