"""Libraries take turns, and one that fails or is far behind is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import InputError
from striate.peers import LIBRARIES, Job, chosen_libraries, interleaved, losses_differ, write_case
from striate.peers import rounds as module
from striate.peers.rounds import environment_of, run_once

JOB = Job("", "striate", True, 2)
TIMES = {"striate": 10.0, "torch": 30.0, "torch-channels-last": 20.0, "jax": 90.0}
OTHER = {
    "striate": [2.0, 1.0],
    "rounding": [2.001, 1.05],
    "gradient": [2.0, 1.2],
    "score": [2.1, 1.1],
}
TIMES |= {"torch-channels-last-malloc": 15.0, "torch-malloc": 1.0}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The libraries in the order in which processes would have run them."""
    done: list[str] = []

    def run(job: Job) -> dict[str, Any] | str:
        done.append(job.library)
        if job.library == "openvino":
            return "no such layer"
        return {"milliseconds": TIMES[job.library] + done.count(job.library), "losses": [1.0]}

    monkeypatch.setattr(module, "run_once", run)
    return done


def named(*names: str) -> list[Any]:
    return [LIBRARIES[name] for name in names]


def test_libraries_take_turns(ran: list[str]) -> None:
    found = interleaved(JOB, named("striate", "torch"), 3)
    assert ran == ["striate", "torch"] * 3
    assert found.middle("torch") == 32.0
    assert found.spread("torch") == (31.0, 33.0)


def test_one_that_fails_is_left_out_with_its_reason(ran: list[str]) -> None:
    found = interleaved(JOB, named("openvino", "striate"), 2)
    assert ran == ["openvino", "striate", "striate"]
    assert found.failed == {"openvino": "no such layer"}


def test_one_far_behind_runs_once(ran: list[str]) -> None:
    found = interleaved(JOB, named("striate", "torch", "jax"), 3, slowest=2.0)
    assert ran == ["striate", "torch", "jax", *["striate", "torch"] * 2]
    assert len(found.runs["jax"]) == 1


def test_the_best_torch_gets_raised_thresholds(ran: list[str]) -> None:
    found = interleaved(JOB, named("torch", "torch-channels-last"), 2, best_malloc=True)
    assert ran == ["torch", "torch-channels-last", "torch-channels-last-malloc"] * 2
    assert found.middle("torch-best-malloc") == 16.5
    assert "MALLOC_TRIM_THRESHOLD_" in environment_of(LIBRARIES["torch-malloc"], 2)


def test_other_losses_are_told() -> None:
    found = module.Measured()
    for name, losses in OTHER.items():
        found.runs[name] = [{"losses": losses}]
    assert dict(losses_differ(found)) == {
        "gradient": "trains another net: losses [2.0, 1.2], Striate's [2.0, 1.0]",
        "score": "trains another net: losses [2.1, 1.1], Striate's [2.0, 1.0]",
    }


def test_a_process_of_its_own(tmp_path: Path) -> None:
    write_case(tmp_path, striate.net("INPUT 4x4x1 -> FC 3").init(seed=0), 2)
    job = Job(str(tmp_path), "striate", False, 1, fewest=1, most=1)
    found = run_once(job)
    assert isinstance(found, dict), found
    assert found["error"] == 0
    assert found["version"] == striate.__version__
    (tmp_path / "net.safetensors").unlink()
    words = run_once(job)
    assert isinstance(words, str)
    assert "net.safetensors" in words


def test_missing_libraries_say_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.peers.catalogue.find_spec", lambda name: None)  # noqa: ARG005
    found, lines = chosen_libraries(["striate", "torch", "ncnn"], training=False)
    assert [library.name for library in found] == ["striate"]
    assert lines == [
        "torch: not installed; pip install torch==2.13.0",
        "ncnn: not installed; pip install ncnn",
    ]
    _, lines = chosen_libraries(["ncnn"], training=True)
    assert lines == []
    with pytest.raises(InputError, match="library"):
        chosen_libraries(["tourch"], training=True)
