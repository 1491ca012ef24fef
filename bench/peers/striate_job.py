"""Striate's side of a job."""

from __future__ import annotations

import numpy as np
from timing import job, report

import striate


def main() -> None:
    """Compile the net, then time inferences or training steps."""
    wanted = job()
    net = striate.net(wanted["net"])
    net.init(seed=0)
    batch, threads = wanted["batch"], wanted["threads"]
    program = net.compile(batch=batch, training=wanted["mode"] == "train", threads=threads)
    shape = net.checked.shapes[net.graph.nodes[0].name]
    rng = np.random.default_rng(0)
    images = rng.standard_normal(shape.array(batch)).astype(np.float32)
    labels = rng.integers(0, program.classes, batch)
    if wanted["mode"] == "train":
        report(lambda: program.step(images, labels), wanted["steps"])
    else:
        report(lambda: program(images), wanted["steps"])


if __name__ == "__main__":
    main()
