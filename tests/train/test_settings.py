"""Settings: ranges, and the length of a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from striate.errors import InputError
from striate.train.settings import Settings


def test_a_run_is_as_long_as_its_epochs_or_steps() -> None:
    assert Settings(epochs=3).total(7) == 21
    assert Settings(epochs=3, steps=5).total(7) == 5


@pytest.mark.parametrize(
    "name", ["epochs", "steps", "patience", "overfit", "save_every", "readers"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_counts_are_whole_numbers_above_0(name: str, value: Any) -> None:
    with pytest.raises(InputError) as error:
        Settings(**{name: value})
    assert str(error.value) == f"{name}: expected a whole number of at least 1, got {value}"


@pytest.mark.parametrize("name", ["rate", "max_time"])
@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (-0.5, "-0.5"), (math.nan, "nan")])
def test_rate_and_time_are_above_0(name: str, value: Any, shown: str) -> None:
    with pytest.raises(InputError) as error:
        Settings(**{name: value})
    assert str(error.value) == f"{name}: expected a number above 0, got {shown}"


def test_a_seed_is_not_negative() -> None:
    with pytest.raises(InputError) as error:
        Settings(seed=-1)
    assert str(error.value) == "seed: expected a whole number of at least 0, got -1"
