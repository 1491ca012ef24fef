"""From a net, images and a recipe to a trained net: everything that a run needs is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate.check import check
from striate.check.weights import require_weights
from striate.errors import InputError
from striate.graph import Network
from striate.layers import Input, Loss
from striate.layers.loss import LOSSES, loss
from striate.layers.named import unknown
from striate.layers.options import options_of
from striate.optimizers import OPTIMIZERS, Optimizer, optimizer
from striate.pipeline import Training, compile_net
from striate.train.augment import Augmented, parse
from striate.train.data import DataSet, pixel_statistics
from striate.train.events import Subscriber
from striate.train.history import History
from striate.train.initialise import initialise
from striate.train.loop import Trainer, Validation
from striate.train.schedules import schedule
from striate.train.settings import Settings

EVALUATION_BATCH = 64


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

    def training(self) -> Training:
        """The loss and the optimizer.

        Raises:
            InputError: one of them is unknown, or a setting is out of its range.
        """
        smoothing = {"label_smoothing": self.label_smoothing} if self.label_smoothing else {}
        rule: Optimizer = optimizer(*_named(self.optimizer, OPTIMIZERS, "optimizer"))
        rule = replace(rule, rate=self.rate or rule.rate)
        if self.weight_decay:
            rule = replace(rule, weight_decay=self.weight_decay)
        return Training(read_loss(self.loss, **smoothing), rule, self.clip)

    def settings(self, rate: float) -> Settings:
        """The settings of the loop, at the optimizer's rate."""
        names = ("epochs", "steps", "seed", "patience", "max_time", "overfit", "save_every")
        shared = {name: getattr(self, name) for name in names}
        return Settings(rate=rate, schedule=schedule(self.schedule), **shared)

    def values(self) -> dict[str, Any]:
        """All values by name, to be written down."""
        return asdict(self)
