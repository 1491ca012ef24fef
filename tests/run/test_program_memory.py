"""Arrays are copied in whole, whatever their size and the number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from striate.run.memory import PIECE, copy_all

SHAPES = [(3,), (2, 3, 5), (1,), (7, PIECE // 16), (5, 3 * PIECE // 8), (1, PIECE), (PIECE,)]


@pytest.mark.parametrize("threads", [1, 3])
def test_large_and_small_arrays_are_copied(threads: int) -> None:
    random = np.random.default_rng(0)
    sources = [random.random(shape, np.float32) for shape in SHAPES]
    targets = [np.zeros(shape, np.float32) for shape in SHAPES]
    copy_all(zip(targets, sources, strict=True), threads)
    for target, source in zip(targets, sources, strict=True):
        assert (target == source).all()


def test_values_of_another_kind_are_converted() -> None:
    targets = [np.zeros((2, PIECE), np.float32), np.zeros(2, np.float32)]
    sources = [np.ones((2, PIECE)), np.array([1, 2])]
    copy_all(zip(targets, sources, strict=True), 2)
    assert (targets[0] == 1).all()
    assert targets[1].tolist() == [1, 2]
