"""DROPOUT: which elements it drops, and that it keeps the mean."""

from __future__ import annotations

import numpy as np
import pytest

from striate.errors import InputError
from striate.layers import Dropout, Mode
from striate.layers.random import uniform_bits


def test_it_does_nothing_outside_training() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    np.testing.assert_array_equal(Dropout().forward((x,), {}, Mode(key=3)), x)


def test_an_element_is_kept_where_its_bits_reach_the_threshold() -> None:
    x = np.ones((3, 4, 5, 6))
    layer = Dropout(0.3)
    y = layer.forward((x,), {}, Mode(training=True, key=7)).ravel()
    kept = uniform_bits(7, x.size) >= layer.threshold
    np.testing.assert_array_equal(y, np.where(kept, 1 / 0.7, 0))
    assert layer.threshold == 1288490188


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_the_share_that_is_dropped(rate: float) -> None:
    x = np.ones((10, 10, 10, 100))
    y = Dropout(rate).forward((x,), {}, Mode(training=True, key=99))
    assert np.mean(y == 0) == pytest.approx(rate, abs=0.005)
    assert y.mean() == pytest.approx(1, abs=0.05)


def test_other_keys_drop_others() -> None:
    x = np.ones((1, 8, 8, 8))
    a, b = (Dropout().forward((x,), {}, Mode(training=True, key=key)) for key in (1, 2))
    assert 0.3 < np.mean(a == b) < 0.7


def test_everything_cannot_be_dropped() -> None:
    with pytest.raises(InputError) as caught:
        Dropout(1)
    assert str(caught.value) == "rate: expected a number from 0 to below 1, got 1"
