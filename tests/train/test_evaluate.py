"""Evaluation through a program of a fixed batch."""

from __future__ import annotations

import numpy as np
import pytest
from runs import inference_program, network, squares

from striate.errors import DataError, InputError
from striate.layers import SoftmaxLoss
from striate.train.data import ArrayData
from striate.train.evaluate import evaluate


def test_every_image_counts_once() -> None:
    net = network()
    program = inference_program(net)
    program.load(net.weights)
    data = squares(19)
    found = evaluate(program, data, SoftmaxLoss())
    scores = program(data.images)
    assert found.images == 19
    assert found.accuracy == (scores.argmax(axis=1) == data.labels).mean()
    assert found.loss == pytest.approx(SoftmaxLoss().forward(scores.astype(float), data.labels))


def test_labels_without_a_score_are_refused() -> None:
    net = network()
    data = ArrayData(squares(4).images, np.array([0, 1, 2, 3]))
    with pytest.raises(InputError) as error:
        evaluate(inference_program(net), data)
    assert str(error.value) == "label 3 of image 3: expected 0 to 2, for 3 classes"


def test_scores_that_are_no_numbers_are_refused() -> None:
    net = network()
    program = inference_program(net)
    net.weights["fc1"]["b"][1] = np.nan
    program.load(net.weights)
    with pytest.raises(InputError) as error:
        evaluate(program, squares(4))
    assert str(error.value) == (
        "the net's scores are not numbers: its weights are damaged, or it was trained to nowhere"
    )


def test_empty_data_are_refused() -> None:
    class Empty(ArrayData):
        def __len__(self) -> int:
            return 0

    data = Empty(squares(4).images, squares(4).labels, name="nothing")
    with pytest.raises(DataError) as error:
        evaluate(inference_program(network()), data)
    assert str(error.value) == "nothing: expected at least one image to evaluate, got none"
