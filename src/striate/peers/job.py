"""What one process is asked to do, as it is handed over on the command line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Job:
    """One library, one net, one way of calling it.

    Attributes:
        folder: of the case: the net, its images, labels and scores; see `striate.peers.case`.
        library: its name in the catalogue.
        training: a call is a training step, otherwise an inference.
        threads: that work on a call.
        warm: calls before the first that counts.
        fewest: calls that count, at least …
        seconds: … and more until so many seconds have passed …
        most: … but no more than these.
        layer: one of the convnet-benchmarks protocol, instead of the case's net.
        batch: images of that layer.
        fresh: the net gets weights of the library's own and is not checked, so that the memory
            is what a user of the library would see.
    """

    folder: str
    library: str
    training: bool
    threads: int
    warm: int = 2
    fewest: int = 3
    seconds: float = 3.0
    most: int = 200
    layer: str = ""
    batch: int = 1
    fresh: bool = False

    def text(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def read_job(text: str) -> Job:
    """The job of such a line."""
    return Job(**json.loads(text))
