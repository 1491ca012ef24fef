"""Checkpoints: everything comes back, and what is no checkpoint is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import network, trainer, training_program

from striate.errors import FileError, TrainingError
from striate.graph.tensor_file import read_tensors, write_tensors
from striate.graph.weights_file import load_network, save_network
from striate.train.checkpoint import Position, load_checkpoint, restore, save_checkpoint
from striate.train.history import EpochRecord

RECORD = EpochRecord(1.0, 5, 0.1 + 0.2, 1 / 3, 1e-300, 1.5, 0.7, 0.5, 1.0)
POSITION = Position(7, 9, 3, 8, 5, 1 / 3, 11, 0.01, 2.5, (RECORD,))


def test_everything_comes_back(tmp_path: Path) -> None:
    net, path = network(), tmp_path / "x.safetensors"
    program = training_program(net)
    for own in program.state.values():
        for states in own.values():
            for array in states.values():
                array[...] = np.random.default_rng(0).random(array.shape)
    save_checkpoint(path, net, program, POSITION)
    checkpoint = load_checkpoint(path)
    assert checkpoint.position == POSITION
    assert checkpoint.network.graph == net.graph
    assert checkpoint.network.meta == net.meta
    fresh = training_program(network(seed=5))
    restore(path, checkpoint, fresh)
    assert (fresh.steps, fresh.seed) == (9, 3)
    for name, states in program.state["fc1"].items():
        np.testing.assert_array_equal(fresh.weights["fc1"][name], program.weights["fc1"][name])
        for each, array in states.items():
            np.testing.assert_array_equal(fresh.state["fc1"][name][each], array)


def test_a_checkpoint_is_a_net_too(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1)[0].fit()
    loaded = load_network(tmp_path / "best.safetensors")
    assert loaded.weights.keys() == network().weights.keys()


def test_the_position_within_an_epoch() -> None:
    at = Position(0, 0, 0, 8, 5)
    assert (at.in_epoch, at.epoch_is_due) == (0, False)
    at.step = 4
    assert (at.in_epoch, at.epoch_is_due) == (4, False)
    at.step = 5
    assert (at.in_epoch, at.epoch_is_due) == (5, True)
    at.records = (RECORD,)
    assert (at.in_epoch, at.epoch_is_due) == (0, False)


@pytest.mark.parametrize("what", ["weights", "state"])
def test_what_is_not_finite_is_not_written(tmp_path: Path, what: str) -> None:
    net, path = network(), tmp_path / "x.safetensors"
    program = training_program(net)
    if what == "weights":
        program.weights["fc1"]["b"][1] = np.nan
    else:
        next(iter(program.state["fc1"]["b"].values()))[1] = np.inf
    with pytest.raises(TrainingError, match=r"fc1/b.* has values that are not finite$"):
        save_checkpoint(path, net, program, POSITION)
    assert not path.exists()


def test_a_net_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_network(network(), path)
    with pytest.raises(FileError) as error:
        load_checkpoint(path)
    assert str(error.value) == (
        f"{path}: holds a net but no run to go on with; a run is saved as last.safetensors"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"step": -1},
        {"step": "7"},
        {"step": 1.0},
        {"rate": "x"},
        {"epoch_steps": 0},
        {"more": 1},
        {"records": [{"epoch": 1}]},
        {"records": [{**RECORD.values(), "loss": None}]},
        {"records": [{**RECORD.values(), "validation_loss": "low"}]},
        {"records": 5},
    ],
)
def test_a_damaged_position_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, network(), training_program(network()), POSITION)
    tensors, metadata = read_tensors(path)
    position = json.dumps(json.loads(metadata["position"]) | change)
    write_tensors(path, tensors, metadata | {"position": position})
    with pytest.raises(FileError) as error:
        load_checkpoint(path)
    assert str(error.value) == f"{path}: its metadata 'position' do not say where the run was"


def test_a_state_of_another_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, network(), training_program(network()), POSITION)
    tensors, metadata = read_tensors(path)
    name = next(name for name in tensors if name.startswith("optimizer/fc1/w"))
    write_tensors(path, tensors | {name: np.zeros((3, 2, 2, 3))}, metadata)
    with pytest.raises(FileError) as error:
        load_checkpoint(path)
    assert str(error.value) == f"{path}: tensor {name}: expected float32, got float64"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(8, 6000), st.integers(32, 126)), max_size=3))
def test_a_damaged_checkpoint_is_loaded_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    path, damaged = tmp_path / "x.safetensors", tmp_path / "damaged.safetensors"
    if not path.exists():
        save_checkpoint(path, network(), training_program(network()), POSITION)
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    damaged.write_bytes(content)
    try:
        checkpoint = load_checkpoint(damaged)
        restore(damaged, checkpoint, training_program(network()))
    except FileError:
        return
    assert checkpoint.network.graph.nodes
