"""``striate predict``: what is in these images?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate.app.nets import RunArgument, trained_net
from striate.app.pictures import bar, draw
from striate.app.terminal import complain, say_parts
from striate.app.verbs import TRAINING, verb

if TYPE_CHECKING:
    from striate.api import Net
    from striate.layers.shape import Array


@verb(
    "predict",
    TRAINING,
    [
        "striate predict runs/train/1 a.jpg b.png",
        "striate predict model.safetensors photos/*.jpg --top 1",
    ],
)
def predict(
    run: RunArgument,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Image files.", show_default=False)
    ],
    top: Annotated[int, typer.Option(min=1, metavar="N", help="How many classes to show.")] = 5,
    show: Annotated[bool, typer.Option("--show", help="Draw the images in the terminal.")] = False,
) -> None:
    """Classify images with a trained net: class names with their probabilities.

    Images are scaled and cropped to what the net takes. A file that is no image is named and
    passed over; the exit code is then 1.
    """
    from striate.errors import DataError
    from striate.train.data import read_image

    net = trained_net(run)
    shape = net.checked.shapes[net.graph.nodes[0].name]
    failed = False
    for path in images:
        try:
            pixels = read_image(path, shape)
        except DataError as error:
            complain(str(error))
            failed = True
            continue
        say_parts([(str(path), "bold")])
        if show:
            draw([pixels], [[]])
        for name, share in best_classes(net, pixels, top):
            say_parts([(f"  {share:6.1%} ", ""), (bar(share, 20), "green"), (f" {name}", "")])
    if failed:
        raise typer.Exit(1)


def best_classes(net: Net, image: Array, top: int) -> list[tuple[str, float]]:
    """The most probable classes of an image [H, W, C], with their probabilities."""
    from striate.train.metrics import named

    shares = probabilities(net, image[None])[0]
    names = named(net.classes, len(shares))
    order = (-shares).argsort(kind="stable")[:top]
    return [(names[number], float(shares[number])) for number in order]


def probabilities(net: Net, images: Array) -> Array:
    """[N, classes]: the softmax of the scores, unless the net ends in one itself.

    Raises:
        InputError: a score is no number.
    """
    import numpy as np

    from striate.layers import Softmax
    from striate.train.evaluate import require_numbers

    scores = require_numbers(net.predict(images)).astype(np.float64)
    if isinstance(net.graph.nodes[-1].layer, Softmax):
        return scores
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Array = shares / shares.sum(axis=1, keepdims=True)
    return result
