"""``striate train``: from a data set and a net to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.app.data import DATA_HELP
from striate.app.nets import SetOption, ThreadsOption, variables_of
from striate.app.verbs import TRAINING, verb

HOW, UNTIL, RUN = "How to train", "When to end", "The run"


def _option(
    help: str,  # noqa: A002
    default: str,
    metavar: str,
    *names: str,
    panel: str = HOW,
    least: int | None = None,
) -> Any:
    """An option whose default comes from the recipe, and is only told here."""
    told = f" [dim]\\[default: {default}][/dim]" if default else ""
    return typer.Option(
        *names,
        help=help + told,
        metavar=metavar,
        min=least,
        show_default=False,
        rich_help_panel=panel,
    )


def _flag(help: str, *names: str) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, rich_help_panel=RUN)


@verb(
    "train",
    TRAINING,
    [
        "striate train fashion",
        "striate train fashion --net tinyvgg --epochs 3",
        "striate train photos/ --net my.net --augment crop=4,flip --optimizer adamw --rate 1e-3",
        'striate train fashion --net "INPUT -> [[CONV -> RELU]*N -> POOL]*2 -> FC" --set N=1',
        "striate train fashion --resume",
        "striate train fashion --overfit 1 --steps 100",
    ],
)
def train(
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help=DATA_HELP, show_default=False)
    ] = None,
    net: Annotated[
        str | None,
        _option(
            "A notation in quotes, a file with one, a name of the zoo, or a .safetensors file to "
            "start from. A bare INPUT and a bare last FC take the sizes of the data.",
            "tinyvgg",
            "NET",
        ),
    ] = None,
    loss: Annotated[
        str | None, _option("softmax, svm or l2; also svm,margin=2.", "softmax", "NAME")
    ] = None,
    optimizer: Annotated[
        str | None,
        _option(
            "sgd, adagrad, rmsprop, adam or adamw; also sgd,momentum=0.95,nesterov=yes.",
            "sgd",
            "NAME",
        ),
    ] = None,
    rate: Annotated[float | None, _option("Learning rate.", "the optimizer's own", "X")] = None,
    schedule: Annotated[
        str | None,
        _option("constant, cosine, onecycle, step:30,60 or warmup:2+cosine.", "cosine", "TEXT"),
    ] = None,
    batch: Annotated[
        int | None,
        _option("Images in one update.", "64, or all if there are fewer", "N", least=1),
    ] = None,
    augment: Annotated[
        str | None, _option("Such as crop=4,flip,jitter=0.2,cutout=8.", "none", "TEXT")
    ] = None,
    weight_decay: Annotated[
        float | None, _option("Pull of weights to zero; not of biases and norms.", "0", "X")
    ] = None,
    clip: Annotated[
        float | None, _option("Norm that all gradients are scaled down to.", "", "X")
    ] = None,
    label_smoothing: Annotated[
        float | None, _option("Share of softmax's target spread over all classes.", "0", "X")
    ] = None,
    seed: Annotated[
        int | None, _option("Of weights, order, augmentation and dropout.", "0", "N")
    ] = None,
    epochs: Annotated[
        int | None, _option("How often to go through the images.", "10", "N", panel=UNTIL)
    ] = None,
    steps: Annotated[
        int | None, _option("Updates of the whole run, instead of epochs.", "", "N", panel=UNTIL)
    ] = None,
    patience: Annotated[
        int | None, _option("Epochs without improvement to wait for.", "", "N", panel=UNTIL)
    ] = None,
    max_time: Annotated[float | None, _option("Seconds of training.", "", "X", panel=UNTIL)] = None,
    overfit: Annotated[
        int | None,
        _option(
            "Use so many batches over and over: can the net learn anything at all?",
            "",
            "N",
            panel=UNTIL,
        ),
    ] = None,
    resume: Annotated[
        bool, _flag("Go on with a run, the latest unless --run names one.", "--resume")
    ] = False,
    run: Annotated[
        Path | None, _option("The folder of the run to go on with.", "", "DIR", panel=RUN)
    ] = None,
    runs: Annotated[
        Path | None, _option("Where run folders are made.", "runs/train", "DIR", panel=RUN)
    ] = None,
    held_out: Annotated[
        float | None,
        _option(
            "Share of the training images that judges the epochs.",
            "0.1",
            "SHARE",
            "--validation",
            panel=RUN,
        ),
    ] = None,
    save_every: Annotated[
        int | None, _option("Updates between checkpoints within an epoch.", "", "N", panel=RUN)
    ] = None,
    strict: Annotated[
        bool, _flag("Refuse data with files that cannot be read.", "--strict")
    ] = False,
    tensorboard: Annotated[
        bool, _flag("Write files for TensorBoard too.", "--tensorboard")
    ] = False,
    quiet: Annotated[bool, _flag("Show the end only.", "--quiet", "-q")] = False,
    threads: ThreadsOption = None,
    set_: SetOption = [],  # noqa: B006
) -> None:
    """Train a net on images, and keep everything about the run in a folder.

    A tenth of the training images judges each epoch; the test images are looked at once, at the
    end. The run folder gets the best and the last checkpoint, results.csv, the curves, the filters
    of the first layer, the confusion matrix (drawn for up to 200 classes, as a table for up to
    1,000), and the settings that reproduce the run. Ctrl-C saves and says how to go on; a resumed
    run comes to the same weights, to the bit.
    """
    from striate.app.run import Request, carry_out

    resume = resume or run is not None
    if data is None and not resume:
        raise typer.BadParameter("what to train on is missing, e.g. fashion", param_hint="DATA")
    named = {
        "epochs": epochs, "steps": steps, "batch": batch, "rate": rate, "optimizer": optimizer,
        "loss": loss, "schedule": schedule, "augment": augment, "weight_decay": weight_decay,
        "clip": clip, "label_smoothing": label_smoothing, "patience": patience,
        "max_time": max_time, "overfit": overfit, "save_every": save_every, "seed": seed,
    }  # fmt: skip
    given = {name: value for name, value in named.items() if value is not None}
    request = Request(
        data, net, variables_of(set_), given, held_out, resume or run is not None, run, runs,
        threads, strict, tensorboard, quiet,
    )  # fmt: skip
    carry_out(request)
