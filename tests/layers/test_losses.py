"""The losses: numbers of the notes' kind, gradients, and labels that are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from striate.errors import InputError
from striate.layers import LOSSES, L2Loss, Loss, SoftmaxLoss, SvmLoss
from striate.layers.loss import loss

SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
LABELS = np.array([0, 1, 2])


def test_by_name() -> None:
    assert sorted(LOSSES) == ["l2", "softmax", "svm"]
    assert all(cls.name == name for name, cls in LOSSES.items())
    assert loss("softmax", label_smoothing=0.1) == SoftmaxLoss(0.1)
    assert loss("svm", margin=2) == SvmLoss(2)
    assert loss("l2") == L2Loss()


def test_svm() -> None:
    """The lecture's cat, car and frog: losses 2.9, 0 and 12.9."""
    for i, value in enumerate([2.9, 0, 12.9]):
        assert SvmLoss().forward(SCORES[i : i + 1], LABELS[i : i + 1]) == pytest.approx(value)
    assert SvmLoss().forward(SCORES, LABELS) == pytest.approx(15.8 / 3)


def test_softmax() -> None:
    value = SoftmaxLoss().forward(SCORES[:1], LABELS[:1])
    powers = np.exp(SCORES[0])
    assert value == pytest.approx(-np.log(powers[0] / powers.sum()))
    assert SoftmaxLoss().forward(np.zeros((4, 10)), np.arange(4)) == pytest.approx(np.log(10))


def test_softmax_of_huge_scores_stays_finite() -> None:
    scores = np.array([[1e4, -1e4, 0.0]])
    assert SoftmaxLoss().forward(scores, np.array([1])) == pytest.approx(2e4)
    np.testing.assert_allclose(SoftmaxLoss().backward(scores, np.array([1])), [[1, -1, 0]])


def test_l2_takes_labels_and_targets() -> None:
    targets = np.eye(3)
    assert L2Loss().forward(SCORES, LABELS) == L2Loss().forward(SCORES, targets)
    assert L2Loss().forward(np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])) == 13
    np.testing.assert_array_equal(
        L2Loss().backward(np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])), [[-4, -6]]
    )


@pytest.mark.parametrize("chosen", [SoftmaxLoss(), SoftmaxLoss(0.2), SvmLoss(1.5), L2Loss()])
def test_gradients_are_those_of_finite_differences(chosen: Loss) -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.standard_normal((4, 5)), np.array([0, 4, 2, 2])
    gradient = chosen.backward(scores, labels)
    assert gradient.shape == scores.shape
    for index in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[index] = 1e-6
        above, below = (chosen.forward(scores + s, labels) for s in (step, -step))
        assert (above - below) / 2e-6 == pytest.approx(gradient[index], abs=1e-8)


@pytest.mark.parametrize("chosen", [SoftmaxLoss(), SvmLoss(), L2Loss()])
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros((3, 10)), np.array([0, 9, 10]), "label 10 of image 2: expected 0 to 9, "
         "for 10 classes"),
        (np.zeros((3, 10)), np.array([0, -1, 99]), "label -1 of image 1 (and 1 more): "
         "expected 0 to 9, for 10 classes"),
        (np.zeros((3, 10)), np.array([0, 1]), "labels: expected 3 whole numbers, one for each "
         "image, got int64 of shape [2]"),
        (np.zeros((3, 10)), np.zeros(3), "labels: expected 3 whole numbers, one for each image, "
         "got float64 of shape [3]"),
        (np.zeros((3, 1, 1, 10)), np.array([0, 1, 2]), "scores: expected an array "
         "[images, classes], got one of shape [3, 1, 1, 10]"),
        (np.zeros((0, 10)), np.zeros(0, int), "scores: expected an array "
         "[images, classes], got one of shape [0, 10]"),
    ],
)  # fmt: skip
def test_errors_of_labels(chosen: Loss, scores: Any, labels: Any, message: str) -> None:
    for method in (chosen.forward, chosen.backward):
        with pytest.raises(InputError) as caught:
            method(scores, labels)
        assert str(caught.value) == message


def test_error_of_targets() -> None:
    with pytest.raises(InputError) as caught:
        L2Loss().forward(np.zeros((3, 10)), np.zeros((3, 9)))
    assert str(caught.value) == (
        "targets: expected shape [3, 10] like the scores, or one label for each image, "
        "got shape [3, 9]"
    )


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sofmax", {}, "unknown loss 'sofmax': did you mean softmax? known: l2, softmax, svm"),
        ("l2", {"margin": 1}, "unknown setting of loss l2 'margin': known: none"),
        ("svm", {"margin": 0}, "margin: expected a number above 0, got 0"),
        (
            "softmax",
            {"label_smoothing": 1.5},
            "label_smoothing: expected a number from 0 to 1, got 1.5",
        ),
    ],
)
def test_errors_of_settings(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        loss(name, **settings)
    assert str(caught.value) == message
