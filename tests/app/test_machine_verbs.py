"""The verbs that look at the machine: time, doctor."""

from __future__ import annotations

import re

import pytest

from command_line import refusal, striate
from striate import __version__
from striate.app import doctor
from striate.peers import LIBRARIES

NET = "INPUT 8x8x3 -> CONV3-8 -> RELU -> POOL2 -> FC 4"


def test_time_shows_every_layer_both_ways() -> None:
    answer = striate("time", NET, "--batch", 4, "--training", "--threads", 1, "--repetitions", 1)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "a training step of 4 images on 1 thread, milliseconds"
    head = ["layer", "notation", "forward", "GFLOP/s", "backward", "GFLOP/s", "share", "by"]
    assert lines[1].split() == head
    assert [line.split()[0] for line in lines[2:7]] == ["input", "conv1", "relu1", "pool1", "fc1"]
    for word in ("loss", "update", "tasks alone", "whole call"):
        assert re.search(rf"^{word} +\d+\.\d{{3}} ms", answer.out, re.M)


def test_time_of_an_inference_has_no_backward() -> None:
    out = striate("time", NET, "--batch", 4, "--threads", 2, "--repetitions", 1).out
    assert out.startswith("an inference of 4 images on 2 threads, milliseconds\n")
    assert "backward" not in out
    assert "images/s" in out


def test_time_refuses_what_has_no_room() -> None:
    error = refusal("time", "INPUT 20000x20000x3 -> CONV3-512 -> FC 1000")
    assert error.startswith("running this net with a batch of 1 needs ")


def test_doctor_shows_the_machine_and_tests_it() -> None:
    answer = striate("doctor")
    assert (answer.code, answer.err) == (0, "")
    names = [line.split()[0] for line in answer.out.splitlines() if line.strip() == line != ""]
    assert names == [
        *("system", "processor", "target", "threads", "memory"),
        *("striate", "python", "packages", "optional", "cache", "self-test"),
    ]
    assert f"striate      {__version__}\n" in answer.out
    assert "self-test    passed" in answer.out


def test_doctor_fails_where_native_code_computes_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TOLERANCE", -1.0)
    answer = striate("doctor")
    assert answer.code == 1
    assert re.match(
        r"error: the self-test failed: scores differ from the reference by \S+ of the largest\n$",
        answer.err,
    )


def test_doctor_says_where_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", "")
    assert "every program is compiled anew" in striate("doctor").out


def test_time_with_peers_compares_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(
        "striate.peers.chosen_libraries",
        lambda names, training: (  # noqa: ARG005
            [LIBRARIES["striate"], LIBRARIES["torch"]],
            ["ncnn: not installed; pip install ncnn"],
        ),
    )
    monkeypatch.setattr("striate.app.peers.ROUNDS", 1)
    monkeypatch.setattr("striate.app.peers.SECONDS", 0.0)
    answer = striate("time", NET, "--batch", 4, "--training", "--threads", 1, "--peers")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "a training step of 4 images on 1 thread, milliseconds, 1 rounds in turn"
    assert lines[1].split() == ["library", "version", "median", "spread", "times", "ours"]
    assert {line.split()[0] for line in lines[2:4]} == {"striate", "torch"}
    assert lines[-1] == "ncnn: not installed; pip install ncnn"


def test_time_with_peers_needs_scores() -> None:
    pytest.importorskip("torch")
    error = refusal("time", "INPUT 8x8x3 -> CONV3-8", "--peers")
    assert error == "--peers: the net must end in one vector of scores, e.g. in FC"


def test_time_with_peers_but_none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.peers.catalogue.find_spec", lambda name: None)  # noqa: ARG005
    assert refusal("time", NET, "--training", "--peers") == (
        "--peers: no other library is installed; all of them come with\n"
        "pip install 'striate[bench]', single ones so:\n"
        "torch: not installed; pip install torch==2.13.0\n"
        "torch-channels-last: not installed; pip install torch==2.13.0\n"
        "torch-compile: not installed; pip install torch==2.13.0\n"
        "jax: not installed; pip install jax"
    )
