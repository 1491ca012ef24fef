"""Evaluating a net on a data set through a program of a fixed batch size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from striate.errors import DataError, InputError
from striate.layers.loss import Loss
from striate.layers.shape import Array
from striate.train.data.dataset import DataSet, Labels
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
        InputError: the data have labels that the net has no score for.
    """
    if len(data) == 0:
        raise DataError(f"{data.name}: expected at least one image to evaluate, got none")
    tally = Tally(loss)
    with evaluation_loader(data, program.batch, threads) as batches:
        for scores, labels in scored(program, batches):
            tally.add(scores, labels)
    return tally.result()


def scored(
    program: InferenceProgram, batches: Iterable[tuple[Array, Labels]]
) -> Iterator[tuple[Array, Labels]]:
    """The scores [n, K] and the labels [n] of each batch; scores hold until the next is asked for.

    A batch shorter than the program's is filled up with copies of its last image, whose scores
    are cut off again.

    Raises:
        InputError: a batch is empty or longer than the program's.
    """
    for images, labels in batches:
        yield program(filled(images, program.batch))[: len(labels)], labels


def filled(images: Array, batch: int) -> Array:
    """Images [batch, H, W, C]: the given ones, then copies of the last."""
    missing = batch - len(images)
    if missing < 0 or missing == batch:
        raise InputError(f"images: expected 1 to {batch}, got {len(images)}")
    return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
