"""Schedules: how the learning rate moves over a run, as a factor of the optimizer's rate.

Written as text: ``constant``, ``step:30,60``, ``cosine``, ``onecycle``, and with a warm-up in
front: ``warmup:5+cosine``. Numbers behind a colon are the schedule's settings in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from striate.errors import InputError
from striate.layers.named import unknown


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        step: updates done so far.
        steps: updates of the whole run.
        epoch_steps: updates of one epoch.
    """

    step: int
    steps: int
    epoch_steps: int

    @property
    def done(self) -> float:
        """The share of the run that is done, 0 to 1."""
        return min(self.step / max(self.steps, 1), 1.0)

    @property
    def epochs(self) -> float:
        """Epochs done so far, with fractions."""
        return self.step / self.epoch_steps


@dataclass(frozen=True)
class Schedule:
    """The base of the schedules. A schedule is a pure function of the position in the run.

    Raises:
        InputError: a setting is out of its range.
    """

    name: ClassVar[str] = ""
    words: ClassVar[str] = ""

    def factor(self, at: Progress) -> float:
        """What the optimizer's rate is multiplied by for the next step."""
        raise NotImplementedError

    def require_fit(self, steps: int, epoch_steps: int) -> None:
        """Raise InputError if the schedule does not fit into a run of so many steps."""

    def __str__(self) -> str:
        """The text that reads back as this schedule."""
        settings = [getattr(self, field.name) for field in fields(self)]
        return ":".join([self.name, *map(_write, settings)])


SCHEDULES: dict[str, type[Schedule]] = {}
ScheduleClass = TypeVar("ScheduleClass", bound=type[Schedule])


def _register(name: str, words: str) -> Callable[[ScheduleClass], ScheduleClass]:
    def decorate(cls: ScheduleClass) -> ScheduleClass:
        cls.name, cls.words = name, words
        SCHEDULES[name] = cls
        return cls

    return decorate


@_register("constant", "constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout."""

    def factor(self, at: Progress) -> float:  # noqa: ARG002
        return 1.0


CONSTANT = Constant()


@_register("step", "step:EPOCH,EPOCH,... or step:EPOCH,EPOCH,...:FACTOR")
@dataclass(frozen=True)
class Step(Schedule):
    """The rate is multiplied by ``drop`` after each of the given epochs."""

    epochs: tuple[float, ...]
    drop: float = 0.1

    def __post_init__(self) -> None:
        ordered = all(a < b for a, b in zip((0.0, *self.epochs), self.epochs, strict=False))
        _require(bool(self.epochs) and ordered, "epochs", "rising numbers above 0", self.epochs)
        _require(0 < self.drop < math.inf, "factor", "a number above 0", self.drop)

    def factor(self, at: Progress) -> float:
        return self.drop ** sum(at.epochs >= epoch for epoch in self.epochs)


@_register("cosine", "cosine or cosine:END")
@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 down to ``end`` over the run (Loshchilov & Hutter 2017, no restarts)."""

    end: float = 0.0

    def __post_init__(self) -> None:
        _require(0 <= self.end <= 1, "end", "a number from 0 to 1", self.end)

    def factor(self, at: Progress) -> float:
        return _cosine(1.0, self.end, at.done)


@_register("onecycle", "onecycle or onecycle:RISE or onecycle:RISE:START:END")
@dataclass(frozen=True)
class OneCycle(Schedule):
    """From ``start`` up to 1 in the first share ``rise`` of the run, then down to ``end``.

    Smith & Topin 2018, with cosines for both ways as in PyTorch.
    """

    rise: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        _require(0 < self.rise < 1, "rise", "a number between 0 and 1", self.rise)
        _require(0 <= self.start <= 1, "start", "a number from 0 to 1", self.start)
        _require(0 <= self.end <= 1, "end", "a number from 0 to 1", self.end)

    def factor(self, at: Progress) -> float:
        if at.done < self.rise:
            return _cosine(self.start, 1.0, at.done / self.rise)
        return _cosine(1.0, self.end, (at.done - self.rise) / (1 - self.rise))


@_register("warmup", "warmup:EPOCHS+SCHEDULE")
@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rises linearly to the full rate in the first ``epochs`` (Goyal et al. 2017).

    Multiplies the schedule ``then``, whose own clock starts with the run: the epochs of a
    ``step`` mean the same with a warm-up and without.
    """

    epochs: float
    then: Schedule = CONSTANT

    def __post_init__(self) -> None:
        _require(0 < self.epochs < math.inf, "epochs", "a number above 0", self.epochs)

    def factor(self, at: Progress) -> float:
        warm_steps = max(round(self.epochs * at.epoch_steps), 1)
        return min((at.step + 1) / warm_steps, 1.0) * self.then.factor(at)

    def require_fit(self, steps: int, epoch_steps: int) -> None:
        if round(self.epochs * epoch_steps) > steps:
            raise InputError(
                f"schedule '{self}': the warm-up of {self.epochs:g} epochs is longer than the "
                f"run of {steps / epoch_steps:.4g}"
            )

    def __str__(self) -> str:
        return f"{self.name}:{_write(self.epochs)}+{self.then}"


def schedule(text: str) -> Schedule:
    """The schedule that a text describes: ``cosine``, ``step:30,60:0.1``, ``warmup:2+cosine``.

    Raises:
        InputError: there is no such schedule or a setting is wrong; the text says what would work.
    """
    first, plus, rest = text.partition("+")
    name, *settings = first.strip().split(":")
    if name not in SCHEDULES:
        raise InputError(unknown("schedule", name, SCHEDULES))
    cls = SCHEDULES[name]
    try:
        values = [_read(setting) for setting in settings]
        if cls is Step and values and not isinstance(values[0], tuple):
            values[0] = (values[0],)
        if cls is WarmUp and len(values) == 1:
            return WarmUp(values[0], schedule(rest) if plus else CONSTANT)
        if cls is WarmUp or plus:
            raise ValueError
        return cls(*values)
    except InputError as error:
        raise InputError(f"schedule '{text}': {error}") from None
    except (TypeError, ValueError):
        raise InputError(f"schedule: expected {cls.words}, got '{text}'") from None


def _read(setting: str) -> Any:
    numbers = tuple(float(part) for part in setting.split(","))
    return numbers if len(numbers) > 1 else numbers[0]


def _write(value: Any) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return ",".join(f"{number:g}" for number in values)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _require(holds: bool, name: str, expected: str, got: Any) -> None:
    if not holds:
        raise InputError(f"{name}: expected {expected}, got {_write(got)}")
