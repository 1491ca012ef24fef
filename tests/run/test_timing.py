"""Timing: every task is timed, and running it alone changes nothing."""

from __future__ import annotations

import numpy as np

import striate
from bars import NET, bars
from striate.run.timing import time_tasks


def test_every_task_has_a_time_and_the_weights_stay() -> None:
    images, labels = bars(8)
    net = striate.net(NET, input="8x8x1", classes=2).init()
    program = net.compile(batch=8, training=True, threads=2)
    timing = time_tasks(program, lambda: program.step(images, labels, rate=0.0), 2)
    assert [task.choice for task in timing.tasks] == list(program.plan.choices)
    assert all(task.seconds > 0 for task in timing.tasks)
    assert timing.whole > 0
    assert timing.total == sum(task.seconds for task in timing.tasks)
    for name, array in net.weights["conv1"].items():
        np.testing.assert_array_equal(program.weights["conv1"][name], array)


def test_a_task_run_alone_gives_what_it_gave_in_the_call() -> None:
    images, _ = bars(8)
    net = striate.net(NET, input="8x8x1", classes=2).init()
    program = net.compile(batch=8)
    meant = program(images)
    program.scores[...] = 0
    for index in range(len(program.plan.choices)):
        program.run_task(index)
    np.testing.assert_array_equal(program.scores, meant)
