"""Evaluating a net on a data set through a program of a fixed batch size."""

from __future__ import annotations

import numpy as np

from striate.errors import DataError, InputError
from striate.layers.loss import Loss
from striate.layers.shape import Array
from striate.train.data.dataset import DataSet
from striate.train.data.loader import evaluation_loader
from striate.train.metrics import Evaluation, Tally
from striate.train.program import InferenceProgram


def evaluate(
    program: InferenceProgram, data: DataSet, loss: Loss | None = None, threads: int = 2
) -> Evaluation:
    """Loss, accuracy, top-5 and confusion matrix of a program on every image of a data set.

    Args:
        program: with the weights loaded.
        data: images of the net's input shape.
        loss: what to average besides, if anything.
        threads: how many threads read images ahead.

    Raises:
        DataError: there is no image, or an image cannot be read.
        InputError: the data have labels that the net has no score for, or a score is no number.
    """
    if len(data) == 0:
        raise DataError(f"{data.name}: expected at least one image to evaluate, got none")
    tally = Tally(loss)
    with evaluation_loader(data, program.batch, threads) as batches:
        for images, labels in batches:
            tally.add(require_numbers(program(images)), labels)
    return tally.result()


def require_numbers(scores: Array) -> Array:
    """The scores as they are.

    Raises:
        InputError: one of them is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        raise InputError(
            "the net's scores are not numbers: its weights are damaged, or it was trained to "
            "nowhere"
        )
    return scores
