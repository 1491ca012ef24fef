"""The loop: steps, epochs, validation, checkpoints, and every way in which a run can end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import NoReturn

from striate.errors import DataError, FileError, InputError, TrainingError
from striate.graph.graph import Network
from striate.layers.loss import Loss
from striate.layers.shape import Array
from striate.train.checkpoint import Position, load_checkpoint, restore, save_checkpoint
from striate.train.data.dataset import DataSet
from striate.train.data.loader import Loader, training_loader, training_work
from striate.train.evaluate import scored
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
