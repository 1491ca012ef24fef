"""The data set of a command line, brought together with the net that is to see it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from striate.app.terminal import say
from striate.errors import DataError

if TYPE_CHECKING:
    from striate.api import Net
    from striate.layers import Shape
    from striate.train.data import DataSet

MOST_PROBLEMS = 5

DATA_HELP = (
    "fashion (in the package), a folder of class folders, of idx or of CIFAR files, or an .npz "
    "file."
)


@dataclass(frozen=True)
class Parts:
    """The parts of a data set that a run uses.

    Attributes:
        training: images to train on.
        validation: held out from them to judge the epochs; None if nothing is.
        test: images that are looked at once, at the end.
    """

    training: DataSet
    validation: DataSet | None
    test: DataSet


def open_parts(source: str, shape: Shape | None, held_out: float, strict: bool) -> Parts:
    """All parts of a data set, its images brought to a shape.

    Raises:
        DataError: it cannot be used for training.
    """
    from striate.train.data import divide, open_data, require_trainable

    training = open_data(source, "train", shape, strict)
    test = open_data(source, "test", training.shape, strict)
    require_trainable(training)
    if not held_out:
        return Parts(training, None, test)
    rest, held = divide(training, held_out)
    return Parts(rest, held, test)


def open_for(net: Net, source: str, split: str, strict: bool = False) -> DataSet:
    """A part of a data set for a net that has learnt its classes.

    Raises:
        DataError: it cannot be read, or its classes are not the net's.
    """
    from striate.train.data import open_data

    shape = net.checked.shapes[net.graph.nodes[0].name]
    data = open_data(source, split, shape, strict)
    report_problems(data)
    if net.classes and data.classes != net.classes:
        raise DataError(
            f"{data.name}: its classes are {', '.join(data.classes)}; "
            f"the net knows {', '.join(net.classes)}"
        )
    return data


def report_problems(data: DataSet) -> None:
    """Name what a data set had to leave out, on standard error."""
    for problem in data.problems[:MOST_PROBLEMS]:
        say(f"left out: {problem}", "yellow", sys.stderr)
    more = len(data.problems) - MOST_PROBLEMS
    if more > 0:
        say(f"left out: {more} more", "yellow", sys.stderr)


def report_gaps(data: DataSet) -> None:
    """Say how many classes have no image, on standard error."""
    import numpy as np

    missing = len(data.classes) - len(np.unique(data.labels))
    if missing:
        say(
            f"warning: {missing:,} of the {len(data.classes):,} classes have no image to train on",
            "yellow",
            sys.stderr,
        )
