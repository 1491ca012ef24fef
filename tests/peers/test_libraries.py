"""Every library that is installed finds Striate's scores and losses on a small net."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

import striate
from striate.peers import LIBRARIES, Job, write_case
from striate.peers.case import Case
from striate.peers.session import RATE, TOLERANCE, disagreement, measure

NET = """
INPUT 13x11x3 -> CONV5-8 -> RELU -> LRN5 alpha=0.5 -> POOL3 S=2 fit=ceil
-> SUM{ CONV3-8 bias=no -> BATCHNORM | SKIP } -> RELU -> BATCHNORM
-> CONCAT{ CONV1-8 | POOL3 S=1 P=1 -> CONV3-4 groups=4 } -> POOL2 fit=floor
-> FC 9 -> RELU -> DROPOUT 0 -> FC 4
"""
SIDES = sorted({library.module: name for name, library in LIBRARIES.items()}.items())


def case_of(folder: Path, module: str, training: bool) -> Case:
    """A case of the net in a library that is installed."""
    library = next(one for one in LIBRARIES.values() if one.module == module)
    for package in library.packages:
        pytest.importorskip(package)
    net = striate.net(NET).init(seed=0)
    for name, own in net.weights.items():
        if "mean" in own and name != "input":
            own["mean"][...], own["variance"][...] = 0.5, 2.0
    write_case(folder, net, 3)
    return Case(Job(str(folder), library.name, training, 1, warm=2, fewest=1, most=1))


@pytest.mark.parametrize("module", [module for module, _ in SIDES])
def test_the_scores_are_striates(module: str, tmp_path: Path) -> None:
    case = case_of(tmp_path, module, training=False)
    session = import_module(f"striate.peers.{module}").session(case)
    assert disagreement(session.scores(), case.scores) < TOLERANCE / 10
    assert disagreement(session.call(), case.scores) < TOLERANCE / 10


@pytest.mark.parametrize("module", ["with_striate", "with_torch", "with_jax"])
def test_training_steps_find_the_same_losses(module: str, tmp_path: Path) -> None:
    case = case_of(tmp_path, module, training=True)
    found = measure(case, import_module(f"striate.peers.{module}").session)
    net = striate.load(tmp_path / "net.safetensors")
    program = net.compile(3, training=True, optimizer="sgd,momentum=0.9", rate=RATE)
    ours = [program.step(case.images, case.labels) for _ in range(2)]
    assert found["losses"] == pytest.approx(ours, rel=1e-4)
    assert found["error"] < TOLERANCE
    assert found["calls"] == 1
    assert 0 < found["before_mb"] <= found["peak_mb"]


def test_torch_channels_last_is_the_same_net(tmp_path: Path) -> None:
    case = case_of(tmp_path, "with_torch", training=False)
    last = Case(Job(case.job.folder, "torch-channels-last", False, 1))
    scores = import_module("striate.peers.with_torch").session(last).scores()
    assert disagreement(scores, case.scores) < TOLERANCE / 10


def test_a_fresh_job_brings_its_own_weights(tmp_path: Path) -> None:
    case = case_of(tmp_path, "with_torch", training=True)
    (tmp_path / "net.safetensors").unlink()
    fresh = Case(Job(case.job.folder, "torch", True, 1, fewest=1, most=1, fresh=True))
    found = measure(fresh, import_module("striate.peers.with_torch").session)
    assert found["error"] is None
    assert len(found["losses"]) == 2
