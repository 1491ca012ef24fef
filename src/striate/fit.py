"""From a net, images and a recipe to a trained net: everything that a run needs is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from striate.check import check, require_room
from striate.errors import InputError
from striate.graph import NetWeights, Network
from striate.graph.atomic_file import make_folder
from striate.layers import Loss, Softmax, SoftmaxLoss
from striate.layers.shape import Array
from striate.pipeline import compile_net, require_counts
from striate.run import Program
from striate.train.augment import Augmented
from striate.train.data import ArrayData, DataSet, pixel_statistics
from striate.train.events import Subscriber
from striate.train.history import History
from striate.train.initialise import initialise
from striate.train.loop import Trainer, Validation
from striate.train.recipe import Recipe
from striate.train.report import Report
from striate.train.tensorboard import TensorBoard

EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Output:
    """What a run leaves behind.

    Attributes:
        folder: for checkpoints, ``results.csv`` and pictures; None for nothing at all.
        tensorboard: whether files for TensorBoard are written too.
    """

    folder: Path | None = None
    tensorboard: bool = False

    def subscribers(self, program: Program, classes: tuple[str, ...]) -> list[Subscriber]:
        """Those that write the files."""
        if self.folder is None:
            return []
        found: list[Subscriber] = [Report(self.folder, program.weights, classes)]
        return [*found, TensorBoard(self.folder)] if self.tensorboard else found


def fit_network(
    network: Network,
    data: DataSet,
    recipe: Recipe,
    validation: DataSet | None = None,
    output: Output | None = None,
    resume: Path | None = None,
    threads: int | None = None,
    subscribers: Iterable[Subscriber] = (),
) -> History:
    """Train a net; its weights, and its classes if it has none, become what comes out.

    A net without weights starts from He's; an INPUT whose mean and standard deviation are still 0
    and 1 takes those of the training images. Each epoch is judged by ``validation``, ``resume`` is
    a checkpoint to go on from, ``subscribers`` are called with the events of the run.

    Raises:
        StriateError: the net, the data, the recipe or the checkpoint cannot be used, or the
            training diverges; the net then has the weights from before.
    """
    require_counts(recipe.batch, threads)
    settings, training = recipe.make_settings(), recipe.make_training()
    seen = _augmented(data, recipe)
    _require_scores_for(training.loss, network)
    start = _prepared(network, data, recipe)
    program = compile_net(start, recipe.batch, training, threads, recipe.seed)
    judge = _judge(start, validation, training.loss, threads)
    output = output or Output()
    told = [*output.subscribers(program, start.meta.classes), *subscribers]
    start = replace(start, weights={})  # The programs have copies of their own.
    trainer = Trainer(start, program, seen, settings, judge, output.folder, told)
    if resume is not None:
        trainer.resume(resume)
    if output.folder is not None:
        make_folder(output.folder)
    history = trainer.fit()
    network.weights, network.meta = copied(program.weights), start.meta
    return history


def as_data(
    images: Array | DataSet, labels: Array | None, classes: tuple[str, ...], what: str
) -> DataSet:
    """A data set as it is, or the data set of images [N, H, W, C] and labels [N].

    Raises:
        InputError: there are images, but no labels.
        DataError: the arrays are empty, or of the wrong kind, shape or range.
    """
    if not isinstance(images, np.ndarray):
        return images
    if labels is None:
        raise InputError(f"{what}: an array of images needs labels, [N] whole numbers")
    return ArrayData(images, labels, classes, what)


def copied(weights: Mapping[str, Mapping[str, Array]]) -> NetWeights:
    """Arrays of their own with the values of a program's weights."""
    return {
        node: {name: array.copy() for name, array in arrays.items()}
        for node, arrays in weights.items()
        if arrays
    }


def _require_scores_for(loss: Loss, network: Network) -> None:
    """Raise InputError if the softmax loss would take the softmax of a softmax."""
    last = network.graph.nodes[-1]
    if isinstance(loss, SoftmaxLoss) and isinstance(last.layer, Softmax):
        raise InputError(
            f"training: {last.name}, the last layer, gives probabilities, but the softmax loss "
            "takes the scores before it: leave out the last SOFTMAX"
        )


def _judge(
    network: Network, data: DataSet | None, loss: Loss, threads: int | None
) -> Validation | None:
    """What judges each epoch, if there are images for that."""
    if data is None:
        return None
    batch = min(EVALUATION_BATCH, len(data))
    return Validation(compile_net(network, batch, None, threads), data, loss)


def _augmented(data: DataSet, recipe: Recipe) -> DataSet:
    """The data as the recipe's augmentation changes them."""
    augmentation = recipe.make_augmentation()
    augmentation.require_smaller(data.shape)
    return Augmented(data, augmentation) if augmentation.steps else data


def _prepared(network: Network, data: DataSet, recipe: Recipe) -> Network:
    """The net with weights, the images' mean and standard deviation, and their classes."""
    checked = check(network.graph)
    require_room(checked, recipe.batch, True, len(recipe.make_optimizer().state()))
    weights = network.weights or initialise(checked.parameters, recipe.seed)
    first = network.graph.nodes[0].name
    if not weights[first]["mean"].any() and (weights[first]["std"] == 1).all():
        mean, std = pixel_statistics(data)
        weights = {**weights, first: {"mean": mean, "std": std}}
    classes = network.meta.classes or data.classes
    return Network(network.graph, weights, replace(network.meta, classes=classes))
