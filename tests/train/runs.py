"""Small runs for the tests of the loop: coloured squares, a tiny net, a program in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from numpy_program import NumpyProgram
from striate import notation
from striate.check import check
from striate.graph import Meta, Network, build
from striate.layers import SoftmaxLoss
from striate.optimizers import Adam, Optimizer
from striate.train.data import ArrayData
from striate.train.events import Event
from striate.train.initialise import initialise
from striate.train.loop import Trainer, Validation
from striate.train.settings import Settings

NET = "INPUT 4x4x1 -> CONV3-3 -> BATCHNORM -> RELU -> DROPOUT 0.2 -> POOL2 -> FC 3"
BATCH = 8


def squares(count: int = 44, seed: int = 0) -> ArrayData:
    """Images [4, 4, 1] whose brightest row is their class, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = random.uniform(0, 1, (count, 4, 4, 1)).astype(np.float32)
    images[np.arange(count), labels] += 1
    return ArrayData(images, labels, ("top", "upper", "lower"), "squares")


def network(text: str = NET, seed: int = 0) -> Network:
    graph = build(notation.parse(text))
    weights = initialise(check(graph).parameters, seed)
    return Network(graph, weights, Meta(("top", "upper", "lower")))


def training_program(net: Network, optimizer: Optimizer | None = None) -> NumpyProgram:
    program = NumpyProgram(net.graph, BATCH, SoftmaxLoss(), optimizer or Adam(rate=0.01))
    program.load(net.weights)
    return program


def inference_program(net: Network) -> NumpyProgram:
    return NumpyProgram(net.graph, BATCH)


class Recorder:
    """A subscriber that keeps every event, and may do something at one of them."""

    def __init__(self, do: Callable[[Event], None] = lambda event: None) -> None:  # noqa: ARG005
        self.events: list[Event] = []
        self._do = do

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._do(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def trainer(
    folder: Path | None = None,
    do: Callable[[Event], None] = lambda event: None,  # noqa: ARG005
    net: Network | None = None,
    optimizer: Optimizer | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    validated: bool = True,
    **settings: Any,
) -> tuple[Trainer, Recorder]:
    """A run of 5 steps an epoch on `squares`, and what records its events."""
    net = net or network()
    recorder = Recorder(do)
    validation = Validation(inference_program(net), squares(11, 1), SoftmaxLoss())
    run = Trainer(
        net,
        training_program(net, optimizer),
        squares(),
        Settings(**{"rate": 0.01, "seed": 7} | settings),
        validation if validated else None,
        folder,
        [recorder],
        clock,
    )
    return run, recorder


def copied(program: NumpyProgram) -> dict[str, np.ndarray[Any, Any]]:
    """Every weight and state of a program, copied, by name."""
    found = {f"{n}/{p}": a.copy() for n, own in program.weights.items() for p, a in own.items()}
    for node, own in program.state.items():
        for name, states in own.items():
            found |= {f"{node}/{name}/{each}": a.copy() for each, a in states.items()}
    return found


def same_bits(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )
