"""Initial weights: their scale, and that each depends on its own name alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from striate.errors import InputError
from striate.layers import Parameter
from striate.train.initialise import initialise

CONV = {
    "w": Parameter((64, 3, 3, 32), "weights", fan_in=288, fan_out=576),
    "b": Parameter((64,), "zeros"),
}
NORM = {"scale": Parameter((64,), "ones")}


@pytest.mark.parametrize(
    ("method", "deviation"), [("he", math.sqrt(2 / 288)), ("xavier", math.sqrt(2 / 864))]
)
def test_the_scale_follows_from_the_fans(method: str, deviation: float) -> None:
    w = initialise({"conv1": CONV}, method=method)["conv1"]["w"]
    assert w.dtype == np.float32
    assert w.std() == pytest.approx(deviation, rel=0.02)
    assert w.mean() == pytest.approx(0, abs=deviation * 0.03)


def test_zeros_and_ones_are_what_they_say() -> None:
    weights = initialise({"conv1": CONV, "relu1": {}, "norm1": NORM})
    assert weights.keys() == {"conv1", "norm1"}
    assert (weights["conv1"]["b"] == 0).all()
    assert (weights["norm1"]["scale"] == 1).all()


def test_each_parameter_depends_on_the_seed_and_its_name_alone() -> None:
    one = initialise({"conv1": CONV, "conv2": CONV}, seed=3)
    other = initialise({"conv2": CONV, "fc1": CONV}, seed=3)
    np.testing.assert_array_equal(one["conv2"]["w"], other["conv2"]["w"])
    assert (one["conv1"]["w"] != one["conv2"]["w"]).any()
    assert (initialise({"conv2": CONV}, seed=4)["conv2"]["w"] != one["conv2"]["w"]).any()


def test_the_numbers_are_those_that_the_docs_promise() -> None:
    w = initialise({"conv1": CONV}, seed=5)["conv1"]["w"]
    drawn = np.random.default_rng([5, 0x4F1251B0]).standard_normal(w.shape, np.float32)
    np.testing.assert_array_equal(w, drawn * np.float32(math.sqrt(2 / 288)))


def test_wrong_arguments_say_what_would_work() -> None:
    with pytest.raises(InputError) as error:
        initialise({}, method="xavir")
    assert str(error.value) == ("unknown method 'xavir': did you mean xavier? known: he, xavier")
    with pytest.raises(InputError) as error:
        initialise({}, seed=-1)
    assert str(error.value) == "seed: expected a whole number of at least 0, got -1"
