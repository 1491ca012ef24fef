"""A net as inference libraries take it, and ncnn's text of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import striate
from striate.errors import InputError
from striate.peers import Job, write_case
from striate.peers.case import Case
from striate.peers.form import steps_of
from striate.peers.ncnn_file import fused, ncnn_files

FORKED = "INPUT 5x4x2 -> CONV3-3 -> RELU -> SUM{ CONV3-3 bias=no -> BATCHNORM | SKIP } -> FC 2"


def test_batch_norms_go_into_convolutions() -> None:
    net = striate.net("INPUT 5x5x2 -> CONV1-3 -> BATCHNORM -> DROPOUT -> FLATTEN -> FC 2").init(0)
    norm, conv = net.weights["batchnorm1"], net.weights["conv1"]
    norm["mean"][...], norm["variance"][...], norm["scale"][...] = 1.0, 4.0 - 1e-5, 6.0
    norm["shift"][...], conv["b"][...] = 0.5, 3.0
    first, last = steps_of(net)
    assert (first.kind, last.kind, last.inputs) == ("CONV", "FC", (first.name,))
    np.testing.assert_allclose(first.weights["w"][:, :, 0, 0], 3 * conv["w"][:, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(first.weights["b"], 6.5, rtol=1e-6)


def test_a_batch_norm_beside_another_reader_stays() -> None:
    net = striate.net("INPUT 5x5x2 -> CONV3-2 -> SUM{ BATCHNORM | SKIP } -> FC 2").init(0)
    assert [step.kind for step in steps_of(net)] == ["CONV", "SCALE", "SUM", "FC"]


def test_the_input_is_scaled_where_it_has_statistics() -> None:
    net = striate.net("INPUT 5x5x2 -> FC 2").init(0)
    assert [step.kind for step in steps_of(net)] == ["FC"]
    net.weights["input"]["std"][...] = 2.0
    assert [step.kind for step in steps_of(net)] == ["SCALE", "FC"]


def test_a_layer_that_others_lack_is_refused() -> None:
    net = striate.net("INPUT 5x5x2 -> CNORM3 -> FC 2").init(0)
    with pytest.raises(InputError, match="cnorm1: CNORM as it is here has no counterpart"):
        steps_of(net)


def test_ncnn_text(tmp_path: Path) -> None:
    net = striate.net(FORKED).init(0)
    write_case(tmp_path, net, 1)
    parameters, weights = ncnn_files(
        fused(steps_of(net)), Case(Job(str(tmp_path), "ncnn", False, 1))
    )
    assert parameters.read_text() == (
        "7767517\n"
        "6 7\n"
        "Input images 0 1 images 0=5 1=4 2=2\n"
        "Convolution relu1 1 1 images relu1 "
        "0=3 5=1 6=54 1=3 11=3 2=1 12=1 3=1 13=1 4=1 15=1 14=1 16=1 9=1\n"
        "Split split_relu1 1 2 relu1 relu1_1 relu1_2\n"
        "Convolution conv2 1 1 relu1_1 conv2 "
        "0=3 5=1 6=81 1=3 11=3 2=1 12=1 3=1 13=1 4=1 15=1 14=1 16=1\n"
        "Eltwise sum1 2 1 conv2 relu1_2 sum1 0=1\n"
        "InnerProduct fc1 1 1 sum1 fc1 0=2 1=1 2=120\n"
    )
    numbers = (1 + 54 + 3) + (1 + 81 + 3) + (1 + 120 + 2)
    assert weights.stat().st_size == 4 * numbers
