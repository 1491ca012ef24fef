"""Checkpoints: one .safetensors file that holds a run such that it goes on to the same bits.

It is the file of a net (`striate.graph.weights_file`) and more: the optimizer's state as tensors
``optimizer/conv1/w/velocity``, and the position of the loop as JSON in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate.check.weights import require_same
from striate.errors import FileError, TrainingError
from striate.graph.graph import Network
from striate.graph.tensor_file import read_tensors, write_tensors
from striate.graph.weights_file import metadata_of, network_from, weight_tensors
from striate.layers.shape import Array
from striate.train.data.fingerprint import Fingerprint, read_fingerprint
from striate.train.history import EpochRecord
from striate.train.program import Floats, ProgramState, TrainingProgram

LAST = "last.safetensors"
BEST = "best.safetensors"
STATE = "optimizer/"


@dataclass
class Position:
    """Where a run is; together with weights and optimizer state it fixes everything to come.

    The loop moves it on.

    Attributes:
        step: updates done.
        program_steps: the program's own count of updates.
        seed: of the order of the images, the augmentation and the layers' random numbers.
        batch: images in one update.
        epoch_steps: updates of one epoch.
        loss_sum: of the batches of the current epoch.
        right: images of the current epoch that were classified rightly.
        rate: the learning rate of the last update.
        seconds: of training.
        records: the epochs done.
        data: by which the training images are known again.
    """

    step: int
    program_steps: int
    seed: int
    batch: int
    epoch_steps: int
    loss_sum: float = 0.0
    right: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    records: tuple[EpochRecord, ...] = ()
    data: Fingerprint | None = None

    @property
    def epoch_is_due(self) -> bool:
        """Whether the last update of an epoch is done, but not its validation."""
        done = self.records[-1].step if self.records else 0
        return self.step > done and self.step % self.epoch_steps == 0

    @property
    def in_epoch(self) -> int:
        """Updates done in the current epoch; all of them where its validation is due."""
        return self.epoch_steps if self.epoch_is_due else self.step % self.epoch_steps


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        network: the net with its weights at the time.
        state: the optimizer's arrays by name: ``conv1/w/velocity``.
        position: where the run was.
    """

    network: Network
    state: dict[str, Floats]
    position: Position


def save_checkpoint(
    path: Path, network: Network, program: TrainingProgram, position: Position
) -> None:
    """Write a checkpoint, atomically.

    Args:
        path: of the file, whose folder exists.
        network: the graph and meta; the weights are taken from the program.
        program: whose weights and optimizer state are kept.
        position: of the loop.

    Raises:
        FileError: it cannot be written; the previous checkpoint of that name is intact.
        TrainingError: a weight or a state is no longer a finite number; nothing was written.
    """
    tensors = weight_tensors(program.weights)
    tensors |= {STATE + name: array for name, array in state_arrays(program.state).items()}
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise TrainingError(f"{name} has values that are not finite")
    metadata = metadata_of(network) | {"position": json.dumps(asdict(position))}
    write_tensors(path, tensors, metadata, "checkpoint")


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        FileError: the file cannot be read, is damaged, or is no checkpoint.
    """
    tensors, metadata = read_tensors(path)
    network = network_from(path, tensors, metadata)
    if "position" not in metadata:
        raise FileError(f"{path}: holds a net but no run to go on with; a run is saved as {LAST}")
    try:
        position = _position(json.loads(metadata["position"]))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise FileError(f"{path}: its metadata 'position' do not say where the run was") from None
    state = {name.removeprefix(STATE): array for name, array in tensors.items() if _is_state(name)}
    for name, array in state.items():
        if array.dtype != np.float32:
            raise FileError(f"{path}: tensor {STATE}{name}: expected float32, got {array.dtype}")
    return Checkpoint(network, state, position)


def restore(path: Path, checkpoint: Checkpoint, program: TrainingProgram) -> None:
    """Copy the weights, the optimizer's state and the random numbers' position into a program.

    Raises:
        FileError: the checkpoint is of another net or another optimizer; nothing was copied.
    """
    weights = weight_tensors(checkpoint.network.weights)
    require_same(str(path), _shapes(weight_tensors(program.weights)), _shapes(weights))
    state = state_arrays(program.state)
    _require_same_optimizer(path, _names(state), _names(checkpoint.state))
    require_same(str(path), _shapes(state), _shapes(checkpoint.state))
    program.load(checkpoint.network.weights)
    for name, array in state.items():
        array[...] = checkpoint.state[name]
    program.steps = checkpoint.position.program_steps
    program.seed = checkpoint.position.seed


def state_arrays(state: ProgramState) -> dict[str, Floats]:
    """The optimizer's arrays, the program's own memory, by the names they have in a file."""
    return {
        f"{node}/{parameter}/{name}": array
        for node, parameters in state.items()
        for parameter, arrays in parameters.items()
        for name, array in arrays.items()
    }


def _require_same_optimizer(path: Path, expected: set[str], found: set[str]) -> None:
    if expected != found:
        raise FileError(
            f"{path}: is of another optimizer: the run keeps {_listed(expected)} for each "
            f"parameter, the file has {_listed(found)}"
        )


def _names(state: Mapping[str, Array]) -> set[str]:
    return {name.rsplit("/", 1)[-1] for name in state}


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names)) or "nothing"


def _shapes(arrays: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _is_state(name: str) -> bool:
    return name.startswith(STATE) and name.count("/") == 3


def _position(values: dict[str, Any]) -> Position:
    """A position from its JSON; any of the usual errors where it is not one."""
    records = tuple(EpochRecord(**record) for record in values.pop("records"))
    data = read_fingerprint(values.pop("data", None))
    position = Position(**values)
    for field in fields(Position):
        value = getattr(position, field.name)
        if field.type == "int" and not (type(value) is int and value >= 0):
            raise ValueError(field.name)
        if field.type == "float" and not isinstance(value, int | float):
            raise TypeError(field.name)
    for record in records:
        for figure in fields(EpochRecord):
            optional = figure.default is None
            value = getattr(record, figure.name)
            if not (isinstance(value, int | float) or (optional and value is None)):
                raise TypeError(figure.name)
    if position.epoch_steps == 0:
        raise ValueError("epoch_steps")
    return replace(position, records=records, data=data)
