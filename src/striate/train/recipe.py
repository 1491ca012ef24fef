"""How a net is trained, in words and numbers that a command line gives and a file holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from striate.errors import InputError
from striate.layers import LOSSES, Loss
from striate.layers.loss import loss
from striate.layers.named import unknown
from striate.layers.options import options_of
from striate.optimizers import OPTIMIZERS, Optimizer, optimizer
from striate.plan import Training
from striate.train.augment import Augmentation, parse
from striate.train.schedules import schedule
from striate.train.settings import Settings


@dataclass(frozen=True)
class Recipe:
    """How a net is trained, in values that a file can hold.

    Attributes:
        epochs: how often the images are gone through.
        steps: updates of the whole run, instead of ``epochs``.
        batch: images in one update.
        loss: ``softmax``, ``svm`` or ``l2``, with settings as in ``svm,margin=2``.
        optimizer: ``sgd``, ``adagrad``, ``rmsprop``, ``adam`` or ``adamw``, with settings as in
            ``sgd,momentum=0.95,nesterov=yes``.
        rate: the learning rate; by default the optimizer's own.
        schedule: ``constant``, ``cosine``, ``onecycle``, ``step:30,60``, ``warmup:2+cosine`` …
        weight_decay: pull of the weights to zero; biases and norms are left alone.
        clip: the norm that all gradients together are scaled down to.
        label_smoothing: share of softmax's target that is spread over all classes.
        augment: ``none``, or steps such as ``crop=4,flip,jitter=0.2,cutout=8``.
        seed: of the weights, the order of the images, the augmentation and dropout.
        patience: epochs without improvement after which the run ends.
        max_time: seconds after which the run ends.
        overfit: train on this many batches only, to see whether the net can learn at all.
        save_every: updates between checkpoints within an epoch.

    Raises:
        InputError: ``clip`` or ``label_smoothing`` is out of its range.
    """

    epochs: int = 10
    steps: int | None = None
    batch: int = 64
    loss: str = "softmax"
    optimizer: str = "sgd"
    rate: float | None = None
    schedule: str = "cosine"
    weight_decay: float = 0.0
    clip: float | None = None
    label_smoothing: float = 0.0
    augment: str = "none"
    seed: int = 0
    patience: int | None = None
    max_time: float | None = None
    overfit: int | None = None
    save_every: int | None = None

    def __post_init__(self) -> None:
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise InputError(f"clip: expected a number above 0, got {self.clip:g}")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(
                f"label_smoothing: expected a number from 0 to below 1, "
                f"got {self.label_smoothing:g}"
            )

    def make_loss(self) -> Loss:
        """The loss.

        Raises:
            InputError: it is unknown, or a setting is out of its range.
        """
        name, settings = _named(self.loss, LOSSES, "loss")
        if self.label_smoothing:
            settings["label_smoothing"] = self.label_smoothing
        return loss(name, **settings)

    def make_optimizer(self) -> Optimizer:
        """The optimizer, at the recipe's rate and weight decay.

        Raises:
            InputError: it is unknown, or a setting is out of its range.
        """
        name, settings = _named(self.optimizer, OPTIMIZERS, "optimizer")
        if self.rate is not None:
            settings["rate"] = self.rate
        if self.weight_decay:
            settings["weight_decay"] = self.weight_decay
        return optimizer(name, **settings)

    def make_training(self) -> Training:
        """The loss, the optimizer and the clipping, for a plan.

        Raises:
            InputError: one is unknown, or a setting is out of its range.
        """
        return Training(self.make_loss(), self.make_optimizer(), self.clip)

    def make_augmentation(self) -> Augmentation:
        """The augmentation of the training images.

        Raises:
            InputError: a step is unknown or has a value that it cannot take.
        """
        return parse(self.augment)

    def make_settings(self) -> Settings:
        """The settings of the loop.

        Raises:
            InputError: one is out of its range.
        """
        names = ("epochs", "steps", "seed", "patience", "max_time", "overfit", "save_every")
        shared = {name: getattr(self, name) for name in names}
        rate = self.make_optimizer().rate
        return Settings(rate=rate, schedule=schedule(self.schedule), **shared)

    def verify(self) -> None:
        """Raise InputError if a part of the recipe cannot be used, before any work is done."""
        self.make_loss()
        self.make_settings()
        self.make_augmentation()

    def values(self) -> dict[str, Any]:
        """All values by name, to be written down."""
        return asdict(self)


def make_recipe(values: Mapping[str, Any]) -> Recipe:
    """The recipe with these fields.

    Raises:
        InputError: there is no such field; the text suggests one.
    """
    known = [field.name for field in fields(Recipe)]
    for name in values:
        if name not in known:
            raise InputError(unknown("setting of the training", name, known))
    return Recipe(**values)


def _named(text: str, registry: Mapping[str, type], what: str) -> tuple[str, dict[str, Any]]:
    """A name and its settings, read by the kinds that the named class declares."""
    name, *parts = (part.strip() for part in text.split(","))
    if name not in registry:
        raise InputError(unknown(what, name, registry))
    options = options_of(registry[name])
    settings: dict[str, Any] = {}
    for part in parts:
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in options:
            raise InputError(unknown(f"setting of {what} {name}", key, list(options)))
        try:
            settings[key] = options[key].kind.read(value)
        except ValueError as error:
            raise InputError(f"{what} {name}: {key}: {error}") from None
    return name, settings
