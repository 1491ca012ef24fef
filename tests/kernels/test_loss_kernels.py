"""Losses and SOFTMAX against the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_tasks import FOREIGN, ISAS, check_foreign, check_layer, check_threads
from one_task import run_task

from examples import example
from striate.kernels import Isa, candidates_for, host
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.losses import LOSSES as NATIVE
from striate.layers import LOSSES, L2Loss, Loss, Shape, Softmax, SoftmaxLoss, SvmLoss
from striate.plan import Task

CASES: list[Loss] = [SoftmaxLoss(), SoftmaxLoss(0.1), SvmLoss(), SvmLoss(0.25), L2Loss()]
SIZES = [(1, 1), (3, 10), (128, 10), (70, 100), (5, 1000)]


def task_of(loss: Loss, batch: int, classes: int) -> Task:
    shape = Shape(1, 1, classes)
    return Task("loss", "loss", loss, batch, (shape,), shape, True, {})


def run(loss: Loss, scores: Any, labels: Any, isa: Isa = ISAS[0], threads: int = 1) -> Any:
    """The mean loss and its gradient."""
    task = task_of(loss, *scores.shape)
    empty = {"loss": np.full(1, np.nan, "f"), "dx": np.full_like(scores, np.nan)}
    way = next(iter(candidates_for(isa)(task)))
    found = run_task(task, way, {"x": scores, "labels": labels, **empty}, isa, threads)
    return found["loss"][0], found["dx"]


def draw(batch: int, classes: int, scale: float = 3.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(batch)
    scores = (scale * rng.standard_normal((batch, classes))).astype(np.float32)
    return scores, rng.integers(0, classes, batch)


def check(loss: Loss, scores: Any, labels: Any, isa: Isa = ISAS[0]) -> None:
    value, gradient = run(loss, scores, labels, isa)
    exact = scores.astype(float)
    expected = loss.forward(exact, labels)
    assert abs(value - expected) <= 2e-6 * max(1.0, abs(expected))
    np.testing.assert_allclose(gradient, loss.backward(exact, labels), rtol=2e-5, atol=1e-6)


def test_every_loss_has_a_kernel() -> None:
    assert set(LOSSES.values()) == set(NATIVE)


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("loss", CASES, ids=str)
def test_losses(loss: Loss, size: tuple[int, int], isa: Isa) -> None:
    check(loss, *draw(*size), isa)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.sampled_from(CASES), st.integers(1, 40), st.integers(1, 40))
def test_losses_of_any_size(loss: Loss, batch: int, classes: int) -> None:
    check(loss, *draw(batch, classes))


@pytest.mark.parametrize("loss", CASES[:2], ids=str)
def test_softmax_neither_overflows_nor_loses_the_smallest(loss: Loss) -> None:
    check(loss, *draw(9, 20, scale=1e4))
    check(loss, *draw(9, 20, scale=1e-4))


@pytest.mark.parametrize("loss", CASES, ids=str)
def test_nan_in_one_image_stays_there_and_in_the_mean(loss: Loss) -> None:
    scores, labels = draw(4, 10)
    scores[1, labels[1]] = np.nan
    value, gradient = run(loss, scores, labels)
    assert np.isnan(gradient[1]).any() == np.isnan(loss.backward(scores, labels)[1]).any()
    assert np.isnan(value)
    assert np.isfinite(gradient[[0, 2, 3]]).all()


@pytest.mark.parametrize("loss", CASES, ids=str)
def test_the_number_of_threads_changes_no_bit(loss: Loss) -> None:
    scores, labels = draw(300, 100)
    one, *others = (run(loss, scores, labels, threads=n) for n in (1, 2, 3))
    for other in others:
        assert other[0] == one[0]
        np.testing.assert_array_equal(other[1], one[1])


@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
def test_other_targets_get_code(isa: Isa) -> None:
    for loss in CASES:
        task = task_of(loss, 4, 10)
        for launch in next(iter(candidates_for(isa)(task))).lower(task).launches:
            assert object_code(llvm_text(launch.kernel, isa), isa)
    check_foreign(*example(Softmax.examples[0]))


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", [*Softmax.examples, "3x3x1000 -> SOFTMAX"])
def test_softmax_layer(text: str, isa: Isa) -> None:
    layer, shapes = example(text)
    check_layer(layer, shapes, isa=isa)
    check_threads(layer, shapes, 40)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 4))
def test_softmax_of_any_shape(channels: int, width: int, batch: int) -> None:
    check_layer(Softmax(), (Shape(2, width, channels),), batch, isa=host())
