"""``striate evaluate``: how good a net is, class by class."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from striate.app.columns import aligned
from striate.app.data import DATA_HELP, open_for
from striate.app.nets import RunArgument, ThreadsOption, trained_net
from striate.app.terminal import say, say_parts, say_table
from striate.app.verbs import TRAINING, verb

if TYPE_CHECKING:
    from striate.train.metrics import Evaluation


class Split(StrEnum):
    """A part of a data set."""

    TEST = "test"
    TRAIN = "train"
    ALL = "all"


@verb(
    "evaluate",
    TRAINING,
    [
        "striate evaluate runs/train/1 fashion",
        "striate evaluate model.safetensors photos/ --split all --confusion",
    ],
)
def evaluate(
    run: RunArgument,
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP, show_default=False)],
    split: Annotated[
        Split, typer.Option(help="The part to look at; all where a data set is not divided.")
    ] = Split.TEST,
    confusion: Annotated[
        bool,
        typer.Option(
            "--confusion", help="Show the confusion matrix too; of 1,000 classes at most."
        ),
    ] = False,
    threads: ThreadsOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse data with files that cannot be read.")
    ] = False,
) -> None:
    """Show how good a trained net is on a data set: accuracy, top-5, and each class.

    A data set without a test part is divided by a fixed rule, the one that training uses.
    """
    from striate.train.metrics import named

    net = trained_net(run)
    images = open_for(net, data, split.value, strict)
    found = net.evaluate(images, threads=threads)
    names = named(net.classes or images.classes, found.classes)
    matrix = _matrix(found, names) if confusion else ""
    parts = [(f"accuracy {found.accuracy:.2%}", "bold green")]
    if found.classes > 5:
        parts.append((f"  top-5 {found.top5:.2%}", ""))
    parts.append((f"  loss {found.loss:.4f}  on {found.images:,} images ({split.value})", ""))
    say_parts(parts)
    say()
    say_table(_by_class(found, names))
    if confusion:
        say()
        say_table(matrix)


def _by_class(found: Evaluation, names: tuple[str, ...]) -> str:
    from collections import Counter

    rows = [("class", "images", "recall", "precision", "most often taken for")]
    is_right = found.labels == found.predicted
    counts, predicted = found.count(found.labels), found.count(found.predicted)
    rights = found.count(found.labels[is_right])
    pairs = zip(found.labels[~is_right].tolist(), found.predicted[~is_right].tolist(), strict=True)
    taken = sorted(Counter(pairs).items(), key=lambda item: (-item[1], item[0]))
    worst: dict[int, str] = {}
    for (label, other), times in taken:
        worst.setdefault(label, f"{names[other]} ({times})")
    for label, (name, count, right) in enumerate(zip(names, counts, rights, strict=True)):
        recall = f"{right / count:.1%}" if count else "-"
        precision = f"{right / predicted[label]:.1%}" if predicted[label] else "-"
        rows.append((name, f"{count:,}", recall, precision, worst.get(label, "")))
    return aligned(rows, right=(1, 2, 3))


def _matrix(found: Evaluation, names: tuple[str, ...]) -> str:
    rows: list[tuple[str, ...]] = [("is \\ taken for", *map(str, range(len(names))))]
    for label, name in enumerate(names):
        rows.append((f"{label} {name}", *(str(n) if n else "." for n in found.confusion[label])))
    return aligned(rows, right=range(1, len(names) + 1))
