"""``striate train``: from a data set and a net to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.app.data import DATA_HELP
from striate.app.nets import SetOption, ThreadsOption, variables_of
from striate.app.verbs import TRAINING, verb


def _option(help: str, default: str | bool, *names: str, **more: Any) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, show_default=default, **more)


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
            metavar="NET",
        ),
    ] = None,
    epochs: Annotated[
        int | None, _option("How often to go through the images.", "10", metavar="N")
    ] = None,
    steps: Annotated[
        int | None, _option("Updates of the whole run, instead.", False, metavar="N")
    ] = None,
    batch: Annotated[int | None, _option("Images in one update.", "64", metavar="N")] = None,
    rate: Annotated[
        float | None, _option("Learning rate.", "the optimizer's own", metavar="X")
    ] = None,
    optimizer: Annotated[
        str | None,
        _option(
            "sgd, adagrad, rmsprop, adam, adamw; also sgd,momentum=0.95,nesterov=yes.",
            "sgd",
            metavar="NAME",
        ),
    ] = None,
    loss: Annotated[
        str | None, _option("softmax, svm, l2; also svm,margin=2.", "softmax", metavar="NAME")
    ] = None,
    schedule: Annotated[
        str | None,
        _option(
            "constant, cosine, onecycle, step:30,60, warmup:2+cosine.", "cosine", metavar="TEXT"
        ),
    ] = None,
    augment: Annotated[
        str | None, _option("Such as crop=4,flip,jitter=0.2,cutout=8.", "none", metavar="TEXT")
    ] = None,
    weight_decay: Annotated[
        float | None,
        _option("Pull of the weights (not biases, not norms) to zero.", "0", metavar="X"),
    ] = None,
    clip: Annotated[
        float | None, _option("Norm that all gradients are scaled down to.", False, metavar="X")
    ] = None,
    label_smoothing: Annotated[
        float | None,
        _option("Share of softmax's target spread over all classes.", "0", metavar="X"),
    ] = None,
    patience: Annotated[
        int | None,
        _option("Epochs without improvement after which the run ends.", False, metavar="N"),
    ] = None,
    max_time: Annotated[
        float | None, _option("Seconds after which the run ends.", False, metavar="X")
    ] = None,
    overfit: Annotated[
        int | None,
        _option(
            "Train on so many batches only: can the net learn anything at all?", False, metavar="N"
        ),
    ] = None,
    save_every: Annotated[
        int | None, _option("Updates between checkpoints within an epoch.", False, metavar="N")
    ] = None,
    seed: Annotated[
        int | None, _option("Of weights, order, augmentation and dropout.", "0", metavar="N")
    ] = None,
    held_out: Annotated[
        float | None,
        _option(
            "Share of the training images that judges the epochs.",
            "0.1",
            "--validation",
            metavar="SHARE",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run, the latest unless --run names one.")
    ] = False,
    run: Annotated[
        Path | None, _option("The folder of the run to go on with.", False, metavar="DIR")
    ] = None,
    runs: Annotated[
        Path | None, _option("Where run folders are made.", "runs/train", metavar="DIR")
    ] = None,
    threads: ThreadsOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse data with files that cannot be read.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write files for TensorBoard too.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show the end only.")] = False,
    set_: SetOption = [],  # noqa: B006
) -> None:
    """Train a net on images, and keep everything about the run in a folder.

    A tenth of the training images judges each epoch; the test images are looked at once, at the
    end. The run folder gets the best and the last checkpoint, results.csv, the curves, the filters
    of the first layer, the confusion matrix, and the settings that reproduce the run. Ctrl-C saves
    and says how to go on; a resumed run comes to the same weights, to the bit.
    """
    from striate.app.run import Request, carry_out

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
