"""TensorBoard files from the events of a run, through the optional package tensorboardX."""

from __future__ import annotations

import importlib
from pathlib import Path

from striate.errors import InputError
from striate.train.events import EpochDone, Event, StepDone, Stopped


class TensorBoard:
    """A subscriber that writes loss and rate of each step, and the figures of each epoch."""

    def __init__(self, folder: Path) -> None:
        """Begin to write into a folder.

        Raises:
            InputError: tensorboardX is not installed.
        """
        try:
            package = importlib.import_module("tensorboardX")
        except ImportError:
            raise InputError(
                "TensorBoard files need the package tensorboardX, which is not installed: "
                "pip install 'striate[tensorboard]'"
            ) from None
        self._writer = package.SummaryWriter(str(folder))

    def __call__(self, event: Event) -> None:
        """Write what the event says; the end of the run closes the file."""
        if isinstance(event, StepDone):
            self._writer.add_scalar("step/loss", event.loss, event.step)
            self._writer.add_scalar("step/rate", event.rate, event.step)
        elif isinstance(event, EpochDone):
            for name, value in event.record.values().items():
                if value is not None and name not in ("epoch", "step"):
                    self._writer.add_scalar(f"epoch/{name}", value, event.record.step)
        elif isinstance(event, Stopped):
            self._writer.close()
