"""What a person sees of a run: a bar that moves in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from striate.app import terminal
from striate.app.terminal import console, say_parts
from striate.train.events import EpochDone, Event, RunStarted, StepDone, Subscriber
from striate.train.history import EpochRecord

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINES = 10
"""Plain lines of a run, besides those of its epochs."""

Parts = list[tuple[str, str]]


@contextmanager
def watching(quiet: bool) -> Iterator[Subscriber]:
    """A subscriber that shows the run: nothing if quiet, a bar in a terminal, else lines."""
    if quiet:
        yield lambda event: None  # noqa: ARG005
    elif terminal.is_terminal():
        with _bar() as progress:
            yield Bar(progress)
    else:
        yield Lines()


class Pace:
    """How fast a run goes: images a second and seconds left, over the steps seen here."""

    def __init__(self, started: RunStarted) -> None:
        self._steps, self._batch, self._first = started.steps, started.batch, started.step
        self._origin: float | None = None

    def __call__(self, event: StepDone) -> tuple[float, float]:
        """Images a second, and seconds that are left."""
        if self._origin is None:
            # The time of the first step is not known; from the second on, that of the others is.
            self._origin, self._first = event.seconds, event.step
        each = (event.seconds - self._origin) / max(1, event.step - self._first)
        return (self._batch / each if each else 0.0), each * (self._steps - event.step)


class Lines:
    """A line for each epoch and for each tenth of the run."""

    def __init__(self) -> None:
        self._started = RunStarted(0, 1, 1, 1, ())
        self._pace = Pace(self._started)

    def __call__(self, event: Event) -> None:
        """Write what there is to say about the event."""
        if isinstance(event, RunStarted):
            self._started, self._pace = event, Pace(event)
        elif isinstance(event, StepDone):
            speed, left = self._pace(event)
            every = max(1, self._started.steps // LINES)
            if event.step % every == 0 and event.in_epoch < self._started.epoch_steps:
                say_parts(_step_parts(self._started, event, speed, left))
        elif isinstance(event, EpochDone):
            say_parts(epoch_parts(event.record, event.is_best, self._started))


class Bar:
    """A bar for the run, below a line for each epoch."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("compiling", total=None, figures="", left="")
        self._started = RunStarted(0, 1, 1, 1, ())
        self._pace = Pace(self._started)

    def __call__(self, event: Event) -> None:
        """Move the bar, or write the line of an epoch above it."""
        if isinstance(event, RunStarted):
            self._started, self._pace = event, Pace(event)
            self._progress.update(
                self._task, total=event.steps, completed=event.step, description="training"
            )
        elif isinstance(event, StepDone):
            speed, left = self._pace(event)
            pace = f"  {speed:,.0f} images/s" if speed else ""
            self._progress.update(
                self._task,
                completed=event.step,
                description=_epoch_of(self._started, event.epoch),
                figures=f"loss {event.mean_loss:.3f}  accuracy {event.accuracy:.1%}{pace}",
                left=f"{clock(left)} left" if speed else "",
            )
        elif isinstance(event, EpochDone):
            from rich.text import Text

            parts = epoch_parts(event.record, event.is_best, self._started)
            self._progress.console.print(Text.assemble(*parts))


def epoch_parts(record: EpochRecord, is_best: bool, started: RunStarted) -> Parts:
    """The line of an epoch: (text, style) parts."""
    parts = [
        (_epoch_of(started, record.epoch), "bold"),
        (f"  loss {record.loss:.4f}  accuracy {record.accuracy:6.1%}", ""),
    ]
    if record.validation_accuracy is not None:
        parts.append((f"  validation {record.validation_accuracy:6.1%}", "green"))
    parts.append((f"  {clock(record.seconds)}", "bright_black"))
    return [*parts, ("  best so far" if is_best else "", "bright_black")]


def clock(seconds: float) -> str:
    """A duration: ``7 s``, ``3:05``, ``1:02:03``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _epoch_of(started: RunStarted, epoch: float) -> str:
    """Which epoch of how many: the current one, a whole number, or how many are done."""
    total = started.steps / started.epoch_steps
    if isinstance(epoch, int):
        total = math.ceil(total)
    return f"epoch {epoch:>{len(f'{total:.4g}')}.4g}/{total:.4g}"


def _step_parts(started: RunStarted, event: StepDone, speed: float, left: float) -> Parts:
    text = (
        f"{_epoch_of(started, event.epoch)}  step {event.step:,} of {started.steps:,}  "
        f"loss {event.mean_loss:.4f}  accuracy {event.accuracy:.1%}"
    )
    pace = f"  {speed:,.0f} images/s  {clock(left)} left" if speed else ""
    return [(text + pace, "")]


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    out = console()
    out.soft_wrap = False
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(24, complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TextColumn("{task.fields[left]}", style="bright_black" if terminal.coloured() else ""),
    ]
    with Progress(*columns, console=out, transient=True, refresh_per_second=8) as progress:
        yield progress
