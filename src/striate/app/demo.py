"""``striate demo``: the whole way, on images that are in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.app.nets import ThreadsOption
from striate.app.verbs import TRAINING, verb

if TYPE_CHECKING:
    from striate.app.run import Outcome

NET = "INPUT -> [CONV3-32 -> RELU -> POOL2]*2 -> CONV3-64 -> RELU -> FC 128 -> RELU -> FC"
RECIPE = {
    "epochs": 6,
    "batch": 32,
    "rate": 0.02,
    "optimizer": "sgd,nesterov=yes",
    "augment": "flip",
}
SHOWN = 6


@verb("demo", TRAINING, ["striate demo"])
def demo(threads: ThreadsOption = None) -> None:
    """Train a small net on the images in the package, in under a minute, and classify some.

    It does what striate train fashion does, with a net that is quick on any machine.
    """
    from striate.app.run import Request, carry_out
    from striate.app.terminal import say

    say(f'striate train fashion --net "{NET}"', "bold")
    say()
    outcome = carry_out(Request("fashion", NET, recipe=RECIPE, threads=threads))
    say()
    _show_some(outcome)


def _show_some(outcome: Outcome) -> None:
    """Draw the first test images of different classes with what the net says."""
    import numpy as np

    from striate.app.pictures import draw
    from striate.app.predict import probabilities

    test, net = outcome.job.parts.test, outcome.net
    firsts = np.unique(test.labels, return_index=True)[1][:SHOWN]
    images, labels = test.batch(firsts)
    captions = []
    for shares, label in zip(probabilities(net, images), labels, strict=True):
        found = int(shares.argmax())
        right = found == label
        truth = "" if right else f"is {net.classes[label]}"
        style = "green" if right else "red"
        captions.append([(f"{net.classes[found]} {shares[found]:.0%}", style), (truth, style)])
    draw(list(images), captions)
