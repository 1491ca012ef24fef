"""Candidates are measured once for each kind of work; the times outlive the process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from striate.check import check
from striate.graph import Network, build
from striate.kernels import candidates_for, host
from striate.layers import SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import compile_net, plan_net
from striate.plan import Candidate, Task, Training
from striate.plan.choose import choose
from striate.run.tuning import FILE, REPETITIONS, Tuner
from striate.train.initialise import initialise

NET = (
    "INPUT 12x12x16 -> CONV3-32 bias=no -> BATCHNORM -> RELU -> SUM{ CONV1-32 -> BATCHNORM | SKIP }"
    " -> RELU -> CONV5-16 -> POOL2 -> FC 64 -> RELU -> FC 3"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("STRIATE_CACHE", str(path))
    return path


def network() -> Network:
    graph = build(parse(NET))
    return Network(graph, initialise(check(graph).parameters, seed=3))


@pytest.mark.parametrize("training", [True, False])
def test_every_choice_of_a_tuned_program_is_measured_and_right(training: bool) -> None:
    parts = Training(SoftmaxLoss(), optimizer("sgd")) if training else None
    usual = compile_net(network(), 3, parts, threads=1)
    tuned = compile_net(network(), 3, parts, threads=1, tune=True)
    reasons = [choice.reason for choice in tuned.plan.choices]
    assert [r for r in reasons if "measured" in r]
    assert not [r for r in reasons if "estimated" in r]
    images = np.random.default_rng(0).standard_normal((3, 12, 12, 16)).astype(np.float32)
    if training:
        labels = np.array([0, 1, 2])
        assert tuned.step(images, labels) == pytest.approx(usual.step(images, labels), rel=1e-5)
    else:
        np.testing.assert_allclose(tuned(images), usual(images), rtol=1e-3, atol=1e-4)


def test_what_was_measured_is_read_from_the_file(folder: Path) -> None:
    checked = check(network().graph)
    plan_net(checked, 3, None, host(), measure=Tuner(host(), 1))
    times = json.loads((folder / FILE).read_text())
    assert times
    assert all(seconds > 0 for seconds in times.values())
    slowed = {key: 7.0 if key.startswith("winograd") else 1e-9 for key in times}
    (folder / FILE).write_text(json.dumps(slowed))
    again = plan_net(checked, 3, None, host(), measure=Tuner(host(), 1))
    assert "winograd" not in [choice.candidate for choice in again.choices]
    assert any("winograd 7e+03 ms" in choice.reason for choice in again.choices)


@pytest.mark.parametrize("content", ["", "[1]", '{"winograd": "soon"}', "{"])
def test_a_damaged_file_counts_as_none(folder: Path, content: str) -> None:
    (folder / FILE).write_text(content)
    plan_net(check(network().graph), 3, None, host(), measure=Tuner(host(), 1))
    assert json.loads((folder / FILE).read_text())


def test_the_least_time_wins_whatever_the_estimates() -> None:
    task = conv_task()
    wanted = ("direct convolution", "matrix product", "winograd")
    for name in wanted:

        def measure(task: Task, candidates: Sequence[Candidate], name: str = name) -> list[float]:
            del task
            return [1.0 if candidate.name == name else 2.0 for candidate in candidates]

        choice = choose(task, candidates_for(host())(task), measure)
        assert choice.candidate == name
        assert choice.reason.startswith("measured 1e+03 ms against ")


def conv_task() -> Task:
    checked = check(build(parse("INPUT 12x12x32 -> CONV3-32 -> FC 2")))
    roles = {"x0": "input", "y": "conv1", "w.w": "conv1.w", "w.b": "conv1.b"}
    conv, shapes = checked.graph.node("conv1").layer, checked.shapes
    return Task("forward", "conv1", conv, 2, (shapes["input"],), shapes["conv1"], True, roles)


def test_candidates_take_turns_and_the_fastest_run_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def call(tuner: Tuner, task: Task, candidate: Candidate) -> Callable[[], float]:
        del tuner, task

        def run() -> float:
            order.append(candidate.name)
            return 1.0 / len(order)

        return run

    monkeypatch.setattr(Tuner, "_call", call)
    able = [c for c in candidates_for(host())(conv_task()) if c.refuses(conv_task()) is None]
    names = [candidate.name for candidate in able]
    assert len(names) > 1
    seconds = Tuner(host(), 1)(conv_task(), able)
    assert order == names * REPETITIONS
    assert seconds == [1.0 / (len(order) - i) for i in reversed(range(len(names)))]
