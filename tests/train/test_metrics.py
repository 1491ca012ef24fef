"""Metrics: accuracy, top-5, confusion matrix and loss, over batches of any size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.errors import InputError
from striate.layers import SoftmaxLoss
from striate.train.metrics import Tally, accuracy, named, ranks

SCORES = np.array([[3, 1, 2, 0, 0, 0, 0], [0, 9, 8, 7, 6, 5, 4]], np.float32)


def test_ranks_count_the_classes_before_the_label() -> None:
    assert ranks(SCORES, np.array([0, 6])).tolist() == [0, 5]
    assert ranks(SCORES, np.array([2, 0])).tolist() == [1, 6]


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    scores = np.zeros((3, 3))
    assert ranks(scores, np.array([0, 1, 2])).tolist() == [0, 1, 2]


def test_scores_that_are_no_numbers_are_wrong() -> None:
    scores = np.array([[np.nan] * 3, [1, 2, np.nan], [1, 2, np.inf]])
    assert ranks(scores, np.array([0, 1, 2])).tolist() == [3, 3, 0]


def test_accuracy() -> None:
    assert accuracy(SCORES, np.array([0, 2])) == 0.5


def test_labels_out_of_range_are_refused() -> None:
    with pytest.raises(InputError) as error:
        accuracy(SCORES, np.array([0, 7]))
    assert str(error.value) == "label 7 of image 1: expected 0 to 6, for 7 classes"


def test_a_tally_runs() -> None:
    tally = Tally(SoftmaxLoss())
    tally.add(SCORES, np.array([0, 6]))
    tally.add(SCORES[:1], np.array([1]))
    found = tally.result()
    assert (found.images, found.accuracy, found.top5) == (3, 1 / 3, 2 / 3)
    assert found.confusion[0, 0] == found.confusion[6, 1] == found.confusion[1, 0] == 1
    assert found.confusion.sum() == 3
    assert found.recall[:2].tolist() == [1, 0]
    assert math.isnan(found.recall[2])
    loss = SoftmaxLoss().forward(SCORES[[0, 1, 0]].astype(float), np.array([0, 6, 1]))
    assert found.loss == pytest.approx(loss)


def test_a_tally_without_loss_has_none() -> None:
    tally = Tally()
    tally.add(SCORES, np.array([0, 6]))
    assert tally.result().loss is None


def test_a_loss_that_is_no_number_is_told_without_a_warning() -> None:
    tally = Tally(SoftmaxLoss())
    tally.add(np.array([[np.inf, 0.0]], np.float32), np.array([0]))
    loss = tally.result().loss
    assert loss is not None
    assert math.isnan(loss)


def test_many_classes_are_counted_without_a_matrix() -> None:
    tally = Tally()
    scores = np.zeros((2, 100_000), np.float32)
    scores[:, 99_999] = 1
    tally.add(scores, np.array([99_999, 3]))
    found = tally.result()
    assert (found.classes, found.accuracy) == (100_000, 0.5)
    assert found.recall[[3, 99_999]].tolist() == [0, 1]
    assert found.count(found.predicted)[99_999] == 2
    with pytest.raises(InputError) as error:
        found.confusion  # noqa: B018
    assert str(error.value) == "confusion matrix: expected at most 1,000 classes, got 100,000"


def test_scores_without_a_name_have_a_number() -> None:
    assert named(("a", "b"), 4) == ("a", "b", "class 2", "class 3")
    assert named(("a", "b"), 1) == ("a",)


def test_an_empty_tally_is_refused() -> None:
    with pytest.raises(InputError) as error:
        Tally().result()
    assert str(error.value) == "expected at least one image to evaluate, got none"


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_metrics_do_not_depend_on_the_batches(sizes: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, (sum(sizes), 7)).astype(np.float32)
    labels = random.integers(0, 7, sum(sizes))
    whole, parts = Tally(), Tally()
    whole.add(scores, labels)
    ends = np.cumsum(sizes)
    for end, size in zip(ends, sizes, strict=True):
        parts.add(scores[end - size : end], labels[end - size : end])
    one, other = whole.result(), parts.result()
    assert (one.accuracy, one.top5) == (other.accuracy, other.top5)
    np.testing.assert_array_equal(one.confusion, other.confusion)
    assert one.accuracy == np.trace(one.confusion) / len(labels)
