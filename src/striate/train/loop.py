"""The loop: updates, epochs, validation, checkpoints, and every way in which a run can end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from striate.errors import DataError, FileError, InputError, TrainingError
from striate.graph.graph import Network
from striate.layers.loss import Loss
from striate.layers.shape import Array
from striate.train.checkpoint import BEST, LAST, Position, load_checkpoint, restore, save_checkpoint
from striate.train.data.dataset import DataSet, require_trainable
from striate.train.data.fingerprint import fingerprint_of
from striate.train.data.loader import Loader, evaluation_loader, training_loader, training_work
from striate.train.events import (
    CheckpointSaved,
    EpochDone,
    Event,
    RunStarted,
    StepDone,
    Stopped,
    Subscriber,
)
from striate.train.history import EpochRecord, History, StopReason, best_of, epochs_since_best
from striate.train.interrupt import Interrupt, interruptible
from striate.train.metrics import Evaluation, Tally
from striate.train.program import InferenceProgram, TrainingProgram
from striate.train.schedules import Progress
from striate.train.settings import Settings


@dataclass(frozen=True)
class Validation:
    """What an epoch is judged by.

    Attributes:
        program: into which the weights are loaded for it.
        data: images that are not trained on.
        loss: as in training.
    """

    program: InferenceProgram
    data: DataSet
    loss: Loss


class Trainer:
    """One run of a training program over a data set."""

    def __init__(
        self,
        network: Network,
        program: TrainingProgram,
        data: DataSet,
        settings: Settings,
        validation: Validation | None = None,
        folder: Path | None = None,
        subscribers: Iterable[Subscriber] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set a run up.

        Args:
            network: the graph and meta that checkpoints carry along; its weights are not read.
            program: with the initial weights loaded.
            data: images to train on.
            settings: of the run.
            validation: what the epochs are judged by; the training loss where there is none.
            folder: for the checkpoints; without one nothing is saved.
            subscribers: called with every event, in order.
            clock: seconds.

        Raises:
            DataError: the data do not fill a batch or are all of one class.
            InputError: the data have more classes than the net has scores, or the warm-up is
                longer than the run.
        """
        self.program, self.settings = program, settings
        self._network, self._data, self._validation = network, data, validation
        self._folder, self._subscribers, self._clock = folder, tuple(subscribers), clock
        self._check_data()
        self._at = Position(0, 0, settings.seed, program.batch, len(data) // program.batch)
        self._at.data = fingerprint_of(data)
        program.seed = settings.seed
        self._steps = settings.total(self._at.epoch_steps)
        settings.schedule.require_fit(self._steps, self._at.epoch_steps)
        self._saved: CheckpointSaved | None = None
        self._interrupt = Interrupt()
        self._began = self._seconds_before = 0.0

    def _check_data(self) -> None:
        data, batch, scores = self._data, self.program.batch, self.program.scores.shape[-1]
        if len(data) < batch:
            raise DataError(
                f"{data.name}: {len(data)} images do not fill a batch of {batch}; "
                f"the batch may be at most {len(data)}"
            )
        require_trainable(data)
        if len(data.classes) > scores:
            raise InputError(
                f"{data.name}: has {len(data.classes)} classes, but the net gives {scores} "
                f"scores; its last layer should give {len(data.classes)}"
            )

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint: what follows is what would have followed there, to the bit.

        The seed is the checkpoint's.

        Raises:
            FileError: it cannot be read, or is of another net, optimizer, batch or data set.
        """
        checkpoint = load_checkpoint(path)
        was, now = checkpoint.position, self._at
        other = was.data.differences(fingerprint_of(self._data)) if was.data else ""
        if other:
            raise FileError(f"{path}: its run began with other data; {self._data.name} has {other}")
        if (was.batch, was.epoch_steps) != (now.batch, now.epoch_steps):
            raise FileError(
                f"{path}: its epochs have {was.epoch_steps} steps of {was.batch} images, these "
                f"would have {now.epoch_steps} of {now.batch}; go on with the same data and batch"
            )
        restore(path, checkpoint, self.program)
        self._at, self._saved = was, CheckpointSaved(path, was.step)

    def fit(self) -> History:
        """Train until the epochs are done, or the run ends for another `StopReason`.

        The first SIGINT (Ctrl-C) or SIGTERM ends it after the update that is being made, with a
        checkpoint; a second one raises KeyboardInterrupt at once.

        Raises:
            TrainingError: the loss or a weight is no longer finite; the last good checkpoint is
                named and kept.
            FileError: a checkpoint cannot be written; the previous one is intact.
            DataError: an image cannot be read.
        """
        with interruptible() as self._interrupt:
            at = self._at
            self._began, self._seconds_before = self._clock(), at.seconds
            self._emit(RunStarted(at.step, self._steps, at.epoch_steps, at.batch, at.records))
            reason = self._run()
            if reason in (StopReason.FINISHED, StopReason.TIME) and at.in_epoch:
                self._close_epoch()
            self._save_once()
        self._emit(Stopped(reason, at.step, self._saved.path if self._saved else None))
        return History(at.records, reason)

    def _run(self) -> StopReason:
        at, every = self._at, self.settings.save_every
        with self._batches() as batches:
            while (reason := self._reason_to_stop()) is None:
                if at.epoch_is_due:
                    self._close_epoch()
                    continue
                self._step(*next(batches))
                if every and at.step % every == 0:
                    self._save_once()
        return reason

    def _batches(self) -> Loader:
        """The batches from where the run is, without end."""
        at, settings = self._at, self.settings
        if settings.overfit is None:
            epoch, first = divmod(at.step, at.epoch_steps)
            return training_loader(self._data, at.batch, at.seed, epoch, first, settings.readers)
        count = min(settings.overfit, at.epoch_steps)
        few = list(islice(training_work(len(self._data), at.batch, at.seed), count))
        return Loader(self._data, islice(cycle(few), at.step % count, None), settings.readers)

    def _reason_to_stop(self) -> StopReason | None:
        at, settings = self._at, self.settings
        if self._interrupt.requested:
            return StopReason.INTERRUPTED
        if at.epoch_is_due:
            return None
        if at.step >= self._steps:
            return StopReason.FINISHED
        if settings.max_time is not None and self._clock() - self._began >= settings.max_time:
            return StopReason.TIME
        patience = settings.patience
        if patience and at.in_epoch == 0 and epochs_since_best(at.records) >= patience:
            return StopReason.PATIENCE
        return None

    def _step(self, images: Array, labels: Array) -> None:
        at, settings = self._at, self.settings
        factor = settings.schedule.factor(Progress(at.step, self._steps, at.epoch_steps))
        at.rate = settings.rate * factor
        loss = self.program.step(images, labels, at.rate)
        at.step += 1
        at.program_steps = self.program.steps
        at.seconds = self._seconds_before + self._clock() - self._began
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss}")
        at.loss_sum += loss
        at.right += int((self.program.scores.argmax(axis=1) == labels).sum())
        mean, share = self._epoch_means()
        epoch = math.ceil(at.step / at.epoch_steps)
        self._emit(StepDone(at.step, epoch, at.in_epoch, loss, mean, share, at.rate, at.seconds))

    def _epoch_means(self) -> tuple[float, float]:
        """Mean loss and accuracy of the current epoch's batches."""
        at = self._at
        return at.loss_sum / at.in_epoch, at.right / (at.in_epoch * at.batch)

    def _close_epoch(self) -> None:
        """Validate, record and save an epoch, whole or not; an interrupt leaves it for later."""
        at = self._at
        evaluation = self._validate()
        if self._interrupt.requested:
            return
        mean, share = self._epoch_means()
        at.seconds = self._seconds_before + self._clock() - self._began
        judged = (evaluation.loss, evaluation.accuracy, evaluation.top5) if evaluation else ()
        epoch = at.step / at.epoch_steps
        record = EpochRecord(epoch, at.step, mean, share, at.rate, at.seconds, *judged)
        if at.epoch_is_due:
            at.loss_sum, at.right = 0.0, 0
        at.records += (record,)
        is_best = best_of(at.records) is record
        if is_best:
            self._save(BEST)
        self._save(LAST)
        self._emit(EpochDone(record, evaluation, is_best))

    def _validate(self) -> Evaluation | None:
        """How the net does on the validation images, unless an interrupt comes in between."""
        by = self._validation
        if by is None:
            return None
        by.program.load(self.program.weights)
        tally = Tally(by.loss)
        with evaluation_loader(by.data, by.program.batch, self.settings.readers) as batches:
            for images, labels in batches:
                if self._interrupt.requested:
                    return None
                tally.add(by.program(images), labels)
        evaluation = tally.result()
        if evaluation.loss is None or not math.isfinite(evaluation.loss):
            raise self._diverged(f"the validation loss is {evaluation.loss}")
        return evaluation

    def _save_once(self) -> None:
        if self._saved is None or self._saved.step != self._at.step:
            self._save(LAST)

    def _save(self, name: str) -> None:
        if self._folder is None:
            return
        path = self._folder / name
        try:
            save_checkpoint(path, self._network, self.program, self._at)
        except TrainingError as error:
            raise self._diverged(str(error)) from None
        self._saved = CheckpointSaved(path, self._at.step)
        self._emit(self._saved)

    def _diverged(self, what: str) -> TrainingError:
        at = self._at
        epoch, number = divmod(at.step - 1, at.epoch_steps)
        good = "no checkpoint had been saved"
        if self._saved is not None:
            good = f"the last good checkpoint is {self._saved.path}, of step {self._saved.step}"
        return TrainingError(
            f"{what} at step {at.step} (epoch {epoch + 1}, batch {number + 1} of "
            f"{at.epoch_steps}): the training has diverged; try a rate below {at.rate:g}, a "
            f"warm-up or gradient clipping; {good}"
        )

    def _emit(self, event: Event) -> None:
        for subscriber in self._subscribers:
            subscriber(event)
