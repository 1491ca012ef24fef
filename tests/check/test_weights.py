"""Weights against a net: every difference by name."""

from __future__ import annotations

import numpy as np
import pytest

from striate.check.weights import require_weights
from striate.errors import FileError
from striate.layers import Parameter

PARAMETERS = {"conv1": {"w": Parameter((4, 3, 3, 2)), "b": Parameter((4,))}, "relu1": {}}


def test_the_weights_of_a_net_are_accepted() -> None:
    weights = {"conv1": {"w": np.zeros((4, 3, 3, 2)), "b": np.zeros(4)}}
    require_weights("x.safetensors", PARAMETERS, weights)


def test_every_difference_is_told() -> None:
    weights = {"conv1": {"w": np.zeros((4, 5, 5, 2))}, "fc1": {"w": np.zeros(())}}
    with pytest.raises(FileError) as error:
        require_weights("x.safetensors", PARAMETERS, weights)
    assert str(error.value) == (
        "x.safetensors: is of another net:\n"
        "  conv1/w: the net has 4x3x3x2, the file has 4x5x5x2\n"
        "  conv1/b: only in the net\n"
        "  fc1/w: only in the file"
    )


def test_no_more_than_eight_are_told() -> None:
    with pytest.raises(FileError) as error:
        require_weights("x", {}, {"n": {str(i): np.zeros(1) for i in range(11)}})
    lines = str(error.value).splitlines()
    assert len(lines) == 10
    assert lines[-2:] == ["  n/7: only in the file", "  and 3 more"]
