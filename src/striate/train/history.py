"""The record of a run: one row for each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class StopReason(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    PATIENCE = "no improvement"
    TIME = "time is up"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class EpochRecord:
    """The figures of one epoch.

    Attributes:
        epoch: epochs done; not whole where the run ended in the middle of one.
        step: updates done.
        loss: mean of the epoch's training batches.
        accuracy: on the epoch's training images as they came, before each update.
        rate: the learning rate of the last update.
        seconds: of training so far.
        validation_loss: on the validation images, where there are any.
        validation_accuracy: on the validation images, where there are any.
        validation_top5: on the validation images, where there are any.
    """

    epoch: float
    step: int
    loss: float
    accuracy: float
    rate: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_top5: float | None = None

    @property
    def score(self) -> tuple[float, float]:
        """Higher is better: the validation accuracy, then its loss; else the training loss."""
        if self.validation_accuracy is None or self.validation_loss is None:
            return -self.loss, 0.0
        return self.validation_accuracy, -self.validation_loss

    def values(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


FIGURES = tuple(field.name for field in fields(EpochRecord))


@dataclass(frozen=True)
class History:
    """What a run did, as `fit` returns it.

    Attributes:
        records: one for each epoch, in order.
        reason: why the run ended.
    """

    records: tuple[EpochRecord, ...]
    reason: StopReason

    @property
    def best(self) -> EpochRecord | None:
        """The epoch with the highest score, the first of equals; None before the first epoch."""
        return best_of(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[EpochRecord]:
        return iter(self.records)


def best_of(records: tuple[EpochRecord, ...]) -> EpochRecord | None:
    """The record with the highest score, the first of equals."""
    return max(records, key=lambda record: record.score, default=None)


def epochs_since_best(records: tuple[EpochRecord, ...]) -> int:
    """How many whole epochs have passed since the best one."""
    best = best_of(records)
    later = records[records.index(best) + 1 :] if best else ()
    return sum(float(record.epoch).is_integer() for record in later)
