"""What rides on its neighbour, and what must not."""

from __future__ import annotations

import pytest

from striate.check import check
from striate.graph import build
from striate.kernels import host
from striate.layers import SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import plan_net
from striate.plan import Training

BLOCK = "CONV3-16 bias=no -> BATCHNORM -> RELU"


def tasks(text: str, training: bool) -> list[str]:
    parts = Training(SoftmaxLoss(), optimizer("sgd")) if training else None
    plan = plan_net(check(build(parse(f"INPUT 8x8x16 -> {text}"))), 2, parts, host())
    return [choice.task.name for choice in plan.choices]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONV3-16 -> RELU -> FC 2", "conv1 + relu1 forward"),
        ("CONV5-16 S=2 fit=floor -> RELU -> FC 2", "conv1 + relu1 forward"),
        (f"{BLOCK} -> FC 2", "conv1 + batchnorm1 + relu1 forward"),
        ("SUM{ CONV3-16 | SKIP } -> RELU -> FC 2", "sum1 + relu1 forward"),
        ("CONV3-16 -> POOL2 -> BATCHNORM -> RELU -> FC 2", "batchnorm1 + relu1 forward"),
        ("SUM{ CONV1-16 | SKIP } -> RELU -> FC 2", "conv1 + sum1 + relu1 forward"),
        (
            "SUM{ CONV3-16 S=2 fit=floor | CONV1-16 S=2 fit=floor -> BATCHNORM } -> FC 2",
            "conv2 + batchnorm1 + sum1 forward",
        ),
    ],
)
def test_inference(text: str, expected: str) -> None:
    assert expected in tasks(text, training=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONV3-16 -> RELU -> CONV3-16 -> FC 2", "conv2 + relu1 backward"),
        ("CONV3-16 -> RELU -> CONV3-16 S=2 fit=floor -> FC 2", "conv2 + relu1 backward"),
        (f"{BLOCK} -> FC 2", "batchnorm1 + relu1 forward"),
        (
            "SUM{ CONV3-16 -> BATCHNORM | SKIP } -> RELU -> FC 2",
            "batchnorm1 + sum1 + relu1 forward",
        ),
        ("FC 64 -> RELU -> FC 2", "fc1 backward + update"),
        ("FC 64 -> RELU -> FC 2", "fc1 + relu1 forward"),
        ("FC 64 -> RELU -> FC 2", "fc2 + relu1 backward"),
        ("CONV3-64 -> RELU -> FC 64 -> FC 2", "fc1 + relu1 backward + update"),
        ("CONV1-16 -> RELU -> POOL2 -> FC 2", "pool1 + relu1 backward"),
        ("CONV3-16 -> RELU -> POOL2 -> FC 2", "conv1 + pool1 + relu1 backward"),
    ],
)
def test_training(text: str, expected: str) -> None:
    assert expected in tasks(text, training=True)


@pytest.mark.parametrize(
    ("text", "training", "alone"),
    [
        # The raw volume of the CONV is read by somebody else, too.
        ("CONV3-16 -> SUM{ RELU -> CONV3-16 | SKIP } -> FC 2", False, "conv1 forward"),
        ("CONV3-16 -> SUM{ BATCHNORM | SKIP } -> FC 2", False, "conv1 forward"),
        ("CONV1-16 -> SUM{ SKIP | RELU } -> FC 2", False, "sum1 forward"),
        # Only 1x1 filters add their output to another volume, and to one.
        ("SUM{ CONV3-16 | SKIP } -> FC 2", False, "sum1 forward"),
        ("SUM{ CONV1-16 | SKIP | RELU } -> FC 2", False, "sum1 forward"),
        ("SUM{ CONV1-16 groups=2 | SKIP } -> FC 2", False, "sum1 forward"),
        # A RELU comes between.
        ("SUM{ CONV1-16 -> RELU | SKIP } -> FC 2", False, "sum1 forward"),
        ("SUM{ CONV1-16 | SKIP } -> FC 2", True, "sum1 forward"),
        # Training needs the CONV's output for the statistics and their gradient.
        (f"{BLOCK} -> FC 2", True, "conv1 forward"),
        # A gradient that comes from two sides is added up before it is masked.
        ("CONV3-16 -> RELU -> SUM{ CONV3-16 | CONV3-16 } -> FC 2", True, "relu1 backward"),
        ("CONV3-16 -> SUM{ CONV3-16 | CONV3-16 } -> FC 2", True, "conv2 add"),
        # Only a RELU rides along, and only one.
        ("CONV3-16 -> TANH -> FC 2", False, "conv1 forward"),
        ("CONV3-16 -> RELU -> RELU -> FC 2", False, "relu2 forward"),
        # Only the switches of a maximum can leave out what is not positive.
        ("CONV3-16 -> RELU -> POOL2 avg -> FC 2", True, "relu1 backward"),
        ("CONV3-16 -> RELU -> SUM{ POOL3 S=1 P=1 | SKIP } -> FC 2", True, "relu1 backward"),
        # Only large weights of an FC are updated with their gradient.
        ("FC 8 -> RELU -> FC 2", True, "fc1 backward"),
        ("LOCAL3-16 -> RELU -> FC 2", True, "local1 update"),
    ],
)
def test_what_stays_apart(text: str, training: bool, alone: str) -> None:
    assert alone in tasks(text, training)


def test_a_pointwise_gradient_is_added_and_masked_at_once() -> None:
    text = "CONV3-16 -> RELU -> SUM{ CONV1-16 -> BATCHNORM | SKIP } -> FC 2"
    listed = tasks(text, training=True)
    assert "conv2 + relu1 backward" in listed
    assert not [name for name in listed if name.endswith("add")]
    # Where a stride leaves pixels out, all of them must be masked in a pass of its own.
    text = "CONV3-16 -> RELU -> SUM{ CONV1-16 S=2 fit=floor | CONV3-16 S=2 fit=floor } -> FC 2"
    assert {"conv2 add", "relu1 backward"} <= set(tasks(text, training=True))
