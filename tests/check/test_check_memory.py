"""The three sources of memory."""

from __future__ import annotations

import pytest

from striate.check import check, estimate, in_place
from striate.check.check import Checked
from striate.graph import build
from striate.notation import parse


def checked(text: str) -> Checked:
    return check(build(parse(text)))


def test_a_classifier_in_training() -> None:
    memory = estimate(checked("INPUT 4x4x3 -> FC 10"), batch=5, training=True, states=2)
    assert memory.activations == 5 * (48 + 10) * 4
    assert memory.activation_gradients == memory.activations
    # INPUT's mean and standard deviation are parameters, but not trained.
    assert memory.parameters == (490 + 6) * 4
    assert memory.parameter_gradients == 490 * 4
    assert memory.optimizer_state == 2 * 490 * 4
    assert memory.images == 5 * 48 * 4
    assert memory.total == 2 * 1160 + 1984 + 3 * 1960 + 960


def test_inference_keeps_what_is_needed_at_the_same_time() -> None:
    net = checked("INPUT 4x4x1 -> CONV3-2 -> CONV3-8 -> CONV3-1 -> FC 10")
    memory = estimate(net, batch=3)
    assert memory.activations == 3 * 16 * (2 + 8) * 4
    assert memory.activation_gradients == 0
    assert memory.parameter_gradients == 0
    assert memory.optimizer_state == 0


def test_a_skip_connection_is_kept_until_it_is_added() -> None:
    net = checked("INPUT 4x4x1 -> CONV3-2 -> SUM{ CONV3-4 -> CONV3-2 | SKIP }")
    assert estimate(net).activations == 16 * (2 + 4 + 2) * 4


def test_notes_three_conv_layers() -> None:
    net = checked("INPUT 224x224x3 -> [CONV3-64 -> RELU]*3 -> FC 10")
    memory = estimate(net, training=True)
    ends = (224 * 224 * 3 + 10) * 4
    assert memory.activations - ends == 9_633_792 * 4
    assert memory.activations + memory.activation_gradients - 2 * ends == 77_070_336


def test_the_output_has_a_volume_of_its_own() -> None:
    assert estimate(checked("INPUT 4x4x1 -> CONV3-2 -> RELU")).activations == 16 * (2 + 2) * 4


def test_notes_pooling_discards_three_quarters() -> None:
    net = checked("INPUT 32x32x3 -> CONV3-8 -> POOL2")
    assert net.shapes["pool1"].values * 4 == net.shapes["conv1"].values


@pytest.mark.parametrize(
    ("text", "inference", "training"),
    [
        # The output has a volume of its own.
        ("CONV3-3 -> RELU", {}, {}),
        ("CONV3-3 -> RELU -> FC 2", {"relu1": "conv1"}, {"relu1": "conv1"}),
        # GELU needs its input and TANH its output for the backward pass.
        ("CONV3-3 -> TANH -> RELU -> FC", {"tanh1": "conv1", "relu1": "conv1"}, {"tanh1": "conv1"}),
        ("TANH -> DROPOUT -> FC", {"tanh1": "input", "dropout1": "input"}, {"tanh1": "input"}),
        ("SUM{ RELU | SKIP } -> FC", {"sum1": "relu1"}, {}),
        (
            "SUM{ CONV3-3 | SKIP } -> RELU -> FC",
            {"sum1": "conv1", "relu1": "conv1"},
            {"sum1": "conv1", "relu1": "conv1"},
        ),
        ("CONCAT{ CONV3-3 -> RELU | TANH }", {"relu1": "conv1"}, {"relu1": "conv1"}),
        (
            "CONV3-3 -> TANH -> DROPOUT -> FLATTEN -> FC",
            {"tanh1": "conv1", "dropout1": "conv1", "flatten1": "conv1"},
            {"tanh1": "conv1", "flatten1": "dropout1"},
        ),
        ("POOL2 -> BATCHNORM -> CONV3-3", {}, {}),
    ],
)
def test_what_runs_in_place(text: str, inference: dict[str, str], training: dict[str, str]) -> None:
    graph = build(parse(f"INPUT 4x4x3 -> {text}"))
    assert in_place(graph, training=False) == inference
    assert in_place(graph, training=True) == training
