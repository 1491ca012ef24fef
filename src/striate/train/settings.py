"""How long to train, at which rate, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass

from striate.errors import InputError
from striate.train.schedules import CONSTANT, Schedule


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Attributes:
        epochs: how often the images are gone through.
        steps: updates of the whole run, instead of ``epochs``.
        rate: learning rate that the schedule multiplies.
        schedule: how the rate moves over the run.
        patience: epochs without improvement after which the run ends.
        max_time: seconds after which the run ends.
        overfit: train on this many batches only, the same ones over and over, to see whether a
            net can learn anything at all; an epoch has as many steps as without.
        save_every: updates between checkpoints within an epoch; without, one at each epoch's end.
        seed: of the order of the images, the augmentation and the layers' random numbers.
        readers: threads that read and augment images ahead.

    Raises:
        InputError: a setting is out of its range.
    """

    epochs: int = 10
    steps: int | None = None
    rate: float = 0.01
    schedule: Schedule = CONSTANT
    patience: int | None = None
    max_time: float | None = None
    overfit: int | None = None
    save_every: int | None = None
    seed: int = 0
    readers: int = 2

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "patience", "overfit", "save_every", "readers"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise InputError(f"{name}: expected a whole number of at least 1, got {value}")
        for name in ("rate", "max_time"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name}: expected a number above 0, got {value:g}")
        if self.seed < 0:
            raise InputError(f"seed: expected a whole number of at least 0, got {self.seed}")

    def total(self, epoch_steps: int) -> int:
        """Updates of the whole run."""
        return self.epochs * epoch_steps if self.steps is None else self.steps
