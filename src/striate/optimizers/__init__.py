"""Optimizers: one file each, with hyper-parameters, state and the NumPy update that defines it."""

from striate.optimizers.adagrad import Adagrad
from striate.optimizers.adam import Adam
from striate.optimizers.adamw import AdamW
from striate.optimizers.base import OPTIMIZERS, Optimizer, optimizer
from striate.optimizers.rmsprop import RmsProp
from striate.optimizers.sgd import Sgd

__all__ = [
    "OPTIMIZERS",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RmsProp",
    "Sgd",
    "optimizer",
]
