"""The same training with Winograd's convolution and with plain sums of products.

    python bench/accuracy.py [--epochs 3] [--batch 64]

Trains a small net on the data set that ships with Striate twice, from the same weights and in the
same order, and prints both losses and accuracies on the test images after every epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

import striate
from striate.layers.shape import Array
from striate.train.data import open_data

NET = (
    "INPUT 28x28x1 -> [[CONV3-32 -> RELU]*2 -> POOL2]*2 -> CONV3-64 -> RELU"
    " -> FC 128 -> RELU -> FC 10"
)
SEED = 0
RATE = 0.02


def epochs(exact: bool, count: int, batch: int) -> Iterator[tuple[float, float]]:
    """Mean training loss and test accuracy of every epoch."""
    train, test = open_data("fashion", "train"), open_data("fashion", "test")
    net = striate.net(NET).init(seed=SEED)
    program = net.compile(batch, True, exact=exact, optimizer="sgd,momentum=0.9", rate=RATE)
    random = np.random.default_rng(SEED)
    for _ in range(count):
        order = random.permutation(len(train))
        parts = [order[i : i + batch] for i in range(0, len(order) - batch + 1, batch)]
        losses = [program.step(*_scaled(*train.batch(part, SEED))) for part in parts]
        net.take(program)
        images, labels = _scaled(*test.batch(np.arange(len(test)), SEED))
        right = net.predict(images).argmax(1) == labels
        yield float(np.mean(losses)), float(right.mean())


def _scaled(images: Array, labels: Array) -> tuple[Array, Array]:
    """Pixels from -1 to 1."""
    return images.astype(np.float32) / 127.5 - 1, labels


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    chosen = parser.parse_args()
    print("| epoch | loss, Winograd | loss, exact | accuracy, Winograd | accuracy, exact |")
    print("|---|---|---|---|---|")
    runs = [epochs(exact, chosen.epochs, chosen.batch) for exact in (False, True)]
    for number, found in enumerate(zip(*runs, strict=True), 1):
        (loss, accuracy), (plain, of_plain) = found
        print(f"| {number} | {loss:.5f} | {plain:.5f} | {accuracy:.4f} | {of_plain:.4f} |")


if __name__ == "__main__":
    main()
