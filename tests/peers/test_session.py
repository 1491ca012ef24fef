"""What a library's process does around its calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import striate
from striate.peers import Job, write_case
from striate.peers.case import Case
from striate.peers.session import DifferentNetError, Session, measure, time_calls


def test_a_library_that_computes_another_net_is_refused(tmp_path: Path) -> None:
    write_case(tmp_path, striate.net("INPUT 4x4x1 -> FC 3").init(seed=0), 2)
    case = Case(Job(str(tmp_path), "striate", False, 1))
    wrong = case.scores * np.float32(1.01)
    with pytest.raises(DifferentNetError, match=r"its scores differ from Striate's by 0\.01 of"):
        measure(case, lambda _: Session("1", lambda: wrong, lambda: wrong))


def test_a_training_that_diverges_is_refused(tmp_path: Path) -> None:
    write_case(tmp_path, striate.net("INPUT 4x4x1 -> FC 3").init(seed=0), 2)
    case = Case(Job(str(tmp_path), "striate", True, 1, warm=2, fewest=3, seconds=0.0))
    losses = iter([1.0, 2.0, 3.0, 4.0, 5.0, float("nan")])
    session = Session("1", lambda: next(losses), lambda: case.scores)
    with pytest.raises(DifferentNetError, match=r"its loss is nan after 5 steps"):
        measure(case, lambda _: session)


def test_calls_are_counted_by_number_and_time() -> None:
    done = []
    job = Job("", "striate", False, 1, fewest=3, seconds=0.0, most=9)
    assert len(time_calls(lambda: done.append(1), job)) == len(done) == 3
    job = Job("", "striate", False, 1, fewest=3, seconds=1e9, most=5)
    assert len(time_calls(lambda: done.append(1), job)) == 5


def test_a_job_survives_the_command_line() -> None:
    from striate.peers.job import read_job

    job = Job("/a b/'c'", "torch-compile", True, 2, layer="L1", batch=16, fresh=True)
    assert read_job(job.text()) == job
