"""What the loop tells its subscribers; bars, tables and files are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from striate.train.history import EpochRecord, StopReason
from striate.train.metrics import Evaluation


@dataclass(frozen=True)
class RunStarted:
    """A run begins or goes on.

    Attributes:
        step: updates done before; 0 unless the run was resumed.
        steps: updates of the whole run.
        epoch_steps: updates of one epoch.
        batch: images in one update.
        records: the epochs done before.
    """

    step: int
    steps: int
    epoch_steps: int
    batch: int
    records: tuple[EpochRecord, ...]


@dataclass(frozen=True)
class StepDone:
    """One update.

    Attributes:
        step: its number, from 1.
        epoch: the epoch it belongs to, from 1.
        in_epoch: its number in the epoch, from 1.
        loss: of its batch, before the update.
        mean_loss: of the epoch so far.
        accuracy: of the epoch so far, on the training images as they came.
        rate: the learning rate.
        seconds: of training so far, those before a resume included.
    """

    step: int
    epoch: int
    in_epoch: int
    loss: float
    mean_loss: float
    accuracy: float
    rate: float
    seconds: float


@dataclass(frozen=True)
class EpochDone:
    """An epoch, or the part of one that the run ended in, was finished and evaluated.

    Attributes:
        record: its figures.
        evaluation: on the validation images, if there are any.
        is_best: whether no epoch before was better.
    """

    record: EpochRecord
    evaluation: Evaluation | None
    is_best: bool


@dataclass(frozen=True)
class CheckpointSaved:
    """A checkpoint is on the disk."""

    path: Path
    step: int


@dataclass(frozen=True)
class Stopped:
    """The run ended without an error.

    Attributes:
        reason: why.
        step: updates done.
        checkpoint: from which the run can go on, if one was saved.
    """

    reason: StopReason
    step: int
    checkpoint: Path | None


Event = RunStarted | StepDone | EpochDone | CheckpointSaved | Stopped
Subscriber = Callable[[Event], None]
